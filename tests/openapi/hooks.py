"""For schemathesis: what no description can tell about a request: which token is genuine, and which prefix is the client's own."""

import os
import re

import schemathesis

TOKEN, PREFIX = os.environ["ACCESS_TOKEN"], os.environ["S3_PATH_PREFIX"]
MAX_LENGTH = 400


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict) -> None:
    """What has the described form is made to be the client's; what has not is sent as it is."""
    schema = context.operation.schema.raw_schema["components"]["schemas"]["CredentialsRequest"]["properties"]
    body = case.body
    if not isinstance(body, dict):
        return
    if has_form(body.get("access_token"), schema["access_token"]):
        body["access_token"] = TOKEN
    if has_form(body.get("s3_path_prefix"), schema["s3_path_prefix"]):
        prefix = PREFIX + body["s3_path_prefix"]
        # The longest one stays the longest one.
        body["s3_path_prefix"] = prefix if len(prefix) <= MAX_LENGTH else PREFIX.ljust(MAX_LENGTH, "a")


def has_form(value: object, schema: dict) -> bool:
    return isinstance(value, str) and len(value) <= schema["maxLength"] and bool(re.fullmatch(schema["pattern"], value))
