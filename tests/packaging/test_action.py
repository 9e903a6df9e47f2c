"""The GitHub action: its steps as a runner would take them."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from upstream import CREDENTIALS, REQUEST_TOKEN, Upstream

ACTION = REPOSITORY / ".github/actions/credvend"


class Runner:
    """What a job is made of: a folder, and the files that steps write for those after them."""

    def __init__(self, folder: Path, upstream: Upstream, tarball: Path) -> None:
        self.folder, self.upstream, self.tarball = folder, upstream, tarball
        upstream.files[f"/releases/{tarball.name}"] = tarball

    def run(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """All steps of the action, up to the first that fails."""
        action = yaml.safe_load((ACTION / "action.yml").read_text())
        given = {name: declared.get("default", "") for name, declared in action["inputs"].items()}
        given |= {
            "version": self.tarball.name.split("-")[1],
            "sha256": hashlib.sha256(self.tarball.read_bytes()).hexdigest(),
            "region": "eu-west-1",
            "role-arn": "arn:aws:iam::123456789012:role/ci",
            "base-url": f"{self.upstream.url}/releases",
        }
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        result = None
        for step in action["runs"]["steps"]:
            environment = self.environment()
            for name, value in step["env"].items():
                for key, content in given.items():
                    value = value.replace("${{ inputs." + key + " }}", content)
                environment[name] = value
            result = subprocess.run(["bash", "-c", step["run"]], env=environment, capture_output=True, text=True, check=False)
            if result.returncode:
                break
        return result

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_ENV": str(self.folder / "env"),
            "GITHUB_PATH": str(self.folder / "path"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.upstream.url}/github?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "AWS_ENDPOINT_URL_STS": self.upstream.url,
        }

    def handed_over(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.folder / "env").read_text().splitlines())


@pytest.fixture
def runner(tmp_path: Path, upstream: Upstream, tarball: Path) -> Runner:
    return Runner(tmp_path, upstream, tarball)


def test_credentials_in_the_environment_are_masked(runner: Runner) -> None:
    result = runner.run()
    assert result.returncode == 0, result.stdout + result.stderr
    expected = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    expected |= {"AWS_ACCESS_KEY_ID": CREDENTIALS["AccessKeyId"]}
    expected |= {"AWS_SECRET_ACCESS_KEY": CREDENTIALS["SecretAccessKey"], "AWS_SESSION_TOKEN": CREDENTIALS["SessionToken"]}
    assert runner.handed_over() == expected
    lines = (result.stdout + result.stderr).splitlines()
    for value in CREDENTIALS.values():
        assert f"::add-mask::{value}" in lines
        assert [line for line in lines if value in line and not line.startswith("::add-mask::")] == []
    assert (runner.folder / "path").read_text() == f"{runner.folder}/credvend/bin\n"


def test_an_endpoint_for_the_rest_of_the_job(runner: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = runner.run(mode="serve", port=str(port))
    try:
        assert result.returncode == 0, result.stdout + result.stderr
        variables = runner.handed_over()
        token = Path(variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()
        assert f"::add-mask::{token}" in result.stdout.splitlines()
        request = urllib.request.Request(variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers={"Authorization": token})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["AccessKeyId"] == CREDENTIALS["AccessKeyId"]
    finally:
        # The job's end, when the runner ends what a step has left.
        os.kill(int((runner.folder / "credvend/serve.pid").read_text()), signal.SIGTERM)


def test_another_tarball_is_not_installed(runner: Runner) -> None:
    result = runner.run(sha256="0" * 64)
    assert result.returncode == 1
    assert "::error title=credvend::sha256:" in result.stdout
    assert not (runner.folder / "credvend/bin").exists()
    assert not (runner.folder / "path").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"version": "../1"}, "is not a version"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"mode": "both"}, "neither env nor serve"),
        ({"role_arn": ""}, "no credentials"),
        ({"base_url": "http://127.0.0.1:1"}, "cannot download"),
    ],
)
def test_what_is_wrong_is_named(runner: Runner, given: dict[str, str], message: str) -> None:
    result = runner.run(**given)
    assert result.returncode == 1
    assert message in result.stdout, result.stdout + result.stderr
    assert not (runner.folder / "env").exists()


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).parent / "zizmor"
    subprocess.run([zizmor, "--offline", "--persona", "pedantic", "--quiet", ACTION], check=True)
