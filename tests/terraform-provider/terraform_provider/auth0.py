"""auth0/auth0: machine-to-machine applications and the APIs they may call."""

from tf.iface import Config, DataSource, DeleteContext, ReadDataContext, State
from tf.schema import Schema
from tf.utils import Diagnostics

from .provider import StackProvider
from .resource import StackResource
from .schema import (
    FLAG,
    MAPS,
    NUMBER,
    TEXT_MAP,
    TEXTS,
    ListBlock,
    SetBlock,
    computed,
    optional,
    optional_computed,
    required,
)

APP_TYPES = (
    *("native", "spa", "regular_web", "non_interactive", "resource_server", "sso_integration", "express_configuration"),
    *("rms", "box", "cloudbees", "concur", "dropbox", "mscrm", "echosign", "egnyte", "newrelic", "office365"),
    *("salesforce", "sentry", "sharepoint", "slack", "springcm", "zendesk", "zoom"),
)


class ResourceServer(StackResource):
    name, collection = "resource_server", "resource-servers"
    attributes = [
        required("identifier", requires_replace=True),
        optional("name"),
        optional_computed("signing_alg"),
        optional_computed("signing_secret"),
        optional("allow_offline_access", FLAG),
        optional_computed("token_lifetime", NUMBER),
        optional_computed("token_lifetime_for_web", NUMBER),
        optional_computed("skip_consent_for_verifiable_first_party_clients", FLAG),
        optional("verification_location"),
        optional_computed("enforce_policies", FLAG),
        optional_computed("token_dialect"),
        optional("consent_policy"),
        computed("is_system", FLAG),
        computed("client_id"),
    ]
    choices = {
        "signing_alg": ("HS256", "RS256", "PS256"),
        "token_dialect": ("access_token", "access_token_authz", "rfc9068_profile", "rfc9068_profile_authz"),
    }

    def changes(self, planned: State) -> dict:
        # "Cannot be changed once set": the API refuses it in an update.
        return {name: value for name, value in super().changes(planned).items() if name != "identifier"}


class ResourceServerScopes(StackResource):
    name, collection = "resource_server_scopes", "resource-servers"
    attributes = [required("resource_server_identifier", requires_replace=True)]
    blocks = [SetBlock("scopes", [required("name"), optional("description")], min_items=1)]

    def object_id(self, state: State) -> str:
        server = self.stack.find(self.collection, identifier=state["resource_server_identifier"])
        return server["id"] if server else "gone"

    def state_id(self, thing: dict) -> str:
        return thing["identifier"]

    def create_object(self, planned: State) -> dict:
        return self.stack.update(self.collection, self.object_id(planned), {"scopes": planned["scopes"]})

    def changes(self, planned: State) -> dict:
        return {"scopes": planned["scopes"]}

    def state(self, thing: dict, before: State) -> State | None:
        # A server whose scopes were all taken away has none to manage.
        return super().state(thing | {"resource_server_identifier": thing["identifier"]}, before)

    def delete(self, ctx: DeleteContext, current: State) -> State | None:
        def take_away() -> None:
            server = self.stack.read(self.collection, self.object_id(current))
            if server:
                self.stack.update(self.collection, server["id"], {"scopes": []})

        return self._attempt(ctx, current, take_away)


class Client(StackResource):
    """Since 1.0 neither `client_secret` nor `token_endpoint_auth_method` is here: see ClientCredentials."""

    name, collection = "client", "clients"
    attributes = [
        required("name"),
        computed("client_id"),
        optional("description"),
        optional_computed("app_type"),
        optional("logo_uri"),
        optional_computed("is_first_party", FLAG),
        optional_computed("is_token_endpoint_ip_header_trusted", FLAG),
        optional_computed("oidc_conformant", FLAG),
        optional_computed("grant_types", TEXTS),
        optional("callbacks", TEXTS),
        optional("allowed_logout_urls", TEXTS),
        optional("allowed_origins", TEXTS),
        optional("allowed_clients", TEXTS),
        optional("web_origins", TEXTS),
        optional("client_aliases", TEXTS),
        optional("client_metadata", TEXT_MAP),
        optional_computed("custom_login_page_on", FLAG),
        optional("custom_login_page"),
        optional("organization_usage"),
        optional("organization_require_behavior"),
        optional("sso", FLAG),
        optional("sso_disabled", FLAG),
        optional("cross_origin_auth", FLAG),
        optional_computed("require_pushed_authorization_requests", FLAG),
        optional("require_proof_of_possession", FLAG),
        optional("compliance_level"),
        computed("signing_keys", MAPS, sensitive=True),
    ]
    blocks = [
        ListBlock(
            "jwt_configuration",
            [
                optional("lifetime_in_seconds", NUMBER),
                optional("secret_encoded", FLAG),
                optional("scopes", TEXT_MAP),
                optional("alg"),
            ],
        )
    ]
    choices = {"app_type": APP_TYPES, "organization_usage": ("deny", "allow", "require")}


class ClientCredentials(StackResource):
    name, collection = "client_credentials", "clients"
    attributes = [
        required("client_id", requires_replace=True),
        optional_computed("authentication_method"),
        optional_computed("client_secret", sensitive=True),
    ]
    blocks = [
        ListBlock(
            "private_key_jwt",
            [],
            [
                SetBlock(
                    "credentials",
                    [
                        required("credential_type"),
                        required("pem"),
                        optional("name"),
                        optional("algorithm"),
                        optional("expires_at"),
                        optional("parse_expiry_from_cert", FLAG),
                    ],
                    min_items=1,
                )
            ],
        )
    ]
    choices = {
        "authentication_method": (
            *("none", "client_secret_post", "client_secret_basic"),
            *("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"),
        )
    }

    def object_id(self, state: State) -> str:
        return state["client_id"]

    def create_object(self, planned: State) -> dict:
        return self.stack.update(self.collection, planned["client_id"], self.changes(planned))

    def changes(self, planned: State) -> dict:
        keys = [key["pem"] for block in planned["private_key_jwt"] for key in block["credentials"]]
        fields = {
            "token_endpoint_auth_method": planned["authentication_method"],
            "client_secret": planned["client_secret"],
            "private_key_jwt": planned["private_key_jwt"],
            "public_keys": keys,
        }
        # What is left to the tenant stays as it is.
        return {name: value for name, value in self.body(fields).items() if value is not None}

    def state(self, thing: dict, before: State) -> State:
        method = thing["token_endpoint_auth_method"]
        secret = "" if method == "private_key_jwt" else thing["client_secret"]
        return super().state(thing | {"authentication_method": method, "client_secret": secret}, before)

    def delete(self, ctx: DeleteContext, current: State) -> State | None:
        """The client keeps its secret, as with the real provider: only deleting the client ends it."""


class ClientGrant(StackResource):
    name, collection = "client_grant", "client-grants"
    attributes = [
        required("client_id", requires_replace=True),
        required("audience", requires_replace=True),
        optional("scopes", TEXTS),
        optional("organization_usage"),
        optional("allow_any_organization", FLAG),
        optional_computed("allow_all_scopes", FLAG, default=False),
        optional_computed("subject_type", requires_replace=True),
        optional("authorization_details_types", TEXTS),
        computed("is_system", FLAG),
    ]
    choices = {"subject_type": ("client", "user"), "organization_usage": ("allow", "deny", "require")}

    def validate(self, diags: Diagnostics, type_name: str, config: Config) -> None:
        super().validate(diags, type_name, config)
        if config["scopes"] is None and not config["allow_all_scopes"]:
            diags.add_error("either `scopes` or `allow_all_scopes` must be set", path=["scopes"])
        elif config["scopes"] is not None and config["allow_all_scopes"] is True:
            diags.add_error("`scopes` cannot be set when `allow_all_scopes` is true", path=["scopes"])


class Tenant(DataSource):
    """data "auth0_tenant": no more than what names the tenant."""

    def __init__(self, provider: StackProvider) -> None:
        self._provider = provider

    @classmethod
    def get_name(cls) -> str:
        return "tenant"

    @classmethod
    def get_schema(cls) -> Schema:
        return Schema([computed("id"), computed("domain"), computed("management_api_identifier")], version=0)

    def read(self, ctx: ReadDataContext, config: Config) -> State:
        domain = self._provider.settings["domain"]
        return {"id": domain, "domain": domain, "management_api_identifier": f"https://{domain}/api/v2/"}


class Auth0Provider(StackProvider):
    name, source, kind = "auth0", "registry.terraform.io/auth0/auth0", "auth0"
    attributes = [
        optional("domain"),
        optional("audience"),
        optional("client_id"),
        optional("client_secret", sensitive=True),
        optional("api_token", sensitive=True),
        optional("debug", FLAG),
        optional("cli_login", FLAG),
        optional("dynamic_credentials", FLAG),
    ]
    environment = {
        "domain": "AUTH0_DOMAIN",
        "client_id": "AUTH0_CLIENT_ID",
        "client_secret": "AUTH0_CLIENT_SECRET",
        "api_token": "AUTH0_API_TOKEN",
    }
    resources = [ResourceServer, ResourceServerScopes, Client, ClientCredentials, ClientGrant]
    data_sources = [Tenant]

    def tenant(self, diags: Diagnostics) -> str:
        """The real provider asks for the same: who manages the tenant is never checked here, but must be said."""
        given = self.settings
        if not given["domain"]:
            diags.add_error(
                "auth0: missing environment variable AUTH0_DOMAIN", "Set it, or domain in the provider block."
            )
        if not given["api_token"] and not (given["client_id"] and given["client_secret"]):
            diags.add_error(
                "auth0: missing credentials",
                "Set AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET of an application that may use the Management API, "
                "or AUTH0_API_TOKEN.",
            )
        return given["domain"] or ""
