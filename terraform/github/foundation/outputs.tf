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

output "oidc_provider_arn" {
  description = "ARN of the IAM OIDC provider of GitHub Actions."
  value       = coalesce(var.existing_oidc_provider_arn, one(aws_iam_openid_connect_provider.this[*].arn))
}

output "github_audience" {
  description = "Audience of the jobs' tokens."
  value       = var.github_audience
}

output "role_path" {
  description = "IAM path of every role."
  value       = module.rules.role_path
}

output "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role; null for none."
  value       = module.rules.permissions_boundary_arn
}
