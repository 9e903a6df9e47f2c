# The server's own role, unless it shares one.

module "role" {
  source = "../vended-role"
  count  = var.uses_shared_role ? 0 : 1

  role_name                = "${var.name}-server-${var.server_name}"
  description              = "S3 access of the server ${var.server_name}"
  lambda_role_arn          = var.lambda_role_arn
  lambda_function_arn      = var.lambda_function_arn
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
  external_id              = var.external_id
  bucket_arn               = var.bucket_arn
  s3_path_prefix           = var.s3_path_prefix
  s3_permissions           = var.s3_permissions
  kms_key_arn              = var.kms_key_arn
  tags                     = var.tags
}

locals {
  role_arn = var.uses_shared_role ? var.shared_role_arn : module.role[0].role_arn
}
