"""How Athena refuses a call, and how it lets a query fail."""

import json
from dataclasses import dataclass

from werkzeug.exceptions import HTTPException


class AthenaException(HTTPException):
    """An error of the API: `Message` has a capital M, and the finer code stands there twice."""

    code = 400

    def __init__(self, kind: str, message: str, **members: str) -> None:
        super().__init__(json.dumps({"__type": kind, "Message": message} | members))

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        return [("Content-Type", "application/x-amz-json-1.1")]

    def get_body(self, *_: object, **__: object) -> str:
        return self.description or ""


def invalid_request(message: str, code: str = "INVALID_INPUT") -> AthenaException:
    return AthenaException("InvalidRequestException", message, AthenaErrorCode=code, ErrorCode=code)


def too_many_requests() -> AthenaException:
    return AthenaException(
        "TooManyRequestsException",
        "You have exceeded the limit for the number of queries you can run concurrently. "
        "Reduce the number of concurrent queries submitted by this account.",
        Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED",
    )


@dataclass
class QueryFailure(Exception):
    """Why a query that was started does not succeed. The types are those of Athena's error catalog."""

    reason: str
    kind: int = 1000
    category: int = 2
    retryable: bool = False
    state: str = "FAILED"

    def athena_error(self) -> dict:
        return {
            "ErrorCategory": self.category,
            "ErrorType": self.kind,
            "Retryable": self.retryable,
            "ErrorMessage": self.reason,
        }


def insufficient_permissions(detail: str) -> QueryFailure:
    """Lake Formation's, Glue's or S3's no, as it comes through Athena."""
    return QueryFailure(f"Insufficient permissions to execute the query. {detail}")
