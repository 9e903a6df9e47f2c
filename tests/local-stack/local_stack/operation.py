"""What a request is: the name of the API it calls, who signs it, and the parameters worth asserting on."""

import io
import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

# Only the bodies of API calls are read ahead of moto; an object on its way to S3 is left alone.
LARGEST_PARSED_BODY = 1 << 20
STS_PARAMETERS = ("RoleArn", "RoleSessionName", "SourceIdentity", "Policy", "ExternalId")
# (method, on an object, the query parameter that decides) -> operation; the first that fits.
S3_OPERATIONS = [
    ("GET", True, "uploadId", "ListParts"),
    ("GET", True, "tagging", "GetObjectTagging"),
    ("GET", True, "", "GetObject"),
    ("HEAD", True, "", "HeadObject"),
    ("PUT", True, "uploadId", "UploadPart"),
    ("PUT", True, "tagging", "PutObjectTagging"),
    ("PUT", True, "", "PutObject"),
    ("POST", True, "uploads", "CreateMultipartUpload"),
    ("POST", True, "uploadId", "CompleteMultipartUpload"),
    ("DELETE", True, "uploadId", "AbortMultipartUpload"),
    ("DELETE", True, "", "DeleteObject"),
    ("GET", False, "uploads", "ListMultipartUploads"),
    ("GET", False, "location", "GetBucketLocation"),
    ("GET", False, "list-type", "ListObjectsV2"),
    ("GET", False, "", "ListObjects"),
    ("POST", False, "delete", "DeleteObjects"),
    ("HEAD", False, "", "HeadBucket"),
    ("PUT", False, "", "CreateBucket"),
    ("DELETE", False, "", "DeleteBucket"),
]


@dataclass
class Call:
    """One request to the stack, as the request log and the faults see it."""

    api: str
    access_key: str | None = None
    detail: dict = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.api.partition(":")[0]


def describe(environ: dict) -> Call:
    """Names the call of a WSGI request; leaves its body readable for whoever comes next."""
    path = environ.get("PATH_INFO", "")
    if path == "/oauth2/token":
        return Call("cognito:token")
    if path.endswith("/.well-known/jwks.json"):
        return Call("jwks")
    if path.endswith("/.well-known/openid-configuration"):
        return Call("openid-configuration")
    scope = re.search(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    access_key, service = (scope[1], scope[3]) if scope else (None, None)
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return Call(f"{service or 'unsigned'}:{target.split('.')[-1]}", access_key, _json_detail(_body(environ)))
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = {name: values[0] for name, values in parse_qs(_body(environ).decode(), keep_blank_values=True).items()}
        if "Action" in form:
            service = service or "sts"  # the one API that is called unsigned
            return Call(f"{service}:{form['Action']}", access_key, _sts_detail(form) if service == "sts" else {})
    if service in ("s3", None):
        return _s3_call(environ, path, access_key)
    return Call(f"{service}:{environ['REQUEST_METHOD']} {path}", access_key)


def _body(environ: dict) -> bytes:
    """The whole body, put back for moto and kept for the signature check, which needs it as it came."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not 0 < length <= LARGEST_PARSED_BODY:
        return b""
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["local_stack.body"] = body
    return body


def _json_detail(body: bytes) -> dict:
    try:
        parameters = json.loads(body or b"{}")
    except ValueError:
        return {}
    return {name: parameters[name] for name in ("TableName", "Key") if name in parameters}


def _sts_detail(form: dict[str, str]) -> dict:
    detail: dict = {name: form[name] for name in STS_PARAMETERS if name in form}
    if "DurationSeconds" in form:
        seconds = form["DurationSeconds"]
        detail["DurationSeconds"] = int(seconds) if seconds.isdigit() else seconds
    tags = {}
    for name, key in form.items():
        member = re.fullmatch(r"Tags\.member\.(\d+)\.Key", name)
        if member:
            tags[key] = form.get(f"Tags.member.{member[1]}.Value", "")
    if tags:
        detail["Tags"] = tags
    return detail


def _s3_call(environ: dict, path: str, access_key: str | None) -> Call:
    bucket, _, key = path.lstrip("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    detail = {"bucket": bucket} | ({"key": unquote(key)} if key else {})
    if "prefix" in query:
        detail["prefix"] = query["prefix"][0]
    if not bucket:
        return Call("s3:ListBuckets", access_key)
    if "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return Call("s3:UploadPartCopy" if "uploadId" in query else "s3:CopyObject", access_key, detail)
    for method, on_object, parameter, operation in S3_OPERATIONS:
        if environ["REQUEST_METHOD"] == method and bool(key) == on_object and (not parameter or parameter in query):
            return Call(f"s3:{operation}", access_key, detail)
    return Call(f"s3:{environ['REQUEST_METHOD']}", access_key, detail)
