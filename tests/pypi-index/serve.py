"""A package index on loopback, for tests/it/pypi: pypiserver as it is, with tokens instead of a password file.

    serve.py TOKENS PACKAGES

TOKENS is a file with an accepted token a line, read again for each upload, so that a token can be revoked; PACKAGES is the
folder of the packages. Prints `index on http://127.0.0.1:PORT/`, and serves until it is stopped.
"""

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pypiserver


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """The address line is all that is printed."""


def main(tokens: Path, packages: Path) -> None:
    def accepts(user: str, token: str) -> bool:
        return user == "__token__" and token in tokens.read_text().split()

    app = pypiserver.app(roots=[packages], authenticate=["update"], auther=accepts, disable_fallback=True)
    server = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet)
    print(f"index on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
