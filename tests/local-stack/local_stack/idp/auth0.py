"""An Auth0 tenant: `https://DOMAIN/oauth/token` and what the tenant has registered."""

import secrets
import string

from werkzeug.wrappers import Request

from .client_authentication import Assertions, Credentials, new_secret, parameters, presented, secret_matches
from .issuer import Issuers, Reply, token_id
from .registry import Collection, Refused, require

GRANT_HELP = (
    'You need to create a "client-grant" associated to this API. '
    "See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants"
)
DEFAULT_GRANT_TYPES = ["authorization_code", "implicit", "refresh_token", "client_credentials"]
ALPHABET = string.ascii_letters + string.digits


class ResourceServers(Collection):
    kind = "resource server"
    defaults = {
        "scopes": [],
        "signing_alg": "RS256",
        "token_lifetime": 86400,
        "token_lifetime_for_web": 7200,
        "allow_offline_access": False,
        "skip_consent_for_verifiable_first_party_clients": True,
        "enforce_policies": False,
        "is_system": False,
    }

    def __init__(self, grants: "ClientGrants") -> None:
        super().__init__()
        self._grants = grants

    def complete(self, fields: dict) -> dict:
        require(fields, "identifier")
        if self.find(identifier=fields["identifier"]):
            raise Refused(409, f"a resource server with identifier {fields['identifier']} already exists")
        return self.defaults | fields | {"id": secrets.token_hex(12)}

    def deleted(self, thing: dict) -> None:
        self._grants.delete_where(audience=thing["identifier"])


class Clients(Collection):
    kind = "client"
    defaults = {
        "is_first_party": True,
        "is_token_endpoint_ip_header_trusted": False,
        "oidc_conformant": False,
        "custom_login_page_on": True,
        "grant_types": DEFAULT_GRANT_TYPES,
    }

    def __init__(self, grants: "ClientGrants") -> None:
        super().__init__()
        self._grants = grants

    def complete(self, fields: dict) -> dict:
        require(fields, "name")
        client_id = "".join(secrets.choice(ALPHABET) for _ in range(32))
        machine = fields.get("app_type") == "non_interactive"
        usual = {
            "token_endpoint_auth_method": "client_secret_post" if machine else "none",
            "client_secret": new_secret(),
            "signing_keys": [],
        }
        if machine:
            usual["grant_types"] = ["client_credentials"]
        return self.defaults | usual | fields | {"id": client_id, "client_id": client_id}

    def deleted(self, thing: dict) -> None:
        self._grants.delete_where(client_id=thing["client_id"])


class ClientGrants(Collection):
    kind = "client grant"
    defaults = {"scopes": [], "subject_type": "client", "is_system": False}
    # Set by the tenant; a grant is nothing without both.
    resource_servers: ResourceServers
    clients: Clients

    def complete(self, fields: dict) -> dict:
        require(fields, "client_id", "audience")
        self.clients.read(fields["client_id"])
        grant = self.defaults | fields
        self.check(grant)
        if self.find(client_id=grant["client_id"], audience=grant["audience"]):
            raise Refused(409, f"a client grant of {grant['client_id']} for {grant['audience']} already exists")
        return grant | {"id": f"cgr_{secrets.token_hex(8)}"}

    def check(self, changed: dict) -> None:
        server = self.resource_servers.find(identifier=changed["audience"])
        if server is None:
            raise Refused(404, f"there is no resource server {changed['audience']}")
        unknown = set(changed["scopes"]) - {scope["name"] for scope in server["scopes"]}
        if unknown:
            raise Refused(400, f"{server['identifier']} has no scope {', '.join(sorted(unknown))}")


class Auth0Tenant:
    """One domain."""

    def __init__(self, domain: str, issuers: Issuers) -> None:
        # The trailing slash is part of Auth0's issuer.
        self.issuer = f"https://{domain}/"
        self._issuers = issuers
        self._assertions = Assertions()
        issuers.add(self.issuer)
        grants = ClientGrants()
        self.resource_servers, self.clients, self.grants = ResourceServers(grants), Clients(grants), grants
        grants.resource_servers, grants.clients = self.resource_servers, self.clients
        self.collections = {"resource-servers": self.resource_servers, "clients": self.clients, "client-grants": grants}

    def answer(self, path: str, request: Request) -> Reply | None:
        if path == "/oauth/token" and request.method == "POST":
            return self._token(request)
        if path == "/.well-known/jwks.json":
            return Reply(200, self._issuers.jwks(self.issuer))
        if path == "/.well-known/openid-configuration":
            return Reply(200, self._discovery())
        return None

    def _discovery(self) -> dict:
        return {
            "issuer": self.issuer,
            "token_endpoint": f"{self.issuer}oauth/token",
            "jwks_uri": f"{self.issuer}.well-known/jwks.json",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _token(self, request: Request) -> Reply:
        form = parameters(request, takes_json=True)
        credentials = presented(request, form)
        audience = form.get("audience", "")
        detail = {"client_id": credentials.client_id, "audience": audience, "authentication": credentials.method}
        grant_type = form.get("grant_type")
        if grant_type is None:
            return _refused(403, "invalid_request", "Missing required parameter: grant_type", detail)
        if grant_type != "client_credentials":
            return _refused(403, "unsupported_grant_type", f"Unsupported grant type: {grant_type}", detail)
        client = self.clients.find(client_id=credentials.client_id)
        refusal = "Unauthorized" if client is None else self._refused_credentials(client, credentials, request)
        if refusal:
            return _refused(401, *refusal, detail) if isinstance(refusal, tuple) else _denied(401, refusal, detail)
        if "client_credentials" not in client["grant_types"]:
            return _refused(
                403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client.", detail
            )
        if not audience:
            return _denied(
                403, "No audience parameter was provided, and no default audience has been configured", detail
            )
        server = self.resource_servers.find(identifier=audience)
        if server is None:
            return _denied(403, f"Service not found: {audience}", detail)
        grant = self.grants.find(client_id=client["client_id"], audience=audience)
        if grant is None:
            return _denied(403, f'Client is not authorized to access "{audience}". {GRANT_HELP}', detail)
        return self._issue(client, server, grant, detail)

    def _refused_credentials(self, client: dict, credentials: Credentials, request: Request) -> str | tuple | None:
        if client["token_endpoint_auth_method"] == "private_key_jwt":
            audiences = [self.issuer, f"{self.issuer}oauth/token", request.base_url]
            reason = self._assertions.refusal(credentials, client.get("public_keys", []), audiences)
            return ("invalid_client", f"Client assertion is not valid: {reason}") if reason else None
        active = [client["client_secret"], *client.get("added_secrets", [])]
        # Auth0 lets a confidential client send its secret either way.
        confidential = client["token_endpoint_auth_method"] in ("client_secret_post", "client_secret_basic")
        return None if confidential and secret_matches(credentials, active) else "Unauthorized"

    def _issue(self, client: dict, server: dict, grant: dict, detail: dict) -> Reply:
        scope = " ".join(grant["scopes"])
        claims = {"sub": f"{client['client_id']}@clients", "aud": server["identifier"], "scope": scope or None}
        # Auth0's own token profile names the client in azp, its RFC 9068 profile in client_id.
        rfc9068 = (server.get("token_dialect") or "").startswith("rfc9068_profile")
        if rfc9068:
            claims |= {"client_id": client["client_id"], "jti": token_id()}
        else:
            claims |= {"azp": client["client_id"], "gty": "client-credentials"}
        token, lifetime = self._issuers.sign(
            self.issuer, client["client_id"], claims, server["token_lifetime"], "at+jwt" if rfc9068 else "JWT"
        )
        body = {"access_token": token, "scope": scope, "expires_in": lifetime, "token_type": "Bearer"}
        return Reply(200, body if scope else {k: v for k, v in body.items() if k != "scope"}, detail)


def _denied(status: int, description: str, detail: dict) -> Reply:
    return _refused(status, "access_denied", description, detail)


def _refused(status: int, error: str, description: str, detail: dict) -> Reply:
    return Reply(status, {"error": error, "error_description": description}, detail | {"error": error})
