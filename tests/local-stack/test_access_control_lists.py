"""`x-amz-acl` on an upload: a permission of its own, and refused by a bucket without ACLs unless it says what is so."""

import pytest

OWNER = "bucket-owner-full-control"


@pytest.fixture(params=["BucketOwnerEnforced", "ObjectWriter", None])
def bucket(request, stack):
    """A bucket with this ownership; None is a new one as AWS makes it."""
    s3, name = stack.admin("s3"), f"acl-{(request.param or 'default').lower()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    if request.param:
        controls = {"Rules": [{"ObjectOwnership": request.param}]}
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=controls)
    yield name, request.param
    for entry in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=entry["Key"])
    s3.delete_bucket(Bucket=name)


def uploads(s3, bucket: str):
    """Every way to an object with an ACL."""
    where = {"Bucket": bucket, "Key": "a"}
    return [
        lambda acl: s3.put_object(**where, **acl),
        lambda acl: s3.create_multipart_upload(**where, **acl),
        lambda acl: s3.copy_object(Bucket=bucket, Key="b", CopySource=where, **acl),
    ]


def test_which_acls_a_bucket_takes(stack, bucket, refused):
    name, ownership = bucket
    for upload in uploads(stack.admin("s3"), name):
        upload({})
        upload({"ACL": OWNER})
        for acl in ({"ACL": "private"}, {"ACL": "public-read"}, {"GrantRead": 'id="1"'}):
            if ownership == "ObjectWriter":
                upload(acl)
            else:
                refused(lambda upload=upload, acl=acl: upload(acl), "AccessControlListNotSupported", 400)


def test_an_acl_needs_a_permission_of_its_own(stack, refused):
    bucket = stack.ready["bucket"]
    objects = f"arn:aws:s3:::{bucket}/acl/*"
    put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": objects}
    condition = {"StringEquals": {"s3:x-amz-acl": OWNER}}
    put_acl = {"Effect": "Allow", "Action": "s3:PutObjectAcl", "Resource": objects, "Condition": condition}
    lambda_arn = stack.as_lambda("sts").get_caller_identity()["Arn"]
    role = lambda_arn.replace(":sts:", ":iam:").replace("assumed-role", "role").rsplit("/", 1)[0]
    trust = [{"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sts:AssumeRole"}]
    for policy, allowed in (([put], False), ([put, put_acl], True)):
        arn = stack.put_role(trust, policy)
        keys = stack.as_lambda("sts").assume_role(RoleArn=arn, RoleSessionName="acl")["Credentials"]
        s3, where = stack.client("s3", keys), {"Bucket": bucket, "Key": "acl/a"}
        s3.put_object(**where)
        if allowed:
            s3.put_object(**where, ACL=OWNER)
        else:
            refused(lambda s3=s3, where=where: s3.put_object(**where, ACL=OWNER), "AccessDenied", 403)
        for acl in ({"ACL": "private"}, {"ACL": "public-read"}, {"GrantRead": 'id="1"'}):
            refused(lambda s3=s3, where=where, acl=acl: s3.put_object(**where, **acl), "AccessDenied", 403)
