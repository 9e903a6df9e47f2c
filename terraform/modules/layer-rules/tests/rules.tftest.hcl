variables {
  aws_region   = "eu-west-1"
  default_tags = { project = "credvend", environment = "dev" }
}

run "takes_the_sovereign_cloud" {
  command = plan

  variables {
    aws_region = "eusc-de-east-1"
  }

  assert {
    condition     = output.aws_region == "eusc-de-east-1"
    error_message = output.aws_region
  }
}

run "takes_govcloud" {
  command = plan

  variables {
    aws_region = "us-gov-west-1"
  }

  assert {
    condition     = output.aws_region == "us-gov-west-1"
    error_message = output.aws_region
  }
}

run "takes_china" {
  command = plan

  variables {
    aws_region = "cn-northwest-1"
  }

  assert {
    condition     = output.aws_region == "cn-northwest-1"
    error_message = output.aws_region
  }
}

run "takes_an_isolated_region" {
  command = plan

  variables {
    aws_region = "us-isob-east-1"
  }

  assert {
    condition     = output.aws_region == "us-isob-east-1"
    error_message = output.aws_region
  }
}

run "the_users_tags_win_in_any_spelling" {
  command = plan

  variables {
    tags    = { Environment = "production", PROJECT = "logs", "cost-center" = "4711" }
    servers = ["web-01"]
  }

  assert {
    condition     = output.tags == { Environment = "production", PROJECT = "logs", "cost-center" = "4711" }
    error_message = jsonencode(output.tags)
  }

  assert {
    condition     = jsonencode(output.server_tags) == jsonencode({ "web-01" = { server = "web-01" } })
    error_message = jsonencode(output.server_tags)
  }
}

run "default_tags_stay_where_the_user_says_nothing" {
  command = plan

  variables {
    tags = { environment = "blue" }
  }

  assert {
    condition     = output.tags == { project = "credvend", environment = "blue" }
    error_message = jsonencode(output.tags)
  }
}

run "a_server_tag_of_the_users_stays" {
  command = plan

  variables {
    tags    = { Server = "fleet-7" }
    servers = ["web-01"]
  }

  assert {
    condition     = jsonencode(output.server_tags) == jsonencode({ "web-01" = {} }) && output.tags.Server == "fleet-7"
    error_message = jsonencode(output.server_tags)
  }
}

run "a_server_tag_of_the_foundations_stays" {
  command = plan

  variables {
    default_tags = { SERVER = "fleet-7" }
    servers      = ["web-01"]
  }

  assert {
    condition     = jsonencode(output.server_tags) == jsonencode({ "web-01" = {} })
    error_message = jsonencode(output.server_tags)
  }
}

run "refuses_keys_that_differ_in_case_only" {
  command = plan
  variables {
    tags = { team = "a", Team = "b" }
  }
  expect_failures = [var.tags]
}

run "refuses_tags_of_aws" {
  command = plan
  variables {
    tags = { "AWS:project" = "x" }
  }
  expect_failures = [var.tags]
}

run "refuses_what_is_no_region" {
  command = plan
  variables {
    aws_region = "Ireland"
  }
  expect_failures = [var.aws_region]
}

run "refuses_a_zone_as_region" {
  command = plan
  variables {
    aws_region = "eu-west-1a"
  }
  expect_failures = [var.aws_region]
}

run "refuses_a_url_as_state_bucket" {
  command = plan
  variables {
    state_bucket = "s3://credvend-state"
  }
  expect_failures = [var.state_bucket]
}
