variables {
  bucket_arn     = "arn:aws:s3:::example-logs"
  s3_path_prefix = "logs/web-01/"
  s3_permissions = "write"
}

run "write_is_upload_below_the_prefix_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(output.policy_json) == {
      Version = "2012-10-17"
      Statement = [{
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = "arn:aws:s3:::example-logs/logs/web-01/*"
      }]
    }
    error_message = output.policy_json
  }
}

run "read_write_adds_download" {
  command = plan

  variables {
    s3_permissions = "read-write"
  }

  assert {
    condition = (
      length(jsondecode(output.policy_json).Statement) == 1 &&
      toset(jsondecode(output.policy_json).Statement[0].Action) == toset(["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject"])
    )
    error_message = output.policy_json
  }
}

run "full_adds_delete_and_a_listing_of_the_prefix_alone" {
  command = plan

  variables {
    s3_permissions = "full"
  }

  assert {
    condition     = contains(jsondecode(output.policy_json).Statement[0].Action, "s3:DeleteObject")
    error_message = output.policy_json
  }

  assert {
    condition = jsondecode(output.policy_json).Statement[1] == {
      Sid       = "List"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = "arn:aws:s3:::example-logs"
      Condition = { StringLike = { "s3:prefix" = ["logs/web-01/*", "logs/web-01/"] } }
    }
    error_message = output.policy_json
  }
}

run "the_whole_bucket_for_shared_roles" {
  command = plan

  variables {
    s3_path_prefix = ""
    s3_permissions = "full"
  }

  assert {
    condition     = jsondecode(output.policy_json).Statement[0].Resource == "arn:aws:s3:::example-logs/*"
    error_message = output.policy_json
  }

  assert {
    condition     = !can(jsondecode(output.policy_json).Statement[1].Condition)
    error_message = output.policy_json
  }
}

run "a_key_may_be_used_through_s3_alone" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
  }

  assert {
    condition = jsondecode(output.policy_json).Statement[1] == {
      Sid       = "Key"
      Effect    = "Allow"
      Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource  = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
      Condition = { StringLike = { "kms:ViaService" = "s3.*" } }
    }
    error_message = output.policy_json
  }
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
