"""Who asks for a token, and can it prove that? (RFC 6749 §2.3.1, RFC 7523 §2.2)"""

import hmac
import secrets
import threading
from dataclasses import dataclass
from urllib.parse import unquote_plus

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from werkzeug.wrappers import Request

import jwt

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ["RS256", "RS384", "PS256", "ES256"]
# RFC 7523 §3 leaves the longest life of an assertion to the server; Auth0 and Entra ask for minutes.
LONGEST_ASSERTION_SECONDS = 600


@dataclass
class Credentials:
    """What a token request presents; `method` in the names of OpenID Connect Core §9."""

    client_id: str
    method: str
    secret: str = ""
    assertion: str = ""


def new_secret() -> str:
    return secrets.token_urlsafe(48)


def parameters(request: Request, takes_json: bool = False) -> dict[str, str]:
    """The token request's parameters; Auth0 takes JSON as well as a form."""
    if takes_json and request.mimetype == "application/json":
        body = request.get_json(silent=True)
        return {name: str(value) for name, value in body.items()} if isinstance(body, dict) else {}
    return request.form.to_dict()


def presented(request: Request, form: dict[str, str]) -> Credentials:
    basic = request.authorization if request.authorization and request.authorization.type == "basic" else None
    if basic:
        # RFC 6749 §2.3.1: both halves are form-encoded before they are base64-encoded.
        return Credentials(unquote_plus(basic.username), "client_secret_basic", unquote_plus(basic.password))
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") == ASSERTION_TYPE and assertion:
        return Credentials(form.get("client_id") or _subject(assertion), "private_key_jwt", assertion=assertion)
    secret = form.get("client_secret", "")
    return Credentials(form.get("client_id", ""), "client_secret_post" if secret else "none", secret)


def secret_matches(credentials: Credentials, active: list[str]) -> bool:
    # Every one is compared, so that the time does not tell which.
    return any([hmac.compare_digest(known.encode(), credentials.secret.encode()) for known in active])


class Assertions:
    """Checks private_key_jwt assertions, each of which counts once (RFC 7523 §3, `jti`)."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def refusal(self, credentials: Credentials, public_keys: list, audiences: list[str]) -> str | None:
        """Why the assertion is not good, or None."""
        reasons = []
        for key in map(_public_key, public_keys):
            try:
                claims = jwt.decode(
                    credentials.assertion,
                    key,
                    ASSERTION_ALGORITHMS,
                    audience=audiences,
                    issuer=credentials.client_id,
                    options={"require": ["iss", "sub", "aud", "exp", "jti"]},
                )
            except (jwt.PyJWTError, TypeError) as error:
                reasons.append(str(error))
                continue
            return self._refused_claims(claims, credentials.client_id)
        return reasons[-1] if reasons else "no public key is registered for this client"

    def _refused_claims(self, claims: dict, client_id: str) -> str | None:
        if claims["sub"] != client_id:
            return "sub is not the client_id"
        if "iat" in claims and claims["exp"] - claims["iat"] > LONGEST_ASSERTION_SECONDS:
            return f"the assertion lives longer than {LONGEST_ASSERTION_SECONDS} seconds"
        with self._lock:
            if claims["jti"] in self._seen:
                return "the assertion was used before (jti)"
            self._seen.add(claims["jti"])
        return None


def _public_key(key: str | dict) -> object:
    if isinstance(key, dict):
        return jwt.PyJWK(key).key
    if "BEGIN CERTIFICATE" in key:
        return load_pem_x509_certificate(key.encode()).public_key()
    return load_pem_public_key(key.encode())


def _subject(assertion: str) -> str:
    try:
        return str(jwt.decode(assertion, options={"verify_signature": False}).get("sub", ""))
    except jwt.PyJWTError:
        return ""
