"""S3 under a role's policy and a session policy: a request passes only where both allow it."""

import json

import pytest

from local_stack.servers import s3_statements

def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def wide(stack):
    """A server whose role may do everything in the bucket, so that the session policy alone decides."""
    role = stack.put_role(
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": stack.ready["lambda"]["role_arn"]},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ],
        [{"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}],
    )
    return {"role_arn": role}


class Bucket:
    """The bucket through one set of credentials."""

    def __init__(self, stack, keys):
        self.s3, self.name = stack.client("s3", keys), stack.ready["bucket"]

    def put(self, key):
        return self.s3.put_object(Bucket=self.name, Key=key, Body=b"x")

    def get(self, key):
        return self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()

    def list(self, **parameters):
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.name, **parameters).get("Contents", [])]


def prefix_policy(bucket: str, prefix: str, level: str = "full") -> str:
    """The policy that the vending Lambda generates for `s3-prefix` (tests/cases/session-policy)."""
    return document(*s3_statements(bucket, prefix, level))


def test_the_prefix_policy_opens_its_prefix_only(stack, wide, refused):
    Bucket(stack, stack.ready["admin"]).put("other/secret")
    mine = Bucket(stack, stack.vend(wide, Policy=prefix_policy(stack.ready["bucket"], "logs/a")))
    mine.put("logs/a/1")
    assert mine.get("logs/a/1") == b"x"
    assert mine.list(Prefix="logs/a/") == ["logs/a/1"]
    assert mine.list(Prefix="logs/a/x") == []
    mine.s3.delete_object(Bucket=mine.name, Key="logs/a/1")
    for key in ("other/secret", "logs/ab/1", "logs/a", "logs", "logs/b/../a/1", "LOGS/a/1"):
        refused(lambda: mine.put(key), "AccessDenied", 403)
        refused(lambda: mine.get(key), "AccessDenied", 403)
    for parameters in ({}, {"Prefix": ""}, {"Prefix": "logs"}, {"Prefix": "logs/ab"}, {"Prefix": "other/"}):
        refused(lambda: mine.list(**parameters), "AccessDenied", 403)
    refused(lambda: mine.s3.list_buckets(), "AccessDenied", 403)


# What each level allows of: upload, upload with the one canned ACL or another one, download, list, delete.
LEVELS = {
    "write": {"put", "put_acl"},
    "read-write": {"put", "put_acl", "get"},
    "full": {"put", "put_acl", "get", "list", "delete"},
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("by", ["session policy", "role"])
def test_the_golden_policy_of_each_level(stack, wide, refused, level, by):
    prefix = f"logs/{level}-{by.replace(' ', '-')}"
    bucket = stack.ready["bucket"]
    Bucket(stack, stack.ready["admin"]).put(f"{prefix}/there")
    if by == "role":
        keys = stack.vend(stack.server(level=level, s3_path_prefix=f"{prefix}/"))
    else:
        keys = stack.vend(wide, Policy=prefix_policy(bucket, prefix, level))
    mine = Bucket(stack, keys)

    def upload(folder, **more):
        return mine.s3.put_object(Bucket=bucket, Key=f"{folder}/1", Body=b"x", **more)

    calls = {
        "put": upload,
        "put_acl": lambda folder: upload(folder, ACL="bucket-owner-full-control"),
        "get": lambda folder: mine.get(f"{folder}/there"),
        "put_any_acl": lambda folder: upload(folder, ACL="public-read"),
        "list": lambda folder: mine.list(Prefix=f"{folder}/"),
        "delete": lambda folder: mine.s3.delete_object(Bucket=bucket, Key=f"{folder}/1"),
    }
    for name, call in calls.items():
        if name in LEVELS[level]:
            call(prefix)
        else:
            refused(lambda: call(prefix), "AccessDenied", 403)
        for elsewhere in ("other", f"{prefix}0", "logs"):
            refused(lambda: call(elsewhere), "AccessDenied", 403)


def test_without_a_session_policy_the_role_decides(stack, wide):
    bucket = Bucket(stack, stack.vend(wide))
    bucket.put("anywhere/at-all")
    assert "anywhere/at-all" in bucket.list()


def test_a_session_policy_cannot_widen_the_role(stack, refused):
    server = stack.server(level="write")
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    bucket = Bucket(stack, stack.vend(server, Policy=everything))
    bucket.put(server["s3_path_prefix"] + "1")
    refused(lambda: bucket.put("elsewhere/1"), "AccessDenied", 403)
    refused(lambda: bucket.get(server["s3_path_prefix"] + "1"), "AccessDenied", 403)


@pytest.mark.parametrize("level", ["write", "read-write", "full"])
def test_the_levels_of_a_servers_role(stack, refused, level):
    server = stack.server(level=level)
    prefix = server["s3_path_prefix"]
    bucket = Bucket(stack, stack.vend(server))
    bucket.put(prefix + "1")
    refused(lambda: bucket.put("elsewhere"), "AccessDenied", 403)
    if level == "write":
        refused(lambda: bucket.get(prefix + "1"), "AccessDenied", 403)
    else:
        assert bucket.get(prefix + "1") == b"x"
    if level != "full":
        refused(lambda: bucket.list(Prefix=prefix), "AccessDenied", 403)
        refused(lambda: bucket.s3.delete_object(Bucket=bucket.name, Key=prefix + "1"), "AccessDenied", 403)
    else:
        assert bucket.list(Prefix=prefix) == [prefix + "1"]
        bucket.s3.delete_object(Bucket=bucket.name, Key=prefix + "1")


def test_only_those_who_may_list_learn_that_a_key_is_missing(stack, refused):
    blind, seeing = stack.server(level="read-write"), stack.server(level="full")
    refused(lambda: Bucket(stack, stack.vend(blind)).get(blind["s3_path_prefix"] + "gone"), "AccessDenied", 403)
    # A full server lists with a prefix only, and GetObject brings none: S3 answers it 403 too.
    refused(lambda: Bucket(stack, stack.vend(seeing)).get(seeing["s3_path_prefix"] + "gone"), "AccessDenied", 403)
    refused(lambda: Bucket(stack, stack.ready["admin"]).get("gone"), "NoSuchKey", 404)


def test_multipart_uploads(stack, refused):
    server = stack.server(level="write")
    bucket = Bucket(stack, stack.vend(server))
    where = {"Bucket": bucket.name, "Key": server["s3_path_prefix"] + "big"}
    upload = bucket.s3.create_multipart_upload(**where)["UploadId"]
    part = bucket.s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x" * (5 << 20))
    assert len(bucket.s3.list_parts(**where, UploadId=upload)["Parts"]) == 1
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    bucket.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    aborted = bucket.s3.create_multipart_upload(**where)["UploadId"]
    bucket.s3.abort_multipart_upload(**where, UploadId=aborted)
    refused(lambda: bucket.s3.create_multipart_upload(**(where | {"Key": "elsewhere"})), "AccessDenied", 403)


def test_a_copy_needs_the_right_to_read_its_source(stack, wide, refused):
    Bucket(stack, stack.ready["admin"]).put("other/secret")
    mine = Bucket(stack, stack.vend(wide, Policy=prefix_policy(stack.ready["bucket"], "logs/c")))
    mine.put("logs/c/1")
    mine.s3.copy_object(Bucket=mine.name, Key="logs/c/2", CopySource=f"{mine.name}/logs/c/1")
    refused(
        lambda: mine.s3.copy_object(Bucket=mine.name, Key="logs/c/3", CopySource=f"{mine.name}/other/secret"),
        "AccessDenied",
        403,
    )


def test_a_batch_delete_needs_the_right_to_every_key(stack, wide):
    Bucket(stack, stack.ready["admin"]).put("other/kept")
    mine = Bucket(stack, stack.vend(wide, Policy=prefix_policy(stack.ready["bucket"], "logs/d")))
    mine.put("logs/d/1")

    def delete(*keys):
        objects = [{"Key": key} for key in keys]
        return mine.s3.delete_objects(Bucket=mine.name, Delete={"Objects": objects})

    assert [error["Code"] for error in delete("other/kept").get("Errors", [])] == ["AccessDenied"]
    assert Bucket(stack, stack.ready["admin"]).get("other/kept") == b"x"
    assert not delete("logs/d/1").get("Errors")


@pytest.mark.parametrize(
    "key", ["logs/e/a b", "logs/e/ü+ö", "logs/e/100%", "logs/e/a=b&c", "logs/e//twice", "logs/e/*"]
)
def test_odd_keys_are_judged_and_stored_as_they_are(stack, wide, key):
    mine = Bucket(stack, stack.vend(wide, Policy=prefix_policy(stack.ready["bucket"], "logs/e")))
    mine.put(key)
    assert mine.get(key) == b"x"
    assert key in mine.list(Prefix="logs/e/")


ALL = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([ALL], True),
        ([ALL, {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}], False),
        ([ALL, {"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::*/f/*"}], False),
        ([ALL, {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}], True),
        ([ALL | {"Action": "S3:putobject"}], True),
        ([ALL | {"Action": "s3:PutObjec?"}], True),
        ([ALL | {"Action": "s3:PutObjec"}], False),
        ([ALL | {"Action": ["s3:GetObject", "s3:PutObject"]}], True),
        ([{"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}], True),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::*/f/*"}], False),
        ([ALL | {"Resource": "arn:aws:s3:::credvend-local/f/?"}], True),
        ([ALL | {"Resource": "arn:aws:s3:::credvend-local/F/?"}], False),
        ([ALL | {"Resource": "arn:aws:s3:::credvend-local/f.1"}], False),
        ([ALL | {"Resource": "arn:aws:s3:::credvend-local/${aws:PrincipalTag/folder}/*"}], True),
        ([ALL | {"Resource": "arn:aws:s3:::credvend-local/${aws:PrincipalTag/none}*"}], False),
        ([ALL | {"Condition": {"StringEquals": {"aws:PrincipalTag/folder": "f"}}}], True),
        ([ALL | {"Condition": {"StringEquals": {"aws:PrincipalTag/folder": "*"}}}], False),
        ([ALL | {"Condition": {"StringNotEquals": {"aws:PrincipalTag/folder": "f"}}}], False),
        ([ALL | {"Condition": {"StringEqualsIfExists": {"aws:PrincipalTag/none": "f"}}}], True),
        ([ALL | {"Condition": {"Null": {"aws:PrincipalTag/none": "true"}}}], True),
        ([ALL | {"Condition": {"Null": {"aws:PrincipalTag/folder": "true"}}}], False),
        ([ALL | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}], True),
        ([ALL | {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}], True),
        ([ALL | {"Condition": {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}], False),
        ([ALL | {"Condition": {"DateLessThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}}], False),
        ([ALL | {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}], True),
        ([ALL | {"Condition": {"DateLessThan": {"aws:CurrentTime": "some day"}}}], False),
        ([ALL | {"Condition": {"StringEquals": {"aws:Unheard": "x"}}}], False),
        (
            [
                ALL,
                {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:Unheard": "x"}}},
            ],
            False,
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, list) else None,
)
def test_statements(stack, wide, refused, statements, allowed):
    keys = stack.vend(wide, Policy=document(*statements), Tags=[{"Key": "folder", "Value": "f"}])
    bucket = Bucket(stack, keys)
    if allowed:
        bucket.put("f/1")
    else:
        refused(lambda: bucket.put("f/1"), "AccessDenied", 403)


def test_secure_transport_follows_its_setting(stack, wide, refused):
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    bucket = Bucket(stack, stack.vend(wide, Policy=document(ALL, deny)))
    bucket.put("g/1")
    stack.control("POST", "/settings", {"secure_transport": False})
    refused(lambda: bucket.put("g/1"), "AccessDenied", 403)


def test_a_policy_also_restricts_services_other_than_s3(stack, refused):
    role = stack.put_role(
        [{"Effect": "Allow", "Principal": {"AWS": stack.ready["lambda"]["role_arn"]}, "Action": "sts:AssumeRole"}],
        [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    )
    table = {"TableName": stack.ready["table"]}
    stack.client("dynamodb", stack.vend({"role_arn": role})).describe_table(**table)
    narrowed = stack.client("dynamodb", stack.vend({"role_arn": role}, Policy=document(ALL)))
    refused(lambda: narrowed.describe_table(**table), "AccessDeniedException", 400)


def test_the_issue_time_and_the_tags_of_a_session_revoke_it(stack, refused):
    """How an operator ends sessions that STS cannot recall: a Deny on the role, by tag and age."""
    server = stack.server(level="write")
    old = Bucket(stack, stack.vend(server, Tags=[{"Key": "client_id", "Value": "stolen"}]))
    other = Bucket(stack, stack.vend(server, Tags=[{"Key": "client_id", "Value": "fine"}]))
    statements = s3_statements(stack.ready["bucket"], server["s3_path_prefix"], "write")
    statements.append(
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:PrincipalTag/client_id": "stolen"},
                "DateLessThan": {"aws:TokenIssueTime": "2999-01-01T00:00:00Z"},
            },
        }
    )
    name = server["role_arn"].split("/")[-1]
    stack.admin("iam").put_role_policy(RoleName=name, PolicyName="s3", PolicyDocument=document(*statements))
    refused(lambda: old.put(server["s3_path_prefix"] + "1"), "AccessDenied", 403)
    other.put(server["s3_path_prefix"] + "1")
