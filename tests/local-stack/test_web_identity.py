"""AssumeRoleWithWebIdentity: an unsigned call that lives by the token alone."""

import json
import time

import boto3
import jwt
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "http://127.0.0.1:9/idp"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/127.0.0.1:9/idp"
NAME = "127.0.0.1:9/idp"


@pytest.fixture(scope="module")
def issuer_key(running_stack):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k1", "alg": "RS256"}
    order = {"issuer": ISSUER, "audiences": ["aws"], "jwks": {"keys": [public]}}
    assert running_stack.control("POST", "/issuers", order) == {"provider_arn": PROVIDER}
    return key


@pytest.fixture
def role(stack):
    condition = {"StringEquals": {f"{NAME}:aud": "aws"}, "StringLike": {f"{NAME}:sub": "server-*"}}
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    return stack.put_role([trust], [statement], MaxSessionDuration=7200)


def signed(key, kid: str = "k1", **claims) -> str:
    now = int(time.time())
    usual = {"iss": ISSUER, "sub": "server-1", "aud": "aws", "iat": now, "exp": now + 300}
    return jwt.encode({k: v for k, v in (usual | claims).items() if v is not None}, key, "RS256", headers={"kid": kid})


def assume(stack, role: str, token: str, **parameters) -> dict:
    config = Config(signature_version=UNSIGNED, proxies={}, retries={"total_max_attempts": 1})
    sts = boto3.client("sts", region_name="eu-west-1", endpoint_url=stack.ready["endpoint"], config=config)
    usual = {"RoleArn": role, "RoleSessionName": "test", "WebIdentityToken": token}
    return sts.assume_role_with_web_identity(**(usual | parameters))


def test_a_good_token_gives_credentials_that_work(stack, role, issuer_key):
    answer = assume(stack, role, signed(issuer_key), DurationSeconds=7200)
    assert answer["SubjectFromWebIdentityToken"] == "server-1"
    assert (answer["Audience"], answer["Provider"]) == ("aws", PROVIDER)
    s3 = stack.client("s3", answer["Credentials"])
    s3.put_object(Bucket=stack.ready["bucket"], Key="web/1", Body=b"x")


def test_the_session_policy_narrows_here_too(stack, role, issuer_key, refused):
    policy = '{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
    s3 = stack.client("s3", assume(stack, role, signed(issuer_key), Policy=policy)["Credentials"])
    refused(lambda: s3.put_object(Bucket=stack.ready["bucket"], Key="web/1", Body=b"x"), "AccessDenied", 403)


def test_a_session_keeps_its_subject(stack, role, issuer_key, refused):
    """IAM User Guide, "Available keys for AWS OIDC federation": `sub` is there in the session, `oaud` is not."""
    old, other = (
        stack.client("s3", assume(stack, role, signed(issuer_key, sub=subject))["Credentials"])
        for subject in ("server-1", "server-2")
    )
    condition = {"StringEquals": {f"{NAME}:sub": ["server-1"]}, "Null": {f"{NAME}:oaud": "true"}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stack.admin("iam").put_role_policy(RoleName=role.split("/")[-1], PolicyName="deny", PolicyDocument=document)
    call = {"Bucket": stack.ready["bucket"], "Key": "web/1", "Body": b"x"}
    refused(lambda: old.put_object(**call), "AccessDenied", 403)
    other.put_object(**call)


@pytest.mark.parametrize(
    ("claims", "code", "status"),
    [
        ({"iss": "http://127.0.0.1:9/other"}, "InvalidIdentityToken", 400),
        ({"iss": ISSUER + "/"}, "InvalidIdentityToken", 400),
        ({"iss": "http://example.com/idp"}, "InvalidIdentityToken", 400),
        ({"iss": None}, "InvalidIdentityToken", 400),
        ({"aud": "another"}, "InvalidIdentityToken", 400),
        ({"aud": None}, "InvalidIdentityToken", 400),
        ({"exp": None}, "InvalidIdentityToken", 400),
        ({"exp": 1_700_000_000}, "ExpiredTokenException", 400),
        ({"nbf": 4_000_000_000}, "InvalidIdentityToken", 400),
        ({"sub": "client-1"}, "AccessDenied", 403),
    ],
)
def test_claims_that_do_not_fit(stack, role, issuer_key, refused, claims, code, status):
    refused(lambda: assume(stack, role, signed(issuer_key, **claims)), code, status)


def test_signatures_that_do_not_fit(stack, role, issuer_key, refused):
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    refused(lambda: assume(stack, role, signed(forger)), "InvalidIdentityToken", 400)
    refused(lambda: assume(stack, role, signed(issuer_key, kid="k2")), "InvalidIdentityToken", 400)
    refused(lambda: assume(stack, role, "no token at all"), "InvalidIdentityToken", 400)
    claims = {"iss": ISSUER, "sub": "server-1", "aud": "aws", "iat": 1, "exp": 4_000_000_000}
    unsigned = jwt.encode(claims, None, "none", headers={"kid": "k1"})
    refused(lambda: assume(stack, role, unsigned), "InvalidIdentityToken", 400)


def test_roles_that_do_not_trust_the_provider(stack, role, issuer_key, refused):
    token = signed(issuer_key)
    refused(lambda: assume(stack, stack.server()["role_arn"], token), "AccessDenied", 403)
    refused(lambda: assume(stack, "arn:aws:iam::123456789012:role/credvend-gone", token), "AccessDenied", 403)


def test_the_roles_own_maximum_holds(stack, role, issuer_key, refused):
    refused(lambda: assume(stack, role, signed(issuer_key), DurationSeconds=7201), "ValidationError", 400)


def test_a_pool_of_the_stack_is_an_issuer_once_it_is_registered(stack, refused):
    server = stack.server()
    token = stack.token(server)
    role = stack.put_role([])
    refused(lambda: assume(stack, role, token), "InvalidIdentityToken", 400)
    order = {"issuer": stack.ready["issuer"], "audiences": ["aws"]}
    stack.control("POST", "/issuers", order)
    # Cognito's machine tokens carry no aud: the reason why web identity cannot work with them.
    assert "aud" in refused(lambda: assume(stack, role, token), "InvalidIdentityToken", 400)


def test_an_outside_issuer_needs_no_address_of_its_keys(stack, refused):
    job = stack.control("POST", "/idp/github/jobs", {"repository": "octo/app"})
    url = job["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=sts.amazonaws.com"
    bearer = {"Authorization": f"Bearer {job['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    token = requests.get(url, headers=bearer).json()["value"]
    issuer = "token.actions.githubusercontent.com"
    audiences = {"ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": ["0" * 40]}
    provider = stack.admin("iam").create_open_id_connect_provider(Url=f"https://{issuer}", **audiences)
    condition = {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": "repo:octo/app:ref:refs/heads/main"}
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": condition},
    }
    role = stack.put_role([trust])
    assert assume(stack, role, token)["SubjectFromWebIdentityToken"] == condition[f"{issuer}:sub"]
    stack.control(
        "POST", "/idp/overrides", {"issuer": f"https://{issuer}", "claims": {"sub": "repo:octo/app:pull_request"}}
    )
    token = requests.get(url, headers=bearer).json()["value"]
    stack.control("DELETE", "/idp/overrides")
    refused(lambda: assume(stack, role, token), "AccessDenied", 403)
