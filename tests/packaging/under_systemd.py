"""Runs as root under the systemd of `systemd_machine`: installs the package, starts all units, writes what it has seen."""

import grp
import json
import os
import pwd
import signal
import subprocess
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

from upstream import CLIENT_SECRET, Upstream

SHARED = Path("/shared")
IDENTITIES = ["web-01", "web-02"]
TEMPLATES = ["credvend", "credvend-credential-daemon", "credvend-token-daemon"]
UNITS = ["credvend", *(f"{template}@{identity}" for template in TEMPLATES for identity in IDENTITIES)]
PORTS = {"web-01": 9912, "web-02": 9913}
PATIENCE = 30


def main() -> None:
    seen: dict = {}
    try:
        with Upstream() as upstream:
            install(upstream)
            observe(seen)
            run("dpkg", "--purge", "credvend")
            seen["left"] = [str(path) for place in ("/etc", "/run", "/var/cache", "/var/cache/private") for path in Path(place).glob("credvend*")]
            seen["users left"] = [entry.pw_name for entry in pwd.getpwall() if entry.pw_name.startswith("credvend")]
            seen["users left"] += [entry.gr_name for entry in grp.getgrall() if entry.gr_name.startswith("credvend")]
            seen["units left"] = run("systemctl", "list-units", "--all", "--no-legend", "--plain", "credvend*")
    except Exception:  # noqa: BLE001 # whatever it is, the test outside must see it
        seen["failure"] = traceback.format_exc() + run("journalctl", "--no-pager", "--lines=50", "--unit=credvend*")
    (SHARED / "seen.json").write_text(json.dumps(seen))


def install(upstream: Upstream) -> None:
    run("dpkg", "--install", str(next(SHARED.glob("*.deb"))))
    Path("/etc/credvend/config.toml").write_text((SHARED / "config.toml").read_text().replace("UPSTREAM", upstream.url))
    store = Path("/etc/credstore")
    store.mkdir(mode=0o700, exist_ok=True)
    for prefix in ("credvend", *(f"credvend.{identity}" for identity in IDENTITIES)):
        secret = store / f"{prefix}.AUTH0_CLIENT_SECRET"
        secret.write_text(CLIENT_SECRET)
        secret.chmod(0o600)
    for identity, port in PORTS.items():
        drop_in = Path(f"/etc/systemd/system/credvend@{identity}.service.d/port.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text(f"[Service]\nEnvironment=CREDVEND_LISTEN=127.0.0.1:{port}\n")
    run("systemctl", "daemon-reload")
    # Started means ready: for the daemons, that the files are there.
    run("systemctl", "start", "credvend.socket", *(f"{unit}.service" for unit in UNITS))


def observe(seen: dict) -> None:
    seen["files"] = sorted(path.name for path in Path("/run/aws-creds/web-01").iterdir())
    seen["token"] = Path("/run/oidc/web-01/token").exists()
    seen["credentials"] = [ask(9911, "/run/credvend/token", "/credentials/web-01"), ask(9912, "/run/credvend-web-01/token")]
    seen["users"] = {unit: user_of(unit) for unit in UNITS}
    seen["readable"] = {group: readable(group) for group in ("credvend", *(f"credvend-{identity}" for identity in IDENTITIES), "nogroup")}
    seen["privileges"] = {unit: privileges(unit) for unit in UNITS}
    os.kill(main_pid("credvend"), signal.SIGKILL)
    # The socket unit holds the port: this waits in its queue until the service is back.
    wait_until(lambda: show("credvend", "NRestarts") == "1" and show("credvend", "ActiveState") == "active")
    seen["after kill -9"] = ask(9911, "/run/credvend/token", "/credentials/web-01")
    with Path("/etc/credvend/config.toml").open("a") as config:
        config.write('users = ["nobody"]\n')  # of the last identity
    run("systemctl", "reload", "credvend.service")
    wait_until(lambda: ask(9911, "/run/credvend/token", "/credentials/web-02") == 403)
    seen["another user"] = "refused"


def ask(port: int, token: str, path: str = "/credentials") -> str | int:
    """The access key, or the status that is no reason to come back."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": Path(token).read_text()})
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["AccessKeyId"]
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                return error.code
            time.sleep(0.05)


def readable(group: str) -> list[str]:
    """What a consumer that is a member of the group can read of all that the units have written."""
    files = {"credvend token": "/run/credvend/token"}
    for identity in IDENTITIES:
        files[f"{identity} token"] = f"/run/credvend-{identity}/token"
        files[f"{identity} oidc token"] = f"/run/oidc/{identity}/token"
        for name in ("credentials", "aws-credentials.env", "aws-credentials.json", "logstash.yml"):
            files[f"{identity} {name}"] = f"/run/aws-creds/{identity}/{name}"
    consumer = {"user": "nobody", "group": "nogroup", "extra_groups": [group]}
    return sorted(name for name, file in files.items() if subprocess.run(["cat", file], **consumer, capture_output=True, check=False).returncode == 0)


def user_of(unit: str) -> str:
    return pwd.getpwuid(Path(f"/proc/{main_pid(unit)}").stat().st_uid).pw_name


def privileges(unit: str) -> dict[str, str]:
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{main_pid(unit)}/status").read_text().splitlines() if ":\t" in line)
    return {name: status[name].strip() for name in ("CapBnd", "NoNewPrivs", "Seccomp")}


def main_pid(unit: str) -> int:
    return int(show(unit, "MainPID"))


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "--property", name, "--value", f"{unit}.service").strip()


def wait_until(is_so) -> None:  # noqa: ANN001
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
