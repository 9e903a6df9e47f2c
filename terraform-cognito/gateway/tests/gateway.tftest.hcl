mock_provider "aws" {
  override_during = plan

  mock_resource "aws_cognito_user_pool_client" {
    defaults = { id = "1example23456789", client_secret = "secret-of-the-mock" }
  }
}

override_data {
  target = data.terraform_remote_state.foundation
  values = {
    outputs = {
      name                       = "credvend"
      aws_region                 = "eu-west-1"
      tags                       = { project = "credvend", environment = "dev" }
      cognito_user_pool_id       = "eu-west-1_Example01"
      cognito_issuer             = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
      cognito_domain             = "example"
      cognito_token_endpoint     = "https://example.auth.eu-west-1.amazoncognito.com/oauth2/token"
      resource_server_identifier = "credvend"
      bucket_name                = "example-logs"
    }
  }
}

variables {
  aws_region     = "eu-west-1"
  state_bucket   = "credvend-state"
  api_identifier = "https://api.example.com"
  agents = {
    "reporter" = { scopes = ["read"] }
  }
}

run "one_agent_has_the_plain_names" {
  command = plan

  assert {
    condition     = output.m2m_client_id == "1example23456789" && nonsensitive(output.m2m_client_secret) == "secret-of-the-mock"
    error_message = jsonencode(output.m2m_client_id)
  }

  assert {
    condition     = issensitive(output.m2m_client_secret) && issensitive(output.agent_secrets) && !issensitive(output.m2m_client_id)
    error_message = "Secrets are sensitive, and ids are not."
  }
}

run "several_agents_have_maps" {
  command = plan

  variables {
    agents = {
      "reporter" = { scopes = ["read"] }
      "importer" = { scopes = ["read", "write"] }
    }
  }

  assert {
    condition     = jsonencode(output.m2m_client_id) == jsonencode({ importer = "1example23456789", reporter = "1example23456789" })
    error_message = jsonencode(output.m2m_client_id)
  }

  assert {
    condition     = jsonencode(nonsensitive(output.m2m_client_secret)) == jsonencode({ importer = "secret-of-the-mock", reporter = "secret-of-the-mock" })
    error_message = "The secrets are not a map of the agents."
  }

  assert {
    condition     = { for name, agent in module.agent : name => agent.allowed_scopes } == { reporter = toset(["https://api.example.com/read"]), importer = toset(["https://api.example.com/read", "https://api.example.com/write"]) }
    error_message = "An agent has other scopes than its own."
  }
}

run "what_an_agent_and_the_gateway_are_told" {
  command = plan

  assert {
    condition = output.agent_configurations == { reporter = {
      IDP_TYPE                = "cognito"
      AWS_REGION              = "eu-west-1"
      COGNITO_DOMAIN          = "example"
      COGNITO_CLIENT_ID       = "1example23456789"
      COGNITO_RESOURCE_SERVER = "https://api.example.com"
    } }
    error_message = jsonencode(output.agent_configurations)
  }

  assert {
    condition     = nonsensitive(output.agent_secrets) == { reporter = { COGNITO_CLIENT_SECRET = "secret-of-the-mock" } }
    error_message = "The secret is missing."
  }

  assert {
    condition     = output.gateway_environment == { COGNITO_ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01" }
    error_message = jsonencode(output.gateway_environment)
  }

  assert {
    condition     = output.scopes == { read = "https://api.example.com/read", write = "https://api.example.com/write", admin = "https://api.example.com/admin" }
    error_message = jsonencode(output.scopes)
  }

  assert {
    condition     = toset(aws_cognito_resource_server.api.scope[*].scope_name) == toset(["read", "write", "admin"]) && aws_cognito_resource_server.api.identifier == "https://api.example.com"
    error_message = "The resource server has other scopes."
  }
}

run "no_agents_is_fine" {
  command = plan

  variables {
    agents = {}
  }

  assert {
    condition     = output.m2m_client_id == null && output.agent_configurations == {}
    error_message = "There is an agent."
  }
}

run "refuses_the_servers_resource_server" {
  command = plan
  variables {
    api_identifier = "credvend"
  }
  expect_failures = [var.api_identifier]
}

run "refuses_an_identifier_with_a_slash_at_its_end" {
  command = plan
  variables {
    api_identifier = "https://api.example.com/"
  }
  expect_failures = [var.api_identifier]
}

run "refuses_an_identifier_with_a_space" {
  command = plan
  variables {
    api_identifier = "the api"
  }
  expect_failures = [var.api_identifier]
}

run "refuses_an_unknown_scope" {
  command = plan
  variables {
    agents = { "reporter" = { scopes = ["delete"] } }
  }
  expect_failures = [var.agents]
}

run "refuses_a_scope_with_its_identifier" {
  command = plan
  variables {
    agents = { "reporter" = { scopes = ["https://api.example.com/read"] } }
  }
  expect_failures = [var.agents]
}

run "refuses_an_agent_without_scopes" {
  command = plan
  variables {
    agents = { "reporter" = { scopes = [] } }
  }
  expect_failures = [var.agents]
}

run "refuses_a_name_in_upper_case" {
  command = plan
  variables {
    agents = { "Reporter" = { scopes = ["read"] } }
  }
  expect_failures = [var.agents]
}

run "refuses_a_name_with_a_space" {
  command = plan
  variables {
    agents = { "the reporter" = { scopes = ["read"] } }
  }
  expect_failures = [var.agents]
}

run "refuses_the_servers_bucket_for_the_state" {
  command = plan

  variables {
    state_bucket = "example-logs"
  }

  expect_failures = [output.agent_configurations]
}
