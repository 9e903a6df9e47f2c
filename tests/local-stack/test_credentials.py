"""Signatures, expiry, and the Lambda's own narrow rights."""

from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config


def test_unknown_keys_and_wrong_secrets_are_refused(stack, refused):
    admin = stack.ready["admin"]
    wrong = admin | {"secret_access_key": "x" * 40}
    unknown = {"access_key_id": "AKIA" + "X" * 16, "secret_access_key": "x"}
    stolen = stack.ready["lambda"] | {"session_token": "x"}
    bucket, table = {"Bucket": stack.ready["bucket"]}, {"TableName": stack.ready["table"]}
    refused(lambda: stack.client("s3", wrong).list_objects_v2(**bucket), "SignatureDoesNotMatch", 403)
    refused(lambda: stack.client("s3", unknown).list_objects_v2(**bucket), "InvalidAccessKeyId", 403)
    refused(lambda: stack.client("s3", stolen).list_objects_v2(**bucket), "InvalidToken", 400)
    refused(lambda: stack.client("dynamodb", wrong).describe_table(**table), "InvalidSignatureException", 400)
    refused(lambda: stack.client("dynamodb", unknown).describe_table(**table), "UnrecognizedClientException", 400)
    refused(lambda: stack.client("sts", wrong).get_caller_identity(), "SignatureDoesNotMatch", 403)
    refused(lambda: stack.client("sts", unknown).get_caller_identity(), "InvalidClientTokenId", 403)


def test_an_unsigned_request_is_refused(stack, refused):
    config = Config(signature_version=UNSIGNED, proxies={}, s3={"addressing_style": "path"})
    s3 = boto3.client("s3", region_name="eu-west-1", endpoint_url=stack.ready["endpoint"], config=config)
    refused(lambda: s3.list_objects_v2(Bucket=stack.ready["bucket"]), "AccessDenied", 403)
    refused(lambda: s3.put_object(Bucket=stack.ready["bucket"], Key="a", Body=b"x"), "AccessDenied", 403)


def test_expired_credentials_are_refused_by_every_service(stack, refused):
    server = stack.server(level="full")
    stack.control("POST", "/settings", {"credential_lifetime_seconds": 0})
    keys = stack.vend(server)
    bucket, table = {"Bucket": stack.ready["bucket"]}, {"TableName": stack.ready["table"]}
    refused(lambda: stack.client("s3", keys).list_objects_v2(**bucket), "ExpiredToken", 400)
    refused(lambda: stack.client("dynamodb", keys).describe_table(**table), "ExpiredTokenException", 400)
    refused(lambda: stack.client("sts", keys).get_caller_identity(), "ExpiredToken", 403)


def test_a_shortened_lifetime_is_in_the_answer_and_only_for_later_credentials(stack):
    server = stack.server()
    before = stack.vend(server)
    stack.control("POST", "/settings", {"credential_lifetime_seconds": 120})
    after = stack.vend(server)
    now = datetime.now(timezone.utc)
    assert after["Expiration"] - now <= timedelta(seconds=120) < before["Expiration"] - now
    stack.client("sts", after).get_caller_identity()


def test_the_lambda_may_read_its_table_and_nothing_else(stack, refused):
    server = stack.server(item={"disabled": True, "allowed_scopes": ["credvend-api/write"], "expires_at": 7})
    dynamodb, table = stack.as_lambda("dynamodb"), stack.ready["table"]
    key = {"client_id": {"S": server["client_id"]}}
    assert dynamodb.get_item(TableName=table, Key=key)["Item"] == {
        "client_id": {"S": server["client_id"]},
        "role_arn": {"S": server["role_arn"]},
        "server_name": {"S": server["server_name"]},
        "s3_path_prefix": {"S": server["s3_path_prefix"]},
        "s3_permissions": {"S": "write"},
        "disabled": {"BOOL": True},
        "allowed_scopes": {"SS": ["credvend-api/write"]},
        "expires_at": {"N": "7"},
    }
    assert dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE"
    for call in (
        lambda: dynamodb.get_item(TableName="another", Key=key),
        lambda: dynamodb.put_item(TableName=table, Item=key),
        lambda: dynamodb.scan(TableName=table),
        lambda: stack.as_lambda("cognito-idp").list_user_pools(MaxResults=1),
    ):
        message = refused(call, "AccessDeniedException", 400)
        assert "assumed-role/vending-lambda/vending-lambda is not authorized to perform" in message
    refused(lambda: stack.as_lambda("iam").list_roles(), "AccessDenied", 403)
    refused(lambda: stack.as_lambda("s3").list_buckets(), "AccessDenied", 403)


def test_credentials_of_a_deleted_role_allow_nothing(stack, refused):
    server = stack.server()
    s3 = stack.client("s3", stack.vend(server))
    where = {"Bucket": stack.ready["bucket"], "Key": server["s3_path_prefix"] + "a"}
    s3.put_object(**where, Body=b"x")
    stack.control("DELETE", f"/servers/{server['server_name']}")
    refused(lambda: s3.put_object(**where, Body=b"x"), "AccessDenied", 403)
    refused(lambda: stack.vend(server), "AccessDenied", 403)
    with pytest.raises(AssertionError, match="invalid_client"):
        stack.token(server)
