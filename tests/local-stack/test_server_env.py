"""scripts/server-env: what Terraform has applied becomes an env file, line by line."""

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/server-env"


def server_env(folder: Path, configuration: dict[str, str | None]) -> subprocess.CompletedProcess[str]:
    return with_outputs(folder, "web-01", server_configurations={"web-01": configuration}, server_secrets={})


def with_outputs(folder: Path, name: str, **outputs: dict) -> subprocess.CompletedProcess[str]:
    """With a `terraform` that prints these outputs."""
    (folder / "outputs.json").write_text(json.dumps({output: {"value": value} for output, value in outputs.items()}))
    terraform = folder / "terraform"
    terraform.write_text(f"#!/bin/sh\ncat {folder}/outputs.json\n")
    terraform.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run([SCRIPT, folder, name], env=environment, capture_output=True, text=True, check=False)


def test_a_shell_reads_back_every_value(tmp_path: Path) -> None:
    values = {"A": "plain", "B": 'qu"o`t$e\\', "C": None, "D": "na\u00efve"}
    printed = server_env(tmp_path, values)
    assert printed.returncode == 0, printed.stderr
    (tmp_path / "env").write_text(printed.stdout)
    read = subprocess.run(["bash", "-c", f'. {tmp_path}/env; printf "%s\\n" "$A" "$B" "$C" "$D"'], capture_output=True, text=True, check=True)
    assert read.stdout.splitlines() == ["plain", 'qu"o`t$e\\', "", "na\u00efve"]


@pytest.mark.parametrize("value", ["eu-west-1\nLD_PRELOAD=./evil.so", "a\r", "a\tb", "a\u2028b", "\x00"])
def test_no_value_begins_another_line(tmp_path: Path, value: str) -> None:
    printed = server_env(tmp_path, {"AWS_REGION": value})
    assert printed.returncode == 1
    assert "AWS_REGION of web-01 holds a control character" in printed.stderr
    assert printed.stdout == ""


@pytest.mark.parametrize("kind", ["agent", "client"])
def test_an_agent_of_a_gateway_layer_or_a_client_of_a_query_api(tmp_path: Path, kind: str) -> None:
    layer = {
        f"{kind}_configurations": {"reporter": {"IDP_TYPE": "cognito"}},
        f"{kind}_secrets": {"reporter": {"COGNITO_CLIENT_SECRET": "s"}},
    }
    printed = with_outputs(tmp_path, "reporter", **layer)
    assert printed.stdout == 'export IDP_TYPE="cognito"\nexport COGNITO_CLIENT_SECRET="s"\n'
    unknown = with_outputs(tmp_path, "importer", **layer)
    assert unknown.returncode == 1
    assert f"has no {kind} 'importer'; it has: reporter" in unknown.stderr


def test_a_layer_that_is_not_applied(tmp_path: Path) -> None:
    printed = with_outputs(tmp_path, "web-01")
    assert printed.returncode == 1
    assert "has no output server_configurations: apply the layer first" in printed.stderr
