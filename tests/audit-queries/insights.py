"""The part of CloudWatch Logs Insights' language that deploy/logs-insights uses, run by SQLite on JSON lines."""

import json
import re
import sqlite3

NAME = r"@?[A-Za-z_][\w.]*"
WORDS = re.compile(rf'"(?:[^"\\]|\\.)*"|ispresent\({NAME}\)|{NAME}|!=|=|\(|\)')


def run(query: str, lines: list[dict]) -> list[dict]:
    """The rows that the query returns, in its order."""
    columns, where, group, order, limit = ["*"], [], [], "", ""
    for command in query.strip().split("|"):
        verb, _, rest = command.strip().partition(" ")
        if verb == "fields":
            columns = [_column(name.strip()) for name in rest.split(",")]
        elif verb == "filter":
            where.append(f"({_condition(rest)})")
        elif verb == "stats":
            measures, _, by = rest.partition(" by ")
            group = [_group(one.strip()) for one in by.split(", ")]
            columns = [f"{one} AS {_quoted(name)}" for one, name in group] + [_measure(one) for one in re.split(r",\s*(?![^(]*\))", measures)]
        elif verb == "sort":
            name, direction = rest.split()
            assert direction in ("asc", "desc"), direction
            order = f" ORDER BY {_quoted(name)} {direction}"
        elif verb == "limit":
            assert 1 <= int(rest) <= 10000, rest
            limit = f" LIMIT {int(rest)}"
        else:
            raise ValueError(f"{verb}: no such command")
    sql = f"SELECT {', '.join(columns)} FROM line" + (f" WHERE {' AND '.join(where)}" if where else "")
    sql += f" GROUP BY {', '.join(one for one, _ in group)}" if group else ""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.execute("CREATE TABLE line (text TEXT)")
    database.executemany("INSERT INTO line VALUES (?)", [(json.dumps(line),) for line in lines])
    return [dict(row) for row in database.execute(sql + order + limit)]


def _value(name: str) -> str:
    path = name.replace('"', "")
    return f"""json_extract(text, '$."{path}"')"""


def _quoted(name: str) -> str:
    assert re.fullmatch(NAME, name), name
    return f'"{name}"'


def _column(name: str) -> str:
    return f"{_value(name)} AS {_quoted(name)}"


def _condition(text: str) -> str:
    rest, words = text.strip(), []
    assert WORDS.sub("", rest).strip() == "", rest
    for word in WORDS.findall(rest):
        if word in ("and", "or", "not", "=", "!=", "(", ")"):
            words.append(word)
        elif word.startswith('"'):
            words.append("'" + json.loads(word).replace("'", "''") + "'")
        elif word.startswith("ispresent("):
            words.append(f"{_value(word[10:-1])} IS NOT NULL")
        else:
            words.append(_value(word))
    return " ".join(words)


def _measure(text: str) -> str:
    function, name, alias = re.fullmatch(r"(\w+)\((.*)\) as (\w+)", text.strip()).groups()
    assert function in ("count", "max", "min", "avg", "sum"), function
    return f"{function}({'*' if name == '*' else _value(name)}) AS {_quoted(alias)}"


def _group(text: str) -> tuple[str, str]:
    expression, _, alias = text.partition(" as ")
    span = re.fullmatch(r"bin\((\d+)h\)", expression)
    if span:
        width = int(span[1]) * 3_600_000
        return f"{_value('time')} / {width} * {width}", alias
    return _value(expression), alias or expression
