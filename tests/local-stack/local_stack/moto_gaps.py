"""What Terraform's AWS provider asks for and moto does not have, or has wrong; each with what it is about."""

import json
from collections.abc import Callable
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaFunction
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse
from moto.secretsmanager.models import SecretsManagerBackend

from .functions import FunctionError, Functions, Throttled

# Lambda developer guide, "Using Lambda environment variables": the ones a function cannot set.
RESERVED_VARIABLES = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
}

class TooManyRequests(LambdaClientError):
    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


def install(functions: Functions) -> None:
    _run_functions(functions)
    _complete_lambda_configuration()
    _complete_log_groups()
    _follow_labels()
    Item.update_with_attribute_updates = _update_with_attribute_updates(Item.update_with_attribute_updates)


def _run_functions(functions: Functions) -> None:
    """Invoke: moto wants Docker for it."""

    def invoke(function: LambdaFunction, body: bytes | str, _: object, response_headers: dict) -> bytes:
        try:
            return functions.invoke(function.function_name, json.loads(body or b"{}"), None)
        except Throttled as error:
            raise TooManyRequests from error
        except FunctionError as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(error.payload).encode()

    LambdaFunction.invoke = invoke


def _complete_lambda_configuration() -> None:
    """moto's update forgets some members, and takes environment variables that AWS refuses."""
    set_up, update = LambdaFunction.__init__, LambdaFunction.update_configuration

    def checked_set_up(function: LambdaFunction, account_id: str, spec: dict[str, Any], **more: Any) -> None:
        _refuse_reserved_variables(spec)
        set_up(function, account_id, spec, **more)

    def complete_update(function: LambdaFunction, changes: dict[str, Any]) -> dict[str, Any]:
        _refuse_reserved_variables(changes)
        if "KMSKeyArn" in changes:
            function.kms_key_arn = changes["KMSKeyArn"] or None
        if "TracingConfig" in changes:
            function.tracing_config = changes["TracingConfig"]
        if "EphemeralStorage" in changes:
            function.ephemeral_storage = changes["EphemeralStorage"]["Size"]
        if changes.get("Environment") == {}:
            changes = changes | {"Environment": {"Variables": {}}}
        return update(function, changes)

    LambdaFunction.__init__ = checked_set_up
    LambdaFunction.update_configuration = complete_update


def _complete_log_groups() -> None:
    """AssociateKmsKey and DisassociateKmsKey: not in moto at all."""

    def set_key(response: LogsResponse, key: str | None) -> str:
        backend: LogsBackend = response.logs_backend
        name = response._get_param("logGroupName")
        # Raises ResourceNotFoundException where there is no such group.
        backend.list_tags_log_group(name)
        backend.groups[name].kms_key_id = key
        return ""

    LogsResponse.associate_kms_key = lambda response: set_key(response, response._get_param("kmsKeyId"))
    LogsResponse.disassociate_kms_key = lambda response: set_key(response, None)


def _follow_labels() -> None:
    """UpdateSecretVersionStage: moto goes on to take the old version for the current one wherever no label is asked for, and
    leaves the label on two versions at the next PutSecretValue."""
    move = SecretsManagerBackend.update_secret_version_stage

    def follow(backend: SecretsManagerBackend, **call: str | None) -> tuple[str, str]:
        answer = move(backend, **call)
        if call["version_stage"] == "AWSCURRENT" and call["move_to_version_id"]:
            backend.secrets[call["secret_id"]].set_default_version_id(call["move_to_version_id"])
        return answer

    SecretsManagerBackend.update_secret_version_stage = follow


def _refuse_reserved_variables(spec: dict[str, Any]) -> None:
    reserved = sorted(RESERVED_VARIABLES & set((spec.get("Environment") or {}).get("Variables") or {}))
    if reserved:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )


def _update_with_attribute_updates(update: Callable) -> Callable:
    """UpdateItem with AttributeUpdates (which the provider uses) makes a string of a boolean in moto."""

    def complete_update(item: Item, updates: dict[str, Any]) -> None:
        for name, change in updates.items():
            if change.get("Action", "PUT") == "PUT":
                item.attrs[name] = DynamoType(change["Value"])
            else:
                update(item, {name: change})

    return complete_update
