"""--empty: an account that holds its administrator, who may do everything; and the inventory of what was made since."""

from pathlib import Path

import pytest
import requests
from conftest import start_stack
from test_functions import deploy


def test_the_ready_line_of_an_empty_stack(empty_stack):
    assert set(empty_stack.ready) == {"endpoint", "region", "account_id", "admin"}
    arn = empty_stack.admin("sts").get_caller_identity()["Arn"]
    assert arn == "arn:aws:iam::123456789012:user/admin"


@pytest.mark.parametrize(("method", "path"), [("POST", "/servers"), ("DELETE", "/servers/x"), ("POST", "/rotate-key")])
def test_routes_that_need_the_seed_say_so(empty_stack, method, path):
    answer = requests.request(method, empty_stack.url(f"/local-stack{path}"), json={})
    assert answer.status_code == 409
    assert "--empty" in answer.json()["error"]


def test_the_inventory_lists_what_there_is_and_nothing_more(empty_stack):
    before = empty_stack.control("GET", "/inventory")
    assert {kind: names for kind, names in before.items() if names} == {"iam_users": ["admin"]}
    client = empty_stack.admin
    deployed = deploy(empty_stack, role_policy=[{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    pool = client("cognito-idp").create_user_pool(PoolName="pool")["UserPool"]["Id"]
    client("cognito-idp").create_user_pool_domain(Domain="pool-domain", UserPoolId=pool)
    app = client("cognito-idp").create_user_pool_client(UserPoolId=pool, ClientName="app")["UserPoolClient"]["ClientId"]
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    client("kms").create_alias(AliasName="alias/mine", TargetKeyId=key)
    client("s3").create_bucket(Bucket="things", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client("s3").put_object(Bucket="things", Key="a/b", Body=b"")
    client("dynamodb").create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS"},  # with AWS's own key
    )
    client("dynamodb").put_item(TableName="rows", Item={"id": {"S": "one"}})
    client("logs").create_log_group(logGroupName="group")
    client("cloudwatch").put_dashboard(DashboardName="board", DashboardBody='{"widgets": []}')
    provider = client("iam").create_open_id_connect_provider(Url="https://idp.example", ClientIDList=["x"])
    topic = client("sns").create_topic(Name="topic")["TopicArn"]

    now = empty_stack.control("GET", "/inventory")
    role = deployed.role_arn.split("/")[-1]
    assert {kind: names for kind, names in now.items() if names and not kind.startswith("http_api")} == {
        "buckets": ["things"],
        "dashboards": ["board"],
        "functions": [deployed.name],
        "iam_users": ["admin"],
        "kms_aliases": ["alias/mine"],
        "kms_keys": [key],
        "log_groups": ["group"],
        "objects": ["things/a/b"],
        "oidc_providers": ["idp.example"],
        "role_policies": [f"{role}/test"],
        "roles": [role],
        "table_items": ["rows/one"],
        "tables": ["rows"],
        "topics": [topic],
        "user_pool_clients": ["app"],
        "user_pool_domains": ["pool-domain"],
        "user_pools": ["pool"],
    }
    assert now["http_apis"] == [deployed.name]
    assert f"{deployed.name} GET /echo" in now["http_api_routes"]

    client("apigatewayv2").delete_api(ApiId=deployed.api_id)
    client("lambda").delete_function(FunctionName=deployed.name)
    client("iam").delete_role_policy(RoleName=role, PolicyName="test")
    client("iam").delete_role(RoleName=role)
    client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["OpenIDConnectProviderArn"])
    client("cognito-idp").delete_user_pool_client(UserPoolId=pool, ClientId=app)
    client("cognito-idp").delete_user_pool_domain(Domain="pool-domain", UserPoolId=pool)
    client("cognito-idp").delete_user_pool(UserPoolId=pool)
    client("kms").delete_alias(AliasName="alias/mine")
    client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    client("s3").delete_object(Bucket="things", Key="a/b")
    client("s3").delete_bucket(Bucket="things")
    client("dynamodb").delete_table(TableName="rows")
    client("logs").delete_log_group(logGroupName="group")
    client("cloudwatch").delete_dashboards(DashboardNames=["board"])
    client("sns").delete_topic(TopicArn=topic)
    assert empty_stack.control("GET", "/inventory") == before


def test_functions_end_with_the_stack():
    running = start_stack("--empty")
    stack = next(running)
    process = deploy(stack).ask("GET", "/echo").json()["process"]
    assert Path(f"/proc/{process}").exists()
    assert next(running, None) is None
    assert not Path(f"/proc/{process}").exists()
