"""`scripts/deploy-pypi-publishing` by CloudFormation and by Terraform, and whose GitHub tokens their roles take.

Both deployments serve the same repository and environment, so every token is shown to both.
"""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import jwt
import pytest
import requests
import yaml
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

REPOSITORY = Path(__file__).parent.parent.parent
SCRIPT = REPOSITORY / "scripts/deploy-pypi-publishing"
TEMPLATE = REPOSITORY / "cloudformation/pypi-publishing.yaml"
DEPLOYER_POLICY = REPOSITORY / "terraform/pypi-publishing/deployer-policy.json"
CASES = REPOSITORY / "tests/cases/pypi-publishing"
ISSUER = "https://token.actions.githubusercontent.com"
TOKEN = "pypi-canary-0123456789"
PROJECTS = {"cloudformation": "cfn-lib", "terraform": "tf_lib"}
NUMBERS = ["--owner-id", "101", "--repository-id", "202"]
PARAMETERS = {
    "repository": "Repository",
    "environment": "GithubEnvironment",
    "branch": "GithubBranch",
    "tag": "GithubTag",
    "owner_id": "RepositoryOwnerId",
    "repository_id": "RepositoryId",
}


class AnyTag(yaml.SafeLoader):
    """The template's own tags (`!Ref`) are of no interest here."""


AnyTag.add_multi_constructor("!", lambda loader, suffix, node: None)
DECLARED = yaml.load(TEMPLATE.read_text(), AnyTag)["Parameters"]


@dataclass
class Deployer:
    """A person with the repository, credentials that the deployer's policy bounds, and an `aws` that notes what other users
    see of it."""

    stack: object
    home: Path
    keys: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:{os.environ['PATH']}",
            "TF_CLI_CONFIG_FILE": str(self.home / "terraform.rc"),
            "TF_DATA_DIR": str(self.home / "terraform-data"),
            "TF_IN_AUTOMATION": "1",
            "TMPDIR": str(self.home),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.stack.ready["endpoint"],
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": self.keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.keys["SecretAccessKey"],
        }

    def prepare(self) -> None:
        (self.home / "bin").mkdir()
        for program in ("aws", "terraform"):
            real = REPOSITORY / ".tools/venv/bin/aws" if program == "aws" else shutil.which(program)
            shim = self.home / "bin" / program
            shim.write_text(f'#!/bin/sh\n{{ echo "$0 $*"; env; }} >>{self.home}/seen\nexec {real} "$@"\n')
            shim.chmod(0o755)
        subprocess.run([REPOSITORY / "tests/terraform-provider/cli-config", self.home / "terraform.rc"], check=True)
        self.stack.admin("s3").create_bucket(
            Bucket="terraform-state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        self.become_the_deployer()
        (self.home / "backend.hcl").write_text('bucket = "terraform-state"\nregion = "eu-west-1"\nuse_path_style = true\n')
        (self.home / "token").write_text(TOKEN + "\n")
        (self.home / "token").chmod(0o600)

    def become_the_deployer(self) -> None:
        """Every action of the policy and no other. The local stack knows few resources, so it takes each for all."""
        policy = json.loads(DEPLOYER_POLICY.read_text())
        for statement in policy["Statement"]:
            statement["Resource"] = "*"
        iam = self.stack.admin("iam")
        iam.create_user(UserName="deployer")
        iam.put_user_policy(UserName="deployer", PolicyName="deploy", PolicyDocument=json.dumps(policy))
        self.keys = iam.create_access_key(UserName="deployer")["AccessKey"]

    def start(self, way: str, *options: str, stdin: str | None = None) -> subprocess.Popen:
        command = [SCRIPT, "example-corp", "lib", "--project", PROJECTS[way], *NUMBERS, *options]
        if way == "terraform":
            command += ["--terraform", self.home / "backend.hcl", "--yes"]
        return subprocess.Popen(
            command, env=self.environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def secret(self, way: str) -> dict:
        answer = self.stack.admin("secretsmanager").get_secret_value(SecretId=f"{PROJECTS[way]}/pypi-token")
        return {"value": json.loads(answer["SecretString"]), "version": answer["VersionId"]}

    def role(self, way: str) -> tuple[dict, dict]:
        """Trust and permissions, with the project's name and the secret's random characters taken out."""
        iam, name = self.stack.admin("iam"), f"{PROJECTS[way]}-pypi-publishing"
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        permissions = iam.get_role_policy(RoleName=name, PolicyName="read-token")["PolicyDocument"]
        (statement,) = permissions["Statement"]
        statement["Resource"] = statement["Resource"].replace(PROJECTS[way], "PROJECT")[:-6]
        return trust, permissions


@pytest.fixture(scope="module")
def deployer(empty_stack, tmp_path_factory) -> Deployer:
    """Both deployments, made at once; CloudFormation's finds no OIDC provider and makes it, Terraform's uses that one."""
    person = Deployer(empty_stack, tmp_path_factory.mktemp("home"))
    person.prepare()
    first = person.start("cloudformation", "--token-file", "-")
    first.stdin.write(TOKEN)
    first.stdin.close()
    iam = empty_stack.admin("iam")
    while not iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.3)
    second = person.start("terraform", "--token-file", str(person.home / "token"))
    for way, process in (("terraform", second), ("cloudformation", first)):
        printed, said = process.stdout.read(), process.stderr.read()
        assert process.wait() == 0, said
        assert printed.splitlines() == [
            f"AWS_ROLE_ARN=arn:aws:iam::123456789012:role/{PROJECTS[way]}-pypi-publishing",
            f"AWS_SECRET_NAME={PROJECTS[way]}/pypi-token",
            "AWS_REGION=eu-west-1",
        ]
    return person


@pytest.fixture(scope="module")
def sts(deployer):
    config = Config(signature_version=UNSIGNED, proxies={}, retries={"total_max_attempts": 1})
    return boto3.client("sts", region_name="eu-west-1", endpoint_url=deployer.stack.ready["endpoint"], config=config)


@pytest.fixture
def github(deployer, sts):
    """`github(way, job, claims, audience)`: a token of a real job, or one with some claims changed, at STS."""
    stack = deployer.stack

    def assume(way: str, job: dict, claims: dict | None = None, audience: str = "sts.amazonaws.com") -> dict:
        if claims:
            stack.control("POST", "/idp/overrides", {"issuer": ISSUER, "claims": claims})
        started = stack.control("POST", "/idp/github/jobs", job)
        answer = requests.get(
            f"{started['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={audience}",
            headers={"Authorization": f"Bearer {started['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        )
        role = f"arn:aws:iam::123456789012:role/{PROJECTS[way]}-pypi-publishing"
        return sts.assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="publish", WebIdentityToken=answer.json()["value"]
        )["Credentials"]

    yield assume
    stack.control("DELETE", "/idp/overrides")


def test_the_deployments_are_the_same(deployer):
    assert deployer.role("cloudformation") == deployer.role("terraform")
    golden = json.loads((CASES / "environment-with-numbers.json").read_text())
    assert deployer.role("terraform")[0] == golden["trust"]


def test_the_secret_is_what_the_workflow_reads(deployer):
    expected = {"token": TOKEN, "repository": "https://upload.pypi.org/legacy/", "package": "lib"}
    for way in PROJECTS:
        assert deployer.secret(way)["value"] == expected
        with pytest.raises(ClientError, match="ResourceNotFound"):
            deployer.stack.admin("secretsmanager").get_secret_value(SecretId=f"{PROJECTS[way]}/pypi-token/next")


def test_the_token_is_where_nobody_else_reads_it(deployer):
    seen = (deployer.home / "seen").read_text()
    assert "secretsmanager put-secret-value" in seen
    assert TOKEN not in seen
    s3 = deployer.stack.admin("s3")
    state = s3.get_object(Bucket="terraform-state", Key="credvend/terraform/pypi-publishing/tf_lib.tfstate")["Body"].read()
    assert b"tf_lib/pypi-token" in state
    assert TOKEN.encode() not in state
    left = [path for path in deployer.home.rglob("*") if path.is_file() and path.name != "token" and "providers" not in path.parts]
    assert [path for path in left if TOKEN.encode() in path.read_bytes()] == []


def test_again_changes_nothing(deployer):
    before = {way: (deployer.secret(way), deployer.role(way)) for way in PROJECTS}
    processes = {way: deployer.start(way, "--token-file", str(deployer.home / "token")) for way in PROJECTS}
    for way, process in processes.items():
        _, said = process.communicate()
        assert process.returncode == 0, said
        assert "holds this token already" in said
        if way == "terraform":
            assert "Resources: 0 added, 0 changed, 0 destroyed" in said
    assert before == {way: (deployer.secret(way), deployer.role(way)) for way in PROJECTS}
    # The stack goes on owning the provider that it made.
    stacks = deployer.stack.admin("cloudformation").describe_stacks(StackName="cfn-lib-pypi-publishing")["Stacks"]
    assert {"ParameterKey": "ExistingOidcProviderArn", "ParameterValue": ""} in stacks[0]["Parameters"]


def test_a_provider_that_does_not_know_the_audience(deployer, monkeypatch):
    iam = deployer.stack.admin("iam")
    provider = {"OpenIDConnectProviderArn": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER[8:]}", "ClientID": "sts.amazonaws.com"}
    iam.remove_client_id_from_open_id_connect_provider(**provider)
    try:
        monkeypatch.setitem(PROJECTS, "third", "third")
        process = deployer.start("third")
        _, said = process.communicate()
    finally:
        iam.add_client_id_to_open_id_connect_provider(**provider)
    assert process.returncode == 1
    assert "aws iam add-client-id-to-open-id-connect-provider" in said
    assert deployer.stack.admin("cloudformation").describe_stacks()["Stacks"][0]["StackName"] == "cfn-lib-pypi-publishing"


RIGHT = {"repository": "example-corp/lib", "environment": "pypi", "owner_id": 101, "repository_id": 202}
# As of a repository from before July 2026, whose `sub` has no numbers; the claims always had them.
OLD_FORM = {"repository": "example-corp/lib", "environment": "pypi"}
OLD_NUMBERS = {"repository_owner_id": "101", "repository_id": "202"}


@pytest.mark.parametrize("way", PROJECTS)
def test_the_right_job_reads_the_one_secret(deployer, github, refused, way):
    for keys in (github(way, RIGHT), github(way, OLD_FORM, OLD_NUMBERS), github(way, RIGHT | {"ref": "refs/tags/v1"})):
        secrets = deployer.stack.client("secretsmanager", keys)
        name = f"{PROJECTS[way]}/pypi-token"
        assert json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])["token"] == TOKEN
        other = next(project for project in PROJECTS.values() if project != PROJECTS[way])
        for forbidden in (f"{name}/next", f"{other}/pypi-token", f"{name}-2"):
            refused(lambda one=forbidden: secrets.get_secret_value(SecretId=one), "AccessDeniedException")
        refused(lambda: secrets.put_secret_value(SecretId=name, SecretString="{}"), "AccessDeniedException")
        refused(lambda: secrets.list_secrets(), "AccessDeniedException")


STRANGERS = {
    "a fork": ({**RIGHT, "repository": "mallory/lib", "owner_id": 666, "repository_id": 667}, None),
    "a fork of before": ({**OLD_FORM, "repository": "mallory/lib"}, None),
    "a pull request": ({**RIGHT, "environment": None, "event": "pull_request", "ref": "refs/pull/7/merge"}, None),
    "a pull request in the environment": ({**RIGHT, "event": "pull_request", "ref": "refs/pull/7/merge"}, None),
    "a pull request of before": ({**OLD_FORM, "environment": None, "event": "pull_request"}, OLD_NUMBERS),
    "a branch": ({**RIGHT, "environment": None, "ref": "refs/heads/main"}, None),
    "a tag": ({**RIGHT, "environment": None, "ref": "refs/tags/v1"}, None),
    "another environment": ({**RIGHT, "environment": "staging"}, None),
    "an environment that begins alike": ({**RIGHT, "environment": "pypi2"}, None),
    "the environment in another case": ({**RIGHT, "environment": "PyPI"}, None),
    "the owner in another case": ({**RIGHT, "repository": "Example-Corp/lib"}, None),
    "the repository in another case": ({**RIGHT, "repository": "example-corp/LIB"}, None),
    "a repository that begins alike": ({**RIGHT, "repository": "example-corp/lib2"}, None),
    "an owner that ends alike": ({**RIGHT, "repository": "my-example-corp/lib"}, None),
    "the repository, made again": ({**RIGHT, "repository_id": 999}, None),
    "the repository, made again before July 2026": (OLD_FORM, OLD_NUMBERS | {"repository_id": "999"}),
    "the repository after a change of its name": ({**RIGHT, "repository": "example-corp/library"}, None),
    "the owner's name, taken over": ({**RIGHT, "owner_id": 666}, None),
    "a branch that reads as an environment": (
        {**RIGHT, "environment": None, "ref": "refs/heads/main:environment:pypi"},
        None,
    ),
    "a branch that is called as the subject": (
        {**RIGHT, "environment": None, "ref": "repo:example-corp/lib:environment:pypi"},
        None,
    ),
    "an environment that goes on": ({**RIGHT, "environment": "pypi:ref:refs/heads/main"}, None),
    "a subject with blanks": (RIGHT, {"sub": "repo:example-corp/lib:environment:pypi "}),
    "a subject of one's own form": (RIGHT, {"sub": "repository_id:202:environment:pypi"}),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_gets_nothing(github, refused, stranger):
    job, claims = STRANGERS[stranger]
    job = {name: value for name, value in job.items() if value is not None}
    for way in PROJECTS:
        refused(lambda one=way: github(one, job, claims), "AccessDenied", 403)


@pytest.mark.parametrize(
    ("claims", "audience", "code"),
    [
        (None, "https://github.com/example-corp", "InvalidIdentityToken"),
        (None, "sts.amazonaws.com.example.org", "InvalidIdentityToken"),
        ({"aud": "STS.amazonaws.com"}, "sts.amazonaws.com", "InvalidIdentityToken"),
        ({"iss": "https://token.actions.githubusercontent.com.example.org"}, "sts.amazonaws.com", "InvalidIdentityToken"),
        ({"iss": "https://token.actions.githubusercontent.com/example-corp"}, "sts.amazonaws.com", "InvalidIdentityToken"),
        ({"exp": 1}, "sts.amazonaws.com", "ExpiredTokenException"),
    ],
)
def test_a_token_for_others_or_of_others_gets_nothing(github, refused, claims, audience, code):
    for way in PROJECTS:
        refused(lambda one=way: github(one, RIGHT, claims, audience), code)


def test_another_provider_of_the_account_gives_nothing(deployer, sts, refused):
    """Its token is genuine, and its subject, audience and numbers are the right ones; so are those under another key."""
    stack, issuer = deployer.stack, "https://idp.example.com/token.actions.githubusercontent.com"
    claims = {"sub": "repo:example-corp/lib:environment:pypi", "azp": None, "ref": "refs/heads/main"} | OLD_NUMBERS
    name = stack.control("POST", "/idp/oidc", {"issuer": issuer})["name"]
    order = {"client_id": "mallory", "audiences": ["sts.amazonaws.com"], "claims": claims}
    client = stack.control("POST", f"/idp/oidc/{name}/clients", order)
    stack.admin("iam").create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])
    answer = requests.post(
        stack.url(f"/local-stack/internet/{issuer[8:]}/token"),
        auth=("mallory", client["client_secret"]),
        data={"grant_type": "client_credentials"},
    )
    genuine = answer.json()["access_token"]
    said = jwt.decode(genuine, options={"verify_signature": False})
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt.encode(said | {"iss": ISSUER}, key, "RS256", headers={"kid": jwt.get_unverified_header(genuine)["kid"]})
    for project in PROJECTS.values():
        role = f"arn:aws:iam::123456789012:role/{project}-pypi-publishing"
        for token, code in ((genuine, "AccessDenied"), (forged, "InvalidIdentityToken")):
            given = {"RoleArn": role, "RoleSessionName": "publish", "WebIdentityToken": token}
            refused(lambda one=given: sts.assume_role_with_web_identity(**one), code)


# `sub` and the claims in the names that each other rule trusts, and one stranger.
RULES = {
    "environment": ({"environment": "pypi"}, {"environment": "pypi2"}),
    "branch": ({"ref": "refs/heads/release/1.x"}, {"ref": "refs/heads/release/1.x2"}),
    "tags-with-numbers": (
        {"ref": "refs/tags/v1.0", "owner_id": 101, "repository_id": 202},
        {"ref": "refs/heads/v1.0", "owner_id": 101, "repository_id": 202},
    ),
}


def parameters_of(case: dict, project: str) -> list[dict]:
    given = {PARAMETERS[name]: value for name, value in case.items() if name in PARAMETERS}
    given |= {"Project": project, "ExistingOidcProviderArn": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER[8:]}"}
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]


@pytest.mark.parametrize("rule", RULES)
def test_the_template_trusts_what_terraform_trusts(deployer, github, refused, monkeypatch, rule):
    case = json.loads((CASES / f"{rule}.json").read_text())
    monkeypatch.setitem(PROJECTS, rule, rule)
    deployer.stack.admin("cloudformation").create_stack(
        StackName=rule, TemplateBody=TEMPLATE.read_text(), Parameters=parameters_of(case, rule)
    )
    assert deployer.role(rule)[0] == case["trust"]
    right, wrong = ({"repository": "example-corp/lib"} | job for job in RULES[rule])
    assert github(rule, right)
    refused(lambda: github(rule, wrong), "AccessDenied", 403)


def test_the_rotation_function_of_the_template(deployer):
    key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    s3 = deployer.stack.admin("s3")
    s3.put_object(Bucket="terraform-state", Key="rotation.zip", Body=b"PK\x05\x06" + bytes(18))
    extra = {
        "RotationCodeBucket": "terraform-state",
        "RotationCodeKey": "rotation.zip",
        "RotationSchedule": "rate(90 days)",
        "KmsKeyArn": key_arn,
    }
    case = json.loads((CASES / "environment.json").read_text())
    parameters = parameters_of(case, "rotated") + [{"ParameterKey": n, "ParameterValue": v} for n, v in extra.items()]
    cloudformation = deployer.stack.admin("cloudformation")
    cloudformation.create_stack(StackName="rotated", TemplateBody=TEMPLATE.read_text(), Parameters=parameters)
    secrets, iam = deployer.stack.admin("secretsmanager"), deployer.stack.admin("iam")
    secret = secrets.describe_secret(SecretId="rotated/pypi-token")
    assert secret["RotationLambdaARN"].endswith(":function:rotated-pypi-rotation")
    assert secret["KmsKeyId"] == key_arn
    staged = secrets.describe_secret(SecretId="rotated/pypi-token/next")
    policy = iam.get_role_policy(RoleName="rotated-pypi-rotation", PolicyName="rotate")["PolicyDocument"]
    allowed = {statement["Sid"]: (statement["Action"], statement["Resource"]) for statement in policy["Statement"]}
    token_actions = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
    assert allowed["Token"] == ([f"secretsmanager:{action}" for action in token_actions], secret["ARN"])
    staged_actions = ["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
    assert allowed["StagedToken"] == ([f"secretsmanager:{action}" for action in staged_actions], staged["ARN"])
    assert allowed["Key"] == (["kms:Decrypt", "kms:GenerateDataKey"], key_arn)
    assert allowed.keys() == {"Token", "StagedToken", "Key", "Log"}
    invoke = json.loads(deployer.stack.admin("lambda").get_policy(FunctionName="rotated-pypi-rotation")["Policy"])
    (statement,) = invoke["Statement"]
    assert statement["Principal"] == {"Service": "secretsmanager.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnLike": {"AWS:SourceArn": secret["ARN"]},
        "StringEquals": {"AWS:SourceAccount": "123456789012"},
    }
    (alarm,) = deployer.stack.admin("cloudwatch").describe_alarms()["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["MetricName"], alarm["TreatMissingData"]) == (
        "rotated-pypi-rotation-failed",
        "Errors",
        "ignore",
    )
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "rotated-pypi-rotation"}]
    # Who has rotated what outlives the stack.
    cloudformation.delete_stack(StackName="rotated")
    (group,) = deployer.stack.admin("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == "/aws/lambda/rotated-pypi-rotation"


def test_a_log_group_of_before_is_taken_over(deployer, monkeypatch):
    """That of the deployment that the test before has deleted."""
    monkeypatch.setitem(PROJECTS, "rotated", "rotated")
    (deployer.home / "rotation.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    options = ("--rotation-zip", str(deployer.home / "rotation.zip"), "--code-bucket", "terraform-state")
    _, said = (process := deployer.start("rotated", *options)).communicate()
    assert process.returncode == 0, said
    assert "the log group /aws/lambda/rotated-pypi-rotation is there from before" in said
    secrets = deployer.stack.admin("secretsmanager")
    assert secrets.describe_secret(SecretId="rotated/pypi-token")
    deployer.stack.admin("cloudformation").delete_stack(StackName="rotated-pypi-publishing")


def test_a_secret_that_waits_for_its_end_is_in_the_way(deployer):
    secrets = deployer.stack.admin("secretsmanager")
    secrets.delete_secret(SecretId="tf_lib/pypi-token/next", RecoveryWindowInDays=7)
    try:
        again = deployer.start("terraform")
        _, said = again.communicate()
    finally:
        secrets.restore_secret(SecretId="tf_lib/pypi-token/next")
    assert again.returncode == 1
    assert "aws secretsmanager restore-secret --secret-id tf_lib/pypi-token/next" in said


def test_a_deleted_stack_leaves_the_provider_that_others_use(deployer, refused):
    deployer.stack.admin("cloudformation").delete_stack(StackName="cfn-lib-pypi-publishing")
    assert deployer.stack.admin("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    secrets = deployer.stack.admin("secretsmanager")
    refused(lambda: secrets.describe_secret(SecretId="cfn-lib/pypi-token"), "ResourceNotFoundException")


@pytest.mark.parametrize(("kind", "value"), json.loads((CASES / "refused.json").read_text()))
def test_what_is_too_wide_is_refused(kind, value):
    ran = subprocess.run(
        [SCRIPT, "example-corp", "lib", f"--{kind}", value], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert ran.returncode == 2, ran
    assert f"--{kind} '{value}' is refused: " in ran.stderr
    assert not re.fullmatch(DECLARED[PARAMETERS[kind]]["AllowedPattern"], value)


@pytest.mark.parametrize(("kind", "value"), [("environment", "*"), ("branch", "release/*"), ("tag", "v**")])
def test_the_template_says_why(deployer, refused, kind, value):
    case = parameters_of({"repository": "example-corp/lib", kind: value}, "refused")
    cloudformation = deployer.stack.admin("cloudformation")
    message = refused(
        lambda: cloudformation.create_stack(StackName="refused", TemplateBody=TEMPLATE.read_text(), Parameters=case),
        "ValidationError",
    )
    reason = DECLARED[PARAMETERS[kind]]["ConstraintDescription"]
    assert message == f"Parameter '{PARAMETERS[kind]}' failed to satisfy constraint: {reason}"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "Exactly one of GithubEnvironment, GithubBranch and GithubTag"),
        ({"environment": "pypi", "branch": "main"}, "Exactly one of GithubEnvironment, GithubBranch and GithubTag"),
        ({"environment": "pypi", "repository_id": "202"}, "RepositoryId and RepositoryOwnerId come together"),
    ],
)
def test_rules_of_the_template(deployer, refused, rule, expected):
    case = parameters_of({"repository": "example-corp/lib"} | rule, "refused")
    cloudformation = deployer.stack.admin("cloudformation")
    template = TEMPLATE.read_text()
    message = refused(
        lambda: cloudformation.create_stack(StackName="refused", TemplateBody=template, Parameters=case), "ValidationError"
    )
    assert expected in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["example-corp"], "scripts/deploy-pypi-publishing ORG REPO"),
        (["example-corp/lib", "lib"], "are not the two parts of a repository's name"),
        (["example-corp", "*"], "it must be one repository, without * or ?"),
        (["example-corp", "lib", "--token", TOKEN], "revoke it at the index"),
        (["example-corp", "lib", f"--token={TOKEN}"], "revoke it at the index"),
        (["example-corp", "lib", "--pull-request"], "a pull request runs code before its review"),
        (["example-corp", "lib", "--environment", "pypi", "--tag", "v*"], "give one of them"),
        (["example-corp", "lib", "--branch", ""], "--branch is empty"),
        (["example-corp", "lib", "--branch"], "--branch needs a value"),
        (["example-corp", "lib", "--repository-id", "202"], "come together"),
        (["example-corp", "lib", "--token-file", "/nowhere"], "cannot read the token file /nowhere"),
        (["example-corp", "lib", "--repository-url", "http://pypi.example.com/"], "an https URL without user"),
        (["example-corp", "lib", "--repository-url", "https://me:secret@pypi.example.com/"], "an https URL without user"),
        (["example-corp", "lib", "--project", "a/b"], "the project 'a/b' is refused"),
        (["example-corp", "my.lib"], "the project 'my.lib' is refused"),
        (["example-corp", "lib", "--rotation-schedule", "rate(90 days)"], "needs the rotation function"),
        (["example-corp", "lib", "--rotation-zip", "/nowhere.zip"], "there is no package"),
        (["example-corp", "lib", "--terraform", "/nowhere.hcl"], "is not a file"),
        (["example-corp", "lib", "--terraform", "/dev/null", "--token-file", "-"], "is not a file"),
        (["example-corp", "lib", "--terraform", __file__, "--token-file", "-"], "needs --yes"),
        (["example-corp", "lib", "--wrong"], "scripts/deploy-pypi-publishing ORG REPO"),
    ],
)
def test_arguments_that_are_wrong(arguments, message):
    ran = subprocess.run([SCRIPT, *arguments], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert ran.returncode == 2, ran
    assert message in ran.stderr
    assert TOKEN not in ran.stderr


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (b"", "the token is empty"),
        (b" \n", "the token is empty"),
        (b"pypi-one pypi-two", "that is not a token"),
        (b"password: pypi-x", "that is not a token"),
        (b"[pypi]\nusername = __token__\npassword = pypi-x\n", "that is not a token"),
        (b"pypi-\xc3\xa9", "that is not a token"),
        (b"pypi-" + b"x" * 8192, "that is not a token"),
        (b"ghp_0123456789", "begins with pypi-"),
    ],
)
def test_what_is_no_token_is_refused(deployer, token, message):
    (deployer.home / "bad").write_bytes(token)
    # The function alone: what stands before it in the script has been tried.
    functions = SCRIPT.read_text().split('\nread_arguments "$@"\n')[0]
    given = "work=$1 token_file=$1/bad project=tf_lib package=lib repository_url=https://upload.pypi.org/legacy/"
    ran = subprocess.run(
        ["bash", "-c", f"{functions}\n{given}\nread_token", SCRIPT, deployer.home],
        env=deployer.environment(),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert message in ran.stderr
    assert token.strip() == b"" or token.strip() not in ran.stderr.encode()
