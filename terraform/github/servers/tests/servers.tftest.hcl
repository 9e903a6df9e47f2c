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

override_data {
  target = data.terraform_remote_state.foundation
  values = {
    # Without bucket_kms_key_arn: a state keeps no outputs that are null.
    outputs = {
      name              = "credvend"
      environment       = "dev"
      aws_region        = "eu-west-1"
      tags              = { project = "credvend", environment = "dev" }
      bucket_name       = "example-logs"
      bucket_arn        = "arn:aws:s3:::example-logs"
      oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
      github_audience   = "sts.amazonaws.com"
    }
  }
}

variables {
  aws_region   = "eu-west-1"
  state_bucket = "credvend-state"
  servers = {
    "main" = { repository = "example-corp/app", branches = ["main"], s3_path_prefix = "builds/" }
  }
}

run "a_role_takes_its_own_server_only" {
  command = plan

  assert {
    condition = jsondecode(module.role["main"].trust_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = ["sts.amazonaws.com"]
          "token.actions.githubusercontent.com:sub" = ["repo:example-corp/app:ref:refs/heads/main"]
        }
      }
    }]
    error_message = module.role["main"].trust_policy
  }

  assert {
    condition     = toset(jsondecode(module.role["main"].permissions_policy).Statement[*].Resource) == toset(["arn:aws:s3:::example-logs/builds/*"])
    error_message = module.role["main"].permissions_policy
  }
}

run "what_a_workflow_is_told" {
  command = plan

  assert {
    condition = output.server_configurations["main"] == {
      IDP_TYPE        = "github"
      GITHUB_AUDIENCE = "sts.amazonaws.com"
      AWS_REGION      = "eu-west-1"
      AWS_ROLE_ARN    = "arn:aws:iam::123456789012:role/of-the-mock"
      S3_BUCKET       = "example-logs"
      S3_PATH_PREFIX  = "builds/"
    }
    error_message = jsonencode(output.server_configurations["main"])
  }

  assert {
    condition     = nonsensitive(alltrue([for secrets in values(output.server_secrets) : length(secrets) == 0]))
    error_message = "There are no secrets here."
  }
}

run "trusts_what_is_named" {
  command = plan

  variables {
    servers = {
      "branch"      = { repository = "example-corp/app", branches = ["main", "release"], s3_path_prefix = "a/" }
      "tag"         = { repository = "example-corp/app", tags = ["v1.0"], s3_path_prefix = "b/" }
      "environment" = { repository = "example-corp/app", environments = ["production"], s3_path_prefix = "c/" }
    }
  }

  assert {
    condition = local.subjects == {
      branch      = ["repo:example-corp/app:ref:refs/heads/main", "repo:example-corp/app:ref:refs/heads/release"]
      tag         = ["repo:example-corp/app:ref:refs/tags/v1.0"]
      environment = ["repo:example-corp/app:environment:production"]
    }
    error_message = jsonencode(local.subjects)
  }

  assert {
    condition     = !anytrue(values(local.has_pattern))
    error_message = "Exact names are compared exactly."
  }
}

run "takes_both_forms_of_sub" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["main"], owner_id = 101, repository_id = "202", s3_path_prefix = "a/" } }
  }

  assert {
    condition = local.subjects["main"] == [
      "repo:example-corp/app:ref:refs/heads/main",
      "repo:example-corp@101/app@202:ref:refs/heads/main",
    ]
    error_message = jsonencode(local.subjects)
  }
}

run "takes_a_star_after_a_part_of_the_name" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["main", "release/v*"], s3_path_prefix = "a/" } }
  }

  assert {
    condition     = local.has_pattern["main"]
    error_message = "A pattern is compared as one."
  }
}

run "refuses_every_repository_of_an_organisation" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/*", branches = ["main"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_repositories_that_begin_alike" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app-*", branches = ["main"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_url_as_repository" {
  command = plan

  variables {
    servers = { "main" = { repository = "https://github.com/example-corp/app", branches = ["main"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_an_organisation_as_repository" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp", branches = ["main"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_pull_request" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", pull_request = true, s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_pull_request_beside_a_branch" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["main"], pull_request = true, s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_repository_without_a_rule" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_two_kinds_of_rules" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["main"], environments = ["production"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_any_branch" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["*"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_any_branch_below_a_folder" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["feature/*"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_any_tag" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", tags = ["*"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_star_in_the_middle" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["rel*/main"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_two_stars" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", tags = ["v**"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_question_mark" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", tags = ["v?"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_whole_ref" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["refs/heads/main"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_an_empty_branch" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = [""], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_any_environment" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", environments = ["*"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_one_id_without_the_other" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["main"], owner_id = "101", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_an_id_that_is_a_name" {
  command = plan

  variables {
    servers = { "main" = { repository = "example-corp/app", branches = ["main"], owner_id = "example-corp", repository_id = "app", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "with_numbers_only_a_name_is_not_enough" {
  command = plan

  variables {
    servers = {
      "main" = { repository = "example-corp/app", branches = ["main"], s3_path_prefix = "builds/", owner_id = "101", repository_id = "202", numbers_only = true }
    }
  }

  assert {
    condition     = jsondecode(module.role["main"].trust_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:example-corp@101/app@202:ref:refs/heads/main"]
    error_message = module.role["main"].trust_policy
  }
}

run "refuses_numbers_only_without_numbers" {
  command = plan

  variables {
    servers = {
      "main" = { repository = "example-corp/app", branches = ["main"], s3_path_prefix = "builds/", numbers_only = true }
    }
  }

  expect_failures = [var.servers]
}

run "refuses_the_servers_bucket_for_the_state" {
  command = plan

  variables {
    state_bucket = "example-logs"
  }

  expect_failures = [output.server_configurations]
}
