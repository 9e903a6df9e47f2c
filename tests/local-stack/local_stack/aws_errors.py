"""Refusals in the shape that each AWS protocol gives them, so that SDKs read code and message from them."""

import json
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


class JsonError(HTTPException):
    """An error of the JSON protocols: always 400, the code in `__type`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message}))
        self.code = 400

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        return [("Content-Type", "application/x-amz-json-1.0")]

    def get_body(self, *_: object, **__: object) -> str:
        return self.description or ""


class ExpiredS3Token(S3ClientError):
    code = "ExpiredToken"

    def __init__(self) -> None:
        super().__init__("ExpiredToken", "The provided token has expired.")


def refusal(code: str, message: str, json_protocol: bool) -> HTTPException:
    """The refusal of a request to anything but S3."""
    if json_protocol:
        return JsonError(JSON_CODES[code], message)
    return QueryError(code, message, status=403)


def query_error_body(code: str, message: str) -> str:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        "<RequestId>local-stack</RequestId></ErrorResponse>"
    )
