# Every resource type and data source of the development provider once; test_terraform_provider.py applies it.
terraform {
  required_version = ">= 1.9"
  required_providers {
    auth0 = {
      source  = "auth0/auth0"
      version = "~> 1.0"
    }
    azuread = {
      source  = "hashicorp/azuread"
      version = "~> 3.0"
    }
  }
}

variable "servers" {
  description = "Servers, each with a note."
  type        = map(string)
}

variable "identifier" {
  description = "Identifier of the Auth0 API."
  type        = string
  default     = "https://credvend.example.com"
}

variable "scopes" {
  description = "Scopes of the Auth0 API."
  type        = list(string)
  default     = ["s3:write"]
}

variable "roles" {
  description = "App roles of the Entra application, by value."
  type        = map(string)
  default     = { "Credentials.Vend" = "00000000-0000-0000-0000-00000000000a" }
}

variable "app_type" {
  description = "app_type of the Auth0 clients."
  type        = string
  default     = "non_interactive"
}

provider "auth0" {
  domain = "example.eu.auth0.com"
}

provider "azuread" {
  tenant_id = "11111111-2222-3333-4444-555555555555"
}

data "auth0_tenant" "current" {}

resource "auth0_resource_server" "api" {
  name           = "credvend"
  identifier     = var.identifier
  signing_alg    = "RS256"
  token_lifetime = 3600
}

resource "auth0_resource_server_scopes" "api" {
  resource_server_identifier = auth0_resource_server.api.identifier

  dynamic "scopes" {
    for_each = var.scopes
    content {
      name        = scopes.value
      description = "scope ${scopes.value}"
    }
  }
}

resource "auth0_client" "server" {
  for_each    = var.servers
  name        = "credvend-server-${each.key}"
  description = each.value
  app_type    = var.app_type
  grant_types = ["client_credentials"]

  jwt_configuration {
    alg = "RS256"
  }
}

resource "auth0_client_credentials" "server" {
  for_each              = var.servers
  client_id             = auth0_client.server[each.key].client_id
  authentication_method = "client_secret_post"
}

resource "auth0_client_grant" "server" {
  for_each  = var.servers
  client_id = auth0_client.server[each.key].client_id
  audience  = auth0_resource_server.api.identifier
  scopes    = [for scope in auth0_resource_server_scopes.api.scopes : scope.name]
}

data "azuread_client_config" "current" {}

resource "azuread_application" "api" {
  display_name    = "credvend"
  identifier_uris = ["api://credvend"]
  owners          = [data.azuread_client_config.current.object_id]

  api {
    requested_access_token_version = 2
  }

  dynamic "app_role" {
    for_each = var.roles
    content {
      allowed_member_types = ["Application"]
      description          = "May have credentials."
      display_name         = app_role.key
      enabled              = true
      id                   = app_role.value
      value                = app_role.key
    }
  }
}

resource "azuread_service_principal" "api" {
  client_id                    = azuread_application.api.client_id
  app_role_assignment_required = true
}

resource "azuread_application" "server" {
  for_each     = var.servers
  display_name = "credvend-server-${each.key}"
  notes        = each.value
}

resource "azuread_service_principal" "server" {
  for_each  = var.servers
  client_id = azuread_application.server[each.key].client_id
}

resource "azuread_application_password" "server" {
  for_each            = var.servers
  application_id      = azuread_application.server[each.key].id
  end_date            = "2100-01-01T00:00:00Z"
  rotate_when_changed = { note = each.value }
}

resource "azuread_app_role_assignment" "server" {
  for_each            = var.servers
  app_role_id         = azuread_service_principal.api.app_role_ids["Credentials.Vend"]
  principal_object_id = azuread_service_principal.server[each.key].object_id
  resource_object_id  = azuread_service_principal.api.object_id
}

output "auth0" {
  description = "What a client of Auth0 needs."
  sensitive   = true
  value = { for name, client in auth0_client.server : name => {
    client_id     = client.client_id
    client_secret = auth0_client_credentials.server[name].client_secret
    audience      = auth0_client_grant.server[name].audience
    domain        = data.auth0_tenant.current.domain
  } }
}

output "entra" {
  description = "What a client of Entra ID needs."
  sensitive   = true
  value = { for name, application in azuread_application.server : name => {
    client_id     = application.client_id
    client_secret = azuread_application_password.server[name].value
    scope         = "${one(azuread_application.api.identifier_uris)}/.default"
    tenant_id     = data.azuread_client_config.current.tenant_id
    subject       = azuread_service_principal.server[name].object_id
  } }
}
