"""What a principal may do with databases, tables and columns: the grants that moto keeps, read as Lake Formation reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

from moto.lakeformation.models import LakeFormationBackend, lakeformation_backends

# "Super" of the console: every permission of the resource.
ALL = "ALL"
# The group that stands for "whatever IAM allows": every principal is in it.
EVERYBODY = "IAM_ALLOWED_PRINCIPALS"


@dataclass
class LakeFormation:
    """The grants of one account and region for one principal (a role, whoever its session is)."""

    account_id: str
    region: str
    principal: str

    @property
    def _backend(self) -> LakeFormationBackend:
        return lakeformation_backends[self.account_id][self.region]

    def sees_database(self, database: str) -> bool:
        """Some permission on the database or on something in it: Lake Formation lists nothing else."""
        return any(self._database_of(grant.resource) in (database, "*") for grant in self._grants()) or any(
            self._tags_match(grant.resource, database) for grant in self._grants()
        )

    def may_in_database(self, permission: str, database: str) -> bool:
        return any(
            _allows(grant, permission)
            and (
                grant.resource.get("Database", {}).get("Name") == database
                or self._tags_match(grant.resource, database, kind="DATABASE")
            )
            for grant in self._grants()
        )

    def may(self, permission: str, database: str, table: str) -> bool:
        return any(
            _allows(grant, permission) and self._names_table(grant.resource, database, table) for grant in self._grants()
        )

    def columns(self, database: str, table: str, columns: list[str]) -> list[str]:
        """The columns of the table that the principal may SELECT, in the table's order."""
        readable: set[str] = set()
        for grant in self._grants():
            if not _allows(grant, "SELECT"):
                continue
            if self._names_table(grant.resource, database, table):
                return columns
            some = grant.resource.get("TableWithColumns", {})
            if (some.get("DatabaseName"), some.get("Name")) != (database, table):
                continue
            excluded = some.get("ColumnWildcard", {}).get("ExcludedColumnNames", [])
            named = some.get("ColumnNames") or [column for column in columns if column not in excluded]
            readable.update(named)
        return [column for column in columns if column in readable]

    def grant_all(self, database: str, table: str) -> None:
        """Whoever creates a table has every permission on it (Lake Formation, "Implicit permissions")."""
        resource = {"Table": {"CatalogId": self.account_id, "DatabaseName": database, "Name": table}}
        principal = {"DataLakePrincipalIdentifier": self.principal}
        self._backend.grant_permissions(self.account_id, principal, resource, [ALL], [ALL])

    def _grants(self) -> Iterator[object]:
        catalog = self._backend.grants.get(self.account_id)
        for grant in list(catalog.permissions) if catalog else []:
            if grant.principal.get("DataLakePrincipalIdentifier") in (self.principal, EVERYBODY):
                yield grant

    def _database_of(self, resource: dict) -> str | None:
        if "Database" in resource:
            return resource["Database"]["Name"]
        table = resource.get("Table") or resource.get("TableWithColumns") or {}
        return table.get("DatabaseName")

    def _names_table(self, resource: dict, database: str, table: str) -> bool:
        named = resource.get("Table")
        if named:
            return named["DatabaseName"] == database and ("TableWildcard" in named or named.get("Name") == table)
        # A grant on all columns is one on the table.
        some = resource.get("TableWithColumns", {})
        if (some.get("DatabaseName"), some.get("Name")) == (database, table):
            return "ColumnWildcard" in some and not some["ColumnWildcard"].get("ExcludedColumnNames")
        return self._tags_match(resource, database, table, kind="TABLE")

    def _tags_match(self, resource: dict, database: str, table: str | None = None, kind: str | None = None) -> bool:
        """A grant by LF-tags: every key of the expression has one of the values, and a table inherits its database's."""
        policy = resource.get("LFTagPolicy")
        if policy is None or (kind and policy["ResourceType"] != kind):
            return False
        tags = self._backend.lf_database_tags.get((self.account_id, database), [])
        if table:
            tags = tags + self._backend.lf_table_tags.get((self.account_id, database, table), [])
        values = {tag["TagKey"]: set(tag["TagValues"]) for tag in tags}  # the table's own replaces the inherited one
        return all(values.get(tag["TagKey"], set()) & set(tag["TagValues"]) for tag in policy["Expression"])


def _allows(grant: object, permission: str) -> bool:
    return permission in grant.permissions or ALL in grant.permissions
