"""The routes under /local-stack/athena: results for the queries to come, and a look at the ones that came."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.wrappers import Request

from .errors import QueryFailure
from .queries import Canned, Queries, Query

if TYPE_CHECKING:
    from .api import Athena

FIELDS = set(Canned.__dataclass_fields__)


class AthenaControl:
    """One method a route, as in control.py."""

    def __init__(self, athena: "Athena") -> None:
        self._queries: Queries = athena.queries

    def routes(self) -> list[tuple]:
        return [
            ("POST", "/athena/results", self._queue),
            ("POST", "/athena/limit", self._set_limit),
            ("GET", "/athena/queries", lambda _: (200, {"queries": [_shown(one) for one in self._queries.all()]})),
            ("POST", "/athena/queries/([^/]+)/finish", self._finish),
            ("DELETE", "/athena", self._clear),
        ]

    def _queue(self, request: Request) -> tuple[int, dict]:
        order = _object(request)
        unknown = set(order) - FIELDS
        if unknown:
            raise BadRequest(f"{', '.join(sorted(unknown))}: no such field; there are {', '.join(sorted(FIELDS))}")
        try:
            if order.get("failure"):
                order["failure"] = QueryFailure(**order["failure"])
            canned = Canned(**order)
        except TypeError as error:
            raise BadRequest(f"failure: {error}") from error
        width = len(canned.columns)
        if any({"name", "type"} - set(column) for column in canned.columns):
            raise BadRequest("columns: each has name and type")
        if any(len(row) > width or not all(isinstance(one, str | None) for one in row) for row in canned.rows):
            raise BadRequest("rows: each is a list of at most as many texts or nulls as there are columns")
        self._queries.queue(canned)
        return 201, {"match": canned.match, "rows": len(canned.rows), "times": canned.times}

    def _set_limit(self, request: Request) -> tuple[int, dict]:
        limit = _object(request).get("concurrent_queries")
        if limit is not None and (type(limit) is not int or limit < 0):
            raise BadRequest(f"concurrent_queries: {limit!r} is not a number of queries")
        self._queries.limit = limit
        return 200, {"concurrent_queries": limit}

    def _finish(self, _: Request, query_id: str) -> tuple[int, dict]:
        try:
            query = self._queries.find(query_id)
        except HTTPException:
            return 404, {"error": f"{query_id}: no such query"}
        query.finish()
        return 200, _shown(query)

    def _clear(self, _: Request) -> tuple[int, dict]:
        self._queries.clear()
        return 200, {}


def _shown(query: Query) -> dict:
    return {
        "id": query.id,
        "query": query.text,
        "state": query.now(),
        "reason": query.reason,
        "failure": asdict(query.failure) if query.failure else None,
        "principal": query.principal,
        "context": query.context,
        "workgroup": query.workgroup,
        "output": query.file,
        "stops": query.stops,
    }


def _object(request: Request) -> dict:
    fields = request.get_json(force=True)
    if not isinstance(fields, dict):
        raise BadRequest("the body must be a JSON object")
    return fields
