"""One stack for all tests, started as its own process; every test speaks to it over the wire."""

import itertools
import json
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

FOLDER = Path(__file__).parent
names = (f"server-{number:03}" for number in itertools.count(1))


@dataclass
class Stack:
    """The ready line, and the shortest way to everything behind it."""

    ready: dict

    def url(self, path: str) -> str:
        return self.ready["endpoint"] + path

    def client(self, service: str, keys: dict | None):
        keys = keys or {}
        return boto3.client(
            service,
            region_name=self.ready["region"],
            endpoint_url=self.ready["endpoint"],
            aws_access_key_id=keys.get("access_key_id") or keys.get("AccessKeyId"),
            aws_secret_access_key=keys.get("secret_access_key") or keys.get("SecretAccessKey"),
            aws_session_token=keys.get("session_token") or keys.get("SessionToken"),
            config=Config(
                retries={"total_max_attempts": 1},
                proxies={},
                s3={"addressing_style": "path"},
                # boto3 knows some of the limits itself; the rules under test are the service's.
                parameter_validation=False,
            ),
        )

    def admin(self, service: str):
        return self.client(service, self.ready["admin"])

    def as_lambda(self, service: str):
        return self.client(service, self.ready["lambda"])

    def control(self, method: str, path: str, body: dict | None = None) -> dict:
        answer = requests.request(method, self.url("/local-stack" + path), json=body)
        assert answer.ok, answer.text
        return answer.json()

    def server(self, **order) -> dict:
        return self.control("POST", "/servers", {"server_name": next(names)} | order)

    def token(self, server: dict, **form) -> str:
        answer = requests.post(
            self.ready["token_endpoint"],
            auth=(server["client_id"], server["client_secret"]),
            data={"grant_type": "client_credentials"} | form,
        )
        assert answer.ok, answer.text
        return answer.json()["access_token"]

    def vend(self, server: dict, **parameters) -> dict:
        """Credentials for a server, obtained the way the vending Lambda obtains them."""
        parameters = {"RoleArn": server["role_arn"], "RoleSessionName": "test"} | parameters
        return self.as_lambda("sts").assume_role(**parameters)["Credentials"]

    def put_role(self, trust: list[dict], policy: list[dict] = (), **parameters) -> str:
        """A role of the test's own making."""
        iam, name = self.admin("iam"), f"credvend-{uuid.uuid4()}"
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **parameters)["Role"]
        if policy:
            iam.put_role_policy(
                RoleName=name,
                PolicyName="test",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(policy)}),
            )
        return role["Arn"]

    def requests_of(self, api: str) -> list[dict]:
        return [entry for entry in self.control("GET", "/requests")["requests"] if entry["api"] == api]


def start_stack(*arguments: str):
    """Yields the stack, and ends it."""
    command = [sys.executable, "-m", "local_stack", *arguments]
    process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line, f"the stack ended with status {process.wait()} before it was ready"
    yield Stack(json.loads(line))
    process.terminate()
    assert process.wait(timeout=10) == 0


@pytest.fixture(scope="session")
def running_stack():
    yield from start_stack()


@pytest.fixture(scope="module")
def empty_stack():
    """An account in which there is nothing but its administrator; one a test file."""
    yield from start_stack("--empty")


@pytest.fixture
def stack(running_stack):
    """The stack as a test expects it: nothing logged, no fault ordered, no setting turned."""
    running_stack.control("DELETE", "/requests")
    yield running_stack
    running_stack.control("DELETE", "/faults")
    running_stack.control("DELETE", "/athena")
    running_stack.control(
        "POST",
        "/settings",
        {"credential_lifetime_seconds": None, "token_lifetime_seconds": None, "secure_transport": True},
    )


@pytest.fixture
def refused():
    """`refused(call, code, status)`: the call must fail in exactly this way; returns AWS's message."""

    def check(call, code: str, status: int | None = None) -> str:
        with pytest.raises(ClientError) as raised:
            call()
        answer = raised.value.response
        assert answer["Error"]["Code"] == code, answer
        if status is not None:
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
        return answer["Error"]["Message"]

    return check
