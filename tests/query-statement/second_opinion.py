"""What sqlglot takes for a write among the queries that the query API takes for reads.

Reads a JSON string a line on stdin, and prints a JSON array [query, what it found] for each query that it reads as
something else than one statement that changes nothing. A query that it cannot parse gets no opinion.
"""

import json
import logging
import sys

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

WRITES = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.TruncateTable,
    exp.Into,
    exp.Copy,
    exp.LoadData,
    exp.Set,
    exp.Use,
    exp.Grant,
    exp.Commit,
    exp.Rollback,
    exp.Transaction,
    exp.Kill,
    exp.Comment,
    exp.Analyze,
)


def opinion(query: str) -> str | None:
    try:
        statements = [statement for statement in parse(query, dialect="athena") if statement is not None]
    except (SqlglotError, RecursionError):
        return None
    statements = [statement for statement in statements if not isinstance(statement, exp.Semicolon)]
    if len(statements) != 1:
        return f"{len(statements)} statements"
    found = statements[0].find(*WRITES)
    return None if found is None else type(found).__name__


def main() -> None:
    logging.disable()  # "falling back to Command"
    asked = 0
    for line in sys.stdin:
        query = json.loads(line)
        asked += 1
        found = opinion(query)
        if found is not None:
            print(json.dumps([query, found]))
    print(f"{asked} queries", file=sys.stderr)


if __name__ == "__main__":
    main()
