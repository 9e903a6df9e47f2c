"""What a role's policy can say about sessions that exist already: who they are, and how old."""

import json
import time
from datetime import datetime, timedelta, timezone

import pytest

TAGS = [{"Key": "client_id", "Value": "client-a"}]


def stamp(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def shared(stack):
    """A role of which everybody may write everywhere, and how to deny by it."""
    trust = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/admin"},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        },
    ]
    return stack.put_role(trust, [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])


def session(stack, arn: str, **parameters):
    answer = stack.admin("sts").assume_role(**({"RoleArn": arn, "RoleSessionName": "other"} | parameters))
    return stack.client("s3", answer["Credentials"])


def deny(stack, arn: str, before: str, condition: dict) -> None:
    condition = condition | {"DateLessThan": {"aws:TokenIssueTime": before}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    stack.admin("iam").put_role_policy(
        RoleName=arn.split("/")[-1],
        PolicyName="deny",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def put(stack, s3) -> None:
    s3.put_object(Bucket=stack.ready["bucket"], Key="revocation/1", Body=b"x")


@pytest.mark.parametrize(
    ("condition", "parameters"),
    [
        ({"StringEquals": {"aws:PrincipalTag/client_id": ["x", "client-a"]}}, {"Tags": TAGS}),
        ({"StringEquals": {"AWS:principaltag/CLIENT_ID": "client-a"}}, {"Tags": TAGS}),
        ({"StringLike": {"aws:userid": ["*:x", "*:web-client-a"]}}, {"RoleSessionName": "web-client-a"}),
        ({"StringEquals": {"aws:SourceIdentity": "client-a"}}, {"SourceIdentity": "client-a"}),
    ],
)
def test_one_session_is_denied_and_no_other(stack, shared, refused, condition, parameters):
    old, other = session(stack, shared, **parameters), session(stack, shared)
    near = [
        session(stack, shared, RoleSessionName="a-web-client-a", SourceIdentity="client-a-b"),
        session(stack, shared, Tags=[{"Key": "client_id", "Value": "Client-A"}], SourceIdentity="Client-A"),
    ]
    put(stack, old)
    deny(stack, shared, stamp(10), condition)
    refused(lambda: put(stack, old), "AccessDenied", 403)
    # Issued after the deny, and before its stamp.
    refused(lambda: put(stack, session(stack, shared, **parameters)), "AccessDenied", 403)
    for spared in [other, *near]:
        put(stack, spared)


def test_the_stamp_divides_old_from_new(stack, shared, refused):
    old = session(stack, shared, Tags=TAGS)
    condition = {"StringEquals": {"aws:PrincipalTag/client_id": "client-a"}}
    deny(stack, shared, stamp(-5), condition)
    put(stack, old)
    deny(stack, shared, stamp(2), condition)
    refused(lambda: put(stack, old), "AccessDenied", 403)
    deadline = time.monotonic() + 10
    while True:
        new = session(stack, shared, Tags=TAGS)
        try:
            put(stack, new)
            break
        except stack.admin("s3").exceptions.ClientError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    refused(lambda: put(stack, old), "AccessDenied", 403)


def test_the_userid_is_the_roles_id_and_the_sessions_name(stack, shared, refused):
    role_id = stack.admin("iam").get_role(RoleName=shared.split("/")[-1])["Role"]["RoleId"]
    old = session(stack, shared, RoleSessionName="web")
    deny(stack, shared, stamp(10), {"StringEquals": {"aws:userid": f"{role_id}:web"}})
    refused(lambda: put(stack, old), "AccessDenied", 403)
    put(stack, session(stack, shared, RoleSessionName="web2"))


def test_a_roles_inline_policies_have_one_bound_together(stack, shared, refused):
    iam, name = stack.admin("iam"), shared.split("/")[-1]

    def put_policy(policy_name: str, length: int, blanks: int = 0) -> None:
        statement = {"Sid": "x", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::"}
        empty = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
        statement["Resource"] += "y" * (length - len(empty))
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
        iam.put_role_policy(RoleName=name, PolicyName=policy_name, PolicyDocument=document + " " * blanks)

    existing = iam.get_role_policy(RoleName=name, PolicyName="test")["PolicyDocument"]
    used = len(json.dumps(existing, separators=(",", ":")))
    put_policy("a", 5000)
    put_policy("b", 10240 - 5000 - used, blanks=2000)
    message = refused(lambda: put_policy("b", 10240 - 5000 - used + 1), "LimitExceeded", 409)
    assert message == f"Maximum policy size of 10240 bytes exceeded for role {name}"
    put_policy("a", 4999)
    put_policy("b", 10240 - 5000 - used + 1)


def test_an_operator_may_be_held_to_roles_by_name(stack, shared, refused):
    statement = {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": "arn:aws:iam::*:role/credvend-*"}
    admin = {"AWS": "arn:aws:iam::123456789012:user/admin"}
    operator = stack.put_role([{"Effect": "Allow", "Principal": admin, "Action": "sts:AssumeRole"}], [statement])
    keys = stack.admin("sts").assume_role(RoleArn=operator, RoleSessionName="op")["Credentials"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    call = {"PolicyName": "x", "PolicyDocument": document}
    stack.client("iam", keys).put_role_policy(RoleName=shared.split("/")[-1], **call)
    refused(lambda: stack.client("iam", keys).put_role_policy(RoleName="vending-lambda", **call), "AccessDenied", 403)


def test_a_thousand_sessions_are_asked_at_once(stack, shared):
    """By the same rules as over the wire."""
    orders = [{"name": f"web-{number}", "tags": {"client_id": f"client-{number}"}} for number in range(1000)]
    keys = stack.control("POST", "/sessions", {"role_arn": shared, "sessions": orders})["access_keys"]
    question = {"access_keys": keys, "action": "s3:PutObject", "resource": f"arn:aws:s3:::{stack.ready['bucket']}/x"}
    assert stack.control("POST", "/permissions", question)["allowed"] == keys
    deny(stack, shared, stamp(10), {"StringEquals": {"aws:PrincipalTag/client_id": ["client-7", "client-70"]}})
    left = [key for number, key in enumerate(keys) if number not in (7, 70)]
    assert stack.control("POST", "/permissions", question)["allowed"] == left
