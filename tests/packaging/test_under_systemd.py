"""All units under a real systemd: what no imitation of it notices."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import IDENTITY, REPOSITORY
from upstream import CREDENTIALS

TEMPLATES = ("credvend", "credvend-credential-daemon", "credvend-token-daemon")
HERE = REPOSITORY / "tests/packaging"


def test_install_start_kill_reload_purge(packages: Path, tmp_path: Path) -> None:
    if os.geteuid() or subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT RUN: to boot systemd in namespaces of its own needs root, and a machine that lets root make them")
    if Path("/usr/bin/credvend").exists():
        pytest.skip("NOT RUN: credvend is installed here, and what is tested sees this machine's files")
    for file in (next(packages.glob("*.deb")), HERE / "under_systemd.py", HERE / "upstream.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / "config.toml").write_text(IDENTITY + IDENTITY.replace("identity.web-01", "identity.web-02"))
    (tmp_path / "root").mkdir()
    command = [HERE / "systemd_machine", tmp_path, os.path.realpath(sys.executable), "/shared/under_systemd.py"]
    machine = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (tmp_path / "seen.json").exists(), machine.stdout + machine.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert "failure" not in seen, seen["failure"]
    assert seen["files"] == ["aws-credentials.env", "aws-credentials.json", "credentials", "logstash.yml"]
    assert seen["token"]
    assert seen["credentials"] == [CREDENTIALS["AccessKeyId"]] * 2
    assert seen["after kill -9"] == CREDENTIALS["AccessKeyId"]
    assert seen["another user"] == "refused"
    # An identity's own units have a user of their own.
    assert seen["users"] == {
        "credvend": "credvend",
        **{f"{unit}@{identity}": f"credvend-{identity}" for unit in TEMPLATES for identity in ("web-01", "web-02")},
    }
    # A consumer reads what its own group may read, and nothing of another identity or of the common endpoint.
    own = {"token", "credentials", "aws-credentials.env", "aws-credentials.json", "logstash.yml", "oidc token"}
    assert seen["readable"] == {
        "credvend": ["credvend token"],
        **{f"credvend-{identity}": sorted(f"{identity} {name}" for name in own) for identity in ("web-01", "web-02")},
        "nogroup": [],
    }
    for unit, privileges in seen["privileges"].items():
        assert privileges == {"CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}, unit
    assert (seen["left"], seen["units left"], seen["users left"]) == ([], "", [])
