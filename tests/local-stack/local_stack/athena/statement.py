"""What kind of statement a query is, and its text for sqlite. Judging SQL is the service's job; this reads what it let pass."""

import re
from dataclasses import dataclass

# A string, a quoted name, a comment: what lies inside is not syntax.
OPAQUE = re.compile(r"""('(?:[^']|'')*')|"((?:[^"]|"")*)"|`([^`]*)`|(--[^\n]*)|(/\*.*?\*/)""", re.DOTALL)
# First words -> StatementType, SubstatementType; the first that fits (as measured on Athena, engine version 3).
KINDS = [
    (r"(SELECT|WITH|VALUES|TABLE)\b|\(", "DML", "SELECT"),
    (r"EXPLAIN\b", "DML", "EXPLAIN"),
    (r"INSERT\b", "DML", "INSERT"),
    (r"UPDATE\b", "DML", "UPDATE"),
    (r"DELETE\b", "DML", "DELETE"),
    (r"MERGE\b", "DML", "MERGE"),
    (r"UNLOAD\b", "DML", "UNLOAD"),
    (r"CREATE TABLE\b.*? AS\b", "DDL", "CREATE_TABLE_AS_SELECT"),
    (r"SHOW (DATABASES|SCHEMAS)\b", "UTILITY", "SHOW_DATABASES"),
    (r"SHOW TABLES\b", "UTILITY", "SHOW_TABLES"),
    (r"SHOW COLUMNS\b", "UTILITY", "SHOW_COLUMNS"),
    (r"SHOW\b", "UTILITY", None),
    (r"DESC(RIBE)?\b", "UTILITY", "DESCRIBE_TABLE"),
    (r"DROP TABLE\b", "DDL", "DROP_TABLE"),
    (r"(CREATE|DROP|ALTER|MSCK|OPTIMIZE|VACUUM|ANALYZE)\b", "DDL", None),
]
# Statements of which Athena counts rows and returns none.
COUNTED = {"INSERT", "UPDATE", "DELETE", "MERGE", "CREATE_TABLE_AS_SELECT"}


@dataclass
class Statement:
    # For sqlite: names in brackets, which it never takes for strings, no comments, no AwsDataCatalog.
    text: str
    kind: str
    substatement: str | None

    @property
    def has_header(self) -> bool:
        """Whether the first row of its result repeats the columns' names."""
        return self.kind == "DML" and self.substatement not in COUNTED | {"EXPLAIN"}

    @property
    def counts_rows(self) -> bool:
        return self.substatement in COUNTED

    def file_name(self, query_id: str) -> str:
        if self.substatement == "CREATE_TABLE_AS_SELECT":
            return f"tables/{query_id}"
        if self.substatement == "INSERT":
            return query_id
        return f"{query_id}.csv" if self.kind == "DML" and self.substatement != "EXPLAIN" else f"{query_id}.txt"


def parse(query: str) -> Statement | None:
    """None: no statement that Athena knows begins like this."""
    text = OPAQUE.sub(_plain, query).strip().rstrip(";").strip()
    text = re.sub(r"(\[awsdatacatalog\]|\bawsdatacatalog)\s*\.", "", text, flags=re.IGNORECASE)
    words = re.sub(r"\s+", " ", text)
    for pattern, kind, substatement in KINDS:
        if re.match(pattern, words, re.IGNORECASE):
            return Statement(text, kind, substatement)
    return None


def _plain(match: re.Match) -> str:
    string, quoted, backquoted, *_ = match.groups()
    if string is not None:
        return string
    name = quoted if quoted is not None else backquoted
    return " " if name is None else "[" + name.replace("]", "") + "]"
