"""Publishing a package as a whole, on the local stack: the script deploys, the action reads the token in a job of GitHub's, and
the deployed function rotates it with the permissions that it was given.
"""

import base64
import http.server
import json
import os
import platform
import subprocess
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import REPOSITORY, binaries
from test_action import Runner, commands
from test_pypi_token_action import ACTION
from upstream import Upstream

TOKEN, NEXT, REVOKED = (f"pypi-canary-{name}" for name in ("current", "next", "revoked"))


class Index(http.server.ThreadingHTTPServer):
    """An index that authenticates an upload before it refuses its content."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            user, _, token = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
            self.send_response(400 if user == "__token__" and token in (TOKEN, NEXT) else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/legacy/"


@dataclass
class Account:
    """An AWS account of the local stack, its administrator, and what the script has printed."""

    endpoint: str
    environment: dict[str, str]
    variables: dict[str, str]

    def aws(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [REPOSITORY / ".tools/venv/bin/aws", *arguments]
        return subprocess.run(command, env=self.environment, text=True, capture_output=True, check=False)

    def token(self) -> str:
        current = ("--version-stage", "AWSCURRENT", "--query", "SecretString", "--output", "text")
        read = self.aws("secretsmanager", "get-secret-value", "--secret-id", "lib/pypi-token", *current)
        return json.loads(read.stdout)["token"]

    def log(self) -> str:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/local-stack/functions/lib-pypi-rotation/log", timeout=60) as answer:
                return json.load(answer)["log"]
        except urllib.error.HTTPError as error:
            assert error.code == 404  # it has never run
            return ""

    def rotate(self, staged: str | None) -> str:
        """What Secrets Manager does; the log of the function."""
        if staged:
            value = json.dumps({"token": staged})
            put = self.aws("secretsmanager", "put-secret-value", "--secret-id", "lib/pypi-token/next", "--secret-string", value)
            assert put.returncode == 0, put.stderr
        before = self.log()
        function = "arn:aws:lambda:eu-west-1:123456789012:function:lib-pypi-rotation"
        rules = ("--rotation-rules", "AutomaticallyAfterDays=90")
        self.aws("secretsmanager", "rotate-secret", "--secret-id", "lib/pypi-token", "--rotation-lambda-arn", function, *rules)
        return self.log().removeprefix(before)


def package(folder: Path) -> Path:
    """The function as `scripts/build-lambda` packs it, of this build."""
    subprocess.run(["strip", "-o", folder / "bootstrap", binaries() / "pypi-rotation"], check=True)
    with zipfile.ZipFile(folder / "bootstrap.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(folder / "bootstrap", "bootstrap")
    return folder / "bootstrap.zip"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    index = Index()
    threading.Thread(target=index.serve_forever, daemon=True).start()
    stack = subprocess.Popen([REPOSITORY / "scripts/local-stack", "--empty"], stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(stack.stdout.readline())
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path_factory.mktemp("home")),
            "AWS_ENDPOINT_URL": ready["endpoint"],
            "AWS_ACCESS_KEY_ID": ready["admin"]["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": ready["admin"]["secret_access_key"],
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        account = Account(ready["endpoint"], environment, {})
        assert account.aws("s3", "mb", "s3://code").returncode == 0
        architecture = "arm64" if platform.machine() == "aarch64" else "x86_64"
        script = [REPOSITORY / "scripts/deploy-pypi-publishing", "example-corp", "lib", "--token-file", "-", "--repository-url", index.url]
        script += ["--rotation-zip", package(tmp_path_factory.mktemp("package")), "--rotation-architecture", architecture]
        deployed = subprocess.run(
            [*script, "--code-bucket", "code"], input=TOKEN, env=environment, text=True, capture_output=True, check=False
        )
        assert deployed.returncode == 0, deployed.stderr
        account.variables = dict(line.split("=", 1) for line in deployed.stdout.splitlines())
        yield account
    finally:
        stack.terminate()
        stack.wait(timeout=30)
        index.shutdown()


def run_in(account: Account, runner: Runner, monkeypatch: pytest.MonkeyPatch, job: dict, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The action in a job of GitHub's, with the three variables that the script has printed."""
    order = urllib.request.Request(
        f"{account.endpoint}/local-stack/idp/github/jobs",
        data=json.dumps({"repository": "example-corp/lib"} | job).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(order, timeout=60) as started:
        given = runner.environment() | json.load(started)
    del given["AWS_ENDPOINT_URL_STS"]
    (runner.folder / "env").touch()  # as the runner does
    monkeypatch.setattr(runner, "environment", lambda: given | {"AWS_ENDPOINT_URL": account.endpoint})
    variables = account.variables
    values = {"role-arn": variables["AWS_ROLE_ARN"], "secret-name": variables["AWS_SECRET_NAME"], "region": variables["AWS_REGION"]}
    return runner.run(**(values | inputs))


@pytest.fixture
def real(tmp_path: Path, upstream: Upstream, tarball: Path) -> Runner:
    return Runner(tmp_path, upstream, tarball, ACTION)


def test_the_right_job_publishes_with_the_token_of_the_secret(account: Account, real: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_in(account, real, monkeypatch, {"environment": "pypi"})
    assert result.returncode == 0, result.stdout
    assert real.handed_over() == {"TWINE_PASSWORD": TOKEN}
    assert commands(result) == [("add-mask", TOKEN)]
    assert [line for line in result.stdout.splitlines() if TOKEN in line] == [f"::add-mask::{TOKEN}"]
    left = [path for path in real.folder.rglob("*") if path.is_file() and path.name != "env"]
    assert [path for path in left if TOKEN.encode() in path.read_bytes() or b"ASIA" in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("job", "inputs", "said"),
    [
        ({"environment": "pypi", "event": "pull_request", "ref": "refs/pull/7/merge"}, {}, "AccessDenied"),
        ({"ref": "refs/heads/main"}, {}, "AccessDenied"),
        ({"environment": "pypi"}, {"audience": "somebody.else"}, "InvalidIdentityToken"),
        ({"environment": "pypi"}, {"secret-name": "lib/pypi-token/next"}, "lib/pypi-token/next"),
        ({"environment": "pypi"}, {"field": "password"}, "it has `package`, `repository`, `token`"),
        ({"environment": "pypi"}, {"variable": "LD_PRELOAD"}, "LD_PRELOAD"),
    ],
)
def test_everybody_else_gets_nothing_and_is_told_why(
    account: Account, real: Runner, monkeypatch: pytest.MonkeyPatch, job: dict, inputs: dict, said: str
) -> None:
    result = run_in(account, real, monkeypatch, job, **inputs)
    assert result.returncode == 1
    assert commands(result) == [("error title=credvend", "no token; the message above says why")]
    assert said in result.stdout
    assert TOKEN not in result.stdout
    assert real.handed_over() == {}

def test_the_deployed_function_rotates_to_the_staged_token(account: Account) -> None:
    said = account.rotate(None)
    assert "no token is staged in lib/pypi-token/next" in said
    assert account.token() == TOKEN
    said = account.rotate(REVOKED)
    assert "refuses the staged token (403)" in said
    assert account.token() == TOKEN
    said = account.rotate(NEXT)
    assert "the token is current" in said
    assert account.token() == NEXT
    for token in (TOKEN, NEXT, REVOKED):
        assert token not in account.log()
