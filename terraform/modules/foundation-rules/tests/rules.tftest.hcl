variables {
  name                     = "credvend"
  environment              = "dev"
  aws_region               = "eu-west-1"
  tags                     = {}
  bucket_name              = "example-logs"
  existing_bucket_name     = null
  destroy_objects_of       = null
  kms_key_arn              = null
  role_path                = "/"
  permissions_boundary_arn = null
}

run "passes_on_what_it_has_checked" {
  command = plan

  variables {
    environment              = "prod"
    aws_region               = "eusc-de-east-1"
    tags                     = { Environment = "production" }
    destroy_objects_of       = "example-logs"
    kms_key_arn              = "arn:aws-eusc:kms:eusc-de-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    role_path                = "/teams/logs/"
    permissions_boundary_arn = "arn:aws-eusc:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = output.name == "credvend" && output.environment == "prod" && output.aws_region == "eusc-de-east-1"
    error_message = "Name, environment or region is another one."
  }

  assert {
    condition     = output.tags == { project = "credvend", Environment = "production" }
    error_message = jsonencode(output.tags)
  }

  assert {
    condition     = output.bucket_name == "example-logs" && output.existing_bucket_name == null && output.destroy_objects_of == "example-logs"
    error_message = "The bucket is another one."
  }

  assert {
    condition     = output.role_path == "/teams/logs/" && endswith(output.permissions_boundary_arn, "policy/boundary") && endswith(output.kms_key_arn, "1234567890ab")
    error_message = "Path, boundary or key is another one."
  }
}

run "refuses_a_name_with_capitals" {
  command = plan

  variables {
    name = "Credvend"
  }

  expect_failures = [var.name]
}

run "refuses_a_name_over_21_characters" {
  command = plan

  variables {
    name = "credvend-0123456789-01"
  }

  expect_failures = [var.name]
}

run "refuses_an_unknown_environment" {
  command = plan

  variables {
    environment = "staging"
  }

  expect_failures = [var.environment]
}

run "refuses_no_bucket" {
  command = plan

  variables {
    bucket_name = null
  }

  expect_failures = [var.bucket_name]
}

run "refuses_two_buckets" {
  command = plan

  variables {
    existing_bucket_name = "corp-logs"
  }

  expect_failures = [var.bucket_name]
}

run "refuses_a_bucket_name_with_dots" {
  command = plan

  variables {
    bucket_name = "example.logs"
  }

  expect_failures = [var.bucket_name]
}

run "refuses_an_arn_as_name" {
  command = plan

  variables {
    bucket_name          = null
    existing_bucket_name = "arn:aws:s3:::corp-logs"
  }

  expect_failures = [var.existing_bucket_name]
}

run "refuses_to_destroy_objects_of_another_bucket" {
  command = plan

  variables {
    destroy_objects_of = "example-log"
  }

  expect_failures = [var.destroy_objects_of]
}

run "refuses_to_destroy_objects_of_a_bucket_that_exists" {
  command = plan

  variables {
    bucket_name          = null
    existing_bucket_name = "corp-logs"
    destroy_objects_of   = "corp-logs"
  }

  expect_failures = [var.destroy_objects_of]
}

run "refuses_an_alias_as_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/logs"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_a_name_that_starts_with_a_digit" {
  command = plan

  variables {
    name = "1credvend"
  }

  expect_failures = [var.name]
}

run "refuses_a_bucket_name_in_capitals" {
  command = plan

  variables {
    bucket_name = "Example-Logs"
  }

  expect_failures = [var.bucket_name]
}

run "refuses_a_url_as_existing_bucket" {
  command = plan

  variables {
    bucket_name          = null
    existing_bucket_name = "s3://corp-logs"
  }

  expect_failures = [var.existing_bucket_name]
}

run "refuses_a_key_id_as_key" {
  command = plan

  variables {
    kms_key_arn = "1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_a_path_without_its_slash" {
  command = plan

  variables {
    role_path = "/teams"
  }

  expect_failures = [var.role_path]
}

run "refuses_a_pattern_as_path" {
  command = plan

  variables {
    role_path = "/*/"
  }

  expect_failures = [var.role_path]
}

run "refuses_a_relative_path" {
  command = plan

  variables {
    role_path = "teams/"
  }

  expect_failures = [var.role_path]
}

run "refuses_a_role_as_boundary" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:role/boundary"
  }

  expect_failures = [var.permissions_boundary_arn]
}
