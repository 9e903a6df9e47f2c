"""Grants by columns and LF-Tags can be listed, and nothing is not revoked: Terraform's AWS provider asks for both."""

ROLE = {"DataLakePrincipalIdentifier": "arn:aws:iam::123456789012:role/credvend-lf-dev"}
TAGGED = {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "team", "TagValues": ["sales"]}]}}


def column(name: str) -> dict:
    return {"TableWithColumns": {"DatabaseName": "sales", "Name": name, "ColumnNames": ["city"]}}


def test_a_listing_of_a_table_holds_the_grants_on_its_columns(empty_stack):
    lake = empty_stack.admin("lakeformation")
    for resource in (column("people"), column("orders"), TAGGED):
        lake.grant_permissions(Principal=ROLE, Resource=resource, Permissions=["SELECT"])

    def listed(resource: dict) -> list[dict]:
        answer = lake.list_permissions(Principal=ROLE, Resource=resource)
        return [grant["Resource"] for grant in answer["PrincipalResourcePermissions"]]

    assert listed({"Table": {"DatabaseName": "sales", "Name": "people"}}) == [column("people")]
    assert listed({"Table": {"DatabaseName": "sales", "Name": "nothing"}}) == []
    assert listed(TAGGED) == [TAGGED]


def test_nothing_is_not_revoked(empty_stack, refused):
    lake = empty_stack.admin("lakeformation")
    grant = {"Principal": ROLE, "Resource": column("people"), "Permissions": ["SELECT"]}
    lake.grant_permissions(**grant)
    lake.revoke_permissions(**grant)
    message = refused(lambda: lake.revoke_permissions(**grant), "InvalidInputException", 400)
    assert message.startswith("No permissions revoked. Grantee has no")
