# A role whose credentials are vended: only the vending Lambda may assume it.

module "s3_permissions" {
  source = "../../../terraform/modules/s3-permissions"

  bucket_arn     = var.bucket_arn
  s3_path_prefix = var.s3_path_prefix
  s3_permissions = var.s3_permissions
  kms_key_arn    = var.kms_key_arn
}

module "trust" {
  source = "../function-trust"

  sid                 = "Vend"
  lambda_role_arn     = var.lambda_role_arn
  lambda_function_arn = var.lambda_function_arn
  external_id         = var.external_id
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = var.description
  assume_role_policy   = module.trust.policy_json
  # A Lambda's AssumeRole is role chaining, which STS ends after one hour: more would never be used.
  max_session_duration = 3600
  tags                 = var.tags
}

resource "aws_iam_role_policy" "s3" {
  name   = "s3"
  role   = aws_iam_role.this.name
  policy = module.s3_permissions.policy_json
}
