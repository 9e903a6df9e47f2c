# Who the clients are: app clients of a pool of this installation, or of one that exists (the foundation's, say).

resource "aws_cognito_user_pool" "this" {
  count = local.creates_pool ? 1 : 0

  name                = local.prefix
  deletion_protection = local.deletion_protection ? "ACTIVE" : "INACTIVE"

  # The pool is for machines alone: people cannot sign up, and the query API refuses a person's token anyway.
  admin_create_user_config {
    allow_admin_create_user_only = true
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  count = local.creates_pool ? 1 : 0

  domain       = var.cognito_domain
  user_pool_id = aws_cognito_user_pool.this[0].id
}

resource "aws_cognito_resource_server" "this" {
  identifier   = var.resource_server_identifier
  name         = local.prefix
  user_pool_id = local.user_pool_id

  dynamic "scope" {
    for_each = local.scopes

    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

# Removing a client from var.clients removes its app client and touches no other.
module "client" {
  source   = "../modules/m2m-client"
  for_each = var.clients

  client_name          = "${local.prefix}-${each.key}"
  user_pool_id         = local.user_pool_id
  allowed_scopes       = ["${aws_cognito_resource_server.this.identifier}/${each.value.scope}"]
  access_token_minutes = each.value.access_token_minutes
}

locals {
  creates_pool = var.existing_user_pool_id == null
  user_pool_id = local.creates_pool ? aws_cognito_user_pool.this[0].id : var.existing_user_pool_id
  # The endpoint has no https:// in front, the issuer of a token has.
  cognito_issuer = "https://${local.creates_pool ? aws_cognito_user_pool.this[0].endpoint : "cognito-idp.${module.rules.aws_region}.${data.aws_partition.current.dns_suffix}/${var.existing_user_pool_id}"}"

  # GovCloud's token endpoints are FIPS ones, under another name (AWS GovCloud user guide, "Amazon Cognito").
  cognito_label = local.partition == "aws-us-gov" ? "auth-fips" : "auth"
  # An existing pool may have a host of its own.
  cognito_host   = strcontains(var.cognito_domain, ".") ? var.cognito_domain : "${var.cognito_domain}.${local.cognito_label}.${module.rules.aws_region}.amazoncognito.com"
  token_endpoint = "https://${local.cognito_host}/oauth2/token"

  scopes = {
    "query.read"  = "Run statements that only read"
    "query.write" = "Run statements that read or change data"
    "query.admin" = "Run every statement, DDL included"
  }
}
