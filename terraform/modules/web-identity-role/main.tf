# A role for AssumeRoleWithWebIdentity: trust.tf says who may assume it, modules/s3-permissions what it may do in a bucket.
# Without a bucket the role has no permissions until the caller of this module attaches a policy.

resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = var.description
  assume_role_policy   = jsonencode(local.trust)
  max_session_duration = var.max_session_duration
  tags                 = var.tags

  lifecycle {
    precondition {
      condition     = length(jsonencode(local.trust)) <= 4096
      error_message = "The trust policy of ${var.role_name} is ${length(jsonencode(local.trust))} characters long; IAM takes 4096 at most (2048 unless the account's quota was raised). Name fewer subjects, or spread them over several roles."
    }
  }
}

module "permissions" {
  source = "../s3-permissions"
  count  = var.bucket_arn == null ? 0 : 1

  bucket_arn     = var.bucket_arn
  s3_path_prefix = var.s3_path_prefix
  s3_permissions = var.s3_permissions
  kms_key_arn    = var.kms_key_arn
}

resource "aws_iam_role_policy" "s3" {
  count = var.bucket_arn == null ? 0 : 1

  name   = "s3"
  role   = aws_iam_role.this.id
  policy = module.permissions[0].policy_json
}
