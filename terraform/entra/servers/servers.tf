# Rules for every server beyond the types of var.servers: names, prefixes, overlaps and durations.
module "server_rules" {
  source = "../../modules/server-rules"

  name    = local.foundation.name
  servers = var.servers
}

# Everything a server needs, once a server: removing it from var.servers removes all of it and touches no other. The
# IAM OIDC provider stands between the two: it must know the applications, and the roles must know it.

module "server" {
  source   = "../modules/server-access"
  for_each = var.servers

  name                            = module.server_rules.role_names[each.key]
  server_name                     = each.key
  client_secrets                  = each.value.client_secrets
  api_service_principal_object_id = local.foundation.api_service_principal_object_id
  api_role_id                     = local.foundation.api_role_id
}

# In a token of the client credentials grant `sub` is the object id of the application's service principal, as is `oid`,
# for which IAM has no condition key.
module "role" {
  source   = "../../modules/web-identity-role"
  for_each = var.servers

  role_name                = module.server_rules.role_names[each.key]
  description              = "credvend: server ${each.key}"
  provider_arn             = local.oidc_provider_arn
  issuer_host              = local.issuer_host
  audiences                = [local.foundation.api_client_id]
  authorized_party         = module.server[each.key].client_id
  subjects                 = [module.server[each.key].service_principal_object_id]
  max_session_duration     = each.value.max_session_duration
  role_path                = local.foundation.role_path
  permissions_boundary_arn = local.foundation.permissions_boundary_arn
  tags                     = module.rules.server_tags[each.key]
  bucket_arn               = local.foundation.bucket_arn
  kms_key_arn              = local.foundation.bucket_kms_key_arn
  s3_path_prefix           = each.value.s3_path_prefix
  s3_permissions           = each.value.s3_permissions
}
