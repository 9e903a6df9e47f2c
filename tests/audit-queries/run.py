"""Runs each query of deploy/athena and deploy/logs-insights on events: by SQLite, and for Athena's through sqlglot.

usage: run.py AUDIT_LINES (what a vending API wrote; with vends of `web-01` and a denial)
"""

import json
import re
import sqlite3
import sys
from pathlib import Path

import sqlglot
from sqlglot import exp

import insights

DEPLOY = Path(__file__).parents[2] / "deploy"
START = "2026-11-19T00:00:00Z"


def event(time: str, name: str, client: str, key: str | None, **more) -> dict:
    """A record of CloudTrail, after its record format 1.11 (user guide, "CloudTrail record contents")."""
    parameters = {"bucketName": "logs"} | ({"key": key} if key else {})
    return {
        "eventtime": time,
        "eventsource": "s3.amazonaws.com",
        "eventname": name,
        "errorcode": None,
        "sourceipaddress": "192.0.2.7",
        "requestparameters": json.dumps(parameters),
        "useridentity": json.dumps(
            {
                "type": "AssumedRole",
                "arn": f"arn:aws:sts::123456789012:assumed-role/credvend-{client}/{client}-1",
                "accesskeyid": f"ASIA{client}",
                "sessioncontext": {"sourceidentity": client},
            }
        ),
    } | more


EVENTS = [
    event("2026-11-20T10:00:00Z", "GetObject", "web-01", "logs/web-01/a"),
    event("2026-11-20T11:00:00Z", "GetObject", "web-01", "logs/web-01/b"),
    event("2026-11-20T12:00:00Z", "PutObject", "web-02", "logs/web-01/c", errorcode="AccessDenied"),
    event("2026-11-20T13:00:00Z", "GetObject", "web-02", "logs/web-02/a"),
    event("2026-11-18T10:00:00Z", "GetObject", "web-01", "logs/web-01/old"),
    event("2026-11-20T14:00:00Z", "ListObjects", "web-01", None),
]


def athena(name: str, **values: str) -> list[dict]:
    """sqlglot reads the query as Athena does; a member of the struct becomes a member of SQLite's JSON."""
    text = (DEPLOY / "athena" / name).read_text()
    for placeholder, value in values.items():
        text = text.replace(f"<{placeholder.replace('_', ' ')}>", value)
    text = text.replace("<from, as 2026-11-19T00:00:00Z>", START)
    statement = sqlglot.parse_one(text, read="athena")

    def member(node: exp.Expression) -> exp.Expression:
        parts = [part.name for part in node.parts] if isinstance(node, (exp.Column, exp.Dot)) else []
        if len(parts) > 1 and parts[0] == "useridentity":
            return sqlglot.parse_one(f"json_extract(useridentity, '$.{'.'.join(parts[1:])}')", read="sqlite")
        return node

    sql = statement.transform(member).sql(dialect="sqlite", comments=False)
    assert "<" not in re.sub(r"<=|<>", "", sql), f"a placeholder is left: {sql}"
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.execute(f"CREATE TABLE cloudtrail_logs ({', '.join(EVENTS[0])})")
    database.executemany(f"INSERT INTO cloudtrail_logs VALUES ({', '.join('?' * len(EVENTS[0]))})", [tuple(one.values()) for one in EVENTS])
    return [dict(row) for row in database.execute(sql)]


def check_athena() -> None:
    rows = athena("who-used-a-prefix.sql", bucket="logs", prefix="logs/web-01/")
    assert [(row["access_key_id"], row["eventname"], row["calls"], row["refused"]) for row in rows] == [
        ("ASIAweb-02", "PutObject", 1, 1),
        ("ASIAweb-01", "GetObject", 2, 0),
    ], rows
    assert rows[1]["session_arn"].endswith("/web-01-1") and rows[1]["last_call"] == "2026-11-20T11:00:00Z"
    rows = athena("what-a-session-did.sql", access_key="ASIAweb-01")
    assert [(row["eventname"], row["object_key"]) for row in rows] == [
        ("GetObject", "logs/web-01/a"),
        ("GetObject", "logs/web-01/b"),
        ("ListObjects", None),
    ], rows
    rows = athena("what-a-client-did.sql", client_id="web-02")
    assert sorted((row["eventname"], row["calls"], row["refused"], row["sessions"]) for row in rows) == [
        ("GetObject", 1, 0, 1),
        ("PutObject", 1, 1, 1),
    ], rows


def logs_insights(name: str, lines: list[dict], **values: str) -> list[dict]:
    text = (DEPLOY / "logs-insights" / name).read_text()
    for placeholder, value in values.items():
        text = text.replace(f"<{placeholder.replace('_', ' ')}>", value)
    assert "<" not in text, f"a placeholder is left: {text}"
    return insights.run(text, lines)


def check_logs_insights(lines: list[dict]) -> None:
    vends = [line for line in lines if line["decision"] == "allow" and line["access_key_id"]]
    clients = sorted({line["client_id"] for line in vends})
    assert len(vends) >= 2 and len(clients) >= 2 and len(lines) > len(vends), "the lines tell too little"
    rows = logs_insights("vends-by-client.txt", lines)
    assert sum(row["vends"] for row in rows) == len(vends) and all(row["hour"] % 3_600_000 == 0 for row in rows), rows
    rows = logs_insights("denials-by-code.txt", lines)
    assert [(row["code"], row["times"]) for row in rows] == [("client_disabled", 1)], rows
    rows = logs_insights("last-vend-by-client.txt", lines)
    assert sorted(row["client_id"] for row in rows) == clients, rows
    assert [row["latest"] for row in rows] == sorted(row["latest"] for row in rows), rows
    rows = logs_insights("whose-access-key.txt", lines, access_key=vends[0]["access_key_id"])
    assert [(row["client_id"], row["request_id"]) for row in rows] == [(vends[0]["client_id"], vends[0]["request_id"])], rows
    rows = logs_insights("latency.txt", lines)
    assert sum(row["vends"] for row in rows) == len(vends) and all(row["slowest"] >= row["mean"] > 0 for row in rows), rows


def main() -> None:
    for folder, checked in (("athena", 3), ("logs-insights", 5)):
        files = [one for one in (DEPLOY / folder).iterdir() if one.suffix in (".sql", ".txt")]
        assert len(files) == checked, f"{folder}: {checked} queries are run here, and there are {len(files)}"
    check_athena()
    check_logs_insights([json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines() if line.strip()])


main()
