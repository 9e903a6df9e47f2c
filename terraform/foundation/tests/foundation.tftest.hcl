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

variables {
  environment    = "dev"
  aws_region     = "eu-west-1"
  bucket_name    = "example-logs"
  tags           = { "cost-center" = "4711" }
  auth0_domain   = "example.eu.auth0.com"
  auth0_audience = "https://credvend.example.com"
}

run "makes_a_bucket" {
  command = plan

  assert {
    condition     = output.bucket_name == "example-logs" && output.bucket_arn == "arn:aws:s3:::example-logs"
    error_message = "Name and ARN of the bucket are known before it exists."
  }

  assert {
    condition     = output.tags == { project = "credvend", environment = "dev", "cost-center" = "4711" }
    error_message = "Project and environment are tags of everything."
  }
}

run "takes_a_bucket_that_exists" {
  command = plan

  variables {
    bucket_name          = null
    existing_bucket_name = "corp-logs"
    kms_key_arn          = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition     = output.bucket_name == "corp-logs" && output.bucket_arn == "arn:aws:s3:::corp-logs"
    error_message = "The bucket that exists is used."
  }

  assert {
    condition     = output.bucket_kms_key_arn == "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    error_message = "Its key is passed on to the roles."
  }
}

run "makes_the_api" {
  command = plan

  assert {
    condition = (
      auth0_resource_server.credvend.identifier == "https://credvend.example.com"
      && auth0_resource_server.credvend.signing_alg == "RS256"
      && auth0_resource_server.credvend.token_lifetime == 3600
    )
    error_message = "The API's identifier is the audience; STS verifies RS256."
  }

  assert {
    condition     = toset(auth0_resource_server_scopes.credvend.scopes[*].name) == toset(["write", "read", "delete", "list"])
    error_message = "The API has the four scopes."
  }
}

run "refuses_a_url_as_domain" {
  command = plan

  variables {
    auth0_domain = "https://example.eu.auth0.com"
  }

  expect_failures = [var.auth0_domain]
}

run "refuses_a_domain_with_slash" {
  command = plan

  variables {
    auth0_domain = "example.eu.auth0.com/"
  }

  expect_failures = [var.auth0_domain]
}

run "refuses_a_pattern_as_audience" {
  command = plan

  variables {
    auth0_audience = "https://*"
  }

  expect_failures = [var.auth0_audience]
}

run "refuses_a_lifetime_under_five_minutes" {
  command = plan

  variables {
    token_lifetime_seconds = 60
  }

  expect_failures = [var.token_lifetime_seconds]
}

run "refuses_a_lifetime_over_a_day" {
  command = plan

  variables {
    token_lifetime_seconds = 86401
  }

  expect_failures = [var.token_lifetime_seconds]
}
