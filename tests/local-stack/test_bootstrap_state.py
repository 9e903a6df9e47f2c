"""scripts/bootstrap-state against an account in which there is nothing yet."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import Stack

ROOT = Path(__file__).parents[2]
TFVARS = 'aws_region   = "eu-west-1"\nstate_bucket = "credvend-state-123456789012-example" # of backend.hcl\n'


@pytest.fixture
def environment(tmp_path):
    folder = tmp_path / "dev"
    folder.mkdir()
    for layer in ("servers", "gateway"):
        (folder / f"{layer}.tfvars").write_text(TFVARS)
    (folder / "backend.hcl").write_text('bucket = "placeholder"\n')
    programs = tmp_path / "bin"
    programs.mkdir()
    terraform = programs / "terraform"
    terraform.write_text('#!/bin/sh\nprintf \'{\\n  "terraform_version": "%s"\\n}\\n\' "${TERRAFORM_VERSION:-1.11.4}"\n')
    terraform.chmod(0o755)
    return folder


@pytest.fixture
def bootstrap(empty_stack, environment):
    def run(*arguments, keys=None, **variables) -> subprocess.CompletedProcess:
        keys = keys or empty_stack.ready["admin"]
        return subprocess.run(
            [ROOT / "scripts/bootstrap-state", environment, *arguments],
            env={
                "PATH": f"{environment.parent}/bin:{ROOT}/.tools/venv/bin:{os.environ['PATH']}",
                "HOME": str(environment.parent),
                "AWS_ENDPOINT_URL": empty_stack.ready["endpoint"],
                "AWS_ACCESS_KEY_ID": keys["access_key_id"],
                "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            | variables,
            capture_output=True,
            text=True,
        )

    return run


def a_user(stack: Stack, name: str, *actions: str) -> dict:
    iam = stack.admin("iam")
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}


def test_from_nothing_and_again(empty_stack, environment, bootstrap):
    for _ in range(2):
        ran = bootstrap()
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout == "credvend-state-123456789012-dev\n"
    backend = (environment / "backend.hcl").read_text().splitlines()
    assert backend[1:] == [
        'bucket       = "credvend-state-123456789012-dev"',
        'region       = "eu-west-1"',
        "use_lockfile = true",
    ]
    for layer in ("servers", "gateway"):
        assert (environment / f"{layer}.tfvars").read_text() == TFVARS.replace("-example", "-dev")
    s3, bucket = empty_stack.admin("s3"), {"Bucket": "credvend-state-123456789012-dev"}
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    ownership = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rule = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"][0]
    assert rule["Status"] == "Enabled" and rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    policy = json.loads(s3.get_bucket_policy(**bucket)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_rules_of_a_bucket_that_existed_stay(empty_stack, environment, bootstrap):
    s3, bucket = empty_stack.admin("s3"), "kept-by-its-owner"
    for own in ({"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "a"}, "Expiration": {"Days": 3}}, None):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        if own:
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [own]})
        assert bootstrap("--bucket", bucket).returncode == 0
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert [rule["ID"] for rule in rules] == ["mine" if own else "old-versions"]
        s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("program", "answer", "sentence"),
    [
        ("aws", "aws-cli/1.17.0 Python/3.8", "aws --version says 1.17.0; version 1.18.149, 2.0.52 or newer is needed"),
        ("aws", "aws-cli/2.0.1 Python/3.8", "aws --version says 2.0.1; version 1.18.149, 2.0.52 or newer is needed"),
        ("aws", "something else", "aws --version says nothing that can be read"),
        ("terraform", '{"terraform_version": "1.8.5"}', "terraform 1.8.5 is too old; install 1.9 or newer"),
    ],
)
def test_programs_that_are_too_old(environment, bootstrap, program, answer, sentence):
    stub = environment.parent / "bin" / program
    stub.write_text(f"#!/bin/sh\necho '{answer}'\n")
    stub.chmod(0o755)
    ran = bootstrap()
    assert ran.returncode == 1 and sentence in ran.stderr, ran.stderr


@pytest.fixture
def delete_bucket(empty_stack, environment):
    def run(*arguments) -> subprocess.CompletedProcess:
        return subprocess.run(
            [ROOT / "scripts/delete-state-bucket", environment, *arguments],
            env={
                "PATH": f"{environment.parent}/bin:{ROOT}/.tools/venv/bin:{os.environ['PATH']}",
                "HOME": str(environment.parent),
                "AWS_ENDPOINT_URL": empty_stack.ready["endpoint"],
                "AWS_ACCESS_KEY_ID": empty_stack.ready["admin"]["access_key_id"],
                "AWS_SECRET_ACCESS_KEY": empty_stack.ready["admin"]["secret_access_key"],
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_REGION": "eu-west-1",
            },
            capture_output=True,
            text=True,
        )

    return run


def test_the_state_bucket_goes_with_every_version(empty_stack, environment, bootstrap, delete_bucket):
    bucket = bootstrap("--bucket", "state-with-a-history").stdout.strip()
    s3 = empty_stack.admin("s3")
    state = "credvend/terraform-cognito/servers.tfstate"
    for serial in range(4):
        s3.put_object(Bucket=bucket, Key=state, Body=json.dumps({"serial": serial, "resources": []}))
    s3.delete_object(Bucket=bucket, Key=state)
    # Batches of 2 in place of 1,000, so that 5 versions are several.
    stub = environment.parent / "bin" / "aws"
    stub.write_text(f'#!/bin/bash\nexec "{ROOT}/.tools/venv/bin/aws" "${{@/#1000/2}}"\n')
    stub.chmod(0o755)
    empty_stack.control("DELETE", "/requests")
    ran = delete_bucket("--yes", bucket)
    assert ran.returncode == 0, ran.stderr
    assert "with 5 versions" in ran.stderr
    assert len(empty_stack.requests_of("s3:DeleteObjects")) == 3
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=bucket)


def test_a_batch_delete_takes_1000_keys(empty_stack, refused):
    s3, bucket = empty_stack.admin("s3"), "batches"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    objects = [{"Key": str(number)} for number in range(1001)]
    refused(lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": objects}), "MalformedXML", 400)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": objects[:1000], "Quiet": True})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "usage: "),
        (["state-in-use"], "usage: "),
        (["--yes", "another"], "names the bucket state-in-use, not another"),
        (["--yes", "state-in-use"], "still holds 1 resources; destroy that layer first"),
    ],
)
def test_a_state_bucket_that_stays(empty_stack, environment, bootstrap, delete_bucket, arguments, sentence):
    bootstrap("--bucket", "state-in-use")
    body = json.dumps({"resources": [{"mode": "managed"}, {"mode": "data"}]})
    empty_stack.admin("s3").put_object(Bucket="state-in-use", Key="credvend/x.tfstate", Body=body)
    ran = delete_bucket(*arguments)
    assert ran.returncode != 0 and sentence in ran.stderr, ran.stderr
    assert empty_stack.admin("s3").head_bucket(Bucket="state-in-use")


def test_a_lock_table(empty_stack, environment, bootstrap):
    backend = environment / "backend.hcl"
    for arguments, version in ((["--lock-table"], "1.11.4"), ([], "1.9.8")):
        backend.unlink()
        ran = bootstrap("--bucket", "locked-by-a-table", *arguments, TERRAFORM_VERSION=version)
        assert ran.returncode == 0, ran.stderr
        assert 'dynamodb_table = "credvend-state-lock"' in backend.read_text()
    table = empty_stack.admin("dynamodb").describe_table(TableName="credvend-state-lock")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "LockID", "KeyType": "HASH"}]


@pytest.mark.parametrize("layer", ["servers", "gateway"])
def test_a_bucket_named_by_hand_stays(environment, bootstrap, layer):
    (environment / f"{layer}.tfvars").write_text('state_bucket = "mine"\naws_region = "eu-west-1"\n')
    ran = bootstrap("--bucket", "another-bucket")
    assert ran.returncode == 0, ran.stderr
    assert f'{layer}.tfvars names another bucket; put there: state_bucket = "another-bucket"' in ran.stderr
    assert '"mine"' in (environment / f"{layer}.tfvars").read_text()


def test_layers_of_two_regions_have_no_state_in_common(environment, bootstrap):
    (environment / "gateway.tfvars").write_text(TFVARS.replace("eu-west-1", "eu-central-1"))
    ran = bootstrap()
    assert ran.returncode == 1
    assert 'gateway.tfvars says aws_region = "eu-central-1", not eu-west-1' in ran.stderr


def test_what_is_wrong_is_said(empty_stack, environment, bootstrap):
    wrong = {"access_key_id": "AKIANOBODY", "secret_access_key": "x"}
    poor = a_user(empty_stack, "poor", "s3:ListBucket")
    half = a_user(empty_stack, "half", "s3:ListBucket", "s3:CreateBucket")
    for arguments, keys, sentence in (
        ([], wrong, "AWS does not accept these credentials"),
        (["--bucket", "not-mine"], poor, "no permission to make the bucket not-mine"),
        (["--bucket", "half-mine"], half, "no permission to switch on the versions of the bucket half-mine"),
        (["--region", "us-east-1"], None, 'says aws_region = "eu-west-1", not us-east-1'),
    ):
        ran = bootstrap(*arguments, keys=keys)
        assert ran.returncode == 1, ran.stderr
        assert sentence in ran.stderr
        assert len(ran.stderr.strip().splitlines()) <= 3, ran.stderr
    assert (environment / "backend.hcl").read_text() == 'bucket = "placeholder"\n'


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--bucket"], ["second-folder"]])
def test_usage(bootstrap, arguments):
    ran = bootstrap(*arguments)
    assert ran.returncode == 2
    assert ran.stderr.startswith("bootstrap-state: usage: ")
