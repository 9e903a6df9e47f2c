mock_provider "aws" {}

variables {
  role_name           = "credvend-server-web-01"
  description         = "An example"
  lambda_role_arn     = "arn:aws:iam::123456789012:role/credvend-vending-lambda"
  lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending"
  bucket_arn          = "arn:aws:s3:::example-logs"
  s3_path_prefix      = "logs/web-01/"
  s3_permissions      = "write"
}

run "only_the_lambda_may_assume_it" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
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
    error_message = aws_iam_role.this.assume_role_policy
  }

  assert {
    condition     = aws_iam_role.this.max_session_duration == 3600
    error_message = "Role chaining ends after an hour."
  }

  assert {
    condition     = toset(jsondecode(aws_iam_role_policy.s3.policy).Statement[*].Resource) == toset(["arn:aws:s3:::example-logs/logs/web-01/*"])
    error_message = "The role reaches beyond its prefix: ${aws_iam_role_policy.s3.policy}"
  }
}

run "an_external_id_is_a_condition" {
  command = plan

  variables {
    external_id = "example-1"
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == { ArnEqualsIfExists = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:credvend-vending" }, StringEquals = { "sts:ExternalId" = "example-1" } }
    error_message = aws_iam_role.this.assume_role_policy
  }
}

run "refuses_a_name_that_is_too_long" {
  command = plan
  variables {
    role_name = "credvend-server-0123456789012345678901234567890123456789012345678"
  }
  expect_failures = [var.role_name]
}

run "a_shared_role_without_a_tag_opens_nothing" {
  command = plan
  variables {
    s3_path_prefix = null
    s3_permissions = "full"
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.s3.policy).Statement :
      strcontains(jsonencode(statement), "/$${aws:PrincipalTag/s3_prefix}/*") || jsonencode(try(statement.Condition, null)) == jsonencode({ StringLike = { "s3:prefix" = "$${aws:PrincipalTag/s3_prefix}/*" } })
    ])
    error_message = aws_iam_role_policy.s3.policy
  }
}

run "below_a_path_and_within_a_boundary" {
  command = plan
  variables {
    role_path                = "/teams/"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.this.path == "/teams/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role has another path or no boundary."
  }
}
