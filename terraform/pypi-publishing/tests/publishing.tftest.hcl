mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/of-the-mock" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:of-the-mock" }
  }
}

override_resource {
  target          = aws_secretsmanager_secret.token
  override_during = plan
  values          = { arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example-lib/pypi-token-a1b2c3" }
}

override_resource {
  target          = aws_secretsmanager_secret.next
  override_during = plan
  values          = { arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example-lib/pypi-token/next-d4e5f6" }
}

variables {
  project            = "example-lib"
  aws_region         = "eu-west-1"
  repository         = "example-corp/lib"
  github_environment = "pypi"
}

# tests/cases/pypi-publishing has a trust policy for each kind of rule; the CloudFormation template is compared with them as well.
run "trusts_one_environment_of_one_repository" {
  command = plan

  assert {
    condition     = jsondecode(output.trust_policy) == jsondecode(file("${path.module}/../../tests/cases/pypi-publishing/environment.json")).trust
    error_message = output.trust_policy
  }

  assert {
    condition     = toset(one(aws_iam_openid_connect_provider.github).client_id_list) == toset(["sts.amazonaws.com"])
    error_message = "GitHub's issuer, and tokens that were made for STS."
  }
}

run "trusts_both_forms_of_sub_and_the_number" {
  command = plan

  variables {
    repository_owner_id = 101
    repository_id       = "202"
  }

  assert {
    condition     = jsondecode(output.trust_policy) == jsondecode(file("${path.module}/../../tests/cases/pypi-publishing/environment-with-numbers.json")).trust
    error_message = output.trust_policy
  }
}

run "trusts_a_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "release/1.x"
  }

  assert {
    condition     = jsondecode(output.trust_policy) == jsondecode(file("${path.module}/../../tests/cases/pypi-publishing/branch.json")).trust
    error_message = output.trust_policy
  }
}

run "trusts_tags_that_begin_alike" {
  command = plan

  variables {
    github_environment  = null
    github_tag          = "v*"
    repository_owner_id = "101"
    repository_id       = "202"
  }

  assert {
    condition     = jsondecode(output.trust_policy) == jsondecode(file("${path.module}/../../tests/cases/pypi-publishing/tags-with-numbers.json")).trust
    error_message = output.trust_policy
  }
}

run "the_role_reads_one_secret" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.read_token.policy).Statement == [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example-lib/pypi-token-a1b2c3"
    }]
    error_message = aws_iam_role_policy.read_token.policy
  }

  assert {
    condition     = output.AWS_ROLE_ARN == "arn:aws:iam::123456789012:role/of-the-mock" && output.AWS_SECRET_NAME == "example-lib/pypi-token" && output.AWS_REGION == "eu-west-1" && output.staged_secret_name == "example-lib/pypi-token/next"
    error_message = "What the repository is told."
  }

  assert {
    condition     = length(aws_lambda_function.rotation) == 0 && length(aws_cloudwatch_metric_alarm.rotation_failed) == 0 && length(aws_secretsmanager_secret_rotation.token) == 0 && output.rotation_function_arn == null
    error_message = "A rotation function is made only where its package is given."
  }
}

run "a_key_is_used_through_secrets_manager_only" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.read_token.policy).Statement[1] == {
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.eu-west-1.amazonaws.com" } }
    }
    error_message = aws_iam_role_policy.read_token.policy
  }

  assert {
    condition     = alltrue([for secret in [aws_secretsmanager_secret.token, aws_secretsmanager_secret.next] : secret.kms_key_id == var.kms_key_arn])
    error_message = "Both secrets are encrypted with it."
  }
}

run "takes_a_provider_that_exists" {
  command = plan

  variables {
    existing_oidc_provider_arn = "arn:aws:iam::210987654321:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && jsondecode(output.trust_policy).Statement[0].Principal.Federated == "arn:aws:iam::210987654321:oidc-provider/token.actions.githubusercontent.com" && !output.oidc_provider_made_here
    error_message = "An account has one provider for GitHub; one that exists is used."
  }
}

run "the_rotation_function_does_four_steps_and_no_more" {
  command = plan

  variables {
    rotation_zip     = "tests/publishing.tftest.hcl" # any file: nothing is uploaded
    index_upload_url = "https://pypi.example.com/legacy/"
    kms_key_arn      = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.rotation[0].policy).Statement : statement.Sid => [statement.Action, statement.Resource]
      } == {
      Token = [
        ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example-lib/pypi-token-a1b2c3",
      ]
      StagedToken = [
        ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example-lib/pypi-token/next-d4e5f6",
      ]
      Log = [
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/example-lib-pypi-rotation:*",
      ]
      Key = [
        ["kms:Decrypt", "kms:GenerateDataKey"],
        "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
      ]
    }
    error_message = aws_iam_role_policy.rotation[0].policy
  }

  assert {
    condition = (
      aws_lambda_permission.rotation[0].principal == "secretsmanager.amazonaws.com"
      && aws_lambda_permission.rotation[0].source_account == "123456789012"
      && aws_lambda_permission.rotation[0].source_arn == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example-lib/pypi-token-a1b2c3"
    )
    error_message = "Only this account's Secrets Manager may start it, and for this secret alone."
  }

  assert {
    condition     = length(aws_secretsmanager_secret_rotation.token) == 0
    error_message = "A schedule is made only where one is asked for."
  }

  assert {
    condition     = aws_lambda_function.rotation[0].environment[0].variables == tomap({ INDEX_UPLOAD_URL = "https://pypi.example.com/legacy/", LOG_LEVEL = "info" })
    error_message = "The function is told where to try tokens."
  }
}

run "rotates_by_itself_where_asked" {
  command = plan

  variables {
    rotation_zip      = "tests/publishing.tftest.hcl"
    rotation_schedule = "rate(90 days)"
    alarm_topic_arn   = "arn:aws:sns:eu-west-1:123456789012:on-call"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.token[0].rotation_rules[0].schedule_expression == "rate(90 days)" && !aws_secretsmanager_secret_rotation.token[0].rotate_immediately
    error_message = "The schedule, and no rotation at the first apply, when no token is staged."
  }

  # With `ignore` it stays until the function has run well: days may lie between two runs.
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.rotation_failed[0].dimensions == tomap({ FunctionName = aws_lambda_function.rotation[0].function_name })
      && aws_cloudwatch_metric_alarm.rotation_failed[0].metric_name == "Errors"
      && aws_cloudwatch_metric_alarm.rotation_failed[0].treat_missing_data == "ignore"
      && aws_cloudwatch_metric_alarm.rotation_failed[0].alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:on-call"])
    )
    error_message = jsonencode(aws_cloudwatch_metric_alarm.rotation_failed)
  }
}
