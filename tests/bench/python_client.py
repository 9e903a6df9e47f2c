"""The peer of `credvend get-credentials`: the same two requests with requests, and boto3 imported, as today's client is."""

import json
import os

import boto3  # noqa: F401  (today's client imports it whatever the identity provider is)
import requests

token = requests.post(
    os.environ["COGNITO_TOKEN_ENDPOINT"],
    data={"grant_type": "client_credentials"},
    auth=(os.environ["COGNITO_CLIENT_ID"], os.environ["COGNITO_CLIENT_SECRET"]),
    timeout=10,
)
token.raise_for_status()
vend = requests.post(
    os.environ["COGNITO_CREDENTIAL_API_URL"],
    json={"access_token": token.json()["access_token"]},
    timeout=10,
)
vend.raise_for_status()
credentials = vend.json()["credentials"]
print(
    json.dumps(
        {
            "Version": 1,
            "AccessKeyId": credentials["access_key_id"],
            "SecretAccessKey": credentials["secret_access_key"],
            "SessionToken": credentials["session_token"],
            "Expiration": credentials["expiration"],
        }
    ),
    flush=True,
)
