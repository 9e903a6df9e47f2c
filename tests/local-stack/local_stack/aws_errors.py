"""Refusals in the shape that each AWS protocol gives them, so that SDKs read code and message from them."""

import json
from collections.abc import Mapping
from xml.sax.saxutils import escape

from moto.s3.exceptions import S3ClientError
from werkzeug.exceptions import HTTPException

# The same refusal has another code, and another status, in the JSON protocols (DynamoDB, Cognito, …).
JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
}


class QueryError(HTTPException):
    """An error of the query protocol (STS, IAM). moto's own wraps it in `<Errors>`, which not every SDK reads."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(query_error_body(code, message))
        self.code = status

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        return [("Content-Type", "text/xml")]

    def get_body(self, *_: object, **__: object) -> str:
        return self.description or ""


# Services that speak JSON without naming their target in a header.
REST_JSON_SERVICES = {"lambda", "apigateway"}


class JsonError(HTTPException):
    """An error of the JSON protocols, the code in `__type`; 400 where a target is named, the REST ones have a status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message}))
        self.code = status

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        return [("Content-Type", "application/x-amz-json-1.0")]

    def get_body(self, *_: object, **__: object) -> str:
        return self.description or ""


class ExpiredS3Token(S3ClientError):
    code = "ExpiredToken"

    def __init__(self) -> None:
        super().__init__("ExpiredToken", "The provided token has expired.")


def refusal(code: str, message: str, headers: Mapping[str, str]) -> HTTPException:
    """The refusal of a request to anything but S3, in the protocol that its headers show."""
    if "X-Amz-Target" in headers:
        return JsonError(JSON_CODES[code], message)
    scope = headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0].split("/")
    if len(scope) > 3 and scope[3] in REST_JSON_SERVICES:
        return JsonError(JSON_CODES[code], message, status=403)
    return QueryError(code, message, status=403)


def query_error_body(code: str, message: str) -> str:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        "<RequestId>local-stack</RequestId></ErrorResponse>"
    )
