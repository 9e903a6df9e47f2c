"""Stands in for Fluent Bit 5.1.1's S3 output, as far as it was seen at work: fluent_bit.py CONFIGURATION

Reads a configuration in the classic format and the environment, as Fluent Bit does, then commands from standard input, a
line each, and answers each with a line of JSON:
  log TEXT      a chunk that waits for S3
  tick SECONDS  that much later, everything that waits is sent
Time passes by `tick` alone, so that nothing waits. `hung` means what it says: the real one does not even end by SIGTERM.
"""

import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

METADATA_ADDRESS = "169.254.169.254"
USER_AGENT = "aws-fluent-bit-plugin"
REREAD_SECONDS = 60
REFRESH_SECONDS = 60


class Hung(Exception):
    """A connection was closed where an answer was due: it is waited for without an end."""


class NoCredentials(Exception):
    """No provider of the chain has any."""


def configuration(path: str) -> dict:
    """The settings of the output `s3`, through all includes."""
    sections, folder = [], os.path.dirname(path)
    for line in open(path, encoding="utf-8").read().splitlines():
        line = line.strip()
        if line.lower().startswith("@include"):
            sections.append(configuration(os.path.join(folder, line.split(None, 1)[1])))
        elif line.startswith("["):
            sections.append({})
        elif line and not line.startswith("#") and sections:
            key, value = line.split(None, 1)
            sections[-1][key.lower()] = value
    outputs = [section for section in sections if section.get("name") == "s3"]
    return outputs[0] if outputs else {}


def needs_proxy(host: str) -> bool:
    proxy = os.environ.get("HTTP_PROXY") or os.environ.get("http_proxy")
    exceptions = (os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "").split(",")
    return bool(proxy) and "*" not in exceptions and host not in [name.strip() for name in exceptions]


class Endpoint:
    """The container endpoint, over one connection for as long as the other side keeps it."""

    def __init__(self, url: str, token_file: str) -> None:
        self.url, self.token_file, self.socket = urlsplit(url), token_file, None

    def get(self) -> tuple[int, bytes]:
        if self.socket is None:
            self.socket = socket.create_connection((self.url.hostname, self.url.port), timeout=5)
        token = open(self.token_file, encoding="utf-8").read().strip()
        self.socket.sendall(
            f"GET {self.url.path} HTTP/1.1\r\nHost: {self.url.netloc}\r\nConnection: keep-alive\r\n"
            f"Authorization: {token}\r\nUser-Agent: {USER_AGENT}\r\n\r\n".encode()
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        while len(body) < int(headers.get("content-length", 0)):
            body += self._receive()
        if headers.get("connection") == "close":
            self.socket.close()
            self.socket = None
        return int(head.split()[1]), body

    def _receive(self) -> bytes:
        try:
            received = self.socket.recv(65536)
        except ConnectionResetError:
            received = b""
        if not received:
            raise Hung
        return received


class Credentials:
    """Environment, then a profile, then the container endpoint: the first that is configured."""

    def __init__(self) -> None:
        url = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        self.endpoint = url and Endpoint(url, os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
        self.keys, self.refresh_at, self.read_at = None, None, None

    def get(self, now: datetime) -> dict:
        if self.keys is None or (self.refresh_at and now >= self.refresh_at):
            self._load(now)
        return self.keys

    def refused(self, now: datetime) -> None:
        """S3 says that the keys are of no use: everything is read again, at most once a minute."""
        if self.read_at is None or now - self.read_at >= timedelta(seconds=REREAD_SECONDS):
            self.keys = None

    def _load(self, now: datetime) -> None:
        self.read_at = now
        loaded = self._profile() or (self.endpoint and self._of_endpoint())
        if not loaded:
            raise NoCredentials
        expiration = loaded.get("Expiration")
        if expiration:
            end = datetime.strptime(expiration, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
            self.refresh_at = end - timedelta(seconds=REFRESH_SECONDS)
        self.keys = {"id": loaded["AccessKeyId"], "secret": loaded["SecretAccessKey"], "token": loaded["Token"]}

    def _of_endpoint(self) -> dict | None:
        status, body = self.endpoint.get()
        return json.loads(body) if status == 200 else None

    def _profile(self) -> dict | None:
        name = os.environ.get("AWS_PROFILE", "default")
        command = section(os.environ.get("AWS_CONFIG_FILE"), f"profile {name}").get("credential_process")
        if command:
            # Words at spaces, no shell; a CR stays where it is.
            ran = subprocess.run(command.split(" "), capture_output=True, check=False)
            if ran.returncode:
                return None
            printed = json.loads(ran.stdout)
            return printed | {"Token": printed["SessionToken"]}
        keys = section(os.environ.get("AWS_SHARED_CREDENTIALS_FILE"), name)
        if "aws_access_key_id" not in keys:
            return None
        names = {"AccessKeyId": "access_key_id", "SecretAccessKey": "secret_access_key", "Token": "session_token"}
        return {name: keys[f"aws_{key}"] for name, key in names.items()}


def section(path: str | None, header: str) -> dict:
    """Of an AWS file: the header letter by letter, keys at the beginning of their line."""
    settings, inside = {}, False
    if path is None or not os.path.exists(path):
        return settings
    for line in open(path, encoding="utf-8", newline="").read().split("\n"):
        if line.startswith("["):
            inside = line[1:].split("]")[0] == header
        elif inside and re.match(r"\w+\s*=", line):
            key, value = line.split("=", 1)
            settings[key.strip()] = value.strip(" \t")
    return settings


class Output:
    """The S3 output: chunks that wait, are sent, or are set aside for good."""

    def __init__(self, settings: dict) -> None:
        self.settings = settings
        self.credentials = Credentials()
        self.now = datetime.now(timezone.utc)
        self.retry_limit = int(settings.get("retry_limit", 5))
        self.waiting, self.sent, self.quarantined = [], 0, 0
        self.hung, self.error = False, ""

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.hung:
            return
        for chunk in list(self.waiting):
            try:
                self._put(chunk)
            except Hung:
                self.hung = True
                return
            except (NoCredentials, OSError) as error:
                self._failed(chunk, repr(error))

    def _failed(self, chunk: dict, error: str) -> None:
        self.error = error
        chunk["failures"] += 1
        if chunk["failures"] > self.retry_limit:
            self.waiting.remove(chunk)
            self.quarantined += 1

    def _put(self, chunk: dict) -> None:
        request = self._request(chunk["text"].encode(), self.credentials.get(self.now))
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).read()
        except urllib.error.HTTPError as error:
            body = error.read().decode()
            if error.code in (400, 403):
                self.credentials.refused(self.now)
            self._failed(chunk, f"{error.code} {''.join(re.findall('<Code>(.*?)</Code>', body))}")
            return
        self.waiting.remove(chunk)
        self.sent += 1

    def _request(self, body: bytes, keys: dict) -> urllib.request.Request:
        # The service checks the date, so it is the real one.
        now = datetime.now(timezone.utc)
        key = self.now.strftime(self.settings["s3_key_format"]).replace("$UUID", uuid.uuid4().hex[:8])
        url = urlsplit(f"{self.settings['endpoint']}/{self.settings['bucket']}{key}")
        headers = {
            "host": url.netloc,
            "user-agent": USER_AGENT,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-security-token": keys["token"],
        }
        signed = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = "\n".join(["PUT", url.path, "", lines, signed, headers["x-amz-content-sha256"]])
        scope = f"{now:%Y%m%d}/{self.settings['region']}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = b"AWS4" + keys["secret"].encode()
        for part in [*scope.split("/"), "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest])]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={keys['id']}/{scope}, SignedHeaders={signed}, Signature={key.hex()}"
        )
        return urllib.request.Request(url.geturl(), data=body, headers=headers, method="PUT")


def main() -> None:
    # Its chain of credentials sets up a connection to the metadata service, whatever it will use.
    if needs_proxy(METADATA_ADDRESS):
        sys.exit("the S3 output cannot be initialized: the proxy does not reach the metadata service")
    output = Output(configuration(sys.argv[1]))
    for line in sys.stdin:
        command, _, argument = line.rstrip("\n").partition(" ")
        if command == "log":
            output.waiting.append({"text": argument, "failures": 0})
        else:
            output.tick(float(argument))
        state = {"sent": output.sent, "waiting": len(output.waiting), "quarantined": output.quarantined}
        print(json.dumps(state | {"hung": output.hung, "error": output.error}), flush=True)


main()
