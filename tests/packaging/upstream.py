"""An Auth0 tenant, GitHub's token service, STS and a release's files, on loopback: just enough for one identity."""

import base64
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs

CLIENT_SECRET = "the-secret-of-web-01"
REQUEST_TOKEN = "the-runner's-own-token"
CREDENTIALS = {"AccessKeyId": "ASIAEXAMPLE000000001", "SecretAccessKey": "secret/key+1", "SessionToken": "session/token+1=="}


def jwt() -> str:
    """Nobody here verifies it."""
    now = int(time.time())
    claims = {"iss": "https://idp.example.com/", "sub": "web-01@clients", "aud": "x", "iat": now, "exp": now + 3600}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "1"}, claims)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class Upstream:
    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.refusal: tuple[int, str] | None = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                if self.path == "/oauth/token":
                    self.answer(*token(body))
                elif upstream.refusal:
                    status, text = upstream.refusal
                    self.answer(status, "text/xml", text.encode())
                else:
                    self.answer(*assume_role(body))

            def do_GET(self) -> None:
                if self.path.startswith("/github?"):
                    asked = self.headers.get("Authorization") == f"Bearer {REQUEST_TOKEN}"
                    self.answer(200 if asked else 401, "application/json", json.dumps({"value": jwt()}).encode())
                elif file := upstream.files.get(self.path):
                    self.answer(200, "application/gzip", file.read_bytes())
                else:
                    self.answer(404, "text/plain", b"")

            def answer(self, status: int, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def token(body: str) -> tuple[int, str, bytes]:
    sent = json.loads(body) if body.startswith("{") else {name: values[0] for name, values in parse_qs(body).items()}
    if sent.get("client_secret") != CLIENT_SECRET:
        return 401, "application/json", b'{"error": "access_denied", "error_description": "Unauthorized"}'
    granted = {"access_token": jwt(), "expires_in": 3600, "token_type": "Bearer"}
    return 200, "application/json", json.dumps(granted).encode()


def assume_role(body: str) -> tuple[int, str, bytes]:
    assert parse_qs(body)["Action"] == ["AssumeRoleWithWebIdentity"], body
    expiration = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    members = "".join(f"<{name}>{value}</{name}>" for name, value in (CREDENTIALS | {"Expiration": expiration}).items())
    role = "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/web-01/x</Arn><AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser>"
    answer = (
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>'
        f"<Credentials>{members}</Credentials>{role}</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
    return 200, "text/xml", answer.encode()
