"""The identity providers outside AWS: what they answer on the internet, and how a test or Terraform fills them."""

import re
import threading

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request

from ..settings import Settings
from ..signing_keys import SigningKeys
from . import entra, github
from .auth0 import Auth0Tenant
from .client_authentication import new_secret
from .entra import EntraTenant
from .github import GitHubActions
from .issuer import Issuers, Override, Reply
from .oidc import OidcIssuer, new_issuer
from .registry import Collection, Refused, require

__all__ = ["IdentityProviders"]

Result = tuple[int, dict]
TENANT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


class IdentityProviders:
    """Auth0 and Entra ID tenants, GitHub Actions, generic issuers; a tenant is there once something is made in it."""

    def __init__(self, keys: SigningKeys, settings: Settings) -> None:
        self._issuers = Issuers(keys, settings)
        self._auth0: dict[str, Auth0Tenant] = {}
        self._entra: dict[str, EntraTenant] = {}
        self._oidc: dict[str, OidcIssuer] = {}
        self._github = GitHubActions(self._issuers)
        self._lock = threading.Lock()

    def keys(self, issuer: str) -> dict | None:
        """The issuer's JWKS, when it is one of these."""
        return self._issuers.jwks(issuer) if issuer in self._issuers.known else None

    def answer(self, host: str, path: str, request: Request) -> Reply | None:
        """What `https://HOST/PATH` answers; None when nobody here has that address."""
        path = "/" + path.lstrip("/")
        if host == entra.HOST:
            return self._answer_entra(path, request)
        if host in ("token.actions.githubusercontent.com", github.RUNNER_HOST):
            return self._github.answer(host, path, request)
        for issuer in self._oidc.values():
            if (host + path).startswith(issuer.place + "/"):
                return issuer.answer((host + path).removeprefix(issuer.place), request)
        tenant = self._auth0.get(host)
        return tenant.answer(path, request) if tenant else None

    def control(self, path: str, request: Request) -> Result:
        """`/local-stack/idp/PATH`."""
        try:
            return self._control(request.method, path.strip("/").split("/"), request)
        except Refused as error:
            return error.status, {"error": str(error)}

    def _answer_entra(self, path: str, request: Request) -> Reply | None:
        _, tenant_id, *rest = path.split("/")
        tenant = self._entra.get(tenant_id)
        return tenant.answer("/" + "/".join(rest), request) if tenant else entra.unknown_tenant(tenant_id)

    def _control(self, method: str, path: list[str], request: Request) -> Result:
        match method, path:
            case "POST", ["overrides"]:
                return self._override(_json(request))
            case "DELETE", ["overrides"]:
                self._issuers.overrides.clear()
                return 200, {}
            case "POST", ["github", "jobs"]:
                return 201, self._github.start(_json(request), request.host_url.rstrip("/"))
            case "POST", ["oidc"]:
                return self._new_oidc(_json(request))
            case "GET", []:
                return 200, {}
            case _, [("auth0" | "entra" | "oidc") as kind, tenant, name, *rest]:
                return self._on_collection(method, self._collection(kind, tenant, name), rest, request)
        raise Refused(404, f"{method} {request.path}: no such route of the identity providers")

    def _override(self, fields: dict) -> Result:
        require(fields, "issuer")
        if fields["issuer"] not in self._issuers.known:
            raise Refused(
                404, f"there is no issuer {fields['issuer']}; known: {', '.join(sorted(self._issuers.known))}"
            )
        override = Override(
            fields["issuer"], fields.get("client_id"), fields.get("claims", {}), fields.get("lifetime_seconds")
        )
        self._issuers.overrides.append(override)
        return 201, {}

    def _new_oidc(self, fields: dict) -> Result:
        issuer = new_issuer(fields, self._issuers)
        with self._lock:
            name = fields.get("name") or f"issuer-{len(self._oidc) + 1}"
            if name in self._oidc:
                raise Refused(409, f"an issuer named {name} exists already")
            self._oidc[name] = issuer
        return 201, {"name": name, "issuer": issuer.issuer}

    def _collection(self, kind: str, tenant: str, name: str) -> Collection:
        with self._lock:
            if kind == "oidc":
                place = self._oidc.get(tenant)
                if place is None:
                    raise Refused(404, f"there is no issuer named {tenant}; POST /local-stack/idp/oidc makes one")
            elif kind == "auth0":
                if not DOMAIN.fullmatch(tenant):
                    raise Refused(400, f"{tenant}: not a domain like example.eu.auth0.com")
                place = self._auth0.get(tenant) or self._auth0.setdefault(tenant, Auth0Tenant(tenant, self._issuers))
            else:
                if not TENANT_ID.fullmatch(tenant):
                    raise Refused(400, f"{tenant}: not a tenant id (a GUID in lower case)")
                place = self._entra.get(tenant) or self._entra.setdefault(tenant, EntraTenant(tenant, self._issuers))
        if name not in place.collections:
            raise Refused(404, f"{kind} has no {name}, only {', '.join(place.collections)}")
        return place.collections[name]

    def _on_collection(self, method: str, collection: Collection, rest: list[str], request: Request) -> Result:
        match method, rest:
            case "POST", []:
                return 201, collection.create(_json(request))
            case "GET", []:
                return 200, {"all": collection.all()}
            case "GET", [identifier]:
                return 200, collection.read(identifier)
            case "PATCH", [identifier]:
                return 200, collection.update(identifier, _json(request))
            case "DELETE", [identifier]:
                collection.delete(identifier)
                return 200, {}
            case "POST", [identifier, "secrets"]:
                added = [*collection.read(identifier).get("added_secrets", []), new_secret()]
                collection.update(identifier, {"added_secrets": added})
                return 201, {"client_secret": added[-1]}
            case "DELETE", [identifier, "secrets"]:
                return 200, _drop_first_secret(collection, identifier)
        raise Refused(405, f"{method} {request.path}: not with this method")


def _drop_first_secret(collection: Collection, identifier: str) -> dict:
    added = collection.read(identifier).get("added_secrets", [])
    if not added:
        raise Refused(409, "the client has one secret; POST …/secrets adds the second")
    collection.update(identifier, {"client_secret": added[0], "added_secrets": added[1:]})
    return {}


def _json(request: Request) -> dict:
    try:
        fields = request.get_json(force=True)
    except BadRequest as error:
        raise Refused(400, f"the body is not JSON: {error.description}") from error
    if not isinstance(fields, dict):
        raise Refused(400, "the body must be a JSON object")
    return fields
