# The rotation function and everything that only it needs.

locals {
  rotates       = var.rotation_zip != null
  rotation_name = "${var.project}-pypi-rotation"
  log_group     = "/aws/lambda/${local.rotation_name}"
  log_group_arn = "arn:${local.partition}:logs:${module.rules.aws_region}:${local.account_id}:log-group:${local.log_group}"
}

resource "aws_lambda_function" "rotation" {
  count = local.rotates ? 1 : 0

  function_name = local.rotation_name
  description   = "Rotates the secret ${aws_secretsmanager_secret.token.name}"
  role          = aws_iam_role.rotation[0].arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.rotation_architecture]
  filename      = var.rotation_zip
  # The validation of rotation_zip has seen that the file exists.
  source_code_hash               = try(filebase64sha256(var.rotation_zip), null)
  memory_size                    = 128
  timeout                        = 60
  reserved_concurrent_executions = -1

  environment {
    variables = { for name, value in {
      INDEX_UPLOAD_URL = var.index_upload_url
      INDEX_USERNAME   = var.index_username
      LOG_LEVEL        = "info"
    } : name => value if value != null }
  }

  # A function that runs before these exist makes its log group itself, without an end, or starts without permissions.
  depends_on = [aws_cloudwatch_log_group.rotation, aws_iam_role_policy.rotation]
}

resource "aws_cloudwatch_log_group" "rotation" {
  count = local.rotates ? 1 : 0

  name              = local.log_group
  retention_in_days = var.log_retention_days
}

# Each step that fails is an error of the function. It runs seldom: `ignore` keeps the alarm until it has run well.
resource "aws_cloudwatch_metric_alarm" "rotation_failed" {
  count = local.rotates ? 1 : 0

  alarm_name          = "${local.rotation_name}-failed"
  alarm_description   = "A rotation of ${aws_secretsmanager_secret.token.name} has failed; the token that works is still in use. The function's log says at which step and why."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = local.rotation_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "ignore"
  alarm_actions       = var.alarm_topic_arn[*]
  ok_actions          = var.alarm_topic_arn[*]
}

# Secrets Manager may start the function for this secret only: without the conditions any account's Secrets Manager could.
resource "aws_lambda_permission" "rotation" {
  count = local.rotates ? 1 : 0

  statement_id   = "SecretsManager"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.rotation[0].function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account_id
  source_arn     = aws_secretsmanager_secret.token.arn
}

resource "aws_iam_role" "rotation" {
  count = local.rotates ? 1 : 0

  name                 = local.rotation_name
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = "The rotation function of ${aws_secretsmanager_secret.token.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "rotation" {
  count = local.rotates ? 1 : 0

  name   = "rotate"
  role   = aws_iam_role.rotation[0].name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.rotation_statements })
}

locals {
  rotation_statements = concat(
    [
      {
        Sid    = "Token"
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource = aws_secretsmanager_secret.token.arn
      },
      {
        Sid    = "StagedToken"
        Effect = "Allow"
        # A staged token that has become current is replaced by a note.
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
        Resource = aws_secretsmanager_secret.next.arn
      },
      # The group exists before the function does, so logs:CreateLogGroup is not among them.
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.log_group_arn}:*"
      },
    ],
    # Reading a secret decrypts, writing one takes a data key.
    [for key in var.kms_key_arn[*] : {
      Sid       = "Key"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = key
      Condition = local.through_secrets_manager
    }],
  )
}

resource "aws_secretsmanager_secret_rotation" "token" {
  #checkov:skip=CKV_AWS_304:the schedule is a variable
  count = var.rotation_schedule == null ? 0 : 1

  secret_id           = aws_secretsmanager_secret.token.id
  rotation_lambda_arn = aws_lambda_function.rotation[0].arn
  # Nothing is staged at the first apply; the schedule says when to look.
  rotate_immediately = false

  rotation_rules {
    schedule_expression = var.rotation_schedule
  }

  depends_on = [aws_lambda_permission.rotation]
}
