"""Cognito's token endpoint (RFC 6749 §4.4) for the app clients that exist in moto's pools."""

import time
import uuid
from dataclasses import dataclass

import jwt
from moto.cognitoidp.models import CognitoIdpUserPool, CognitoIdpUserPoolClient, cognitoidp_backends
from moto.core import DEFAULT_ACCOUNT_ID
from werkzeug.wrappers import Request

from .client_secrets import ClientSecrets
from .settings import Settings
from .signing_keys import SigningKeys

UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
# grant_type -> the flow that the app client must be allowed.
FLOWS = {"client_credentials": "client_credentials", "authorization_code": "code", "refresh_token": "code"}


@dataclass
class Answer:
    """Status and JSON body, and what the request log may hold of it."""

    status: int
    body: dict
    detail: dict


class TokenEndpoint:
    """`POST /oauth2/token`."""

    def __init__(self, region: str, keys: SigningKeys, settings: Settings) -> None:
        self._region = region
        self._keys = keys
        self._settings = settings
        self.secrets = ClientSecrets()

    def answer(self, request: Request, pool: CognitoIdpUserPool | None = None) -> Answer:
        """`pool` is the one whose domain was asked; without it any pool's client will do."""
        if request.method != "POST":
            return _refused(405, "invalid_request", {})
        form = request.form
        basic = request.authorization if request.authorization and request.authorization.type == "basic" else None
        client_id = (basic.username if basic else form.get("client_id")) or ""
        secret = (basic.password if basic else form.get("client_secret")) or ""
        detail = {"client_id": client_id, "scope": form.get("scope"), "authentication": "basic" if basic else "body"}
        grant = form.get("grant_type")
        if not grant:
            return _refused(400, "invalid_request", detail)
        if grant not in FLOWS:
            return _refused(400, "unsupported_grant_type", detail)
        client = pool.clients.get(client_id) if pool else self._client(client_id)
        if client is None or not self.secrets.accepts(client, secret):
            return _refused(400, "invalid_client", detail)
        config = client.extended_config
        if FLOWS[grant] not in (config.get("AllowedOAuthFlows") or []):
            return _refused(400, "unauthorized_client", detail)
        if grant != "client_credentials":
            # Nobody signs in here, so no code and no refresh token is ever a good one.
            return _refused(400, "invalid_grant", detail)
        # A scope that was deleted from its resource server since is worth nothing.
        known = scopes_of(pool or self._pool(client.user_pool_id))
        allowed = [scope for scope in config.get("AllowedOAuthScopes") or [] if scope in known]
        scopes = (form.get("scope") or "").split() or allowed
        if not scopes or not set(scopes) <= set(allowed):
            return _refused(400, "invalid_scope", detail)
        return self._token(client, scopes, detail)

    def _client(self, client_id: str) -> CognitoIdpUserPoolClient | None:
        pools = list(cognitoidp_backends[DEFAULT_ACCOUNT_ID][self._region].user_pools.values())
        return next((pool.clients[client_id] for pool in pools if client_id in pool.clients), None)

    def _pool(self, pool_id: str) -> CognitoIdpUserPool:
        return cognitoidp_backends[DEFAULT_ACCOUNT_ID][self._region].user_pools[pool_id]

    def _token(self, client: CognitoIdpUserPoolClient, scopes: list[str], detail: dict) -> Answer:
        now = int(time.time())
        lifetime = self._lifetime(client)
        key = self._keys.signing(client.user_pool_id)
        claims = {
            "sub": client.id,
            "token_use": "access",
            "scope": " ".join(scopes),
            "auth_time": now,
            # A pool's id begins with its region.
            "iss": f"https://cognito-idp.{client.user_pool_id.split('_')[0]}.amazonaws.com/{client.user_pool_id}",
            "exp": now + lifetime,
            "iat": now,
            "version": 2,
            "jti": str(uuid.uuid4()),
            "client_id": client.id,
        }
        # Cognito's header holds kid and alg and no typ.
        token = jwt.encode(claims, key.private, "RS256", headers={"kid": key.key_id, "typ": None})
        body = {"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}
        return Answer(200, body, detail | {"granted": claims["scope"], "jti": claims["jti"]})

    def _lifetime(self, client: CognitoIdpUserPoolClient) -> int:
        if self._settings.token_lifetime_seconds is not None:
            return int(self._settings.token_lifetime_seconds)
        config = client.extended_config
        unit = (config.get("TokenValidityUnits") or {}).get("AccessToken", "hours")
        return int(config.get("AccessTokenValidity") or 0) * UNIT_SECONDS[unit] or 3600


def scopes_of(pool: CognitoIdpUserPool) -> set[str]:
    """The custom scopes that a pool's clients can be allowed."""
    return {
        f"{server.identifier}/{scope['ScopeName']}"
        for server in pool.resource_servers.values()
        for scope in server.scopes or []
    }


def _refused(status: int, error: str, detail: dict) -> Answer:
    return Answer(status, {"error": error}, detail | {"error": error})
