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

variables {
  environment = "dev"
  aws_region  = "eu-west-1"
  bucket_name = "example-logs"
  tags        = { "cost-center" = "4711" }
  issuer_url  = "https://idp.example.com/realms/servers"
  audiences   = ["credvend"]
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

run "refuses_an_issuer_over_plain_http" {
  command = plan

  variables {
    issuer_url = "http://idp.example.com"
  }

  expect_failures = [var.issuer_url]
}

run "refuses_an_issuer_with_a_port" {
  command = plan

  variables {
    issuer_url = "https://idp.example.com:8443/realms/servers"
  }

  expect_failures = [var.issuer_url]
}

run "refuses_no_audience" {
  command = plan

  variables {
    audiences = []
  }

  expect_failures = [var.audiences]
}

run "refuses_any_audience" {
  command = plan

  variables {
    audiences = ["*"]
  }

  expect_failures = [var.audiences]
}

run "refuses_an_audience_twice" {
  command = plan

  variables {
    audiences = ["credvend", "credvend"]
  }

  expect_failures = [var.audiences]
}
