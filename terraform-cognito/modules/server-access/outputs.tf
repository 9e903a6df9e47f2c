output "client_id" {
  description = "Id of the server's app client."
  value       = module.app_client.client_id

  # Who is told the id finds itself registered.
  depends_on = [aws_dynamodb_table_item.this]
}

output "client_secret" {
  description = "Secret of the server's app client."
  value       = module.app_client.client_secret
  sensitive   = true
}

output "role_arn" {
  description = "The role whose credentials the server gets."
  value       = local.role_arn
}

output "role_policy_json" {
  description = "Permissions of that role in the bucket; null for a shared role, which has an output of its own."
  value       = one(module.role[*].policy_json)
}
