# What the vending Lambda may do: read items of one table, assume the roles of this installation, write its own log.

resource "aws_iam_role" "lambda" {
  name                 = local.lambda_role_name
  path                 = module.rules.role_path
  permissions_boundary = module.rules.permissions_boundary_arn
  description          = "The credential vending Lambda of ${module.rules.name}"
  assume_role_policy   = jsonencode(local.lambda_trust_policy)
}

resource "aws_iam_role_policy" "lambda" {
  name   = "vend"
  role   = aws_iam_role.lambda.name
  policy = jsonencode(local.lambda_policy)
}

locals {
  lambda_trust_policy = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  }

  lambda_statements = {
    Mapping = {
      Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem"]
      Resource = [local.table_arn]
    }
    Vend = {
      Action = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
      Resource = [
        for kind in ["server", "shared"] : "arn:${local.partition}:iam::${local.account_id}:role${module.rules.role_path}${module.rules.name}-${kind}-*"
      ]
    }
    # The group exists before the function does, so logs:CreateLogGroup is not among them.
    Log = {
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:${local.partition}:logs:${local.regional}:log-group:${local.lambda_log_group}:*"]
    }
    # For the function's environment and, through DynamoDB, the table.
    Key = {
      Action   = ["kms:Decrypt"]
      Resource = local.kms_key_arn[*]
    }
  }

  # Other functions, and people, may be allowed to use this role; only this function may vend with it. A Deny, since the
  # servers' roles trust this role by its name, and within an account such trust needs no Allow of the caller's. Lambda
  # puts the key into its functions' sessions (Lambda developer guide, "Working with Lambda execution environment
  # credentials"), for identity-based policies: a condition in the servers' trust alone might never be evaluated.
  vend_denied = {
    Sid       = "VendFromTheFunctionOnly"
    Effect    = "Deny"
    Action    = local.lambda_statements.Vend.Action
    Resource  = "*"
    Condition = { ArnNotEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
  }

  # Lambda itself makes the network interfaces, with this role; the function's code has no business with them.
  network_actions = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
  network_statements = [
    { Sid = "Network", Effect = "Allow", Action = local.network_actions, Resource = "*" },
    {
      Sid       = "NoNetworkFromTheFunction"
      Effect    = "Deny"
      Action    = local.network_actions
      Resource  = "*"
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
    },
  ]

  lambda_policy = {
    Version = "2012-10-17"
    Statement = concat(
      [
        for sid, statement in local.lambda_statements : merge({ Sid = sid, Effect = "Allow" }, statement)
        if sid != "Key" || var.kms_key != "none"
      ],
      [local.vend_denied],
      [for statement in local.network_statements : statement if var.lambda_vpc != null],
    )
  }
}
