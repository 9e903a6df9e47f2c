# Who the servers are: a pool without people, in which each server is an app client.

resource "aws_cognito_user_pool" "this" {
  name                = module.rules.name
  deletion_protection = local.deletion_protection ? "ACTIVE" : "INACTIVE"

  # The pool is for machines alone: people cannot sign up, and the vending API refuses a person's token anyway.
  admin_create_user_config {
    allow_admin_create_user_only = true
  }
}

# No managed_login_version here: Cognito applies AWS WAF (waf.tf) to domains with the classic hosted UI only.
resource "aws_cognito_user_pool_domain" "this" {
  domain          = local.cognito_domain
  user_pool_id    = aws_cognito_user_pool.this.id
  certificate_arn = try(var.cognito_custom_domain.certificate_arn, null)
}

resource "aws_cognito_resource_server" "this" {
  identifier   = var.resource_server_identifier
  name         = module.rules.name
  user_pool_id = aws_cognito_user_pool.this.id

  dynamic "scope" {
    for_each = local.scopes

    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

locals {
  cognito_domain = try(var.cognito_custom_domain.domain_name, var.cognito_domain)
  # GovCloud's token endpoints are FIPS ones, under another name (AWS GovCloud user guide, "Amazon Cognito").
  cognito_label = local.partition == "aws-us-gov" ? "auth-fips" : "auth"
  cognito_host  = var.cognito_custom_domain != null ? local.cognito_domain : "${local.cognito_domain}.${local.cognito_label}.${module.rules.aws_region}.amazoncognito.com"

  scopes = {
    write  = "Upload objects"
    read   = "Download objects"
    delete = "Delete objects"
    list   = "List objects"
  }
}
