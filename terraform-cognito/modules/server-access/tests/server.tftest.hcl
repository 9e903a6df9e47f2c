mock_provider "aws" {
  override_during = plan

  mock_resource "aws_cognito_user_pool_client" {
    defaults = { id = "1example23456789", client_secret = "secret-of-the-mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/credvend-server-web-01" }
  }
}

variables {
  name                       = "credvend"
  server_name                = "web-01"
  user_pool_id               = "eu-west-1_Example01"
  issuer                     = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
  resource_server_identifier = "credvend"
  table_name                 = "credvend-clients"
  lambda_role_arn            = "arn:aws:iam::123456789012:role/credvend-vending-lambda"
  lambda_function_arn        = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending"
  bucket_arn                 = "arn:aws:s3:::example-logs"
  s3_path_prefix             = "logs/web-01/"
}

run "a_role_of_its_own_keeps_it_to_its_prefix" {
  command = plan

  assert {
    condition     = toset(jsondecode(output.role_policy_json).Statement[*].Resource) == toset(["arn:aws:s3:::example-logs/logs/web-01/*"])
    error_message = output.role_policy_json
  }

  assert {
    condition = jsondecode(aws_dynamodb_table_item.this.item) == {
      client_id      = { S = "1example23456789" }
      role_arn       = { S = "arn:aws:iam::123456789012:role/credvend-server-web-01" }
      server_name    = { S = "web-01" }
      issuer         = { S = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01" }
      s3_path_prefix = { S = "logs/web-01/" }
      s3_permissions = { S = "write" }
      allowed_scopes = { SS = ["credvend/write"] }
    }
    error_message = aws_dynamodb_table_item.this.item
  }

  assert {
    condition     = module.app_client.allowed_scopes == toset(["credvend/write"])
    error_message = "The scopes are not those of the level."
  }
}

run "full_lists_its_own_prefix_alone" {
  command = plan

  variables {
    s3_permissions = "full"
  }

  assert {
    condition     = [for statement in jsondecode(output.role_policy_json).Statement : statement.Condition if statement.Action == "s3:ListBucket"] == [{ StringLike = { "s3:prefix" = "logs/web-01/*" } }]
    error_message = output.role_policy_json
  }

  assert {
    condition     = module.app_client.allowed_scopes == toset(["credvend/write", "credvend/read", "credvend/delete", "credvend/list"])
    error_message = "The scopes are not those of the level."
  }
}

run "in_a_shared_role_a_session_policy_keeps_it_to_its_prefix" {
  command = plan

  variables {
    uses_shared_role = true
    shared_role_arn  = "arn:aws:iam::123456789012:role/credvend-shared-write"
  }

  assert {
    condition     = length(module.role) == 0 && output.role_arn == "arn:aws:iam::123456789012:role/credvend-shared-write"
    error_message = "The server has a role of its own."
  }

  assert {
    condition = (
      jsondecode(aws_dynamodb_table_item.this.item).session_policy == { S = "s3-prefix" } &&
      jsondecode(aws_dynamodb_table_item.this.item).s3_path_prefix == { S = "logs/web-01/" } &&
      jsondecode(aws_dynamodb_table_item.this.item).s3_permissions == { S = "write" }
    )
    error_message = "Nothing restricts the session: ${aws_dynamodb_table_item.this.item}"
  }
}

run "every_attribute_of_the_item" {
  command = plan

  variables {
    allowed_scopes           = ["read", "write"]
    session_duration_seconds = 900
    external_id              = "example-1"
    disabled                 = true
    expires_at               = "2027-01-31T12:34:56Z"
    source_cidrs             = ["192.0.2.0/24", "10.0.0.0/8"]
    observe                  = ["source_cidrs", "expires_at"]
  }

  assert {
    condition = { for attribute, value in jsondecode(aws_dynamodb_table_item.this.item) : attribute => value if !contains(["client_id", "role_arn", "server_name", "issuer", "s3_path_prefix", "s3_permissions"], attribute) } == {
      allowed_scopes           = { SS = ["credvend/read", "credvend/write"] }
      session_duration_seconds = { N = "900" }
      external_id              = { S = "example-1" }
      disabled                 = { BOOL = true }
      expires_at               = { N = "1801398896" }
      source_cidrs             = { SS = ["10.0.0.0/8", "192.0.2.0/24"] }
      observe                  = { SS = ["expires_at", "source_cidrs"] }
    }
    error_message = aws_dynamodb_table_item.this.item
  }
}

run "a_leap_day" {
  command = plan
  variables {
    expires_at = "2028-02-29T23:59:59Z"
  }
  assert {
    condition     = jsondecode(aws_dynamodb_table_item.this.item).expires_at == { N = "1835481599" }
    error_message = aws_dynamodb_table_item.this.item
  }
}

run "the_day_after_a_leap_day" {
  command = plan
  variables {
    expires_at = "2028-03-01T00:00:00Z"
  }
  assert {
    condition     = jsondecode(aws_dynamodb_table_item.this.item).expires_at == { N = "1835481600" }
    error_message = aws_dynamodb_table_item.this.item
  }
}

run "the_end_of_a_century" {
  command = plan
  variables {
    expires_at = "2100-12-31T00:00:00Z"
  }
  assert {
    condition     = jsondecode(aws_dynamodb_table_item.this.item).expires_at == { N = "4133894400" }
    error_message = aws_dynamodb_table_item.this.item
  }
}

run "refuses_an_illegal_name" {
  command = plan
  variables {
    server_name = "web 01"
  }
  expect_failures = [var.server_name]
}

run "refuses_the_whole_bucket" {
  command = plan
  variables {
    s3_path_prefix = ""
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_a_time_that_is_none" {
  command = plan
  variables {
    expires_at = "tomorrow"
  }
  expect_failures = [var.expires_at]
}
