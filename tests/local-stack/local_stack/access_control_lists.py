"""Access control lists of objects, as far as S3 still takes them: moto stores whatever a request brings."""

from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

# S3 user guide, "Controlling ownership of objects": the default of new buckets, under which ACLs are off.
ENFORCED = "BucketOwnerEnforced"
# What a request may bring all the same, since it says what is so anyway.
OWNER_ALONE = "bucket-owner-full-control"


class AccessControlListNotSupported(S3ClientError):
    def __init__(self) -> None:
        super().__init__("AccessControlListNotSupported", "The bucket does not allow ACLs")


def headers(handler: object) -> dict[str, str]:
    """The headers with which a request for an object sets its ACL."""
    lower = {name.lower(): value for name, value in handler.headers.items()}
    return {name: value for name, value in lower.items() if name == "x-amz-acl" or name.startswith("x-amz-grant-")}


def check(handler: object, action: str, resource: str) -> None:
    """Refuses an ACL where the bucket has none."""
    name = resource.split(":")[5].split("/")[0]
    bucket = s3_backends[handler.current_account]["aws"].buckets.get(name)
    if bucket is None or (bucket.ownership_rule or ENFORCED) != ENFORCED:
        return
    brought = headers(handler)
    if action == "s3:PutObjectAcl" or (action == "s3:PutObject" and brought not in ({}, {"x-amz-acl": OWNER_ALONE})):
        raise AccessControlListNotSupported
