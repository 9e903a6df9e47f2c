"""The installed package: each unit's command as its user, with what systemd would give it, and nothing left afterwards.

There is no systemd to start units here, so `Unit` reads the file and does the part of it that a process notices. As root,
the package is installed into this system; else, or where credvend is installed already, it is unpacked into a folder.
"""

import json
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from conftest import IDENTITY, REPOSITORY
from upstream import CLIENT_SECRET, CREDENTIALS, Upstream

PATIENCE = 60
SERVICES = ["credvend.service", "credvend@web-01.service"]
DAEMONS = ["credvend-credential-daemon@web-01.service", "credvend-token-daemon@web-01.service"]


class Installation:
    """A machine with the package; `root` is empty where it is this one."""

    def __init__(self, deb: Path, root: str) -> None:
        self.deb, self.root = deb, root

    @property
    def is_system(self) -> bool:
        return not self.root

    def path(self, absolute: str) -> Path:
        return Path(f"{self.root}{absolute}")

    def settings(self, unit: str) -> dict[str, list[str]]:
        name, _, instance = unit.removesuffix(".service").partition("@")
        file = f"{name}@.service" if instance else unit
        found: dict[str, list[str]] = {}
        for line in self.path(f"/lib/systemd/system/{file}").read_text().splitlines():
            if (assignment := line.partition("="))[1] and not line.startswith("#"):
                found.setdefault(assignment[0], []).append(assignment[2].replace("%i", instance))
        return found

    def install(self) -> None:
        if self.is_system:
            subprocess.run(["dpkg", "--install", self.deb], check=True, capture_output=True)
        else:
            subprocess.run(["dpkg-deb", "--extract", self.deb, self.root], check=True)

    def purge(self) -> None:
        if self.is_system:
            subprocess.run(["dpkg", "--purge", "credvend"], check=True, capture_output=True)

    def configure(self, upstream: Upstream) -> None:
        """One identity; its secret is where only root and systemd get it from."""
        self.path("/etc/credvend/config.toml").write_text(IDENTITY.replace("UPSTREAM", upstream.url))


class Unit:
    """A service that runs as systemd would start it."""

    def __init__(self, name: str, machine: Installation, scratch: Path) -> None:
        self.machine, self.scratch = machine, scratch
        self.instance = name.partition("@")[2].removesuffix(".service")
        self.settings = machine.settings(name)
        if machine.is_system:
            for required in self.settings.get("Requires", []):
                subprocess.run(shlex.split(machine.settings(required)["ExecStart"][0]), check=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifications.bind(f"\0credvend-test-{os.getpid()}-{id(self)}")
        self.notifications.settimeout(PATIENCE)

    def __enter__(self) -> Self:
        environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": f"@{self.notifications.getsockname()[1:].decode()}"}
        environment |= dict(line.split("=", 1) for line in self.settings.get("Environment", []))
        environment["RUNTIME_DIRECTORY"] = str(self.directory("/run", "RuntimeDirectory"))
        environment["CACHE_DIRECTORY"] = str(self.directory("/var/cache", "CacheDirectory"))
        environment["CREDENTIALS_DIRECTORY"] = str(self.credentials())
        command = [os.path.expandvars(word) for word in self.command(environment)]
        # The socket unit's port, so that tests need none of their own; sd_listen_fds(3) wants the process's own number.
        start = ["sh", "-c", 'exec env LISTEN_FDS=1 LISTEN_PID=$$ "$@" 3<&0 </dev/null', "sh", *command]
        self.log = (self.scratch / "log").open("w+")
        self.process = subprocess.Popen(
            start, env=environment, stdin=self.listener, stdout=self.log, stderr=self.log, **self.identity()
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.listener.close()
        self.notifications.close()
        shutil.rmtree(self.scratch / "credentials")
        if self.machine.is_system:
            shutil.rmtree(self.directory("/run", "RuntimeDirectory"))

    def one(self, name: str) -> str:
        return self.settings[name][0]

    def command(self, environment: dict[str, str]) -> list[str]:
        line = re.sub(r"\$\{(\w+)}", lambda name: environment[name[1]], self.one("ExecStart"))
        words = shlex.split(line)
        if "--config" not in words:  # its default, which is found in a folder only when it is named
            words[1:1] = ["--config", "/etc/credvend/config.toml"]
        return [f"{self.machine.root}{word}" if word.startswith(("/usr", "/etc", "/run")) else word for word in words]

    def identity(self) -> dict:
        if not self.machine.is_system:
            return {}
        extra_groups = self.settings.get("SupplementaryGroups", [])
        return {"user": self.one("User"), "group": self.one("Group"), "extra_groups": extra_groups}

    def directory(self, place: str, setting: str) -> Path:
        path = self.machine.path(f"{place}/{self.one(setting)}")
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(int(self.one(f"{setting}Mode"), 8))
            if self.machine.is_system:
                identity = self.identity()
                shutil.chown(path, identity["user"], identity["group"])
        return path

    def credentials(self) -> Path:
        """LoadCredential=: of the credentials store, where only auth0's secret lies."""
        folder = self.scratch / "credentials"
        folder.mkdir()
        prefix = f"credvend.{self.instance}." if self.instance else "credvend."
        stored = {f"{prefix}AUTH0_CLIENT_SECRET": CLIENT_SECRET}
        for line in self.settings["LoadCredential"]:
            name, _, source = line.partition(":")
            if source in stored:
                (folder / name).write_text(stored[source])
                (folder / name).chmod(0o400)
                if self.machine.is_system:
                    shutil.chown(folder / name, self.identity()["user"])
        return folder

    def wait_for(self, notification: str) -> None:
        while notification not in self.notifications.recv(4096).decode().splitlines():
            pass

    def wait_for_file(self, path: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.01)

    def output(self) -> str:
        return Path(self.log.name).read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.output()


def credentials(unit: Unit, token: str, path: str) -> dict:
    """As an SDK asks; 503 until the first ones are there."""
    request = urllib.request.Request(f"{unit.url}{path}", headers={"Authorization": token})
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            assert error.code == 503, error.read()
            assert time.monotonic() < deadline, unit.output()
            time.sleep(0.01)




@pytest.fixture(scope="module")
def machine(packages: Path, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    is_free = os.geteuid() == 0 and not Path("/usr/bin/credvend").exists()
    installation = Installation(next(packages.glob("*.deb")), "" if is_free else str(tmp_path_factory.mktemp("root")))
    before = traces()
    installation.install()
    try:
        yield installation
    finally:
        installation.purge()
    assert traces() == before


@pytest.fixture
def scratch(tmp_path: Path, machine: Installation, upstream: Upstream) -> Path:
    """For what systemd would pass; its folders are reachable by everybody, pytest's are not."""
    machine.configure(upstream)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


def traces() -> set[str]:
    """What a package may leave behind."""
    folders = ["/etc", "/lib/systemd/system", "/run", "/usr/bin", "/usr/share/doc", "/usr/share/man/man1", "/var/cache"]
    found = {str(path) for folder in folders for path in Path(folder).glob("*credvend*")}
    return found | {entry.pw_name for entry in pwd.getpwall()}


@pytest.mark.parametrize("name", SERVICES)
def test_the_endpoint_as_its_unit_starts_it(name: str, machine: Installation, scratch: Path) -> None:
    with Unit(name, machine, scratch) as unit:
        unit.wait_for("READY=1")
        token = unit.directory("/run", "RuntimeDirectory") / "token"
        unit.wait_for_file(token)
        found = credentials(unit, token.read_text(), "/credentials")
        assert found["AccessKeyId"] == CREDENTIALS["AccessKeyId"]
        # The group reads the token, others do not even get to it.
        assert token.stat().st_mode & 0o777 == 0o640
        assert token.parent.stat().st_mode & 0o777 == 0o750
        if machine.is_system:
            assert (token.owner(), token.group()) == (unit.one("User"), unit.one("Group"))
            assert subprocess.run(["cat", token], user="nobody", capture_output=True, check=False).returncode
        assert unit.one("ExecReload") == "/bin/kill -HUP $MAINPID"
        unit.process.send_signal(signal.SIGHUP)
        unit.wait_for("READY=1")
        unit.process.send_signal(signal.SIGTERM)
        unit.wait_for("STOPPING=1")
        assert unit.process.wait(PATIENCE) == 0
        assert CLIENT_SECRET not in unit.output()


@pytest.mark.parametrize("name", DAEMONS)
def test_the_files_as_their_unit_keeps_them(name: str, machine: Installation, scratch: Path) -> None:
    with Unit(name, machine, scratch) as unit:
        unit.wait_for("READY=1")
        folder = unit.directory("/run", "RuntimeDirectory")
        file = folder / ("token" if "token-daemon" in name else "credentials")
        unit.wait_for_file(file)
        assert file.stat().st_mode & 0o777 == 0o640
        if machine.is_system:
            assert (file.owner(), file.group()) == ("credvend-web-01", "credvend-web-01")
        unit.stop()
        assert CLIENT_SECRET not in unit.output()


def test_what_the_package_gives_to_whom(machine: Installation) -> None:
    folder, config = machine.path("/etc/credvend"), machine.path("/etc/credvend/config.toml")
    assert (folder.stat().st_mode & 0o777, config.stat().st_mode & 0o777) == (0o750, 0o640)
    if machine.is_system:
        assert {(path.owner(), path.group()) for path in (folder, config)} == {("root", "credvend")}
        assert pwd.getpwnam("credvend").pw_shell == "/usr/sbin/nologin"
    page = subprocess.run(["man", "-l", machine.path("/usr/share/man/man1/credvend.1.gz")], capture_output=True, text=True, check=True)
    assert "IDP_TYPE" in page.stdout


def test_units_are_sound(tmp_path: Path) -> None:
    """systemd's own checks, with the command and the instance that it needs for them."""
    binary = shutil.which("true")
    files = []
    for unit in sorted((REPOSITORY / "packaging/systemd").iterdir()):
        file = tmp_path / unit.name.replace("@", "@web-01")
        text = unit.read_text().replace("ExecStart=/usr/bin/credvend", f"ExecStart={binary}")
        file.write_text(re.sub("^Documentation=.*\n", "", text, flags=re.MULTILINE))
        files.append(file)
    checked = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    # systemd before 254 does not know these settings and only says so.
    known = ("'RestartSteps'", "'RestartMaxDelaySec'", "running with root privileges")
    assert [line for line in checked.stderr.splitlines() if not any(word in line for word in known)] == []


@pytest.mark.parametrize("name", [*SERVICES, *DAEMONS])
def test_an_identity_has_a_user_a_group_and_folders_of_its_own(name: str, machine: Installation) -> None:
    """Whatever two identities are called, no folder, user or group of the one is the other's."""
    if "@" not in name:
        assert (machine.settings(name)["User"], machine.settings(name)["Group"]) == (["credvend"], ["credvend"])
        return
    template = name.partition("@")[0]
    seen: dict[str, str] = {}
    for identity in ("web-01", "web-02", "web", "user", "token-daemon"):
        settings = machine.settings(f"{template}@{identity}.service")
        for setting in ("User", "Group", "RuntimeDirectory", "CacheDirectory"):
            (value,) = settings[setting]
            assert value not in {"credvend", "aws-creds", "oidc"}
            owner = seen.setdefault(f"{setting}={value}", identity)
            assert owner == identity
        assert settings["SupplementaryGroups"] == ["credvend"]
        assert "DynamicUser" not in settings


@pytest.mark.parametrize("name", ["credvend", "credvend@", "credvend-credential-daemon@", "credvend-token-daemon@"])
def test_the_exposure_that_the_docs_tell(name: str) -> None:
    unit = REPOSITORY / f"packaging/systemd/{name}.service"
    report = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True, check=False)
    score = re.search(r"Overall exposure level for .*: ([0-9.]+) OK", report.stdout)
    assert score, report.stdout + report.stderr
    assert f"| `{name}.service` | {score[1]} |" in (REPOSITORY / "docs/install.md").read_text()
