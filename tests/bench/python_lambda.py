"""The peer of vending-lambda: the same vend in Python, written as well as a Lambda handler is written.

Clients are built and keys fetched once, outside the handler. The runtime loop is thinner than AWS's own, there is no
audit line, no rate limit and no session policy: whatever is left out here makes the peer faster.
"""

import json
import os
import urllib.request

import boto3
import jwt
from python_runtime import serve

ISSUER = os.environ["COGNITO_ISSUER"]
TABLE = os.environ["DYNAMODB_TABLE"]
BUCKET = os.environ["S3_BUCKET"]
REGION = os.environ["AWS_REGION"]

session = boto3.session.Session(region_name=REGION)
dynamodb = session.client("dynamodb")
sts = session.client("sts")
with urllib.request.urlopen(os.environ["JWKS_URI"], timeout=3) as answer:
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(answer.read()).keys}


def handler(event):
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        issuer=ISSUER,
        leeway=30,
        options={"require": ["exp", "client_id", "sub"], "verify_aud": False},
    )
    client_id = claims["client_id"]
    if claims["token_use"] != "access" or claims["sub"] != client_id:
        return {"statusCode": 401}
    item = dynamodb.get_item(TableName=TABLE, Key={"client_id": {"S": client_id}})["Item"]
    server_name = item["server_name"]["S"]
    credentials = sts.assume_role(
        RoleArn=item["role_arn"]["S"],
        RoleSessionName=f"{server_name}-{client_id}"[:64],
        DurationSeconds=3600,
        SourceIdentity=client_id,
        Tags=[{"Key": "client_id", "Value": client_id}, {"Key": "server_name", "Value": server_name}],
    )["Credentials"]
    body = {
        "credentials": {
            "access_key_id": credentials["AccessKeyId"],
            "secret_access_key": credentials["SecretAccessKey"],
            "session_token": credentials["SessionToken"],
            "expiration": credentials["Expiration"].isoformat(),
        },
        "s3_bucket": BUCKET,
        "s3_path_prefix": item["s3_path_prefix"]["S"],
        "aws_region": REGION,
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


serve(handler)
