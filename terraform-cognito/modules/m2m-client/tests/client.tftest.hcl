mock_provider "aws" {
  override_during = plan

  mock_resource "aws_cognito_user_pool_client" {
    defaults = { id = "1example23456789", client_secret = "secret-of-the-mock" }
  }
}

variables {
  client_name    = "credvend-agent-reporter"
  user_pool_id   = "eu-west-1_Example01"
  allowed_scopes = ["https://api.example.com/read", "https://api.example.com/write"]
}

run "it_fetches_tokens_by_its_secret_and_does_nothing_else" {
  command = plan

  assert {
    condition = (
      aws_cognito_user_pool_client.this.generate_secret &&
      aws_cognito_user_pool_client.this.allowed_oauth_flows_user_pool_client &&
      aws_cognito_user_pool_client.this.allowed_oauth_flows == toset(["client_credentials"]) &&
      aws_cognito_user_pool_client.this.explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH"]) &&
      aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED"
    )
    error_message = "The app client can do something else than fetch a token by its secret."
  }

  assert {
    condition     = length(aws_cognito_user_pool_client.this.callback_urls) == 0 && length(aws_cognito_user_pool_client.this.supported_identity_providers) == 0
    error_message = "The app client has a part of a sign-in."
  }

  assert {
    condition     = output.allowed_scopes == toset(["https://api.example.com/read", "https://api.example.com/write"])
    error_message = "The scopes are others than those asked for."
  }

  assert {
    condition     = aws_cognito_user_pool_client.this.access_token_validity == 60 && aws_cognito_user_pool_client.this.token_validity_units[0].access_token == "minutes"
    error_message = "The tokens do not live for an hour."
  }

  assert {
    condition     = output.client_id == "1example23456789" && nonsensitive(output.client_secret) == "secret-of-the-mock"
    error_message = "Id and secret are not the client's."
  }
}

run "refuses_a_client_without_scopes" {
  command = plan
  variables {
    allowed_scopes = []
  }
  expect_failures = [var.allowed_scopes]
}

run "refuses_a_scope_of_people" {
  command = plan
  variables {
    allowed_scopes = ["openid"]
  }
  expect_failures = [var.allowed_scopes]
}

run "refuses_two_scopes_in_one_text" {
  command = plan
  variables {
    allowed_scopes = ["api/read api/write"]
  }
  expect_failures = [var.allowed_scopes]
}

run "refuses_tokens_of_two_days" {
  command = plan
  variables {
    access_token_minutes = 2880
  }
  expect_failures = [var.access_token_minutes]
}

run "refuses_tokens_of_a_minute" {
  command = plan
  variables {
    access_token_minutes = 1
  }
  expect_failures = [var.access_token_minutes]
}

run "refuses_half_a_minute" {
  command = plan
  variables {
    access_token_minutes = 7.5
  }
  expect_failures = [var.access_token_minutes]
}

run "refuses_a_name_with_a_line_break" {
  command = plan
  variables {
    client_name = "credvend\nagent"
  }
  expect_failures = [var.client_name]
}
