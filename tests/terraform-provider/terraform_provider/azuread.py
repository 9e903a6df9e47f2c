"""hashicorp/azuread: app registrations, their service principals, passwords and app role assignments."""

import uuid

from tf.iface import Config, DataSource, PlanContext, ReadDataContext, State
from tf.schema import Schema
from tf.types import Unknown
from tf.utils import Diagnostics

from .provider import StackProvider
from .resource import UUID, StackResource
from .schema import (
    FLAG,
    NUMBER,
    TEXT_MAP,
    TEXT_SET,
    TEXTS,
    ListBlock,
    SetBlock,
    computed,
    optional,
    optional_computed,
    required,
)

# Of the Azure CLI, through which the real provider signs in when nothing else is said.
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")


class Application(StackResource):
    name, collection = "application", "applications"
    attributes = [
        required("display_name"),
        computed("client_id"),
        computed("object_id"),
        optional("description"),
        optional("identifier_uris", TEXT_SET),
        optional("owners", TEXT_SET),
        optional_computed("sign_in_audience", default="AzureADMyOrg"),
        optional("group_membership_claims", TEXT_SET),
        optional("notes"),
        optional("marketing_url"),
        optional("privacy_statement_url"),
        optional("support_url"),
        optional("terms_of_service_url"),
        optional("service_management_reference"),
        optional("device_only_auth_enabled", FLAG),
        optional("fallback_public_client_enabled", FLAG),
        optional("oauth2_post_response_required", FLAG),
        optional_computed("prevent_duplicate_names", FLAG, default=False),
        optional_computed("tags", TEXT_SET),
        optional_computed("template_id", requires_replace=True),
        computed("app_role_ids", TEXT_MAP),
        computed("oauth2_permission_scope_ids", TEXT_MAP),
        computed("publisher_domain"),
        computed("disabled_by_microsoft"),
        computed("logo_url"),
    ]
    blocks = [
        ListBlock(
            "api",
            [
                optional("known_client_applications", TEXT_SET),
                optional("mapped_claims_enabled", FLAG),
                optional("requested_access_token_version", NUMBER),
            ],
            [
                SetBlock(
                    "oauth2_permission_scope",
                    [
                        required("id"),
                        optional("admin_consent_description"),
                        optional("admin_consent_display_name"),
                        optional("enabled", FLAG),
                        optional("type"),
                        optional("user_consent_description"),
                        optional("user_consent_display_name"),
                        optional("value"),
                    ],
                )
            ],
        ),
        SetBlock(
            "app_role",
            [
                required("id"),
                required("allowed_member_types", TEXT_SET),
                required("description"),
                required("display_name"),
                optional("enabled", FLAG),
                optional("value"),
            ],
        ),
        SetBlock(
            "required_resource_access",
            [required("resource_app_id")],
            [ListBlock("resource_access", [required("id"), required("type")], max_items=None)],
        ),
    ]
    choices = {"sign_in_audience": AUDIENCES}

    def validate(self, diags: Diagnostics, type_name: str, config: Config) -> None:
        super().validate(diags, type_name, config)
        for block in config["api"] if isinstance(config["api"], list) else []:
            if block["requested_access_token_version"] not in (None, Unknown, 1, 2):
                diags.add_error("requested_access_token_version: value must be one of: 1, 2", path=["api"])
        for role in config["app_role"] if isinstance(config["app_role"], list) else []:
            if role["id"] is not Unknown and not UUID.fullmatch(role["id"]):
                diags.add_error(f"app_role: id must be a valid UUID, got {role['id']!r}", path=["app_role"])

    def object_id(self, state: State) -> str:
        return state["object_id"]

    def state_id(self, thing: dict) -> str:
        return f"/applications/{thing['object_id']}"

    def plan(self, ctx: PlanContext, current: State | None, planned: State) -> State:
        # The maps follow from the blocks.
        if current and current["app_role"] != planned["app_role"]:
            planned["app_role_ids"] = Unknown
        if current and current["api"] != planned["api"]:
            planned["oauth2_permission_scope_ids"] = Unknown
        return planned

    def state(self, thing: dict, before: State) -> State:
        scopes = [scope for api in thing["api"] for scope in api["oauth2_permission_scope"]]
        return super().state(
            thing
            | {
                "app_role_ids": {role["value"]: role["id"] for role in thing["app_role"] if role["value"]},
                "oauth2_permission_scope_ids": {scope["value"]: scope["id"] for scope in scopes if scope["value"]},
                "tags": thing.get("tags") or [],
            },
            before,
        )


class ServicePrincipal(StackResource):
    name, collection = "service_principal", "service-principals"
    attributes = [
        required("client_id", requires_replace=True),
        optional_computed("account_enabled", FLAG, default=True),
        optional("alternative_names", TEXT_SET),
        optional("app_role_assignment_required", FLAG),
        optional("description"),
        optional("login_url"),
        optional("notes"),
        optional("notification_email_addresses", TEXT_SET),
        optional("owners", TEXT_SET),
        optional("preferred_single_sign_on_mode"),
        optional_computed("tags", TEXT_SET),
        optional("use_existing", FLAG),
        computed("app_role_ids", TEXT_MAP),
        computed("application_tenant_id"),
        computed("display_name"),
        computed("homepage_url"),
        computed("logout_url"),
        computed("oauth2_permission_scope_ids", TEXT_MAP),
        computed("object_id"),
        computed("redirect_uris", TEXTS),
        computed("saml_metadata_url"),
        computed("service_principal_names", TEXTS),
        computed("sign_in_audience"),
        computed("type"),
    ]
    uuids = ("client_id",)

    def object_id(self, state: State) -> str:
        return state["object_id"]

    def state_id(self, thing: dict) -> str:
        return f"/servicePrincipals/{thing['object_id']}"

    def create_object(self, planned: State) -> dict:
        existing = self.stack.find(self.collection, client_id=planned["client_id"]) if planned["use_existing"] else None
        return self.stack.read(self.collection, existing["id"]) if existing else super().create_object(planned)


class ApplicationPassword(StackResource):
    name, collection = "application_password", "passwords"
    attributes = [
        required("application_id", requires_replace=True),
        optional_computed("display_name", requires_replace=True),
        optional_computed("start_date", requires_replace=True),
        optional_computed("end_date", requires_replace=True),
        optional("end_date_relative", requires_replace=True, deprecated=True),
        optional("rotate_when_changed", TEXT_MAP, requires_replace=True),
        computed("key_id"),
        computed("value", sensitive=True),
    ]
    # Microsoft Graph answers the password once, when it is added.
    write_once = ("value", "application_id", "end_date_relative", "rotate_when_changed")

    def validate(self, diags: Diagnostics, type_name: str, config: Config) -> None:
        super().validate(diags, type_name, config)
        application = config["application_id"]
        if application not in (None, Unknown) and not application.startswith("/applications/"):
            diags.add_error(
                f"application_id: expected /applications/OBJECT-ID (azuread_application.….id), got {application!r}",
                path=["application_id"],
            )
        if config["end_date_relative"] is not None:
            diags.add_error("end_date_relative: deprecated, and not played by the development provider; use end_date")

    def object_id(self, state: State) -> str:
        return state["key_id"]

    def state_id(self, thing: dict) -> str:
        return f"{thing['application_object_id']}/password/{thing['key_id']}"

    def create_object(self, planned: State) -> dict:
        fields = self.body(planned) | {
            "application_object_id": planned["application_id"].removeprefix("/applications/")
        }
        return self.stack.create(self.collection, fields)


class AppRoleAssignment(StackResource):
    name, collection = "app_role_assignment", "app-role-assignments"
    attributes = [
        required("app_role_id", requires_replace=True),
        required("principal_object_id", requires_replace=True),
        required("resource_object_id", requires_replace=True),
        computed("principal_display_name"),
        computed("principal_type"),
        computed("resource_display_name"),
    ]
    uuids = ("app_role_id", "principal_object_id", "resource_object_id")

    def object_id(self, state: State) -> str:
        return state["id"].rpartition("/")[2]

    def state_id(self, thing: dict) -> str:
        return f"{thing['resource_object_id']}/appRoleAssignment/{thing['id']}"


class ClientConfig(DataSource):
    """data "azuread_client_config": who runs Terraform."""

    def __init__(self, provider: StackProvider) -> None:
        self._provider = provider

    @classmethod
    def get_name(cls) -> str:
        return "client_config"

    @classmethod
    def get_schema(cls) -> Schema:
        return Schema([computed("id"), computed("client_id"), computed("object_id"), computed("tenant_id")], version=0)

    def read(self, ctx: ReadDataContext, config: Config) -> State:
        settings = self._provider.settings
        tenant, client = settings["tenant_id"], settings["client_id"] or AZURE_CLI
        # Nobody signs in here; the principal is made up, the same one each time.
        principal = str(uuid.uuid5(uuid.UUID(tenant), client))
        identifier = f"tenantId={tenant}/clientId={client}/objectId={principal}"
        return {"id": identifier, "client_id": client, "object_id": principal, "tenant_id": tenant}


class AzureAdProvider(StackProvider):
    name, source, kind = "azuread", "registry.terraform.io/hashicorp/azuread", "entra"
    attributes = [
        optional("tenant_id"),
        optional("client_id"),
        optional("client_id_file_path"),
        optional("client_secret", sensitive=True),
        optional("client_secret_file_path"),
        optional("client_certificate", sensitive=True),
        optional("client_certificate_path"),
        optional("client_certificate_password", sensitive=True),
        optional("environment"),
        optional("metadata_host"),
        optional("partner_id"),
        optional("disable_terraform_partner_id", FLAG),
        optional("use_cli", FLAG),
        optional("use_msi", FLAG),
        optional("msi_endpoint"),
        optional("use_oidc", FLAG),
        optional("oidc_token", sensitive=True),
        optional("oidc_token_file_path"),
        optional("oidc_request_token", sensitive=True),
        optional("oidc_request_url"),
    ]
    environment = {"tenant_id": "ARM_TENANT_ID", "client_id": "ARM_CLIENT_ID"}
    resources = [Application, ServicePrincipal, ApplicationPassword, AppRoleAssignment]
    data_sources = [ClientConfig]

    def tenant(self, diags: Diagnostics) -> str:
        tenant = self.settings["tenant_id"] or ""
        if not UUID.fullmatch(tenant):
            diags.add_error(
                "azuread: no tenant",
                f"tenant_id (or ARM_TENANT_ID) must be the tenant's GUID; it is {tenant!r}.",
            )
        return tenant.lower()
