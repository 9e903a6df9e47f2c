# The server's own application, so that it can be told apart, and shut out, by itself.

resource "azuread_application" "this" {
  display_name     = var.name
  description      = "credvend: server ${var.server_name}"
  sign_in_audience = "AzureADMyOrg"
}

resource "azuread_service_principal" "this" {
  client_id                    = azuread_application.this.client_id
  app_role_assignment_required = true # nobody signs in to it
}

resource "azuread_application_password" "this" {
  for_each = { for secret in var.client_secrets : secret.name => secret }

  application_id = azuread_application.this.id
  display_name   = "credvend ${each.key}"
  end_date       = each.value.end_date
}

# Application permission, granted: this assignment is the consent.
resource "azuread_app_role_assignment" "this" {
  app_role_id         = var.api_role_id
  principal_object_id = azuread_service_principal.this.object_id
  resource_object_id  = var.api_service_principal_object_id
}
