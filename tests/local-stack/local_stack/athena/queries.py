"""Queries from their start to their end: states in time, results that a test has queued, idempotency, what S3 is asked for."""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from . import statement
from .engine import Result
from .errors import QueryFailure, invalid_request, too_many_requests
from .statement import Statement

# Long enough that the first look at a query mostly sees it running, as in AWS.
USUAL_SECONDS = 0.03
CANCELLED_BY_USER = "Query cancelled by user"


@dataclass
class Canned:
    """What a test wants of the next query: a result or a failure, and how long it takes."""

    # The query must hold this text; "" fits all.
    match: str = ""
    columns: list[dict] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    scanned_bytes: int = 0
    update_count: int | None = None
    # None: as Athena does for this kind of statement.
    header: bool | None = None
    failure: QueryFailure | None = None
    # False: the engine runs the statement, and only the time is this order's.
    result: bool = True
    seconds: float = USUAL_SECONDS
    # How many queries it serves; None: all that come.
    times: int | None = 1


@dataclass
class Query:
    """One execution. Time is monotonic: a test may move the wall clock."""

    id: str
    text: str
    principal: str
    context: dict
    workgroup: str
    # The location asked for, or the workgroup's; None where Athena keeps the result itself.
    location: str | None
    statement: Statement | None
    canned: Canned | None
    # Runs the statement with its caller's permissions.
    run: Callable[[], Result]
    # Writes the result where it belongs, with its caller's permissions.
    store: Callable[["Query", Result, bool], None]
    scan_limit: int | None
    began: float = field(default_factory=time.monotonic)
    submitted_at: float = field(default_factory=time.time)
    completed_at: float | None = None
    state: str | None = None
    result: Result | None = None
    failure: QueryFailure | None = None
    reason: str | None = None
    stops: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        return self.canned.seconds if self.canned else USUAL_SECONDS

    @property
    def has_header(self) -> bool:
        if self.canned and self.canned.header is not None:
            return self.canned.header
        return self.statement is not None and self.statement.has_header

    @property
    def file(self) -> str | None:
        if self.location is None:
            return None
        name = self.statement.file_name(self.id) if self.statement else f"{self.id}.txt"
        return f"{self.location.rstrip('/')}/{name}"

    def now(self) -> str:
        """The state; a query whose time has come is carried out here."""
        with self.lock:
            if self.state:
                return self.state
            gone = time.monotonic() - self.began
            if gone < self.seconds:
                return "QUEUED" if gone < self.seconds / 10 else "RUNNING"
            self._finish()
            return self.state

    def finish(self) -> None:
        """Ends now, however long it was to take."""
        with self.lock:
            if self.state is None:
                self._finish()

    def stop(self) -> None:
        """Stopping what has ended changes nothing."""
        with self.lock:
            self.stops += 1
            if self.state is None:
                self._end("CANCELLED", CANCELLED_BY_USER)

    def _finish(self) -> None:
        try:
            result = self._outcome()
            if self.scan_limit is not None and result.scanned_bytes > self.scan_limit:
                self.result = Result([], [], result.scanned_bytes)
                self._end("CANCELLED", "Bytes scanned limit was exceeded")
                return
            self.store(self, result, self.has_header)
            self.result = result
            self._end("SUCCEEDED")
        except QueryFailure as failure:
            self.failure = failure
            self._end(failure.state, failure.reason)
        except Exception as error:  # whatever it is, the query that it hit must show it
            self.failure = QueryFailure(f"GENERIC_INTERNAL_ERROR: {error!r}", 200, category=1)
            self._end("FAILED", self.failure.reason)

    def _outcome(self) -> Result:
        canned = self.canned
        if canned is None or not canned.result:
            return self.run()
        if canned.failure:
            raise canned.failure
        columns = [(column["name"], column["type"]) for column in canned.columns]
        counted = self.statement is not None and self.statement.counts_rows
        return Result(columns, canned.rows, canned.scanned_bytes, canned.update_count if counted else 0)

    def _end(self, state: str, reason: str | None = None) -> None:
        self.state, self.reason, self.completed_at = state, reason, time.time()


class Queries:
    """All queries of the account, and the results that wait for one."""

    def __init__(self) -> None:
        self._by_id: dict[str, Query] = {}
        self._by_token: dict[str, tuple[tuple, str]] = {}
        self._canned: list[Canned] = []
        self._lock = threading.Lock()
        # How many may run at a time; None: any number.
        self.limit: int | None = None

    def queue(self, canned: Canned) -> None:
        with self._lock:
            self._canned.append(canned)

    def clear(self) -> None:
        """Forgets what was queued and ends what still runs; ended queries stay."""
        with self._lock:
            self._canned.clear()
            self.limit = None
            running = list(self._by_id.values())
        for query in running:
            query.stop()

    def start(self, token: str, parameters: tuple, make: Callable[[str, Canned | None], Query]) -> str:
        """A token that was seen brings the id of that query, or a refusal where something else is asked for."""
        with self._lock:
            if token in self._by_token:
                before, query_id = self._by_token[token]
                if before != parameters:
                    raise invalid_request("Idempotent parameters do not match", "IDEMPOTENT_PARAMETER_MISMATCH")
                return query_id
            if self.limit is not None and self._running() >= self.limit:
                raise too_many_requests()
            query = make(str(uuid.uuid4()), self._take(parameters[0]))
            self._by_id[query.id] = query
            self._by_token[token] = (parameters, query.id)
            return query.id

    def find(self, query_id: str) -> Query:
        query = self._by_id.get(query_id)
        if query is None:
            raise invalid_request(f"QueryExecution {query_id} was not found", "QUERY_EXECUTION_NOT_FOUND")
        return query

    def all(self) -> list[Query]:
        return list(self._by_id.values())

    def _running(self) -> int:
        return sum(query.now() in ("QUEUED", "RUNNING") for query in self._by_id.values())

    def _take(self, text: str) -> Canned | None:
        for canned in self._canned:
            if canned.match in text:
                if canned.times is not None:
                    canned.times -= 1
                    if canned.times == 0:
                        self._canned.remove(canned)
                return canned
        return None


def parse(text: str) -> Statement:
    """Refuses at the start what no statement begins like, as Athena does with what it cannot parse."""
    parsed = statement.parse(text)
    if parsed is None:
        first = (text.split() or [""])[0]
        raise invalid_request(f"line 1:1: mismatched input '{first}'. Expecting: 'SELECT', …", "MALFORMED_QUERY")
    return parsed
