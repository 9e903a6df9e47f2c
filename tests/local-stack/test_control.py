"""The control routes, the request log, faults, and the process itself."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from conftest import FOLDER

GRANT = {"grant_type": "client_credentials"}


def test_requests_are_counted_and_can_be_forgotten(stack):
    server = stack.server()
    stack.token(server)
    requests.get(stack.ready["jwks_uri"])
    stack.as_lambda("dynamodb").get_item(TableName=stack.ready["table"], Key={"client_id": {"S": server["client_id"]}})
    stack.client("s3", stack.vend(server)).put_object(
        Bucket=stack.ready["bucket"], Key=server["s3_path_prefix"] + "1", Body=b"x"
    )
    log = stack.control("GET", "/requests")
    assert log["counts"] == {
        "cognito:token": 1, "jwks": 1, "dynamodb:GetItem": 1, "sts:AssumeRole": 1, "s3:PutObject": 1,
    }  # fmt: skip
    assert [entry["api"] for entry in log["requests"]] == list(log["counts"])
    assert log["requests"][4]["detail"] == {"bucket": "credvend-local", "key": server["s3_path_prefix"] + "1"}
    assert log["requests"][0]["detail"]["client_id"] == server["client_id"]
    stack.control("DELETE", "/requests")
    assert stack.control("GET", "/requests") == {"counts": {}, "requests": []}


def test_the_clock_can_be_moved(stack):
    server = stack.server()
    now = time.time()
    for offset in (-43200, -3600, 0):
        stack.control("POST", "/settings", {"clock_offset_seconds": offset})
        expiration = stack.vend(server)["Expiration"].timestamp()
        assert abs(expiration - (now + offset + 3600)) < 60
    assert stack.control("GET", "/settings")["clock_offset_seconds"] == 0


def test_the_log_holds_no_secret_and_no_token(stack):
    server = stack.server()
    token, keys = stack.token(server), stack.vend(server)
    stack.client("sts", keys).get_caller_identity()
    log = json.dumps(stack.control("GET", "/requests"))
    for secret in (server["client_secret"], token, keys["SecretAccessKey"], keys["SessionToken"]):
        assert secret not in log


def test_a_refusal_is_logged_with_its_code(stack, refused):
    refused(lambda: stack.as_lambda("dynamodb").scan(TableName=stack.ready["table"]), "AccessDeniedException")
    [entry] = stack.requests_of("dynamodb:Scan")
    assert (entry["status"], entry["detail"]["error"]) == (400, "AccessDeniedException")


def test_a_row_can_be_changed_and_attributes_removed(stack):
    server = stack.server(item={"session_policy": "s3-prefix"})
    changes = {"disabled": True, "session_policy": None}
    row = stack.control("PATCH", f"/servers/{server['server_name']}", {"item": changes})
    assert row["disabled"] is True and "session_policy" not in row
    key = {"client_id": {"S": server["client_id"]}}
    stored = stack.as_lambda("dynamodb").get_item(TableName=stack.ready["table"], Key=key)["Item"]
    assert stored["disabled"] == {"BOOL": True} and "session_policy" not in stored


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/servers", {"server_name": "a/b"}, 400, "server_name"),
        ("POST", "/servers", {"server_name": "a", "level": "root"}, 400, "level"),
        ("POST", "/servers", {"server_name": "a", "colour": 1}, 400, "colour"),
        ("DELETE", "/servers/nobody", None, 404, "nobody"),
        ("POST", "/faults", {"api": "jwks", "kind": "flood"}, 400, "kind"),
        ("POST", "/faults", {"kind": "slow"}, 400, "api"),
        ("POST", "/settings", {"credential_lifetime_seconds": "1"}, 400, "credential_lifetime_seconds"),
        ("POST", "/settings", {"enforce_iam": False}, 400, "enforce_iam"),
        ("POST", "/issuers", {"issuer": "http://127.0.0.1:1"}, 400, "audiences"),
        ("GET", "/nowhere", None, 404, "/local-stack/nowhere"),
    ],
)
def test_a_wrong_order_is_told_what_is_wrong(stack, method, path, body, status, says):
    answer = requests.request(method, stack.url("/local-stack" + path), json=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_a_name_is_registered_once(stack):
    server = stack.server()
    answer = requests.post(stack.url("/local-stack/servers"), json={"server_name": server["server_name"]})
    assert answer.status_code == 400 and "registered already" in answer.json()["error"]


def test_a_status_fault_hits_as_often_as_ordered(stack):
    stack.control(
        "POST", "/faults", {"api": "cognito:token", "kind": "status", "status": 503, "retry_after": 1, "count": 2}
    )
    server = stack.server()
    answers = [
        requests.post(stack.ready["token_endpoint"], auth=(server["client_id"], server["client_secret"]), data=GRANT)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "1"
    assert [entry["detail"].get("fault") for entry in stack.requests_of("cognito:token")] == ["status", "status", None]


def test_status_faults_speak_each_services_language(stack, refused):
    order = {"kind": "status", "count": 1}
    server = stack.server()
    stack.control("POST", "/faults", order | {"api": "dynamodb:GetItem", "status": 400})
    get_item = lambda: stack.as_lambda("dynamodb").get_item(TableName="t", Key={"client_id": {"S": "x"}})  # noqa: E731
    refused(get_item, "ThrottlingException", 400)
    stack.control("POST", "/faults", order | {"api": "sts:AssumeRole", "status": 400})
    refused(lambda: stack.vend(server), "Throttling", 400)
    stack.control(
        "POST", "/faults", order | {"api": "sts:AssumeRole", "status": 403, "code": "RegionDisabledException"}
    )
    refused(lambda: stack.vend(server), "RegionDisabledException", 403)
    s3 = stack.admin("s3")
    stack.control("POST", "/faults", order | {"api": "s3:PutObject", "status": 503})
    refused(lambda: s3.put_object(Bucket=stack.ready["bucket"], Key="h", Body=b"x" * 100_000), "SlowDown", 503)
    s3.put_object(Bucket=stack.ready["bucket"], Key="h", Body=b"x")


def test_garbage_and_half_an_answer(stack):
    stack.control("POST", "/faults", {"api": "jwks", "kind": "garbage", "count": 1})
    garbage = requests.get(stack.ready["jwks_uri"])
    assert garbage.status_code == 200
    with pytest.raises(ValueError):
        garbage.json()
    stack.control("POST", "/faults", {"api": "jwks", "kind": "cut", "count": 1})
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(stack.ready["jwks_uri"])
    assert requests.get(stack.ready["jwks_uri"]).json()["keys"]


def test_a_slow_answer_comes_late_but_whole(stack):
    stack.control("POST", "/faults", {"api": "jwks", "kind": "slow", "seconds": 0.3})
    started = time.monotonic()
    assert requests.get(stack.ready["jwks_uri"]).json()["keys"]
    assert time.monotonic() - started >= 0.3
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(stack.ready["jwks_uri"], timeout=0.05)
    stack.control("DELETE", "/faults")
    requests.get(stack.ready["jwks_uri"], timeout=5)


def test_two_hundred_connections_at_once(stack):
    server = stack.server()
    barrier = threading.Barrier(200)

    def ask(_: int) -> int:
        barrier.wait()
        auth = (server["client_id"], server["client_secret"])
        return requests.post(stack.ready["token_endpoint"], auth=auth, data=GRANT, timeout=30).status_code

    with ThreadPoolExecutor(200) as pool:
        assert list(pool.map(ask, range(200))) == [200] * 200
    assert len(stack.requests_of("cognito:token")) == 200


def test_concurrent_vends_get_credentials_of_their_own(stack):
    server, sts = stack.server(), stack.as_lambda("sts")

    def vend(number: int) -> str:
        answer = sts.assume_role(RoleArn=server["role_arn"], RoleSessionName=f"n-{number}")
        return answer["Credentials"]["AccessKeyId"]

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(vend, range(100)))) == 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_is_and_ends_cleanly(tmp_path, number):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    state = tmp_path / "state.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "local_stack", "--port", str(port), "--state", state],
        cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = process.stdout.readline()
    assert json.loads(line)["endpoint"] == f"http://127.0.0.1:{port}"
    assert state.read_text() == line and state.stat().st_mode & 0o777 == 0o600
    process.send_signal(number)
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_taken_port_is_one_sentence(stack):
    port = stack.ready["endpoint"].rpartition(":")[2]
    result = subprocess.run(
        [sys.executable, "-m", "local_stack", "--port", port], cwd=FOLDER, capture_output=True, text=True
    )
    assert result.returncode == 1 and result.stdout == ""
    assert f"port {port} of 127.0.0.1 is taken" in result.stderr
