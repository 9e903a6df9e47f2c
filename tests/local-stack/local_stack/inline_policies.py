"""A role's inline policies: how much of them there may be, and which role a call of IAM is about."""

from urllib.parse import parse_qs

from moto.iam.exceptions import LimitExceededException, NotFoundException
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from . import authorization

# IAM User Guide, "IAM and AWS STS quotas": all inline policies of a role together, white space not counted.
MAX_CHARACTERS = 10240


def install() -> None:
    authorization.RESOURCES["iam"] = _resource
    put = IAMBackend.put_role_policy

    def put_within_limit(backend: IAMBackend, role_name: str, policy_name: str, policy_json: str) -> None:
        policies = dict(backend.get_role(role_name).policies) | {policy_name: policy_json}
        if sum(len("".join(text.split())) for text in policies.values()) > MAX_CHARACTERS:
            raise LimitExceededException(
                f"Maximum policy size of {MAX_CHARACTERS} bytes exceeded for role {role_name}"
            )
        put(backend, role_name, policy_name, policy_json)

    IAMBackend.put_role_policy = put_within_limit


def _resource(handler: IamResponse) -> str:
    """The role of a call that names one. Policies for other resources of IAM must say `*`."""
    names = parse_qs(authorization.raw_body(handler).decode()).get("RoleName")
    if not names:
        return "*"
    try:
        return handler.backend.get_role(names[0]).arn
    except NotFoundException:
        return f"arn:aws:iam::{handler.current_account}:role/{names[0]}"
