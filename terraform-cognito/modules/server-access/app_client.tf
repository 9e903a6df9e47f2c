# The server in the user pool: its id and its secret.

resource "aws_cognito_user_pool_client" "this" {
  name         = "${var.name}-${var.server_name}"
  user_pool_id = var.user_pool_id

  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["client_credentials"]
  allowed_oauth_scopes                 = local.scopes
  # A machine has no password, and so no flow that takes one. An empty list might count as none said, which means SRP.
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  access_token_validity = var.access_token_minutes
  token_validity_units {
    access_token = "minutes"
  }
}

locals {
  level_scopes = {
    "write"      = ["write"]
    "read-write" = ["write", "read"]
    "full"       = ["write", "read", "delete", "list"]
  }

  scopes = sort([
    for scope in coalesce(var.allowed_scopes, local.level_scopes[var.s3_permissions]) : "${var.resource_server_identifier}/${scope}"
  ])
}
