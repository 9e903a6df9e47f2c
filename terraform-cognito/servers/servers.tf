# Everything a server needs, once a server: removing it from var.servers removes all of it and touches no other.

module "server" {
  source   = "../modules/server-access"
  for_each = var.servers

  name                       = local.name
  server_name                = each.key
  user_pool_id               = local.foundation.cognito_user_pool_id
  issuer                     = local.foundation.cognito_issuer
  resource_server_identifier = local.foundation.resource_server_identifier
  table_name                 = local.foundation.client_roles_table_name
  lambda_role_arn            = local.foundation.credential_vending_lambda_role_arn
  lambda_function_arn        = local.foundation.credential_vending_lambda_function_arn
  role_path                  = local.foundation.role_path
  permissions_boundary_arn   = local.permissions_boundary_arn
  tags                       = module.rules.server_tags[each.key]
  bucket_arn                 = local.foundation.bucket_arn
  kms_key_arn                = local.bucket_kms_key_arn
  uses_shared_role           = local.shares_roles
  shared_role_arn            = local.shares_roles ? module.shared_role[each.value.s3_permissions].role_arn : null
  access_token_minutes       = var.access_token_minutes

  s3_path_prefix           = each.value.s3_path_prefix
  s3_permissions           = each.value.s3_permissions
  allowed_scopes           = each.value.allowed_scopes
  session_duration_seconds = each.value.session_duration_seconds
  external_id              = each.value.external_id
  disabled                 = each.value.disabled
  expires_at               = each.value.expires_at
  source_cidrs             = each.value.source_cidrs
  observe                  = each.value.observe
}
