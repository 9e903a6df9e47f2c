output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.this.arn

  # Whoever uses the role finds it with its permissions.
  depends_on = [aws_iam_role_policy.s3]
}
