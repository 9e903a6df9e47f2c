"""A generic OIDC issuer: discovery, JWKS, and a token endpoint for client_credentials."""

import uuid
from urllib.parse import urlparse

from werkzeug.wrappers import Request

from .client_authentication import Assertions, new_secret, parameters, presented, secret_matches
from .issuer import Issuers, Reply, token_id
from .registry import Collection, Refused, require

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
METHODS = (*SECRET_METHODS, "private_key_jwt")
INTERNET = "/local-stack/internet/"


class OidcClients(Collection):
    kind = "client"
    defaults = {"scopes": [], "audiences": [], "authentication_methods": list(METHODS), "token_lifetime": 3600}

    def complete(self, fields: dict) -> dict:
        client_id = fields.get("client_id") or str(uuid.uuid4())
        if self.find(client_id=client_id):
            raise Refused(409, f"client {client_id} exists already")
        client = self.defaults | {"client_secret": new_secret(), "subject": client_id} | fields
        self.check(client)
        return client | {"id": client_id, "client_id": client_id}

    def check(self, changed: dict) -> None:
        unknown = set(changed["authentication_methods"]) - set(METHODS)
        if unknown:
            raise Refused(400, f"authentication_methods: {', '.join(unknown)}: not one of {', '.join(METHODS)}")


class OidcIssuer:
    """One issuer URL, with a path or without."""

    def __init__(self, issuer: str, issuers: Issuers) -> None:
        self.issuer = issuer
        self._issuers = issuers
        self._assertions = Assertions()
        issuers.add(issuer)
        self.clients = OidcClients()
        self.collections = {"clients": self.clients}
        url = urlparse(issuer)
        # An issuer may also be named by its loopback address in this stack, for programs that discover it there.
        place = url.path.removeprefix(INTERNET) if url.path.startswith(INTERNET) else url.netloc + url.path
        self.place = place.rstrip("/")

    def answer(self, path: str, request: Request) -> Reply | None:
        if path == "/.well-known/openid-configuration":
            return Reply(200, self._discovery())
        if path == "/jwks":
            return Reply(200, self._issuers.jwks(self.issuer))
        if path == "/token" and request.method == "POST":
            return self._token(request)
        return None

    def _discovery(self) -> dict:
        base = self.issuer.rstrip("/")
        return {
            "issuer": self.issuer,
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": list(METHODS),
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _token(self, request: Request) -> Reply:
        form = parameters(request)
        credentials = presented(request, form)
        detail = {
            "client_id": credentials.client_id,
            "scope": form.get("scope"),
            "authentication": credentials.method,
        }
        client = self.clients.find(client_id=credentials.client_id)
        if client is None or credentials.method not in client["authentication_methods"]:
            return _refused(401, "invalid_client", "client authentication failed", detail)
        if credentials.method == "private_key_jwt":
            audiences = [self.issuer, f"{self.issuer.rstrip('/')}/token", request.base_url]
            reason = self._assertions.refusal(credentials, client.get("public_keys", []), audiences)
            if reason:
                return _refused(401, "invalid_client", f"client assertion: {reason}", detail)
        elif not secret_matches(credentials, [client["client_secret"], *client.get("added_secrets", [])]):
            return _refused(401, "invalid_client", "client authentication failed", detail)
        if not form.get("grant_type"):
            return _refused(400, "invalid_request", "missing required parameter grant_type", detail)
        if form["grant_type"] != "client_credentials":
            return _refused(400, "unsupported_grant_type", "only client_credentials", detail)
        return self._issue(client, form, detail)

    def _issue(self, client: dict, form: dict, detail: dict) -> Reply:
        scopes = (form.get("scope") or "").split() or client["scopes"]
        if not set(scopes) <= set(client["scopes"]):
            return _refused(400, "invalid_scope", "requested scope is not allowed", detail)
        # RFC 8707 calls it resource; many issuers call it audience.
        wanted = form.get("audience") or form.get("resource")
        if wanted and wanted not in client["audiences"]:
            return _refused(400, "invalid_target", f"{wanted}: no such audience for this client", detail)
        audiences = [wanted] if wanted else client["audiences"]
        claims = {
            "sub": client["subject"],
            "aud": audiences[0] if len(audiences) == 1 else audiences or None,
            "azp": client["client_id"],
            "client_id": client["client_id"],
            "scope": " ".join(scopes) or None,
            "jti": token_id(),
        } | client.get("claims", {})
        token, lifetime = self._issuers.sign(self.issuer, client["client_id"], claims, client["token_lifetime"])
        body = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
        return Reply(200, body | ({"scope": claims["scope"]} if scopes else {}), detail)


def new_issuer(fields: dict, issuers: Issuers) -> OidcIssuer:
    require(fields, "issuer")
    url = urlparse(fields["issuer"])
    if url.scheme not in ("https", "http") or not url.netloc or url.query or url.fragment:
        raise Refused(400, "issuer: a URL without query and fragment (OpenID Connect Discovery 1.0 §3)")
    return OidcIssuer(fields["issuer"], issuers)


def _refused(status: int, error: str, description: str, detail: dict) -> Reply:
    return Reply(status, {"error": error, "error_description": description}, detail | {"error": error})
