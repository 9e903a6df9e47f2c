variables {
  bucket_arn     = "arn:aws:s3:::example-logs"
  s3_path_prefix = "logs/web-01/"
  s3_permissions = "write"
}

# The golden documents are the vending API's session policies too: they allow the use of any key, since a session policy
# only narrows, where a role names the bucket's own key or none.

run "write_without_a_key" {
  command = plan

  assert {
    condition = jsondecode(output.policy_json) == merge(jsondecode(file("${path.module}/../../../tests/cases/session-policy/write.json")), {
      Statement = [for statement in jsondecode(file("${path.module}/../../../tests/cases/session-policy/write.json")).Statement : statement if statement.Resource != "*"]
    })
    error_message = output.policy_json
  }
}

run "write_with_the_buckets_key" {
  command = plan

  variables {
    s3_permissions = "write"
    kms_key_arn    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
  }

  assert {
    condition     = jsondecode(output.policy_json) == jsondecode(replace(file("${path.module}/../../../tests/cases/session-policy/write.json"), "\"*\"", "\"arn:aws:kms:eu-west-1:123456789012:key/1234abcd\""))
    error_message = output.policy_json
  }
}

run "read_write_with_the_buckets_key" {
  command = plan

  variables {
    s3_permissions = "read-write"
    kms_key_arn    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
  }

  assert {
    condition     = jsondecode(output.policy_json) == jsondecode(replace(file("${path.module}/../../../tests/cases/session-policy/read-write.json"), "\"*\"", "\"arn:aws:kms:eu-west-1:123456789012:key/1234abcd\""))
    error_message = output.policy_json
  }
}

run "full_with_the_buckets_key" {
  command = plan

  variables {
    s3_permissions = "full"
    kms_key_arn    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
  }

  assert {
    condition     = jsondecode(output.policy_json) == jsondecode(replace(file("${path.module}/../../../tests/cases/session-policy/full.json"), "\"*\"", "\"arn:aws:kms:eu-west-1:123456789012:key/1234abcd\""))
    error_message = output.policy_json
  }
}

run "a_shared_role_opens_what_the_sessions_tag_names" {
  command = plan

  variables {
    s3_path_prefix = null
    s3_permissions = "full"
    kms_key_arn    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
  }

  # The golden policy again, with the tag in place of the prefix: no statement about objects or the listing is without it.
  assert {
    condition     = replace(output.policy_json, "$${aws:PrincipalTag/s3_prefix}", "logs/web-01") == jsonencode(jsondecode(replace(file("${path.module}/../../../tests/cases/session-policy/full.json"), "\"*\"", "\"arn:aws:kms:eu-west-1:123456789012:key/1234abcd\"")))
    error_message = output.policy_json
  }

  assert {
    condition     = length(regexall("web-01", output.policy_json)) == 0
    error_message = output.policy_json
  }
}

run "refuses_the_whole_bucket" {
  command = plan
  variables {
    s3_path_prefix = ""
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_a_prefix_without_its_slash" {
  command = plan
  variables {
    s3_path_prefix = "logs/web-01"
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_a_leading_slash" {
  command = plan
  variables {
    s3_path_prefix = "/logs/"
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_a_wildcard" {
  command = plan
  variables {
    s3_path_prefix = "logs/*/"
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_a_policy_variable" {
  command = plan
  variables {
    s3_path_prefix = "logs/$${aws:username}/"
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_climbing" {
  command = plan
  variables {
    s3_path_prefix = "logs/../"
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_an_endless_prefix" {
  command = plan
  variables {
    s3_path_prefix = "${join("", [for i in range(513) : "a"])}/"
  }
  expect_failures = [var.s3_path_prefix]
}

run "refuses_an_unknown_level" {
  command = plan
  variables {
    s3_permissions = "admin"
  }
  expect_failures = [var.s3_permissions]
}

run "refuses_something_that_is_no_bucket" {
  command = plan
  variables {
    bucket_arn = "example-logs"
  }
  expect_failures = [var.bucket_arn]
}

run "refuses_an_alias_of_a_key" {
  command = plan
  variables {
    kms_key_arn = "alias/example"
  }
  expect_failures = [var.kms_key_arn]
}
