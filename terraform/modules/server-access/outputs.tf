output "client_id" {
  description = "Client id of the server's application."
  value       = auth0_client.this.client_id
}

output "client_secret" {
  description = "Secret of the server's application."
  value       = auth0_client_credentials.this.client_secret
  sensitive   = true
}
