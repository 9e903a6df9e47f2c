# What the vending Lambda may do: read one item of one table, assume the roles of this installation, write its own log.

resource "aws_iam_role" "lambda" {
  name               = local.lambda_role_name
  description        = "The credential vending Lambda of ${var.name}"
  assume_role_policy = jsonencode(local.lambda_trust_policy)
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
        for kind in ["server", "shared"] : "arn:${local.partition}:iam::${local.account_id}:role/${var.name}-${kind}-*"
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

  lambda_policy = {
    Version = "2012-10-17"
    Statement = [
      for sid, statement in local.lambda_statements : merge({ Sid = sid, Effect = "Allow" }, statement)
      if sid != "Key" || var.kms_key != "none"
    ]
  }
}
