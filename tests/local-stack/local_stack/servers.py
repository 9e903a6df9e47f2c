"""A registered server is three things in three services: an app client, a role, and a row of the mapping table."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

LEVELS = ("write", "read-write", "full")
FIELDS = {
    "server_name",
    "level",
    "s3_path_prefix",
    "item",
    "scopes",
    "trust_actions",
    "trusted",
    "session_duration_limit",
}
# One policy a level, for this bucket and prefix.
GOLDEN_POLICIES = Path(__file__).parents[2] / "cases" / "session-policy"
GOLDEN_BUCKET, GOLDEN_PREFIX = "example-logs", "logs/web-01/"
TRUST_ACTIONS = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


class InvalidServer(ValueError):
    """A field of the order is wrong; the text says which."""


class UnknownServer(LookupError):
    """No server of that name was registered here."""


@dataclass
class Place:
    """Where servers are registered, and with which clients (boto3, speaking to this very stack)."""

    bucket: str
    table: str
    pool_id: str
    resource_server: str
    lambda_role_arn: str
    cognito: object
    iam: object
    dynamodb_table: object


@dataclass
class Server:
    client_id: str
    role_name: str
    # The whole row as plain JSON, so that a change can be merged into it.
    item: dict = field(default_factory=dict)


class Servers:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: dict[str, Server] = {}

    def create(self, order: dict) -> dict:
        name, level = _checked(order)
        if name in self._known:
            raise InvalidServer(f"server_name: {name} is registered already; DELETE it first")
        prefix = order.get("s3_path_prefix", f"logs/{name}/")
        role_arn = self._create_role(name, level, prefix, order)
        client = self._create_app_client(name, order.get("scopes", ["write"]))
        item = {
            "client_id": client["ClientId"],
            "server_name": name,
            "role_arn": role_arn,
            "s3_path_prefix": prefix,
            "s3_permissions": level,
        }
        self._known[name] = Server(client["ClientId"], f"credvend-{name}", item)
        self._put_item(self._known[name], order.get("item", {}))
        return {
            "client_id": client["ClientId"],
            "client_secret": client["ClientSecret"],
            "role_arn": role_arn,
            "server_name": name,
            "s3_path_prefix": prefix,
        }

    def change(self, name: str, order: dict) -> dict:
        """Merges `item` into the row; an attribute set to null is removed."""
        if set(order) != {"item"}:
            raise InvalidServer("only item can be changed")
        server = self._find(name)
        self._put_item(server, order["item"])
        return server.item

    def delete(self, name: str) -> None:
        server = self._find(name)
        self._place.dynamodb_table.delete_item(Key={"client_id": server.client_id})
        self._place.cognito.delete_user_pool_client(UserPoolId=self._place.pool_id, ClientId=server.client_id)
        self._place.iam.delete_role_policy(RoleName=server.role_name, PolicyName="s3")
        self._place.iam.delete_role(RoleName=server.role_name)
        del self._known[name]

    def add_secret(self, name: str) -> str:
        """A second active secret, as AddUserPoolClientSecret gives."""
        added = self._place.cognito.add_user_pool_client_secret(**self._app_client(name))
        return added["ClientSecretDescriptor"]["ClientSecretValue"]

    def drop_first_secret(self, name: str) -> None:
        """From now on only added secrets are accepted."""
        client = self._app_client(name)
        first, *_ = self._place.cognito.list_user_pool_client_secrets(**client)["ClientSecrets"]
        self._place.cognito.delete_user_pool_client_secret(**client, ClientSecretId=first["ClientSecretId"])

    def _app_client(self, name: str) -> dict:
        return {"UserPoolId": self._place.pool_id, "ClientId": self._find(name).client_id}

    def create_oidc_provider(self, issuer: str, audiences: list[str]) -> str:
        answer = self._place.iam.create_open_id_connect_provider(Url=issuer, ClientIDList=audiences)
        return answer["OpenIDConnectProviderArn"]

    def _find(self, name: str) -> Server:
        if name not in self._known:
            raise UnknownServer(f"{name}: no such server; POST /local-stack/servers registers one")
        return self._known[name]

    def _create_role(self, name: str, level: str, prefix: str, order: dict) -> str:
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": [self._place.lambda_role_arn, *order.get("trusted", [])]},
            "Action": order.get("trust_actions", TRUST_ACTIONS),
        }
        external_id = order.get("item", {}).get("external_id")
        if external_id:
            trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
        role = self._place.iam.create_role(
            RoleName=f"credvend-{name}",
            AssumeRolePolicyDocument=_policy([trust]),
            MaxSessionDuration=order.get("session_duration_limit", 3600),
        )
        self._place.iam.put_role_policy(
            RoleName=f"credvend-{name}",
            PolicyName="s3",
            PolicyDocument=_policy(s3_statements(self._place.bucket, prefix, level)),
        )
        return role["Role"]["Arn"]

    def _create_app_client(self, name: str, scopes: list[str]) -> dict:
        return self._place.cognito.create_user_pool_client(
            UserPoolId=self._place.pool_id,
            ClientName=name,
            GenerateSecret=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthScopes=[f"{self._place.resource_server}/{scope}" for scope in scopes],
        )["UserPoolClient"]

    def _put_item(self, server: Server, changes: dict) -> None:
        server.item = {key: value for key, value in (server.item | changes).items() if value is not None}
        row = {key: set(value) if isinstance(value, list) else value for key, value in server.item.items()}
        self._place.dynamodb_table.put_item(Item=row)


def s3_statements(bucket: str, prefix: str, level: str) -> list[dict]:
    """What a level allows below a prefix: the golden policy, which the service and Terraform are held to as well."""
    golden = (GOLDEN_POLICIES / f"{level}.json").read_text()
    policy = golden.replace(GOLDEN_BUCKET, bucket).replace(GOLDEN_PREFIX, f"{prefix.rstrip('/')}/")
    return json.loads(policy)["Statement"]


def _checked(order: dict) -> tuple[str, str]:
    unknown = set(order) - FIELDS
    if unknown:
        raise InvalidServer(f"{', '.join(sorted(unknown))}: no such field; there are {', '.join(sorted(FIELDS))}")
    name, level = order.get("server_name"), order.get("level", "write")
    # A role's name is `credvend-` and this, of at most 64 characters (IAM, CreateRole).
    if not isinstance(name, str) or not re.fullmatch(r"[\w+=,.@-]{1,55}", name, re.ASCII):
        raise InvalidServer(f"server_name: {name!r} cannot be part of a role's name")
    if level not in LEVELS:
        raise InvalidServer(f"level: {level!r} is not one of {', '.join(LEVELS)}")
    return name, level


def _policy(statements: list[dict]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
