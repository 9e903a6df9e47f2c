# The query service itself.

resource "aws_lambda_function" "query" {
  function_name                  = local.prefix
  description                    = "Runs statements of clients with an access token on Athena, under Lake Formation"
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

  environment {
    variables = local.lambda_environment
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.lambda_zip)
      error_message = "There is no Lambda package at ${local.lambda_zip}. Build it first, in the root of the repository: scripts/build-lambda ${var.lambda_architecture} query-lambda (or name another package in lambda_zip)."
    }
  }

  # A function that runs before these exist makes its log group itself, without an end, or starts without permissions.
  depends_on = [aws_cloudwatch_log_group.lambda, aws_iam_role_policy.lambda, aws_athena_workgroup.this]
}

locals {
  lambda_zip = coalesce(var.lambda_zip, "${path.module}/../../target/lambda/${var.lambda_architecture}/query-lambda/bootstrap.zip")

  lambda_environment = merge(var.lambda_environment, {
    COGNITO_ISSUER           = local.cognito_issuer
    DATABASE_NAME            = var.database_name
    ATHENA_OUTPUT_BUCKET     = "s3://${local.bucket_name}/${var.results_prefix}"
    ATHENA_WORKGROUP         = local.prefix
    QUERY_RESOURCE_SERVER    = aws_cognito_resource_server.this.identifier
    LF_SUPER_ROLE_ARN        = local.role_arns.super
    LF_DEV_ROLE_ARN          = local.role_arns.dev
    SESSION_DURATION_SECONDS = tostring(var.session_duration_seconds)
    SESSION_IDENTITY         = var.session_identity
    METRICS_NAMESPACE        = local.metrics_namespace
    LOG_LEVEL                = var.log_level
    }, var.role_mappings_table ? { ROLE_MAPPINGS_TABLE = local.table_name } : {},
    var.rate_limit_per_minute == null ? {} : { RATE_LIMIT_PER_MINUTE = tostring(var.rate_limit_per_minute) },
  )
}
