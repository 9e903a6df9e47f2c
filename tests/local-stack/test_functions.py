"""Functions that are deployed really run, behind the HTTP API that was made for them, as their own role."""

import io
import json
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

TRUST_LAMBDA = [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
# A custom runtime in a few lines: does what `commands` of the event says.
BOOTSTRAP = f"""#!{sys.executable}
import http.client, json, os, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None):
    api.request(method, "/2018-06-01/runtime" + path, body, {{"Content-Type": "application/json"}})
    answer = api.getresponse()
    return answer, answer.read()
if os.environ.get("FAIL_INIT"):
    call("POST", "/init/error", json.dumps({{"errorMessage": "no configuration", "errorType": "Config"}}))
    sys.exit(1)
count = 0
while True:
    answer, event = call("GET", "/invocation/next")
    request_id, count = answer.headers["Lambda-Runtime-Aws-Request-Id"], count + 1
    event = json.loads(event)
    path = event.get("rawPath", event.get("path"))
    print("invoked with", path, flush=True)
    if path == "/crash":
        sys.exit(3)
    if path == "/sleep":
        time.sleep(30)
    if path == "/error":
        call("POST", f"/invocation/{{request_id}}/error", json.dumps({{"errorMessage": "as asked", "errorType": "Asked"}}))
        continue
    result = {{"event": event, "environment": dict(os.environ), "count": count, "process": os.getpid()}}
    if path == "/reply":
        result = {{"statusCode": 202, "headers": {{"X-One": "1"}}, "cookies": ["a=b", "c=d"], "body": "aGFsbG8=", "isBase64Encoded": True}}
    call("POST", f"/invocation/{{request_id}}/response", json.dumps(result))
"""


def package(bootstrap: str = BOOTSTRAP, mode: int = 0o755) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = mode << 16
        archive.writestr(entry, bootstrap)
    return buffer.getvalue()


@dataclass
class Deployed:
    """A function and the API in front of it."""

    stack: object
    name: str
    role_arn: str
    api_id: str

    @property
    def host(self) -> str:
        return f"{self.api_id}.execute-api.eu-west-1.amazonaws.com"

    def ask(self, method: str, path: str, **arguments) -> requests.Response:
        return requests.request(method, self.stack.url(f"/local-stack/internet/{self.host}{path}"), **arguments)

    def log(self) -> str:
        return self.stack.control("GET", f"/functions/{self.name}/log")["log"]


def deploy(stack, permission: str | None = "*/*", role_policy=(), stage: str = "$default", **function) -> Deployed:
    name = f"function-{time.monotonic_ns()}"
    role_arn = stack.put_role(TRUST_LAMBDA, role_policy)
    awslambda, apis = stack.admin("lambda"), stack.admin("apigatewayv2")
    function = {"Role": role_arn, "Timeout": 5, "Code": {"ZipFile": package()}} | function
    arn = awslambda.create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Architectures=["x86_64"], **function
    )["FunctionArn"]
    api = apis.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{arn}/invocations",
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    for key in ("GET /echo", "POST /echo", "ANY /things/{name}", "GET /reply", "GET /crash", "GET /error", "GET /sleep"):
        apis.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")
    apis.create_stage(ApiId=api, StageName=stage, AutoDeploy=True)
    if permission:
        awslambda.add_permission(
            FunctionName=name,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:eu-west-1:123456789012:{api}/{permission}",
        )
    return Deployed(stack, name, role_arn, api)


@pytest.fixture
def function(stack):
    deployed = deploy(stack)
    yield deployed
    stack.admin("lambda").delete_function(FunctionName=deployed.name)


def test_the_event_is_payload_2_0(function):
    answer = function.ask(
        "POST", "/echo?a=1&a=2&b=", json={"x": 1}, headers={"X-Two": "2", "Cookie": "k=v", "User-Agent": "tester"}
    ).json()
    event = answer["event"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /echo"
    assert (event["rawPath"], event["rawQueryString"]) == ("/echo", "a=1&a=2&b=")
    assert event["queryStringParameters"] == {"a": "1,2", "b": ""}
    assert event["cookies"] == ["k=v"]
    assert json.loads(event["body"]) == {"x": 1} and event["isBase64Encoded"] is False
    assert event["headers"]["host"] == function.host
    assert event["headers"]["x-two"] == "2" and "cookie" not in event["headers"]
    assert event["headers"]["x-forwarded-proto"] == "https"
    context = event["requestContext"]
    assert context["http"] == {
        "method": "POST",
        "path": "/echo",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "tester",
    }
    assert (context["apiId"], context["stage"], context["accountId"]) == (function.api_id, "$default", "123456789012")
    assert context["requestId"] and context["timeEpoch"] > 1_700_000_000_000


def test_a_body_that_is_no_text_comes_in_base64(function):
    event = function.ask("POST", "/echo", data=b"\x00\xff", headers={"Content-Type": "image/png"}).json()["event"]
    assert (event["body"], event["isBase64Encoded"]) == ("AP8=", True)


def test_routes(function):
    event = function.ask("PUT", "/things/one").json()["event"]
    assert (event["routeKey"], event["pathParameters"]) == ("ANY /things/{name}", {"name": "one"})
    for method, path in (("DELETE", "/echo"), ("GET", "/nothing"), ("GET", "/things/one/two")):
        answer = function.ask(method, path)
        assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"}), (method, path)


def test_a_named_stage_is_the_first_segment_of_the_path(stack):
    deployed = deploy(stack, stage="live")
    assert deployed.ask("GET", "/echo").status_code == 404
    event = deployed.ask("GET", "/live/echo").json()["event"]
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/live/echo", "live")


def test_the_response_is_taken_apart(function):
    answer = function.ask("GET", "/reply")
    assert (answer.status_code, answer.text, answer.headers["X-One"]) == (202, "hallo", "1")
    assert answer.cookies.get_dict() == {"a": "b", "c": "d"}
    assert answer.headers["Apigw-Requestid"]


@pytest.mark.parametrize("path", ["/crash", "/error"])
def test_a_failing_function_is_a_500_and_the_next_request_works(function, path):
    first = function.ask("GET", "/echo").json()
    answer = function.ask("GET", path)
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    after = function.ask("GET", "/echo").json()
    # Only a crash costs the environment.
    assert (after["process"] != first["process"]) == (path == "/crash")


def test_the_timeout_is_the_functions(stack):
    deployed = deploy(stack, Timeout=1)
    started = time.monotonic()
    assert deployed.ask("GET", "/sleep").status_code == 500
    assert time.monotonic() - started < 3
    assert "Task timed out after 1.00 seconds" in deployed.log()
    assert deployed.ask("GET", "/echo").ok


def test_the_environment_is_the_deployed_one_and_what_lambda_sets(stack):
    deployed = deploy(stack, Environment={"Variables": {"COGNITO_ISSUER": "https://issuer.example/x", "OWN": "1"}})
    found = deployed.ask("GET", "/echo").json()["environment"]
    assert found["OWN"] == "1"
    assert found["COGNITO_ISSUER"] == "https://issuer.example/x"
    assert found["AWS_ENDPOINT_URL"] == stack.ready["endpoint"]
    assert found["JWKS_URI"] == stack.url("/local-stack/internet/issuer.example/x/.well-known/jwks.json")
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == deployed.name
    assert found["AWS_REGION"] == "eu-west-1"
    assert found["AWS_SESSION_TOKEN"]
    # Nothing of the stack's own environment leaks in.
    assert not {"HOME", "PYTHONPATH", "USER"} & set(found)


def test_the_credentials_are_those_of_the_functions_role(stack, refused):
    deployed = deploy(stack, role_policy=[{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}])
    found = deployed.ask("GET", "/echo").json()["environment"]
    keys = {
        "access_key_id": found["AWS_ACCESS_KEY_ID"],
        "secret_access_key": found["AWS_SECRET_ACCESS_KEY"],
        "session_token": found["AWS_SESSION_TOKEN"],
    }
    arn = stack.client("sts", keys).get_caller_identity()["Arn"]
    role_name = deployed.role_arn.split("/")[-1]
    assert arn == f"arn:aws:sts::123456789012:assumed-role/{role_name}/{deployed.name}"
    refused(lambda: stack.client("dynamodb", keys).scan(TableName=stack.ready["table"]), "AccessDeniedException")


@pytest.mark.parametrize("operator", ["ArnNotEquals", "StringNotEquals"])
@pytest.mark.parametrize("of", ["this", "another"])
def test_a_role_can_be_kept_to_one_function(stack, refused, operator, of):
    """`lambda:SourceFunctionArn`, in the policy of the function's role; its servers' trust cannot see it."""
    vended = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    if_exists = {"ArnEqualsIfExists": {"lambda:SourceFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:x"}}
    open_role = stack.put_role([vended | {"Condition": if_exists}])
    closed_role = stack.put_role([vended | {"Condition": {"ArnLike": {"lambda:SourceFunctionArn": "*"}}}])
    deployed = deploy(stack)
    name = deployed.name if of == "this" else "another"
    statements = [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "sts:AssumeRole",
            "Resource": "*",
            "Condition": {
                operator: {"lambda:SourceFunctionArn": f"arn:aws:lambda:eu-west-1:123456789012:function:{name}"}
            },
        },
    ]
    role_name = deployed.role_arn.split("/")[-1]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    stack.admin("iam").put_role_policy(RoleName=role_name, PolicyName="vend", PolicyDocument=document)
    found = deployed.ask("GET", "/echo").json()["environment"]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    keys = dict(zip(("access_key_id", "secret_access_key", "session_token"), (found[name] for name in names)))
    sts = stack.client("sts", keys)
    if of == "this":
        sts.assume_role(RoleArn=open_role, RoleSessionName="one")
    else:
        refused(lambda: sts.assume_role(RoleArn=open_role, RoleSessionName="one"), "AccessDenied", 403)
    refused(lambda: sts.assume_role(RoleArn=closed_role, RoleSessionName="one"), "AccessDenied", 403)


def test_a_role_that_does_not_trust_lambda_runs_nothing(stack):
    someone_else = [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    deployed = deploy(stack, Role=stack.put_role(someone_else))
    assert deployed.ask("GET", "/echo").status_code == 500


@pytest.mark.parametrize("permission", [None, "*/POST/echo", "other/*"])
def test_without_permission_the_api_cannot_invoke(stack, permission):
    deployed = deploy(stack, permission=permission)
    assert deployed.ask("GET", "/echo").status_code == 500
    logged = stack.requests_of("http-api:GET /echo")[-1]
    assert "Invalid permissions" in logged["detail"]["error"]


def test_a_change_replaces_the_environment(function, stack):
    first = function.ask("GET", "/echo").json()
    assert function.ask("GET", "/echo").json()["process"] == first["process"]
    awslambda = stack.admin("lambda")
    awslambda.update_function_configuration(FunctionName=function.name, Environment={"Variables": {"NEW": "1"}})
    second = function.ask("GET", "/echo").json()
    assert second["process"] != first["process"] and second["environment"]["NEW"] == "1"
    awslambda.update_function_code(FunctionName=function.name, ZipFile=package(BOOTSTRAP + "# changed"))
    assert function.ask("GET", "/echo").json()["process"] != second["process"]
    assert not Path(f"/proc/{first['process']}").exists()


def test_a_deleted_function_ends(stack):
    deployed = deploy(stack)
    process = deployed.ask("GET", "/echo").json()["process"]
    stack.admin("lambda").delete_function(FunctionName=deployed.name)
    assert not Path(f"/proc/{process}").exists()
    assert deployed.ask("GET", "/echo").status_code == 500


def test_no_reserved_concurrency_left(function, stack, refused):
    awslambda = stack.admin("lambda")
    awslambda.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    answer = function.ask("GET", "/echo")
    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})
    refused(lambda: awslambda.invoke(FunctionName=function.name, Payload=b"{}"), "TooManyRequestsException", 429)


def test_packages_that_cannot_run(stack):
    for code in (package("\x7fELF nothing like it"), package(mode=0o644), b"PK no zip", package("#!/bin/sh\nexit 1")):
        deployed = deploy(stack, Code={"ZipFile": code})
        assert deployed.ask("GET", "/echo").status_code == 500
    deployed = deploy(stack, Environment={"Variables": {"FAIL_INIT": "1"}})
    assert deployed.ask("GET", "/echo").status_code == 500
    assert stack.requests_of("http-api:GET /echo")[-1]["detail"]["error"] == "no configuration"


def test_the_log_and_its_group(stack):
    logs = stack.admin("logs")
    silent = deploy(stack)
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "arn:aws:logs:*:*:log-group:*:*"}
    deployed = deploy(stack, role_policy=[statement])
    for one in (silent, deployed):
        logs.create_log_group(logGroupName=f"/aws/lambda/{one.name}")
        one.ask("GET", "/echo")
        assert "invoked with /echo" in one.log()

    def written(one: Deployed) -> list[str]:
        group = f"/aws/lambda/{one.name}"
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    assert "invoked with /echo" in written(deployed)
    assert written(silent) == [], "its role may not write"


def test_the_access_log(function, stack):
    logs = stack.admin("logs")
    logs.create_log_group(logGroupName="access")
    stack.admin("apigatewayv2").update_stage(
        ApiId=function.api_id,
        StageName="$default",
        AccessLogSettings={
            "DestinationArn": "arn:aws:logs:eu-west-1:123456789012:log-group:access",
            "Format": '{"route":"$context.routeKey","status":"$context.status","ip":"$context.identity.sourceIp"}',
        },
    )
    function.ask("GET", "/echo")
    function.ask("GET", "/nothing")
    lines = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName="access")["events"]]
    assert lines == [
        {"route": "GET /echo", "status": "200", "ip": "127.0.0.1"},
        {"route": "-", "status": "404", "ip": "127.0.0.1"},
    ]


def test_invoke_through_lambdas_own_api(function, stack, refused):
    awslambda = stack.admin("lambda")
    answer = awslambda.invoke(FunctionName=function.name, Payload=b'{"access_token": "x"}')
    assert json.loads(answer["Payload"].read())["event"] == {"access_token": "x"}
    answer = awslambda.invoke(FunctionName=function.name, Payload=b'{"path": "/error"}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorMessage"] == "as asked"
    refused(lambda: awslambda.invoke(FunctionName="nothing", Payload=b"{}"), "ResourceNotFoundException", 404)


def test_a_domain_of_ones_own(function, stack):
    apis = stack.admin("apigatewayv2")
    apis.create_domain_name(
        DomainName="vend.example.com",
        DomainNameConfigurations=[{"CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/x"}],
    )
    apis.create_api_mapping(DomainName="vend.example.com", ApiId=function.api_id, Stage="$default")
    answer = requests.get(stack.url("/local-stack/internet/vend.example.com/echo"))
    assert answer.json()["event"]["headers"]["host"] == "vend.example.com"
    apis.update_api(ApiId=function.api_id, DisableExecuteApiEndpoint=True)
    assert function.ask("GET", "/echo").status_code == 404
    assert requests.get(stack.url("/local-stack/internet/vend.example.com/echo")).ok


def test_permissions_name_a_function(function, stack, refused):
    iam = stack.admin("iam")
    iam.create_user(UserName=function.name)
    for resource in ("other", function.name):
        arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{resource}"
        statement = {"Effect": "Allow", "Action": "lambda:GetFunction", "Resource": arn}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=function.name, PolicyName="one", PolicyDocument=document)
        if resource == "other":
            keys = iam.create_access_key(UserName=function.name)["AccessKey"]
            awslambda = stack.client("lambda", keys)
            refused(lambda: awslambda.get_function(FunctionName=function.name), "AccessDeniedException", 403)
    assert awslambda.get_function(FunctionName=function.name)
