"""What stands around credvend-gateway in `scripts/bench gateway`: the API, and the peers in front of it."""

import base64
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Bench"
BIG = 200 * 1024 * 1024
"""Bytes of a large body."""
PEERS = {
    "nginx": "nginx `proxy_pass`",
    "haproxy": "HAProxy `jwt_verify`",
    "apache": "Apache mod_auth_openidc",
    "python": "Python (uvloop, httptools, PyJWT)",
}
FIRST = ("chrt", "-f", "10")
"""Before a command: it runs before all that the scheduler shares its cores among (sched(7))."""
MODULES = "/usr/lib/apache2/modules"
PYTHON = pathlib.Path(".tools/bench/bin/python")


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
        self.ports = {name: free_port() for name in ("upstream", *PEERS, "gateway", "metrics")}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start_upstream()
        self.start_nginx()
        self.start_haproxy()
        self.start_apache()
        self.start_python()
        self.gateway = self.start_gateway(binary)
        for port in self.ports.values():
            wait_for(port)

    def spawn(self, command: list[str], **more: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)  # type: ignore[call-overload]
        self.processes.append(process)
        return process

    def nginx(self, name: str, servers: str) -> None:
        temporary = "\n".join(
            f"{kind}_temp_path {self.folder}/{name}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / f"{name}.conf").write_text(f"""
            worker_processes 1; daemon off; pid {self.folder}/{name}.pid; error_log /dev/null;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 20000; }}
            http {{
                access_log off; client_max_body_size 0; keepalive_requests 100000000; {temporary}
                upstream api {{ server 127.0.0.1:{self.ports["upstream"]}; keepalive 64; keepalive_requests 100000000; }}
                {servers}
            }}""")
        self.spawn(["nginx", "-c", str(self.folder / f"{name}.conf")])

    def start_upstream(self) -> None:
        (self.folder / "big").write_bytes(b"\0" * BIG)
        self.nginx("upstream", f"""
            server {{
                listen 127.0.0.1:{self.ports["upstream"]};
                location / {{ return 200 "hello\n"; }}
                location /big {{ root {self.folder}; }}
                location /take {{ proxy_pass http://127.0.0.1:{self.ports["upstream"]}/; }}
            }}""")

    def start_nginx(self) -> None:
        """A process of its own, as every other peer: one that is its own upstream has nobody to wait for."""
        self.nginx("nginx", f"""
            server {{
                listen 127.0.0.1:{self.ports["nginx"]};
                location / {{
                    proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";
                    proxy_request_buffering off; proxy_buffering on; proxy_max_temp_file_size 0;
                }}
            }}""")

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

    def start_apache(self) -> None:
        needed = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "proxy", "proxy_http")
        modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in needed)
        (self.folder / "apache.conf").write_text(f"""
            ServerRoot {self.folder}
            ServerName localhost
            PidFile {self.folder}/apache.pid
            Mutex file:{self.folder} default
            ErrorLog /dev/null
            Listen 127.0.0.1:{self.ports["apache"]}
            {modules}
            {"User www-data" if os.geteuid() == 0 else ""}
            # As many as there are from the start: a child that is not needed ends, and takes its connections along.
            StartServers 2
            ServerLimit 2
            ThreadsPerChild 64
            MaxRequestWorkers 128
            MinSpareThreads 1
            MaxSpareThreads 128
            MaxKeepAliveRequests 0
            KeepAliveTimeout 75
            OIDCCryptoPassphrase bench
            OIDCOAuthVerifyCertFiles bench#{self.keys.public}
            OIDCOAuthRemoteUserClaim client_id
            <Location "/">
                AuthType oauth20
                Require claim "iss:{ISSUER}"
                ProxyPass "http://127.0.0.1:{self.ports["upstream"]}/" enablereuse=on
            </Location>
""")
        self.spawn(["apache2", "-f", str(self.folder / "apache.conf"), "-DFOREGROUND"])

    def start_python(self) -> None:
        """One process for each core; they share the port."""
        program = pathlib.Path(__file__).with_name("python_gateway.py")
        ports = [str(self.ports[name]) for name in ("python", "upstream")]
        for _ in range(os.cpu_count() or 1):
            self.spawn([str(PYTHON), str(program), *ports, str(self.keys.public), ISSUER])

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

    def goes_first(self) -> bool:
        """Everything here runs before all other programs; whether that is allowed."""
        return all(subprocess.run([*FIRST[:1], "-a", "-f", "-p", FIRST[2], str(pid)], check=False, capture_output=True).returncode == 0 for pid in self.all_pids())

    def takes_turns(self) -> None:
        for pid in self.all_pids():
            subprocess.run(["chrt", "-a", "-o", "-p", "0", str(pid)], check=True)

    def all_pids(self) -> list[int]:
        """nginx and Apache work in children."""
        parents = [process.pid for process in self.processes]
        children = [
            int(child)
            for pid in parents
            for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
        return parents + children

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
