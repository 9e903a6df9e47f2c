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

mock_provider "auth0" {
  override_during = plan

  mock_resource "auth0_client" {
    defaults = { id = "abc", client_id = "abc" }
  }
  mock_resource "auth0_client_credentials" {
    defaults = { client_secret = "secret-of-the-mock" }
  }
}

override_data {
  target = data.terraform_remote_state.foundation
  values = {
    # Without bucket_kms_key_arn: a state keeps no outputs that are null.
    outputs = {
      name           = "credvend"
      environment    = "dev"
      aws_region     = "eu-west-1"
      tags           = { project = "credvend", environment = "dev" }
      bucket_name    = "example-logs"
      bucket_arn     = "arn:aws:s3:::example-logs"
      auth0_domain   = "example.eu.auth0.com"
      auth0_audience = "https://credvend.example.com"
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
          "example.eu.auth0.com/:aud" = ["https://credvend.example.com", "abc"]
          "example.eu.auth0.com/:sub" = ["abc@clients"]
        }
        StringEqualsIfExists = { "example.eu.auth0.com/:oaud" = ["https://credvend.example.com"] }
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
      IDP_TYPE        = "auth0"
      AUTH0_DOMAIN    = "example.eu.auth0.com"
      AUTH0_CLIENT_ID = "abc"
      AUTH0_AUDIENCE  = "https://credvend.example.com"
      AWS_REGION      = "eu-west-1"
      AWS_ROLE_ARN    = "arn:aws:iam::123456789012:role/of-the-mock"
      S3_BUCKET       = "example-logs"
      S3_PATH_PREFIX  = "logs/web-01/"
    }
    error_message = jsonencode(output.server_configurations["web-01"])
  }

  assert {
    condition     = nonsensitive(output.server_secrets["web-02"]) == { AUTH0_CLIENT_SECRET = "secret-of-the-mock" }
    error_message = "The secret is missing."
  }
}

run "the_provider_knows_audience_and_clients" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/" } }
  }

  assert {
    condition     = aws_iam_openid_connect_provider.this[0].url == "https://example.eu.auth0.com/"
    error_message = "The slash at the issuer's end is part of it."
  }

  assert {
    condition     = toset(aws_iam_openid_connect_provider.this[0].client_id_list) == toset(["https://credvend.example.com", "abc"])
    error_message = "STS looks up a token's azp, or else its aud."
  }

  assert {
    condition     = local.issuer_host == "example.eu.auth0.com/"
    error_message = "The slash stands before the colon of the condition keys too."
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
