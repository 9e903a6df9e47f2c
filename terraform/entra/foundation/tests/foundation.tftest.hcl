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

variables {
  environment = "dev"
  aws_region  = "eu-west-1"
  bucket_name = "example-logs"
  tags        = { "cost-center" = "4711" }
  tenant_id   = "11111111-2222-3333-4444-555555555555"
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
    condition     = azuread_application.api.api[0].requested_access_token_version == 2
    error_message = "Version 2 tokens: the issuer ends in /v2.0, the audience is the client id."
  }

  assert {
    condition     = azuread_service_principal.api.app_role_assignment_required
    error_message = "Without an assignment there is no token."
  }

  assert {
    condition     = one(azuread_application.api.app_role[*].allowed_member_types) == toset(["Application"])
    error_message = "The role is for applications, not for people."
  }

  assert {
    condition     = output.api_scope == "api://11111111-2222-3333-4444-555555555555/credvend/.default"
    error_message = "Servers ask for all that they were assigned."
  }
}

run "refuses_a_domain_as_tenant" {
  command = plan

  variables {
    tenant_id = "example.onmicrosoft.com"
  }

  expect_failures = [var.tenant_id]
}
