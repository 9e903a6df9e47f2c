"""SigV4 signatures, computed again over what the caller signed: `SignedHeaders` decides (SigV4, "Create a canonical
request"). botocore's own signer, which moto asks, leaves out headers that other programs sign, `user-agent` among them.
"""

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from moto.iam import access_control
from moto.s3.exceptions import S3AccessDeniedError

from .aws_errors import refusal


class AsSigned:
    """Canonical headers of exactly the names that the caller lists."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        headers = HTTPHeaders()
        for name in request.context["signed_headers"]:
            for value in request.headers.get_all(name, [""]):
                headers[name] = value
        return headers


class Signer(AsSigned, SigV4Auth):
    """For all services but S3."""


class S3Signer(AsSigned, S3SigV4Auth):
    """For S3, which does not normalize paths."""


class SignedHeaders:
    """What both kinds of requests do with the header names in `Authorization`."""

    def _create_aws_request(self) -> AWSRequest:
        request = super()._create_aws_request()
        request.context["signed_headers"] = self._signed_headers()
        return request

    def _signed_headers(self) -> list[str]:
        return self._get_string_between("SignedHeaders=", ",", self._headers["Authorization"]).split(";")

    def _unsigned(self) -> list[str]:
        """Headers of this request that AWS wants signed: `host` and all of its own."""
        wanted = {name.lower() for name, _ in self._headers.items() if name.lower().startswith("x-amz-")} | {"host"}
        return sorted(wanted - set(self._signed_headers()))


class S3Request(SignedHeaders, access_control.S3IAMRequest):
    """A signed request to S3."""

    def _create_auth(self, credentials: object) -> S3Signer:
        return S3Signer(credentials, self._service, self._region)

    def check_signature(self) -> None:
        if self._unsigned():
            # In AWS's words: "There were headers present in the request which were not signed".
            raise S3AccessDeniedError
        super().check_signature()


class Request(SignedHeaders, access_control.IAMRequest):
    """A signed request to anything but S3; refused in words that the protocol's SDKs can read."""

    def _create_auth(self, credentials: object) -> Signer:
        return Signer(credentials, self._service, self._region)

    def _create_aws_request(self) -> AWSRequest:
        # moto encodes the parsed form again, which differs from what was signed (`%20` or `+`, `*` or `%2A`).
        request = super()._create_aws_request()
        request.data = self._body
        return request

    def check_signature(self) -> None:
        if self._unsigned():
            self._raise_signature_does_not_match()
        super().check_signature()

    def _raise_signature_does_not_match(self) -> None:
        self._refuse(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        )

    def _raise_invalid_access_key(self, _: str) -> None:
        self._refuse("InvalidClientTokenId", "The security token included in the request is invalid.")

    def _refuse(self, code: str, message: str) -> None:
        raise refusal(code, message, self._headers)
