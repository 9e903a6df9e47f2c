"""One execution environment of a function: the unpacked package, its `bootstrap` as a process, and the Runtime API that
the process asks for work (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
"""

import io
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

from moto.awslambda.models import LambdaFunction
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from .sessions import Session

INIT_SECONDS = 10
VERSION = "/2018-06-01/runtime"


class FunctionError(Exception):
    """The function, or the attempt to start it, failed; the text is Lambda's."""

    def __init__(self, message: str, payload: dict | None = None) -> None:
        super().__init__(message)
        self.payload = payload or {"errorMessage": message}


class Environment:
    """Started by its first invocation; after a crash or a timeout it is not alive any more."""

    def __init__(
        self,
        function: LambdaFunction,
        deployment: tuple,
        session: Session,
        endpoint: str,
        write: Callable[[str], None],
    ) -> None:
        self.deployment = deployment
        self._function = function
        self._write = write
        self._events: queue.Queue = queue.Queue()
        # (request id, result or FunctionError); one invocation at a time, so one place for it.
        self._results: queue.Queue = queue.Queue()
        self._asked = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="local-stack-function-")
        self._server = ThreadedWSGIServer("127.0.0.1", 0, Request.application(self._answer), _Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            self._process = self._start(session, endpoint)
        except FunctionError:
            self._close()
            raise
        threading.Thread(target=self._follow, daemon=True).start()
        threading.Thread(target=self._copy_output, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def invoke(self, event: bytes, timeout: int) -> bytes:
        if not self._asked.is_set():
            self._wait_for_init()
        request_id = str(uuid.uuid4())
        self._write(f"START RequestId: {request_id} Version: $LATEST")
        started = time.monotonic()
        self._events.put((request_id, event, time.time() + timeout))
        try:
            return self._result(request_id, timeout)
        finally:
            self._write(f"END RequestId: {request_id}")
            self._write(f"REPORT RequestId: {request_id}\tDuration: {(time.monotonic() - started) * 1000:.2f} ms")

    def stop(self) -> None:
        if self.alive:
            self._process.kill()
        self._process.wait()
        self._close()

    def _start(self, session: Session, endpoint: str) -> subprocess.Popen:
        folder = Path(self._folder.name)
        bootstrap = _unpack(self._function.code_bytes, folder)
        runtime_api = f"127.0.0.1:{self._server.server_port}"
        variables = environment_variables(self._function, session, runtime_api, folder, endpoint)
        try:
            return subprocess.Popen(
                [bootstrap],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            # Another architecture's binary ends here, as it does in AWS.
            self._write(f"INIT_REPORT Error: Couldn't start {bootstrap.name}: {error.strerror}")
            raise FunctionError(f"Runtime.InvalidEntrypoint: {bootstrap.name}: {error.strerror}") from error

    def _close(self) -> None:
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def _wait_for_init(self) -> None:
        deadline = time.monotonic() + INIT_SECONDS
        while not self._asked.wait(0.01):
            if not self._results.empty():
                raise self._results.get()[1]
            if time.monotonic() > deadline:
                self._process.kill()
                raise FunctionError(f"Init timed out after {INIT_SECONDS} seconds")

    def _result(self, request_id: str, timeout: int) -> bytes:
        deadline = time.monotonic() + timeout
        while True:
            try:
                of, result = self._results.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._process.kill()
                message = f"{request_id} Task timed out after {timeout}.00 seconds"
                self._write(message)
                raise FunctionError(message) from None
            if of not in (request_id, None):
                continue  # answers an invocation that was given up
            if isinstance(result, FunctionError):
                raise result
            return result

    def _follow(self) -> None:
        """A process that ends has not finished what it was doing."""
        status = self._process.wait()
        message = f"Runtime exited with error: exit status {status}"
        self._results.put((None, FunctionError(message, {"errorType": "Runtime.ExitError", "errorMessage": message})))

    def _copy_output(self) -> None:
        for line in self._process.stdout:
            self._write(line.rstrip("\n"))

    def _answer(self, request: Request) -> Response:
        """The Runtime API."""
        match request.method, request.path.removeprefix(VERSION).split("/")[1:]:
            case "GET", ["invocation", "next"]:
                return self._next()
            case "POST", ["invocation", request_id, "response"]:
                self._results.put((request_id, request.get_data()))
                return Response(status=202)
            case "POST", ["invocation", request_id, "error"]:
                self._results.put((request_id, _error(request)))
                return Response(status=202)
            case "POST", ["init", "error"]:
                self._results.put((None, _error(request)))
                return Response(status=202)
        return Response(status=404)

    def _next(self) -> Response:
        self._asked.set()
        item = self._events.get()
        if item is None:
            return Response(status=410)
        request_id, event, deadline = item
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._function.function_arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        return Response(event, 200, headers, content_type="application/json")


def environment_variables(
    function: LambdaFunction, session: Session, runtime_api: str, folder: Path, endpoint: str
) -> dict[str, str]:
    """What is deployed, what Lambda sets, and the local stack's own substitutions."""
    variables = {name: str(value) for name, value in function.environment_vars.items()}
    return variables | local_substitutions(variables, endpoint) | {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{function.function_name}/{session.access_key_id}",
        "_HANDLER": function.handler or "",
        "LAMBDA_TASK_ROOT": str(folder),
        "LAMBDA_RUNTIME_DIR": str(folder),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }


def local_substitutions(variables: dict[str, str], endpoint: str) -> dict[str, str]:
    """Where AWS and the issuers' keys are in this world; everything else stays as it was deployed."""

    def local(url: str) -> str:
        return url.replace("https://", f"{endpoint}/local-stack/internet/", 1)

    substitutions = {"AWS_ENDPOINT_URL": endpoint}
    issuer = variables.get("COGNITO_ISSUER")
    if issuer or "JWKS_URI" in variables:
        substitutions["JWKS_URI"] = local(variables.get("JWKS_URI") or f"{issuer}/.well-known/jwks.json")
    if "TRUSTED_ISSUERS" in variables:
        trusted = json.loads(variables["TRUSTED_ISSUERS"])
        for entry in trusted:
            entry["jwks_uri"] = local(
                entry.get("jwks_uri") or entry["issuer"].rstrip("/") + "/.well-known/jwks.json"
            )
        substitutions["TRUSTED_ISSUERS"] = json.dumps(trusted)
    return substitutions


def _unpack(package: bytes, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            archive.extractall(folder)
            for member in archive.infolist():
                # extractall forgets permissions, and Lambda needs the one to execute.
                mode = member.external_attr >> 16 & 0o777
                if mode and not member.is_dir():
                    os.chmod(folder / member.filename, mode | 0o400)
    except zipfile.BadZipFile as error:
        raise FunctionError("Runtime.InvalidEntrypoint: the package is not a zip file") from error
    bootstrap = folder / "bootstrap"
    if not bootstrap.is_file():
        raise FunctionError("Runtime.InvalidEntrypoint: the package holds no file named bootstrap at its root")
    return bootstrap


def _error(request: Request) -> FunctionError:
    try:
        payload = json.loads(request.get_data())
        return FunctionError(str(payload.get("errorMessage") or payload), payload)
    except (ValueError, AttributeError):
        return FunctionError("the function failed and did not say how")


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass
