# Every validation of this root's own, told by the variable that refuses; terraform/modules/foundation-rules has the rest.

mock_provider "aws" {
  override_during = plan
}

variables {
  environment    = "dev"
  aws_region     = "eu-west-1"
  bucket_name    = "example-logs"
  cognito_domain = "example"
  lambda_zip     = "./tests/package.txt"
}

run "refuses_name_that_reaches_into_anothers_roles" {
  command = plan
  variables {
    name = "credvend-server-a"
  }
  expect_failures = [var.name]
}

run "refuses_key_of_an_existing_bucket_for_a_new_one" {
  command = plan
  variables {
    existing_bucket_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/theirs"
  }
  expect_failures = [var.existing_bucket_kms_key_arn]
}

run "refuses_alias_as_key" {
  command = plan
  variables {
    kms_key = "alias/example"
  }
  expect_failures = [var.kms_key]
}

run "refuses_two_cognito_domains" {
  command = plan
  variables {
    cognito_custom_domain = { domain_name = "auth.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/a" }
  }
  expect_failures = [var.cognito_domain]
}

run "refuses_no_cognito_domain" {
  command = plan
  variables {
    cognito_domain = null
  }
  expect_failures = [var.cognito_domain]
}

run "refuses_host_as_cognito_domain" {
  command = plan
  variables {
    cognito_domain = "auth.example.com"
  }
  expect_failures = [var.cognito_domain]
}

run "refuses_reserved_word_in_the_cognito_domain" {
  command = plan
  variables {
    cognito_domain = "my-cognito"
  }
  expect_failures = [var.cognito_domain]
}

run "refuses_url_as_custom_domain" {
  command = plan
  variables {
    cognito_domain        = null
    cognito_custom_domain = { domain_name = "https://auth.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/a" }
  }
  expect_failures = [var.cognito_custom_domain]
}

run "refuses_cognito_certificate_of_another_region" {
  command = plan
  variables {
    cognito_domain        = null
    cognito_custom_domain = { domain_name = "auth.example.com", certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/a" }
  }
  expect_failures = [var.cognito_custom_domain]
}

run "refuses_resource_server_with_a_space" {
  command = plan
  variables {
    resource_server_identifier = "my api"
  }
  expect_failures = [var.resource_server_identifier]
}

run "refuses_rate_rule_below_aws_wafs_least" {
  command = plan
  variables {
    waf_token_rate_limit = 5
  }
  expect_failures = [var.waf_token_rate_limit]
}

run "refuses_unknown_architecture" {
  command = plan
  variables {
    lambda_architecture = "aarch64"
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

run "refuses_timeout_longer_than_the_api_waits" {
  command = plan
  variables {
    lambda_timeout_seconds = 60
  }
  expect_failures = [var.lambda_timeout_seconds]
}

run "refuses_negative_concurrency" {
  command = plan
  variables {
    lambda_reserved_concurrency = -1
  }
  expect_failures = [var.lambda_reserved_concurrency]
}

run "refuses_sessions_longer_than_role_chaining_allows" {
  command = plan
  variables {
    session_duration_seconds = 7200
  }
  expect_failures = [var.session_duration_seconds]
}

run "refuses_sessions_shorter_than_sts_allows" {
  command = plan
  variables {
    session_duration_seconds = 600
  }
  expect_failures = [var.session_duration_seconds]
}

run "refuses_unknown_session_identity" {
  command = plan
  variables {
    session_identity = "none"
  }
  expect_failures = [var.session_identity]
}

run "refuses_unknown_log_level" {
  command = plan
  variables {
    log_level = "loud"
  }
  expect_failures = [var.log_level]
}

run "refuses_scopes_in_one_string" {
  command = plan
  variables {
    required_scopes = ["credvend/write credvend/read"]
  }
  expect_failures = [var.required_scopes]
}

run "refuses_audience_with_a_space" {
  command = plan
  variables {
    allowed_audiences = ["a b"]
  }
  expect_failures = [var.allowed_audiences]
}

run "refuses_limit_of_nothing" {
  command = plan
  variables {
    rate_limit_per_minute = 0
  }
  expect_failures = [var.rate_limit_per_minute]
}

run "refuses_failure_limit_of_nothing" {
  command = plan
  variables {
    failure_limit_per_minute = 0
  }
  expect_failures = [var.failure_limit_per_minute]
}

run "refuses_to_keep_credentials_for_long" {
  command = plan
  variables {
    vend_cache_seconds = 301
  }
  expect_failures = [var.vend_cache_seconds]
}

run "refuses_to_observe_rules_of_nobody" {
  command = plan
  variables {
    observe_rules = { source_cidrs = [""] }
  }
  expect_failures = [var.observe_rules]
}

run "refuses_issuer_over_http" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "http://idp.example.com", audiences = ["credvend"] }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_issuer_of_an_unknown_kind" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", kind = "saml", audiences = ["credvend"] }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_issuer_without_audience" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com" }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_issuer_with_a_symmetric_algorithm" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", audiences = ["credvend"], algorithms = ["HS256"] }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_issuer_twice" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", audiences = ["a"] }, { issuer = "https://idp.example.com", audiences = ["b"] }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_throttling_that_refuses_everything" {
  command = plan
  variables {
    api_throttling = { rate = 0 }
  }
  expect_failures = [var.api_throttling]
}

run "refuses_url_as_api_domain" {
  command = plan
  variables {
    api_custom_domain = { domain_name = "https://api.example.com/", certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/b" }
  }
  expect_failures = [var.api_custom_domain]
}

run "refuses_api_certificate_of_another_region" {
  command = plan
  variables {
    api_custom_domain = { domain_name = "api.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/b" }
  }
  expect_failures = [var.api_custom_domain]
}

run "refuses_retention_cloudwatch_does_not_know" {
  command = plan
  variables {
    log_retention_days = 10
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_topic_that_is_none" {
  command = plan
  variables {
    alarm_topic_arns = ["on-call@example.com"]
  }
  expect_failures = [var.alarm_topic_arns]
}

run "refuses_denial_code_that_does_not_exist" {
  command = plan
  variables {
    alarms = { denials = { forbidden = 1 } }
  }
  expect_failures = [var.alarms]
}

run "refuses_error_code_that_does_not_exist" {
  command = plan
  variables {
    alarms = { errors = { invalid_token = 1 } }
  }
  expect_failures = [var.alarms]
}

run "refuses_negative_threshold" {
  command = plan
  variables {
    alarms = { throttles = -1 }
  }
  expect_failures = [var.alarms]
}

run "refuses_silence_of_two_days" {
  command = plan
  variables {
    alarms = { no_vends_hours = 48 }
  }
  expect_failures = [var.alarms]
}

run "refuses_a_vpc_without_security_groups" {
  command = plan
  variables {
    lambda_vpc = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = [] }
  }
  expect_failures = [var.lambda_vpc]
}

run "refuses_a_subnet_by_its_name" {
  command = plan
  variables {
    lambda_vpc = { subnet_ids = ["private-a"], security_group_ids = ["sg-0123456789abcdef0"] }
  }
  expect_failures = [var.lambda_vpc]
}

run "refuses_a_layer_without_its_version" {
  command = plan
  variables {
    lambda_layer_arns = ["arn:aws:lambda:eu-west-1:123456789012:layer:company-ca"]
  }
  expect_failures = [var.lambda_layer_arns]
}

run "refuses_a_ca_bundle_of_this_machine" {
  command = plan
  variables {
    ca_bundle_path = "/etc/ssl/company-ca.pem"
  }
  expect_failures = [var.ca_bundle_path]
}

run "refuses_another_way_to_what_is_set_here" {
  command = plan
  variables {
    lambda_environment = { COGNITO_ISSUER = "https://idp.example.com" }
  }
  expect_failures = [var.lambda_environment]
}

run "refuses_an_issuer_host_that_is_not_cognitos" {
  command = plan
  variables {
    cognito_issuer_host = "issuer.example.com"
  }
  expect_failures = [var.cognito_issuer_host]
}

run "refuses_an_issuer_url_as_its_host" {
  command = plan
  variables {
    cognito_issuer_host = "https://issuer-cognito-idp.eu-west-1.amazonaws.com"
  }
  expect_failures = [var.cognito_issuer_host]
}

run "refuses_the_namespace_of_aws" {
  command = plan
  variables {
    metrics_namespace = "AWS/Lambda"
  }
  expect_failures = [var.metrics_namespace]
}

run "refuses_a_namespace_with_a_space" {
  command = plan
  variables {
    metrics_namespace = "my vending"
  }
  expect_failures = [var.metrics_namespace]
}

run "refuses_an_empty_key_set" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", audiences = ["credvend"], jwks = "{\"keys\": []}" }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_a_key_set_and_its_address" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", audiences = ["credvend"], jwks = "{\"keys\": [{}]}", jwks_uri = "https://idp.example.com/keys" }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_tokens_of_no_lifetime" {
  command = plan
  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", audiences = ["credvend"], max_token_lifetime_seconds = 0 }]
  }
  expect_failures = [var.trusted_issuers]
}

run "refuses_a_lifetime_of_more_than_30_days" {
  command = plan

  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", audiences = ["credvend"], max_token_lifetime_seconds = 2592001 }]
  }

  expect_failures = [var.trusted_issuers]
}

run "refuses_people_without_a_client_claim" {
  command = plan

  variables {
    trusted_issuers = [{ issuer = "https://idp.example.com", audiences = ["credvend"], accept_user_tokens = true }]
  }

  expect_failures = [var.trusted_issuers]
}

run "refuses_a_client_claim_of_cognito" {
  command = plan

  variables {
    trusted_issuers = [{ issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other0001", kind = "cognito", client_claim = "azp" }]
  }

  expect_failures = [var.trusted_issuers]
}
