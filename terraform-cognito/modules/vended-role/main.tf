# A role whose credentials are vended: only the vending Lambda may assume it.

module "s3_permissions" {
  source = "../../../terraform/modules/s3-permissions"

  bucket_arn     = var.bucket_arn
  s3_path_prefix = var.s3_path_prefix
  s3_permissions = var.s3_permissions
  kms_key_arn    = var.kms_key_arn
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = var.description
  assume_role_policy   = jsonencode(local.trust_policy)
  # A Lambda's AssumeRole is role chaining, which STS ends after one hour: more would never be used.
  max_session_duration = 3600
  tags                 = var.tags
}

resource "aws_iam_role_policy" "s3" {
  name   = "s3"
  role   = aws_iam_role.this.name
  policy = module.s3_permissions.policy_json
}

locals {
  # Another principal that may use the Lambda's role cannot vend with it. Lambda documents the key for identity-based policies
  # only: where IAM does not set it in the evaluation of a trust policy, …IfExists lets the Deny in the Lambda's own
  # policy (foundation/lambda_role.tf) decide alone.
  from_the_function = { ArnEqualsIfExists = { "lambda:SourceFunctionArn" = var.lambda_function_arn } }

  trust_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Vend"
        Effect    = "Allow"
        Principal = { AWS = var.lambda_role_arn }
        Action    = "sts:AssumeRole"
        Condition = merge(local.from_the_function, var.external_id == null ? {} : { StringEquals = { "sts:ExternalId" = var.external_id } })
      },
      # The session's tags and source identity are permissions of their own, and the external id is not a condition of them.
      {
        Sid       = "Name"
        Effect    = "Allow"
        Principal = { AWS = var.lambda_role_arn }
        Action    = ["sts:TagSession", "sts:SetSourceIdentity"]
        Condition = local.from_the_function
      },
    ]
  }
}
