"""The pieces of a token: a complete valid one per issuer, of which a case changes one thing, and raw signatures.

Everything is deterministic, RSASSA-PSS salts and ECDSA nonces included, so a second run writes the same bytes.
"""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .issuers import ISSUERS
from .keys import KEYS, b64

NOW = 1767225600  # 2026-01-01T00:00:00Z
ABSENT = object()
CLIENT = "1example23456789abcdefghij"
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017 §9.2, note 1
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

TIMES = {"iat": NOW - 60, "exp": NOW + 3540}
JTI = {"jti": "9f2b6d0e-0a55-4e0c-8f3a-0f6b2f6c0d11"}
COGNITO = (
    {
        "sub": CLIENT,
        "token_use": "access",
        "scope": "credvend-api/write credvend-api/read",
        "auth_time": NOW - 60,
        "version": 2,
        "client_id": CLIENT,
    }
    | TIMES
    | JTI
)
OIDC = {"sub": "reporting", "client_id": "reporting", "scope": "write read"} | TIMES | JTI
APP = {"azp": "5e0c1f7a-77a1-4d5e-8f11-3c2b1a0f9e8d"} | TIMES
KEYCLOAK = {
    "sub": "c18502d5-0a22-4ccf-8674-12ec55b10e0b",
    "azp": "logs-writer",
    "scope": "email profile",
    "email_verified": False,
    "clientHost": "192.0.2.7",
    "clientAddress": "192.0.2.7",
    "preferred_username": "service-account-logs-writer",
} | TIMES

# issuer: (signing key, kid, typ, claims)
USUAL = {
    "cognito": ("cognito-1", "cognito-key-1", ABSENT, COGNITO),
    "cognito-with-audiences": ("cognito-1", "cognito-key-1", ABSENT, COGNITO),
    "cognito-mixed-keys": ("cognito-1", "good-first", ABSENT, COGNITO),
    "oidc": ("oidc", "key-1", "at+jwt", OIDC),
    "oidc-neighbour": ("neighbour", "key-1", "at+jwt", OIDC),
    "oidc-many-algorithms": ("oidc", "any-rsa", "at+jwt", OIDC),
    "auth0": ("oidc", "key-1", "JWT", APP | {"sub": APP["azp"] + "@clients", "gty": "client-credentials"}),
    "entra": (
        "oidc",
        "key-1",
        "JWT",
        APP | {"sub": "a1b2c3d4-0000-4000-8000-00000000feed", "roles": ["Files.Write"], "idtyp": "app", "ver": "2.0"},
    ),
    "auth0-people": ("oidc", "key-1", "JWT", APP | {"sub": "auth0|person", "gty": "password"}),
    "long-lived": ("oidc", "key-1", "at+jwt", OIDC),
    "roles-as-scopes": ("oidc", "key-1", "JWT", OIDC | {"roles": ["Files.Write"], "permissions": "a b"}),
    "keycloak": ("oidc", "key-1", "JWT", KEYCLOAK | {"client_id": "logs-writer"}),
    "keycloak-client-id": ("oidc", "key-1", "JWT", KEYCLOAK | {"client_id": "logs-writer"}),
    "subjects": ("oidc", "key-1", "JWT", {"sub": "machine-1"} | TIMES),
    "subjects-of-people": ("oidc", "key-1", "JWT", APP | {"sub": "auth0|person", "nonce": "n"}),
    "github": (
        "oidc",
        "key-1",
        "JWT",
        {"sub": "repo:example-org/app:ref:refs/heads/main", "repository_id": "42"} | TIMES | JTI,
    ),
}


def dump(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def present(members):
    return {name: value for name, value in members.items() if value is not ABSENT}


def header(issuer="cognito", **members):
    """The issuer's usual header with these members changed; ABSENT takes one away."""
    _, kid, typ, _ = USUAL[issuer]
    return present({"alg": "RS256", "kid": kid, "typ": typ} | members)


def claims(issuer="cognito", **members):
    """The issuer's usual claims with these changed; ABSENT takes one away."""
    entry = ISSUERS[issuer]
    usual = {"iss": entry["issuer"]} | USUAL[issuer][3]
    if entry["kind"] == "oidc":
        usual["aud"] = entry["audiences"][0]
    return present(usual | members)


def signing_input(head, payload):
    """`head` and `payload` as JSON values, or as bytes where the bytes are the point."""
    parts = [part if isinstance(part, bytes) else dump(part) for part in (head, payload)]
    return ".".join(b64(part) for part in parts).encode()


def jws(head, payload, key="cognito-1", alg="RS256"):
    text = signing_input(head, payload)
    return f"{text.decode()}.{b64(sign(text, key, alg))}"


def token(issuer="cognito", head=None, key=None, alg="RS256", **members):
    """A properly signed token of the issuer with claims and header members (`head`) changed."""
    return jws(header(issuer, **(head or {})), claims(issuer, **members), key or USUAL[issuer][0], alg)


def with_payload(payload, issuer="cognito"):
    return jws(header(issuer), payload, USUAL[issuer][0])


def with_header(head, issuer="cognito"):
    return jws(head, claims(issuer), USUAL[issuer][0])


def with_signature(signature, issuer="cognito", head=None):
    """The usual signing input under a signature that `signature(signing_input)` makes."""
    text = signing_input(header(issuer, **(head or {})), claims(issuer))
    return f"{text.decode()}.{b64(signature(text))}"


def sign(text, key, alg):
    if alg in ("RS256", "RS384", "RS512"):
        digest = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}[alg]
        return KEYS[key].sign(text, padding.PKCS1v15(), digest)
    if alg == "PS256":
        return sign_pss(text, key)
    if alg == "ES256":
        r, s = ecdsa(text, key)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    raise ValueError(alg)


def ecdsa(text, key):
    """(r, s) of a deterministic signature (RFC 6979)."""
    return decode_dss_signature(KEYS[key].sign(text, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))


def hs(text, secret, digest="sha256"):
    return hmac.new(secret, text, digest).digest()


def rsa_raw(encoded, key):
    """RSASP1 (RFC 8017 §5.2.1) over any encoded message, well-formed or not."""
    numbers = KEYS[key].private_numbers()
    n = numbers.public_numbers.n
    return pow(int.from_bytes(encoded, "big"), numbers.d, n).to_bytes((n.bit_length() + 7) // 8, "big")


def sign_pss(text, key, salt_length=32, mgf="sha256"):
    """RSASSA-PSS with SHA-256 (RFC 8017 §9.1.1) under a salt drawn from the message."""
    length = (KEYS[key].key_size + 7) // 8
    salt = hashlib.sha512(b"salt" + text).digest()[:salt_length]
    hashed = hashlib.sha256(bytes(8) + hashlib.sha256(text).digest() + salt).digest()
    block = bytes(length - salt_length - 34) + b"\x01" + salt
    mask = b"".join(
        hashlib.new(mgf, hashed + counter.to_bytes(4, "big")).digest() for counter in range(len(block) // 20 + 1)
    )
    masked = bytearray(a ^ b for a, b in zip(block, mask))
    masked[0] &= 0x7F
    return rsa_raw(bytes(masked) + hashed + b"\xbc", key)


def pkcs1(text, digest_info=SHA256_INFO, length=256):
    """EMSA-PKCS1-v1_5 (RFC 8017 §9.2) with a DigestInfo prefix of choice."""
    tail = digest_info + hashlib.sha256(text).digest()
    return b"\x00\x01" + b"\xff" * (length - len(tail) - 3) + b"\x00" + tail
