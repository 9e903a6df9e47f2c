"""Faults that a test orders for one API: a status, a delay, nonsense, or half an answer."""

import json
import threading
from dataclasses import dataclass

from .aws_errors import query_error_body
from .operation import Call

KINDS = {"status", "slow", "garbage", "cut"}
GARBAGE = b"\x00\xff<<<this is no answer to what you asked>>>{]"
CODES = {400: "ThrottlingException", 429: "ThrottlingException", 500: "InternalServerError", 503: "ServiceUnavailable"}
QUERY_CODES = {400: "Throttling", 429: "Throttling", 500: "InternalFailure", 503: "ServiceUnavailable"}
S3_CODES = {400: "RequestTimeout", 429: "SlowDown", 500: "InternalError", 503: "SlowDown"}


class InvalidFault(ValueError):
    """An order this stack cannot carry out; the text says which field."""


@dataclass
class Fault:
    api: str
    kind: str
    status: int = 503
    retry_after: int | None = None
    seconds: float = 0.0
    # How many more requests it hits; None: until it is deleted.
    count: int | None = None
    # The error code in the answer; None: the service's usual one for the status.
    code: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidFault(f"kind: {self.kind!r} is not one of {', '.join(sorted(KINDS))}")
        if not isinstance(self.status, int) or not 200 <= self.status <= 599:
            raise InvalidFault(f"status: {self.status!r} is not an HTTP status")
        if not isinstance(self.seconds, (int, float)) or self.seconds < 0:
            raise InvalidFault(f"seconds: {self.seconds!r} is not a duration")
        if self.count is not None and (not isinstance(self.count, int) or self.count < 1):
            raise InvalidFault(f"count: {self.count!r} is not a number of requests")

    def error_answer(self, call: Call, target: bool) -> tuple[list[tuple[str, str]], bytes]:
        """Headers and body of a `status` fault, in the shape of the API it hits."""
        headers = [("Retry-After", str(self.retry_after))] if self.retry_after is not None else []
        message = "ordered by the test"
        if target:
            body = {"__type": self.code or CODES.get(self.status, "InternalServerError"), "message": message}
            return [*headers, ("Content-Type", "application/x-amz-json-1.0")], json.dumps(body).encode()
        if call.service == "s3":
            code = self.code or S3_CODES.get(self.status, "InternalError")
            text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
            return [*headers, ("Content-Type", "application/xml")], text.encode()
        if call.service in ("iam", "sts"):
            code = self.code or QUERY_CODES.get(self.status, "InternalFailure")
            return [*headers, ("Content-Type", "text/xml")], query_error_body(code, message).encode()
        body = {"error": self.code or "temporarily_unavailable"}
        return [*headers, ("Content-Type", "application/json")], json.dumps(body).encode()


class Faults:
    """The orders that are still open, oldest first."""

    def __init__(self) -> None:
        self._open: list[Fault] = []
        self._lock = threading.Lock()

    def order(self, fields: dict) -> Fault:
        try:
            fault = Fault(**fields)
        except TypeError as error:
            fields_there_are = "api, kind, status, retry_after, seconds, count and code"
            raise InvalidFault(f"a fault has {fields_there_are}: {error}") from error
        with self._lock:
            self._open.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._open.clear()

    def take(self, api: str) -> Fault | None:
        """The oldest open fault for the API, one request used up."""
        with self._lock:
            for fault in self._open:
                if fault.api == api:
                    if fault.count is not None:
                        fault.count -= 1
                        if fault.count == 0:
                            self._open.remove(fault)
                    return fault
        return None
