output "policy_json" {
  description = "The trust policy."
  value       = jsonencode(local.trust_policy)
}
