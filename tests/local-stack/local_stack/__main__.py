"""`python -m local_stack [--empty] [--port N] [--state FILE]`: serves until SIGTERM or SIGINT."""

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from .app import Application
from .seed import seed

REGION = "eu-west-1"


class Server(ThreadedWSGIServer):
    # 200 clients connect at the same moment; the default backlog would make some of them wait for a SYN retry.
    request_queue_size = 1024


class QuietHandler(MotoRequestHandler):
    """Keeps the access log out of the way: GET /local-stack/requests is the log."""

    def log(self, *_: object) -> None:
        pass


def main() -> int:
    arguments = _arguments()
    # moto finds fault with harmless things (and prints some of it to stdout, which belongs to the ready line).
    ready_line, sys.stdout = sys.stdout, sys.stderr
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    stop = _stop_pipe()
    stack = Application(REGION)
    try:
        server = Server("127.0.0.1", arguments.port, stack, QuietHandler)
    except SystemExit:
        print(f"local-stack: port {arguments.port} of 127.0.0.1 is taken; choose another --port", file=sys.stderr)
        return 1
    threading.Thread(target=server.serve_forever, daemon=True).start()
    line = json.dumps(seed(stack, f"http://127.0.0.1:{server.server_port}", arguments.empty))
    if arguments.state:
        _write(arguments.state, line)
    print(line, file=ready_line, flush=True)
    os.read(stop, 1)
    stack.functions.stop_all()
    server.shutdown()
    return 0


def _stop_pipe() -> int:
    """Becomes readable when the stack is asked to end.

    An Event would not do: the signal may reach another thread, and then nothing wakes the one that waits for the Event.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local-stack", description="AWS and Cognito on loopback, for tests.")
    parser.add_argument("--empty", action="store_true", help="a new account: nothing but its administrator")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="write the ready line to FILE as well")
    return parser.parse_args()


def _write(path: Path, line: str) -> None:
    """Whole or not at all, and for its owner only: the line holds the stack's keys."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        file.write(line + "\n")
    os.replace(name, path)


if __name__ == "__main__":
    sys.exit(main())
