"""What Lake Formation does and moto does not: grants by columns and LF-Tags in a listing, and a refusal to revoke nothing."""

import json
from typing import Any

from moto.lakeformation.exceptions import InvalidInput
from moto.lakeformation.models import LakeFormationBackend
from moto.lakeformation.responses import LakeFormationResponse

# The text that Terraform's AWS provider waits for: then a permission is gone.
NOTHING_REVOKED = "No permissions revoked. Grantee has no permissions."


def install() -> None:
    revoke = LakeFormationBackend.revoke_permissions

    def checked_revoke(
        backend: LakeFormationBackend, catalog_id: str, principal: dict, resource: dict, *permissions: Any, **more: Any
    ) -> None:
        grants = backend.grants[catalog_id].permissions if catalog_id in backend.grants else ()
        if not any(grant.principal == principal and grant.resource == resource for grant in grants):
            raise InvalidInput(NOTHING_REVOKED)
        revoke(backend, catalog_id, principal, resource, *permissions, **more)

    LakeFormationBackend.revoke_permissions = checked_revoke
    list_permissions = LakeFormationResponse.list_permissions

    def complete_list(response: LakeFormationResponse) -> str:
        resource = response._get_param("Resource") or {}
        if "LFTagPolicy" in resource:
            return _list(response, "LFTagPolicy", lambda policy: policy == resource["LFTagPolicy"])
        listed = json.loads(list_permissions(response))["PrincipalResourcePermissions"]
        table = resource.get("Table", {})
        if "Name" in table:
            # A listing of a table holds what is granted on some of its columns.
            key = (table["DatabaseName"], table["Name"])
            some = _list(response, "TableWithColumns", lambda one: (one["DatabaseName"], one["Name"]) == key)
            listed += json.loads(some)["PrincipalResourcePermissions"]
        return json.dumps({"PrincipalResourcePermissions": listed})

    LakeFormationResponse.list_permissions = complete_list


def _list(response: LakeFormationResponse, kind: str, matches: Any) -> str:
    backend, principal = response.lakeformation_backend, response._get_param("Principal")
    catalog = backend.grants.get(response._get_param("CatalogId") or response.current_account)
    grants = [
        grant.to_external_form()
        for grant in (catalog.permissions if catalog else ())
        if kind in grant.resource and matches(grant.resource[kind]) and principal in (None, grant.principal)
    ]
    return json.dumps({"PrincipalResourcePermissions": grants})
