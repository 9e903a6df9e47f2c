variables {
  name = "credvend"
  servers = {
    "web-01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 }
    "web-02" = { s3_path_prefix = "logs/web-02/", s3_permissions = "full", overlaps_with = [], max_session_duration = 43200 }
  }
}

run "names_roles" {
  command = plan

  assert {
    condition     = output.role_names == { "web-01" = "credvend-server-web-01", "web-02" = "credvend-server-web-02" }
    error_message = "A role is named after its server."
  }

  assert {
    condition     = length(output.duration_variables["web-01"]) == 0 && output.duration_variables["web-02"] == { AWS_ROLE_DURATION_SECONDS = "43200" }
    error_message = "A client asks for more than an hour only where the role allows it."
  }
}

run "takes_no_servers" {
  command = plan

  variables {
    servers = {}
  }
}

run "takes_an_overlap_that_either_side_names" {
  command = plan

  variables {
    servers = {
      "archive" = { s3_path_prefix = "logs/", s3_permissions = "full", overlaps_with = ["web-01"], max_session_duration = 3600 }
      "web-01"  = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 }
      "web-02"  = { s3_path_prefix = "logs/web-02/", s3_permissions = "write", overlaps_with = ["archive"], max_session_duration = 3600 }
    }
  }
}

run "takes_names_that_only_begin_alike" {
  command = plan

  variables {
    servers = {
      "web-1"  = { s3_path_prefix = "logs/web-1/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 }
      "web-10" = { s3_path_prefix = "logs/web-10/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 }
    }
  }
}

run "refuses_a_server_name_with_a_space" {
  command = plan

  variables {
    servers = { "web 01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_role_name_over_64_characters" {
  command = plan

  variables {
    servers = { "web-0123456789-0123456789-0123456789-0123456789-0123" = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_prefix_without_slash_at_its_end" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_prefix_with_slash_at_its_start" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "/logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_the_whole_bucket" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_pattern_as_prefix" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/*/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_dots_as_folder" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/../web-02/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_prefix_over_512_characters" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "${join("/", [for number in range(200) : "abc"])}/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_an_overlap" {
  command = plan

  variables {
    servers = {
      "archive" = { s3_path_prefix = "logs/", s3_permissions = "full", overlaps_with = [], max_session_duration = 3600 }
      "web-01"  = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 }
    }
  }

  expect_failures = [var.servers]
}

run "refuses_the_same_prefix_twice" {
  command = plan

  variables {
    servers = {
      "web-01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "full", overlaps_with = [], max_session_duration = 3600 }
      "web-02" = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 }
    }
  }

  expect_failures = [var.servers]
}

run "refuses_an_overlap_with_nobody" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = ["web-02"], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_an_unknown_level" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "admin", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_session_under_an_hour" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 900 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_session_over_twelve_hours" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web-01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 86400 } }
  }

  expect_failures = [var.servers]
}

# modules/s3-permissions refuses it too, but late and in other words.
run "refuses_a_prefix_with_an_apostrophe" {
  command = plan

  variables {
    servers = { "web-01" = { s3_path_prefix = "logs/web'01/", s3_permissions = "write", overlaps_with = [], max_session_duration = 3600 } }
  }

  expect_failures = [var.servers]
}
