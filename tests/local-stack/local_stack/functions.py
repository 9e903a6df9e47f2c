"""Lambda for real: the package that was uploaded runs as a process, with the role, the environment and the limits that
were deployed. One environment a function; its invocations wait for each other.
"""

import json
import threading
from collections import deque

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID

from . import policy
from .aws_errors import QueryError
from .lambda_environment import Environment, FunctionError
from .log_groups import put_lines
from .sessions import Session
from .service_sessions import ServiceSessions

__all__ = ["FunctionError", "Functions", "Throttled", "UnknownFunction"]

LOG_LINES = 10_000


class UnknownFunction(LookupError):
    """No function of that name or ARN."""


class Throttled(Exception):
    """The function may not run (again) now."""


class Functions:
    """Every function's running environment and log."""

    def __init__(self, service_sessions: ServiceSessions) -> None:
        self._service_sessions = service_sessions
        # Where this stack answers; known once its server listens.
        self.endpoint = ""
        self._environments: dict[str, Environment] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._logs: dict[str, deque] = {}
        self._lock = threading.Lock()

    def invoke(self, name: str, event: object, permission: policy.Request | None) -> bytes:
        """The function's result. `permission` is what the caller must be allowed by the function's own policy."""
        function = find(name)
        if permission:
            permission.resource = function.function_arn
            statements = {"Statement": function.policy.statements}
            if policy.evaluate([statements], permission) != policy.ALLOW:
                raise FunctionError(f"Invalid permissions on Lambda function {function.function_name}")
        if function.reserved_concurrency is not None and int(function.reserved_concurrency) == 0:
            raise Throttled(f"{function.function_name}: Rate Exceeded, its reserved concurrency is 0")
        with self._turn(function.function_name):
            return self._run(function, event)

    def log(self, name: str) -> str:
        """What the function's environments wrote, and what Lambda wrote about them."""
        if name not in self._logs:
            raise UnknownFunction(f"{name}: no function of that name has run")
        return "".join(f"{line}\n" for line in list(self._logs[name]))

    def names(self) -> list[str]:
        """The functions that have a running environment."""
        return sorted(self._environments)

    def stop(self, name: str) -> None:
        environment = self._environments.pop(name, None)
        if environment:
            environment.stop()

    def stop_deleted(self) -> None:
        """Ends what still runs for functions that are there no more."""
        for name in self.names():
            try:
                find(name)
            except UnknownFunction:
                self.stop(name)

    def stop_all(self) -> None:
        for name in self.names():
            self.stop(name)

    def _run(self, function: LambdaFunction, event: object) -> bytes:
        environment = self._environment(function)
        try:
            return environment.invoke(json.dumps(event).encode(), int(function.timeout))
        except FunctionError:
            if not environment.alive:
                self.stop(function.function_name)
            raise

    def _environment(self, function: LambdaFunction) -> Environment:
        """The environment that runs what is deployed now; another one is replaced."""
        name, deployment = function.function_name, _deployment(function)
        running = self._environments.get(name)
        if running and running.alive and running.deployment == deployment:
            return running
        self.stop(name)
        session = self._session(function)
        stream = Stream(self._log_lines(name), function, session, self._service_sessions)
        environment = Environment(function, deployment, session, self.endpoint, stream.write)
        self._environments[name] = environment
        return environment

    def _session(self, function: LambdaFunction) -> Session:
        try:
            session = self._service_sessions.assume(
                "lambda.amazonaws.com", function.role, function.function_name, function.function_arn
            )
        except QueryError as error:
            raise FunctionError(
                f"The role {function.role} cannot be assumed by Lambda: is it there, and does it trust it?"
            ) from error
        if function.kms_key_arn and not self._service_sessions.may(session, "kms:Decrypt", function.kms_key_arn):
            raise FunctionError(
                f"KMSAccessDeniedException: {function.role} may not kms:Decrypt with {function.kms_key_arn}, "
                "the key of the function's environment variables"
            )
        return session

    def _log_lines(self, name: str) -> deque:
        with self._lock:
            return self._logs.setdefault(name, deque(maxlen=LOG_LINES))

    def _turn(self, name: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(name, threading.Lock())


class Stream:
    """A log stream of one environment: kept here for tests, and in the log group if the function's role may."""

    def __init__(self, lines: deque, function: LambdaFunction, session: Session, sessions: ServiceSessions) -> None:
        self._lines = lines
        self._region = function.region
        self._group = function.logs_group_name
        self._name = f"{function.function_name}/{session.access_key_id}"
        self._session = session
        self._sessions = sessions

    def write(self, line: str) -> None:
        self._lines.append(line)
        place = f"arn:aws:logs:{self._region}:{DEFAULT_ACCOUNT_ID}:log-group:{self._group}:log-stream:{self._name}"
        if self._sessions.may(self._session, "logs:PutLogEvents", place):
            put_lines(self._region, self._group, self._name, [line])


def find(name: str) -> LambdaFunction:
    region = name.split(":")[3] if name.startswith("arn:") else None
    backends = lambda_backends[DEFAULT_ACCOUNT_ID]
    for candidate in [region] if region else list(backends):
        try:
            return backends[candidate].get_function(name)
        except UnknownFunctionException:
            continue
    raise UnknownFunction(f"Function not found: {name}")


def _deployment(function: LambdaFunction) -> tuple:
    """What makes Lambda start new environments when it changes."""
    return (
        function.code_sha_256,
        json.dumps(function.environment_vars, sort_keys=True),
        function.role,
        function.timeout,
        function.memory_size,
        function.kms_key_arn,
    )
