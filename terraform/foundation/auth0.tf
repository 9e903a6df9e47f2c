# The API that servers ask tokens for. Auth0 knows it by its identifier, which is the tokens' audience.

resource "auth0_resource_server" "credvend" {
  name           = module.rules.name
  identifier     = var.auth0_audience
  signing_alg    = "RS256" # HS256 has no public key, and STS would refuse it.
  token_lifetime = var.token_lifetime_seconds
  # Of the two profiles this is the one with `azp`, for which modules/web-identity-role/trust.tf is made.
  token_dialect        = "access_token"
  allow_offline_access = false
}

# IAM never sees scopes. In the token they tell other services that accept it what the server may do.
resource "auth0_resource_server_scopes" "credvend" {
  resource_server_identifier = auth0_resource_server.credvend.identifier

  dynamic "scopes" {
    for_each = { write = "Upload objects", read = "Download objects", delete = "Delete objects", list = "List objects" }

    content {
      name        = scopes.key
      description = scopes.value
    }
  }
}
