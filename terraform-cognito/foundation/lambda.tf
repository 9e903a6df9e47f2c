# The vending service itself.

resource "aws_lambda_function" "vending" {
  function_name                  = local.function_name
  description                    = "Exchanges a server's access token for short-lived AWS credentials"
  role                           = aws_iam_role.lambda.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.lambda_architecture]
  filename                       = local.lambda_zip
  source_code_hash               = fileexists(local.lambda_zip) ? filebase64sha256(local.lambda_zip) : null
  memory_size                    = var.lambda_memory_mb
  timeout                        = var.lambda_timeout_seconds
  reserved_concurrent_executions = coalesce(var.lambda_reserved_concurrency, -1)
  kms_key_arn                    = local.kms_key_arn
  layers                         = var.lambda_layer_arns

  dynamic "vpc_config" {
    for_each = var.lambda_vpc[*]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  environment {
    variables = local.lambda_environment
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.lambda_zip)
      error_message = "There is no Lambda package at ${local.lambda_zip}. Build it first, in the root of the repository: scripts/build-lambda ${var.lambda_architecture} (or name another package in lambda_zip)."
    }
  }

  # A function that runs before these exist makes its log group itself, without an end, or starts without permissions.
  depends_on = [aws_cloudwatch_log_group.lambda, aws_iam_role_policy.lambda]
}

locals {
  lambda_zip = coalesce(var.lambda_zip, "${path.module}/../../target/lambda/${var.lambda_architecture}/vending-lambda/bootstrap.zip")

  # The endpoint has no https:// in front, the issuer of a token has. A pool whose issuer was updated has another host.
  cognito_issuer = var.cognito_issuer_host == null ? "https://${aws_cognito_user_pool.this.endpoint}" : "https://${var.cognito_issuer_host}/${aws_cognito_user_pool.this.id}"

  lambda_environment = merge(var.lambda_environment, { for name, value in {
    COGNITO_ISSUER           = local.cognito_issuer
    DYNAMODB_TABLE           = aws_dynamodb_table.clients.name
    S3_BUCKET                = local.bucket_name
    SESSION_DURATION_SECONDS = tostring(var.session_duration_seconds)
    SESSION_IDENTITY         = var.session_identity
    METRICS_NAMESPACE        = local.metrics_namespace
    LOG_LEVEL                = var.log_level
    REQUIRED_SCOPES          = join(" ", var.required_scopes)
    ALLOWED_AUDIENCES        = join(" ", var.allowed_audiences)
    RATE_LIMIT_PER_MINUTE    = var.rate_limit_per_minute == null ? "" : tostring(var.rate_limit_per_minute)
    FAILURE_LIMIT_PER_MINUTE = var.failure_limit_per_minute == null ? "" : tostring(var.failure_limit_per_minute)
    VEND_CACHE_SECONDS       = var.vend_cache_seconds == null ? "" : tostring(var.vend_cache_seconds)
    AWS_CA_BUNDLE            = var.ca_bundle_path == null ? "" : var.ca_bundle_path
    TRUSTED_ISSUERS          = length(var.trusted_issuers) == 0 ? "" : jsonencode(local.trusted_issuers)
    OBSERVE_RULES            = length(local.observe_rules) == 0 ? "" : jsonencode(local.observe_rules)
  } : name => value if value != "" })

  observe_rules = { for rule, keys in var.observe_rules : rule => sort(keys) if length(keys) > 0 }

  # The service takes a member that is null for a wrong one.
  trusted_issuers = [for trusted in var.trusted_issuers : merge(
    { for member, value in trusted : member => value if value != null && member != "jwks" },
    trusted.jwks == null ? {} : { jwks = jsondecode(trusted.jwks) },
  )]
}
