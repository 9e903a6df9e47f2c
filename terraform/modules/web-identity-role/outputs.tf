output "role_arn" {
  description = "ARN of the role (AWS_ROLE_ARN of the client)."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the role."
  value       = aws_iam_role.this.name
}

output "trust_policy" {
  description = "The role's trust policy, as JSON: who may assume it."
  value       = aws_iam_role.this.assume_role_policy
}

output "permissions_policy" {
  description = "The role's permissions in the bucket, as JSON; null without a bucket."
  value       = one(aws_iam_role_policy.s3[*].policy)
}
