"""The development provider under the real Terraform: plan, apply, change, notice, replace, destroy."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
PROVIDER = ROOT / "tests/terraform-provider"
DOMAIN = "example.eu.auth0.com"
TENANT = "11111111-2222-3333-4444-555555555555"
ONE = {"web-01": "first"}
TWO = ONE | {"web-02": "second"}


class Terraform:
    """The example in a folder of its own."""

    def __init__(self, folder: Path, endpoint: str | None) -> None:
        shutil.copy(PROVIDER / "example/main.tf", folder)
        self._folder = folder
        # A plain environment: nobody's TF_* or ARM_* variables.
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
            "TF_CLI_CONFIG_FILE": str(folder / "terraform.rc"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "AUTH0_CLIENT_ID": "manager",
            "AUTH0_CLIENT_SECRET": "of-the-tenant",
        }
        if endpoint:
            self.environment["LOCAL_STACK_ENDPOINT"] = endpoint
        subprocess.run([PROVIDER / "cli-config", folder / "terraform.rc"], check=True)
        self.run("init", "-input=false")

    def run(self, *arguments: str, fails: bool = False, **variables) -> str:
        given = [f"-var={name}={json.dumps(value)}" for name, value in variables.items()]
        command = ["terraform", *arguments, *given]
        if arguments[0] != "output":
            command.append("-no-color")
        done = subprocess.run(command, cwd=self._folder, env=self.environment, capture_output=True, text=True)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + (done.stderr if fails else "")

    def apply(self, **variables) -> str:
        return self.run("apply", "-auto-approve", "-input=false", **variables)

    def plan(self, **variables) -> dict[str, list[str]]:
        """Address -> actions, of what would change."""
        self.run("plan", "-input=false", "-out=plan", **variables)
        shown = json.loads(self.run("show", "-json", "plan"))
        changes = {one["address"]: one["change"]["actions"] for one in shown["resource_changes"]}
        return {address: actions for address, actions in changes.items() if actions not in (["no-op"], ["read"])}

    def planned(self, address: str) -> dict:
        """A change of the last plan in full."""
        shown = json.loads(self.run("show", "-json", "plan"))
        return next(one["change"] for one in shown["resource_changes"] if one["address"] == address)

    def outputs(self) -> dict:
        return {name: one["value"] for name, one in json.loads(self.run("output", "-json")).items()}


@pytest.fixture
def stack_routes(running_stack):
    def control(method: str, path: str, fields: dict | None = None) -> dict:
        return running_stack.control(method, f"/idp/{path}", fields)

    return control


@pytest.fixture(scope="module")
def terraform(tmp_path_factory, running_stack):
    return Terraform(tmp_path_factory.mktemp("terraform"), running_stack.ready["endpoint"])


@pytest.fixture
def applied(terraform):
    """With two servers, whatever the last test left."""
    terraform.apply(servers=TWO)
    return terraform


def test_the_second_plan_is_empty(terraform):
    plan = terraform.plan(servers=TWO)
    assert set(map(tuple, plan.values())) == {("create",)}
    unknown = terraform.planned('auth0_client.server["web-01"]')["after_unknown"]
    assert unknown["client_id"] is True and unknown["id"] is True
    secret = terraform.planned('azuread_application_password.server["web-01"]')
    assert secret["after_sensitive"]["value"] is True and secret["after_unknown"]["value"] is True
    terraform.apply(servers=TWO)
    assert terraform.plan(servers=TWO) == {}


def test_servers_come_and_go_and_leave_the_others_alone(applied):
    plan = applied.plan(servers=TWO | {"web-03": "third"})
    assert set(map(tuple, plan.values())) == {("create",)}
    assert all('["web-03"]' in address for address in plan)
    plan = applied.plan(servers=ONE)
    assert set(map(tuple, plan.values())) == {("delete",)}
    assert all('["web-02"]' in address for address in plan)


def test_changes_in_place_and_by_replacement(applied):
    servers = TWO | {"web-01": "changed"}
    assert applied.plan(servers=servers) == {
        'auth0_client.server["web-01"]': ["update"],
        'azuread_application.server["web-01"]': ["update"],
        # rotate_when_changed
        'azuread_application_password.server["web-01"]': ["delete", "create"],
    }
    before = applied.outputs()["entra"]["web-01"]
    applied.apply(servers=servers)
    after = applied.outputs()["entra"]["web-01"]
    assert before["client_id"] == after["client_id"] and before["client_secret"] != after["client_secret"]
    assert applied.plan(servers=servers) == {}
    plan = applied.plan(servers=servers, identifier="https://other.example.com")
    assert plan["auth0_resource_server.api"] == ["delete", "create"]
    assert plan['auth0_client_grant.server["web-01"]'] == ["delete", "create"]
    assert 'auth0_client.server["web-01"]' not in plan


def test_scopes_and_roles_are_changed_in_place(applied):
    roles = {
        "Credentials.Vend": "00000000-0000-0000-0000-00000000000a",
        "Other": "00000000-0000-0000-0000-00000000000b",
    }
    more = {"scopes": ["s3:write", "s3:read"], "roles": roles}
    plan = applied.plan(servers=TWO, **more)
    assert plan["auth0_resource_server_scopes.api"] == ["update"]
    assert plan['auth0_client_grant.server["web-01"]'] == ["update"]
    assert plan["azuread_application.api"] == ["update"]
    assert applied.planned("azuread_application.api")["after_unknown"]["app_role_ids"] is True
    applied.apply(servers=TWO, **more)
    assert applied.plan(servers=TWO, **more) == {}


def test_what_somebody_deleted_is_made_again(applied, stack_routes):
    client = applied.outputs()["auth0"]["web-02"]["client_id"]
    stack_routes("DELETE", f"auth0/{DOMAIN}/clients/{client}")
    principal = applied.outputs()["entra"]["web-02"]["subject"]
    stack_routes("DELETE", f"entra/{TENANT}/service-principals/{principal}")
    plan = applied.plan(servers=TWO)
    assert set(plan) == {
        'auth0_client.server["web-02"]',
        'auth0_client_credentials.server["web-02"]',
        'auth0_client_grant.server["web-02"]',
        'azuread_service_principal.server["web-02"]',
        'azuread_app_role_assignment.server["web-02"]',
    }
    applied.apply(servers=TWO)
    assert applied.plan(servers=TWO) == {}


def test_what_somebody_changed_is_changed_back(applied, stack_routes):
    client = applied.outputs()["auth0"]["web-01"]["client_id"]
    stack_routes("PATCH", f"auth0/{DOMAIN}/clients/{client}", {"grant_types": ["implicit"], "description": "mine"})
    assert applied.plan(servers=TWO) == {'auth0_client.server["web-01"]': ["update"]}
    applied.apply(servers=TWO)
    assert stack_routes("GET", f"auth0/{DOMAIN}/clients/{client}")["grant_types"] == ["client_credentials"]


def test_the_clients_get_tokens_for_what_terraform_made(applied, running_stack):
    internet = running_stack.url("/local-stack/internet")
    outputs = applied.outputs()
    auth0 = outputs["auth0"]["web-01"]
    form = {name: auth0[name] for name in ("client_id", "client_secret", "audience")}
    form["grant_type"] = "client_credentials"
    assert requests.post(f"{internet}/{auth0['domain']}/oauth/token", json=form).json()["scope"] == "s3:write"
    entra = outputs["entra"]["web-01"]
    form = {name: entra[name] for name in ("client_id", "client_secret", "scope")}
    form["grant_type"] = "client_credentials"
    answer = requests.post(f"{internet}/login.microsoftonline.com/{entra['tenant_id']}/oauth2/v2.0/token", data=form)
    assert answer.json()["token_type"] == "Bearer"


def test_destroy_leaves_nothing(applied, stack_routes):
    applied.run("destroy", "-auto-approve", servers=TWO)
    for collection in ("clients", "client-grants", "resource-servers"):
        assert stack_routes("GET", f"auth0/{DOMAIN}/{collection}")["all"] == []
    for collection in ("applications", "service-principals", "passwords", "app-role-assignments"):
        assert stack_routes("GET", f"entra/{TENANT}/{collection}")["all"] == []


def test_wrong_values_fail_at_plan_time(terraform):
    text = terraform.run("plan", "-input=false", servers=ONE, app_type="magic", fails=True)
    assert "expected app_type to be one of" in text
    text = terraform.run("plan", "-input=false", servers=ONE, roles={"Credentials.Vend": "no-guid"}, fails=True)
    assert "must be a valid UUID" in text
    text = terraform.run("plan", "-input=false", servers=ONE, scopes=[], fails=True)
    assert 'At least 1 "scopes" blocks are required' in text


def test_without_the_stack_it_says_what_it_is(tmp_path):
    terraform = Terraform(tmp_path, endpoint=None)
    assert "The configuration is valid" in terraform.run("validate")
    text = " ".join(terraform.run("plan", "-input=false", servers=ONE, fails=True).split())
    assert "LOCAL_STACK_ENDPOINT is not set. This is the development provider of this project's tests" in text
    terraform.environment |= {"LOCAL_STACK_ENDPOINT": "http://127.0.0.1:9"}
    text = " ".join(terraform.run("apply", "-auto-approve", servers=ONE, fails=True).split())
    assert "is the local stack running at that address?" in text
    del terraform.environment["AUTH0_CLIENT_SECRET"]
    assert "Set AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET" in " ".join(
        terraform.run("plan", "-input=false", servers=ONE, fails=True).split()
    )


def test_mocked_it_needs_no_stack(tmp_path):
    terraform = Terraform(tmp_path, endpoint=None)
    (tmp_path / "mocked.tftest.hcl").write_text(
        """
        mock_provider "auth0" {}
        mock_provider "azuread" {
          mock_resource "azuread_service_principal" {
            defaults = {
              app_role_ids = { "Credentials.Vend" = "00000000-0000-0000-0000-00000000000a" }
              object_id    = "00000000-0000-0000-0000-00000000000b"
            }
          }
        }
        variables {
          servers = { "web-01" = "first" }
        }
        run "plan" {
          command = plan
          assert {
            condition     = auth0_client.server["web-01"].app_type == "non_interactive"
            error_message = "app_type"
          }
        }
        """
    )
    assert "1 passed, 0 failed" in terraform.run("test")
