output "bucket_name" {
  description = "Name of the bucket."
  value       = one(concat(module.bucket[*].bucket_name, data.aws_s3_bucket.existing[*].bucket))
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = one(concat(module.bucket[*].bucket_arn, data.aws_s3_bucket.existing[*].arn))
}
