output "policy_json" {
  description = "The IAM policy document, for a role's inline policy."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
