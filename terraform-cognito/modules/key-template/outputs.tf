output "template_body" {
  description = "The template; its output `Arn` is the key's."
  value       = jsonencode(local.template)
}
