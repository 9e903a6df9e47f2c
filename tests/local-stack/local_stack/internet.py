"""What `https://HOST/PATH` answers, asked at `/local-stack/internet/HOST/PATH`: Cognito, the APIs that exist in API
Gateway, and the identity providers outside AWS.
"""

import json
import re

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.cognitoidp.models import CognitoIdpUserPool, cognitoidp_backends
from moto.core import DEFAULT_ACCOUNT_ID
from werkzeug.wrappers import Request, Response

from .http_api import HttpApi
from .idp import IdentityProviders
from .oauth import TokenEndpoint
from .operation import Call
from .signing_keys import SigningKeys

PREFIX = "/local-stack/internet/"
REGION = r"[a-z]{2}(?:-[a-z]+)+-\d"
POOLS = re.compile(rf"cognito-idp\.({REGION})\.amazonaws\.com")
POOL_DOMAIN = re.compile(rf"([a-z0-9-]+)\.auth\.({REGION})\.amazoncognito\.com")
EXECUTE_API = re.compile(rf"([a-z0-9]+)\.execute-api\.({REGION})\.amazonaws\.com")


class Internet:
    """Every host that somebody has in this world."""

    def __init__(
        self, region: str, keys: SigningKeys, tokens: TokenEndpoint, http_api: HttpApi, providers: IdentityProviders
    ) -> None:
        self._region = region
        self._keys = keys
        self._tokens = tokens
        self._http_api = http_api
        self._providers = providers

    def describe(self, request: Request) -> Call:
        """The request's name in the request log and for faults; the names are those of the stack's own routes."""
        host, path = _place(request)
        if path == "/oauth2/token" and self._pool_of(host):
            return Call("cognito:token")
        if POOLS.fullmatch(host) and path.endswith("/.well-known/jwks.json"):
            return Call("jwks")
        if POOLS.fullmatch(host) and path.endswith("/.well-known/openid-configuration"):
            return Call("openid-configuration")
        if self._api_of(host):
            return Call(f"http-api:{request.method} {path}", detail={"host": host})
        return Call(f"internet:{request.method} {host}{path}")

    def answer(self, request: Request, call: Call) -> Response:
        host, path = _place(request)
        pool = self._pool_of(host)
        if pool:
            return self._answer_domain(pool, path, request, call)
        pools = POOLS.fullmatch(host)
        if pools:
            return self._answer_pools(pools[1], path)
        api = self._api_of(host)
        if api:
            return self._http_api.answer(*api, host, path, request, call)
        reply = self._providers.answer(host, path, request)
        if reply is None:
            return _json(404, {"error": f"nobody here is https://{host}{path}"})
        call.detail |= getattr(reply, "detail", {})
        return reply

    def _answer_domain(self, pool: CognitoIdpUserPool, path: str, request: Request, call: Call) -> Response:
        if path != "/oauth2/token":
            return _json(404, {"error": f"{path}: the local stack has the token endpoint of a user pool's domain only"})
        answer = self._tokens.answer(request, pool)
        call.detail |= answer.detail
        return _json(answer.status, answer.body)

    def _answer_pools(self, region: str, path: str) -> Response:
        pool_id, _, document = path.lstrip("/").partition("/")
        if pool_id not in cognitoidp_backends[DEFAULT_ACCOUNT_ID][region].user_pools:
            return _json(404, {"message": f"User pool {pool_id} does not exist."})
        issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool_id}"
        if document == ".well-known/jwks.json":
            return _json(200, self._keys.jwks(pool_id))
        if document == ".well-known/openid-configuration":
            return _json(200, {"issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks.json"})
        return _json(404, {"message": "Not Found"})

    def _pool_of(self, host: str) -> CognitoIdpUserPool | None:
        """The pool whose domain this is: a prefix of Cognito's, or a host of the pool's own."""
        prefix = POOL_DOMAIN.fullmatch(host)
        domain, region = prefix.groups() if prefix else (host, self._region)
        backend = cognitoidp_backends[DEFAULT_ACCOUNT_ID][region]
        found = backend.user_pool_domains.get(domain)
        if found is None or bool(prefix) == bool(found.custom_domain_config.get("CertificateArn")):
            return None
        return backend.user_pools.get(found.user_pool_id)

    def _api_of(self, host: str) -> tuple | None:
        """(API, the base path that is mapped to it, the stage or None when the path names it)."""
        own = EXECUTE_API.fullmatch(host)
        backend = apigatewayv2_backends[DEFAULT_ACCOUNT_ID][own[2] if own else self._region]
        if own:
            api = backend.apis.get(own[1])
            return (api, None) if api and not api.disable_execute_api_endpoint else None
        mappings = [one for one in backend.api_mappings.values() if one.domain_name == host]
        # API mappings with a key below the domain are not modelled: nothing here makes one.
        root = next((one for one in mappings if not one.api_mapping_key), None)
        api = root and backend.apis.get(root.api_id)
        return (api, root.stage) if api else None


def _place(request: Request) -> tuple[str, str]:
    host, _, path = request.path.removeprefix(PREFIX).partition("/")
    return host.lower(), f"/{path}"


def _json(status: int, body: dict) -> Response:
    return Response(json.dumps(body), status, {"Cache-Control": "no-store"}, content_type="application/json")
