"""Tables of the Glue catalogue with their rows, which moto has no place for."""

from dataclasses import dataclass, field

from moto.glue.models import FakeTable, GlueBackend, glue_backends

# Hive's names in the catalogue, Athena's in results.
ATHENA_TYPES = {"int": "integer", "string": "varchar", "float": "float"}
HIVE_TYPES = {"integer": "int", "varchar": "string"}

Rows = list[tuple]


@dataclass
class Tables:
    """The tables of one account and region. Rows stay when the catalogue forgets a table, and are not seen any more."""

    account_id: str
    region: str
    _rows: dict[tuple[str, str], Rows] = field(default_factory=dict)

    @property
    def _glue(self) -> GlueBackend:
        return glue_backends[self.account_id][self.region]

    def databases(self) -> list[str]:
        return sorted(self._glue.databases)

    def names(self, database: str) -> list[str]:
        return sorted(self._glue.databases[database].tables) if database in self._glue.databases else []

    def columns(self, database: str, table: str) -> list[tuple[str, str]]:
        """(name, Athena's type) of each column, those of the partition key last."""
        stored: FakeTable = self._glue.databases[database].tables[table]
        description = stored.as_dict()
        columns = description.get("StorageDescriptor", {}).get("Columns", []) + description.get("PartitionKeys", [])
        return [(column["Name"], ATHENA_TYPES.get(column["Type"], column["Type"])) for column in columns]

    def rows(self, database: str, table: str) -> Rows:
        return self._rows.get((database, table), [])

    def put_rows(self, database: str, table: str, rows: Rows) -> None:
        self._rows[(database, table)] = rows

    def create(self, database: str, table: str, columns: list[tuple[str, str]]) -> None:
        described = [{"Name": name, "Type": HIVE_TYPES.get(kind, kind)} for name, kind in columns]
        table_input = {"Name": table, "StorageDescriptor": {"Columns": described}, "TableType": "EXTERNAL_TABLE"}
        self._glue.create_table(database, table, table_input)

    def drop(self, database: str, table: str) -> None:
        self._glue.delete_table(database, table)
        self._rows.pop((database, table), None)
