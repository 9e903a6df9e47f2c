"""Cases about `alg`: no signature, symmetric keys, other algorithms, and keys that do not fit."""

from cryptography.hazmat.primitives import serialization

from .case import refuse
from .keys import KEYS, jwk, public_pem
from .tokens import ABSENT, dump, hs, token, with_signature


def cases():
    yield from unsecured()
    yield from symmetric()
    yield from other_algorithms()
    yield from key_does_not_fit()


def unsupported(name, because, source, text, issuer="cognito"):
    return refuse(f"alg-{name}", "unsupported_algorithm", because, source, text, issuer)


def unsecured():
    source = "RFC 8725 §3.1, §3.2; CVE-2015-9235"
    for name, alg in {
        "none": "none",
        "none-capitalised": "None",
        "none-upper-case": "NONE",
        "none-mixed-case": "nOnE",
        "none-with-space": " none",
        "none-with-nul": "none\u0000",
        "empty": "",
    }.items():
        yield unsupported(
            name,
            f"`alg` {dump(alg).decode()} asks for no signature at all.",
            source,
            with_signature(lambda _: b"", head={"alg": alg}),
        )
    yield unsupported(
        "none-signed", "`none` above a genuine RS256 signature is still `none`.", source, token(head={"alg": "none"})
    )
    yield unsupported(
        "none-without-kid",
        "An unsecured token of the kind the old Lambda took has no `kid` either.",
        source,
        with_signature(lambda _: b"", head={"alg": "none", "kid": ABSENT}),
    )
    yield unsupported(
        "absent",
        "`alg` must be there; the key's algorithm is no default.",
        "RFC 7515 §4.1.1",
        token(head={"alg": ABSENT}),
    )
    for name, value in {
        "null": None,
        "list": ["RS256"],
        "list-with-none": ["none", "RS256"],
        "number": 256,
        "object": {"name": "RS256"},
        "true": True,
    }.items():
        yield refuse(
            f"alg-{name}",
            "wrong_type",
            f"`alg` is a string, so {dump(value).decode()} is neither absent nor RS256.",
            "RFC 7515 §4.1.1",
            token(head={"alg": value}),
        )


def symmetric():
    source = "RFC 8725 §2.1, §3.1; CVE-2015-9235"
    key = KEYS["cognito-1"].public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    secrets = {
        "public-pem": (public_pem("cognito-1"), "the issuer's public key as PEM"),
        "public-pem-stripped": (public_pem("cognito-1").strip(), "the public key as PEM without its last newline"),
        "public-der": (der, "the public key as DER"),
        "jwk": (dump(jwk("cognito-1", "cognito-key-1")), "the issuer's JWK text"),
        "modulus": (key.public_numbers().n.to_bytes(256, "big"), "the modulus"),
        "empty-key": (b"", "an empty key"),
        "kid": (b"cognito-key-1", "the `kid`"),
        "weak-secret": (b"secret", "a word from every dictionary"),
    }
    for name, (secret, words) in secrets.items():
        yield unsupported(
            f"hs256-{name}",
            f"HS256 keyed with {words}: the token must not turn a public key into a secret.",
            source,
            with_signature(lambda text, secret=secret: hs(text, secret), head={"alg": "HS256"}),
        )
    for size in ("384", "512"):
        yield unsupported(
            f"hs{size}-public-pem",
            f"HS{size} is no better than HS256.",
            source,
            with_signature(
                lambda text, size=size: hs(text, public_pem("cognito-1"), f"sha{size}"), head={"alg": f"HS{size}"}
            ),
        )
    secret = b"a secret that should never be here"
    yield unsupported(
        "hs256-published-oct",
        "A symmetric key in the set is ignored, and HS256 refused before any key is looked at.",
        source,
        with_signature(lambda text: hs(text, secret), "cognito-mixed-keys", {"alg": "HS256", "kid": "oct"}),
        "cognito-mixed-keys",
    )
    yield unsupported(
        "hs256-at-many-algorithms",
        "An issuer with five algorithms still has no symmetric one.",
        source,
        with_signature(lambda text: hs(text, public_pem("oidc")), "oidc-many-algorithms", {"alg": "HS256"}),
        "oidc-many-algorithms",
    )


def other_algorithms():
    allow_list = "RFC 8725 §3.1; credvend: allow-list"
    for alg in (
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "Ed25519",
        "PS384",
        "PS512",
        "ML-DSA-44",
        "RS1",
        "RSA-OAEP",
        "RSA1_5",
        "dir",
        "A256GCMKW",
    ):
        yield unsupported(
            alg.lower().replace("_", "-"), f"`{alg}` is on no allow-list.", allow_list, token(head={"alg": alg})
        )
    for name, alg in {
        "lower-case": "rs256",
        "trailing-space": "RS256 ",
        "comma-list": "RS256,none",
        "with-nul": "RS256\u0000",
        "fullwidth": "\uff32S256",
        "hash-name": "SHA256withRSA",
        "uri": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    }.items():
        yield unsupported(
            f"rs256-{name}",
            f"`alg` is compared byte for byte, so {dump(alg).decode()} is not RS256.",
            "RFC 7515 §4.1.1",
            token(head={"alg": alg}),
        )
    for alg in ("RS384", "RS512", "PS256"):
        yield unsupported(
            f"{alg.lower()}-not-allowed",
            f"A genuine {alg} signature where the issuer's entry allows RS256 only.",
            allow_list,
            token(head={"alg": alg}, alg=alg),
        )
    yield unsupported(
        "es256-not-allowed",
        "A genuine ES256 signature by a published key of an issuer that is allowed RS256 only.",
        allow_list,
        token("oidc", {"alg": "ES256", "kid": "ec-1"}, "ec-p256", "ES256"),
        "oidc",
    )


def key_does_not_fit():
    many, source = "oidc-many-algorithms", "RFC 8725 §3.1; RFC 7515 §10.7"
    yield unsupported(
        "es256-with-rsa-key",
        "The key alone decides the family: an RSA key verifies no ES256.",
        source,
        token(many, {"alg": "ES256"}, "ec-p256", "ES256"),
        many,
    )
    yield unsupported(
        "rs256-with-ec-key",
        "The key alone decides the family: an EC key verifies no RS256.",
        source,
        token(many, {"kid": "ec-1"}),
        many,
    )
    yield unsupported(
        "ps256-with-ec-key",
        "The key alone decides the family: an EC key verifies no PS256.",
        source,
        token(many, {"alg": "PS256", "kid": "ec-1"}, alg="PS256"),
        many,
    )
    yield unsupported(
        "ps256-with-rs256-key",
        "The JWK's `alg` says RS256, so the key makes no PS256.",
        "RFC 7517 §4.4; RFC 8725 §3.1",
        token(many, {"alg": "PS256", "kid": "rs256-only"}, alg="PS256"),
        many,
    )
    yield unsupported(
        "rs256-with-ps256-key",
        "The JWK's `alg` says PS256, so the key makes no RS256.",
        "RFC 7517 §4.4; RFC 8725 §3.1",
        token(many, {"kid": "ps256-only"}),
        many,
    )
    yield unsupported(
        "rs512-with-rs256-key",
        "The JWK's `alg` names the hash too.",
        "RFC 7517 §4.4; RFC 8725 §3.1",
        token(many, {"alg": "RS512", "kid": "rs256-only"}, alg="RS512"),
        many,
    )
