output "name" {
  description = "Prefix of every name."
  value       = var.name
}

output "environment" {
  description = "\"dev\" or \"prod\"."
  value       = var.environment
}

output "aws_region" {
  description = "The region."
  value       = module.layer.aws_region
}

output "tags" {
  description = "Tags of every resource: the user's, and project and environment where the user has no such keys."
  value       = module.layer.tags
}

output "bucket_name" {
  description = "Name of the bucket to create; null with existing_bucket_name."
  value       = var.bucket_name
}

output "existing_bucket_name" {
  description = "Name of the bucket that exists; null with bucket_name."
  value       = var.existing_bucket_name
}

output "destroy_objects_of" {
  description = "Name of the bucket whose objects a destroy may delete; null for none."
  value       = var.destroy_objects_of
}

output "kms_key_arn" {
  description = "ARN of the bucket's KMS key; null for S3's own."
  value       = var.kms_key_arn
}

output "role_path" {
  description = "IAM path of every role."
  value       = var.role_path
}

output "permissions_boundary_arn" {
  description = "ARN of the policy that bounds every role; null for none."
  value       = var.permissions_boundary_arn
}
