"""Secrets Manager: which secret a call is about, for policies that name one; and a rotation that ends where a step fails."""

import json
import threading
from typing import Any

from moto.awslambda.models import LambdaBackend
from moto.secretsmanager.exceptions import SecretNotFoundException
from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends
from moto.secretsmanager.responses import SecretsManagerResponse

from . import authorization

_current = threading.local()


class StepFailed(Exception):
    """The rotation function has answered with an error."""


def install() -> None:
    authorization.RESOURCES["secretsmanager"] = _resource
    _end_failed_rotations()


def _resource(handler: SecretsManagerResponse) -> str:
    try:
        parameters = json.loads(handler.body or "{}")
    except ValueError:
        parameters = {}
    secret_id = parameters.get("SecretId") or parameters.get("Name")
    if not secret_id:
        return "*"
    try:
        return secretsmanager_backends[handler.current_account][handler.region].secrets[secret_id].arn
    except (KeyError, SecretNotFoundException):
        # The six characters are drawn when the secret is made.
        return f"arn:aws:secretsmanager:{handler.region}:{handler.current_account}:secret:{secret_id}-??????"


def _end_failed_rotations() -> None:
    """moto takes the later steps all the same. On AWS the caller does not learn of it: rotation is asynchronous."""
    rotate, invoke = SecretsManagerBackend.rotate_secret, LambdaBackend.invoke

    def rotate_secret(backend: SecretsManagerBackend, secret_id: str, *arguments: Any, **named: Any) -> str:
        _current.rotates = True
        try:
            return rotate(backend, secret_id, *arguments, **named)
        except StepFailed:
            return backend.secrets[secret_id].to_short_dict()
        finally:
            _current.rotates = False

    def invoke_step(
        backend: LambdaBackend, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> str | bytes | None:
        response_headers.pop("x-amz-function-error", None)
        result = invoke(backend, function_name, qualifier, body, headers, response_headers)
        if getattr(_current, "rotates", False) and "x-amz-function-error" in response_headers:
            raise StepFailed
        return result

    SecretsManagerBackend.rotate_secret = rotate_secret
    LambdaBackend.invoke = invoke_step
