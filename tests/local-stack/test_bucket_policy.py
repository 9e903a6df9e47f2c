"""A bucket's policy is evaluated with its conditions, for everybody, the administrator included."""

import json

import pytest


@pytest.fixture
def tls_only(stack):
    s3, bucket = stack.admin("s3"), "tls-only"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    yield bucket
    stack.control("POST", "/settings", {"secure_transport": True})
    s3.delete_bucket(Bucket=bucket)


def test_a_denial_with_a_condition(stack, tls_only, refused):
    s3 = stack.admin("s3")
    s3.put_object(Bucket=tls_only, Key="a", Body=b"1")
    stack.control("POST", "/settings", {"secure_transport": False})
    for call in (
        lambda: s3.put_object(Bucket=tls_only, Key="b", Body=b"1"),
        lambda: s3.get_object(Bucket=tls_only, Key="a"),
        lambda: s3.list_objects_v2(Bucket=tls_only),
    ):
        refused(call, "AccessDenied", 403)
    stack.control("POST", "/settings", {"secure_transport": True})
    assert s3.get_object(Bucket=tls_only, Key="a")["Body"].read() == b"1"
    s3.delete_object(Bucket=tls_only, Key="a")
