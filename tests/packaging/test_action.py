"""The GitHub action: its steps as a runner would take them."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from upstream import CREDENTIALS, REQUEST_TOKEN, Upstream

ACTION = REPOSITORY / ".github/actions/credvend"


class Runner:
    """What a job is made of: a folder, and the files that steps write for those after them."""

    def __init__(self, folder: Path, upstream: Upstream, tarball: Path, action: Path = ACTION) -> None:
        self.folder, self.upstream, self.tarball, self.action = folder, upstream, tarball, action
        upstream.files[f"/releases/{tarball.name}"] = tarball

    def run(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """All steps of the action, up to the first that fails."""
        action = yaml.safe_load((self.action / "action.yml").read_text())
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
            # As the runner starts `shell: bash`.
            script = self.folder / "step.sh"
            script.write_text(step["run"])
            bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", script]
            result = subprocess.run(bash, env=environment, capture_output=True, check=False)
            output = result.stdout.decode() + result.stderr.decode()  # as bytes: a lone CR must stay one
            result.stdout = result.stderr = output
            if result.returncode:
                break
        return result

    def prints(self, members: dict[str, str]) -> None:
        (self.folder.parent / "printed").write_text(json.dumps({"Version": 1} | members, separators=(",", ":"), ensure_ascii=False))

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_ENV": str(self.folder / "env"),
            "GITHUB_PATH": str(self.folder / "path"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.upstream.url}/github?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "AWS_ENDPOINT_URL_STS": self.upstream.url,
        }

    def handed_over(self) -> dict[str, str]:
        """The variables of the steps that follow, as the runner's FileCommandManager reads them."""
        file = self.folder / "env"
        lines = iter(re.split(r"\r\n|\n|\r", file.read_text()) if file.exists() else [])
        variables = {}
        for line in lines:
            if (equals := line.find("=")) >= 0 and ("<<" not in line or equals < line.find("<<")):
                variables[line[:equals]] = line[equals + 1 :]
            elif "<<" in line:
                name, delimiter = line.split("<<", 1)
                variables[name] = "\n".join(iter(lambda: next(lines), delimiter))
            else:
                assert line == "", f"the runner takes no such line: {line!r}"
        return variables


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def commands(result: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    """The workflow commands in the output of a step, as the runner's ActionCommand.TryParseV2 and TryParse find them."""
    found = []
    for line in re.split(r"\r\n|\n|\r", result.stdout):
        if line.lstrip().startswith("::"):
            name, _, value = line.lstrip()[2:].partition("::")
            found.append((name, value.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")))
        elif "##[" in line:
            found.append(("##[", line))
    return found


@pytest.fixture
def own_upstream() -> Iterator[Upstream]:
    """One whose answers a test may change."""
    with Upstream() as running:
        yield running


@pytest.fixture
def scripted(tmp_path: Path, upstream: Upstream) -> Runner:
    """Installs a `credvend` that prints what the test has put into the file `printed`: for what the scripts decide alone."""
    name = "credvend-0.1.0-x86_64-linux"
    program = tmp_path / name / "bin/credvend"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/printed\n")
    program.chmod(0o755)
    tarball = tmp_path / f"{name}.tar.gz"
    subprocess.run(["tar", "-C", tmp_path, "-czf", tarball, name], check=True)
    runner = Runner(tmp_path / "runner", upstream, tarball)
    runner.folder.mkdir()
    runner.prints(CREDENTIALS)
    return runner


@pytest.fixture
def runner(tmp_path: Path, upstream: Upstream, tarball: Path) -> Runner:
    return Runner(tmp_path, upstream, tarball)


def test_credentials_in_the_environment_are_masked(runner: Runner) -> None:
    result = runner.run()
    assert result.returncode == 0, result.stdout
    expected = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    expected |= {"AWS_ACCESS_KEY_ID": CREDENTIALS["AccessKeyId"], "AWS_ACCOUNT_ID": "123456789012"}
    expected |= {"AWS_SECRET_ACCESS_KEY": CREDENTIALS["SecretAccessKey"], "AWS_SESSION_TOKEN": CREDENTIALS["SessionToken"]}
    assert runner.handed_over() == expected
    assert commands(result) == [("add-mask", value) for value in CREDENTIALS.values()]
    for value in CREDENTIALS.values():
        assert [line for line in result.stdout.splitlines() if value in line and not line.startswith("::add-mask::")] == []
    assert (runner.folder / "path").read_text() == f"{runner.folder}/credvend/bin\n"


def test_an_endpoint_for_the_rest_of_the_job(runner: Runner) -> None:
    result = runner.run(mode="serve", port=str(free_port()))
    try:
        assert result.returncode == 0, result.stdout
        variables = runner.handed_over()
        token = Path(variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()
        assert commands(result) == [("add-mask", token)]
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
        ({"base_url": "http://127.0.0.1:1"}, "cannot download"),
        ({"base_url": "ftp://releases.example.com"}, "base-url: "),
        ({"base_url": "http://releases.example.com"}, "base-url: "),
        ({"base_url": "https://name:password@releases.example.com"}, "base-url: "),
        ({"credential_api_url": "https://api.example.com/credentials"}, "set one of them, and only one"),
        ({"role_arn": ""}, "set one of them, and only one"),
        ({"role_arn": "arn:aws:iam::123456789012:user/ci"}, "role-arn: "),
        ({"port": "0"}, "port: "),
        ({"port": "65536"}, "port: "),
        ({"port": "a[$(touch touched)]"}, "port: "),
        ({"region": "eu-west-1 "}, "region: "),
        ({"region": "europe"}, "region: "),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"version": "../1"}, "is not a version"),
    ],
)
def test_what_is_wrong_is_named(runner: Runner, given: dict[str, str], message: str) -> None:
    result = runner.run(**given)
    assert result.returncode == 1
    ((name, value),) = commands(result)
    assert name == "error title=credvend"
    assert message in value
    assert not (runner.folder / "env").exists()


# Values that somebody other than the workflow's author may have chosen: a variable for all later steps, and commands.
HOSTILE = [
    "{}\nLD_PRELOAD=./evil.so",
    "{}\nBASH_ENV=./example.sh",
    "{}\r\nNODE_OPTIONS=--require=./evil.js",
    "{}\r::add-mask::a",
    "{}\n::stop-commands::x",
    "x\n::error::{}",
    "{}##[add-path]evil",
    "{}%0A::warning::x",
    "{}\nAWS_REGION<<END\nx\nEND",
    "{}\t",
    "$(touch touched)",
    "",
]
INPUTS = {
    "version": "0.1.0",
    "sha256": "0" * 64,
    "region": "eu-west-1",
    "role-arn": "arn:aws:iam::123456789012:role/ci",
    "credential-api-url": "https://api.example.com",
    "audience": "sts.amazonaws.com",
    "mode": "env",
    "port": "9911",
    "base-url": "https://releases.example.com",
}


VARIABLES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"}


def test_every_input_is_tried() -> None:
    assert yaml.safe_load((ACTION / "action.yml").read_text())["inputs"].keys() == INPUTS.keys()


@pytest.mark.parametrize("name", INPUTS)
def test_no_input_becomes_a_line_of_the_environment_or_a_command(scripted: Runner, name: str) -> None:
    for hostile in HOSTILE:
        value = hostile.format(INPUTS[name])
        if value == "" and name in {"role-arn", "credential-api-url", "base-url"}:
            continue  # the default
        other = {"role-arn": ""} if name == "credential-api-url" else {}
        result = scripted.run(**({name: value} | other))
        if name == "audience" and re.fullmatch("[!-~]+", value):
            # An audience may be any text. It is sent, and appears nowhere else.
            assert result.returncode == 0, result.stdout
            assert {command for command, _ in commands(result)} == {"add-mask"}
            assert scripted.handed_over().keys() == VARIABLES
            (scripted.folder / "env").unlink()
            continue
        assert result.returncode == 1, (value, result.stdout)
        ((command, message),) = commands(result)
        assert command == "error title=credvend"
        assert message.startswith((f"{name}: ", "cannot download")), message
        assert scripted.handed_over() == {}
    assert [*Path.cwd().glob("touched"), *scripted.folder.glob("touched")] == []


# What a service, or whoever answers in its place, may say.
COMMANDS = ["\n::add-mask::a\n", "\r::error::x", "##[add-path]evil", " ::stop-commands::x", "\u2028::debug::x", "\x1b[2K\x0b::debug::x"]


@pytest.mark.parametrize("mode", ["env", "serve"])
@pytest.mark.parametrize("said", COMMANDS)
def test_no_message_of_a_service_is_a_command(
    tmp_path: Path, own_upstream: Upstream, tarball: Path, mode: str, said: str
) -> None:
    text = said * 3
    own_upstream.refusal = (
        400,
        f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{as_xml(text)}</Message></Error></ErrorResponse>",
    )
    result = Runner(tmp_path, own_upstream, tarball).run(mode=mode, port=str(free_port()))
    assert result.returncode == 1, result.stdout
    ((command, _),) = commands(result)
    assert command == "error title=credvend"
    # It was shown.
    assert "AccessDenied" in result.stdout


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("value", ["A\nLD_PRELOAD=./evil.so", "A\r::add-mask::x", "A B", "A\u00e9", 'A", "AccessKeyId": "B', "A\x7f", ""])
def test_nothing_is_handed_over_of_odd_credentials(scripted: Runner, name: str, value: str) -> None:
    scripted.prints(CREDENTIALS | {name: value})
    result = scripted.run()
    assert result.returncode == 1, result.stdout
    assert [command for command, _ in commands(result)] == ["error title=credvend"]
    assert scripted.handed_over() == {}


def test_a_mask_is_the_very_value(scripted: Runner) -> None:
    scripted.prints(CREDENTIALS | {"SessionToken": "100%0A%25%"})
    result = scripted.run()
    assert result.returncode == 0, result.stdout
    assert ("add-mask", "100%0A%25%") in commands(result)
    assert scripted.handed_over()["AWS_SESSION_TOKEN"] == "100%0A%25%"


@pytest.mark.parametrize(
    ("account", "handed_over"),
    [("123456789012", "123456789012"), ("12345678901", None), ("123456789012\nA=b", None), ("##[x]3456789012", None)],
)
def test_an_account_id_is_twelve_digits(scripted: Runner, account: str, handed_over: str | None) -> None:
    scripted.prints(CREDENTIALS | {"AccountId": account})
    assert scripted.run().returncode == 0
    assert scripted.handed_over().get("AWS_ACCOUNT_ID") == handed_over


def as_xml(text: str) -> str:
    return "".join(character if character.isalnum() else f"&#{ord(character)};" for character in text)


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).parent / "zizmor"
    subprocess.run([zizmor, "--offline", "--persona", "pedantic", "--quiet", ACTION], check=True)
