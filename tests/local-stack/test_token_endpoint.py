"""POST /oauth2/token and the pool's JWKS."""

import jwt
import pytest
import requests

GRANT = {"grant_type": "client_credentials"}


def verified(stack, token: str) -> dict:
    keys = jwt.PyJWKSet.from_dict(requests.get(stack.ready["jwks_uri"]).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], issuer=stack.ready["issuer"], options={"verify_aud": False})


def test_a_token_has_the_shape_of_cognitos(stack):
    server = stack.server(scopes=["write", "read"])
    token = stack.token(server)
    claims = verified(stack, token)
    assert set(jwt.get_unverified_header(token)) == {"kid", "alg"}
    assert set(claims) == {
        "sub", "token_use", "scope", "auth_time", "iss", "exp", "iat", "version", "jti", "client_id",
    }  # fmt: skip
    assert claims["sub"] == claims["client_id"] == server["client_id"]
    assert (claims["token_use"], claims["version"]) == ("access", 2)
    assert claims["scope"] == "credvend-api/write credvend-api/read"
    assert claims["exp"] - claims["iat"] == 3600


def test_client_id_and_secret_may_come_in_the_body(stack):
    server = stack.server()
    body = GRANT | {"client_id": server["client_id"], "client_secret": server["client_secret"]}
    answer = requests.post(stack.ready["token_endpoint"], data=body)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer" and answer.json()["expires_in"] == 3600


def test_only_the_scope_asked_for_is_granted(stack):
    server = stack.server(scopes=["write", "read"])
    assert verified(stack, stack.token(server, scope="credvend-api/read"))["scope"] == "credvend-api/read"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (GRANT | {"scope": "credvend-api/full"}, "invalid_scope"),
        (GRANT | {"scope": "credvend-api/write credvend-api/full"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unauthorized_client"),
        ({}, "invalid_request"),
    ],
)
def test_refusals_are_400_with_oauths_code(stack, form, error):
    server = stack.server()
    answer = requests.post(
        stack.ready["token_endpoint"], auth=(server["client_id"], server["client_secret"]), data=form
    )
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_wrong_secret_and_an_unknown_client_look_the_same(stack):
    server = stack.server()
    for auth in ((server["client_id"], "wrong"), (server["client_id"], ""), ("nobody", server["client_secret"])):
        answer = requests.post(stack.ready["token_endpoint"], auth=auth, data=GRANT)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})


def test_an_app_client_without_the_flow_is_unauthorized(stack):
    client = stack.admin("cognito-idp").create_user_pool_client(
        UserPoolId=stack.ready["user_pool_id"], ClientName="web", GenerateSecret=True
    )["UserPoolClient"]
    answer = requests.post(stack.ready["token_endpoint"], auth=(client["ClientId"], client["ClientSecret"]), data=GRANT)
    assert (answer.status_code, answer.json()) == (400, {"error": "unauthorized_client"})


def test_get_is_405(stack):
    assert requests.get(stack.ready["token_endpoint"]).status_code == 405


def test_a_second_secret_works_beside_the_first_until_that_is_dropped(stack):
    server = stack.server()
    second = stack.control("POST", f"/servers/{server['server_name']}/secrets")["client_secret"]
    stack.token(server)
    stack.token(server | {"client_secret": second})
    stack.control("DELETE", f"/servers/{server['server_name']}/secrets")
    stack.token(server | {"client_secret": second})
    with pytest.raises(AssertionError, match="invalid_client"):
        stack.token(server)


def test_tokens_live_as_long_as_the_setting_says(stack):
    server = stack.server()
    stack.control("POST", "/settings", {"token_lifetime_seconds": 5})
    claims = verified(stack, stack.token(server))
    assert claims["exp"] - claims["iat"] == 5


def test_an_old_key_is_published_until_it_is_withdrawn(stack):
    server = stack.server()
    before = stack.token(server)
    rotated = stack.control("POST", "/rotate-key")
    after = stack.token(server)
    assert jwt.get_unverified_header(after)["kid"] == rotated["kid"] != jwt.get_unverified_header(before)["kid"]
    assert verified(stack, before) and verified(stack, after)
    withdrawn = stack.control("POST", "/rotate-key?withdraw=true")
    assert withdrawn == {"kid": rotated["kid"], "published": [rotated["kid"]]}
    assert verified(stack, after)
    with pytest.raises(KeyError):
        verified(stack, before)


def test_openid_configuration_names_issuer_and_keys(stack):
    document = requests.get(stack.url(f"/{stack.ready['user_pool_id']}/.well-known/openid-configuration")).json()
    assert document["issuer"] == stack.ready["issuer"]
    assert document["jwks_uri"] == stack.ready["jwks_uri"]
