mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::corp-logs" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/of-the-mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/of-the-mock" }
  }
}

mock_provider "azuread" {
  override_during = plan

  mock_resource "azuread_application" {
    defaults = { id = "/applications/99999999-0000-0000-0000-000000000000", client_id = "aaaaaaaa-0000-0000-0000-000000000000" }
  }
  mock_resource "azuread_service_principal" {
    defaults = { object_id = "bbbbbbbb-0000-0000-0000-000000000000" }
  }
  mock_resource "azuread_application_password" {
    defaults = { value = "secret-of-the-mock" }
  }
}

override_data {
  target = data.terraform_remote_state.foundation
  values = {
    # Without bucket_kms_key_arn: a state keeps no outputs that are null.
    outputs = {
      name                            = "credvend"
      environment                     = "dev"
      aws_region                      = "eu-west-1"
      tags                            = { project = "credvend", environment = "dev" }
      bucket_name                     = "example-logs"
      bucket_arn                      = "arn:aws:s3:::example-logs"
      tenant_id                       = "11111111-2222-3333-4444-555555555555"
      api_client_id                   = "cccccccc-0000-0000-0000-000000000000"
      api_scope                       = "api://11111111-2222-3333-4444-555555555555/credvend/.default"
      api_service_principal_object_id = "dddddddd-0000-0000-0000-000000000000"
      api_role_id                     = "eeeeeeee-0000-0000-0000-000000000000"
    }
  }
}

variables {
  aws_region   = "eu-west-1"
  state_bucket = "credvend-state"
  servers = {
    "web-01" = { s3_path_prefix = "logs/web-01/" }
    "web-02" = { s3_path_prefix = "logs/web-02/", s3_permissions = "full", max_session_duration = 43200 }
  }
}

run "a_role_takes_its_own_server_only" {
  command = plan

  assert {
    condition = jsondecode(module.role["web-01"].trust_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/of-the-mock" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0:aud" = ["cccccccc-0000-0000-0000-000000000000", "aaaaaaaa-0000-0000-0000-000000000000"]
          "login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0:sub" = ["bbbbbbbb-0000-0000-0000-000000000000"]
        }
        StringEqualsIfExists = { "login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0:oaud" = ["cccccccc-0000-0000-0000-000000000000"] }
      }
    }]
    error_message = module.role["web-01"].trust_policy
  }

  assert {
    condition     = toset(jsondecode(module.role["web-01"].permissions_policy).Statement[*].Resource) == toset(["arn:aws:s3:::example-logs/logs/web-01/*"])
    error_message = module.role["web-01"].permissions_policy
  }

  assert {
    condition     = toset(jsondecode(module.role["web-02"].permissions_policy).Statement[*].Resource) == toset(["arn:aws:s3:::example-logs/logs/web-02/*", "arn:aws:s3:::example-logs"])
    error_message = module.role["web-02"].permissions_policy
  }

  assert {
    condition     = one([for statement in jsondecode(module.role["web-02"].permissions_policy).Statement : statement.Condition if statement.Action == "s3:ListBucket"]) == { StringLike = { "s3:prefix" = "logs/web-02/*" } }
    error_message = "A list of another prefix, or of the whole bucket, is not the server's affair."
  }
}

run "what_a_server_is_told" {
  command = plan

  assert {
    condition = output.server_configurations["web-01"] == {
      IDP_TYPE        = "entra"
      ENTRA_TENANT_ID = "11111111-2222-3333-4444-555555555555"
      ENTRA_CLIENT_ID = "aaaaaaaa-0000-0000-0000-000000000000"
      ENTRA_SCOPE     = "api://11111111-2222-3333-4444-555555555555/credvend/.default"
      AWS_REGION      = "eu-west-1"
      AWS_ROLE_ARN    = "arn:aws:iam::123456789012:role/of-the-mock"
      S3_BUCKET       = "example-logs"
      S3_PATH_PREFIX  = "logs/web-01/"
    }
    error_message = jsonencode(output.server_configurations["web-01"])
  }

  assert {
    condition     = nonsensitive(output.server_secrets["web-02"]) == { ENTRA_CLIENT_SECRET = "secret-of-the-mock" }
    error_message = "The secret is missing."
  }
}

run "the_provider_knows_api_and_clients" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/" } }
  }

  assert {
    condition     = aws_iam_openid_connect_provider.this[0].url == "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"
    error_message = "The issuer of version 2 tokens."
  }

  assert {
    condition     = toset(aws_iam_openid_connect_provider.this[0].client_id_list) == toset(["cccccccc-0000-0000-0000-000000000000", "aaaaaaaa-0000-0000-0000-000000000000"])
    error_message = "STS looks up a token's azp, or else its aud."
  }
}

run "two_secrets_while_one_replaces_the_other" {
  command = plan

  variables {
    servers = { "web-01" = {
      s3_path_prefix = "logs/web-01/"
      client_secrets = [{ name = "2026" }, { name = "2027", end_date = "2028-01-31T00:00:00Z" }]
    } }
  }

  assert {
    condition     = nonsensitive(keys(output.server_secrets["web-01"])) == ["ENTRA_CLIENT_SECRET", "ENTRA_CLIENT_SECRET_NEXT"]
    error_message = "The client tries the second when the first is refused."
  }
}

run "takes_a_provider_that_exists" {
  command = plan

  variables {
    existing_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/existing"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0 && local.oidc_provider_arn == "arn:aws:iam::123456789012:oidc-provider/existing"
    error_message = "An account has one provider for an issuer; one that exists is used."
  }
}

run "refuses_what_is_no_provider" {
  command = plan

  variables {
    existing_oidc_provider_arn = "https://idp.example.com"
  }

  expect_failures = [var.existing_oidc_provider_arn]
}

run "refuses_more_servers_than_the_provider_takes" {
  command = plan

  variables {
    servers = { for number in range(100) : "web-${number}" => { s3_path_prefix = "logs/${number}/" } }
  }

  expect_failures = [aws_iam_openid_connect_provider.this]
}

run "refuses_no_secret" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", client_secrets = [] } }
  }

  expect_failures = [var.servers]
}

run "refuses_three_secrets" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", client_secrets = [{ name = "1" }, { name = "2" }, { name = "3" }] } }
  }

  expect_failures = [var.servers]
}

run "refuses_two_secrets_of_one_name" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", client_secrets = [{ name = "1" }, { name = "1" }] } }
  }

  expect_failures = [var.servers]
}

run "refuses_what_is_no_date" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", client_secrets = [{ name = "1", end_date = "next year" }] } }
  }

  expect_failures = [var.servers]
}

run "the_provider_keeps_the_client_ids_of_others" {
  command = plan

  variables {
    other_client_ids = ["of-another-environment"]
  }

  assert {
    condition     = contains(aws_iam_openid_connect_provider.this[0].client_id_list, "of-another-environment")
    error_message = "Another environment's tokens would be refused."
  }
}

run "refuses_a_pattern_as_another_client_id" {
  command = plan

  variables {
    other_client_ids = ["*"]
  }

  expect_failures = [var.other_client_ids]
}

run "refuses_the_servers_bucket_for_the_state" {
  command = plan

  variables {
    state_bucket = "example-logs"
  }

  expect_failures = [output.server_configurations]
}
