# One role for each level of permissions in use. It opens the prefix that the session's tag s3_prefix names, which the
# vending Lambda sets beside the session policy: a session that has no policy, or no tag, reaches nothing of another
# server's.

module "shared_role" {
  source   = "../modules/vended-role"
  for_each = local.shares_roles ? toset([for server in var.servers : server.s3_permissions]) : []

  role_name                = "${local.name}-shared-${each.key}"
  description              = "S3 access of all servers with the permissions ${each.key}, each below the prefix of its session's tag"
  lambda_role_arn          = local.foundation.credential_vending_lambda_role_arn
  lambda_function_arn      = local.foundation.credential_vending_lambda_function_arn
  role_path                = local.foundation.role_path
  permissions_boundary_arn = local.permissions_boundary_arn
  bucket_arn               = local.foundation.bucket_arn
  s3_path_prefix           = null
  s3_permissions           = each.key
  kms_key_arn              = local.bucket_kms_key_arn
}

locals {
  shares_roles = var.access_mode == "shared-role"
}
