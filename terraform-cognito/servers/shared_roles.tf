# One role for each level of permissions in use. It covers the whole bucket: what keeps a session to its server's prefix
# is the session policy that the vending Lambda, and nobody else, puts on it.

module "shared_role" {
  source   = "../modules/vended-role"
  for_each = local.shares_roles ? toset([for server in var.servers : server.s3_permissions]) : []

  role_name       = "${local.name}-shared-${each.key}"
  description     = "S3 access of all servers with the permissions ${each.key}, restricted by a session policy each"
  lambda_role_arn = local.foundation.credential_vending_lambda_role_arn
  bucket_arn      = local.foundation.bucket_arn
  s3_path_prefix  = ""
  s3_permissions  = each.key
  kms_key_arn     = local.bucket_kms_key_arn
}

locals {
  shares_roles = var.access_mode == "shared-role"
}
