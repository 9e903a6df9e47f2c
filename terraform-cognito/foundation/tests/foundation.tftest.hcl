mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_s3_bucket" {
    defaults = { bucket = "example-old-logs", arn = "arn:aws:s3:::example-old-logs" }
  }
  mock_resource "aws_cognito_user_pool" {
    defaults = {
      id       = "eu-west-1_Example01"
      arn      = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Example01"
      endpoint = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
    }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/credvend-vending-lambda" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/made-here" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:example" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      api_endpoint  = "https://a1b2c3.execute-api.eu-west-1.amazonaws.com"
      execution_arn = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3"
    }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/credvend/example" }
  }
}

variables {
  environment    = "dev"
  aws_region     = "eu-west-1"
  bucket_name    = "example-logs"
  cognito_domain = "example"
  lambda_zip     = "./tests/package.txt"
}

run "the_lambda_may_vend_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.lambda.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/credvend-vending:*"]
        },
        {
          Sid      = "Mapping"
          Effect   = "Allow"
          Action   = ["dynamodb:GetItem", "dynamodb:BatchGetItem"]
          Resource = ["arn:aws:dynamodb:eu-west-1:123456789012:table/credvend-clients"]
        },
        {
          Sid      = "Vend"
          Effect   = "Allow"
          Action   = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
          Resource = ["arn:aws:iam::123456789012:role/credvend-server-*", "arn:aws:iam::123456789012:role/credvend-shared-*"]
        },
      ]
    }
    error_message = aws_iam_role_policy.lambda.policy
  }

  assert {
    condition     = jsondecode(aws_iam_role.lambda.assume_role_policy).Statement[0].Principal == { Service = "lambda.amazonaws.com" }
    error_message = aws_iam_role.lambda.assume_role_policy
  }
}

run "the_lambdas_environment" {
  command = plan

  assert {
    condition = aws_lambda_function.vending.environment[0].variables == tomap({
      COGNITO_ISSUER           = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
      DYNAMODB_TABLE           = "credvend-clients"
      S3_BUCKET                = "example-logs"
      SESSION_DURATION_SECONDS = "3600"
      SESSION_IDENTITY         = "tags"
      LOG_LEVEL                = "info"
    })
    error_message = jsonencode(aws_lambda_function.vending.environment[0].variables)
  }

  assert {
    condition     = aws_lambda_function.vending.runtime == "provided.al2023" && aws_lambda_function.vending.architectures == tolist(["arm64"])
    error_message = "Not the runtime scripts/build-lambda builds for."
  }

  assert {
    condition     = aws_lambda_function.vending.reserved_concurrent_executions == -1
    error_message = "Concurrency is reserved though nobody asked."
  }
}

run "the_lambdas_whole_environment" {
  command = plan

  variables {
    session_duration_seconds    = 900
    session_identity            = "name"
    log_level                   = "debug"
    required_scopes             = ["credvend/write", "credvend/read"]
    allowed_audiences           = ["https://api.example.com"]
    rate_limit_per_minute       = 60
    lambda_reserved_concurrency = 20
    lambda_architecture         = "x86_64"
    trusted_issuers             = [{ issuer = "https://idp.example.com", audiences = ["credvend"] }]
  }

  assert {
    condition = aws_lambda_function.vending.environment[0].variables == tomap({
      COGNITO_ISSUER           = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
      DYNAMODB_TABLE           = "credvend-clients"
      S3_BUCKET                = "example-logs"
      SESSION_DURATION_SECONDS = "900"
      SESSION_IDENTITY         = "name"
      LOG_LEVEL                = "debug"
      REQUIRED_SCOPES          = "credvend/write credvend/read"
      ALLOWED_AUDIENCES        = "https://api.example.com"
      RATE_LIMIT_PER_MINUTE    = "60"
      TRUSTED_ISSUERS          = "[{\"audiences\":[\"credvend\"],\"issuer\":\"https://idp.example.com\",\"kind\":\"oidc\"}]"
    })
    error_message = jsonencode(aws_lambda_function.vending.environment[0].variables)
  }

  assert {
    condition     = aws_lambda_function.vending.reserved_concurrent_executions == 20
    error_message = "Concurrency is not reserved."
  }
}

run "the_api" {
  command = plan

  assert {
    condition     = toset(keys(aws_apigatewayv2_route.vending)) == toset(["POST /credentials", "GET /credentials", "POST /explain", "GET /health", "GET /ready", "GET /openapi.json"])
    error_message = join(", ", keys(aws_apigatewayv2_route.vending))
  }

  assert {
    condition     = !can(regex("(?i)authorizer|header|query|body|token", aws_apigatewayv2_stage.default.access_log_settings[0].format))
    error_message = "The access log could hold a token: ${aws_apigatewayv2_stage.default.access_log_settings[0].format}"
  }

  assert {
    condition     = length(aws_apigatewayv2_api.vending.cors_configuration) == 0
    error_message = "No browser is a client."
  }

  assert {
    condition     = aws_lambda_permission.api.source_arn == "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/*/*"
    error_message = "Another API could call the Lambda."
  }

  assert {
    condition     = output.credential_vending_api_url == "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/credentials"
    error_message = output.credential_vending_api_url
  }

  assert {
    condition     = output.cognito_token_endpoint == "https://example.auth.eu-west-1.amazoncognito.com/oauth2/token"
    error_message = output.cognito_token_endpoint
  }
}

run "dev_is_easy_to_take_down" {
  command = plan

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE" && !aws_dynamodb_table.clients.deletion_protection_enabled
    error_message = "Something in dev is protected from deletion."
  }

  assert {
    condition     = aws_dynamodb_table.clients.point_in_time_recovery[0].enabled && aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only
    error_message = "The table cannot be restored, or people can sign up."
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && length(aws_wafv2_web_acl.token_endpoint) == 0 && length(aws_apigatewayv2_domain_name.this) == 0
    error_message = "Something that costs money is made though nobody asked."
  }
}

run "prod_is_protected" {
  command = plan

  variables {
    environment = "prod"
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE" && aws_dynamodb_table.clients.deletion_protection_enabled
    error_message = "Pool or table can be deleted by mistake."
  }
}

run "prod_can_be_taken_down_on_purpose" {
  command = plan

  variables {
    environment         = "prod"
    deletion_protection = false
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE" && !aws_dynamodb_table.clients.deletion_protection_enabled
    error_message = "The protection cannot be lifted."
  }
}

run "an_existing_bucket_stays_as_it_is" {
  command = plan

  variables {
    bucket_name                 = null
    existing_bucket_name        = "example-old-logs"
    existing_bucket_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/theirs"
  }

  assert {
    condition     = length(module.bucket) == 0 && output.bucket_arn == "arn:aws:s3:::example-old-logs" && output.bucket_kms_key_arn == "arn:aws:kms:eu-west-1:123456789012:key/theirs"
    error_message = "The existing bucket is not used as it is."
  }
}

run "a_key_of_its_own" {
  command = plan

  variables {
    kms_key = "create"
  }

  assert {
    condition = alltrue([for arn in [
      aws_dynamodb_table.clients.server_side_encryption[0].kms_key_arn, aws_cloudwatch_log_group.lambda.kms_key_id,
      aws_cloudwatch_log_group.api.kms_key_id, aws_lambda_function.vending.kms_key_arn, output.bucket_kms_key_arn,
    ] : arn == "arn:aws:kms:eu-west-1:123456789012:key/made-here"])
    error_message = "Something is not encrypted with the key."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.lambda.policy).Statement : statement if statement.Sid == "Key"] == [{ Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:eu-west-1:123456789012:key/made-here"] }]
    error_message = aws_iam_role_policy.lambda.policy
  }

  assert {
    condition     = jsondecode(aws_kms_key.this[0].policy).Statement[1].Principal.Service == "logs.eu-west-1.amazonaws.com" && aws_kms_key.this[0].enable_key_rotation
    error_message = aws_kms_key.this[0].policy
  }
}

run "a_key_that_exists" {
  command = plan

  variables {
    kms_key = "arn:aws:kms:eu-west-1:123456789012:key/theirs"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && aws_lambda_function.vending.kms_key_arn == "arn:aws:kms:eu-west-1:123456789012:key/theirs"
    error_message = "The key is not used."
  }
}

run "domains_of_ones_own" {
  command = plan

  variables {
    cognito_domain        = null
    cognito_custom_domain = { domain_name = "auth.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/a", hosted_zone_id = "Z0EXAMPLE" }
    api_custom_domain     = { domain_name = "credentials.example.com", certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/b", hosted_zone_id = "Z0EXAMPLE" }
  }

  override_resource {
    target = aws_apigatewayv2_domain_name.this[0]
    values = { domain_name_configuration = { target_domain_name = "d-example.execute-api.eu-west-1.amazonaws.com", hosted_zone_id = "Z0AWS" } }
  }

  assert {
    condition     = output.cognito_token_endpoint == "https://auth.example.com/oauth2/token" && output.cognito_domain == "auth.example.com"
    error_message = output.cognito_token_endpoint
  }

  assert {
    condition     = output.credential_vending_api_url == "https://credentials.example.com/credentials" && aws_apigatewayv2_api.vending.disable_execute_api_endpoint
    error_message = output.credential_vending_api_url
  }

  assert {
    condition     = length(aws_route53_record.api) == 1 && length(aws_route53_record.cognito) == 1
    error_message = "There are no records."
  }
}

run "a_rate_rule_on_the_token_endpoint" {
  command = plan

  variables {
    waf_token_rate_limit = 300
  }

  assert {
    condition     = aws_wafv2_web_acl_association.token_endpoint[0].resource_arn == aws_cognito_user_pool.this.arn
    error_message = "The rule protects nothing."
  }
}

run "alarms" {
  command = plan

  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
    alarms = {
      denials        = { invalid_token = 7, rate_limited = 0 }
      throttles      = 0
      no_vends_hours = 3
    }
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.sum)) == toset([
      "denied-invalid_token", "failed-internal_error", "failed-keys_unavailable", "failed-mapping_unavailable",
      "failed-misconfigured", "failed-role_not_assumable", "failed-sts_unavailable", "lambda-errors", "jwks-refetches",
    ])
    error_message = join(", ", keys(aws_cloudwatch_metric_alarm.sum))
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.sum["denied-invalid_token"].threshold == 7 &&
      aws_cloudwatch_metric_alarm.sum["denied-invalid_token"].metric_name == "Denials" &&
      aws_cloudwatch_metric_alarm.sum["denied-invalid_token"].dimensions == tomap({ code = "invalid_token" }) &&
      aws_cloudwatch_metric_alarm.sum["denied-invalid_token"].alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:on-call"])
    )
    error_message = jsonencode(aws_cloudwatch_metric_alarm.sum["denied-invalid_token"])
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_vends[0].evaluation_periods == 3 && aws_cloudwatch_metric_alarm.no_vends[0].treat_missing_data == "breaching"
    error_message = "Silence is not noticed."
  }
}

run "a_missing_package_names_the_script_that_builds_it" {
  command = plan
  variables {
    lambda_zip = "./tests/no-such-package.zip"
  }
  expect_failures = [aws_lambda_function.vending]
}
