# Every validation of this root's own, told by the variable that refuses; terraform/modules/foundation-rules has the rest.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/credvend-query-lambda" }
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

run "refuses_a_name_that_reaches_into_anothers_roles" {
  command = plan
  variables {
    name = "credvend-lf-a"
  }
  expect_failures = [var.name]
}

run "refuses_key_of_an_existing_bucket_for_a_new_one" {
  command = plan
  variables {
    existing_bucket_name        = null
    bucket_name                 = "example-new"
    existing_bucket_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/theirs"
  }
  expect_failures = [var.existing_bucket_kms_key_arn]
}

run "refuses_a_pattern_as_prefix" {
  command = plan
  variables {
    results_prefix = "*/"
  }
  expect_failures = [var.results_prefix]
}

run "refuses_a_variable_as_prefix" {
  command = plan
  variables {
    results_prefix = "$${aws:userid}/"
  }
  expect_failures = [var.results_prefix]
}

run "refuses_a_prefix_with_dots" {
  command = plan
  variables {
    results_prefix = "athena/../"
  }
  expect_failures = [var.results_prefix]
}

run "refuses_a_prefix_without_its_slash" {
  command = plan
  variables {
    results_prefix = "athena"
  }
  expect_failures = [var.results_prefix]
}

run "refuses_results_that_expire_at_once" {
  command = plan
  variables {
    results_expiration_days = 0
  }
  expect_failures = [var.results_expiration_days]
}

run "refuses_an_alias_as_key" {
  command = plan
  variables {
    kms_key = "alias/example"
  }
  expect_failures = [var.kms_key]
}

run "refuses_a_host_for_a_new_pool" {
  command = plan
  variables {
    cognito_domain = "auth.example.com"
  }
  expect_failures = [var.cognito_domain]
}

run "refuses_a_reserved_word_in_the_domain" {
  command = plan
  variables {
    cognito_domain = "my-aws"
  }
  expect_failures = [var.cognito_domain]
}

run "refuses_a_pool_of_another_region" {
  command = plan
  variables {
    existing_user_pool_id = "us-east-1_Theirs01"
  }
  expect_failures = [var.existing_user_pool_id]
}

run "refuses_an_identifier_with_a_slash_at_its_end" {
  command = plan
  variables {
    resource_server_identifier = "athena-api/"
  }
  expect_failures = [var.resource_server_identifier]
}

run "refuses_a_client_with_an_unknown_scope" {
  command = plan
  variables {
    clients = { "reporter" = { scope = "query.delete" } }
  }
  expect_failures = [var.clients]
}

run "refuses_a_scope_with_its_identifier" {
  command = plan
  variables {
    clients = { "reporter" = { scope = "athena-api/query.read" } }
  }
  expect_failures = [var.clients]
}

run "refuses_a_client_in_upper_case" {
  command = plan
  variables {
    clients = { "Reporter" = { scope = "query.read" } }
  }
  expect_failures = [var.clients]
}

run "refuses_a_database_with_a_hyphen" {
  command = plan
  variables {
    database_name = "my-data"
  }
  expect_failures = [var.database_name]
}

run "refuses_databases_without_the_one_of_queries" {
  command = plan
  variables {
    databases = { archive = {} }
  }
  expect_failures = [var.databases]
}

run "refuses_columns_given_and_excluded" {
  command = plan
  variables {
    databases = { analytics = { dev_tables = { orders = { columns = ["a"], excluded_columns = ["b"] } } } }
  }
  expect_failures = [var.databases]
}

run "refuses_an_empty_list_of_columns" {
  command = plan
  variables {
    databases = { analytics = { dev_tables = { orders = { columns = [] } } } }
  }
  expect_failures = [var.databases]
}

run "refuses_an_empty_list_of_excluded_columns" {
  command = plan
  variables {
    databases = { analytics = { dev_tables = { orders = { excluded_columns = [] } } } }
  }
  expect_failures = [var.databases]
}

run "refuses_a_tag_that_is_not_made" {
  command = plan
  variables {
    databases = { analytics = { lf_tags = { team = "sales" } } }
  }
  expect_failures = [var.databases]
}

run "refuses_a_tags_value_that_it_does_not_have" {
  command = plan
  variables {
    databases = { analytics = { lf_tags = { team = "it" } } }
    lf_tags   = { team = { values = ["sales"] } }
  }
  expect_failures = [var.databases]
}

run "refuses_a_tag_in_upper_case" {
  command = plan
  variables {
    lf_tags = { Team = { values = ["sales"] } }
  }
  expect_failures = [var.lf_tags]
}

run "refuses_a_role_with_a_value_that_the_tag_has_not" {
  command = plan
  variables {
    lf_tags = { team = { values = ["sales"], dev = ["it"] } }
  }
  expect_failures = [var.lf_tags]
}

run "refuses_a_tag_without_values" {
  command = plan
  variables {
    lf_tags = { team = { values = [] } }
  }
  expect_failures = [var.lf_tags]
}

run "refuses_a_data_location_that_is_a_url" {
  command = plan
  variables {
    data_location_arns = ["s3://example-data/"]
  }
  expect_failures = [var.data_location_arns]
}

run "refuses_a_data_location_with_a_pattern" {
  command = plan
  variables {
    data_location_arns = ["arn:aws:s3:::example-data/*"]
  }
  expect_failures = [var.data_location_arns]
}

run "refuses_a_scan_limit_below_athenas" {
  command = plan
  variables {
    bytes_scanned_cutoff_per_query = 1000000
  }
  expect_failures = [var.bytes_scanned_cutoff_per_query]
}

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    lambda_architecture = "arm"
  }
  expect_failures = [var.lambda_architecture]
}

run "refuses_too_little_memory" {
  command = plan
  variables {
    lambda_memory_mb = 64
  }
  expect_failures = [var.lambda_memory_mb]
}

run "refuses_a_timeout_beyond_the_apis" {
  command = plan
  variables {
    lambda_timeout_seconds = 60
  }
  expect_failures = [var.lambda_timeout_seconds]
}

run "refuses_a_timeout_that_waits_for_nothing" {
  command = plan
  variables {
    lambda_timeout_seconds = 3
  }
  expect_failures = [var.lambda_timeout_seconds]
}

run "refuses_a_negative_concurrency" {
  command = plan
  variables {
    lambda_reserved_concurrency = -1
  }
  expect_failures = [var.lambda_reserved_concurrency]
}

run "refuses_a_variable_of_its_own" {
  command = plan
  variables {
    lambda_environment = { LF_SUPER_ROLE_ARN = "arn:aws:iam::123456789012:role/other" }
  }
  expect_failures = [var.lambda_environment]
}

run "refuses_sessions_beyond_an_hour" {
  command = plan
  variables {
    session_duration_seconds = 7200
  }
  expect_failures = [var.session_duration_seconds]
}

run "refuses_an_unknown_identity" {
  command = plan
  variables {
    session_identity = "none"
  }
  expect_failures = [var.session_identity]
}

run "refuses_a_rate_of_nothing" {
  command = plan
  variables {
    rate_limit_per_minute = 0
  }
  expect_failures = [var.rate_limit_per_minute]
}

run "refuses_an_unknown_log_level" {
  command = plan
  variables {
    log_level = "trace"
  }
  expect_failures = [var.log_level]
}

run "refuses_an_api_that_lets_nothing_through" {
  command = plan
  variables {
    api_throttling = { rate = 0 }
  }
  expect_failures = [var.api_throttling]
}

run "refuses_an_odd_retention" {
  command = plan
  variables {
    log_retention_days = 42
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_amazons_namespace" {
  command = plan
  variables {
    metrics_namespace = "AWS/Athena"
  }
  expect_failures = [var.metrics_namespace]
}

run "refuses_a_queue_as_alarm_topic" {
  command = plan
  variables {
    alarm_topic_arns = ["arn:aws:sqs:eu-west-1:123456789012:on-call"]
  }
  expect_failures = [var.alarm_topic_arns]
}

run "refuses_an_alarm_on_a_code_that_there_is_not" {
  command = plan
  variables {
    alarms = { denials = { no_such_code = 1 } }
  }
  expect_failures = [var.alarms]
}

run "refuses_a_negative_threshold" {
  command = plan
  variables {
    alarms = { throttles = -1 }
  }
  expect_failures = [var.alarms]
}
