# The API behind the gateway, as Cognito knows it: a name and the scopes that a token for it can hold.

resource "aws_cognito_resource_server" "api" {
  identifier   = var.api_identifier
  name         = "${local.foundation.name}-gateway"
  user_pool_id = local.foundation.cognito_user_pool_id

  dynamic "scope" {
    for_each = local.scopes

    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

locals {
  scopes = {
    read  = "Read from the API"
    write = "Change what the API holds"
    admin = "Administer the API"
  }
}
