"""An issuer: its keys, its tokens, and what a test has turned about the next ones."""

import json
import time
import uuid
from dataclasses import dataclass

from werkzeug.wrappers import Response

import jwt

from ..settings import Settings
from ..signing_keys import SigningKeys


@dataclass
class Override:
    """`POST /local-stack/idp/overrides`: claims set (or, with null, left out) in the tokens of an issuer."""

    issuer: str
    # Of every client when it is not named; for GitHub it is the repository.
    client_id: str | None
    claims: dict
    lifetime_seconds: float | None


class Issuers:
    """What the issuers of all providers share."""

    def __init__(self, keys: SigningKeys, settings: Settings) -> None:
        self.overrides: list[Override] = []
        self.known: set[str] = set()
        self._keys = keys
        self._settings = settings

    def add(self, issuer: str) -> None:
        self.known.add(issuer)

    def jwks(self, issuer: str) -> dict:
        return self._keys.jwks(issuer)

    def sign(
        self, issuer: str, client_id: str, claims: dict, lifetime: int, token_type: str = "JWT"
    ) -> tuple[str, int]:
        """The token and its lifetime; `iss`, `iat` and `exp` are added here, and claims that are None left out."""
        overrides = [one for one in self.overrides if one.issuer == issuer and one.client_id in (None, client_id)]
        if self._settings.token_lifetime_seconds is not None:
            lifetime = int(self._settings.token_lifetime_seconds)
        for override in overrides:
            if override.lifetime_seconds is not None:
                lifetime = int(override.lifetime_seconds)
        now = int(time.time())
        claims = {"iss": issuer} | claims | {"iat": now, "exp": now + lifetime}
        for override in overrides:
            claims |= override.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self._keys.signing(issuer)
        return jwt.encode(claims, key.private, "RS256", headers={"kid": key.key_id, "typ": token_type}), lifetime


def token_id() -> str:
    return str(uuid.uuid4())


class Reply(Response):
    """A JSON answer, and what the request log may hold of it: never a token or a secret."""

    default_mimetype = "application/json"

    def __init__(self, status: int, body: dict, detail: dict | None = None) -> None:
        super().__init__(json.dumps(body), status, {"Cache-Control": "no-store"})
        self.detail = detail or {}
