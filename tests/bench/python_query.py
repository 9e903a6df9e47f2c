"""The peer of query-lambda: the same query in Python, written as well as a Lambda handler is written.

Clients are built and keys fetched once, outside the handler, and a client's session at STS is kept until it ends, which
query-lambda does not do. The runtime loop is thinner than AWS's own; there is no audit line, no rate limit, no paging by size
and no owner of a query. Of the statement sqlglot says whether it is a query that writes nothing: whatever is left out here
makes the peer faster.
"""

import json
import os
import time
import urllib.request
import uuid

import boto3
import jwt
import sqlglot
from python_runtime import serve
from sqlglot import expressions

ISSUER = os.environ["COGNITO_ISSUER"]
TABLE = os.environ["ROLE_MAPPINGS_TABLE"]
REGION = os.environ["AWS_REGION"]
DATABASE = os.environ["DATABASE_NAME"]
OUTPUT = os.environ["ATHENA_OUTPUT_BUCKET"]
WRITES = (expressions.DML, expressions.DDL, expressions.Command)

session = boto3.session.Session(region_name=REGION)
dynamodb = session.client("dynamodb")
sts = session.client("sts")
with urllib.request.urlopen(os.environ["JWKS_URI"], timeout=3) as answer:
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(answer.read()).keys}
# Client id -> when its session ends, Athena as that session.
sessions = {}


def verified(token):
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        issuer=ISSUER,
        leeway=30,
        options={"require": ["exp", "client_id", "sub"], "verify_aud": False},
    )
    if claims["token_use"] != "access" or claims["sub"] != claims["client_id"]:
        raise jwt.InvalidTokenError
    return claims


def athena_of(client_id, item):
    ends, client = sessions.get(client_id, (0, None))
    if ends - time.time() < 300:
        credentials = sts.assume_role(
            RoleArn=item["role_arn"]["S"],
            RoleSessionName=client_id[:64],
            DurationSeconds=3600,
            SourceIdentity=client_id,
            Tags=[{"Key": "client_id", "Value": client_id}],
        )["Credentials"]
        client = session.client(
            "athena",
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
        sessions[client_id] = (credentials["Expiration"].timestamp(), client)
    return client


def only_reads(query):
    statements = sqlglot.parse(query, dialect="athena")
    if len(statements) != 1 or not isinstance(statements[0], expressions.Query):
        return False
    return not any(isinstance(node, WRITES) and not isinstance(node, expressions.Query) for node in statements[0].walk())


def handler(event):
    claims = verified(event["headers"]["authorization"].removeprefix("Bearer "))
    query = json.loads(event["body"])["query"]
    scopes = claims["scope"].split(" ")
    if "athena-api/query.read" not in scopes or not only_reads(query):
        return {"statusCode": 403}
    client_id = claims["client_id"]
    item = dynamodb.get_item(TableName=TABLE, Key={"client_id": {"S": client_id}})["Item"]
    athena = athena_of(client_id, item)
    query_id = athena.start_query_execution(
        QueryString=query,
        ClientRequestToken=uuid.uuid4().hex,
        QueryExecutionContext={"Database": DATABASE},
        ResultConfiguration={"OutputLocation": f"{OUTPUT}client-creds-queries/{client_id}/"},
    )["QueryExecutionId"]
    while True:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)
    results = athena.get_query_results(QueryExecutionId=query_id, MaxResults=1000)
    rows = [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in results["ResultSet"]["Rows"]]
    body = {
        "success": True,
        "authMethod": "CLIENT_CREDENTIALS",
        "clientId": client_id,
        "scopes": scopes,
        "lfRole": item["role_arn"]["S"],
        "rowCount": len(rows) - 1,
        "data": rows,
        "query": query,
        "queryExecutionId": query_id,
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


serve(handler)
