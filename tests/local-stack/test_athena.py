"""Athena under Lake Formation, through boto3: what runs, what is refused and by whom, and the shapes of it all."""

import itertools
import json
import sqlite3
import time
import uuid

import pytest
from local_stack.athena.control import _shown
from local_stack.athena.queries import Canned, Query, parse

names = (f"query-client-{number:02}" for number in itertools.count(1))
PLENTY = 3600


class Athena:
    """Athena as a session of one of the roles sees it."""

    def __init__(self, stack, api: dict, role_arn: str, **session) -> None:
        self.stack, self.api = stack, api
        sts = stack.client("sts", api["lambda"])
        keys = sts.assume_role(RoleArn=role_arn, RoleSessionName="test", **session)["Credentials"]
        self.client, self.s3 = stack.client("athena", keys), stack.client("s3", keys)
        self.output = api["output"] + "client-creds-queries/test/"

    def start(self, query: str, **parameters) -> str:
        parameters = {
            "QueryString": query,
            "WorkGroup": self.api["workgroup"],
            "QueryExecutionContext": {"Database": self.api["database"]},
            "ResultConfiguration": {"OutputLocation": self.output},
        } | parameters
        return self.client.start_query_execution(**parameters)["QueryExecutionId"]

    def execution(self, query_id: str) -> dict:
        return self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]

    def ended(self, query: str, **parameters) -> dict:
        query_id = self.start(query, **parameters)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            execution = self.execution(query_id)
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            time.sleep(0.01)
        raise AssertionError(f"{query!r} does not end")

    def results(self, query: str, **parameters) -> dict:
        execution = self.ended(query)
        assert execution["Status"]["State"] == "SUCCEEDED", execution
        return self.client.get_query_results(QueryExecutionId=execution["QueryExecutionId"], **parameters)

    def rows(self, query: str) -> list[list]:
        return rows_of(self.results(query))

    def failure(self, query: str, **parameters) -> str:
        """Why it fails; Athena says it twice."""
        status = self.ended(query, **parameters)["Status"]
        assert status["State"] == "FAILED", status
        error = status["AthenaError"]
        assert error["ErrorMessage"] == status["StateChangeReason"]
        assert error["ErrorCategory"] == 2 and error["Retryable"] is False and error["ErrorType"] >= 1, error
        return status["StateChangeReason"]


def rows_of(results: dict) -> list[list]:
    return [[datum.get("VarCharValue") for datum in row["Data"]] for row in results["ResultSet"]["Rows"]]


@pytest.fixture
def api(stack) -> dict:
    return stack.control("POST", "/query-api")


@pytest.fixture
def dev(stack, api) -> Athena:
    return Athena(stack, api, api["dev_role_arn"])


@pytest.fixture
def super_(stack, api) -> Athena:
    return Athena(stack, api, api["super_role_arn"])


def test_a_select_has_a_header_row_types_nulls_and_a_csv_file(dev):
    execution = dev.ended("SELECT id, customer, total, paid, ordered FROM orders ORDER BY id")
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["Statistics"]["DataScannedInBytes"] > 0
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"{dev.output}{execution['QueryExecutionId']}.csv"

    results = dev.client.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    assert rows_of(results) == [
        ["id", "customer", "total", "paid", "ordered"],
        ["1", "Ada", "12.5", "true", "2026-11-02"],
        ["2", "Grace", "99.0", "false", "2026-11-03"],
        ["3", "Ada", "1250000.75", "true", "2026-11-03"],
        ["4", None, "7.25", None, "2026-11-05"],
    ]
    columns = results["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [column["Type"] for column in columns] == ["bigint", "varchar", "double", "boolean", "date"]
    assert results["ResultSet"]["Rows"][4]["Data"][1] == {}
    bucket, _, key = location.removeprefix("s3://").partition("/")
    text = dev.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert text.splitlines()[0] == '"id","customer","total","paid","ordered"'
    assert text.splitlines()[4] == '"4",,"7.25",,"2026-11-05"'


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT 1", [["_col0"], ["1"]]),
        ("SELECT 'it''s' AS \"A\"; -- done", [["a"], ["it's"]]),
        ("VALUES (1, 'x')", [["_col0", "_col1"], ["1", "x"]]),
        ("TABLE customers", [["name", "city"], ["Ada", "London"], ["Grace", "New York"]]),
        ("WITH o AS (SELECT * FROM orders) SELECT count(*) AS n FROM o", [["n"], ["4"]]),
        ('SELECT max(total) AS m FROM "AwsDataCatalog"."sales"."orders"', [["m"], ["1250000.75"]]),
        ("SELECT 1e20 AS big, 1e-7 AS small", [["big", "small"], ["1.0E20", "1.0E-7"]]),
        ("SELECT name FROM customers WHERE false", [["name"]]),
        ("SHOW TABLES", [["customers"], ["orders"]]),
        ("SHOW TABLES IN sales", [["customers"], ["orders"]]),
        ("SHOW DATABASES", [["sales"]]),
        ("DESCRIBE sales.customers", [["name                \tvarchar             \t" + " " * 20],
                                      ["city                \tvarchar             \t" + " " * 20]]),
    ],
)  # fmt: skip
def test_statements_and_their_rows(dev, query, rows):
    assert dev.rows(query) == rows


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT * FROM salaries", "Insufficient permissions to execute the query. Insufficient Lake Formation"),
        ("SELECT o.id FROM orders o, sales.salaries s", "Insufficient permissions to execute the query."),
        ('SELECT (SELECT max(amount) FROM "salaries") FROM orders', "Insufficient permissions to execute the query."),
        ("DESCRIBE salaries", "Insufficient permissions to execute the query."),
        ("SELECT email FROM customers", "COLUMN_NOT_FOUND: line 1:8: Column 'email' cannot be resolved or requester"),
        ('SELECT "email" FROM customers', "COLUMN_NOT_FOUND: line 1:8: Column 'email' cannot be resolved or requester"),
        ("SELECT * FROM missing", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.sales.missing' does not exist"),
        ("INSERT INTO orders VALUES (5, 'x', 1.0, true, '2026-01-01')", "Insufficient permissions to execute"),
        ("DELETE FROM orders", "Insufficient permissions to execute"),
        ("CREATE TABLE mine AS SELECT * FROM orders", "is not authorized to perform: glue:CreateTable"),
        ("DROP TABLE orders", "is not authorized to perform: glue:DeleteTable"),
    ],
)
def test_lake_formation_says_no_in_athenas_way(dev, super_, query, reason):
    assert reason in dev.failure(query)
    assert super_.rows("SELECT count(*) AS n FROM salaries") == [["n"], ["2"]]


def test_a_column_grant_shows_a_narrower_table(dev, super_):
    assert dev.rows("SELECT * FROM customers LIMIT 1")[0] == ["name", "city"]
    assert super_.rows("SELECT * FROM customers LIMIT 1")[0] == ["name", "city", "email"]


def test_grants_come_and_go(stack, api, dev):
    resource = {"Table": {"DatabaseName": "sales", "Name": "salaries"}}
    order = {
        "Principal": {"DataLakePrincipalIdentifier": api["dev_role_arn"]},
        "Resource": resource,
        "Permissions": ["SELECT"],
    }
    lake_formation = stack.admin("lakeformation")
    lake_formation.grant_permissions(**order)
    assert dev.rows("SELECT name FROM salaries LIMIT 1") == [["name"], ["Ada"]]
    lake_formation.revoke_permissions(**order)
    assert "Insufficient Lake Formation" in dev.failure("SELECT name FROM salaries")


def test_grants_by_tags(stack, api, dev):
    lake_formation = stack.admin("lakeformation")
    lake_formation.create_lf_tag(TagKey="level", TagValues=["open", "closed"])
    table = {"Table": {"DatabaseName": "sales", "Name": "salaries"}}
    policy = {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "level", "TagValues": ["open"]}]}}
    grant = {
        "Principal": {"DataLakePrincipalIdentifier": api["dev_role_arn"]},
        "Resource": policy,
        "Permissions": ["SELECT"],
    }
    lake_formation.grant_permissions(**grant)
    for value, works in [("closed", False), ("open", True)]:
        lake_formation.add_lf_tags_to_resource(Resource=table, LFTags=[{"TagKey": "level", "TagValues": [value]}])
        assert (dev.ended("SELECT name FROM salaries")["Status"]["State"] == "SUCCEEDED") == works
    lake_formation.revoke_permissions(**grant)


def test_a_table_is_created_filled_and_dropped(super_, dev):
    results = super_.results("CREATE TABLE big WITH (format = 'PARQUET') AS SELECT id, total FROM orders WHERE total > 50")
    assert results["UpdateCount"] == 2 and rows_of(results) == []
    assert [column["Name"] for column in results["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]] == ["rows"]
    assert super_.results("INSERT INTO big SELECT id, total FROM orders WHERE id = 1")["UpdateCount"] == 1
    assert super_.rows("SELECT id FROM big ORDER BY id") == [["id"], ["1"], ["2"], ["3"]]
    assert "Insufficient permissions" in dev.failure("SELECT * FROM big")
    assert super_.results("DELETE FROM big WHERE id = 1")["UpdateCount"] == 1
    assert super_.rows("DROP TABLE big") == []
    assert "TABLE_NOT_FOUND" in super_.failure("SELECT * FROM big")


def test_iam_decides_about_every_call(stack, api, super_, refused):
    query_id = super_.start("SELECT 1")
    other = stack.control("POST", "/query-clients", {"name": next(names), "role": "dev"})
    denied = [{"Effect": "Deny", "Action": ["athena:*"], "Resource": "*"}]
    stack.admin("iam").put_role_policy(
        RoleName=other["role_arn"].split("/")[-1],
        PolicyName="deny",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": denied}),
    )
    nobody = Athena(stack, api, other["role_arn"])
    for call in [
        lambda: nobody.start("SELECT 1"),
        lambda: nobody.execution(query_id),
        lambda: nobody.client.get_query_results(QueryExecutionId=query_id),
        lambda: nobody.client.stop_query_execution(QueryExecutionId=query_id),
        lambda: nobody.client.get_work_group(WorkGroup=api["workgroup"]),
        lambda: super_.start("SELECT 1", WorkGroup="primary"),
    ]:
        assert "is not authorized to perform: athena:" in refused(call, "AccessDeniedException", 400)


def test_a_session_policy_narrows_what_athena_may_ask_for(stack, api):
    policy = {"Effect": "Allow", "Action": ["athena:*", "s3:GetBucketLocation"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    narrowed = Athena(stack, api, api["super_role_arn"], Policy=document)
    assert "glue:GetDatabase" in narrowed.failure("SELECT * FROM orders")
    assert "Access denied when writing output to url" in narrowed.failure("SELECT 1")


def test_a_result_belongs_where_the_role_may_write_and_read(api, super_, refused):
    outside = {"ResultConfiguration": {"OutputLocation": api["output"] + "elsewhere/"}}
    assert "Access denied when writing output" in super_.failure("SELECT 1", **outside)
    for location, message in [
        ("s3://no-such-bucket-here/", "Unable to verify/create output bucket no-such-bucket-here"),
        ("https://example.com/", "outputLocation is not a valid S3 path."),
        (None, "No output location provided."),
    ]:
        configuration = {"OutputLocation": location} if location else {}
        call = lambda: super_.start("SELECT 1", ResultConfiguration=configuration)  # noqa: B023, E731
        assert message in refused(call, "InvalidRequestException", 400)


def test_a_session_that_says_whose_it_is_reaches_its_own_folder(stack, api):
    client = stack.control("POST", "/query-clients", {"name": next(names), "role": "dev"})
    own = Athena(stack, api, client["role_arn"], SourceIdentity=client["client_id"])
    folder = f"{api['output']}client-creds-queries/"
    mine = {"ResultConfiguration": {"OutputLocation": f"{folder}{client['client_id']}/"}}
    assert own.ended("SELECT 1", **mine)["Status"]["State"] == "SUCCEEDED"
    theirs = {"ResultConfiguration": {"OutputLocation": f"{folder}somebody/"}}
    assert "Access denied when writing output" in own.failure("SELECT 1", **theirs)


def test_a_workgroup_of_a_test(stack, api, refused):
    enforced = {"EnforceWorkGroupConfiguration": True, "ResultConfiguration": {"OutputLocation": api["output"]}}
    for name, readable in [("seen", True), ("unseen", False)]:
        order = {"name": name, "configuration": enforced, "readable": readable}
        stack.control("POST", "/query-workgroups", order)
    athena = stack.client("athena", api["lambda"])
    configuration = athena.get_work_group(WorkGroup="seen")["WorkGroup"]["Configuration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    refused(lambda: athena.get_work_group(WorkGroup="unseen"), "AccessDeniedException", 400)
    role = Athena(stack, api, api["dev_role_arn"])
    assert role.execution(role.start("SELECT 1", WorkGroup="unseen"))["WorkGroup"] == "unseen"


def test_a_token_brings_the_same_query_and_refuses_another(super_, refused):
    token = str(uuid.uuid4())
    first = super_.start("SELECT 1", ClientRequestToken=token)
    assert super_.start("SELECT 1", ClientRequestToken=token) == first
    for changes in [
        {"QueryExecutionContext": {"Database": "default"}},
        {"ResultConfiguration": {"OutputLocation": super_.output + "more/"}},
    ]:
        call = lambda: super_.start("SELECT 1", ClientRequestToken=token, **changes)  # noqa: B023, E731
        assert refused(call, "InvalidRequestException") == "Idempotent parameters do not match"
    call = lambda: super_.start("SELECT 2", ClientRequestToken=token)  # noqa: E731
    assert refused(call, "InvalidRequestException") == "Idempotent parameters do not match"
    assert "greater than or equal to 32" in refused(
        lambda: super_.start("SELECT 1", ClientRequestToken="short"), "InvalidRequestException"
    )


def test_a_query_runs_as_long_as_it_was_told_and_stops(stack, super_, refused):
    stack.control("POST", "/athena/results", {"match": "slow", "result": False, "seconds": PLENTY, "times": 2})
    query_id = super_.start("SELECT 'slow' AS a")
    status = super_.execution(query_id)["Status"]
    assert status["State"] in ("QUEUED", "RUNNING") and "CompletionDateTime" not in status
    results = lambda: super_.client.get_query_results(QueryExecutionId=query_id)  # noqa: E731
    assert "Query has not yet finished." in refused(results, "InvalidRequestException")
    super_.client.stop_query_execution(QueryExecutionId=query_id)
    super_.client.stop_query_execution(QueryExecutionId=query_id)
    status = super_.execution(query_id)["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Query cancelled by user")
    assert "AthenaError" not in status
    assert refused(results, "InvalidRequestException") == "Could not find results"

    other = super_.start("SELECT 'slow' AS b")
    assert stack.control("POST", f"/athena/queries/{other}/finish")["state"] == "SUCCEEDED"
    assert rows_of(super_.client.get_query_results(QueryExecutionId=other)) == [["b"], ["slow"]]
    (seen,) = [one for one in stack.control("GET", "/athena/queries")["queries"] if one["id"] == query_id]
    assert seen["stops"] == 2 and seen["output"].endswith(f"{query_id}.csv")


def test_unknown_queries_and_text_that_is_no_statement(super_, refused):
    for operation in ("get_query_execution", "get_query_results", "stop_query_execution"):
        call = lambda: getattr(super_.client, operation)(QueryExecutionId="nobody")  # noqa: B023, E731
        assert refused(call, "InvalidRequestException") == "QueryExecution nobody was not found"
    assert "mismatched input 'GIVE'" in refused(lambda: super_.start("GIVE me all"), "InvalidRequestException")
    refused(lambda: super_.start("SELECT '" + "x" * 262_144 + "'"), "InvalidRequestException")


def test_pages_hold_every_row_once(stack, super_, refused):
    rows = [[str(number), None if number % 7 == 0 else f"row {number}"] for number in range(2500)]
    columns = [{"name": "n", "type": "integer"}, {"name": "text", "type": "varchar(20)"}]
    stack.control(
        "POST", "/athena/results", {"columns": columns, "rows": rows, "scanned_bytes": 123, "seconds": 0}
    )
    query_id = super_.start("SELECT n, text FROM far_away")
    assert super_.execution(query_id)["Statistics"]["DataScannedInBytes"] == 123
    paged = super_.client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    pages = [rows_of(page) for page in paged]
    assert [len(page) for page in pages] == [1000, 1000, 501]
    assert sum(pages, []) == [["n", "text"], *rows]
    page = super_.client.get_query_results(QueryExecutionId=query_id, MaxResults=2)
    assert len(page["ResultSet"]["Rows"]) == 2 and page["NextToken"]
    info = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][1]
    assert (info["Type"], info["Precision"]) == ("varchar", 20)
    for wrong in ({"MaxResults": 1001}, {"NextToken": "forged"}):
        call = lambda: super_.client.get_query_results(QueryExecutionId=query_id, **wrong)  # noqa: B023, E731
        refused(call, "InvalidRequestException")
    other = super_.start("SELECT 1")
    stack.control("POST", f"/athena/queries/{other}/finish")
    call = lambda: super_.client.get_query_results(QueryExecutionId=other, NextToken=page["NextToken"])  # noqa: E731
    refused(call, "InvalidRequestException")


def test_failures_to_order(stack, super_):
    failure = {"reason": "Query exhausted resources at this scale factor", "kind": 0, "category": 1, "retryable": True}
    stack.control("POST", "/athena/results", {"failure": failure})
    status = super_.ended("SELECT 1")["Status"]
    assert status["AthenaError"] | {"x": 1} == {
        "ErrorCategory": 1, "ErrorType": 0, "Retryable": True, "ErrorMessage": failure["reason"], "x": 1,
    }  # fmt: skip
    assert super_.rows("SELECT 1") == [["_col0"], ["1"]]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyError("sales"), sqlite3.ProgrammingError("thread"), RuntimeError("size")]
)
def test_whatever_a_query_hits_it_has_failed_and_is_listed(error):
    """Not a 500 of each look at the queries from then on, as on a full disk."""

    def run():
        raise error

    query = Query("1", "SELECT 1", "p", {}, "w", None, parse("SELECT 1"), Canned(seconds=0, result=False), run, print, None)
    for _ in range(2):
        shown = json.loads(json.dumps(_shown(query)))
        assert shown["state"] == "FAILED" and repr(error) in shown["failure"]["reason"]


def test_workgroups_have_the_last_word(stack, api, refused):
    admin = stack.admin("athena")
    mine = {"ResultConfiguration": {"OutputLocation": api["output"] + "mine/"}}
    settings = {
        "enforced": {"EnforceWorkGroupConfiguration": True, "ResultConfiguration": {"OutputLocation": api["output"]}},
        "managed": {"EnforceWorkGroupConfiguration": True, "ManagedQueryResultsConfiguration": {"Enabled": True}},
        "free": {"EnforceWorkGroupConfiguration": False, "ResultConfiguration": {"OutputLocation": api["output"]}},
    }
    for name, configuration in settings.items():
        admin.create_work_group(Name=name, Configuration=configuration)

    def location(**parameters) -> str | None:
        query_id = admin.start_query_execution(QueryString="SELECT 1", **parameters)["QueryExecutionId"]
        execution = admin.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        return execution["ResultConfiguration"].get("OutputLocation", "").removesuffix(f"{query_id}.csv")

    assert location(WorkGroup="enforced", **mine) == api["output"]
    assert location(WorkGroup="free", **mine) == api["output"] + "mine/"
    assert location(WorkGroup="free") == api["output"]
    assert location(WorkGroup="managed") == ""
    refused(lambda: location(WorkGroup="managed", **mine), "InvalidRequestException")
    assert refused(lambda: location(WorkGroup="nowhere"), "InvalidRequestException") == "WorkGroup is not found."
    admin.update_work_group(WorkGroup="free", State="DISABLED")
    assert admin.get_work_group(WorkGroup="free")["WorkGroup"]["State"] == "DISABLED"
    assert refused(lambda: location(WorkGroup="free"), "InvalidRequestException") == "WorkGroup free is disabled."


def test_a_scan_over_the_limit_is_cancelled(stack, super_):
    columns = [{"name": "a", "type": "integer"}]
    stack.control("POST", "/athena/results", {"columns": columns, "rows": [["1"]], "scanned_bytes": 10_000_001})
    execution = super_.ended("SELECT a FROM lake")
    assert execution["Status"]["State"] == "CANCELLED"
    assert execution["Status"]["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert execution["Statistics"]["DataScannedInBytes"] == 10_000_001


def test_too_many_queries_and_other_faults(stack, super_, refused):
    stack.control("POST", "/athena/limit", {"concurrent_queries": 0})
    refused(lambda: super_.start("SELECT 1"), "TooManyRequestsException", 400)
    stack.control("POST", "/athena/limit", {"concurrent_queries": None})
    fault = {"api": "athena:GetQueryExecution", "kind": "status", "status": 400, "code": "ThrottlingException", "count": 1}
    stack.control("POST", "/faults", fault)
    query_id = super_.start("SELECT 1")
    refused(lambda: super_.execution(query_id), "ThrottlingException", 400)
    assert super_.execution(query_id)["QueryExecutionId"] == query_id


def test_a_query_clients_token_carries_its_scopes(stack, api):
    order = {"name": next(names), "scopes": ["query.read", "query.write"]}
    client = stack.control("POST", "/query-clients", order)
    token = stack.token(client)
    assert token.count(".") == 2
    assert stack.control("POST", "/query-api") == api


def test_an_empty_stack_has_no_query_clients(empty_stack):
    with pytest.raises(AssertionError, match="--empty"):
        empty_stack.control("POST", "/query-api")


def test_the_text_of_a_query_is_in_no_request_log(stack, super_):
    super_.start("SELECT 'canary-4711' AS a")
    assert "canary-4711" not in json.dumps(stack.control("GET", "/requests"))
