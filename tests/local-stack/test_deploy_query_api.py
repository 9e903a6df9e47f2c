"""scripts/deploy-query-api and its templates, in an empty account."""

import json
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
import requests

REPOSITORY = Path(__file__).parents[2]
CASES = REPOSITORY / "tests/cases/query-api"
BUCKET, NAME = "example-results", "query-api-dev"
# What the service would be: a runtime that answers every event.
BOOTSTRAP = """#!/usr/bin/env python3
import json, os, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{api}/next") as event:
        request = event.headers["Lambda-Runtime-Aws-Request-Id"]
        route = json.load(event)["routeKey"]
    body = json.dumps({"statusCode": 200, "body": json.dumps({"version": VERSION, "route": route})})
    urllib.request.urlopen(urllib.request.Request(f"{api}/{request}/response", body.encode()))
"""


def package(folder: Path, version: int) -> Path:
    path = folder / f"{version}.zip"
    bootstrap = zipfile.ZipInfo("bootstrap")
    bootstrap.external_attr = 0o755 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(bootstrap, BOOTSTRAP.replace("VERSION", str(version)))
    return path


class Deployment:
    """The script in the account of a stack, and what it has made there."""

    def __init__(self, stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess:
        admin = self.stack.ready["admin"]
        environment = {
            "HOME": str(self.folder),
            "PATH": f"{REPOSITORY / '.tools/venv/bin'}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.stack.ready["endpoint"],
            "AWS_ACCESS_KEY_ID": admin["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": admin["secret_access_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [REPOSITORY / "scripts/deploy-query-api", *arguments]
        return subprocess.run(command, env=environment | variables, capture_output=True, text=True)

    def succeeds(self, *arguments: str | Path) -> subprocess.CompletedProcess:
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran.stderr
        return ran

    def outputs(self) -> dict[str, str]:
        (found,) = self.stack.admin("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    def secret(self, kind: str) -> dict[str, str]:
        arn = self.outputs()[f"{kind}ClientSecretArn"]
        return json.loads(self.stack.admin("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])

    def local(self, url: str) -> str:
        return url.replace("https://", f"{self.stack.ready['endpoint']}/local-stack/internet/")

    def health(self) -> dict:
        return requests.get(self.local(self.outputs()["ApiUrl"]) + "/health", timeout=10).json()


@pytest.fixture(scope="module")
def deployment(empty_stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployment")
    s3 = empty_stack.admin("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    deployment = Deployment(empty_stack, folder)
    options = ("--database", "analytics", "--zip", package(folder, 1), "--set", "Architecture=x86_64")
    deployment.first = deployment.succeeds("dev", BUCKET, "eu-west-1", *options)
    return deployment


def policies(iam, role: str) -> list[dict]:
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return [statement for document in documents for statement in document["Statement"]]


def expected(case: str) -> list[dict]:
    text = (CASES / f"{case}-policy.json").read_text().replace("credvend-query-lambda", f"{NAME}-lambda")
    return json.loads(text.replace("credvend-query", NAME).replace("credvend-lf", f"{NAME}-lf"))["Statement"]


def in_order(statements: list[dict]) -> list[dict]:
    return sorted(statements, key=lambda statement: statement["Sid"])


def test_the_roles_have_the_policies_that_terraform_gives_them(deployment):
    iam = deployment.stack.admin("iam")
    assert in_order(policies(iam, f"{NAME}-lambda")) == in_order(expected("lambda"))
    for kind in ("super", "dev"):
        assert in_order(policies(iam, f"{NAME}-lf-{kind}")) == in_order(expected(kind))
        trust = iam.get_role(RoleName=f"{NAME}-lf-{kind}")["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust == json.loads(json.dumps(expected("trust")))


def test_lake_formation_grants_the_database_and_its_tables(deployment):
    lake, outputs = deployment.stack.admin("lakeformation"), deployment.outputs()
    granted = {}
    for grant in lake.list_permissions()["PrincipalResourcePermissions"]:
        (kind,) = grant["Resource"]
        granted[grant["Principal"]["DataLakePrincipalIdentifier"], kind] = sorted(grant["Permissions"])
    assert granted == {
        (outputs["DevRoleArn"], "Database"): ["DESCRIBE"],
        (outputs["DevRoleArn"], "Table"): ["DESCRIBE", "SELECT"],
        (outputs["SuperRoleArn"], "Database"): ["CREATE_TABLE", "DESCRIBE"],
        (outputs["SuperRoleArn"], "Table"): ["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"],
    }


def test_each_client_gets_a_token_with_its_own_scope(deployment):
    endpoint = deployment.local(deployment.outputs()["TokenEndpoint"])
    for kind, scope in (("Super", "query.write"), ("Dev", "query.read"), ("Admin", "query.admin")):
        secret = deployment.secret(kind)
        assert set(secret) == {"client_id", "client_secret", "token_endpoint"}
        basic = (secret["client_id"], secret["client_secret"])
        answer = requests.post(endpoint, {"grant_type": "client_credentials"}, auth=basic, timeout=10)
        assert answer.status_code == 200, answer.text
        for other in {"query.read", "query.write", "query.admin"} - {scope}:
            form = {"grant_type": "client_credentials", "scope": f"athena-api/{other}"}
            assert requests.post(endpoint, form, auth=basic, timeout=10).json() == {"error": "invalid_scope"}


def test_no_secret_is_printed(deployment):
    for kind in ("Super", "Dev", "Admin"):
        assert deployment.secret(kind)["client_secret"] not in deployment.first.stdout + deployment.first.stderr
    assert "scripts/test-query-api dev" in deployment.first.stdout


def test_the_workgroup_limits_and_does_not_override(deployment):
    group = deployment.stack.admin("athena").get_work_group(WorkGroup=NAME)["WorkGroup"]["Configuration"]
    assert group["EnforceWorkGroupConfiguration"] is False
    assert group["BytesScannedCutoffPerQuery"] == 107374182400
    assert not group.get("ResultConfiguration", {}).get("OutputLocation")


def test_alarms_and_dashboard_ask_for_metrics_that_there_are(deployment):
    metrics = json.loads((CASES / "metrics.json").read_text())
    cloudwatch = deployment.stack.admin("cloudwatch")
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    assert {alarm["Namespace"] for alarm in alarms} == {NAME, "AWS/Lambda"}
    for alarm in alarms:
        if alarm["Namespace"] == NAME:
            assert [one["Name"] for one in alarm["Dimensions"]] == metrics[alarm["MetricName"]], alarm["AlarmName"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=NAME)["DashboardBody"])
    shown = {}
    for widget in body["widgets"]:
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                namespace, dimension, name = re.match(
                    r"SEARCH\('\{([^,]+),(\w+)\} MetricName=\"(\w+)\"'", metric[0]["expression"]
                ).groups()
                shown[name] = [dimension]
                assert namespace == NAME
            elif metric[0] == NAME:
                shown[metric[1]] = []
    assert shown == metrics


def test_every_route_reaches_the_function(deployment):
    api = deployment.local(deployment.outputs()["ApiUrl"])
    for method, path, route in (
        ("POST", "/query-client-creds", "POST /query-client-creds"),
        ("GET", "/query-client-creds/1", "GET /query-client-creds/{queryId}"),
        ("DELETE", "/query-client-creds/1", "DELETE /query-client-creds/{queryId}"),
        ("GET", "/health", "GET /health"),
        ("GET", "/ready", "GET /ready"),
        ("GET", "/openapi.json", "GET /openapi.json"),
    ):
        assert requests.request(method, api + path, timeout=10).json() == {"version": 1, "route": route}
    for path in ("/health", "/ready", "/openapi.json"):
        assert requests.head(api + path, timeout=10).status_code == 200
    assert requests.get(api + "/other", timeout=10).status_code == 404


def test_again_it_changes_what_has_changed_and_nothing_else(deployment):
    before = deployment.outputs(), deployment.secret("Dev")
    ran = deployment.succeeds("dev", BUCKET, "eu-west-1", "--zip", package(deployment.folder, 2))
    assert "filled" not in ran.stderr
    assert (deployment.outputs(), deployment.secret("Dev")) == before
    assert deployment.health()["version"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), 2, "usage: scripts/deploy-query-api ENV BUCKET REGION"),
        (("dev", BUCKET), 2, "usage:"),
        (("dev", BUCKET, "eu-west-1", "--zip"), 2, "usage:"),
        (("dev", BUCKET, "eu-west-1", "--secret", "x"), 2, "usage:"),
        (("Dev", BUCKET, "eu-west-1"), 1, 'ENV "Dev" is refused'),
        (("dev", "s3://bucket", "eu-west-1"), 1, 'BUCKET "s3://bucket" is not a bucket\'s name'),
        (("dev", BUCKET, "Ireland"), 1, 'REGION "Ireland" is not a region\'s name'),
        (("dev", BUCKET, "eu-west-1", "--zip", "/no/such.zip"), 1, "--zip /no/such.zip: there is no such file"),
        (("dev", BUCKET, "eu-west-1", "--set", "Architecture"), 1, "it takes PARAMETER=VALUE"),
        (("dev", "no-such-bucket", "eu-west-1"), 1, "make it (aws s3 mb s3://no-such-bucket --region eu-west-1)"),
        (("dev", BUCKET, "us-east-1"), 1, f"bucket {BUCKET} is in eu-west-1"),
        (("other", BUCKET, "eu-west-1"), 1, "name the Glue database that queries run in, --database NAME"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(deployment, arguments, code, sentence):
    ran = deployment.run(*arguments)
    assert ran.returncode == code and sentence in ran.stderr, ran.stderr


def test_without_credentials_it_says_so(deployment):
    ran = deployment.run("dev", BUCKET, "eu-west-1", AWS_SECRET_ACCESS_KEY="wrong")
    assert ran.returncode == 1 and "there are no AWS credentials that work" in ran.stderr


def test_a_table_of_the_dev_role_is_granted_by_a_stack_of_its_own(deployment):
    lake, outputs = deployment.stack.admin("lakeformation"), deployment.outputs()
    template = (REPOSITORY / "cloudformation/query-api/dev-table.yaml").read_text()
    cloudformation = deployment.stack.admin("cloudformation")

    def deploy(name: str, **parameters: str) -> None:
        parameters |= {"DevRoleArn": outputs["DevRoleArn"], "DatabaseName": "analytics", "TableName": name}
        named = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        cloudformation.create_stack(StackName=f"{NAME}-{name}", TemplateBody=template, Parameters=named)

    deploy("orders")
    deploy("customers", ExcludedColumns="email,phone")
    deploy("people", Columns="name")
    found = {}
    for grant in lake.list_permissions()["PrincipalResourcePermissions"]:
        for kind, resource in grant["Resource"].items():
            if grant["Principal"]["DataLakePrincipalIdentifier"] == outputs["DevRoleArn"] and "Name" in resource and kind != "Database":
                narrowed = resource.get("ColumnNames") or resource.get("ColumnWildcard", {}).get("ExcludedColumnNames")
                found[resource["Name"]] = (kind, sorted(grant["Permissions"]), narrowed)
    assert found == {
        "orders": ("Table", ["DESCRIBE", "SELECT"], None),
        "customers": ("TableWithColumns", ["SELECT"], ["email", "phone"]),
        "people": ("TableWithColumns", ["SELECT"], ["name"]),
    }
    for name in found:
        cloudformation.delete_stack(StackName=f"{NAME}-{name}")


def test_what_terraform_can_a_new_deployment_can_after_the_old_one(deployment):
    """The audit log outlives the stack and is taken over; then: a table of mappings, an LF-Tag that is made and put on."""
    logs, lake = deployment.stack.admin("logs"), deployment.stack.admin("lakeformation")
    deployment.stack.admin("cloudformation").delete_stack(StackName=NAME)
    groups = {f"/aws/lambda/{NAME}", f"/aws/apigateway/{NAME}"}
    assert groups <= {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
    deployment.stack.admin("glue").create_database(DatabaseInput={"Name": "analytics"})
    settings = {
        "Architecture": "x86_64",
        "RoleMappingsTable": "true",
        "GrantBy": "tag",
        "LfTagKey": "sensitivity",
        "LfTagValues": "public,internal",
        "LfTagDatabaseValue": "internal",
        "LfTagDevValues": "public",
        "LfTagSuperValues": "public,internal",
    }
    options = [text for name, value in settings.items() for text in ("--set", f"{name}={value}")]
    zip_file = package(deployment.folder, 3)
    deployment.succeeds("dev", BUCKET, "eu-west-1", "--database", "analytics", "--zip", zip_file, *options)
    statements = {one["Sid"]: one for one in policies(deployment.stack.admin("iam"), f"{NAME}-lambda")}
    assert statements["Assume"]["Resource"] == [f"arn:aws:iam::123456789012:role/{NAME}-lf-*"]
    table = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{NAME}-clients"
    assert (statements["Mapping"]["Action"], statements["Mapping"]["Resource"]) == (
        ["dynamodb:GetItem", "dynamodb:BatchGetItem"],
        [table],
    )
    function = deployment.stack.admin("lambda").get_function_configuration(FunctionName=NAME)
    assert function["Environment"]["Variables"]["ROLE_MAPPINGS_TABLE"] == f"{NAME}-clients"
    dynamodb = deployment.stack.admin("dynamodb")
    assert dynamodb.describe_table(TableName=f"{NAME}-clients")["Table"]["KeySchema"][0]["AttributeName"] == "client_id"
    assert deployment.outputs()["RoleMappingsTable"] == f"{NAME}-clients"
    assert lake.get_lf_tag(TagKey="sensitivity")["TagValues"] == ["public", "internal"]
    (tag,) = lake.get_resource_lf_tags(Resource={"Database": {"Name": "analytics"}})["LFTagOnDatabase"]
    assert (tag["TagKey"], tag["TagValues"]) == ("sensitivity", ["internal"])
    expressions = {}
    for grant in lake.list_permissions()["PrincipalResourcePermissions"]:
        if "LFTagPolicy" in grant["Resource"]:
            policy = grant["Resource"]["LFTagPolicy"]
            role = grant["Principal"]["DataLakePrincipalIdentifier"].rsplit("-", 1)[1]
            expressions[role, policy["ResourceType"]] = [(one["TagKey"], one["TagValues"]) for one in policy["Expression"]]
    assert expressions == {
        (role, kind): [("sensitivity", values)]
        for role, values in (("dev", ["public"]), ("super", ["public", "internal"]))
        for kind in ("DATABASE", "TABLE")
    }
    # Found again, they stay.
    deployment.succeeds("dev", BUCKET, "eu-west-1", "--zip", zip_file)
    assert groups <= {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}


def test_a_deployment_that_fails_says_what_to_do(deployment):
    fault = {"api": "cloudformation:CreateChangeSet", "kind": "status", "status": 400, "code": "AccessDenied"}
    deployment.stack.control("POST", "/faults", fault)
    ran = deployment.run("dev", BUCKET, "eu-west-1", "--zip", package(deployment.folder, 2))
    deployment.stack.control("DELETE", "/faults")
    assert ran.returncode == 1 and "correct that, and run this again" in ran.stderr, ran.stderr
