# The server's own machine-to-machine application, so that it can be told apart, and shut out, by itself.

locals {
  scopes = {
    write        = ["write"]
    "read-write" = ["write", "read"]
    full         = ["write", "read", "delete", "list"]
  }
}

resource "auth0_client" "this" {
  name            = var.name
  description     = "credvend: server ${var.server_name}"
  app_type        = "non_interactive"
  grant_types     = ["client_credentials"]
  is_first_party  = true
  oidc_conformant = true

  jwt_configuration {
    alg = "RS256"
  }
}

# Auth0 makes the secret; reading it back takes the scope read:client_keys of the Management API.
resource "auth0_client_credentials" "this" {
  client_id             = auth0_client.this.id
  authentication_method = "client_secret_post"
}

resource "auth0_client_grant" "this" {
  client_id = auth0_client.this.id
  audience  = var.audience
  scopes    = local.scopes[var.s3_permissions]
}
