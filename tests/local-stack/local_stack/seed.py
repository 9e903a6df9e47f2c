"""What a fresh stack holds: an administrator, the pool, bucket and table, and the vending Lambda's own session."""

import json

import boto3
from botocore.config import Config

from . import cloudformation_resources
from .app import OWN_USER_AGENT, Application
from .query_api import QueryApi
from .servers import Place, Servers

ACCOUNT_ID = "123456789012"  # moto's default account
BUCKET = "credvend-local"
TABLE = "credvend-clients"
RESOURCE_SERVER = "credvend-api"
SCOPES = ("read", "write", "delete", "list", "full", "admin")
LAMBDA_ROLE = "vending-lambda"
ADMIN = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def seed(stack: Application, endpoint: str, empty: bool) -> dict:
    """Fills the stack that answers at `endpoint`, turns IAM enforcement on, and returns the ready line's content.

    An empty stack is a new account: it holds its administrator and nothing else.
    """
    stack.functions.endpoint = endpoint
    open_iam = _Clients(endpoint, stack.region, "seed", "seed").client("iam")
    admin_key = _create_admin(open_iam)
    stack.settings.enforce_iam = True
    ready = {
        "endpoint": endpoint,
        "region": stack.region,
        "account_id": ACCOUNT_ID,
        "admin": {"access_key_id": admin_key["AccessKeyId"], "secret_access_key": admin_key["SecretAccessKey"]},
    }
    # From here on everything is signed by the administrator, as a person's Terraform would be.
    clients = _Clients(endpoint, stack.region, admin_key["AccessKeyId"], admin_key["SecretAccessKey"])
    cloudformation_resources.install(clients.client)
    if empty:
        return ready
    cognito, iam = clients.client("cognito-idp"), clients.client("iam")
    pool_id = _create_pool(cognito)
    clients.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": stack.region})
    table = _create_table(clients.resource("dynamodb"))
    role_arn = _create_lambda_role(iam, stack.region)
    session = clients.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=LAMBDA_ROLE, DurationSeconds=43200)
    place = Place(BUCKET, TABLE, pool_id, RESOURCE_SERVER, role_arn, cognito, iam, table)
    stack.control.seeded = Servers(place)
    stack.control.query_api = QueryApi(
        place, ACCOUNT_ID, stack.region, clients.client, clients.resource, stack.athena.tables(ACCOUNT_ID, stack.region)
    )
    stack.control.pool_id = pool_id
    stack.keys.signing(pool_id)
    return ready | {
        "user_pool_id": pool_id,
        "issuer": f"https://cognito-idp.{stack.region}.amazonaws.com/{pool_id}",
        "jwks_uri": f"{endpoint}/{pool_id}/.well-known/jwks.json",
        "token_endpoint": f"{endpoint}/oauth2/token",
        "resource_server": RESOURCE_SERVER,
        "bucket": BUCKET,
        "table": TABLE,
        "lambda": {
            "access_key_id": session["Credentials"]["AccessKeyId"],
            "secret_access_key": session["Credentials"]["SecretAccessKey"],
            "session_token": session["Credentials"]["SessionToken"],
            "role_arn": role_arn,
        },
    }


class _Clients:
    """boto3 on this endpoint, with nothing taken from the environment's own AWS configuration."""

    def __init__(self, endpoint: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        self._session = boto3.session.Session(access_key_id, secret_access_key, region_name=region)
        config = Config(user_agent_extra=OWN_USER_AGENT, proxies={}, s3={"addressing_style": "path"})
        self._arguments = {"endpoint_url": endpoint, "config": config}

    def client(self, service: str) -> object:
        return self._session.client(service, **self._arguments)

    def resource(self, service: str) -> object:
        return self._session.resource(service, **self._arguments)


def _create_admin(iam: object) -> dict:
    iam.create_user(UserName="admin")
    iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=_policy([ADMIN]))
    return iam.create_access_key(UserName="admin")["AccessKey"]


def _create_pool(cognito: object) -> str:
    pool_id = cognito.create_user_pool(PoolName="credvend")["UserPool"]["Id"]
    cognito.create_resource_server(
        UserPoolId=pool_id,
        Identifier=RESOURCE_SERVER,
        Name=RESOURCE_SERVER,
        Scopes=[{"ScopeName": scope, "ScopeDescription": scope} for scope in SCOPES],
    )
    return pool_id


def _create_table(dynamodb: object) -> object:
    return dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "client_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "client_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _create_lambda_role(iam: object, region: str) -> str:
    """The role that the vending Lambda runs under; the administrator may assume it in Lambda's place."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com", "AWS": f"arn:aws:iam::{ACCOUNT_ID}:user/admin"},
        "Action": "sts:AssumeRole",
    }
    role = iam.create_role(RoleName=LAMBDA_ROLE, AssumeRolePolicyDocument=_policy([trust]), MaxSessionDuration=43200)[
        "Role"
    ]
    statements = [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:DescribeTable"],
            "Resource": f"arn:aws:dynamodb:{region}:{ACCOUNT_ID}:table/{TABLE}",
        },
        {
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Resource": f"arn:aws:iam::{ACCOUNT_ID}:role/credvend-*",
        },
    ]
    iam.put_role_policy(RoleName=LAMBDA_ROLE, PolicyName="vend", PolicyDocument=_policy(statements))
    return role["Arn"]


def _policy(statements: list[dict]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
