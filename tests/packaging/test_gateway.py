"""The gateway's packages: what lies in them, and that the unit's own command serves, reloads and ends."""

import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, build
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

UNIT = REPOSITORY / "packaging/gateway/credvend-gateway.service"
HERE = REPOSITORY / "tests/packaging"
PATIENCE = 60


@pytest.fixture(scope="module")
def gateway_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("gateway"), "--gateway")


@pytest.fixture(scope="module")
def root(gateway_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "--extract", next(gateway_packages.glob("*.deb")), folder], check=True)
    return folder


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if (assignment := line.partition("="))[1] and not line.startswith("#"):
            found.setdefault(assignment[0], []).append(assignment[2])
    return found


def test_deb(gateway_packages: Path) -> None:
    deb = next(gateway_packages.glob("credvend-gateway_*_amd64.deb"))
    listing = [line.split() for line in output("dpkg-deb", "--contents", deb).splitlines()]
    files = {fields[5].removeprefix("./"): fields[0] for fields in listing if not fields[5].endswith("/")}
    assert files == {
        "etc/credvend-gateway/gateway.env": "-rw-r--r--",
        "etc/credvend-gateway/gateway.toml": "-rw-r--r--",
        "lib/systemd/system/credvend-gateway.service": "-rw-r--r--",
        "usr/bin/credvend-gateway": "-rwxr-xr-x",
        "usr/share/doc/credvend-gateway/changelog.Debian.gz": "-rw-r--r--",
        "usr/share/doc/credvend-gateway/changelog.gz": "-rw-r--r--",
        "usr/share/doc/credvend-gateway/copyright": "-rw-r--r--",
        "usr/share/doc/credvend-gateway/credvend-gateway.cdx.json": "-rw-r--r--",
    }
    assert {fields[1] for fields in listing} == {"root/root"}
    assert output("dpkg-deb", "--info", deb, "conffiles").split() == [
        "/etc/credvend-gateway/gateway.env",
        "/etc/credvend-gateway/gateway.toml",
    ]
    # No user is made, so passwd is not needed.
    assert re.search(r"^Depends: ca-certificates, libgcc-s1, libc6 \(>= 2\.\d+\)$", output("dpkg-deb", "--field", deb), re.MULTILINE)


def test_checksums_and_again(gateway_packages: Path, tmp_path: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=gateway_packages, check=True)
    assert len(list(gateway_packages.iterdir())) == 4
    assert (build(tmp_path, "--gateway") / "SHA256SUMS").read_text() == (gateway_packages / "SHA256SUMS").read_text()


@pytest.mark.parametrize("kind", ["rpm", "tar"])
def test_a_kind_that_there_is_not(kind: str, tmp_path: Path) -> None:
    command = [REPOSITORY / "scripts/package", "--gateway", kind, "--output", tmp_path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (2, f"package: there is no {kind} of credvend-gateway; there is: deb oci sbom\n")


def test_sbom(gateway_packages: Path) -> None:
    text = next(gateway_packages.glob("*.cdx.json")).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert bom["metadata"]["component"]["name"] == "credvend-gateway"
    names = {component["name"] for component in bom["components"]}
    assert {"hyper", "rustls", "jsonwebtoken", "authenticate"} <= names
    # The gateway asks nothing of AWS.
    assert not [name for name in names if name.startswith("aws-sdk-")]


def test_the_image_is_what_the_manifests_run(gateway_packages: Path) -> None:
    with tarfile.open(next(gateway_packages.glob("*.oci.tar"))) as archive:
        blobs = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}

    def blob(descriptor: dict) -> bytes:
        content = blobs["blobs/" + descriptor["digest"].replace(":", "/")]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
        return content

    manifest = json.loads(blob(json.loads(blobs["index.json"])["manifests"][0]))
    assert manifest["annotations"]["org.opencontainers.image.title"] == "credvend-gateway"
    config = json.loads(blob(manifest["config"]))["config"]
    assert (config["Entrypoint"], config["Cmd"], config["Env"]) == (["/usr/bin/credvend-gateway"], [], ["PATH=/usr/bin"])
    with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]))) as layer:
        names = set(layer.getnames())
        assert b"BEGIN CERTIFICATE" in layer.extractfile("etc/ssl/certs/ca-certificates.crt").read()
    assert "usr/bin/credvend-gateway" in names
    assert not {"usr/bin/credvend", "var/cache/credvend"} & names
    text = (REPOSITORY / "deploy/kubernetes/gateway/base/deployment.yaml").read_text()
    pod = yaml.safe_load(text)["spec"]["template"]["spec"]
    assert config["User"] == f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert not {"command", "args"} & pod["containers"][0].keys()


class Gateway:
    """The unit's command with the unit's variables, in front of nothing."""

    def __init__(self, root: Path, routes: str) -> None:
        self.routes = root / "etc/credvend-gateway/gateway.toml"
        self.routes.write_text(routes)
        listed = (root / "etc/credvend-gateway/gateway.env").read_text()
        # The file's own examples, on free ports; the issuer's keys cannot be fetched here.
        variables = dict(re.findall(r"^#([A-Z_]+)=(.*)$", listed, re.MULTILINE))
        self.metrics, listen = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.url = f"http://{listen}"
        variables |= {"LISTEN_ADDRESS": listen, "METRICS_ADDRESS": self.metrics, "GATEWAY_CONFIG": str(self.routes)}
        self.log = (root / "log").open("w+")
        self.process = subprocess.Popen(
            [root / settings()["ExecStart"][0].removeprefix("/")],
            env={"PATH": "/usr/bin:/bin", "HTTPS_PROXY": "http://127.0.0.1:9"} | variables,
            stdout=self.log,
            stderr=self.log,
        )

    def status(self, url: str) -> int:
        """Of the response; 0 while nobody listens."""
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait(self, condition: object) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.01)

    def output(self) -> str:
        return Path(self.log.name).read_text()


def free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@pytest.fixture(params=["as packaged", "as in Kubernetes"])
def gateway(request: pytest.FixtureRequest, root: Path) -> Iterator[Gateway]:
    packaged = REPOSITORY / "packaging/gateway/gateway.toml"
    kubernetes = REPOSITORY / "deploy/kubernetes/gateway/base/gateway.toml"
    running = Gateway(root, (packaged if request.param == "as packaged" else kubernetes).read_text())
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()
    running.log.close()


def test_the_units_command_serves_reloads_and_ends(gateway: Gateway) -> None:
    gateway.wait(lambda: gateway.status(f"http://{gateway.metrics}/livez") == 200)
    gateway.wait(lambda: gateway.status(f"{gateway.url}/health") == 200)
    assert gateway.status(f"{gateway.url}/reports/1") == 401
    # A reload of a file that is refused is told, and changes nothing.
    gateway.routes.write_text("only_listed = 7")
    assert settings()["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    before = gateway.output()
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait(lambda: "only_listed" in gateway.output().removeprefix(before))
    assert gateway.status(f"{gateway.url}/health") == 200
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(PATIENCE) == 0, gateway.output()


def test_under_systemd_and_beside_the_client(gateway_packages: Path, packages: Path, tmp_path: Path) -> None:
    if os.geteuid() or subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT RUN: to boot systemd in namespaces of its own needs root, and a machine that lets root make them")
    if list(Path("/usr/bin").glob("credvend*")):
        pytest.skip("NOT RUN: credvend is installed here, and what is tested sees this machine's files")
    for file in (next(gateway_packages.glob("*.deb")), next(packages.glob("*.deb")), HERE / "gateway_under_systemd.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / "root").mkdir()
    command = [HERE / "systemd_machine", tmp_path, os.path.realpath(sys.executable), "/shared/gateway_under_systemd.py"]
    machine = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (tmp_path / "seen.json").exists(), machine.stdout + machine.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert "failure" not in seen, seen["failure"]
    assert seen == {
        "privileges": {"CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"},
        "user": "m2m-gateway",
        "live": 200,
        "without a token": 401,
        "after a reload": [200, True],
        "beside the client": [True, "active", "enabled"],
        "left": [],
        "units left": "",
    }


def test_the_unit_is_sound(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("ExecStart=/usr/bin/credvend-gateway", f"ExecStart={shutil.which('true')}"))
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    # systemd before 254 does not know these settings and only says so.
    known = ("'RestartSteps'", "'RestartMaxDelaySec'", "running with root privileges")
    assert [line for line in checked.stderr.splitlines() if not any(word in line for word in known)] == []
    # Restarts wait for 30 s of work after a drain.
    assert int(settings()["TimeoutStopSec"][0]) > 30


def test_the_exposure_that_the_docs_tell() -> None:
    report = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True, check=False)
    score = re.search(r"Overall exposure level for .*: ([0-9.]+) OK", report.stdout)
    assert score, report.stdout + report.stderr
    assert f"| `{UNIT.name}` | {score[1]} |" in (REPOSITORY / "docs/install.md").read_text()


def test_the_files_that_it_comes_with(root: Path) -> None:
    unit = settings()
    assert unit["Environment"] == ["GATEWAY_CONFIG=/etc/credvend-gateway/gateway.toml"]
    assert unit["EnvironmentFile"] == ["/etc/credvend-gateway/gateway.env"]
    # A fresh installation lets nobody through: no issuer is trusted, and no path is listed.
    assert tomllib.loads((REPOSITORY / "packaging/gateway/gateway.toml").read_text()) == {"only_listed": True}
    listed = (root / "etc/credvend-gateway/gateway.env").read_text()
    assert not [line for line in listed.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("script", ["deb/postinst", "deb/prerm", "deb/postrm", "rpm/credvend.spec"])
def test_the_clients_package_leaves_the_gateway_alone(script: str) -> None:
    text = (REPOSITORY / "packaging" / script).read_text()
    lines = [line for line in text.splitlines() if re.search(r"^ *(\[.*\|\| )?(systemctl [a-z-]+ |find .* -name )", line)]
    units = [word.strip("'") for line in lines for word in line.split() if word.strip("'").startswith("credvend")]
    assert units
    assert not [unit for unit in units if fnmatch(UNIT.name, unit)]
    # And an identity of the client called "gateway" does not share the service's user.
    assert not settings()["User"][0].startswith("credvend-")
