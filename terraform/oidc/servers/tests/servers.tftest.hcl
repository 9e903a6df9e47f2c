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
      name        = "credvend"
      environment = "dev"
      aws_region  = "eu-west-1"
      tags        = { project = "credvend", environment = "dev" }
      bucket_name = "example-logs"
      bucket_arn  = "arn:aws:s3:::example-logs"
      issuer      = "https://idp.example.com/realms/servers"
      audiences   = ["credvend", "other"]
    }
  }
}

variables {
  aws_region   = "eu-west-1"
  state_bucket = "credvend-state"
  servers = {
    "web-01" = { subject = "client-01", client_id = "client-01", scopes = ["logs.write", "logs.read"], s3_path_prefix = "logs/web-01/" }
    "web-02" = { subject = "system:serviceaccount:logs:web-02", token_file = "/var/run/secrets/tokens/credvend", s3_path_prefix = "logs/web-02/", s3_permissions = "full" }
  }
}

run "a_role_takes_its_own_server_only" {
  command = plan

  assert {
    condition = jsondecode(module.role["web-01"].trust_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/of-the-mock" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "idp.example.com/realms/servers:aud" = ["credvend", "other", "client-01"]
          "idp.example.com/realms/servers:sub" = ["client-01"]
        }
        StringEqualsIfExists = { "idp.example.com/realms/servers:oaud" = ["credvend", "other"] }
      }
    }]
    error_message = module.role["web-01"].trust_policy
  }

  assert {
    condition     = toset(jsondecode(module.role["web-01"].permissions_policy).Statement[*].Resource) == toset(["arn:aws:s3:::example-logs/logs/web-01/*"])
    error_message = module.role["web-01"].permissions_policy
  }

  assert {
    condition     = toset(jsondecode(module.role["web-02"].permissions_policy).Statement[*].Resource) == toset(["arn:aws:s3:::example-logs/logs/web-02/*", "arn:aws:s3:::example-logs"])
    error_message = module.role["web-02"].permissions_policy
  }

  assert {
    condition     = one([for statement in jsondecode(module.role["web-02"].permissions_policy).Statement : statement.Condition if statement.Action == "s3:ListBucket"]) == { StringLike = { "s3:prefix" = "logs/web-02/*" } }
    error_message = "A list of another prefix, or of the whole bucket, is not the server's affair."
  }
}

run "what_a_server_is_told" {
  command = plan

  assert {
    condition = output.server_configurations["web-01"] == {
      IDP_TYPE       = "oidc"
      OIDC_ISSUER    = "https://idp.example.com/realms/servers"
      OIDC_CLIENT_ID = "client-01"
      OIDC_AUDIENCE  = "credvend"
      OIDC_SCOPES    = "logs.write logs.read"
      AWS_REGION     = "eu-west-1"
      AWS_ROLE_ARN   = "arn:aws:iam::123456789012:role/of-the-mock"
      S3_BUCKET      = "example-logs"
      S3_PATH_PREFIX = "logs/web-01/"
    }
    error_message = jsonencode(output.server_configurations["web-01"])
  }

  assert {
    condition = output.server_configurations["web-02"] == {
      IDP_TYPE        = "file"
      OIDC_TOKEN_FILE = "/var/run/secrets/tokens/credvend"
      AWS_REGION      = "eu-west-1"
      AWS_ROLE_ARN    = "arn:aws:iam::123456789012:role/of-the-mock"
      S3_BUCKET       = "example-logs"
      S3_PATH_PREFIX  = "logs/web-02/"
    }
    error_message = jsonencode(output.server_configurations["web-02"])
  }

  assert {
    condition     = nonsensitive(alltrue([for secrets in values(output.server_secrets) : length(secrets) == 0]))
    error_message = "There are no secrets here."
  }
}

run "the_provider_knows_audiences_and_clients" {
  command = plan

  assert {
    condition     = aws_iam_openid_connect_provider.this[0].url == "https://idp.example.com/realms/servers"
    error_message = "The issuer as its tokens have it."
  }

  assert {
    condition     = toset(aws_iam_openid_connect_provider.this[0].client_id_list) == toset(["credvend", "other", "client-01"])
    error_message = "STS looks up a token's azp, or else its aud."
  }
}

run "takes_a_provider_that_exists" {
  command = plan

  variables {
    existing_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/existing"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0 && local.oidc_provider_arn == "arn:aws:iam::123456789012:oidc-provider/existing"
    error_message = "An account has one provider for an issuer; one that exists is used."
  }
}

run "refuses_what_is_no_provider" {
  command = plan

  variables {
    existing_oidc_provider_arn = "https://idp.example.com"
  }

  expect_failures = [var.existing_oidc_provider_arn]
}

run "refuses_more_clients_than_the_provider_takes" {
  command = plan

  variables {
    servers = { for number in range(99) : "web-${number}" => { s3_path_prefix = "logs/${number}/", subject = "client-${number}", client_id = "client-${number}" } }
  }

  expect_failures = [aws_iam_openid_connect_provider.this]
}

run "refuses_a_pattern_as_subject" {
  command = plan

  variables {
    servers = { "web-01" = { subject = "system:serviceaccount:logs:*", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_policy_variable_as_subject" {
  command = plan

  variables {
    servers = { "web-01" = { subject = "$${aws:username}", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_subject_of_two_servers" {
  command = plan

  variables {
    servers = { "web-01" = { subject = "a", s3_path_prefix = "a/" }, "web-02" = { subject = "a", s3_path_prefix = "b/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_pattern_as_client_id" {
  command = plan

  variables {
    servers = { "web-01" = { subject = "a", client_id = "*", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_scope_of_two_words" {
  command = plan

  variables {
    servers = { "web-01" = { subject = "a", scopes = ["logs.write logs.read"], s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_relative_token_file" {
  command = plan

  variables {
    servers = { "web-01" = { subject = "a", token_file = "token", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_token_file_of_a_client" {
  command = plan

  variables {
    servers = { "web-01" = { subject = "a", token_file = "/token", client_id = "a", s3_path_prefix = "a/" } }
  }

  expect_failures = [var.servers]
}

run "the_provider_keeps_the_client_ids_of_others" {
  command = plan

  variables {
    other_client_ids = ["of-another-environment"]
  }

  assert {
    condition     = contains(aws_iam_openid_connect_provider.this[0].client_id_list, "of-another-environment")
    error_message = "Another environment's tokens would be refused."
  }
}

run "refuses_a_pattern_as_another_client_id" {
  command = plan

  variables {
    other_client_ids = ["*"]
  }

  expect_failures = [var.other_client_ids]
}

run "refuses_the_servers_bucket_for_the_state" {
  command = plan

  variables {
    state_bucket = "example-logs"
  }

  expect_failures = [output.server_configurations]
}
