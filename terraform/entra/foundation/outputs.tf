output "name" {
  description = "Prefix of every name."
  value       = module.rules.name
}

output "environment" {
  description = "\"dev\" or \"prod\"."
  value       = module.rules.environment
}

output "aws_region" {
  description = "AWS region of everything."
  value       = module.rules.aws_region
}

output "tags" {
  description = "Tags of every resource."
  value       = module.rules.tags
}

output "bucket_name" {
  description = "Bucket of the servers' objects."
  value       = module.storage.bucket_name
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = module.storage.bucket_arn
}

output "bucket_kms_key_arn" {
  description = "KMS key that encrypts the bucket; null for S3's own key."
  value       = module.rules.kms_key_arn
}

output "tenant_id" {
  description = "Id of the Entra ID tenant."
  value       = var.tenant_id
}

output "api_client_id" {
  description = "Client id of the API: the audience of the tokens."
  value       = azuread_application.api.client_id
}

output "api_scope" {
  description = "Scope that servers ask for."
  value       = "${one(azuread_application.api.identifier_uris)}/.default"
}

output "api_service_principal_object_id" {
  description = "Object id of the API's service principal, to which servers are assigned."
  value       = azuread_service_principal.api.object_id
}

output "api_role_id" {
  description = "Id of the API's app role."
  value       = local.server_role_id
}

output "role_path" {
  description = "IAM path of every role."
  value       = module.rules.role_path
}

output "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role; null for none."
  value       = module.rules.permissions_boundary_arn
}
