output "role_arn" {
  description = "ARN of the role (AWS_ROLE_ARN of the client)."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the role."
  value       = aws_iam_role.this.name
}
