"""StartQueryExecution, GetQueryExecution, GetQueryResults, StopQueryExecution and the workgroups, in place of moto's."""

import base64
import json
import re
from collections.abc import Callable

from moto.athena.models import AthenaBackend, athena_backends
from moto.athena.responses import AthenaResponse
from moto.s3.models import s3_backends

from .. import authorization
from ..settings import Settings
from .engine import Engine, Permit, Result
from .errors import QueryFailure, insufficient_permissions, invalid_request
from .lake_formation import LakeFormation
from .queries import Canned, Queries, Query, parse
from .tables import Tables

LONGEST_QUERY = 262_144
# Athena's fixed precisions (as measured); the others have 0, a varchar the longest there is.
PRECISIONS = {"boolean": 0, "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "float": 17, "double": 17}
PRECISIONS |= {"varchar": 2_147_483_647, "timestamp": 3, "varbinary": 1_073_741_824, "decimal": 38}
OUTPUT_LOCATION = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/.*)?")


class Athena:
    """All of Athena that moto lacks; hangs on the running stack."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.queries = Queries()
        self._tables: dict[tuple[str, str], Tables] = {}

    def install(self) -> None:
        replaced: dict[str, Callable[[AthenaResponse], dict]] = {
            "start_query_execution": self._start,
            "get_query_execution": self._describe,
            "get_query_results": self._results,
            "stop_query_execution": self._stop,
            "get_work_group": self._work_group,
            "update_work_group": self._update_work_group,
        }
        for name, operation in replaced.items():
            setattr(AthenaResponse, name, lambda response, run=operation: json.dumps(run(response)))
        authorization.RESOURCES["athena"] = self._resource

    def tables(self, account_id: str, region: str) -> Tables:
        return self._tables.setdefault((account_id, region), Tables(account_id, region))

    def _resource(self, handler: AthenaResponse) -> str:
        """The ARN that a call is about: the workgroup, for a query's calls that of the query."""
        try:
            parameters = json.loads(handler.body or "{}")
        except ValueError:
            parameters = {}
        if "QueryExecutionId" in parameters:
            workgroup = self.queries.find(parameters["QueryExecutionId"]).workgroup
        else:
            workgroup = parameters.get("WorkGroup") or "primary"
            if handler._get_action() in ("CreateWorkGroup", "ListWorkGroups"):
                workgroup = parameters.get("Name", "*")
        return f"arn:aws:athena:{handler.region}:{handler.current_account}:workgroup/{workgroup}"

    def _start(self, response: AthenaResponse) -> dict:
        text, token = response._get_param("QueryString") or "", response._get_param("ClientRequestToken")
        _check_token(token)
        if not 1 <= len(text) <= LONGEST_QUERY:
            raise invalid_request(f"queryString must have a length between 1 and {LONGEST_QUERY}")
        name = response._get_param("WorkGroup") or "primary"
        configuration = _configuration(response, name)
        context = response._get_param("QueryExecutionContext") or {}
        asked = (response._get_param("ResultConfiguration") or {}).get("OutputLocation")
        location = _location(asked, configuration)
        permit = self._permit(response)
        if location:
            self._verify_bucket(response, permit, location)
        parsed = parse(text)
        principal = _principal(response)
        engine = Engine(
            self.tables(response.current_account, response.region),
            LakeFormation(response.current_account, response.region, principal),
            permit,
            (context.get("Database") or "default").lower(),
        )

        def make(query_id: str, canned: Canned | None) -> Query:
            return Query(
                id=query_id,
                text=text,
                principal=response.caller.arn,
                context=context,
                workgroup=name,
                location=location,
                statement=parsed,
                canned=canned,
                run=lambda: engine.run(text),
                store=lambda query, result, header: self._store(response, permit, query, result, header),
                scan_limit=configuration.get("BytesScannedCutoffPerQuery"),
            )

        return {"QueryExecutionId": self.queries.start(token, (text, context.get("Database"), asked), make)}

    def _describe(self, response: AthenaResponse) -> dict:
        query = self.queries.find(response._get_param("QueryExecutionId"))
        state = query.now()
        status = {"State": state, "SubmissionDateTime": query.submitted_at}
        statistics: dict = {"ResultReuseInformation": {"ReusedPreviousResult": False}}
        if query.reason:
            status["StateChangeReason"] = query.reason
        if query.failure and state == "FAILED":
            status["AthenaError"] = query.failure.athena_error()
        if query.completed_at is not None:
            status["CompletionDateTime"] = query.completed_at
            took = int((query.completed_at - query.submitted_at) * 1000)
            statistics |= {"EngineExecutionTimeInMillis": took, "TotalExecutionTimeInMillis": took}
            statistics["DataScannedInBytes"] = query.result.scanned_bytes if query.result else 0
        execution = {
            "QueryExecutionId": query.id,
            "Query": query.text,
            "StatementType": query.statement.kind,
            "ResultConfiguration": {"OutputLocation": query.file} if query.file else {},
            "ManagedQueryResultsConfiguration": {"Enabled": query.file is None},
            "QueryExecutionContext": query.context,
            "Status": status,
            "Statistics": statistics,
            "WorkGroup": query.workgroup,
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
        }
        if query.statement.substatement:
            execution["SubstatementType"] = query.statement.substatement
        return {"QueryExecution": execution}

    def _results(self, response: AthenaResponse) -> dict:
        query = self.queries.find(response._get_param("QueryExecutionId"))
        size = response._get_param("MaxResults") or 1000
        if not 1 <= size <= 1000:
            raise invalid_request("MaxResults is more than maximum allowed length 1000")
        state = query.now()
        if state in ("QUEUED", "RUNNING"):
            message = f"Query has not yet finished. Current state: {state}"
            raise invalid_request(message, "INVALID_QUERY_EXECUTION_STATE")
        if state == "CANCELLED":
            raise invalid_request("Could not find results", "RESULT_NOT_FOUND")
        if state == "FAILED":
            message = f"Query did not finish successfully. Final query state: {state}"
            raise invalid_request(message, "INVALID_QUERY_EXECUTION_STATE")
        if query.file:
            self._read_permit(response, query.file)
        result = query.result
        columns = [_column(name, kind) for name, kind in result.columns]
        rows = ([[name for name, _ in result.columns]] if query.has_header else []) + result.rows
        first = _offset(query.id, response._get_param("NextToken"))
        page = rows[first : first + size]
        data = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in page]
        body = {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": columns}}}
        if result.update_count is not None:
            body["UpdateCount"] = result.update_count
        if first + size < len(rows):
            body["NextToken"] = _token(query.id, first + size)
        return body

    def _stop(self, response: AthenaResponse) -> dict:
        self.queries.find(response._get_param("QueryExecutionId")).stop()
        return {}

    def _work_group(self, response: AthenaResponse) -> dict:
        name = response._get_param("WorkGroup")
        _configuration(response, name, disabled_too=True)
        return {"WorkGroup": _backend(response).get_work_group(name)}

    def _update_work_group(self, response: AthenaResponse) -> dict:
        name = response._get_param("WorkGroup")
        _configuration(response, name, disabled_too=True)
        group = _backend(response).work_groups[name]
        group.description = response._get_param("Description") or group.description
        group.state = response._get_param("State") or group.state
        for key, value in (response._get_param("ConfigurationUpdates") or {}).items():
            if key == "ResultConfigurationUpdates":
                stored = group.configuration.setdefault("ResultConfiguration", {})
                stored |= {name: one for name, one in value.items() if not name.startswith("Remove")}
                for removed in (name.removeprefix("Remove") for name, gone in value.items() if gone is True):
                    stored.pop(removed, None)
            elif key == "RemoveBytesScannedCutoffPerQuery":
                group.configuration.pop("BytesScannedCutoffPerQuery", None)
            else:
                group.configuration[key.removesuffix("Updates")] = value
        return {}

    def _permit(self, response: AthenaResponse) -> Permit:
        """What Athena asks of IAM in its caller's name, a session's policy included."""
        caller, prefix = response.caller, f"arn:aws:glue:{response.region}:{response.current_account}:"
        context = authorization.request_context(response, self._settings) | {"aws:CalledVia": ["athena.amazonaws.com"]}

        def permit(action: str, resource: str) -> None:
            if action.startswith("glue:"):
                # Glue asks for the whole path: catalog, database, table.
                parts = resource.split("/")
                paths = ["catalog", f"database/{parts[1]}"] + ([resource] if parts[0] == "table" else [])
                resources = [prefix + path for path in paths]
            else:
                resources = [resource]
            for one in resources:
                if not caller.may(action, one, context):
                    raise insufficient_permissions(
                        f"User: {caller.arn} is not authorized to perform: {action} on resource: {one} because no "
                        f"identity-based policy allows the {action} action"
                    )

        return permit

    def _verify_bucket(self, response: AthenaResponse, permit: Permit, location: str) -> None:
        bucket = location.split("/")[2]
        try:
            permit("s3:GetBucketLocation", f"arn:aws:s3:::{bucket}")
            there = bucket in s3_backends[response.current_account]["aws"].buckets
        except QueryFailure:
            there = False
        if not there:
            raise invalid_request(f"Unable to verify/create output bucket {bucket}")

    def _store(self, response: AthenaResponse, permit: Permit, query: Query, result: Result, header: bool) -> None:
        if query.file is None:
            return
        bucket, _, key = query.file.removeprefix("s3://").partition("/")
        try:
            permit("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        except QueryFailure as error:
            raise QueryFailure(
                f"Access denied when writing output to url: {query.file} . Please ensure you are allowed to access the "
                "S3 bucket. If you are encrypting query results with KMS key, please ensure you are allowed to access "
                "your KMS key",
                401,
            ) from error
        if not query.statement.counts_rows:
            body = _csv(result, header) if key.endswith(".csv") else _text(result)
            s3_backends[response.current_account]["aws"].put_object(bucket, key, body.encode())

    def _read_permit(self, response: AthenaResponse, file: str) -> None:
        try:
            self._permit(response)("s3:GetObject", "arn:aws:s3:::" + file.removeprefix("s3://"))
        except QueryFailure as error:
            raise authorization.denied(response, "s3:GetObject", file) from error


def _backend(response: AthenaResponse) -> AthenaBackend:
    return athena_backends[response.current_account][response.region]


def _configuration(response: AthenaResponse, name: str, disabled_too: bool = False) -> dict:
    group = _backend(response).work_groups.get(name)
    if group is None:
        raise invalid_request("WorkGroup is not found.")
    if group.state != "ENABLED" and not disabled_too:
        raise invalid_request(f"WorkGroup {name} is disabled.")
    return group.configuration


def _location(asked: str | None, configuration: dict) -> str | None:
    """Where the result goes: the workgroup's word is the last where it overrides its callers."""
    managed = configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled", False)
    if managed:
        if asked:
            raise invalid_request("ResultConfiguration cannot be set for a workgroup with managed query results")
        return None
    own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
    location = own if configuration.get("EnforceWorkGroupConfiguration") else asked or own
    if not location:
        raise invalid_request(
            "No output location provided. You did not provide an output location for your query results. Either "
            "specify an S3 bucket location or enable Athena managed query results in your workgroup settings."
        )
    if not OUTPUT_LOCATION.fullmatch(location):
        raise invalid_request("outputLocation is not a valid S3 path.")
    return location


def _check_token(token: str | None) -> None:
    if token is None:
        raise invalid_request("clientRequestToken is null or empty")
    if not 32 <= len(token) <= 128:
        bound = "greater than or equal to 32" if len(token) < 32 else "less than or equal to 128"
        raise invalid_request(
            "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have "
            f"length {bound}"
        )


def _principal(response: AthenaResponse) -> str:
    """Whom Lake Formation's grants name: the role behind a session."""
    session = response.caller.session
    return session.role_arn if session else response.caller.arn


def _column(name: str, kind: str) -> dict:
    base, _, digits = kind.partition("(")
    precision, _, scale = digits.rstrip(")").partition(",")
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": base,
        "Precision": int(precision) if precision.strip().isdigit() else PRECISIONS.get(base, 0),
        "Scale": int(scale or 0),
        "Nullable": "UNKNOWN",
        "CaseSensitive": base in ("varchar", "char"),
    }


def _token(query_id: str, offset: int) -> str:
    return base64.b64encode(f"{query_id}:{offset}".encode()).decode()


def _offset(query_id: str, token: str | None) -> int:
    if token is None:
        return 0
    try:
        owner, _, offset = base64.b64decode(token, validate=True).decode().partition(":")
        if owner == query_id:
            return int(offset)
    except ValueError:
        pass
    raise invalid_request("Invalid NextToken")


def _csv(result: Result, header: bool) -> str:
    rows = ([[name for name, _ in result.columns]] if header else []) + result.rows
    quoted = [["" if value is None else '"' + value.replace('"', '""') + '"' for value in row] for row in rows]
    return "".join(",".join(row) + "\n" for row in quoted)


def _text(result: Result) -> str:
    return "\n".join("\t".join(value or "" for value in row) for row in result.rows)
