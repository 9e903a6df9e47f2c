# The trust policy of a role that one Lambda function assumes for a verified client. No resource.

locals {
  # Another principal that may use the function's role cannot assume with it. Lambda documents the key for identity-based policies
  # only: where IAM does not set it in the evaluation of a trust policy, …IfExists lets the Deny in the function's own
  # policy (foundation/lambda_role.tf, query-api/lambda_role.tf) decide alone.
  from_the_function = { ArnEqualsIfExists = { "lambda:SourceFunctionArn" = var.lambda_function_arn } }

  trust_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = var.sid
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
