"""What the query API needs of an account: pool scopes and clients, two roles with their Lake Formation grants, data.

`POST /local-stack/query-api` makes it, once; a stack that nobody asks has none of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from .athena.tables import HIVE_TYPES, Tables
from .servers import InvalidServer, Place

RESOURCE_SERVER = "athena-api"
SCOPES = ("query.read", "query.write", "query.admin")
WORKGROUP, DATABASE = "credvend-query", "sales"
RESULTS_BUCKET, TABLE = "credvend-query-results", "credvend-query-clients"
LAMBDA_ROLE = "query-lambda"
# Each role with the Lake Formation permissions that it has; `dev` reads orders, some columns of customers, no salaries.
ROLES = ("super", "dev")
# Roles of today trust this alone; a role of a table's item may let sessions carry tags and a source identity.
OLD_TRUST = ["sts:AssumeRole"]
NEW_TRUST = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
CLIENT_FIELDS = {"name", "scopes", "role", "item", "trust_actions"}
DEMO: dict[str, tuple[list[tuple[str, str]], list[tuple]]] = {
    "orders": (
        [("id", "bigint"), ("customer", "varchar"), ("total", "double"), ("paid", "boolean"), ("ordered", "date")],
        [
            (1, "Ada", 12.5, 1, "2026-11-02"),
            (2, "Grace", 99.0, 0, "2026-11-03"),
            (3, "Ada", 1250000.75, 1, "2026-11-03"),
            (4, None, 7.25, None, "2026-11-05"),
        ],
    ),
    "customers": (
        [("name", "varchar"), ("city", "varchar"), ("email", "varchar")],
        [("Ada", "London", "ada@example.com"), ("Grace", "New York", "grace@example.com")],
    ),
    "salaries": ([("name", "varchar"), ("amount", "integer")], [("Ada", 90000), ("Grace", 95000)]),
}


@dataclass
class QueryApi:
    """The pieces by the administrator's clients (boto3, speaking to this very stack)."""

    place: Place
    account_id: str
    region: str
    # Service -> boto3 client, service -> boto3 resource.
    client: Callable[[str], object]
    resource: Callable[[str], object]
    tables: Tables
    _made: dict | None = None

    def create(self) -> dict:
        """Everything, and where it is; asked again, the same."""
        if self._made is None:
            self._create_pool_scopes()
            self._create_storage()
            self._create_data()
            lambda_role = self._create_lambda_role()
            roles = {name: self._create_role(f"credvend-lf-{name}", name, OLD_TRUST) for name in ROLES}
            session = self.client("sts").assume_role(RoleArn=lambda_role, RoleSessionName=LAMBDA_ROLE)["Credentials"]
            self._made = {
                "database": DATABASE,
                "workgroup": WORKGROUP,
                "output": f"s3://{RESULTS_BUCKET}/results/",
                "resource_server": RESOURCE_SERVER,
                "table": TABLE,
                "super_role_arn": roles["super"],
                "dev_role_arn": roles["dev"],
                "lambda": {
                    "access_key_id": session["AccessKeyId"],
                    "secret_access_key": session["SecretAccessKey"],
                    "session_token": session["SessionToken"],
                    "role_arn": lambda_role,
                },
            }
        return self._made

    def create_client(self, order: dict) -> dict:
        """An app client; with a `role`, also a role of its own that is granted what that one is, and a table item."""
        unknown = set(order) - CLIENT_FIELDS
        if unknown or not isinstance(order.get("name"), str):
            raise InvalidServer(f"a query client has {', '.join(sorted(CLIENT_FIELDS))}, of which name is needed")
        self.create()
        name, role = order["name"], order.get("role")
        if role is not None and role not in ROLES:
            raise InvalidServer(f"role: {role!r} is not one of {', '.join(ROLES)}")
        client = self.place.cognito.create_user_pool_client(
            UserPoolId=self.place.pool_id,
            ClientName=name,
            GenerateSecret=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthScopes=[f"{RESOURCE_SERVER}/{scope}" for scope in order.get("scopes", ["query.read"])],
        )["UserPoolClient"]
        made = {"name": name, "client_id": client["ClientId"], "client_secret": client["ClientSecret"]}
        item = dict(order.get("item", {}))
        if role:
            trust = order.get("trust_actions", NEW_TRUST)
            made["role_arn"] = self._create_role(f"credvend-query-{name}", role, trust)
            item = {"role_arn": made["role_arn"]} | item
        if item:
            row = {key: set(value) if isinstance(value, list) else value for key, value in item.items()}
            self.resource("dynamodb").Table(TABLE).put_item(Item={"client_id": made["client_id"]} | row)
        return made

    def create_workgroup(self, order: dict) -> dict:
        """A workgroup that the two roles may use, and that the query Lambda may look at unless `readable` is false."""
        name, configuration = order.get("name"), order.get("configuration")
        if set(order) - {"name", "configuration", "readable"} or not isinstance(name, str):
            raise InvalidServer("a workgroup has name, configuration and readable")
        roles = self.create()
        self.client("athena").create_work_group(Name=name, Configuration=configuration or {})
        here = f"arn:aws:athena:{self.region}:{self.account_id}:workgroup/{name}"
        users = [roles["super_role_arn"], roles["dev_role_arn"]]
        if order.get("readable", True):
            users.append(roles["lambda"]["role_arn"])
        for role in users:
            self.place.iam.put_role_policy(
                RoleName=role.split("/")[-1], PolicyName=name, PolicyDocument=_document([_allow(["athena:*"], here)])
            )
        return {"name": name}

    def _create_pool_scopes(self) -> None:
        self.place.cognito.create_resource_server(
            UserPoolId=self.place.pool_id,
            Identifier=RESOURCE_SERVER,
            Name=RESOURCE_SERVER,
            Scopes=[{"ScopeName": scope, "ScopeDescription": scope} for scope in SCOPES],
        )

    def _create_storage(self) -> None:
        constraint = {"LocationConstraint": self.region}
        self.client("s3").create_bucket(Bucket=RESULTS_BUCKET, CreateBucketConfiguration=constraint)
        self.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "client_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "client_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client("athena").create_work_group(
            Name=WORKGROUP,
            Configuration={"EnforceWorkGroupConfiguration": False, "BytesScannedCutoffPerQuery": 10_000_000},
        )

    def _create_data(self) -> None:
        glue = self.client("glue")
        glue.create_database(DatabaseInput={"Name": DATABASE})
        for name, (columns, rows) in DEMO.items():
            described = [{"Name": column, "Type": HIVE_TYPES.get(kind, kind)} for column, kind in columns]
            glue.create_table(
                DatabaseName=DATABASE,
                TableInput={"Name": name, "StorageDescriptor": {"Columns": described}, "TableType": "EXTERNAL_TABLE"},
            )
            self.tables.put_rows(DATABASE, name, rows)

    def _create_lambda_role(self) -> str:
        """May read the clients' table and the workgroup, and assume the roles; the administrator stands in for Lambda."""
        trust = {"Service": "lambda.amazonaws.com", "AWS": f"arn:aws:iam::{self.account_id}:user/admin"}
        here = f"{self.region}:{self.account_id}"
        statements = [
            _allow(["dynamodb:GetItem", "dynamodb:BatchGetItem"], f"arn:aws:dynamodb:{here}:table/{TABLE}"),
            _allow(["athena:GetWorkGroup"], f"arn:aws:athena:{here}:workgroup/{WORKGROUP}"),
            _allow(NEW_TRUST, f"arn:aws:iam::{self.account_id}:role/credvend-*"),
        ]
        return self._put_role(LAMBDA_ROLE, trust, OLD_TRUST, statements)

    def _create_role(self, name: str, kind: str, trust_actions: list[str]) -> str:
        here, bucket = f"{self.region}:{self.account_id}", f"arn:aws:s3:::{RESULTS_BUCKET}"
        # A session that says whose it is reaches its own folder alone.
        folder = "${aws:SourceIdentity}" if "sts:SetSourceIdentity" in trust_actions else "*"
        results = f"{bucket}/results/client-creds-queries/{folder}/*"
        glue = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
        if kind == "super":
            glue += ["glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable"]
        statements = [
            _allow(
                [
                    "athena:StartQueryExecution",
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:StopQueryExecution",
                    "athena:GetWorkGroup",
                ],
                f"arn:aws:athena:{here}:workgroup/{WORKGROUP}",
            ),
            _allow(glue, [f"arn:aws:glue:{here}:{path}" for path in ("catalog", "database/*", "table/*")]),
            _allow(["lakeformation:GetDataAccess"], "*"),
            _allow(["s3:GetBucketLocation"], bucket),
            _allow(["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"], results),
        ]
        arn = self._put_role(name, {"AWS": f"arn:aws:iam::{self.account_id}:role/{LAMBDA_ROLE}"}, trust_actions, statements)
        for permissions, resource in _grants(kind):
            self.client("lakeformation").grant_permissions(
                Principal={"DataLakePrincipalIdentifier": arn}, Resource=resource, Permissions=permissions
            )
        return arn

    def _put_role(self, name: str, principal: dict, trust_actions: list[str], statements: list[dict]) -> str:
        iam = self.place.iam
        trust = _document([{"Effect": "Allow", "Principal": principal, "Action": trust_actions}])
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="query", PolicyDocument=_document(statements))
        return arn


def _grants(kind: str) -> list[tuple[list[str], dict]]:
    """Lake Formation's permissions of a kind of role, with the resource of each."""
    if kind == "super":
        return [
            (["ALL"], {"Database": {"Name": DATABASE}}),
            (["ALL"], {"Table": {"DatabaseName": DATABASE, "TableWildcard": {}}}),
        ]
    return [
        (["DESCRIBE"], {"Database": {"Name": DATABASE}}),
        (["SELECT", "DESCRIBE"], {"Table": {"DatabaseName": DATABASE, "Name": "orders"}}),
        (["SELECT"], {"TableWithColumns": {"DatabaseName": DATABASE, "Name": "customers", "ColumnNames": ["name", "city"]}}),
    ]


def _allow(actions: list[str], resource: str | list[str]) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _document(statements: list[dict]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
