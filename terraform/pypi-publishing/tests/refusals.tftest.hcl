# Who must not get the token, and what else is refused before anything is made.
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
}

variables {
  project            = "example-lib"
  aws_region         = "eu-west-1"
  repository         = "example-corp/lib"
  github_environment = "pypi"
}

run "refuses_every_repository_of_an_organisation" {
  command = plan

  variables {
    repository = "example-corp/*"
  }

  expect_failures = [var.repository]
}

run "refuses_repositories_that_begin_alike" {
  command = plan

  variables {
    repository = "example-corp/lib-?"
  }

  expect_failures = [var.repository]
}

run "refuses_a_url_as_repository" {
  command = plan

  variables {
    repository = "https://github.com/example-corp/lib"
  }

  expect_failures = [var.repository]
}

run "refuses_an_organisation_as_repository" {
  command = plan

  variables {
    repository = "example-corp"
  }

  expect_failures = [var.repository]
}

run "refuses_neither_environment_branch_nor_tag" {
  command = plan

  variables {
    github_environment = null
  }

  expect_failures = [var.github_environment]
}

run "refuses_an_environment_beside_a_branch" {
  command = plan

  variables {
    github_branch = "main"
  }

  expect_failures = [var.github_environment]
}

run "refuses_a_tag_beside_a_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "main"
    github_tag         = "v1"
  }

  expect_failures = [var.github_environment]
}

run "refuses_any_environment" {
  command = plan

  variables {
    github_environment = "*"
  }

  expect_failures = [var.github_environment]
}

run "refuses_an_environment_with_a_colon" {
  command = plan

  variables {
    github_environment = "pypi:ref:refs/heads/main"
  }

  expect_failures = [var.github_environment]
}

run "refuses_any_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "*"
  }

  expect_failures = [var.github_branch]
}

run "refuses_branches_that_begin_alike" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "release/v*"
  }

  expect_failures = [var.github_branch]
}

run "refuses_any_branch_of_one_letter" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "?"
  }

  expect_failures = [var.github_branch]
}

run "refuses_a_pull_request_as_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "refs/pull/1/merge"
  }

  expect_failures = [var.github_branch]
}

run "refuses_pull_requests_as_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "pull_request"
  }

  expect_failures = [var.github_branch]
}

run "refuses_a_whole_ref_as_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "refs/heads/main"
  }

  expect_failures = [var.github_branch]
}

run "refuses_a_branch_that_names_an_environment" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "main:environment:pypi"
  }

  expect_failures = [var.github_branch]
}

run "refuses_an_empty_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = ""
  }

  expect_failures = [var.github_branch]
}

run "refuses_a_policy_variable_as_branch" {
  command = plan

  variables {
    github_environment = null
    github_branch      = "$${aws:username}"
  }

  expect_failures = [var.github_branch]
}

run "refuses_any_tag" {
  command = plan

  variables {
    github_environment = null
    github_tag         = "*"
  }

  expect_failures = [var.github_tag]
}

run "refuses_any_tag_below_a_folder" {
  command = plan

  variables {
    github_environment = null
    github_tag         = "release/*"
  }

  expect_failures = [var.github_tag]
}

run "refuses_a_star_in_the_middle_of_a_tag" {
  command = plan

  variables {
    github_environment = null
    github_tag         = "v*.0"
  }

  expect_failures = [var.github_tag]
}

run "refuses_two_stars_in_a_tag" {
  command = plan

  variables {
    github_environment = null
    github_tag         = "v**"
  }

  expect_failures = [var.github_tag]
}

run "refuses_a_question_mark_in_a_tag" {
  command = plan

  variables {
    github_environment = null
    github_tag         = "v?"
  }

  expect_failures = [var.github_tag]
}

run "refuses_a_whole_ref_as_tag" {
  command = plan

  variables {
    github_environment = null
    github_tag         = "refs/tags/v1"
  }

  expect_failures = [var.github_tag]
}

run "refuses_one_id_without_the_other" {
  command = plan

  variables {
    repository_id = "202"
  }

  expect_failures = [var.repository_id]
}

run "refuses_an_id_that_is_a_name" {
  command = plan

  variables {
    repository_id       = "lib"
    repository_owner_id = "example-corp"
  }

  expect_failures = [var.repository_id]
}

run "refuses_the_provider_of_another_issuer" {
  command = plan

  variables {
    existing_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com.example.org"
  }

  expect_failures = [var.existing_oidc_provider_arn]
}

run "refuses_a_project_with_a_slash" {
  command = plan

  variables {
    project = "example/lib"
  }

  expect_failures = [var.project]
}

run "refuses_an_alias_as_key" {
  command = plan

  variables {
    kms_key_arn = "alias/secrets"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_a_recovery_window_that_aws_refuses" {
  command = plan

  variables {
    secret_recovery_days = "3"
  }

  expect_failures = [var.secret_recovery_days]
}

run "refuses_a_package_that_is_not_there" {
  command = plan

  variables {
    rotation_zip = "tests/nothing.zip"
  }

  expect_failures = [var.rotation_zip]
}

run "refuses_a_schedule_without_a_function" {
  command = plan

  variables {
    rotation_schedule = "rate(90 days)"
  }

  expect_failures = [var.rotation_schedule]
}

run "refuses_a_topic_without_the_function" {
  command = plan

  variables {
    alarm_topic_arn = "arn:aws:sns:eu-west-1:123456789012:on-call"
  }

  expect_failures = [var.alarm_topic_arn]
}

run "refuses_a_topic_that_is_none" {
  command = plan

  variables {
    rotation_zip    = "tests/publishing.tftest.hcl"
    alarm_topic_arn = "on-call"
  }

  expect_failures = [var.alarm_topic_arn]
}

run "refuses_a_schedule_of_another_form" {
  command = plan

  variables {
    rotation_zip      = "tests/publishing.tftest.hcl"
    rotation_schedule = "every 90 days"
  }

  expect_failures = [var.rotation_schedule]
}

run "refuses_an_index_without_tls" {
  command = plan

  variables {
    index_upload_url = "http://pypi.example.com/legacy/"
  }

  expect_failures = [var.index_upload_url]
}

run "refuses_a_user_of_the_index_with_a_colon" {
  command = plan

  variables {
    index_username = "me:password"
  }

  expect_failures = [var.index_username]
}
