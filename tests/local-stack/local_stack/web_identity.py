"""AssumeRoleWithWebIdentity's half of the work: is the token genuine, and did a provider of this account issue it?"""

import json
import time
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlparse

import jwt
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import OpenIDConnectProvider, iam_backends

from .aws_errors import QueryError
from .idp import IdentityProviders
from .signing_keys import SigningKeys

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
# The claims that IAM offers as condition keys for a generic provider.
CONDITION_CLAIMS = ("aud", "sub", "azp", "amr")
# And those of single providers (since January 2026; IAM User Guide, "Available keys for AWS OIDC federation").
# GitHub's repository_owner_id is not among them.
PROVIDER_CLAIMS = {
    "token.actions.githubusercontent.com": "actor actor_id enterprise_id environment job_workflow_ref ref repository "
    "repository_id workflow".split()
}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
FETCH_SECONDS = 3


@dataclass
class WebIdentity:
    """What a verified token says."""

    provider_arn: str
    subject: str
    audience: str
    context: dict[str, list[str]]

    @property
    def session_context(self) -> dict[str, list[str]]:
        """What later requests of the session show as well (IAM User Guide, "Available keys for AWS OIDC federation",
        "Available in session"): of the claims `aud`, `amr` and `sub` alone."""
        kept = {key: values for key, values in self.context.items() if key.rpartition(":")[2] in ("aud", "amr", "sub")}
        return kept | {"aws:FederatedProvider": [self.provider_arn]}


class WebIdentities:
    """The issuers of this account's OIDC providers, and where their keys are."""

    def __init__(self, keys: SigningKeys, identity_providers: IdentityProviders) -> None:
        self._keys = keys
        self._identity_providers = identity_providers
        # Issuer -> {"jwks": …} or {"jwks_uri": …}, from POST /local-stack/issuers.
        self._registered: dict[str, dict] = {}

    def register(self, issuer: str, place: dict) -> None:
        self._registered[issuer] = place

    def verify(self, token: str) -> WebIdentity:
        header, unverified = _decode_unverified(token)
        issuer = unverified.get("iss")
        provider = _find_provider(issuer)
        if provider is None:
            raise _invalid(f"No OpenIDConnect provider found in your account for {issuer}")
        claims = _verify_signature(token, header, self._jwks(issuer))
        return _check_claims(claims, provider)

    def _jwks(self, issuer: str) -> dict:
        place = self._registered.get(issuer, {})
        if "jwks" in place:
            return place["jwks"]
        outside = self._identity_providers.keys(issuer)
        if outside is not None:
            return outside
        url = urlparse(issuer)
        if url.hostname and url.hostname.startswith("cognito-idp."):
            return self._keys.jwks(url.path.strip("/"))
        try:
            if "jwks_uri" in place:
                return _fetch(place["jwks_uri"])
            # OpenID Connect Discovery 1.0 §4
            return _fetch(_fetch(issuer.rstrip("/") + "/.well-known/openid-configuration")["jwks_uri"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _invalid(
                "Couldn't retrieve verification key from your identity provider, "
                "please reference AssumeRoleWithWebIdentity documentation for requirements"
            ) from error


def _decode_unverified(token: str) -> tuple[dict, dict]:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return jwt.get_unverified_header(token), claims
    except jwt.PyJWTError as error:
        raise _invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        ) from error


def _find_provider(issuer: object) -> OpenIDConnectProvider | None:
    if not isinstance(issuer, str) or "://" not in issuer:
        return None
    # A provider's URL is kept without its scheme. AWS takes https only; loopback is what this stack is for.
    scheme, _, rest = issuer.partition("://")
    if scheme != "https" and urlparse(issuer).hostname not in LOOPBACK:
        return None
    providers = list(iam_backends[DEFAULT_ACCOUNT_ID]["aws"].open_id_providers.values())
    return next((provider for provider in providers if provider.url == rest), None)


def _verify_signature(token: str, header: dict, jwks: dict) -> dict:
    try:
        key = next(jwt.PyJWK(jwk) for jwk in jwks["keys"] if jwk.get("kid") == header.get("kid"))
    except (StopIteration, KeyError, TypeError, jwt.PyJWTError) as error:
        raise _invalid("The ID Token's key was not found at the identity provider") from error
    try:
        # The claims have AWS errors of their own and are checked one by one afterwards.
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.PyJWTError as error:
        raise _invalid("The ID Token's signature is invalid") from error


def _check_claims(claims: dict, provider: OpenIDConnectProvider) -> WebIdentity:
    for name, kinds in (("exp", (int, float)), ("iat", (int, float)), ("sub", str), ("aud", (str, list))):
        if not isinstance(claims.get(name), kinds):
            raise _invalid(f"Missing a required claim: {name}")
    now = time.time()
    if now >= claims["exp"]:
        raise QueryError(
            "ExpiredTokenException",
            f"Token expired: current date/time {int(now)} must be before the expiration date/time {int(claims['exp'])}",
        )
    if claims.get("nbf", 0) > now or claims["iat"] > now + 300:
        raise _invalid("The ID Token is not valid yet")
    stated = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    # With an authorized party, that is what STS takes for the audience, and `oaud` is what the token calls so (IAM User
    # Guide, "Available keys for AWS OIDC federation").
    audiences = [claims["azp"]] if isinstance(claims.get("azp"), str) else stated
    accepted = [audience for audience in audiences if audience in provider.client_id_list]
    if not accepted:
        raise _invalid("Incorrect token audience")
    context = {}
    for name in (*CONDITION_CLAIMS, *PROVIDER_CLAIMS.get(provider.url, ())):
        value = claims.get(name)
        if value is not None:
            context[f"{provider.url}:{name}"] = [str(one) for one in (value if isinstance(value, list) else [value])]
    # Of several audiences the one that the provider knows is the one that conditions see.
    context[f"{provider.url}:aud"] = accepted[:1]
    if audiences is not stated:
        context[f"{provider.url}:oaud"] = stated
    return WebIdentity(provider.arn, claims["sub"], accepted[0], context)


def _fetch(url: str) -> dict:
    parsed = urlparse(url)
    if parsed.hostname not in LOOPBACK:
        raise OSError(f"{url}: the local stack leaves this machine for nobody")
    # No proxy: what stands in the environment is for the programs under test.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=FETCH_SECONDS) as answer:
        return json.load(answer)


def _invalid(message: str) -> QueryError:
    return QueryError("InvalidIdentityToken", message)
