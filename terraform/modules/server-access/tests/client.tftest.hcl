mock_provider "auth0" {
  override_during = plan

  mock_resource "auth0_client" {
    defaults = { id = "abc", client_id = "abc" }
  }
  mock_resource "auth0_client_credentials" {
    defaults = { client_secret = "secret-of-the-mock" }
  }
}

variables {
  name           = "credvend-server-web-01"
  server_name    = "web-01"
  audience       = "https://credvend.example.com"
  s3_permissions = "write"
}

run "makes_a_machine_client" {
  command = plan

  assert {
    condition     = auth0_client.this.app_type == "non_interactive" && auth0_client.this.grant_types == tolist(["client_credentials"])
    error_message = "Nobody signs in to a server's client."
  }

  assert {
    condition     = auth0_client_grant.this.audience == "https://credvend.example.com" && auth0_client_grant.this.scopes == tolist(["write"])
    error_message = "The grant is for our API and the level's scopes."
  }

  assert {
    condition     = output.client_id == "abc" && nonsensitive(output.client_secret) == "secret-of-the-mock"
    error_message = "The server is told its id and secret."
  }
}

run "full_has_all_scopes" {
  command = plan

  variables {
    s3_permissions = "full"
  }

  assert {
    condition     = auth0_client_grant.this.scopes == tolist(["write", "read", "delete", "list"])
    error_message = "The scopes follow the level."
  }
}

run "refuses_an_unknown_level" {
  command = plan

  variables {
    s3_permissions = "admin"
  }

  expect_failures = [var.s3_permissions]
}
