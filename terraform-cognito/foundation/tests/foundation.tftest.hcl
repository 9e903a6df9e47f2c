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
  mock_resource "aws_cloudformation_stack" {
    defaults = { outputs = { Arn = "arn:aws:kms:eu-west-1:123456789012:key/made-here" } }
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
        {
          Sid       = "VendFromTheFunctionOnly"
          Effect    = "Deny"
          Action    = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
          Resource  = "*"
          Condition = { ArnNotEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending" } }
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
      METRICS_NAMESPACE        = "credvend"
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
    failure_limit_per_minute    = 600
    vend_cache_seconds          = 30
    observe_rules               = { source_cidrs = ["scope#credvend/read", "6h0example1client"], expires_at = [] }
    lambda_reserved_concurrency = 20
    lambda_architecture         = "x86_64"
    metrics_namespace           = "logs/vending"
    lambda_layer_arns           = ["arn:aws:lambda:eu-west-1:123456789012:layer:company-ca:1"]
    ca_bundle_path              = "/opt/company-ca.pem"
    cognito_issuer_host         = "issuer-cognito-idp.eu-west-1.amazonaws.com"
    lambda_environment          = { HTTPS_PROXY = "http://proxy.example.com:3128" }
    trusted_issuers = [{
      issuer       = "https://idp.example.com", audiences = ["credvend"]
      client_claim = "azp", accept_user_tokens = true
      scope_claims = ["roles"], max_token_lifetime_seconds = 172800, jwks = "{\"keys\": [{\"kid\": \"1\"}]}"
    }]
  }

  assert {
    condition = aws_lambda_function.vending.environment[0].variables == tomap({
      COGNITO_ISSUER           = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
      DYNAMODB_TABLE           = "credvend-clients"
      S3_BUCKET                = "example-logs"
      SESSION_DURATION_SECONDS = "900"
      SESSION_IDENTITY         = "name"
      METRICS_NAMESPACE        = "logs/vending"
      AWS_CA_BUNDLE            = "/opt/company-ca.pem"
      HTTPS_PROXY              = "http://proxy.example.com:3128"
      LOG_LEVEL                = "debug"
      REQUIRED_SCOPES          = "credvend/write credvend/read"
      ALLOWED_AUDIENCES        = "https://api.example.com"
      RATE_LIMIT_PER_MINUTE    = "60"
      FAILURE_LIMIT_PER_MINUTE = "600"
      VEND_CACHE_SECONDS       = "30"
      OBSERVE_RULES            = "{\"source_cidrs\":[\"6h0example1client\",\"scope#credvend/read\"]}"
      TRUSTED_ISSUERS          = "[{\"accept_user_tokens\":true,\"audiences\":[\"credvend\"],\"client_claim\":\"azp\",\"issuer\":\"https://idp.example.com\",\"jwks\":{\"keys\":[{\"kid\":\"1\"}]},\"kind\":\"oidc\",\"max_token_lifetime_seconds\":172800,\"scope_claims\":[\"roles\"]}]"
    })
    error_message = jsonencode(aws_lambda_function.vending.environment[0].variables)
  }

  assert {
    condition     = aws_lambda_function.vending.reserved_concurrent_executions == 20
    error_message = "Concurrency is not reserved."
  }

  assert {
    condition     = aws_lambda_function.vending.layers == tolist(["arn:aws:lambda:eu-west-1:123456789012:layer:company-ca:1"])
    error_message = "The layer with the certificates is missing."
  }
}

run "a_lambda_in_a_vpc" {
  command = plan

  variables {
    lambda_vpc = { subnet_ids = ["subnet-0a", "subnet-0b"], security_group_ids = ["sg-0a"] }
  }

  assert {
    condition     = aws_lambda_function.vending.vpc_config[0].subnet_ids == toset(["subnet-0a", "subnet-0b"]) && aws_lambda_function.vending.vpc_config[0].security_group_ids == toset(["sg-0a"])
    error_message = "The function is in another network."
  }

  # Lambda makes the interfaces with the role; the function's code cannot.
  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.lambda.policy).Statement : [statement.Effect, try(statement.Condition, null)] if contains(statement.Action, "ec2:CreateNetworkInterface")] == [
      ["Allow", null],
      ["Deny", { ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending" } }],
    ]
    error_message = aws_iam_role_policy.lambda.policy
  }
}

run "roles_below_a_path_and_within_a_boundary" {
  command = plan

  variables {
    role_path                = "/teams/logs/"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.lambda.path == "/teams/logs/" && aws_iam_role.lambda.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The Lambda's role has another path or no boundary."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.lambda.policy).Statement : statement.Resource if statement.Sid == "Vend"] == [
      ["arn:aws:iam::123456789012:role/teams/logs/credvend-server-*", "arn:aws:iam::123456789012:role/teams/logs/credvend-shared-*"]
    ]
    error_message = aws_iam_role_policy.lambda.policy
  }

  assert {
    condition     = output.role_path == "/teams/logs/" && output.permissions_boundary_arn == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The servers layer is not told."
  }
}

run "govcloud_has_a_token_endpoint_of_another_name" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-us-gov", dns_suffix = "amazonaws.com" }
  }

  variables {
    aws_region = "us-gov-west-1"
  }

  assert {
    condition     = output.cognito_token_endpoint == "https://example.auth-fips.us-gov-west-1.amazoncognito.com/oauth2/token"
    error_message = output.cognito_token_endpoint
  }

  # A client makes <prefix>.auth.… of a prefix, so here it is told the host.
  assert {
    condition     = output.cognito_domain == "example.auth-fips.us-gov-west-1.amazoncognito.com" && startswith(output.dashboard_url, "https://us-gov-west-1.console.amazonaws-us-gov.com/")
    error_message = output.cognito_domain
  }
}

run "the_sovereign_cloud" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-eusc", dns_suffix = "amazonaws.eu" }
  }

  variables {
    aws_region = "eusc-de-east-1"
  }

  assert {
    condition     = alltrue([for arn in flatten(jsondecode(aws_iam_role_policy.lambda.policy).Statement[*].Resource) : arn == "*" || startswith(arn, "arn:aws-eusc:")])
    error_message = aws_iam_role_policy.lambda.policy
  }

  assert {
    condition     = startswith(output.dashboard_url, "https://eusc-de-east-1.console.amazonaws-eusc.eu/")
    error_message = output.dashboard_url
  }
}

run "metrics_of_its_own_namespace" {
  command = plan

  variables {
    name = "credvend-two"
  }

  assert {
    condition = (
      aws_lambda_function.vending.environment[0].variables.METRICS_NAMESPACE == "credvend-two" &&
      alltrue([for alarm in values(aws_cloudwatch_metric_alarm.sum) : contains(["credvend-two", "AWS/Lambda"], alarm.namespace)]) &&
      aws_cloudwatch_metric_alarm.latency[0].namespace == "credvend-two"
    )
    error_message = "Two installations share metrics or alarms."
  }

  assert {
    condition     = !can(regex("\"credvend\"|\\{credvend,", aws_cloudwatch_dashboard.this.dashboard_body)) && can(regex("\"credvend-two\",\"Vends\"", aws_cloudwatch_dashboard.this.dashboard_body))
    error_message = aws_cloudwatch_dashboard.this.dashboard_body
  }

  # Every metric of a route or a step is billed each month.
  assert {
    condition     = !aws_apigatewayv2_stage.default.default_route_settings[0].detailed_metrics_enabled && !can(regex("\"LatencyMs\\.", aws_cloudwatch_dashboard.this.dashboard_body))
    error_message = "Metrics nobody alarms on are paid for."
  }

  # So the latency of a step is read from the audit lines, of this installation's log group.
  assert {
    condition = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
      startswith(widget.properties.query, "SOURCE '/aws/lambda/credvend-two-vending' | filter ispresent(LatencyMs) | stats "),
      can(regex("pct\\(`LatencyMs\\.sts`, 90\\) as sts\\b", widget.properties.query)),
      widget.properties.view,
    ] if widget.type == "log"] == [[true, true, "timeSeries"]]
    error_message = aws_cloudwatch_dashboard.this.dashboard_body
  }

  assert {
    condition     = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [widget.x, widget.y]])) == length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets)
    error_message = "Two graphs lie on each other."
  }
}

run "prods_logs_and_key_outlive_it" {
  command = plan

  variables {
    environment = "prod"
    kms_key     = "create"
  }

  assert {
    condition     = aws_cloudwatch_log_group.lambda.skip_destroy && aws_cloudwatch_log_group.api.skip_destroy
    error_message = "A destroy deletes the audit trail."
  }

  assert {
    condition     = jsondecode(aws_cloudformation_stack.key[0].template_body).Resources.Key.DeletionPolicy == "Retain"
    error_message = "A destroy deletes the key of the audit trail."
  }
}

run "devs_go_with_it" {
  command = plan

  variables {
    kms_key = "create"
  }

  assert {
    condition     = !aws_cloudwatch_log_group.lambda.skip_destroy && jsondecode(aws_cloudformation_stack.key[0].template_body).Resources.Key.DeletionPolicy == "Delete"
    error_message = "A destroyed dev leaves logs or a key that costs money."
  }
}

run "the_api" {
  command = plan

  assert {
    condition     = toset(keys(aws_apigatewayv2_route.vending)) == toset(["POST /credentials", "GET /credentials", "POST /explain", "GET /health", "GET /ready", "GET /openapi.json", "HEAD /health", "HEAD /ready", "HEAD /openapi.json"])
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
    condition     = length(aws_cloudformation_stack.key) == 0 && length(aws_wafv2_web_acl.token_endpoint) == 0 && length(aws_apigatewayv2_domain_name.this) == 0
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
    condition = (
      jsondecode(aws_cloudformation_stack.key[0].template_body).Resources.Key.Properties.KeyPolicy.Statement[1].Principal.Service == "logs.eu-west-1.amazonaws.com" &&
      jsondecode(aws_cloudformation_stack.key[0].template_body).Resources.Key.Properties.EnableKeyRotation
    )
    error_message = aws_cloudformation_stack.key[0].template_body
  }
}

run "a_key_that_exists" {
  command = plan

  variables {
    kms_key = "arn:aws:kms:eu-west-1:123456789012:key/theirs"
  }

  assert {
    condition     = length(aws_cloudformation_stack.key) == 0 && aws_lambda_function.vending.kms_key_arn == "arn:aws:kms:eu-west-1:123456789012:key/theirs"
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
