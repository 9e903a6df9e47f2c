"""Measures credvend-gateway beside nginx and HAProxy: `scripts/bench gateway`.

All of them stand in front of one nginx that answers from memory, on the cores that load and upstream use as well. Each
figure is the median of rounds in which they take turns, so that a busy machine is busy for all of them.
"""

import base64
import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Bench"
ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
IDLE = 10_000
BIG = 200 * 1024 * 1024
MANY = 200_000


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Keys:
    """The issuer: a key, its set, and tokens."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self.key.public_key().public_numbers()
        number = lambda value: base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))  # noqa: E731
        jwk = {"kty": "RSA", "kid": "bench", "use": "sig", "alg": "RS256", "n": number(numbers.n), "e": number(numbers.e)}
        self.jwks = folder / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [jwk]}))
        self.public = folder / "public.pem"
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.public.write_bytes(self.key.public_key().public_bytes(*form))

    def token(self, client: str) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": client, "client_id": client, "token_use": "access", "scope": "api/read api/write"}
        claims |= {"iat": now, "exp": now + 3600, "jti": hashlib.sha256(client.encode()).hexdigest()[:32]}
        parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "bench"}, claims)]
        signature = self.key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join([*parts, base64url(signature)])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"bench: nothing listens on port {port}")


class Setting:
    """Upstream, peers and gateway, on free ports."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path) -> None:
        self.folder = folder
        self.keys = Keys(folder)
        self.ports = {name: free_port() for name in ("upstream", "nginx", "haproxy", "gateway", "metrics")}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start_nginx()
        self.start_haproxy()
        self.gateway = self.start_gateway(binary)
        for port in self.ports.values():
            wait_for(port)

    def spawn(self, command: list[str], **more: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)  # type: ignore[call-overload]
        self.processes.append(process)
        return process

    def start_nginx(self) -> None:
        (self.folder / "big").write_bytes(b"\0" * BIG)
        temporary = "\n".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {self.folder}/nginx.pid; error_log /dev/null;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 20000; }}
            http {{
                access_log off; client_max_body_size 0; keepalive_requests 100000000; {temporary}
                upstream api {{ server 127.0.0.1:{self.ports["upstream"]}; keepalive 64; keepalive_requests 100000000; }}
                server {{
                    listen 127.0.0.1:{self.ports["upstream"]};
                    location / {{ return 200 "hello\\n"; }}
                    location /big {{ root {self.folder}; }}
                    location /take {{ proxy_pass http://127.0.0.1:{self.ports["upstream"]}/; }}
                }}
                server {{
                    listen 127.0.0.1:{self.ports["nginx"]};
                    location / {{
                        proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";
                        proxy_request_buffering off; proxy_buffering on; proxy_max_temp_file_size 0;
                    }}
                }}
            }}""")
        self.spawn(["nginx", "-c", str(self.folder / "nginx.conf")])

    def start_haproxy(self) -> None:
        (self.folder / "haproxy.cfg").write_text(f"""
global
  maxconn 5000
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 30s
frontend f
  bind 127.0.0.1:{self.ports["haproxy"]}
  http-request set-var(txn.alg) str(RS256)
  http-request set-var(txn.bearer) http_auth_bearer
  http-request deny unless {{ var(txn.bearer),jwt_verify(txn.alg,"{self.keys.public}") -m int 1 }}
  default_backend b
backend b
  http-reuse always
  server s 127.0.0.1:{self.ports["upstream"]}
""")
        self.spawn(["haproxy", "-f", str(self.folder / "haproxy.cfg"), "-db"])

    def start_gateway(self, binary: pathlib.Path) -> subprocess.Popen[bytes]:
        entry = {"issuer": ISSUER, "kind": "cognito", "jwks_file": str(self.keys.jwks)}
        environment = {
            "TRUSTED_ISSUERS": json.dumps([entry]),
            "UPSTREAM_URL": f"http://127.0.0.1:{self.ports['upstream']}",
            "LISTEN_ADDRESS": f"127.0.0.1:{self.ports['gateway']}",
            "METRICS_ADDRESS": f"127.0.0.1:{self.ports['metrics']}",
            "MAX_BODY_BYTES": str(2 * BIG),
            "MAX_CONNECTIONS": "20000",
        }
        return self.spawn([str(binary)], env=environment)

    def url(self, name: str, path: str = "/x") -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def memory(self, field: str = "VmRSS") -> float:
        status = pathlib.Path(f"/proc/{self.gateway.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) / 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.gateway.pid}/fd"))

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def wrk(url: str, script: pathlib.Path, connections: int, seconds: int) -> tuple[float, float, float]:
    """Requests a second, p50 and p99 in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures = dict(line.split() for line in said.splitlines() if line.startswith(("rps\t", "p50\t", "p99\t", "bad\t")))
    if float(figures["bad"]) > 0:
        sys.exit(f"bench: {url}: {figures['bad']} responses were not 200")
    return float(figures["rps"]), float(figures["p50"]), float(figures["p99"])


def wrk_script(folder: pathlib.Path, name: str, tokens: list[str]) -> pathlib.Path:
    listed = ",".join(f'"Bearer {token}"' for token in tokens)
    path = folder / f"{name}.lua"
    path.write_text(f"""
local tokens = {{{listed}}}
local requests, n = {{}}, 0
init = function() for i, t in ipairs(tokens) do requests[i] = wrk.format("GET", nil, {{["Authorization"] = t}}) end end
request = function() n = n % #requests + 1; return requests[n] end
done = function(summary, latency)
  local e = summary.errors
  print("rps", summary.requests / (summary.duration / 1e6))
  print("p50", latency:percentile(50) / 1000)
  print("p99", latency:percentile(99) / 1000)
  print("bad", e.status + e.read + e.connect + e.timeout)
end""")
    return path


def throughput(setting: Setting, script: pathlib.Path) -> dict[str, float]:
    seen: dict[str, list[float]] = {"nginx": [], "haproxy": [], "gateway": []}
    for _ in range(ROUNDS):
        for name, values in seen.items():
            values.append(wrk(setting.url(name), script, CONNECTIONS, SECONDS)[0])
    return {name: statistics.median(values) for name, values in seen.items()}


def latency(setting: Setting, script: pathlib.Path) -> dict[str, tuple[float, float]]:
    seen: dict[str, list[tuple[float, float]]] = {"upstream": [], "nginx": [], "haproxy": [], "gateway": []}
    for _ in range(ROUNDS):
        for name, values in seen.items():
            values.append(wrk(setting.url(name), script, 1, SECONDS)[1:])
    return {name: tuple(map(statistics.median, zip(*values, strict=True))) for name, values in seen.items()}  # type: ignore[misc]


def transfer(setting: Setting, name: str, token: str, *, upload: bool) -> float:
    """Bytes a second."""
    more = ["-T", str(setting.folder / "big")] if upload else []
    path = "/take" if upload else "/big"
    command = ["curl", "-sS", "-o", "/dev/null", "-H", f"Authorization: Bearer {token}", "-H", "Expect:", *more]
    begun = time.monotonic()
    said = subprocess.run([*command, "-w", "%{http_code}", setting.url(name, path)], check=True, capture_output=True, text=True)
    if said.stdout != "200":
        sys.exit(f"bench: {name}: {path} answered {said.stdout}")
    return BIG / (time.monotonic() - begun)


def idle_memory(setting: Setting, token: str) -> tuple[int, float]:
    """Connections that have had a response, and wait."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
    request = f"GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", setting.ports["gateway"]))
        connection.sendall(request)
        connection.recv(4096)
        connections.append(connection)
    time.sleep(3)
    memory = setting.memory()
    for connection in connections:
        connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return count, memory


def cache_hit(setting: Setting) -> float:
    """Microseconds, from the gateway's own histogram."""
    text = subprocess.run(["curl", "-sS", setting.url("metrics", "/metrics")], check=True, capture_output=True, text=True).stdout
    name = "credvend_gateway_token_validation_duration_seconds"
    value = lambda kind: float(next(l for l in text.splitlines() if l.startswith(f'{name}_{kind}{{cache="hit"}}')).split()[1])  # noqa: E731, E741
    return value("sum") / value("count") * 1e6


def row(what: str, ours: str, reach: str, beside: str, *, reached: bool) -> str:
    return f"| {what} | {ours} | {reach} | {'yes' if reached else '**no**'} | {beside} |"


def measure(setting: Setting) -> list[str]:
    one = setting.keys.token("agent")
    scripts = {
        "one valid token": wrk_script(setting.folder, "one", [one]),
        "500 different tokens": wrk_script(setting.folder, "many", [setting.keys.token(f"agent-{n}") for n in range(500)]),
    }
    rows = []
    for (what, script), least in zip(scripts.items(), ((0.6, 1.3), (0.0, 1.0)), strict=True):
        print(f"bench: gateway: {what}", file=sys.stderr)
        rps = throughput(setting, script)
        of_nginx, of_haproxy = rps["gateway"] / rps["nginx"], rps["gateway"] / rps["haproxy"]
        reach = f"≥ {least[0]} × nginx, ≥ {least[1]} × HAProxy" if least[0] else f"≥ {least[1]} × HAProxy"
        beside = f"nginx `proxy_pass` {rps['nginx']:,.0f}, HAProxy `jwt_verify` {rps['haproxy']:,.0f} (× {rps['haproxy'] / rps['nginx']:.2f})"
        ours = f"{rps['gateway']:,.0f}: × {of_nginx:.2f} nginx, × {of_haproxy:.2f} HAProxy"
        rows.append(row(f"requests/s, {CONNECTIONS} connections, {what}", ours, reach, beside, reached=of_nginx >= least[0] and of_haproxy >= least[1]))
    under_load = setting.memory("VmHWM")
    rows.append(row("memory under that load, at most", f"{under_load:.1f} MiB", "≤ 20 MiB", "–", reached=under_load <= 20))
    hit = cache_hit(setting)
    rows.append(row("a verified token found, on loaded cores", f"{hit:.1f} µs", "≤ 2 µs", "–", reached=hit <= 2))

    print("bench: gateway: latency", file=sys.stderr)
    times = latency(setting, scripts["one valid token"])
    added = [times["gateway"][at] - times["upstream"][at] for at in (0, 1)]
    beside = ", ".join(f"{name} +{times[name][0] - times['upstream'][0]:.3f} / +{times[name][1] - times['upstream'][1]:.3f} ms" for name in ("nginx", "haproxy"))
    rows.append(row("p50 / p99 added, 1 connection", f"{added[0]:.3f} / {added[1]:.3f} ms", "≤ 0.1 / ≤ 0.5 ms", beside, reached=added[0] <= 0.1 and added[1] <= 0.5))

    print("bench: gateway: transfers", file=sys.stderr)
    for what, upload in (("download", False), ("upload", True)):
        speeds = {name: statistics.median(transfer(setting, name, one, upload=upload) for _ in range(3)) for name in ("nginx", "gateway")}
        ratio = speeds["gateway"] / speeds["nginx"]
        rows.append(row(f"200 MiB {what}", f"{speeds['gateway'] / 1e6:,.0f} MB/s: × {ratio:.2f} nginx", "≥ 0.6 × nginx", f"nginx {speeds['nginx'] / 1e6:,.0f} MB/s", reached=ratio >= 0.6))
    peak = setting.memory("VmHWM")
    rows.append(row("memory of all that, at most", f"{peak:.1f} MiB", "bounded", "–", reached=peak <= 64))

    print("bench: gateway: many requests", file=sys.stderr)
    before = (setting.memory(), setting.descriptors())
    done = 0
    while done < MANY:
        done += int(wrk(setting.url("gateway"), scripts["one valid token"], CONNECTIONS, SECONDS)[0] * SECONDS)
    after = (setting.memory(), setting.descriptors())
    # The pool of connections to the upstream may grow to one for each of the load.
    flat = after[0] - before[0] <= 2 and after[1] <= before[1] + CONNECTIONS
    rows.append(row(f"{done:,} requests", f"{before[0]:.1f} → {after[0]:.1f} MiB, {before[1]} → {after[1]} descriptors", "flat", "–", reached=flat))

    print("bench: gateway: idle connections", file=sys.stderr)
    count, memory = idle_memory(setting, one)
    rows.append(row(f"memory with {count:,} idle connections", f"{memory:.1f} MiB", "≤ 120 MiB", "–", reached=memory <= 120))
    return rows


def main() -> None:
    binary = pathlib.Path(sys.argv[1]).resolve()
    for program in ("nginx", "haproxy", "wrk", "curl"):
        if not shutil.which(program) and not pathlib.Path(f"/usr/sbin/{program}").exists():
            sys.exit(f"bench: {program} is missing; install it (apt-get install nginx-light haproxy wrk curl)")
    os.environ["PATH"] += ":/usr/sbin"
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        setting = Setting(pathlib.Path(name), binary)
        try:
            rows = measure(setting)
        finally:
            setting.stop()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load} at the end; medians of {ROUNDS} rounds of {SECONDS} s, taking turns.\n")
    print("| what | measured | reach | reached | beside, in the same run |")
    print("|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
