"""AssumeRole: existence, trust, chaining, limits, and what the answer says."""

import json
from datetime import datetime, timedelta, timezone

import pytest

ADMIN_ARN = "arn:aws:iam::123456789012:user/admin"
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TAGS = [{"Key": "client_id", "Value": "abc"}, {"Key": "server_name", "Value": "web 1"}]


def trusting(arn: str, *actions: str, **more) -> list[dict]:
    return [{"Effect": "Allow", "Principal": {"AWS": arn}, "Action": list(actions or ["sts:AssumeRole"])} | more]


def assume(client, arn: str, **parameters):
    return client.assume_role(**({"RoleArn": arn, "RoleSessionName": "test"} | parameters))


def test_the_lambda_vends_with_tags_and_source_identity(stack):
    server = stack.server()
    answer = assume(stack.as_lambda("sts"), server["role_arn"], Tags=TAGS, SourceIdentity="web-1", DurationSeconds=900)
    assert answer["SourceIdentity"] == "web-1"
    assert answer["AssumedRoleUser"]["Arn"] == (
        f"arn:aws:sts::123456789012:assumed-role/credvend-{server['server_name']}/test"
    )
    left = answer["Credentials"]["Expiration"] - datetime.now(timezone.utc)
    assert timedelta(seconds=890) < left <= timedelta(seconds=900)
    identity = stack.client("sts", answer["Credentials"]).get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"]


def test_the_request_log_holds_the_parameters(stack):
    server = stack.server()
    policy = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW_ALL]})
    stack.vend(server, Tags=TAGS, SourceIdentity="web-1", Policy=policy, DurationSeconds=900)
    [entry] = stack.requests_of("sts:AssumeRole")
    assert entry["access_key"] == stack.ready["lambda"]["access_key_id"]
    assert entry["status"] == 200
    assert entry["detail"] == {
        "RoleArn": server["role_arn"],
        "RoleSessionName": "test",
        "SourceIdentity": "web-1",
        "Policy": policy,
        "DurationSeconds": 900,
        "Tags": {"client_id": "abc", "server_name": "web 1"},
    }


def test_a_role_that_does_not_exist_is_access_denied(stack, refused):
    arn = "arn:aws:iam::123456789012:role/credvend-gone"
    message = refused(lambda: assume(stack.as_lambda("sts"), arn), "AccessDenied", 403)
    assert message == (
        "User: arn:aws:sts::123456789012:assumed-role/vending-lambda/vending-lambda is not authorized to perform: "
        f"sts:AssumeRole on resource: {arn}"
    )
    refused(lambda: assume(stack.admin("sts"), arn), "AccessDenied", 403)
    elsewhere = "arn:aws:iam::999999999999:role/credvend-x"
    refused(lambda: assume(stack.admin("sts"), elsewhere), "AccessDenied", 403)


def test_a_role_that_does_not_trust_the_caller_is_access_denied(stack, refused):
    trusted = stack.put_role(trusting(ADMIN_ARN))
    assume(stack.admin("sts"), trusted)
    refused(lambda: assume(stack.as_lambda("sts"), trusted), "AccessDenied", 403)
    server = stack.server()
    refused(lambda: assume(stack.admin("sts"), server["role_arn"]), "AccessDenied", 403)


def test_the_callers_own_policy_must_allow_the_role_too(stack, refused):
    outside = stack.admin("iam").create_role(
        RoleName="not-vendable",
        AssumeRolePolicyDocument=json.dumps({"Statement": trusting(stack.ready["lambda"]["role_arn"])}),
    )["Role"]["Arn"]
    refused(lambda: assume(stack.as_lambda("sts"), outside), "AccessDenied", 403)


def test_an_explicit_deny_in_the_trust_policy_wins(stack, refused):
    deny = trusting("*", Effect="Deny")
    refused(lambda: assume(stack.admin("sts"), stack.put_role(trusting(ADMIN_ARN) + deny)), "AccessDenied")


def test_tags_and_source_identity_need_actions_of_their_own_in_the_trust_policy(stack, refused):
    server = stack.server(trust_actions=["sts:AssumeRole"])
    stack.vend(server)
    assert "sts:TagSession on" in refused(lambda: stack.vend(server, Tags=TAGS), "AccessDenied", 403)
    assert "sts:SetSourceIdentity on" in refused(lambda: stack.vend(server, SourceIdentity="web"), "AccessDenied", 403)


def test_the_external_id_must_be_the_one_of_the_trust_policy(stack, refused):
    server = stack.server(item={"external_id": "shibboleth"})
    stack.vend(server, ExternalId="shibboleth")
    refused(lambda: stack.vend(server, ExternalId="sibboleth"), "AccessDenied", 403)
    refused(lambda: stack.vend(server), "AccessDenied", 403)


def test_role_chaining_ends_at_one_hour(stack, refused):
    server = stack.server(session_duration_limit=43200)
    stack.vend(server, DurationSeconds=3600)
    message = refused(lambda: stack.vend(server, DurationSeconds=3601), "ValidationError", 400)
    assert message == (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    )
    direct = stack.put_role(trusting(ADMIN_ARN), MaxSessionDuration=7200)
    assume(stack.admin("sts"), direct, DurationSeconds=7200)


def test_the_roles_own_maximum_holds(stack, refused):
    arn = stack.put_role(trusting(ADMIN_ARN), MaxSessionDuration=7200)
    message = refused(lambda: assume(stack.admin("sts"), arn, DurationSeconds=7201), "ValidationError", 400)
    assert message == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


@pytest.mark.parametrize(
    "parameters",
    [
        {"DurationSeconds": 899},
        {"DurationSeconds": 43201},
        {"RoleSessionName": "a b"},
        {"RoleSessionName": "ü-name"},
        {"RoleSessionName": "x" * 65},
        {"SourceIdentity": "a/b"},
        {"SourceIdentity": "x" * 65},
        {"ExternalId": "a b"},
        {"Tags": [{"Key": "a#b", "Value": "x"}]},
        {"Tags": [{"Key": "k" * 129, "Value": "x"}]},
        {"Tags": [{"Key": "a", "Value": "x;y"}]},
        {"Tags": [{"Key": "a", "Value": "x" * 257}]},
        {"Tags": [{"Key": f"k{number}", "Value": "v"} for number in range(51)]},
        {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [ALLOW_ALL | {"Sid": "x" * 2048}]})},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_parameters_outside_the_apis_constraints(stack, refused, parameters):
    server = stack.server()
    refused(lambda: stack.vend(server, **parameters), "ValidationError", 400)


def test_duplicate_tag_keys(stack, refused):
    tags = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    refused(lambda: stack.vend(stack.server(), Tags=tags), "InvalidParameterValue", 400)


@pytest.mark.parametrize(
    "document",
    [
        "not JSON",
        "[]",
        "{}",
        json.dumps({"Statement": []}),
        json.dumps({"Version": "2020-01-01", "Statement": [ALLOW_ALL]}),
        json.dumps({"Statement": [{"Effect": "Permit", "Action": "*", "Resource": "*"}]}),
        json.dumps({"Statement": [{"Effect": "Allow", "Resource": "*"}]}),
        json.dumps({"Statement": [{"Effect": "Allow", "Action": "*"}]}),
        json.dumps({"Statement": [ALLOW_ALL | {"Action": "PutObject"}]}),
        json.dumps({"Statement": [ALLOW_ALL | {"Resource": "bucket/*"}]}),
        json.dumps({"Statement": [ALLOW_ALL | {"Principal": "*"}]}),
        json.dumps({"Statement": [ALLOW_ALL | {"Condition": {"StringIsh": {"s3:prefix": "a"}}}]}),
    ],
)
def test_a_malformed_session_policy(stack, refused, document):
    refused(lambda: stack.vend(stack.server(), Policy=document), "MalformedPolicyDocument", 400)


def test_policy_and_tags_are_packed_together(stack, refused):
    server = stack.server()
    tags = [{"Key": f"key-{number}", "Value": "v" * 256} for number in range(20)]
    refused(lambda: stack.vend(server, Tags=tags), "PackedPolicyTooLarge", 400)
    assert assume(stack.as_lambda("sts"), server["role_arn"], Tags=TAGS)["PackedPolicySize"] <= 100


def test_a_source_identity_stays_for_the_whole_chain(stack, refused):
    actions = ("sts:AssumeRole", "sts:SetSourceIdentity")
    first = stack.put_role(trusting(ADMIN_ARN, *actions), [ALLOW_ALL])
    second = stack.put_role(trusting(first, *actions))
    chained = stack.client("sts", assume(stack.admin("sts"), first, SourceIdentity="anna")["Credentials"])
    assert assume(chained, second)["SourceIdentity"] == "anna"
    refused(lambda: assume(chained, second, SourceIdentity="otto"), "AccessDenied", 403)
