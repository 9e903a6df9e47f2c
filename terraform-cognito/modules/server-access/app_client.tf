# The server in the user pool: its id and its secret.

module "app_client" {
  source = "../m2m-client"

  client_name          = "${var.name}-${var.server_name}"
  user_pool_id         = var.user_pool_id
  allowed_scopes       = local.scopes
  access_token_minutes = var.access_token_minutes
}

# The app client of a server that was made before the module: it stays, and with it the server's id and secret.
moved {
  from = aws_cognito_user_pool_client.this
  to   = module.app_client.aws_cognito_user_pool_client.this
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
