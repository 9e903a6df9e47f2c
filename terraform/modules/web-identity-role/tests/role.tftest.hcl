mock_provider "aws" {}

variables {
  role_name      = "credvend-server-web-01"
  provider_arn   = "arn:aws:iam::123456789012:oidc-provider/example.eu.auth0.com/"
  issuer_host    = "example.eu.auth0.com/"
  audiences      = ["https://credvend.example.com"]
  subjects       = ["abc@clients"]
  bucket_arn     = "arn:aws:s3:::example-logs"
  s3_path_prefix = "logs/web-01/"
  s3_permissions = "write"
}

run "trusts_audience_and_subject" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/example.eu.auth0.com/" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "example.eu.auth0.com/:aud" = ["https://credvend.example.com"]
          "example.eu.auth0.com/:sub" = ["abc@clients"]
        }
      }
    }]
    error_message = "One statement: this provider, this audience, this subject, nothing else."
  }

  assert {
    condition     = aws_iam_role.this.max_session_duration == 3600
    error_message = "An hour unless asked for."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.s3[0].policy).Statement[0].Resource == "arn:aws:s3:::example-logs/logs/web-01/*"
    error_message = "The role's only permissions lie below its prefix."
  }
}

run "takes_azp_for_aud_and_holds_the_audience" {
  command = plan

  variables {
    authorized_party = "abc"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "example.eu.auth0.com/:aud" = ["https://credvend.example.com", "abc"]
        "example.eu.auth0.com/:sub" = ["abc@clients"]
      }
      StringEqualsIfExists = { "example.eu.auth0.com/:oaud" = ["https://credvend.example.com"] }
    }
    error_message = "A token with azp shows it as aud; its audience is then oaud and must still be ours."
  }
}

run "takes_patterns" {
  command = plan

  variables {
    subjects         = []
    subject_patterns = ["repo:example/app:ref:refs/heads/main", "repo:example/app:ref:refs/heads/release/v*"]
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "example.eu.auth0.com/:aud" = ["https://credvend.example.com"] }
      StringLike   = { "example.eu.auth0.com/:sub" = ["repo:example/app:ref:refs/heads/main", "repo:example/app:ref:refs/heads/release/v*"] }
    }
    error_message = "Patterns are compared with StringLike, the audience still exactly."
  }
}

run "compares_further_claims_exactly" {
  command = plan

  variables {
    claims = { repository_id = ["202"] }
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "example.eu.auth0.com/:aud"           = ["https://credvend.example.com"]
        "example.eu.auth0.com/:sub"           = ["abc@clients"]
        "example.eu.auth0.com/:repository_id" = ["202"]
      }
    }
    error_message = "A claim is one more condition, which must hold beside the others."
  }
}

run "refuses_tokens_by_a_claim" {
  command = plan

  variables {
    refused_claims = { ref = ["refs/pull/*"] }
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringNotLike == { "example.eu.auth0.com/:ref" = ["refs/pull/*"] }
    error_message = "A token with such a claim does not meet the condition."
  }
}

run "refuses_a_star_in_the_middle_of_a_refused_claim" {
  command = plan

  variables {
    refused_claims = { ref = ["refs/*/1"] }
  }

  expect_failures = [var.refused_claims]
}

run "makes_a_role_without_a_bucket" {
  command = plan

  variables {
    bucket_arn     = null
    s3_path_prefix = null
    s3_permissions = null
  }

  assert {
    condition     = length(aws_iam_role_policy.s3) == 0 && output.permissions_policy == null
    error_message = "The role has no permissions of this module's."
  }
}

run "refuses_a_bucket_without_a_prefix" {
  command = plan

  variables {
    s3_path_prefix = null
  }

  expect_failures = [var.bucket_arn]
}

run "refuses_a_pattern_in_a_claim" {
  command = plan

  variables {
    claims = { repository_id = ["20*"] }
  }

  expect_failures = [var.claims]
}

run "refuses_a_claim_without_values" {
  command = plan

  variables {
    claims = { repository_id = [] }
  }

  expect_failures = [var.claims]
}

run "refuses_the_subject_among_the_claims" {
  command = plan

  variables {
    claims = { sub = ["somebody else"] }
  }

  expect_failures = [var.claims]
}

run "refuses_a_role_name_that_iam_would_refuse" {
  command = plan

  variables {
    role_name = "credvend-server-0123456789-0123456789-0123456789-0123456789-01234"
  }

  expect_failures = [var.role_name]
}

run "refuses_what_is_no_provider" {
  command = plan

  variables {
    provider_arn = "arn:aws:iam::123456789012:saml-provider/example"
  }

  expect_failures = [var.provider_arn]
}

run "refuses_an_issuer_with_scheme" {
  command = plan

  variables {
    issuer_host = "https://idp.example.com"
  }

  expect_failures = [var.issuer_host]
}

run "refuses_no_audience" {
  command = plan

  variables {
    audiences = []
  }

  expect_failures = [var.audiences]
}

run "refuses_any_audience" {
  command = plan

  variables {
    audiences = ["*"]
  }

  expect_failures = [var.audiences]
}

run "refuses_a_pattern_as_authorized_party" {
  command = plan

  variables {
    authorized_party = "*"
  }

  expect_failures = [var.authorized_party]
}

run "refuses_a_pattern_as_subject" {
  command = plan

  variables {
    subjects = ["repo:example/*"]
  }

  expect_failures = [var.subjects]
}

run "refuses_no_subject" {
  command = plan

  variables {
    subjects = []
  }

  expect_failures = [var.subjects]
}

run "refuses_both_kinds_of_subjects" {
  command = plan

  variables {
    subject_patterns = ["abc*"]
  }

  expect_failures = [var.subjects]
}

run "refuses_a_pattern_of_every_name" {
  command = plan

  variables {
    subjects         = []
    subject_patterns = ["repo:example/app:*"]
  }

  expect_failures = [var.subject_patterns]
}

run "refuses_a_star_in_the_middle" {
  command = plan

  variables {
    subjects         = []
    subject_patterns = ["repo:example/*:ref:refs/heads/main"]
  }

  expect_failures = [var.subject_patterns]
}

run "refuses_more_than_twelve_hours" {
  command = plan

  variables {
    max_session_duration = 43201
  }

  expect_failures = [var.max_session_duration]
}

run "refuses_a_trust_policy_that_iam_would_refuse" {
  command = plan

  variables {
    subjects = [for number in range(300) : "subject-number-${number}"]
  }

  expect_failures = [aws_iam_role.this]
}
