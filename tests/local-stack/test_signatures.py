"""Signatures made by hand, over headers that botocore would not sign: Fluent Bit signs its `user-agent`."""

import hashlib
import hmac
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest
import requests


def sign(keys: dict, region: str, request: requests.PreparedRequest, service: str, signed: list[str]) -> None:
    """SigV4, "Create a signed AWS API request": only the standard library, so that nothing is left out."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    url = urlsplit(request.url)
    request.headers.update({"host": url.netloc, "x-amz-date": now, "x-amz-security-token": keys["SessionToken"]})
    digest = hashlib.sha256(request.body or b"").hexdigest()
    if service == "s3":
        request.headers["x-amz-content-sha256"] = digest
    names = sorted(signed)
    lines = [f"{name}:{' '.join(request.headers[name].split())}\n" for name in names]
    canonical = "\n".join([request.method, url.path, url.query, "".join(lines), ";".join(names), digest])
    scope = f"{now[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + keys["SecretAccessKey"].encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    request.headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={key.hex()}"
    )


S3 = ["host", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"]


def put(stack, signed: list[str], headers: dict | None = None, after: dict | None = None) -> requests.Response:
    """A PutObject; `after` is what somebody changes when it has been signed."""
    server = stack.server()
    url = stack.url(f"/{stack.ready['bucket']}/{server['s3_path_prefix']}by-hand")
    request = requests.Request("PUT", url, headers=headers, data=b"log line\n").prepare()
    sign(stack.vend(server), stack.ready["region"], request, "s3", signed)
    request.headers.update(after or {})
    return requests.Session().send(request)


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ([], {}),
        (["user-agent"], {"User-Agent": "aws-fluent-bit-plugin"}),
        (["user-agent", "content-length"], {"User-Agent": "two  blanks"}),
        (["expect", "connection"], {"Expect": "", "Connection": "keep-alive"}),
        (["x-amzn-trace-id", "traceparent"], {"X-Amzn-Trace-Id": "Root=1", "traceparent": "00-1"}),
    ],
)
def test_what_is_signed_is_what_counts(stack, more, headers):
    response = put(stack, S3 + more, headers)
    assert response.status_code == 200, response.text


def test_a_signed_header_that_was_changed_is_refused(stack):
    response = put(stack, [*S3, "user-agent"], {"User-Agent": "signed"}, after={"User-Agent": "another"})
    assert response.status_code == 403 and "SignatureDoesNotMatch" in response.text
    # A header that nobody signed may change.
    assert put(stack, S3, {"User-Agent": "a"}, after={"User-Agent": "b"}).status_code == 200


@pytest.mark.parametrize("left_out", ["host", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"])
def test_aws_s_own_headers_must_be_signed(stack, left_out):
    response = put(stack, [name for name in S3 if name != left_out])
    assert response.status_code == 403 and "AccessDenied" in response.text
    response = put(stack, S3, after={"x-amz-acl": "bucket-owner-full-control"})
    assert response.status_code == 403, "a header added to a signed request"


def test_other_services_read_signed_headers_as_well(stack):
    keys = stack.vend(stack.server())
    for more in ([], ["user-agent"], ["user-agent", "content-type"]):
        headers = {"User-Agent": "by hand", "Content-Type": "application/x-www-form-urlencoded"}
        body = b"Action=GetCallerIdentity&Version=2011-06-15"
        request = requests.Request("POST", stack.url("/"), headers=headers, data=body).prepare()
        sign(keys, stack.ready["region"], request, "sts", ["host", "x-amz-date", "x-amz-security-token", *more])
        response = requests.Session().send(request)
        assert response.status_code == 200, response.text
