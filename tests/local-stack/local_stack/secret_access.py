"""Which secret a call of Secrets Manager is about, for policies that name one."""

import json

from moto.secretsmanager.exceptions import SecretNotFoundException
from moto.secretsmanager.models import secretsmanager_backends
from moto.secretsmanager.responses import SecretsManagerResponse

from . import authorization


def install() -> None:
    authorization.RESOURCES["secretsmanager"] = _resource


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
