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

output "auth0_domain" {
  description = "Domain of the Auth0 tenant."
  value       = var.auth0_domain
}

output "auth0_audience" {
  description = "Audience of the tokens."
  value       = auth0_resource_server.credvend.identifier

  # A grant of scopes that the API does not know yet is refused.
  depends_on = [auth0_resource_server_scopes.credvend]
}

output "role_path" {
  description = "IAM path of every role."
  value       = module.rules.role_path
}

output "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role; null for none."
  value       = module.rules.permissions_boundary_arn
}
