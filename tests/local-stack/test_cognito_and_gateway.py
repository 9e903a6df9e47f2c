"""Cognito at its own hosts, and what the AWS provider asks for and moto does not have (…_gaps.py)."""

import jwt
import pytest
import requests
from test_functions import deploy

ISSUER = "/local-stack/internet/cognito-idp.eu-west-1.amazonaws.com"


@pytest.fixture
def cognito(stack):
    return stack.admin("cognito-idp")


@pytest.fixture
def pool(cognito):
    pool_id = cognito.create_user_pool(PoolName="own")["UserPool"]["Id"]
    scopes = [{"ScopeName": name, "ScopeDescription": name} for name in ("read", "write")]
    cognito.create_resource_server(UserPoolId=pool_id, Identifier="own", Name="own", Scopes=scopes)
    return pool_id


def app_client(cognito, pool: str, *scopes: str) -> dict:
    return cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="app",
        GenerateSecret=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=list(scopes),
    )["UserPoolClient"]


def token(stack, host: str, client: dict) -> requests.Response:
    return requests.post(
        stack.url(f"/local-stack/internet/{host}/oauth2/token"),
        data={"grant_type": "client_credentials"},
        auth=(client["ClientId"], client["ClientSecret"]),
    )


@pytest.mark.parametrize(
    ("domain", "config", "host"),
    [
        ("by-prefix", {}, "by-prefix.auth.eu-west-1.amazoncognito.com"),
        ("auth.example.com", {"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/x"}, "auth.example.com"),
    ],
)
def test_a_pools_domain_serves_its_own_clients(stack, cognito, pool, domain, config, host):
    custom = {"CustomDomainConfig": config} if config else {}
    cognito.create_user_pool_domain(Domain=domain, UserPoolId=pool, **custom)
    client = app_client(cognito, pool, "own/write")
    answer = token(stack, host, client)
    assert answer.ok, answer.text
    keys = requests.get(stack.url(f"{ISSUER}/{pool}/.well-known/jwks.json")).json()
    claims = jwt.decode(answer.json()["access_token"], jwt.PyJWK(keys["keys"][0]), ["RS256"])
    assert claims["iss"] == f"https://cognito-idp.eu-west-1.amazonaws.com/{pool}"
    assert claims["scope"] == "own/write"
    assert stack.requests_of("cognito:token")[-1]["detail"]["client_id"] == client["ClientId"]

    elsewhere = stack.server()
    other_pool = {"ClientId": elsewhere["client_id"], "ClientSecret": elsewhere["client_secret"]}
    assert token(stack, host, other_pool).json() == {"error": "invalid_client"}

    found = cognito.describe_user_pool_domain(Domain=domain)["DomainDescription"]
    assert found["AWSAccountId"] == "123456789012"
    assert found.get("CustomDomainConfig", {}) == config
    cognito.delete_user_pool_domain(Domain=domain, UserPoolId=pool)
    assert token(stack, host, client).status_code == 404


def test_faults_and_settings_reach_the_internets_hosts(stack, cognito, pool):
    cognito.create_user_pool_domain(Domain="faulty", UserPoolId=pool)
    client = app_client(cognito, pool, "own/write")
    stack.control("POST", "/faults", {"api": "cognito:token", "kind": "status", "status": 503, "count": 1})
    stack.control("POST", "/settings", {"token_lifetime_seconds": 7})
    assert token(stack, "faulty.auth.eu-west-1.amazoncognito.com", client).status_code == 503
    assert token(stack, "faulty.auth.eu-west-1.amazoncognito.com", client).json()["expires_in"] == 7
    cognito.delete_user_pool_domain(Domain="faulty", UserPoolId=pool)


def test_nobody_is_said_to_be_nobody(stack):
    for host in ("example.org", "nothing.execute-api.eu-west-1.amazonaws.com", "no.auth.eu-west-1.amazoncognito.com"):
        answer = requests.get(stack.url(f"/local-stack/internet/{host}/x"))
        assert answer.status_code == 404
        assert f"https://{host}/x" in answer.json()["error"]
    assert requests.get(stack.url(f"{ISSUER}/eu-west-1_none/.well-known/jwks.json")).status_code == 404


def test_scopes_must_exist_and_go_with_their_resource_server(stack, cognito, pool, refused):
    refused(lambda: app_client(cognito, pool, "own/delete"), "ScopeDoesNotExistException", 400)
    cognito.create_user_pool_domain(Domain="scopes", UserPoolId=pool)
    client = app_client(cognito, pool, "own/read", "own/write")
    kept = [{"ScopeName": "read", "ScopeDescription": "read"}]
    cognito.update_resource_server(UserPoolId=pool, Identifier="own", Name="renamed", Scopes=kept)
    host = "scopes.auth.eu-west-1.amazoncognito.com"
    access_token = token(stack, host, client).json()["access_token"]
    assert jwt.decode(access_token, options={"verify_signature": False})["scope"] == "own/read"
    cognito.delete_resource_server(UserPoolId=pool, Identifier="own")
    assert token(stack, host, client).json() == {"error": "invalid_scope"}
    cognito.delete_user_pool_domain(Domain="scopes", UserPoolId=pool)


def test_a_protected_pool_stays(cognito, pool, refused):
    cognito.update_user_pool(UserPoolId=pool, DeletionProtection="ACTIVE", UserPoolTags={"a": "1"})
    refused(lambda: cognito.delete_user_pool(UserPoolId=pool), "InvalidParameterException")
    cognito.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    cognito.create_user_pool_domain(Domain="in-the-way", UserPoolId=pool)
    refused(lambda: cognito.delete_user_pool(UserPoolId=pool), "InvalidParameterException")
    cognito.delete_user_pool_domain(Domain="in-the-way", UserPoolId=pool)
    cognito.delete_user_pool(UserPoolId=pool)


def test_tags_of_a_pool(cognito, pool):
    arn = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]["Arn"]
    cognito.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
    cognito.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    cognito.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert cognito.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert cognito.describe_user_pool(UserPoolId=pool)["UserPool"]["UserPoolTags"] == {"b": "2"}


def test_tags_of_stages_and_domains(stack):
    apis = stack.admin("apigatewayv2")
    api = apis.create_api(Name="tags", ProtocolType="HTTP")["ApiId"]
    apis.create_stage(ApiId=api, StageName="$default", Tags={"a": "1"})
    apis.create_domain_name(DomainName="tags.example.com", DomainNameConfigurations=[{"EndpointType": "REGIONAL"}])
    for place in (f"apis/{api}/stages/$default", "domainnames/tags.example.com"):
        arn = f"arn:aws:apigateway:eu-west-1::/{place}"
        apis.tag_resource(ResourceArn=arn, Tags={"b": "2"})
        apis.untag_resource(ResourceArn=arn, TagKeys=["a"])
        assert apis.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert apis.get_stage(ApiId=api, StageName="$default")["Tags"] == {"b": "2"}
    domain = apis.get_domain_name(DomainName="tags.example.com")
    assert domain["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
    changed = [{"EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}]
    apis.update_domain_name(DomainName="tags.example.com", DomainNameConfigurations=changed)
    assert apis.get_domain_name(DomainName="tags.example.com")["DomainNameConfigurations"][0]["SecurityPolicy"]


def test_an_update_keeps_a_booleans_type(stack):
    table = {"TableName": stack.ready["table"]}
    dynamodb, key = stack.admin("dynamodb"), {"client_id": {"S": "typed"}}
    value = {"disabled": {"Value": {"BOOL": True}, "Action": "PUT"}, "set": {"Value": {"SS": ["a"]}, "Action": "PUT"}}
    dynamodb.update_item(**table, Key=key, AttributeUpdates=value)
    assert dynamodb.get_item(**table, Key=key)["Item"] == key | {"disabled": {"BOOL": True}, "set": {"SS": ["a"]}}
    dynamodb.delete_item(**table, Key=key)


def test_reserved_variables_are_refused(stack, refused):
    refused(
        lambda: deploy(stack, Environment={"Variables": {"AWS_REGION": "x"}}), "InvalidParameterValueException", 400
    )


def test_what_moto_lacks_is_told_once(stack, refused):
    refused(lambda: stack.admin("cognito-idp").get_signing_certificate(UserPoolId="eu-west-1_x"), "NotImplemented", 501)
