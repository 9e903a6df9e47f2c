"""A gateway as fast as Python can be: the peer of credvend-gateway in `scripts/bench gateway`.

Nothing but uvloop, httptools and PyJWT: no framework stands between socket and parser. It verifies tokens, keeps verified
ones until they expire, checks one scope, sets the identity headers, and streams both ways over kept connections. It takes one
request after the other on a connection, and has neither limits nor deadlines, metrics, audit lines or a strict reader. One process uses one core; several share the port.

    python python_gateway.py PORT UPSTREAM-PORT PUBLIC-KEY ISSUER
"""

import asyncio
import sys
import time

import httptools
import jwt
import uvloop

PORT, UPSTREAM = int(sys.argv[1]), int(sys.argv[2])
with open(sys.argv[3], "rb") as file:
    KEY = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).prepare_key(file.read())
ISSUER = sys.argv[4]
SCOPE = "api/read"
# Of the caller, none of these goes on.
ENDS_HERE = {b"authorization", b"connection", b"host", b"x-m2m-client-id", b"x-m2m-scope", b"x-m2m-issuer", b"x-forwarded-for"}
MAX_TOKENS = 10_000

verified: dict[bytes, tuple[float, bytes]] = {}
idle: list["ToUpstream"] = []


def identity(authorization: bytes) -> bytes | None:
    """The identity headers of a token, verified now or before."""
    known = verified.get(authorization)
    if known and known[0] > time.time():
        return known[1]
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    try:
        claims = jwt.decode(token, KEY, algorithms=["RS256"], issuer=ISSUER, options={"require": ["exp", "iss"], "verify_aud": False})
        client, scopes = claims["client_id"], claims["scope"]
    except (jwt.InvalidTokenError, KeyError):
        return None
    if SCOPE not in scopes.split():
        return None
    headers = f"X-M2M-Client-ID: {client}\r\nX-M2M-Scope: {scopes}\r\nX-M2M-Issuer: {ISSUER}\r\n".encode()
    if len(verified) >= MAX_TOKENS:
        verified.clear()
    verified[authorization] = (claims["exp"], headers)
    return headers


class ToUpstream(asyncio.Protocol):
    """A connection to the upstream. What comes is handed on as it is; the parser only finds the end."""

    def __init__(self) -> None:
        self.caller: FromCaller | None = None
        self.parser = httptools.HttpResponseParser(self)
        self.is_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if self.caller:
            self.caller.transport.write(data)
            if self.is_over:
                self.caller, self.is_over, caller = None, False, self.caller
                idle.append(self)
                caller.response_ended()

    def on_message_complete(self) -> None:
        self.is_over = True

    def connection_lost(self, _: Exception | None) -> None:
        if self in idle:
            idle.remove(self)
        if self.caller:
            self.caller.transport.close()

    def pause_writing(self) -> None:
        if self.caller:
            self.caller.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.caller:
            self.caller.transport.resume_reading()


class FromCaller(asyncio.Protocol):
    """A caller's connection."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.upstream: ToUpstream | None = None
        self.waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.peer = transport.get_extra_info("peername")[0].encode()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.target, self.headers, self.authorization, self.is_chunked = b"", [], b"", False

    def on_url(self, target: bytes) -> None:
        self.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"authorization":
            self.authorization = value
        if lower == b"transfer-encoding":
            self.is_chunked = True
        if lower.replace(b"_", b"-") not in ENDS_HERE:
            self.headers.append(name + b": " + value + b"\r\n")

    def on_headers_complete(self) -> None:
        who = identity(self.authorization)
        if who is None:
            self.transport.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
            return
        line = b"%b %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Forwarded-For: %b\r\n" % (self.parser.get_method(), self.target, UPSTREAM, self.peer)
        self.send(b"".join([line, who, *self.headers, b"\r\n"]))

    def on_body(self, body: bytes) -> None:
        self.send(b"%x\r\n%b\r\n" % (len(body), body) if self.is_chunked else body)

    def on_message_complete(self) -> None:
        if self.is_chunked:
            self.send(b"0\r\n\r\n")

    def send(self, data: bytes) -> None:
        if self.upstream:
            self.upstream.transport.write(data)
        elif self.waiting:
            self.waiting.append(data)
        elif idle:
            self.upstream = idle.pop()
            self.upstream.caller = self
            self.upstream.transport.write(data)
        else:
            self.waiting.append(data)
            asyncio.get_running_loop().create_task(self.connect())

    async def connect(self) -> None:
        _, self.upstream = await asyncio.get_running_loop().create_connection(ToUpstream, "127.0.0.1", UPSTREAM)
        self.upstream.caller = self
        self.upstream.transport.writelines(self.waiting)
        self.waiting = []

    def response_ended(self) -> None:
        self.upstream = None

    def pause_writing(self) -> None:
        if self.upstream:
            self.upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.upstream:
            self.upstream.transport.resume_reading()

    def connection_lost(self, _: Exception | None) -> None:
        if self.upstream:
            self.upstream.caller = None
            self.upstream.transport.close()


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FromCaller, "127.0.0.1", PORT, reuse_port=True, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
