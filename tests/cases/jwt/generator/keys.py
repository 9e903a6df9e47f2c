"""Test keys, read from keys/ (made once by make_keys.py): good for nothing but these cases."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

FOLDER = Path(__file__).resolve().parent.parent / "keys"

KEYS = {
    path.stem: serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    for path in sorted(FOLDER.glob("*.pem"))
}


def b64(data):
    """base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    """Base64urlUInt (RFC 7518 §2), or the fixed-length octets of a coordinate (§6.2.1.2)."""
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def jwk(name, kid, /, **members):
    """The public half as a JWK; a member given as None is left out."""
    key = KEYS[name].public_key()
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        one = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(key, ec.EllipticCurvePublicKey):
        numbers, length = key.public_numbers(), (key.curve.key_size + 7) // 8
        curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "secp256k1"}
        one = {"kty": "EC", "use": "sig", "kid": kid, "crv": curve[key.curve.name]}
        one |= {"x": number(numbers.x, length), "y": number(numbers.y, length)}
    else:
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        one = {"kty": "OKP", "use": "sig", "kid": kid, "crv": "Ed25519", "x": b64(raw)}
    return {name: value for name, value in (one | members).items() if value is not None}


def public_pem(name):
    return (
        KEYS[name]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
