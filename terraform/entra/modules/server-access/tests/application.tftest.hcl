mock_provider "azuread" {
  override_during = plan

  mock_resource "azuread_application" {
    defaults = { id = "/applications/99999999-0000-0000-0000-000000000000", client_id = "aaaaaaaa-0000-0000-0000-000000000000" }
  }
  mock_resource "azuread_service_principal" {
    defaults = { object_id = "bbbbbbbb-0000-0000-0000-000000000000" }
  }
  mock_resource "azuread_application_password" {
    defaults = { value = "secret-of-the-mock" }
  }
}

variables {
  name                            = "credvend-server-web-01"
  server_name                     = "web-01"
  client_secrets                  = [{ name = "1" }]
  api_service_principal_object_id = "dddddddd-0000-0000-0000-000000000000"
  api_role_id                     = "eeeeeeee-0000-0000-0000-000000000000"
}

run "makes_an_application_with_the_role" {
  command = plan

  assert {
    condition = (
      azuread_app_role_assignment.this.app_role_id == "eeeeeeee-0000-0000-0000-000000000000"
      && azuread_app_role_assignment.this.principal_object_id == "bbbbbbbb-0000-0000-0000-000000000000"
      && azuread_app_role_assignment.this.resource_object_id == "dddddddd-0000-0000-0000-000000000000"
    )
    error_message = "The server's service principal is assigned the API's role."
  }

  assert {
    condition     = output.service_principal_object_id == "bbbbbbbb-0000-0000-0000-000000000000"
    error_message = "The `sub` of the tokens is the service principal's object id."
  }
}

run "keeps_the_first_secret_when_a_second_comes" {
  command = plan

  variables {
    client_secrets = [{ name = "1" }, { name = "2", end_date = "2028-01-31T00:00:00Z" }]
  }

  assert {
    condition     = keys(azuread_application_password.this) == ["1", "2"] && azuread_application_password.this["2"].end_date == "2028-01-31T00:00:00Z"
    error_message = "A secret goes by its name."
  }
}

run "refuses_no_secret" {
  command = plan

  variables {
    client_secrets = []
  }

  expect_failures = [var.client_secrets]
}
