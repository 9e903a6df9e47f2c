"""Validator configurations (issuers.json) and the key sets they name (jwks/)."""

from .keys import KEYS, b64, jwk, number

POOL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE01"
TENANT = "6f2b1c7e-3d7c-4f0a-9a55-0c1d2e3f4a5b"
UNICODE_KID = "cl\u00e9-\u9375-\U0001f511"
ODD_KID = "a/b+c=d e:f'\"\\..%2e<>&?#\t"

ISSUERS = {
    "cognito": {"issuer": POOL, "kind": "cognito", "audiences": [], "jwks": "jwks/cognito.json"},
    "cognito-with-audiences": {
        "issuer": POOL,
        "kind": "cognito",
        "audiences": ["https://api.example.com", "credvend-api"],
        "jwks": "jwks/cognito.json",
    },
    "cognito-mixed-keys": {"issuer": POOL, "kind": "cognito", "audiences": [], "jwks": "jwks/mixed.json"},
    "oidc": {
        "issuer": "https://idp.example.com",
        "kind": "oidc",
        "audiences": ["credvend"],
        "jwks": "jwks/oidc.json",
    },
    "oidc-neighbour": {
        "issuer": "https://idp.example.net",
        "kind": "oidc",
        "audiences": ["neighbour-api"],
        "jwks": "jwks/neighbour.json",
    },
    "oidc-many-algorithms": {
        "issuer": "https://idp.example.org/realms/many",
        "kind": "oidc",
        "audiences": ["credvend"],
        "algorithms": ["RS256", "RS384", "RS512", "PS256", "ES256"],
        "jwks": "jwks/many.json",
    },
    "auth0": {
        "issuer": "https://example.eu.auth0.com/",
        "kind": "oidc",
        "audiences": ["https://api.example.com"],
        "client_claim": "azp",
        "jwks": "jwks/oidc.json",
    },
    "auth0-people": {
        "issuer": "https://people.eu.auth0.com/",
        "kind": "oidc",
        "audiences": ["https://api.example.com"],
        "client_claim": "azp",
        "accept_user_tokens": True,
        "jwks": "jwks/oidc.json",
    },
    "long-lived": {
        "issuer": "https://long.example.com",
        "kind": "oidc",
        "audiences": ["credvend"],
        "max_token_lifetime_seconds": 2592000,
        "jwks": "jwks/oidc.json",
    },
    "roles-as-scopes": {
        "issuer": "https://roles.example.com",
        "kind": "oidc",
        "audiences": ["credvend"],
        "scope_claims": ["roles", "permissions"],
        "jwks": "jwks/oidc.json",
    },
    "entra": {
        "issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "kind": "oidc",
        "audiences": ["0b7d4c1e-8a5f-4c62-9d3e-1f2a3b4c5d6e"],
        "client_claim": "azp",
        "jwks": "jwks/oidc.json",
    },
    "keycloak": {
        "issuer": "https://idp.example.com/realms/logs",
        "kind": "oidc",
        "audiences": ["credvend"],
        "client_claim": "azp",
        "jwks": "jwks/oidc.json",
    },
    "keycloak-client-id": {
        "issuer": "https://idp.example.com/realms/metrics",
        "kind": "oidc",
        "audiences": ["credvend"],
        "client_claim": "client_id",
        "jwks": "jwks/oidc.json",
    },
    "subjects": {
        "issuer": "https://subjects.example.com",
        "kind": "oidc",
        "audiences": ["credvend"],
        "client_claim": "sub",
        "jwks": "jwks/oidc.json",
    },
    "subjects-of-people": {
        "issuer": "https://people.example.com",
        "kind": "oidc",
        "audiences": ["credvend"],
        "client_claim": "sub",
        "accept_user_tokens": True,
        "jwks": "jwks/oidc.json",
    },
    "github": {
        "issuer": "https://token.actions.githubusercontent.com",
        "kind": "oidc",
        "audiences": ["sts.amazonaws.com"],
        "client_claim": "sub",
        "jwks": "jwks/oidc.json",
    },
}


def mixed_set():
    """A set in which most keys are unusable, each for one reason, and a few good ones stand between them."""
    good = jwk("cognito-1", "good-first")
    rsa = KEYS["cognito-2"].private_numbers()
    modulus = rsa.public_numbers.n
    bad = [
        {"kty": "XMSS", "use": "sig", "kid": "unknown-kty", "data": "AAAA"},
        jwk("rsa-1024", "rsa-1024"),
        jwk(
            "rsa-1024",
            "rsa-1024-zero-padded",
            n=b64(bytes(128) + KEYS["rsa-1024"].public_key().public_numbers().n.to_bytes(128, "big")),
        ),
        jwk("cognito-2", "use-enc", use="enc"),
        jwk("cognito-2", "use-number", use=1),
        jwk("cognito-2", "use-upper-case", use="SIG"),
        {"kty": "oct", "use": "sig", "alg": "HS256", "kid": "oct", "k": b64(b"a secret that should never be here")},
        jwk("cognito-2", "missing-n", n=None),
        jwk("cognito-2", "missing-e", e=None),
        jwk("cognito-2", "n-padded", n=number(modulus) + "=="),
        jwk("cognito-2", "n-number", n=65537),
        jwk("cognito-2", "n-even", n=number(modulus - 1)),
        jwk("cognito-2", "e-one", e="AQ"),
        jwk("cognito-2", "e-even", e="AQAA"),
        jwk("cognito-2", 17),
        jwk("cognito-2", None),
        jwk("cognito-2", ""),
        jwk("cognito-2", "key-ops-sign", use=None, key_ops=["sign"]),
        jwk("cognito-2", "key-ops-encrypt", use=None, key_ops=["encrypt", "wrapKey"]),
        jwk("cognito-2", "key-ops-text", key_ops="verify"),
        jwk("cognito-2", "alg-es256-on-rsa", alg="ES256"),
        jwk("cognito-2", "alg-hs256-on-rsa", alg="HS256"),
        jwk("cognito-2", "alg-rsa-oaep", alg="RSA-OAEP"),
        jwk("cognito-2", "alg-none", alg="none"),
        jwk("cognito-2", "private", d=number(rsa.d)),
        jwk("ec-p256", "ec-off-curve", y=jwk("ec-p256-attacker", "")["y"]),
        jwk("ec-p384", "p384-as-p256", crv="P-256"),
        jwk("ec-p521", "p521", alg="ES512"),
        jwk("ec-secp256k1", "secp256k1", alg="ES256K"),
        jwk("ed25519", "okp", alg="EdDSA"),
        "not an object",
        None,
        {},
    ]
    usable = [
        jwk("cognito-2", "same-kid"),
        jwk("oidc", "same-kid"),
        jwk("cognito-2", "no-use-no-alg", use=None, alg=None),
        jwk("cognito-2", "key-ops-verify", key_ops=["verify"]),
        jwk("cognito-2", "x5c-garbage", x5c=["not a certificate"], x5t="AAAA"),
        jwk("cognito-2", "unknown-members", ext=True, owner={"team": ["identity"]}),
        jwk("rsa-4096", "good-last"),
    ]
    return {"keys": [good, *bad, *usable]}


def key_sets():
    return {
        "cognito.json": {
            "keys": [
                jwk("cognito-1", "cognito-key-1"),
                jwk("cognito-2", "cognito-key-2"),
                jwk("rsa-4096", "rsa-4096"),
                jwk("rsa-e3", "rsa-e3"),
                jwk("cognito-1", UNICODE_KID),
                jwk("cognito-1", ODD_KID),
            ]
        },
        "mixed.json": mixed_set(),
        "oidc.json": {"keys": [jwk("oidc", "key-1"), jwk("ec-p256", "ec-1", alg="ES256")]},
        "neighbour.json": {"keys": [jwk("neighbour", "key-1"), jwk("neighbour", "neighbour-only")]},
        "many.json": {
            "keys": [
                jwk("oidc", "any-rsa", alg=None),
                jwk("oidc", "rs256-only"),
                jwk("oidc", "ps256-only", alg="PS256"),
                jwk("ec-p256", "ec-1", alg="ES256"),
                jwk("oidc", "shared", alg=None),
                jwk("ec-p256", "shared"),
            ]
        },
    }
