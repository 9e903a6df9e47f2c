output "client_id" {
  description = "Client id of the server's application."
  value       = azuread_application.this.client_id
}

output "service_principal_object_id" {
  description = "Object id of the application's service principal: the `sub` of its tokens."
  value       = azuread_service_principal.this.object_id
}

output "client_secrets" {
  description = "The application's secrets, in the order of the variable."
  value       = [for secret in var.client_secrets : azuread_application_password.this[secret.name].value]
  sensitive   = true
}
