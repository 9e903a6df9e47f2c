# The API that servers ask tokens for. Its client id is the tokens' audience.

locals {
  # Entra wants the id from us; it need only be unique within the application.
  server_role_id = "5d0c2f3e-8b1a-4c57-9e7d-2f6a1b3c4d5e"
}

resource "azuread_application" "api" {
  display_name = module.rules.name
  # Entra wants the tenant's id in an identifier URI without a verified domain. Servers request tokens for this name.
  identifier_uris  = ["api://${var.tenant_id}/${module.rules.name}"]
  sign_in_audience = "AzureADMyOrg"

  # Version 2: `iss` ends in /v2.0 and `aud` is the client id, whatever name the API was asked for by.
  api {
    requested_access_token_version = 2
  }

  app_role {
    id                   = local.server_role_id
    value                = "Server"
    display_name         = "Server"
    description          = "Assumes the server's AWS role"
    allowed_member_types = ["Application"]
    enabled              = true
  }
}

# Without an assignment of the role an application gets no token at all.
resource "azuread_service_principal" "api" {
  client_id                    = azuread_application.api.client_id
  app_role_assignment_required = true
}
