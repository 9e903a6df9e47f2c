"""The packages, built once from the binaries of BIN_DIR (default: target/debug), and the services that they talk to."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from upstream import Upstream

REPOSITORY = Path(__file__).parent.parent.parent

IDENTITY = """[identity.web-01]
idp_type = "auth0"
aws_region = "eu-west-1"
aws_role_arn = "arn:aws:iam::123456789012:role/web-01"
aws_endpoint_url_sts = "UPSTREAM"
auth0_token_endpoint = "UPSTREAM/oauth/token"
auth0_client_id = "web-01"
auth0_audience = "https://credvend.example.com"
"""


def binaries() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return Path(os.environ.get("BIN_DIR", target / "debug"))


def build(output: Path, *options: str) -> Path:
    command = [REPOSITORY / "scripts/package", *options, "all", "--bin-dir", binaries(), "--output", output]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return output


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def tarball(packages: Path) -> Path:
    return next(packages.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running
