"""The action that hands over the upload token, and the workflow that shows its use."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from test_action import HOSTILE, Runner, commands
from upstream import Upstream

ACTION = REPOSITORY / ".github/actions/pypi-token"
WORKFLOW = REPOSITORY / "docs/examples/publish-package.yml"
INPUTS = {
    "version": "0.1.0",
    "sha256": "0" * 64,
    "region": "eu-west-1",
    "role-arn": "arn:aws:iam::123456789012:role/ci",
    "secret-name": "lib/pypi-token",
    "field": "token",
    "variable": "TWINE_PASSWORD",
    "audience": "sts.amazonaws.com",
    "base-url": "https://releases.example.com",
}
# What stands in for `credvend secret get`: it notes what it is asked and writes a variable, or fails.
PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" >{folder}/asked
env >>{folder}/asked
mkdir -p "$CREDVEND_CACHE_DIR" && echo role >"$CREDVEND_CACHE_DIR/credentials"
if [ -f {folder}/fails ]; then cat {folder}/fails >&2; exit 3; fi
echo ::add-mask::pypi-canary
printf '%s=pypi-canary\\n' "$7" >>"$GITHUB_ENV"
"""


@pytest.fixture
def job(tmp_path: Path, upstream: Upstream) -> Runner:
    name = "credvend-0.1.0-x86_64-linux"
    program = tmp_path / name / "bin/credvend"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    tarball = tmp_path / f"{name}.tar.gz"
    subprocess.run(["tar", "-C", tmp_path, "-czf", tarball, name], check=True)
    runner = Runner(tmp_path / "runner", upstream, tarball, ACTION)
    runner.folder.mkdir()
    return runner


def publish(job: Runner, **inputs: str) -> subprocess.CompletedProcess[str]:
    return job.run(**({"secret-name": INPUTS["secret-name"]} | inputs))


def test_the_token_is_masked_and_in_one_variable(job: Runner) -> None:
    result = publish(job)
    assert result.returncode == 0, result.stdout
    assert job.handed_over() == {"TWINE_PASSWORD": "pypi-canary"}
    assert commands(result) == [("add-mask", "pypi-canary")]
    asked = (job.folder.parent / "asked").read_text().splitlines()
    assert asked[:6] == ["secret", "get", "lib/pypi-token", "--field", "token", "--github-env"]
    for line in ("IDP_TYPE=github", "AWS_REGION=eu-west-1", f"AWS_ROLE_ARN={INPUTS['role-arn']}", "GITHUB_AUDIENCE=sts.amazonaws.com"):
        assert line in asked
    # Nothing of the role stays for the later steps, which run code of others.
    assert not (job.folder / "credvend/pypi-token-cache").exists()


def test_without_a_token_the_job_ends(job: Runner) -> None:
    (job.folder.parent / "fails").write_text("the role may not read it\n::add-mask::a\n##[add-path]evil\r::error::x\n")
    result = publish(job)
    assert result.returncode == 1
    assert commands(result) == [("error title=credvend", "no token; the message above says why")]
    assert "| the role may not read it" in result.stdout
    assert job.handed_over() == {}
    assert not (job.folder / "credvend/pypi-token-cache").exists()


def test_every_input_is_tried() -> None:
    assert yaml.safe_load((ACTION / "action.yml").read_text())["inputs"].keys() == INPUTS.keys()


MORE = {
    "secret-name": ["-x", "a b", "lib/pypi-token;id", "arn:aws:s3:::bucket", "*"],
    "field": ["--show", "a b", "token`id`"],
    "variable": ["1A", "A-B", "A B", "A=B", "PATH PATH"],
    "region": ["eu-west", "eu-west-1/"],
    "role-arn": ["arn:aws:iam::123456789012:user/ci", "ci"],
}


@pytest.mark.parametrize("name", INPUTS)
def test_no_input_becomes_a_line_of_the_environment_or_a_command(job: Runner, name: str) -> None:
    for hostile in HOSTILE + MORE.get(name, []):
        value = hostile.format(INPUTS[name])
        if value == "" and name == "base-url":
            continue  # the default
        result = publish(job, **{name: value})
        if name == "audience" and re.fullmatch("[!-~]+", value):
            # An audience may be any text. It is sent, and appears nowhere else.
            assert result.returncode == 0, result.stdout
            assert commands(result) == [("add-mask", "pypi-canary")]
            (job.folder / "env").unlink()
            continue
        assert result.returncode == 1, (value, result.stdout)
        ((command, message),) = commands(result)
        assert command == "error title=credvend"
        assert message.startswith((f"{name}: ", "cannot download")), message
        assert job.handed_over() == {}
    assert [*Path.cwd().glob("touched"), *job.folder.glob("touched")] == []


def test_a_job_without_a_token_of_its_own(job: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job.environment()
    monkeypatch.setattr(job, "environment", lambda: {k: v for k, v in given.items() if not k.startswith("ACTIONS_")})
    result = publish(job)
    assert result.returncode == 1
    assert "add to it: permissions: id-token: write" in result.stdout


def test_the_workflow_passes_what_the_action_takes_and_no_job_may_do_more_than_it_must() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {}
    permissions = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert permissions == {
        "build": {"contents": "read"},
        "attest": {"id-token": "write", "attestations": "write"},
        "publish": {"id-token": "write"},
    }
    publish = workflow["jobs"]["publish"]
    assert publish["environment"] == "pypi"
    (used,) = [step for step in publish["steps"] if "/pypi-token@" in step.get("uses", "")]
    declared = yaml.safe_load((ACTION / "action.yml").read_text())["inputs"]
    assert used["with"].keys() <= declared.keys()
    assert used["with"].keys() >= {name for name, one in declared.items() if one.get("required")}
    for step in (step for job in workflow["jobs"].values() for step in job["steps"]):
        assert "uses" not in step or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
        assert "${{" not in step.get("run", "")
