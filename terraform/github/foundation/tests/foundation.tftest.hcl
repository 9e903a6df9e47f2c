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

run "makes_the_provider" {
  command = plan

  assert {
    condition = (
      aws_iam_openid_connect_provider.this[0].url == "https://token.actions.githubusercontent.com"
      && toset(aws_iam_openid_connect_provider.this[0].client_id_list) == toset(["sts.amazonaws.com"])
    )
    error_message = "GitHub's issuer, and tokens that were made for STS."
  }
}

run "takes_a_provider_that_exists" {
  command = plan

  variables {
    existing_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0 && output.oidc_provider_arn == "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    error_message = "An account has one provider for GitHub; one that exists is used."
  }
}

run "refuses_a_pattern_as_audience" {
  command = plan

  variables {
    github_audience = "*"
  }

  expect_failures = [var.github_audience]
}

run "refuses_what_is_no_provider" {
  command = plan

  variables {
    existing_oidc_provider_arn = "token.actions.githubusercontent.com"
  }

  expect_failures = [var.existing_oidc_provider_arn]
}
