mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_s3_bucket" {
    defaults = { bucket = "example-results", arn = "arn:aws:s3:::example-results" }
  }
  mock_resource "aws_cognito_user_pool" {
    defaults = {
      id       = "eu-west-1_Example01"
      arn      = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Example01"
      endpoint = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
    }
  }
  mock_resource "aws_cognito_user_pool_client" {
    defaults = { id = "1example23456789", client_secret = "secret-of-the-mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/credvend-query-lambda" }
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
}

variables {
  environment          = "dev"
  aws_region           = "eu-west-1"
  existing_bucket_name = "example-results"
  cognito_domain       = "example"
  database_name        = "analytics"
  lambda_zip           = "./tests/package.txt"
}

run "the_lambda_may_assume_two_roles_and_nothing_else" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.lambda.policy) == jsondecode(file("../../tests/cases/query-api/lambda-policy.json"))
    error_message = aws_iam_role_policy.lambda.policy
  }

  assert {
    condition     = jsondecode(aws_iam_role.lambda.assume_role_policy).Statement[*].Principal == [{ Service = "lambda.amazonaws.com" }]
    error_message = aws_iam_role.lambda.assume_role_policy
  }
}

run "the_roles_may_query_and_nothing_else" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.lake_formation["super"].policy) == jsondecode(file("../../tests/cases/query-api/super-policy.json"))
    error_message = aws_iam_role_policy.lake_formation["super"].policy
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.lake_formation["dev"].policy) == jsondecode(file("../../tests/cases/query-api/dev-policy.json"))
    error_message = aws_iam_role_policy.lake_formation["dev"].policy
  }

  assert {
    condition = alltrue([for role in values(aws_iam_role.lake_formation) :
      jsondecode(role.assume_role_policy) == jsondecode(file("../../tests/cases/query-api/trust-policy.json")) && role.max_session_duration == 3600
    ])
    error_message = aws_iam_role.lake_formation["super"].assume_role_policy
  }

  assert {
    condition     = { for kind, role in aws_iam_role.lake_formation : kind => role.name } == { super = "credvend-lf-super", dev = "credvend-lf-dev" }
    error_message = "The roles have other names than the Lambda's policy says."
  }
}

run "a_client_reaches_its_own_results_alone" {
  command = plan

  variables {
    results_prefix = "athena/"
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.lake_formation["dev"].policy).Statement : statement.Resource if statement.Sid == "Results"] == [
      ["arn:aws:s3:::example-results/athena/client-creds-queries/$${aws:SourceIdentity}/*"]
    ]
    error_message = aws_iam_role_policy.lake_formation["dev"].policy
  }

  assert {
    condition     = aws_lambda_function.query.environment[0].variables.ATHENA_OUTPUT_BUCKET == "s3://example-results/athena/" && output.results_location == "s3://example-results/athena/"
    error_message = "The service writes where the roles may not."
  }
}

run "without_a_source_identity_only_the_service_keeps_them_apart" {
  command = plan

  variables {
    session_identity = "name"
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.lake_formation["dev"].policy).Statement : statement.Resource if statement.Sid == "Results"] == [
      ["arn:aws:s3:::example-results/client-creds-queries/*/*"]
    ]
    error_message = aws_iam_role_policy.lake_formation["dev"].policy
  }

  assert {
    condition     = aws_lambda_function.query.environment[0].variables.SESSION_IDENTITY == "name"
    error_message = "The service is not told."
  }
}

run "the_lambdas_environment" {
  command = plan

  assert {
    condition = aws_lambda_function.query.environment[0].variables == tomap({
      COGNITO_ISSUER           = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
      DATABASE_NAME            = "analytics"
      ATHENA_OUTPUT_BUCKET     = "s3://example-results/"
      ATHENA_WORKGROUP         = "credvend-query"
      QUERY_RESOURCE_SERVER    = "athena-api"
      LF_SUPER_ROLE_ARN        = "arn:aws:iam::123456789012:role/credvend-lf-super"
      LF_DEV_ROLE_ARN          = "arn:aws:iam::123456789012:role/credvend-lf-dev"
      SESSION_DURATION_SECONDS = "3600"
      SESSION_IDENTITY         = "tags"
      METRICS_NAMESPACE        = "credvend-query"
      LOG_LEVEL                = "info"
    })
    error_message = jsonencode(aws_lambda_function.query.environment[0].variables)
  }

  assert {
    condition     = aws_lambda_function.query.runtime == "provided.al2023" && aws_lambda_function.query.architectures == tolist(["arm64"]) && aws_lambda_function.query.timeout == 29
    error_message = "Not the runtime scripts/build-lambda builds for, or the time API Gateway gives."
  }
}

run "a_table_of_mappings" {
  command = plan

  variables {
    role_mappings_table   = true
    rate_limit_per_minute = 60
    role_path             = "/teams/"
    lambda_environment    = { TRUSTED_ISSUERS = "[]" }
  }

  assert {
    condition     = aws_lambda_function.query.environment[0].variables.ROLE_MAPPINGS_TABLE == "credvend-query-clients" && aws_lambda_function.query.environment[0].variables.RATE_LIMIT_PER_MINUTE == "60" && aws_lambda_function.query.environment[0].variables.TRUSTED_ISSUERS == "[]"
    error_message = jsonencode(aws_lambda_function.query.environment[0].variables)
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.lambda.policy).Statement : statement.Sid => statement.Resource if contains(["Assume", "Mapping"], statement.Sid) } == {
      Assume  = ["arn:aws:iam::123456789012:role/teams/credvend-lf-*"]
      Mapping = ["arn:aws:dynamodb:eu-west-1:123456789012:table/credvend-query-clients"]
    }
    error_message = aws_iam_role_policy.lambda.policy
  }

  assert {
    condition     = aws_dynamodb_table.clients[0].point_in_time_recovery[0].enabled && !aws_dynamodb_table.clients[0].deletion_protection_enabled
    error_message = "The table cannot be restored, or a dev table not deleted."
  }
}

run "the_workgroup_limits_and_does_not_override" {
  command = plan

  assert {
    condition = (
      !aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration &&
      length(aws_athena_workgroup.this.configuration[0].result_configuration) == 0 &&
      aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 107374182400
    )
    error_message = "The service would refuse to start with this workgroup, or a query may scan without bound."
  }
}

run "the_clients_of_today" {
  command = plan

  assert {
    condition = { for name, client in module.client : name => client.allowed_scopes } == {
      super = toset(["athena-api/query.write"]), dev = toset(["athena-api/query.read"]), admin = toset(["athena-api/query.admin"])
    }
    error_message = "A client has other scopes than its own."
  }

  assert {
    condition = output.client_configurations.dev == {
      IDP_TYPE                = "cognito"
      AWS_REGION              = "eu-west-1"
      COGNITO_DOMAIN          = "example"
      COGNITO_CLIENT_ID       = "1example23456789"
      COGNITO_RESOURCE_SERVER = "athena-api"
      QUERY_API_URL           = "https://a1b2c3.execute-api.eu-west-1.amazonaws.com"
    }
    error_message = jsonencode(output.client_configurations)
  }

  assert {
    condition     = issensitive(output.client_secrets) && nonsensitive(output.client_secrets).dev == { COGNITO_CLIENT_SECRET = "secret-of-the-mock" }
    error_message = "The secrets are missing or shown."
  }

  assert {
    condition     = toset(aws_cognito_resource_server.this.scope[*].scope_name) == toset(["query.read", "query.write", "query.admin"])
    error_message = "The resource server has other scopes."
  }
}

run "a_pool_that_exists_stays_as_it_is" {
  command = plan

  variables {
    existing_user_pool_id = "eu-west-1_Theirs01"
    cognito_domain        = "auth.example.com"
  }

  assert {
    condition     = length(aws_cognito_user_pool.this) == 0 && length(aws_cognito_user_pool_domain.this) == 0 && aws_cognito_resource_server.this.user_pool_id == "eu-west-1_Theirs01"
    error_message = "The pool is not used as it is."
  }

  assert {
    condition     = output.cognito_issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Theirs01" && output.token_endpoint == "https://auth.example.com/oauth2/token"
    error_message = output.token_endpoint
  }
}

run "grants_on_the_one_database" {
  command = plan

  assert {
    condition = { for key, one in aws_lakeformation_permissions.database : key => [one.database[0].name, toset(one.permissions)] } == {
      "dev/analytics"   = ["analytics", toset(["DESCRIBE"])]
      "super/analytics" = ["analytics", toset(["CREATE_TABLE", "DESCRIBE"])]
    }
    error_message = jsonencode(aws_lakeformation_permissions.database)
  }

  assert {
    condition = { for key, one in aws_lakeformation_permissions.tables : key => [one.table[0].wildcard, toset(one.permissions)] } == {
      "dev/analytics"   = [true, toset(["DESCRIBE", "SELECT"])]
      "super/analytics" = [true, toset(["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"])]
    }
    error_message = jsonencode(aws_lakeformation_permissions.tables)
  }

  assert {
    condition     = length(aws_lakeformation_lf_tag.this) + length(aws_lakeformation_resource.data) + length(aws_lakeformation_permissions.data_location) == 0
    error_message = "Something is made though nobody asked."
  }
}

run "grants_on_tables_and_columns" {
  command = plan

  variables {
    databases = {
      analytics = {
        dev_tables = {
          orders    = {}
          customers = { excluded_columns = ["email"] }
          people    = { columns = ["name", "city"] }
        }
      }
      archive = {}
    }
    data_location_arns      = ["arn:aws:s3:::example-data/tables"]
    register_data_locations = true
  }

  assert {
    condition     = toset(keys(aws_lakeformation_permissions.tables)) == toset(["super/analytics", "super/archive", "dev/archive"])
    error_message = join(", ", keys(aws_lakeformation_permissions.tables))
  }

  assert {
    condition     = keys(aws_lakeformation_permissions.dev_table) == ["analytics/orders"] && aws_lakeformation_permissions.dev_table["analytics/orders"].table[0].name == "orders"
    error_message = jsonencode(aws_lakeformation_permissions.dev_table)
  }

  assert {
    condition = (
      keys(aws_lakeformation_permissions.dev_columns) == ["analytics/customers", "analytics/people"] &&
      aws_lakeformation_permissions.dev_columns["analytics/customers"].table_with_columns[0].excluded_column_names == toset(["email"]) &&
      aws_lakeformation_permissions.dev_columns["analytics/customers"].table_with_columns[0].wildcard &&
      aws_lakeformation_permissions.dev_columns["analytics/people"].table_with_columns[0].column_names == toset(["city", "name"]) &&
      alltrue([for one in values(aws_lakeformation_permissions.dev_columns) : toset(one.permissions) == toset(["SELECT"])])
    )
    error_message = jsonencode(aws_lakeformation_permissions.dev_columns)
  }

  assert {
    condition = (
      aws_lakeformation_resource.data["arn:aws:s3:::example-data/tables"].use_service_linked_role &&
      aws_lakeformation_permissions.data_location["arn:aws:s3:::example-data/tables"].permissions == toset(["DATA_LOCATION_ACCESS"])
    )
    error_message = "The location is not registered, or the super role may not use it."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.lake_formation["super"].policy).Statement : statement.Resource if statement.Sid == "CatalogChanges"] == [[
      "arn:aws:glue:eu-west-1:123456789012:catalog",
      "arn:aws:glue:eu-west-1:123456789012:database/analytics", "arn:aws:glue:eu-west-1:123456789012:database/archive",
      "arn:aws:glue:eu-west-1:123456789012:table/analytics/*", "arn:aws:glue:eu-west-1:123456789012:table/archive/*",
    ]]
    error_message = aws_iam_role_policy.lake_formation["super"].policy
  }
}

run "grants_by_tags" {
  command = plan

  variables {
    databases = { analytics = { grant = false, lf_tags = { sensitivity = "internal" } } }
    lf_tags = {
      sensitivity = { values = ["public", "internal"], dev = ["public"], super = ["public", "internal"] }
      team        = { values = ["sales"], super = ["sales"] }
    }
  }

  assert {
    condition     = length(aws_lakeformation_permissions.database) + length(aws_lakeformation_permissions.tables) == 0
    error_message = "A grant by name is left beside the tags."
  }

  assert {
    condition = { for key, one in aws_lakeformation_permissions.tagged : key => { for expression in one.lf_tag_policy[0].expression : expression.key => expression.values } } == {
      "dev/DATABASE"   = { sensitivity = toset(["public"]) }
      "dev/TABLE"      = { sensitivity = toset(["public"]) }
      "super/DATABASE" = { sensitivity = toset(["public", "internal"]), team = toset(["sales"]) }
      "super/TABLE"    = { sensitivity = toset(["public", "internal"]), team = toset(["sales"]) }
    }
    error_message = jsonencode(aws_lakeformation_permissions.tagged)
  }

  assert {
    condition     = one(aws_lakeformation_resource_lf_tags.database["analytics"].lf_tag).value == "internal" && aws_lakeformation_lf_tag.this["team"].values == toset(["sales"])
    error_message = "The database has no tag."
  }
}

run "a_key_of_its_own" {
  command = plan

  variables {
    kms_key                     = "create"
    bucket_name                 = "example-new-results"
    existing_bucket_name        = null
    results_expiration_days     = 3
    existing_bucket_kms_key_arn = null
  }

  assert {
    condition = alltrue([for arn in [
      aws_cloudwatch_log_group.lambda.kms_key_id, aws_cloudwatch_log_group.api.kms_key_id, aws_lambda_function.query.kms_key_arn,
    ] : arn == "arn:aws:kms:eu-west-1:123456789012:key/made-here"])
    error_message = "Something is not encrypted with the key."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.lake_formation["dev"].policy).Statement : statement if statement.Sid == "ResultsKey"] == [{
      Sid       = "ResultsKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = ["arn:aws:kms:eu-west-1:123456789012:key/made-here"]
      Condition = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
    }]
    error_message = aws_iam_role_policy.lake_formation["dev"].policy
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.lambda.policy).Statement : statement.Action if statement.Sid == "Key"] == [["kms:Decrypt"]]
    error_message = aws_iam_role_policy.lambda.policy
  }

  assert {
    condition     = jsondecode(aws_cloudformation_stack.key[0].template_body).Resources.Key.DeletionPolicy == "Delete" && aws_cloudformation_stack.key[0].name == "credvend-query-key"
    error_message = "A destroyed dev leaves a key that costs money, or the foundation's key has the same name."
  }
}

run "prods_logs_and_pool_outlive_a_mistake" {
  command = plan

  variables {
    environment = "prod"
  }

  assert {
    condition     = aws_cloudwatch_log_group.lambda.skip_destroy && aws_cloudwatch_log_group.api.skip_destroy && aws_cognito_user_pool.this[0].deletion_protection == "ACTIVE"
    error_message = "A destroy deletes the audit trail or the pool."
  }
}

run "the_api" {
  command = plan

  assert {
    condition = toset(keys(aws_apigatewayv2_route.query)) == toset([
      "POST /query-client-creds", "GET /query-client-creds/{queryId}", "DELETE /query-client-creds/{queryId}", "GET /health", "GET /ready",
      "GET /openapi.json", "HEAD /health", "HEAD /ready", "HEAD /openapi.json",
    ])
    error_message = join(", ", keys(aws_apigatewayv2_route.query))
  }

  assert {
    condition     = !can(regex("(?i)authorizer|header|query|body|token|path", aws_apigatewayv2_stage.default.access_log_settings[0].format))
    error_message = "The access log could hold a token or a query's id: ${aws_apigatewayv2_stage.default.access_log_settings[0].format}"
  }

  assert {
    condition     = length(aws_apigatewayv2_api.query.cors_configuration) == 0 && aws_lambda_permission.api.source_arn == "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/*/*"
    error_message = "A browser, or another API, could call the Lambda."
  }
}

run "alarms_and_dashboard_ask_for_metrics_that_there_are" {
  command = plan

  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
    alarms           = { denials = { invalid_token = 7, rate_limited = 0 }, throttles = 0, scanned_gigabytes_per_day = 5 }
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.sum)) == toset([
      "denied-invalid_token", "failed-internal_error", "failed-keys_unavailable", "failed-mapping_unavailable", "failed-misconfigured",
      "failed-query_unavailable", "failed-role_not_assumable", "failed-sts_unavailable", "lambda-errors", "jwks-refetches", "scanned-bytes",
    ])
    error_message = join(", ", keys(aws_cloudwatch_metric_alarm.sum))
  }

  assert {
    condition = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.sum) :
      alarm.namespace == "AWS/Lambda" ||
      sort(keys(coalesce(alarm.dimensions, {}))) == sort(jsondecode(file("../../tests/cases/query-api/metrics.json"))[alarm.metric_name])
    ])
    error_message = jsonencode([for alarm in values(aws_cloudwatch_metric_alarm.sum) : [alarm.metric_name, alarm.dimensions]])
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.sum["denied-invalid_token"].alarm_name == "credvend-query-denied-invalid_token" &&
      aws_cloudwatch_metric_alarm.sum["denied-invalid_token"].alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:on-call"]) &&
      aws_cloudwatch_metric_alarm.sum["scanned-bytes"].threshold == 5000000000 && aws_cloudwatch_metric_alarm.sum["scanned-bytes"].period == 86400
    )
    error_message = jsonencode(aws_cloudwatch_metric_alarm.sum["denied-invalid_token"])
  }

  # Every metric with its dimensions is shown, and no other.
  assert {
    condition = toset(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
      for metric in widget.properties.metrics : try(
        join(" ", regex("^SEARCH\\('\\{credvend-query,([a-z]+)\\} MetricName=\"([A-Za-z]+)\"'", metric[0].expression)),
        " ${metric[1]}",
      ) if try(metric[0].expression, metric[0]) != "AWS/Lambda" && try(metric[0].expression, metric[0]) != "AWS/ApiGateway"
    ]])) == toset([for name, dimensions in jsondecode(file("../../tests/cases/query-api/metrics.json")) : "${join(" ", dimensions)} ${name}"])
    error_message = aws_cloudwatch_dashboard.this.dashboard_body
  }
}

run "a_missing_package_names_the_script_that_builds_it" {
  command = plan
  variables {
    lambda_zip = "./tests/no-such-package.zip"
  }
  expect_failures = [aws_lambda_function.query]
}
