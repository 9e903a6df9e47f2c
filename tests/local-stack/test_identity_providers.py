"""The outside identity providers, asked the way their clients ask them; no sockets, no AWS."""

import base64
import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from local_stack.idp import IdentityProviders
from local_stack.settings import Settings
from local_stack.signing_keys import SigningKeys
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

import jwt

DOMAIN = "example.eu.auth0.com"
TENANT = "11111111-2222-3333-4444-555555555555"
API = "https://credvend.example.com"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Internet:
    """What a client and a test see of the providers."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.providers = IdentityProviders(SigningKeys(), self.settings)

    def call(self, method: str, url: str, **more) -> tuple[int, dict]:
        host, _, path = url.removeprefix("https://").partition("/")
        request = Request(
            EnvironBuilder(method=method, base_url=f"https://{host}/", path=f"/{path}", **more).get_environ()
        )
        reply = self.providers.answer(host, path.partition("?")[0], request)
        assert reply is not None, url
        assert reply.mimetype == "application/json"
        return reply.status_code, json.loads(reply.get_data())

    def control(self, method: str, path: str, fields: dict | None = None, status: int | None = None) -> dict:
        builder = EnvironBuilder(method=method, path=f"/local-stack/idp/{path}", json=fields or {})
        answered, body = self.providers.control(path, Request(builder.get_environ()))
        assert answered == status if status else answered < 300, body
        return body

    def claims(self, token: str, audience: str | None) -> dict:
        """The claims, after the signature was checked with the keys that the issuer publishes."""
        issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
        keys = {key["kid"]: jwt.PyJWK(key) for key in self.providers.keys(issuer)["keys"]}
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return jwt.decode(token, key, ["RS256"], audience=audience, options={"verify_aud": audience is not None})


@pytest.fixture
def internet():
    return Internet()


def basic(client_id: str, secret: str) -> dict:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


class TestAuth0:
    TOKEN = f"https://{DOMAIN}/oauth/token"

    @pytest.fixture
    def client(self, internet):
        server = internet.control(
            "POST", f"auth0/{DOMAIN}/resource-servers", {"identifier": API, "token_lifetime": 600}
        )
        scopes = {"scopes": [{"name": "s3:write"}]}
        internet.control("PATCH", f"auth0/{DOMAIN}/resource-servers/{server['id']}", scopes)
        client = internet.control("POST", f"auth0/{DOMAIN}/clients", {"name": "web-01", "app_type": "non_interactive"})
        grant = {"client_id": client["client_id"], "audience": API, "scopes": ["s3:write"]}
        internet.control("POST", f"auth0/{DOMAIN}/client-grants", grant)
        return client

    def form(self, client: dict, **more) -> dict:
        usual = {
            "grant_type": "client_credentials",
            "client_id": client["client_id"],
            "client_secret": client["client_secret"],
            "audience": API,
        }
        return {name: value for name, value in (usual | more).items() if value is not None}

    def test_a_json_body_and_a_form_and_basic_give_the_same_token(self, internet, client):
        ways = [
            {"json": self.form(client)},
            {"data": self.form(client)},
            {
                "data": self.form(client, client_id=None, client_secret=None),
                "headers": basic(client["client_id"], client["client_secret"]),
            },
        ]
        for way in ways:
            status, body = internet.call("POST", self.TOKEN, **way)
            assert (status, body["token_type"], body["expires_in"], body["scope"]) == (200, "Bearer", 600, "s3:write")
            claims = internet.claims(body["access_token"], API)
            assert claims["iss"] == f"https://{DOMAIN}/"
            assert claims["sub"] == f"{client['client_id']}@clients"
            assert claims["aud"] == API
            assert claims["azp"] == client["client_id"]
            assert (claims["gty"], claims["scope"]) == ("client-credentials", "s3:write")
            assert claims["exp"] - claims["iat"] == 600

    @pytest.mark.parametrize(
        ("change", "status", "error", "words"),
        [
            ({"client_secret": "wrong"}, 401, "access_denied", "Unauthorized"),
            ({"client_secret": None}, 401, "access_denied", "Unauthorized"),
            ({"client_id": "nobody"}, 401, "access_denied", "Unauthorized"),
            ({"audience": None}, 403, "access_denied", "No audience parameter was provided"),
            ({"audience": "https://other"}, 403, "access_denied", "Service not found: https://other"),
            ({"grant_type": "password"}, 403, "unsupported_grant_type", "Unsupported grant type: password"),
            ({"grant_type": None}, 403, "invalid_request", "grant_type"),
        ],
    )
    def test_refusals(self, internet, client, change, status, error, words):
        answered, body = internet.call("POST", self.TOKEN, json=self.form(client, **change))
        assert (answered, body["error"]) == (status, error)
        assert words in body["error_description"]
        assert client["client_secret"] not in json.dumps(body)

    def test_a_client_without_a_grant_and_one_without_the_grant_type(self, internet, client):
        internet.control("POST", f"auth0/{DOMAIN}/resource-servers", {"identifier": "https://other"})
        status, body = internet.call("POST", self.TOKEN, json=self.form(client, audience="https://other"))
        assert (status, body["error"]) == (403, "access_denied")
        assert body["error_description"].startswith('Client is not authorized to access "https://other".')
        internet.control("PATCH", f"auth0/{DOMAIN}/clients/{client['id']}", {"grant_types": ["implicit"]})
        status, body = internet.call("POST", self.TOKEN, json=self.form(client))
        assert (status, body["error"]) == (403, "unauthorized_client")

    def test_the_rfc_9068_profile_names_the_client_in_client_id(self, internet, client):
        server = internet.control("GET", f"auth0/{DOMAIN}/resource-servers")["all"][0]
        profile = {"token_dialect": "rfc9068_profile"}
        internet.control("PATCH", f"auth0/{DOMAIN}/resource-servers/{server['id']}", profile)
        token = internet.call("POST", self.TOKEN, json=self.form(client))[1]["access_token"]
        claims = internet.claims(token, API)
        assert (claims["client_id"], claims["sub"]) == (client["client_id"], f"{client['client_id']}@clients")
        assert "azp" not in claims and "jti" in claims
        assert jwt.get_unverified_header(token)["typ"] == "at+jwt"

    def test_two_secrets_are_active_until_the_first_is_dropped(self, internet, client):
        added = internet.control("POST", f"auth0/{DOMAIN}/clients/{client['id']}/secrets")["client_secret"]
        for secret in (client["client_secret"], added):
            assert internet.call("POST", self.TOKEN, json=self.form(client, client_secret=secret))[0] == 200
        internet.control("DELETE", f"auth0/{DOMAIN}/clients/{client['id']}/secrets")
        assert internet.call("POST", self.TOKEN, json=self.form(client))[0] == 401
        assert internet.call("POST", self.TOKEN, json=self.form(client, client_secret=added))[0] == 200
        internet.control("DELETE", f"auth0/{DOMAIN}/clients/{client['id']}/secrets", status=409)

    def test_what_was_deleted_takes_its_grants_along(self, internet, client):
        grants = f"auth0/{DOMAIN}/client-grants"
        assert len(internet.control("GET", grants)["all"]) == 1
        internet.control("DELETE", f"auth0/{DOMAIN}/clients/{client['id']}")
        assert internet.control("GET", grants)["all"] == []
        assert internet.call("POST", self.TOKEN, json=self.form(client))[0] == 401
        internet.control("GET", f"auth0/{DOMAIN}/clients/{client['id']}", status=404)

    def test_registrations_that_the_management_api_refuses(self, internet, client):
        servers, grants = f"auth0/{DOMAIN}/resource-servers", f"auth0/{DOMAIN}/client-grants"
        internet.control("POST", servers, {"identifier": API}, status=409)
        internet.control("POST", servers, {}, status=400)
        again = {"client_id": client["client_id"], "audience": API}
        internet.control("POST", grants, again, status=409)
        internet.control("POST", grants, again | {"audience": "https://gone"}, status=404)
        grant = internet.control("GET", grants)["all"][0]
        refused = internet.control("PATCH", f"{grants}/{grant['id']}", {"scopes": ["s3:all"]}, status=400)
        assert "s3:all" in refused["error"]

    def test_discovery_leads_to_the_keys(self, internet, client):
        _, document = internet.call("GET", f"https://{DOMAIN}/.well-known/openid-configuration")
        assert document["issuer"] == f"https://{DOMAIN}/"
        assert internet.call("GET", document["jwks_uri"])[1] == internet.providers.keys(document["issuer"])

    def test_a_domain_that_nobody_made_is_not_there(self, internet):
        request = Request(EnvironBuilder(method="POST").get_environ())
        assert internet.providers.answer("other.eu.auth0.com", "/oauth/token", request) is None
        assert internet.providers.keys("https://other.eu.auth0.com/") is None


class TestEntra:
    TOKEN = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    ROLE = "00000000-0000-0000-0000-00000000000a"

    @pytest.fixture
    def api(self, internet):
        role = {"id": self.ROLE, "value": "Credentials.Vend", "allowed_member_types": ["Application"]}
        application = {
            "display_name": "credvend",
            "identifier_uris": ["api://credvend"],
            "app_role": [role],
            "api": [{"requested_access_token_version": 2}],
        }
        api = internet.control("POST", f"entra/{TENANT}/applications", application)
        principal = {"client_id": api["client_id"], "app_role_assignment_required": True}
        return api | {"principal": internet.control("POST", f"entra/{TENANT}/service-principals", principal)}

    @pytest.fixture
    def client(self, internet, api):
        application = internet.control("POST", f"entra/{TENANT}/applications", {"display_name": "web-01"})
        own = {"client_id": application["client_id"]}
        principal = internet.control("POST", f"entra/{TENANT}/service-principals", own)
        password = {"application_object_id": application["object_id"]}
        password = internet.control("POST", f"entra/{TENANT}/passwords", password)
        assignment = {
            "app_role_id": self.ROLE,
            "principal_object_id": principal["object_id"],
            "resource_object_id": api["principal"]["object_id"],
        }
        assignment = internet.control("POST", f"entra/{TENANT}/app-role-assignments", assignment)
        return {"application": application, "principal": principal, "password": password, "assignment": assignment}

    def form(self, client: dict, **more) -> dict:
        usual = {
            "grant_type": "client_credentials",
            "client_id": client["application"]["client_id"],
            "client_secret": client["password"]["value"],
            "scope": "api://credvend/.default",
        }
        return {name: value for name, value in (usual | more).items() if value is not None}

    def test_the_token_names_the_service_principal(self, internet, api, client):
        for scope in ("api://credvend/.default", f"{api['client_id']}/.default"):
            status, body = internet.call("POST", self.TOKEN, data=self.form(client, scope=scope))
            assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 3599)
            claims = internet.claims(body["access_token"], api["client_id"])
            assert claims["iss"] == f"https://login.microsoftonline.com/{TENANT}/v2.0"
            assert claims["sub"] == claims["oid"] == client["principal"]["object_id"]
            assert claims["azp"] == client["application"]["client_id"]
            assert (claims["roles"], claims["tid"], claims["ver"]) == (["Credentials.Vend"], TENANT, "2.0")
            assert "scp" not in claims

    def test_an_api_that_does_not_ask_for_version_2_gets_tokens_of_another_issuer(self, internet, api, client):
        internet.control("PATCH", f"entra/{TENANT}/applications/{api['id']}", {"api": []})
        _, body = internet.call("POST", self.TOKEN, data=self.form(client))
        claims = internet.claims(body["access_token"], "api://credvend")
        assert (claims["iss"], claims["ver"]) == (f"https://sts.windows.net/{TENANT}/", "1.0")

    @pytest.mark.parametrize(
        ("change", "status", "error", "code"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
            ({"client_secret": None}, 401, "invalid_client", 7000218),
            ({"client_id": str(uuid.uuid4())}, 400, "unauthorized_client", 700016),
            ({"scope": "api://other/.default"}, 400, "invalid_resource", 500011),
            ({"scope": "api://credvend/read"}, 400, "invalid_scope", 1002012),
            ({"scope": None}, 400, "invalid_request", 900144),
            ({"grant_type": None}, 400, "invalid_request", 900144),
            ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ],
    )
    def test_refusals(self, internet, client, change, status, error, code):
        answered, body = internet.call("POST", self.TOKEN, data=self.form(client, **change))
        assert (answered, body["error"], body["error_codes"]) == (status, error, [code])
        assert body["error_description"].startswith(f"AADSTS{code}: ")
        assert {"timestamp", "trace_id", "correlation_id"} <= set(body)
        assert client["password"]["value"] not in json.dumps(body)

    def test_an_unknown_tenant(self, internet):
        url = f"https://login.microsoftonline.com/{uuid.uuid4()}/oauth2/v2.0/token"
        assert internet.call("POST", url, data={})[1]["error_codes"] == [90002]

    def test_without_its_role_a_client_gets_no_token(self, internet, client):
        internet.control("DELETE", f"entra/{TENANT}/app-role-assignments/{client['assignment']['id']}")
        status, body = internet.call("POST", self.TOKEN, data=self.form(client))
        assert (status, body["error"], body["error_codes"]) == (400, "invalid_grant", [501051])

    def test_passwords_overlap_and_end(self, internet, client):
        passwords = f"entra/{TENANT}/passwords"
        application = {"application_object_id": client["application"]["object_id"]}
        second = internet.control("POST", passwords, application)
        assert internet.call("POST", self.TOKEN, data=self.form(client, client_secret=second["value"]))[0] == 200
        internet.control("DELETE", f"{passwords}/{client['password']['id']}")
        assert internet.call("POST", self.TOKEN, data=self.form(client))[1]["error_codes"] == [7000215]
        ended = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        begun = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        old = internet.control("POST", passwords, application | {"start_date": begun, "end_date": ended})
        answer = internet.call("POST", self.TOKEN, data=self.form(client, client_secret=old["value"]))
        assert (answer[0], answer[1]["error_codes"]) == (401, [7000222])

    def test_a_deleted_application_takes_everything_along(self, internet, client):
        internet.control("DELETE", f"entra/{TENANT}/applications/{client['application']['id']}")
        for collection in ("passwords", "app-role-assignments"):
            assert internet.control("GET", f"entra/{TENANT}/{collection}")["all"] == []
        assert len(internet.control("GET", f"entra/{TENANT}/service-principals")["all"]) == 1
        assert internet.call("POST", self.TOKEN, data=self.form(client))[1]["error_codes"] == [700016]

    def test_registrations_that_graph_refuses(self, internet, api, client):
        taken = {"display_name": "x", "identifier_uris": ["api://credvend"]}
        internet.control("POST", f"entra/{TENANT}/applications", taken, status=400)
        internet.control("POST", f"entra/{TENANT}/service-principals", {"client_id": api["client_id"]}, status=409)
        internet.control("POST", f"entra/{TENANT}/service-principals", {"client_id": "gone"}, status=400)
        again = {name: client["assignment"][name] for name in ("principal_object_id", "resource_object_id")}
        internet.control("POST", f"entra/{TENANT}/app-role-assignments", again | {"app_role_id": self.ROLE}, status=400)
        other = again | {"app_role_id": str(uuid.uuid4())}
        internet.control("POST", f"entra/{TENANT}/app-role-assignments", other, status=400)
        internet.control("GET", "entra/no-guid/applications", status=400)


class TestGitHub:
    def job(self, internet, **fields) -> dict:
        return internet.control("POST", "github/jobs", {"repository": "octo/app"} | fields, status=201)

    def token(self, internet, job: dict, audience: str | None = "sts.amazonaws.com", bearer: str | None = None):
        url = job["ACTIONS_ID_TOKEN_REQUEST_URL"]
        assert url.startswith("http://localhost/local-stack/internet/pipelines.actions.githubusercontent.com/")
        url = url.replace("http://localhost/local-stack/internet/", "https://")
        url += f"&audience={audience}" if audience else ""
        authorization = {"Authorization": f"Bearer {bearer or job['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
        return internet.call("GET", url, headers=authorization)

    @pytest.mark.parametrize(
        ("fields", "subject"),
        [
            ({}, "repo:octo/app:ref:refs/heads/main"),
            ({"ref": "refs/tags/v1"}, "repo:octo/app:ref:refs/tags/v1"),
            ({"environment": "prod"}, "repo:octo/app:environment:prod"),
            ({"event": "pull_request", "ref": "refs/pull/1/merge"}, "repo:octo/app:pull_request"),
            ({"owner_id": 7, "repository_id": 9}, "repo:octo@7/app@9:ref:refs/heads/main"),
            ({"owner_id": 7, "repository_id": 9, "environment": "prod"}, "repo:octo@7/app@9:environment:prod"),
        ],
    )
    def test_the_subject(self, internet, fields, subject):
        status, body = self.token(internet, self.job(internet, **fields))
        assert status == 200
        claims = internet.claims(body["value"], "sts.amazonaws.com")
        assert (claims["iss"], claims["sub"]) == ("https://token.actions.githubusercontent.com", subject)
        assert (claims["repository"], claims["repository_owner"]) == ("octo/app", "octo")
        assert claims["exp"] - claims["iat"] == 300

    def test_without_an_audience_it_is_the_owners_page(self, internet):
        _, body = self.token(internet, self.job(internet), audience=None)
        assert internet.claims(body["value"], None)["aud"] == "https://github.com/octo"

    def test_the_request_token_is_of_one_job(self, internet):
        first, second = self.job(internet), self.job(internet)
        assert self.token(internet, first, bearer="wrong")[0] == 401
        assert self.token(internet, first, bearer=second["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])[0] == 401

    def test_a_job_needs_a_repository(self, internet):
        internet.control("POST", "github/jobs", {}, status=400)
        internet.control("POST", "github/jobs", {"repository": "octo"}, status=400)
        internet.control("POST", "github/jobs", {"repository": "octo/app", "branch": "main"}, status=400)

    def test_discovery_leads_to_the_keys(self, internet):
        _, document = internet.call(
            "GET", "https://token.actions.githubusercontent.com/.well-known/openid-configuration"
        )
        assert internet.call("GET", document["jwks_uri"])[1] == internet.providers.keys(document["issuer"])


class TestOidc:
    ISSUER = "https://login.example.org/realms/one"
    TOKEN = f"{ISSUER}/token"

    @pytest.fixture
    def client(self, internet):
        assert internet.control("POST", "oidc", {"issuer": self.ISSUER, "name": "one"})["name"] == "one"
        client = {"client_id": "web 01:x", "audiences": [API], "scopes": ["read", "write"], "subject": "service-web-01"}
        return internet.control("POST", "oidc/one/clients", client)

    def post(self, internet, client: dict, **form) -> tuple[int, dict]:
        secret = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        usual = {"grant_type": "client_credentials"} | secret
        return internet.call("POST", self.TOKEN, data={k: v for k, v in (usual | form).items() if v is not None})

    def test_post_and_basic(self, internet, client):
        # RFC 6749 §2.3.1: the client_id is form-encoded before it goes into Basic.
        headers = basic("web+01%3Ax", client["client_secret"])
        answers = [
            self.post(internet, client),
            internet.call("POST", self.TOKEN, data={"grant_type": "client_credentials"}, headers=headers),
        ]
        for status, body in answers:
            assert (status, body["scope"]) == (200, "read write")
            claims = internet.claims(body["access_token"], API)
            assert (claims["iss"], claims["sub"], claims["aud"]) == (self.ISSUER, "service-web-01", API)
            assert claims["exp"] - claims["iat"] == body["expires_in"] == 3600

    @pytest.mark.parametrize(
        ("form", "status", "error"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"client_secret": None}, 401, "invalid_client"),
            ({"client_id": "nobody"}, 401, "invalid_client"),
            ({"scope": "read all"}, 400, "invalid_scope"),
            ({"audience": "https://other"}, 400, "invalid_target"),
            ({"grant_type": None}, 400, "invalid_request"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_refusals(self, internet, client, form, status, error):
        answered, body = self.post(internet, client, **form)
        assert (answered, body["error"]) == (status, error)

    def test_a_method_that_the_client_may_not_use(self, internet, client):
        only_basic = {"authentication_methods": ["client_secret_basic"]}
        internet.control("PATCH", f"oidc/one/clients/{client['id']}", only_basic)
        assert self.post(internet, client)[1]["error"] == "invalid_client"
        internet.control("PATCH", f"oidc/one/clients/{client['id']}", {"authentication_methods": ["magic"]}, status=400)

    def assertion(self, key, client: dict, **claims) -> dict:
        now = int(time.time())
        usual = {
            "iss": client["client_id"],
            "sub": client["client_id"],
            "aud": self.TOKEN,
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid.uuid4()),
        }
        token = jwt.encode({k: v for k, v in (usual | claims).items() if v is not None}, key, "RS256")
        return {"client_secret": None, "client_assertion_type": ASSERTION_TYPE, "client_assertion": token}

    def test_private_key_jwt(self, internet, client):
        key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        for public in (pem, jwk):
            internet.control("PATCH", f"oidc/one/clients/{client['id']}", {"public_keys": [public]})
            assert self.post(internet, client, **self.assertion(key, client))[0] == 200
        assert self.post(internet, client, client_id=None, **self.assertion(key, client))[0] == 200
        once = self.assertion(key, client)
        assert [self.post(internet, client, **once)[0] for _ in range(2)] == [200, 401]
        bad = [
            self.assertion(other, client),
            self.assertion(key, client, aud="https://elsewhere/token"),
            self.assertion(key, client, sub="another"),
            self.assertion(key, client, exp=int(time.time()) - 60),
            self.assertion(key, client, exp=int(time.time()) + 86400),
            self.assertion(key, client, exp=None),
            self.assertion(key, client, jti=None),
        ]
        for form in bad:
            assert self.post(internet, client, **form)[1]["error"] == "invalid_client"

    def test_discovery_leads_to_everything(self, internet, client):
        _, document = internet.call("GET", f"{self.ISSUER}/.well-known/openid-configuration")
        assert (document["issuer"], document["token_endpoint"]) == (self.ISSUER, self.TOKEN)
        assert internet.call("GET", document["jwks_uri"])[1] == internet.providers.keys(self.ISSUER)

    def test_an_issuer_may_have_its_loopback_address_as_its_name(self, internet):
        issuer = "http://127.0.0.1:8080/local-stack/internet/two.example.org"
        internet.control("POST", "oidc", {"issuer": issuer, "name": "two"})
        _, document = internet.call("GET", "https://two.example.org/.well-known/openid-configuration")
        assert (document["issuer"], document["token_endpoint"]) == (issuer, f"{issuer}/token")

    def test_issuers_that_cannot_be(self, internet, client):
        internet.control("POST", "oidc", {}, status=400)
        internet.control("POST", "oidc", {"issuer": "login.example.org"}, status=400)
        internet.control("POST", "oidc", {"issuer": "https://other.example.org", "name": "one"}, status=409)
        internet.control("POST", "oidc/gone/clients", {}, status=404)


class TestOverrides:
    @pytest.fixture
    def token(self, internet):
        internet.control("POST", "oidc", {"issuer": TestOidc.ISSUER, "name": "one"})
        client = internet.control("POST", "oidc/one/clients", {"client_id": "web-01", "audiences": [API]})
        form = {"grant_type": "client_credentials", "client_id": "web-01", "client_secret": client["client_secret"]}

        def fetch() -> dict:
            body = internet.call("POST", TestOidc.TOKEN, data=form)[1]
            return jwt.decode(body["access_token"], options={"verify_signature": False})

        return fetch

    def test_one_claim_is_changed_until_it_is_not(self, internet, token):
        for claims in ({"aud": "other"}, {"sub": "another"}, {"iss": "https://evil"}, {"aud": None}):
            internet.control("POST", "overrides", {"issuer": TestOidc.ISSUER, "claims": claims}, status=201)
            name, value = next(iter(claims.items()))
            assert token().get(name) == value
            internet.control("DELETE", "overrides")
            assert token()["aud"] == API

    def test_only_the_named_client_is_meant(self, internet, token):
        order = {"issuer": TestOidc.ISSUER, "client_id": "web-02", "claims": {"aud": "other"}}
        internet.control("POST", "overrides", order)
        assert token()["aud"] == API

    def test_lifetimes(self, internet, token):
        internet.settings.change({"token_lifetime_seconds": 5})
        claims = token()
        assert claims["exp"] - claims["iat"] == 5
        internet.control("POST", "overrides", {"issuer": TestOidc.ISSUER, "lifetime_seconds": -60})
        claims = token()
        assert claims["exp"] - claims["iat"] == -60

    def test_an_issuer_that_is_not_there(self, internet):
        internet.control("POST", "overrides", {"issuer": "https://gone", "claims": {}}, status=404)
        internet.control("GET", "nowhere", status=404)
