variables {
  sid                 = "Vend"
  lambda_role_arn     = "arn:aws:iam::123456789012:role/credvend-vending-lambda"
  lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending"
}

run "the_function_alone" {
  command = plan

  assert {
    condition = jsondecode(output.policy_json) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "Vend"
          Effect    = "Allow"
          Principal = { AWS = "arn:aws:iam::123456789012:role/credvend-vending-lambda" }
          Action    = "sts:AssumeRole"
          Condition = { ArnEqualsIfExists = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending" } }
        },
        {
          Sid       = "Name"
          Effect    = "Allow"
          Principal = { AWS = "arn:aws:iam::123456789012:role/credvend-vending-lambda" }
          Action    = ["sts:TagSession", "sts:SetSourceIdentity"]
          Condition = { ArnEqualsIfExists = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending" } }
        },
      ]
    }
    error_message = output.policy_json
  }
}

run "an_external_id_is_a_condition_of_assuming" {
  command = plan

  variables {
    external_id = "example-1"
  }

  assert {
    condition     = [for statement in jsondecode(output.policy_json).Statement : try(statement.Condition.StringEquals, null)] == [{ "sts:ExternalId" = "example-1" }, null]
    error_message = output.policy_json
  }
}

run "refuses_a_lambda_that_is_no_role" {
  command = plan
  variables {
    lambda_role_arn = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending"
  }
  expect_failures = [var.lambda_role_arn]
}

run "refuses_a_pattern_of_roles" {
  command = plan
  variables {
    lambda_role_arn = "*"
  }
  expect_failures = [var.lambda_role_arn]
}

run "refuses_a_version_of_the_function" {
  command = plan
  variables {
    lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending:7"
  }
  expect_failures = [var.lambda_function_arn]
}

run "refuses_a_pattern_of_functions" {
  command = plan
  variables {
    lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:*"
  }
  expect_failures = [var.lambda_function_arn]
}

run "refuses_an_illegal_external_id" {
  command = plan
  variables {
    external_id = "x"
  }
  expect_failures = [var.external_id]
}
