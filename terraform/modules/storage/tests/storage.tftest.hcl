mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::corp-logs" }
  }
}

run "makes_a_bucket_that_expires_in_dev" {
  command = plan

  variables {
    environment = "dev"
    bucket_name = "example-logs"
  }

  assert {
    condition     = output.bucket_name == "example-logs" && output.bucket_arn == "arn:aws:s3:::example-logs"
    error_message = "The bucket's name and ARN are known before it exists."
  }
}

run "uses_a_bucket_that_exists" {
  command = plan

  variables {
    environment          = "prod"
    existing_bucket_name = "corp-logs"
  }

  assert {
    condition     = output.bucket_name == "corp-logs" && output.bucket_arn == "arn:aws:s3:::corp-logs"
    error_message = "The bucket that exists is used."
  }

  assert {
    condition     = length(module.bucket) == 0
    error_message = "Nothing is made of a bucket that exists."
  }
}
