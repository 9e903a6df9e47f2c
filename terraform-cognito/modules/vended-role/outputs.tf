output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.this.arn

  # Whoever uses the role finds it with its permissions.
  depends_on = [aws_iam_role_policy.s3]
}

output "policy_json" {
  description = "What the role may do in the bucket."
  value       = module.s3_permissions.policy_json
}
