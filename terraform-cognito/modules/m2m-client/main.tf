# A machine in the user pool: an app client that fetches tokens by its id and secret, and can do nothing else.

resource "aws_cognito_user_pool_client" "this" {
  name         = var.client_name
  user_pool_id = var.user_pool_id

  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["client_credentials"]
  allowed_oauth_scopes                 = var.allowed_scopes
  # A machine has no password, and so no flow that takes one. An empty list might count as none said, which means SRP.
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  access_token_validity = var.access_token_minutes
  token_validity_units {
    access_token = "minutes"
  }
}
