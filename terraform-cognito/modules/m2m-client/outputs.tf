output "client_id" {
  description = "Id of the app client."
  value       = aws_cognito_user_pool_client.this.id
}

output "client_secret" {
  description = "Secret of the app client."
  value       = aws_cognito_user_pool_client.this.client_secret
  sensitive   = true
}

output "allowed_scopes" {
  description = "Full names of the scopes that the app client may ask for."
  value       = aws_cognito_user_pool_client.this.allowed_oauth_scopes
}
