"""An Entra ID tenant: `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token` and what it has registered."""

import re
import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta

from werkzeug.wrappers import Request

from .client_authentication import Assertions, Credentials, new_secret, parameters, presented, secret_matches
from .issuer import Issuers, Reply, token_id
from .registry import Collection, Refused, require

HOST = "login.microsoftonline.com"
# The role of a principal that is assigned without a role of its own (azuread_app_role_assignment).
DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"
# Entra picks 60 to 90 minutes; the shortest is the one to be ready for.
LIFETIME_SECONDS = 3599
# Two years, as Microsoft Graph's addPassword gives when no end is named.
PASSWORD_DAYS = 730


class Applications(Collection):
    kind = "application"
    defaults = {"sign_in_audience": "AzureADMyOrg", "identifier_uris": [], "app_role": [], "api": [], "owners": []}

    def __init__(self, tenant: "EntraTenant") -> None:
        super().__init__()
        self._tenant = tenant

    def complete(self, fields: dict) -> dict:
        require(fields, "display_name")
        self.check(fields)
        object_id = str(uuid.uuid4())
        own = {"id": object_id, "object_id": object_id, "client_id": str(uuid.uuid4())}
        return self.defaults | {"publisher_domain": "example.onmicrosoft.com"} | fields | own

    def check(self, changed: dict) -> None:
        for uri in changed.get("identifier_uris") or []:
            other = next((app for app in self.all() if uri in app["identifier_uris"]), None)
            if other and other["object_id"] != changed.get("object_id"):
                raise Refused(
                    400, f"another object with the same value for property identifierUris already exists: {uri}"
                )

    def deleted(self, thing: dict) -> None:
        self._tenant.passwords.delete_where(application_object_id=thing["object_id"])
        self._tenant.principals.delete_where(client_id=thing["client_id"])

    def by_resource(self, resource: str) -> dict | None:
        """The application that a scope's `<resource>/.default` means: its GUID or one of its identifier URIs."""
        return next(
            (app for app in self.all() if resource == app["client_id"] or resource in app["identifier_uris"]), None
        )


class ServicePrincipals(Collection):
    kind = "service principal"
    defaults = {"account_enabled": True, "app_role_assignment_required": False, "owners": [], "tags": []}

    def __init__(self, tenant: "EntraTenant") -> None:
        super().__init__()
        self._tenant = tenant

    def complete(self, fields: dict) -> dict:
        require(fields, "client_id")
        application = self._tenant.applications.find(client_id=fields["client_id"])
        if application is None:
            raise Refused(
                400, f"the appId {fields['client_id']} of the service principal does not reference a valid application"
            )
        if self.find(client_id=fields["client_id"]):
            raise Refused(409, f"the service principal of {fields['client_id']} exists already")
        object_id = str(uuid.uuid4())
        return self.defaults | fields | {"id": object_id, "object_id": object_id, "type": "Application"}

    def read(self, identifier: str) -> dict:
        return self._published(super().read(identifier))

    def create(self, fields: dict) -> dict:
        return self._published(super().create(fields))

    def update(self, identifier: str, changes: dict) -> dict:
        return self._published(super().update(identifier, changes))

    def deleted(self, thing: dict) -> None:
        self._tenant.assignments.delete_where(principal_object_id=thing["object_id"])
        self._tenant.assignments.delete_where(resource_object_id=thing["object_id"])

    def _published(self, principal: dict) -> dict:
        """What a service principal takes over from its application."""
        application = self._tenant.applications.find(client_id=principal["client_id"]) or {}
        roles = application.get("app_role", [])
        return principal | {
            "display_name": application.get("display_name"),
            "application_tenant_id": self._tenant.tenant_id,
            "app_role_ids": {role["value"]: role["id"] for role in roles if role.get("value")},
            "service_principal_names": [principal["client_id"], *application.get("identifier_uris", [])],
            "sign_in_audience": application.get("sign_in_audience"),
        }


class Passwords(Collection):
    kind = "password"

    def __init__(self, applications: Applications) -> None:
        super().__init__()
        self._applications = applications

    def complete(self, fields: dict) -> dict:
        require(fields, "application_object_id")
        self._applications.read(fields["application_object_id"])
        now = datetime.now(UTC).replace(microsecond=0)
        usual = {"start_date": _rfc3339(now), "end_date": _rfc3339(now + timedelta(days=PASSWORD_DAYS))}
        password = usual | fields
        for name in usual:
            password[name] = _rfc3339(_parse_date(password[name]))
        key_id = str(uuid.uuid4())
        return password | {"id": key_id, "key_id": key_id, "value": new_secret()}


class AppRoleAssignments(Collection):
    kind = "app role assignment"

    def __init__(self, tenant: "EntraTenant") -> None:
        super().__init__()
        self._tenant = tenant

    def complete(self, fields: dict) -> dict:
        require(fields, "app_role_id", "principal_object_id", "resource_object_id")
        principal = self._tenant.principals.read(fields["principal_object_id"])
        resource = self._tenant.principals.read(fields["resource_object_id"])
        if fields["app_role_id"] not in (DEFAULT_ROLE, *resource["app_role_ids"].values()):
            raise Refused(400, f"permission being assigned was not found on application {resource['client_id']}")
        own = {
            "id": secrets.token_urlsafe(32),
            "principal_display_name": principal["display_name"],
            "principal_type": "ServicePrincipal",
            "resource_display_name": resource["display_name"],
        }
        if self.find(**fields):
            raise Refused(400, "permission being assigned already exists on the object")
        return fields | own


class EntraTenant:
    """One tenant of the directory."""

    def __init__(self, tenant_id: str, issuers: Issuers) -> None:
        self.tenant_id = tenant_id
        self.issuer = f"https://{HOST}/{tenant_id}/v2.0"
        # Applications that do not ask for version 2 get tokens of this issuer.
        self.issuer_v1 = f"https://sts.windows.net/{tenant_id}/"
        self._issuers = issuers
        self._assertions = Assertions()
        issuers.add(self.issuer)
        issuers.add(self.issuer_v1)
        self.applications = Applications(self)
        self.principals = ServicePrincipals(self)
        self.passwords = Passwords(self.applications)
        self.assignments = AppRoleAssignments(self)
        self.collections = {
            "applications": self.applications,
            "service-principals": self.principals,
            "passwords": self.passwords,
            "app-role-assignments": self.assignments,
        }

    def answer(self, path: str, request: Request) -> Reply | None:
        if path == "/oauth2/v2.0/token" and request.method == "POST":
            return self._token(request)
        if path == "/discovery/v2.0/keys":
            return Reply(200, self._issuers.jwks(self.issuer))
        if path == "/v2.0/.well-known/openid-configuration":
            return Reply(200, self._discovery())
        return None

    def _discovery(self) -> dict:
        base = f"https://{HOST}/{self.tenant_id}"
        return {
            "issuer": self.issuer,
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _token(self, request: Request) -> Reply:
        form = parameters(request)
        credentials = presented(request, form)
        scope = form.get("scope", "")
        detail = {"client_id": credentials.client_id, "scope": scope, "authentication": credentials.method}
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name) and not (name == "client_id" and credentials.client_id):
                message = f"The request body must contain the following parameter: '{name}'."
                return refusal(400, "invalid_request", 900144, message, detail)
        if form["grant_type"] != "client_credentials":
            message = f"The app requested an unsupported grant type '{form['grant_type']}'."
            return refusal(400, "unsupported_grant_type", 70003, message, detail)
        application = self.applications.find(client_id=credentials.client_id)
        principal = self.principals.find(client_id=credentials.client_id)
        if application is None or principal is None:
            message = (
                f"Application with identifier '{credentials.client_id}' was not found in the directory "
                f"'{self.tenant_id}'."
            )
            return refusal(400, "unauthorized_client", 700016, message, detail)
        refused = self._refused_credentials(application, credentials, request, detail)
        if refused:
            return refused
        resource, found, _ = scope.partition("/.default")
        if not found or " " in scope:
            message = (
                f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
                "with /.default suffixed to the resource identifier (application ID URI)."
            )
            return refusal(400, "invalid_scope", 1002012, message, detail)
        api = self.applications.by_resource(resource)
        api_principal = api and self.principals.find(client_id=api["client_id"])
        if not api_principal:
            message = f"The resource principal named {resource} was not found in the tenant named {self.tenant_id}."
            return refusal(400, "invalid_resource", 500011, message, detail)
        return self._issue(principal, application, api, api_principal, resource, credentials, detail)

    def _refused_credentials(
        self, application: dict, credentials: Credentials, request: Request, detail: dict
    ) -> Reply | None:
        if credentials.method == "none":
            message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            return refusal(401, "invalid_client", 7000218, message, detail)
        if credentials.method == "private_key_jwt":
            audiences = [f"https://{HOST}/{self.tenant_id}/oauth2/v2.0/token", self.issuer, request.base_url]
            reason = self._assertions.refusal(credentials, application.get("public_keys", []), audiences)
            return (
                refusal(401, "invalid_client", 700027, f"Client assertion failed: {reason}.", detail)
                if reason
                else None
            )
        passwords = [one for one in self.passwords.all() if one["application_object_id"] == application["object_id"]]
        matching = [one for one in passwords if secret_matches(credentials, [one["value"]])]
        if not matching:
            message = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{application['client_id']}'."
            )
            return refusal(401, "invalid_client", 7000215, message, detail)
        now = datetime.now(UTC)
        if not any(_parse_date(one["start_date"]) <= now < _parse_date(one["end_date"]) for one in matching):
            message = f"The provided client secret keys for app '{application['client_id']}' are expired."
            return refusal(401, "invalid_client", 7000222, message, detail)
        return None

    def _issue(
        self,
        principal: dict,
        application: dict,
        api: dict,
        api_principal: dict,
        resource: str,
        credentials: Credentials,
        detail: dict,
    ) -> Reply:
        assigned = [
            one["app_role_id"]
            for one in self.assignments.all()
            if (one["principal_object_id"], one["resource_object_id"])
            == (principal["object_id"], api_principal["object_id"])
        ]
        if api_principal["app_role_assignment_required"] and not assigned:
            message = (
                f"Application '{application['client_id']}'({application['display_name']}) is not assigned to a role "
                f"for the application '{api['client_id']}'({api['display_name']})."
            )
            return refusal(400, "invalid_grant", 501051, message, detail)
        roles = [role["value"] for role in api["app_role"] if role["id"] in assigned and role.get("value")]
        version = next((block.get("requested_access_token_version") for block in api["api"]), None) or 1
        certificate = "2" if credentials.method == "private_key_jwt" else "1"
        claims = {
            "aud": api["client_id"] if version == 2 else resource,
            "nbf": int(time.time()),
            "oid": principal["object_id"],
            "sub": principal["object_id"],
            "roles": roles or None,
            "tid": self.tenant_id,
            "uti": token_id(),
            "ver": "2.0" if version == 2 else "1.0",
        }
        if version == 2:
            claims |= {"azp": application["client_id"], "azpacr": certificate}
        else:
            claims |= {"appid": application["client_id"], "appidacr": certificate}
        issuer = self.issuer if version == 2 else self.issuer_v1
        token, lifetime = self._issuers.sign(issuer, application["client_id"], claims, LIFETIME_SECONDS)
        body = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        return Reply(200, body, detail)


def refusal(status: int, error: str, code: int, message: str, detail: dict) -> Reply:
    """An error body of Entra's token endpoint."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    timestamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    text = f"AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
    body = {
        "error": error,
        "error_description": text,
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://{HOST}/error?code={code}",
    }
    return Reply(status, body, detail | {"error": f"AADSTS{code}"})


def unknown_tenant(tenant_id: str) -> Reply:
    message = f"Tenant '{tenant_id}' not found. Check to make sure you have the correct tenant ID."
    return refusal(400, "invalid_request", 90002, message, {})


def _parse_date(text: str) -> datetime:
    # Python 3.10 knows no "Z", and Terraform's timeadd writes one.
    try:
        return datetime.fromisoformat(re.sub("Z$", "+00:00", text)).astimezone(UTC)
    except ValueError as error:
        raise Refused(400, f"{text}: not a date like 2026-01-01T00:00:00Z") from error


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
