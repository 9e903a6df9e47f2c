"""Cases about which key may verify a token: unusable keys of a set, shared `kid`s, keys of other issuers."""

from .case import refuse
from .tokens import ABSENT, claims, header, jws, token

MANY = "oidc-many-algorithms"


def cases():
    yield from unusable_keys()
    yield from other_issuers()


def unusable_keys():
    mixed = "cognito-mixed-keys"

    def ignored(kid, because, source, key="cognito-2"):
        return refuse(f"key-{kid}", "unknown_key", because, source, token(mixed, {"kid": kid}, key), mixed)

    yield ignored("rsa-1024", "An RSA key under 2,048 bits is ignored.", "RFC 7518 §3.3", "rsa-1024")
    yield ignored("rsa-1024-zero-padded", "Leading zeros make no key stronger.", "RFC 7518 §3.3, §6.3.1.1", "rsa-1024")
    yield ignored("use-enc", "A key for encryption signs nothing.", "RFC 7517 §4.2")
    yield ignored("use-number", "`use` of the wrong type is not an absent one.", "RFC 7517 §4.2")
    yield ignored("use-upper-case", "`use` is case-sensitive.", "RFC 7517 §4.2")
    yield ignored("key-ops-sign", "A key that may only sign verifies nothing.", "RFC 7517 §4.3")
    yield ignored("key-ops-encrypt", "A key that may only encrypt verifies nothing.", "RFC 7517 §4.3")
    yield ignored("key-ops-text", "`key_ops` is an array.", "RFC 7517 §4.3")
    yield ignored("n-padded", "A number with padding is not base64url.", "RFC 7518 §2, §6.3.1.1")
    yield ignored(
        "missing-n", "An RSA key without a modulus is none, and must not stop the others.", "RFC 7518 §6.3.1.1"
    )
    yield ignored("e-one", "With e = 1 every message is its own signature.", "RFC 8017 §3.1", "cognito-2")
    yield ignored("alg-es256-on-rsa", "A key whose `alg` contradicts its `kty` is ignored.", "RFC 7517 §4.4")
    yield ignored(
        "alg-hs256-on-rsa", "A key published for HS256 is not used for anything else.", "RFC 7517 §4.4; CVE-2015-9235"
    )
    yield ignored("alg-rsa-oaep", "A key published for encryption is not used for signatures.", "RFC 7517 §4.4")
    yield ignored("private", "Who publishes the private half has published the means to sign.", "RFC 7517 §9.2")
    yield ignored("unknown-kty", "A `kty` nobody knows is ignored and must not panic.", "RFC 7517 §5; CVE-2026-42576")
    yield ignored("okp", "An Ed25519 key verifies nothing here and must not panic.", "RFC 8037 §2; CVE-2026-42576")
    yield ignored("17", "A `kid` that is a number matches no string.", "RFC 7517 §4.5")
    yield refuse(
        "key-empty-kid",
        "missing_key_id",
        "A key under an empty `kid` makes an empty `kid` no better.",
        "RFC 7517 §4.5",
        token(mixed, {"kid": ""}, "cognito-2"),
        mixed,
    )
    yield refuse(
        "key-without-kid",
        "missing_key_id",
        "A key without a `kid` is no default for tokens without one.",
        "RFC 7517 §4.5",
        token(mixed, {"kid": ABSENT}, "cognito-2"),
        mixed,
    )
    yield refuse(
        "key-same-kid-neither",
        "bad_signature",
        "Two keys share the `kid`, and the token is by neither.",
        "RFC 7517 §4.5",
        token(mixed, {"kid": "same-kid"}, "attacker"),
        mixed,
    )
    yield refuse(
        "key-shared-kid-other-family",
        "bad_signature",
        "An RSA and an EC key share the `kid`; the ES256 signature is by neither.",
        "RFC 7517 §4.5",
        token(MANY, {"kid": "shared", "alg": "ES256"}, "ec-p256-attacker", "ES256"),
        MANY,
    )


def other_issuers():
    """Each case runs under the issuer that the token names; what it borrows belongs to another profile."""

    def crossed(name, reason, because, source, text, issuer="oidc"):
        return refuse(f"issuers-{name}", reason, because, source, text, issuer)

    keyed = "CVE-2026-49998; RFC 8725 §3.8"
    yield crossed(
        "same-kid",
        "bad_signature",
        "Two issuers use one `kid`: a key counts for its own issuer only.",
        keyed,
        token("oidc", key="neighbour"),
    )
    yield crossed(
        "same-kid-reversed",
        "bad_signature",
        "The same the other way round, so that the order of the issuers cannot matter.",
        keyed,
        token("oidc-neighbour", key="oidc"),
        "oidc-neighbour",
    )
    yield crossed(
        "kid-of-the-other",
        "unknown_key",
        "The `kid` is published by another issuer only.",
        keyed,
        token("oidc", {"kid": "neighbour-only"}, "neighbour"),
    )
    yield crossed(
        "audience-of-the-other",
        "wrong_audience",
        "The audience is accepted from another issuer only.",
        "RFC 8725 §3.9",
        token("oidc-neighbour", aud="credvend"),
        "oidc-neighbour",
    )
    yield crossed(
        "token-use-without-aud",
        "missing_claim",
        "`token_use` lends no other issuer the pool's right to leave out `aud`.",
        "RFC 9068 §4; credvend: `aud` required",
        token("oidc", aud=ABSENT, token_use="access"),
    )
    yield crossed(
        "aud-without-token-use",
        "missing_claim",
        "`typ` at+jwt and an audience do not replace a pool's `token_use`.",
        "credvend: token rules",
        token(head={"typ": "at+jwt"}, token_use=ABSENT, aud="credvend"),
        "cognito",
    )
    yield crossed(
        "client-claim-of-the-other",
        "missing_claim",
        "Another issuer's `azp` does not replace `client_id` here.",
        "RFC 9068 §2.2",
        token("oidc", client_id=ABSENT, azp="reporting"),
    )
    yield crossed(
        "client-id-for-azp",
        "missing_claim",
        "`client_id` does not replace the claim that the issuer's entry names.",
        "credvend: client_claim",
        token("auth0", azp=ABSENT, client_id="reporting"),
        "auth0",
    )
    yield crossed(
        "neighbour",
        "untrusted_issuer",
        "A flawless token of an issuer that nobody named here.",
        "RFC 8725 §3.8",
        token("oidc-neighbour"),
    )
    yield crossed(
        "same-keys-other-issuer",
        "untrusted_issuer",
        "The key is published here too, but the token names another issuer.",
        "RFC 8725 §3.8",
        token("oidc", iss="https://example.eu.auth0.com/"),
    )
    yield crossed(
        "attacker",
        "untrusted_issuer",
        "A flawless token of an issuer that an attacker runs.",
        "RFC 8725 §3.8",
        jws(header(), claims(iss="https://attacker.example"), "attacker"),
        "cognito",
    )
