mock_provider "aws" {
  override_during = plan

  mock_resource "aws_cognito_user_pool_client" {
    defaults = { id = "1example23456789", client_secret = "secret-of-the-mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/of-the-mock" }
  }
}

override_data {
  target = data.terraform_remote_state.foundation
  values = {
    outputs = {
      name                                   = "credvend"
      aws_region                             = "eu-west-1"
      tags                                   = { project = "credvend", environment = "dev" }
      cognito_user_pool_id                   = "eu-west-1_Example01"
      cognito_issuer                         = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
      cognito_domain                         = "example"
      resource_server_identifier             = "credvend"
      credential_vending_api_url             = "https://api.example.com/credentials"
      credential_vending_lambda_role_arn     = "arn:aws:iam::123456789012:role/credvend-vending-lambda"
      credential_vending_lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending"
      role_path                              = "/"
      session_identity                       = "tags"
      client_roles_table_name                = "credvend-clients"
      bucket_name                            = "example-logs"
      bucket_arn                             = "arn:aws:s3:::example-logs"
    }
  }
}

variables {
  aws_region   = "eu-west-1"
  state_bucket = "credvend-state"
  servers = {
    "web-01" = { s3_path_prefix = "logs/web-01/" }
    "web-02" = { s3_path_prefix = "logs/web-02/", s3_permissions = "full" }
  }
}

run "what_a_server_is_told" {
  command = plan

  assert {
    condition = output.server_configurations["web-01"] == {
      IDP_TYPE                   = "cognito"
      AWS_REGION                 = "eu-west-1"
      COGNITO_DOMAIN             = "example"
      COGNITO_CLIENT_ID          = "1example23456789"
      COGNITO_RESOURCE_SERVER    = "credvend"
      COGNITO_CREDENTIAL_API_URL = "https://api.example.com/credentials"
      S3_BUCKET                  = "example-logs"
      S3_PATH_PREFIX             = "logs/web-01/"
    }
    error_message = jsonencode(output.server_configurations["web-01"])
  }

  assert {
    condition     = nonsensitive(output.server_secrets["web-02"]) == { COGNITO_CLIENT_SECRET = "secret-of-the-mock" }
    error_message = "The secret is missing."
  }

  assert {
    condition     = length(module.shared_role) == 0 && length(module.server) == 2
    error_message = "Servers have roles of their own unless told otherwise."
  }
}

run "shared_role_makes_one_role_a_level" {
  command = plan

  variables {
    access_mode = "shared-role"
    servers = {
      "web-01" = { s3_path_prefix = "logs/web-01/" }
      "web-02" = { s3_path_prefix = "logs/web-02/" }
      "web-03" = { s3_path_prefix = "logs/web-03/", s3_permissions = "full" }
    }
  }

  assert {
    condition     = toset(keys(module.shared_role)) == toset(["write", "full"])
    error_message = "Roles: ${join(", ", keys(module.shared_role))}"
  }

  assert {
    condition     = length(distinct(values(output.server_roles))) == 1 && length(output.server_roles) == 3
    error_message = "A server has a role of its own."
  }
}

run "shared_roles_open_what_the_tag_names" {
  command = plan

  variables {
    access_mode = "shared-role"
  }

  assert {
    condition     = alltrue([for role in values(module.shared_role) : strcontains(role.policy_json, "$${aws:PrincipalTag/s3_prefix}/*") && !strcontains(role.policy_json, "example-logs/*")])
    error_message = join("\n", values(module.shared_role)[*].policy_json)
  }
}

run "refuses_shared_roles_for_sessions_without_tags" {
  command = plan

  override_data {
    target = data.terraform_remote_state.foundation
    values = {
      outputs = {
        name                                   = "credvend", aws_region = "eu-west-1", tags = {}, cognito_user_pool_id = "eu-west-1_Example01"
        cognito_issuer                         = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01", cognito_domain = "example"
        resource_server_identifier             = "credvend", credential_vending_api_url = "https://api.example.com/credentials"
        credential_vending_lambda_role_arn     = "arn:aws:iam::123456789012:role/credvend-vending-lambda"
        credential_vending_lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending"
        role_path                              = "/", session_identity = "name", client_roles_table_name = "credvend-clients"
        bucket_name                            = "example-logs", bucket_arn = "arn:aws:s3:::example-logs"
      }
    }
  }

  variables {
    access_mode = "shared-role"
  }

  expect_failures = [output.server_roles]
}

run "refuses_a_prefix_that_no_tag_can_hold" {
  command = plan
  variables {
    access_mode = "shared-role"
    servers     = { "web-01" = { s3_path_prefix = "logs/web(01)/" } }
  }
  expect_failures = [var.servers]
}

run "a_server_of_its_own_role_may_have_such_a_prefix" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web(01)/" } }
  }
}

run "an_overlap_may_be_named_by_the_outer_server" {
  command = plan
  variables {
    servers = {
      "collector" = { s3_path_prefix = "logs/", s3_permissions = "full", overlaps_with = ["web-01"] }
      "web-01"    = { s3_path_prefix = "logs/web-01/" }
    }
  }
}

run "an_overlap_may_be_named_by_the_inner_server" {
  command = plan
  variables {
    servers = {
      "collector" = { s3_path_prefix = "logs/", s3_permissions = "full" }
      "web-01"    = { s3_path_prefix = "logs/web-01/", overlaps_with = ["collector"] }
    }
  }
}

run "similar_names_are_no_overlap" {
  command = plan
  variables {
    servers = {
      "web-1"  = { s3_path_prefix = "logs/web-1/" }
      "web-10" = { s3_path_prefix = "logs/web-10/" }
    }
  }
}

run "all_that_can_be_said_of_a_server" {
  command = plan
  variables {
    servers = {
      "web-01" = {
        s3_path_prefix           = "logs/web-01/"
        s3_permissions           = "read-write"
        allowed_scopes           = ["write"]
        session_duration_seconds = 900
        external_id              = "example-1"
        disabled                 = true
        expires_at               = "2027-01-31T00:00:00Z"
        source_cidrs             = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]
      }
    }
  }
}

run "no_servers_is_fine" {
  command = plan
  variables {
    servers = {}
  }
}

run "refuses_an_overlap_that_nobody_names" {
  command = plan
  variables {
    servers = {
      "collector" = { s3_path_prefix = "logs/", overlaps_with = ["web-02"] }
      "web-01"    = { s3_path_prefix = "logs/web-01/" }
      "web-02"    = { s3_path_prefix = "logs/web-02/" }
    }
  }
  expect_failures = [var.servers]
}

run "refuses_the_same_prefix_twice" {
  command = plan
  variables {
    servers = {
      "web-01" = { s3_path_prefix = "logs/" }
      "web-02" = { s3_path_prefix = "logs/" }
    }
  }
  expect_failures = [var.servers]
}

run "refuses_an_overlap_with_nobody" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", overlaps_with = ["web-20"] } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_name_in_upper_case" {
  command = plan
  variables {
    servers = { "Web-01" = { s3_path_prefix = "logs/web-01/" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_name_that_is_too_long_for_iam" {
  command = plan
  variables {
    servers = { "w0123456789012345678901234567890123456789012345678" = { s3_path_prefix = "logs/web-01/" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_prefix_without_its_slash" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01" } }
  }
  expect_failures = [var.servers]
}

run "refuses_the_whole_bucket" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_wildcard" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-*/" } }
  }
  expect_failures = [var.servers]
}

run "refuses_climbing" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/../web-02/" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_prefix_that_is_too_long" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "${join("", [for i in range(512) : "a"])}/" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_prefix_that_is_too_long_for_a_session_policy" {
  command = plan
  variables {
    access_mode = "shared-role"
    servers     = { "web-01" = { s3_path_prefix = "${join("", [for i in range(400) : "a"])}/" } }
  }
  expect_failures = [var.servers]
}

run "refuses_unknown_permissions" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "read" } }
  }
  expect_failures = [var.servers]
}

run "refuses_an_unknown_scope" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", allowed_scopes = ["credvend/write"] } }
  }
  expect_failures = [var.servers]
}

run "refuses_no_scope_at_all" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", allowed_scopes = [] } }
  }
  expect_failures = [var.servers]
}

run "refuses_sessions_longer_than_role_chaining_allows" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", session_duration_seconds = 7200 } }
  }
  expect_failures = [var.servers]
}

run "refuses_an_illegal_external_id" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", external_id = "a b" } }
  }
  expect_failures = [var.servers]
}

run "refuses_an_external_id_for_a_shared_role" {
  command = plan
  variables {
    access_mode = "shared-role"
    servers     = { "web-01" = { s3_path_prefix = "logs/web-01/", external_id = "example-1" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_time_in_another_zone" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", expires_at = "2027-01-31T00:00:00+01:00" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_day_that_is_none" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", expires_at = "2027-02-30T00:00:00Z" } }
  }
  expect_failures = [var.servers]
}

run "refuses_an_address_without_its_mask" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", source_cidrs = ["10.0.0.1"] } }
  }
  expect_failures = [var.servers]
}

run "refuses_no_network_at_all" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", source_cidrs = [] } }
  }
  expect_failures = [var.servers]
}

run "refuses_to_observe_what_is_always_enforced" {
  command = plan
  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", observe = ["source_cidrs", "disabled"] } }
  }
  expect_failures = [var.servers]
}

run "refuses_an_unknown_access_mode" {
  command = plan
  variables {
    access_mode = "shared"
  }
  expect_failures = [var.access_mode]
}

run "refuses_tokens_of_a_minute" {
  command = plan
  variables {
    access_token_minutes = 1
  }
  expect_failures = [var.access_token_minutes]
}

run "refuses_the_servers_bucket_for_the_state" {
  command = plan

  variables {
    state_bucket = "example-logs"
  }

  expect_failures = [output.server_configurations]
}
