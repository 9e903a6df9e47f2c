"""Runs as root under the systemd of `systemd_machine`: the gateway's service, beside a client that comes and goes."""

import json
import subprocess
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

SHARED = Path("/shared")
FOLDER = Path("/etc/credvend-gateway")
UNIT = "credvend-gateway.service"
PATIENCE = 30


def main() -> None:
    seen: dict = {}
    try:
        install()
        observe(seen)
        client(seen)
        run("dpkg", "--purge", "credvend-gateway")
        seen["left"] = [str(path) for place in ("/etc", "/run", "/var/lib/private") for path in Path(place).glob("*gateway*")]
        seen["units left"] = run("systemctl", "list-units", "--all", "--no-legend", "--plain", "credvend*")
    except Exception:  # noqa: BLE001 # whatever it is, the test outside must see it
        seen["failure"] = traceback.format_exc() + run("journalctl", "--no-pager", "--lines=50", f"--unit={UNIT}")
    (SHARED / "seen.json").write_text(json.dumps(seen))


def install() -> None:
    run("dpkg", "--install", str(next(SHARED.glob("credvend-gateway_*.deb"))))
    environment = FOLDER / "gateway.env"
    # The examples in it, which are comments.
    environment.write_text(environment.read_text().replace("\n#COGNITO_ISSUER", "\nCOGNITO_ISSUER").replace("\n#UPSTREAM_URL", "\nUPSTREAM_URL"))
    run("systemctl", "enable", "--now", UNIT)
    wait_until(lambda: status("http://127.0.0.1:8000/health") == 200)


def observe(seen: dict) -> None:
    process = Path(f"/proc/{show('MainPID')}")
    lines = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    seen["privileges"] = {name: lines[name].strip() for name in ("CapBnd", "NoNewPrivs", "Seccomp")}
    seen["user"] = run("ps", "-o", "user:32=", "-p", process.name).strip()
    seen["live"] = status("http://127.0.0.1:9464/livez")
    seen["without a token"] = status("http://127.0.0.1:8000/reports/1")
    (FOLDER / "gateway.toml").write_text("only_listed = 7\n")
    run("systemctl", "reload", UNIT)
    wait_until(lambda: "only_listed" in run("journalctl", "--no-pager", f"--unit={UNIT}"))
    seen["after a reload"] = (status("http://127.0.0.1:8000/health"), show("MainPID") == process.name)


def client(seen: dict) -> None:
    """The client's package comes, comes again, and goes, with a pattern of units each time."""
    before = show("MainPID")
    package = str(next(SHARED.glob("credvend_*.deb")))
    for command in ("--install", "--install"):
        run("dpkg", command, package)
    run("dpkg", "--purge", "credvend")
    seen["beside the client"] = (show("MainPID") == before, show("ActiveState"), run("systemctl", "is-enabled", UNIT).strip())


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def show(name: str) -> str:
    return run("systemctl", "show", "--property", name, "--value", UNIT).strip()


def wait_until(is_so) -> None:  # noqa: ANN001
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
