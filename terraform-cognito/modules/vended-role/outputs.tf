output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.this.arn

  # A resource that uses the role is made after its permissions.
  depends_on = [aws_iam_role_policy.s3]
}

output "policy_json" {
  description = "Permissions of the role in the bucket."
  value       = module.s3_permissions.policy_json
}
