# What the query Lambda itself may do: assume the Lake Formation roles, look at its workgroup, write its own log. It has no
# way to Athena, Glue or S3: every query runs as the role of the client.

resource "aws_iam_role" "lambda" {
  name                 = local.lambda_role_name
  path                 = module.rules.role_path
  permissions_boundary = module.rules.permissions_boundary_arn
  description          = "The query Lambda of ${module.rules.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "lambda" {
  name   = "query"
  role   = aws_iam_role.lambda.name
  policy = jsonencode(local.lambda_policy)
}

locals {
  assume_actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]

  lambda_statements = concat(
    [
      {
        Sid    = "Assume"
        Action = local.assume_actions
        # Items of the table may name other roles of this installation's name.
        Resource = var.role_mappings_table ? ["arn:${local.partition}:iam::${local.account_id}:role${module.rules.role_path}${module.rules.name}-lf-*"] : values(local.role_arns)
      },
      # At the start, the service refuses a workgroup that would put results elsewhere.
      {
        Sid      = "Workgroup"
        Action   = ["athena:GetWorkGroup"]
        Resource = [local.workgroup_arn]
      },
      # The group exists before the function does, so logs:CreateLogGroup is not among them.
      {
        Sid      = "Log"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:${local.partition}:logs:${local.regional}:log-group:${local.lambda_log_group}:*"]
      },
    ],
    [for arn in var.role_mappings_table ? [local.table_arn] : [] : {
      Sid      = "Mapping"
      Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem"]
      Resource = [arn]
    }],
    # For the function's environment and, through DynamoDB, the table.
    [for arn in var.kms_key == "none" ? [] : [local.kms_key_arn] : {
      Sid      = "Key"
      Action   = ["kms:Decrypt"]
      Resource = [arn]
    }],
  )

  lambda_policy = {
    Version = "2012-10-17"
    Statement = concat(
      [for statement in local.lambda_statements : merge({ Effect = "Allow" }, statement)],
      # As in foundation/lambda_role.tf: another principal that may use this role cannot assume the others with it.
      [{
        Sid       = "AssumeFromTheFunctionOnly"
        Effect    = "Deny"
        Action    = local.assume_actions
        Resource  = "*"
        Condition = { ArnNotEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
      }],
    )
  }
}
