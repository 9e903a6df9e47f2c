"""Who calls, and may they: takes the place of moto's own IAM check, which knows no session policies, no resources
outside S3 and almost no conditions. moto still finds the key and checks the SigV4 signature.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlparse

import xmltodict
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam import access_control
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.s3.exceptions import BucketAccessDeniedError, MalformedXML, S3AccessDeniedError, S3ClientError
from moto.s3.models import FakeBucket, s3_backends

from . import access_control_lists, policy, signature
from .aws_errors import ExpiredS3Token, refusal
from .sessions import Session, Sessions
from .settings import Settings

# moto's names for IAM's (S3 has no permission of the name HeadBucket: it is s3:ListBucket).
S3_ACTIONS = {"s3:HeadBucket": "s3:ListBucket"}
LISTING_ACTIONS = {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}
# Requests that AWS takes unsigned.
UNSIGNED_ACTIONS = {"AssumeRoleWithWebIdentity"}
# GetCallerIdentity is allowed even against an explicit Deny; AssumeRole has more to ask than one action (sts.py).
NOT_DECIDED_HERE = {"sts:GetCallerIdentity", "sts:AssumeRole"}
# Service -> the ARN that a request of it is about, for the services that have a module of their own here.
RESOURCES: dict[str, Callable[[object], str]] = {}
# Lambda's own key, for identity-based policies alone (Lambda developer guide, "Working with Lambda execution environment
# credentials"): sts.py leaves it out when it looks at a trust policy.
SOURCE_FUNCTION = "lambda:SourceFunctionArn"


@dataclass
class Caller:
    """A principal with everything that decides for it."""

    arn: str
    account_id: str
    identity_policies: list[dict]
    session: Session | None = None
    context: dict[str, list[str]] = field(default_factory=dict)

    def may(self, action: str, resource: str, context: dict[str, list[str]]) -> bool:
        request = policy.Request(action, resource, self.context | context, self.principals)
        if policy.evaluate(self.identity_policies, request) != policy.ALLOW:
            return False
        # A session policy only narrows: the result is the intersection (IAM user guide, "Session policies").
        if self.session is None or self.session.policy is None:
            return True
        return policy.evaluate([self.session.policy], request) == policy.ALLOW

    @property
    def principals(self) -> dict[str, set[str]]:
        names = {self.arn, self.account_id, f"arn:aws:iam::{self.account_id}:root"}
        if self.session:
            names.add(self.session.role_arn)
        return {"AWS": names}


def install(sessions: Sessions, settings: Settings) -> None:
    """Puts this module between moto's request handling and its IAM code."""
    find_user_key = access_control.create_access_key

    def find_key(account_id: str, partition: str, access_key_id: str, headers: dict) -> object:
        session = sessions.find(access_key_id)
        if session is None:
            return find_user_key(account_id, partition, access_key_id, headers)
        if headers.get("X-Amz-Security-Token") != session.session_token:
            raise access_control.CreateAccessKeyFailure(reason="InvalidToken")
        return session

    def check(handler: object, request_class: type, resource: str = "*") -> None:
        if not settings.enforce_iam or handler._get_action() in UNSIGNED_ACTIONS:
            return
        handler.caller = authenticate(handler, request_class)
        authorize(handler, resource, settings)

    access_control.create_access_key = find_key
    # moto's own look at a bucket's policy knows no conditions: "no plain http" would refuse everything.
    FakeBucket.get_permission = lambda *_: access_control.PermissionResult.NEUTRAL
    ActionAuthenticatorMixin._authenticate_and_authorize_action = check


def authenticate(handler: object, request_class: type) -> Caller:
    """The caller behind the signature, or AWS's refusal of it."""
    is_s3 = request_class is access_control.S3IAMRequest
    if "Credential=" not in handler.headers.get("Authorization", ""):
        # Query-string (presigned) authentication is not modelled; to S3 it is an anonymous request.
        raise (
            S3AccessDeniedError()
            if is_s3
            else _refusal(handler, "MissingAuthenticationToken", "Request is missing Authentication Token")
        )
    signed = (signature.S3Request if is_s3 else signature.Request)(
        account_id=handler.current_account,
        method=handler.method,
        path=_path_and_query(handler),
        data=handler.data,
        body=raw_body(handler),
        headers=handler.headers,
        action=handler._get_action(),
    )
    signed.check_signature()
    key = signed._access_key
    session = key if isinstance(key, Session) else None
    if session and session.expired:
        raise (
            ExpiredS3Token()
            if is_s3
            else _refusal(handler, "ExpiredToken", "The security token included in the request is expired")
        )
    return caller_of(key, handler.current_account)


def caller_of(key: object, account_id: str) -> Caller:
    """The principal behind a key of moto's or a session of ours."""
    try:
        documents = [_document(stored) for stored in key.collect_policies()]
    except NotFoundException:
        documents = []  # the role was deleted under its session: nothing is allowed any more
    session = key if isinstance(key, Session) else None
    context = _session_context(session) if session else _user_context(key.arn, account_id)
    return Caller(key.arn, account_id, documents, session, context)


def authorize(handler: object, resource: str, settings: Settings) -> None:
    """Raises AWS's refusal unless the caller's policies allow everything that the request needs."""
    caller, service = handler.caller, _service(handler)
    action = f"{service}:{handler._get_action()}"
    if action in NOT_DECIDED_HERE:
        return
    context = request_context(handler, settings)
    if service == "s3":
        for needed in _s3_needs(handler, action, resource):
            if not caller.may(*needed, context) or _bucket_denies(handler, *needed, context):
                raise _s3_denied(handler)
        access_control_lists.check(handler, action, resource)
        if action == "s3:GetObject":
            _hide_missing_key(handler, resource, context)
        return
    resource = _resource(handler, service, resource)
    if not caller.may(action, resource, context):
        raise denied(handler, action, resource)


def denied(handler: object, action: str, resource: str) -> Exception:
    return _refusal(
        handler,
        "AccessDenied",
        f"User: {handler.caller.arn} is not authorized to perform: {action} on resource: {resource}",
    )


def request_context(handler: object, settings: Settings) -> dict[str, list[str]]:
    """The condition keys that the request itself brings."""
    query = parse_qs(urlparse(handler.uri).query, keep_blank_values=True)
    context = {
        "aws:SecureTransport": ["true" if settings.secure_transport else "false"],
        "aws:SourceIp": [handler.normalized_request.remote_addr or "127.0.0.1"],
        "aws:CurrentTime": [str(time.time())],
        "aws:EpochTime": [str(time.time())],
        "aws:ResourceAccount": [handler.current_account],
        "s3:ResourceAccount": [handler.current_account],
    }
    for name in ("prefix", "delimiter", "max-keys"):
        if name in query:
            context[f"s3:{name}"] = query[name]
    for name, value in handler.headers.items():
        if name.lower().startswith("x-amz-"):
            context[f"s3:{name.lower()}"] = [value]
    return context


def _user_context(arn: str, account_id: str) -> dict[str, list[str]]:
    name = arn.split("/")[-1]
    user_id = iam_backends[account_id]["aws"].get_user(name).id
    return {"aws:PrincipalArn": [arn], "aws:username": [name], "aws:userid": [user_id]}


def _session_context(session: Session) -> dict[str, list[str]]:
    """IAM User Guide, "AWS global condition context keys"."""
    context = {
        "aws:PrincipalArn": [session.role_arn],
        "aws:userid": [session.user_id],
        # AWS knows whole seconds.
        "aws:TokenIssueTime": [str(int(session.issued_at))],
    }
    if session.source_identity:
        context["aws:SourceIdentity"] = [session.source_identity]
    if session.function_arn:
        context[SOURCE_FUNCTION] = [session.function_arn]
    tags = {f"aws:PrincipalTag/{key}": [value] for key, value in session.tags.items()}
    return context | session.federation | tags


def _s3_needs(handler: object, action: str, resource: str) -> list[tuple[str, str]]:
    """Every (action, resource) that this one S3 request exercises."""
    bucket = handler.data.get("BucketName")
    if action == "s3:DeleteObject" and f"arn:aws:s3:::{bucket}" == resource:
        # DeleteObjects: one request, a permission for each key in its body.
        listed = policy.listed(xmltodict.parse(handler.body)["Delete"].get("Object"))
        if len(listed) > 1000:
            raise MalformedXML
        return [(action, f"{resource}/{entry['Key']}") for entry in listed]
    needs = [(S3_ACTIONS.get(action, action), resource)]
    if action == "s3:PutObject" and access_control_lists.headers(handler):
        # S3 API, PutObject: a request with an ACL header sets the object's ACL as well.
        needs.append(("s3:PutObjectAcl", resource))
    source = handler.headers.get("x-amz-copy-source")
    if source:
        # CopyObject and UploadPartCopy read as well as write.
        needs.append(("s3:GetObject", "arn:aws:s3:::" + unquote(source.split("?")[0]).lstrip("/")))
    return needs


def _bucket_denies(handler: object, action: str, resource: str, context: dict) -> bool:
    """Whether the policy of the resource's own bucket says no; what it allows beyond the caller's is not modelled."""
    bucket = s3_backends[handler.current_account]["aws"].buckets.get(resource.split(":")[5].split("/")[0])
    if bucket is None or not bucket.policy:
        return False
    caller = handler.caller
    asked = policy.Request(action, resource, caller.context | context, caller.principals)
    return policy.evaluate([json.loads(bucket.policy)], asked) == policy.DENY


def _hide_missing_key(handler: object, resource: str, context: dict) -> None:
    """Only those who may list the bucket learn that a key is not there; others get 403 (S3 API, GetObject)."""
    bucket, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
    try:
        there = s3_backends[handler.current_account]["aws"].get_object(bucket, key) is not None
    except S3ClientError:
        there = False
    if not there and not handler.caller.may("s3:ListBucket", f"arn:aws:s3:::{bucket}", context):
        raise _s3_denied(handler)


def _s3_denied(handler: object) -> S3ClientError:
    bucket = handler.data.get("BucketName")
    return BucketAccessDeniedError(bucket=bucket) if bucket else S3AccessDeniedError()


def _resource(handler: object, service: str, resource: str) -> str:
    """The ARN for the services whose resources the policies of this project name; moto knows only `*`."""
    if service in RESOURCES:
        return RESOURCES[service](handler)
    if service == "dynamodb":
        try:
            parameters = json.loads(raw_body(handler) or b"{}")
        except ValueError:
            parameters = {}
        # A batch may name several tables; one is all that this project asks for.
        batch = list(parameters.get("RequestItems", {}))
        table = parameters.get("TableName") or (batch[0] if len(batch) == 1 else "*")
        if table.startswith("arn:"):
            return table
        return f"arn:aws:dynamodb:{handler.region}:{handler.current_account}:table/{table}"
    function = re.search(r"/functions/([^/?]+)", handler.uri) if service == "lambda" else None
    if function:
        name = unquote(function[1]).split(":function:")[-1]
        return f"arn:aws:lambda:{handler.region}:{handler.current_account}:function:{name}"
    return resource


def _document(stored: object) -> dict:
    """moto keeps an inline role policy as text, a user's in a dict and a managed one as versions."""
    if isinstance(stored, str):
        return policy.parse(stored)
    if isinstance(stored, dict):
        return policy.parse(stored["policy_document"])
    return policy.parse(next(version.document for version in stored.versions if version.is_default))


def _service(handler: object) -> str:
    scope = handler.headers["Authorization"].partition("Credential=")[2].partition(",")[0]
    return scope.split("/")[3]


def raw_body(handler: object) -> bytes:
    # werkzeug leaves nothing of a body it parsed as a form; operation.py has kept it.
    return handler.normalized_request.environ.get("local_stack.body") or handler.raw_body


def _path_and_query(handler: object) -> str:
    query = urlparse(handler.uri).query
    return f"{handler.raw_path}?{query}" if query else handler.raw_path


def _refusal(handler: object, code: str, message: str) -> Exception:
    return refusal(code, message, handler.headers)
