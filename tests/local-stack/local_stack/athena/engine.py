"""Runs a statement on what its caller may see: a sqlite database made for this one query from the visible tables.

What Lake Formation hides is not in that database, so it cannot be had by any way of asking. sqlite says which tables and
columns a statement touches, and those are asked about once more, with IAM's and Lake Formation's permissions for them.
"""

import math
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal

from . import statement
from .errors import QueryFailure, insufficient_permissions
from .lake_formation import LakeFormation
from .statement import Statement
from .tables import Tables

COLUMN_NOT_FOUND, TABLE_NOT_FOUND, SYNTAX_ERROR, NOT_SUPPORTED = 1006, 1301, 1006, 1200
SQLITE_TYPES = {"double": "REAL", "float": "REAL", "decimal": "TEXT"}
WHOLE_NUMBERS = {"tinyint", "smallint", "integer", "bigint", "boolean"}
# What each of sqlite's actions on a table needs of Lake Formation.
WRITES = {sqlite3.SQLITE_INSERT: "INSERT", sqlite3.SQLITE_UPDATE: "INSERT", sqlite3.SQLITE_DELETE: "DELETE"}

Columns = list[tuple[str, str]]
# Raises unless IAM lets the caller do this action on this resource.
Permit = Callable[[str, str], None]


@dataclass
class Result:
    columns: Columns
    # NULL is None; everything else is text, as Athena writes it.
    rows: list[list[str | None]]
    scanned_bytes: int = 0
    update_count: int | None = None


@dataclass
class Access:
    """The tables that a statement touches: (database, table) -> the permissions that it takes."""

    tables: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def note(self, action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
        if first and not first.startswith("sqlite_") and database not in (None, "main", "temp"):
            if action == sqlite3.SQLITE_READ:
                self.tables.setdefault((database, first), set()).add("SELECT")
            elif action in WRITES:
                self.tables.setdefault((database, first), set()).add(WRITES[action])
        return sqlite3.SQLITE_OK


@dataclass
class Engine:
    tables: Tables
    lake_formation: LakeFormation
    permit: Permit
    database: str

    def run(self, query: str) -> Result:
        parsed = statement.parse(query)
        if parsed is None:
            raise QueryFailure("SYNTAX_ERROR: line 1:1: no such statement", SYNTAX_ERROR)
        if parsed.kind == "UTILITY":
            return self._show(parsed)
        if parsed.substatement == "CREATE_TABLE_AS_SELECT":
            return self._create_table(parsed)
        if parsed.substatement == "DROP_TABLE":
            return self._drop_table(parsed)
        if parsed.substatement in ("SELECT", "INSERT", "UPDATE", "DELETE", "EXPLAIN"):
            return self._execute(parsed)
        raise QueryFailure(
            "NOT_SUPPORTED: the local stack does not run this statement: queue a result for it", NOT_SUPPORTED
        )

    def _execute(self, parsed: Statement) -> Result:
        text = re.sub(r"^TABLE\b", "SELECT * FROM", parsed.text, flags=re.IGNORECASE)
        if parsed.substatement == "EXPLAIN":
            text = re.sub(r"^EXPLAIN(\s+ANALYZE)?(\s*\([^)]*\))?", "EXPLAIN QUERY PLAN", text, flags=re.IGNORECASE)
        with closing(self._visible()) as sqlite:
            access = self._access(sqlite, text)
            self._check(access)
            cursor = self._carry_out(sqlite, text)
            if parsed.counts_rows:
                self._keep(sqlite, access)
                return Result([("rows", "bigint")], [], self._size(access), cursor.rowcount)
            if parsed.substatement == "EXPLAIN":
                return Result([("Query Plan", "varchar")], [[str(row[-1])] for row in cursor])
            return self._selected(cursor, access)

    def _selected(self, cursor: sqlite3.Cursor, access: Access) -> Result:
        rows = cursor.fetchall()
        columns = self._described(cursor, rows, access)
        written = [[_written(value, kind) for value, (_, kind) in zip(row, columns, strict=True)] for row in rows]
        return Result(columns, written, self._size(access), 0)

    def _described(self, cursor: sqlite3.Cursor, rows: list[tuple], access: Access) -> Columns:
        """Names as Trino gives them; a column of a table keeps its type, what was computed has that of its values."""
        known = {name: kind for table in access.tables for name, kind in self.tables.columns(*table)}
        columns: Columns = []
        for index, (label, *_) in enumerate(cursor.description):
            # sqlite's own names are column1 and so on, or the expression.
            named = re.fullmatch(r"(?!column\d+$)[A-Za-z_]\w*", label)
            name = label.lower() if named else f"_col{index}"
            columns.append((name, known.get(name) or _type_of([row[index] for row in rows])))
        return columns

    def _create_table(self, parsed: Statement) -> Result:
        created = re.match(
            r"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\[\]\w.]+)\s*(?:WITH\s*\((?:[^()']|'[^']*'|\([^()]*\))*\)\s*)?AS\s+(.*)",
            parsed.text,
            re.IGNORECASE | re.DOTALL,
        )
        if created is None:
            raise QueryFailure("SYNTAX_ERROR: line 1:1: CREATE TABLE is not understood", SYNTAX_ERROR)
        database, table = self._qualified(created[1])
        self.permit("glue:CreateTable", f"table/{database}/{table}")
        if not self.lake_formation.may_in_database("CREATE_TABLE", database):
            raise insufficient_permissions(
                f"Insufficient Lake Formation permission(s): Required Create Table on {database}"
            )
        if table in self.tables.names(database):
            raise QueryFailure(f"TABLE_ALREADY_EXISTS: line 1:1: Destination table '{table}' already exists", 1302)
        select = statement.parse(created[2])
        if select is None or select.substatement != "SELECT":
            raise QueryFailure("SYNTAX_ERROR: CREATE TABLE AS takes a SELECT", SYNTAX_ERROR)
        with closing(self._visible()) as sqlite:
            access = self._access(sqlite, select.text)
            self._check(access)
            cursor = self._carry_out(sqlite, select.text)
            rows = cursor.fetchall()
            columns = self._described(cursor, rows, access)
        self.tables.create(database, table, columns)
        self.tables.put_rows(database, table, rows)
        self.lake_formation.grant_all(database, table)
        return Result([("rows", "bigint")], [], self._size(access), len(rows))

    def _drop_table(self, parsed: Statement) -> Result:
        database, table = self._qualified(parsed.text.split()[-1])
        if table not in self.tables.names(database):
            raise QueryFailure(f"FAILED: SemanticException Table not found {table}", 1003)
        self.permit("glue:DeleteTable", f"table/{database}/{table}")
        if not self.lake_formation.may("DROP", database, table):
            raise insufficient_permissions(f"Insufficient Lake Formation permission(s): Required Drop on {table}")
        self.tables.drop(database, table)
        return Result([], [])

    def _show(self, parsed: Statement) -> Result:
        words = parsed.text.split()
        if parsed.substatement == "SHOW_DATABASES":
            seen = filter(self.lake_formation.sees_database, self.tables.databases())
            return Result([("database_name", "string")], [[name] for name in seen])
        if parsed.substatement == "SHOW_TABLES":
            database = _name(words[3]) if len(words) > 3 and words[2].upper() in ("IN", "FROM") else self.database
            seen = [name for name in self.tables.names(database) if self._columns(database, name)]
            return Result([("tab_name", "string")], [[name] for name in seen])
        if parsed.substatement in ("SHOW_COLUMNS", "DESCRIBE_TABLE"):
            database, table = self._qualified(words[-1])
            columns = self._columns(database, table) if table in self.tables.names(database) else []
            if not columns:
                raise self._no_such_table(f"{database}.{table}")
            if parsed.substatement == "SHOW_COLUMNS":
                return Result([("field", "string")], [[name] for name, _ in columns])
            # Athena has three columns here and one value in a row, padded and joined by tabs.
            rows = [[f"{name:<20}\t{kind:<20}\t{'':<20}"] for name, kind in columns]
            return Result([("col_name", "string"), ("data_type", "string"), ("comment", "string")], rows)
        raise QueryFailure("NOT_SUPPORTED: the local stack does not show this: queue a result for it", NOT_SUPPORTED)

    def _visible(self) -> sqlite3.Connection:
        """All databases and tables of the catalogue with what the caller may SELECT of them, the query's own first."""
        sqlite = sqlite3.connect(":memory:", isolation_level=None)
        for database in sorted(self.tables.databases(), key=lambda name: name != self.database):
            sqlite.execute(f"ATTACH ':memory:' AS [{database}]")
            for table in self.tables.names(database):
                columns = self._columns(database, table)
                if not columns:
                    continue
                declared = ", ".join(f"[{name}] {SQLITE_TYPES.get(kind, '')}" for name, kind in columns)
                sqlite.execute(f"CREATE TABLE [{database}].[{table}] ({declared})")
                names = [name for name, _ in self.tables.columns(database, table)]
                wanted = [names.index(name) for name, _ in columns]
                marks = ", ".join("?" * len(wanted))
                rows = [[row[index] for index in wanted] for row in self.tables.rows(database, table)]
                sqlite.executemany(f"INSERT INTO [{database}].[{table}] VALUES ({marks})", rows)
        return sqlite

    def _columns(self, database: str, table: str) -> Columns:
        columns = self.tables.columns(database, table)
        readable = self.lake_formation.columns(database, table, [name for name, _ in columns])
        return [column for column in columns if column[0] in readable]

    def _access(self, sqlite: sqlite3.Connection, text: str) -> Access:
        """What the statement would touch: sqlite compiles it and does not run it."""
        access = Access()
        sqlite.set_authorizer(access.note)
        self._carry_out(sqlite, f"EXPLAIN {text}" if not text.upper().startswith("EXPLAIN") else text)
        sqlite.set_authorizer(None)
        return access

    def _check(self, access: Access) -> None:
        for (database, table), permissions in access.tables.items():
            self.permit("glue:GetDatabase", f"database/{database}")
            self.permit("glue:GetTable", f"table/{database}/{table}")
            self.permit("lakeformation:GetDataAccess", "*")
            for permission in sorted(permissions - {"SELECT"}):
                whole = len(self._columns(database, table)) == len(self.tables.columns(database, table))
                if not (whole and self.lake_formation.may(permission, database, table)):
                    raise insufficient_permissions(
                        f"Insufficient Lake Formation permission(s): Required {permission.title()} on {table}"
                    )

    def _carry_out(self, sqlite: sqlite3.Connection, text: str) -> sqlite3.Cursor:
        try:
            return sqlite.execute(text)
        except sqlite3.Error as error:
            message = str(error)
        table = re.search(r"no such table: (.*)", message)
        if table:
            raise self._no_such_table(table[1])
        column = re.search(r"no such column: (.*)|has no column named (.*)", message)
        if column:
            raise QueryFailure(
                f"COLUMN_NOT_FOUND: line 1:8: Column '{column[1] or column[2]}' cannot be resolved or requester is not "
                "authorized to access requested resources",
                COLUMN_NOT_FOUND,
            )
        raise QueryFailure(f"SYNTAX_ERROR: {message}", SYNTAX_ERROR)

    def _no_such_table(self, name: str) -> QueryFailure:
        database, table = self._qualified(name)
        if table in self.tables.names(database):
            return insufficient_permissions(
                f"Insufficient Lake Formation permission(s): Required Describe on {table}"
            )
        return QueryFailure(
            f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{database}.{table}' does not exist", TABLE_NOT_FOUND
        )

    def _qualified(self, name: str) -> tuple[str, str]:
        *database, table = name.split(".")
        return (_name(database[-1]) if database else self.database), _name(table)

    def _keep(self, sqlite: sqlite3.Connection, access: Access) -> None:
        """Takes over what the statement wrote."""
        for (database, table), permissions in access.tables.items():
            if permissions - {"SELECT"}:
                self.tables.put_rows(database, table, sqlite.execute(f"SELECT * FROM [{database}].[{table}]").fetchall())

    def _size(self, access: Access) -> int:
        return sum(len(str(row)) for table in access.tables for row in self.tables.rows(*table))


def _name(text: str) -> str:
    return text.strip("[]").lower()


def _type_of(values: list) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return "integer" if all(abs(value) < 1 << 31 for value in values if value is not None) else "bigint"
    return "double" if kinds and kinds <= {int, float} else "varchar"


def _written(value: object, kind: str) -> str | None:
    if value is None or kind not in WHOLE_NUMBERS and not isinstance(value, float):
        return None if value is None else str(value)
    if kind == "boolean":
        return "true" if value else "false"
    return _double(value) if isinstance(value, float) else str(value)


def _double(value: float) -> str:
    """As Java writes it: 1.5, 1.0E20, 1.0E-7."""
    if not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    mantissa = f"{digits[0]}.{''.join(map(str, digits[1:])) or '0'}"
    return f"{'-' * sign}{mantissa}E{exponent + len(digits) - 1}"
