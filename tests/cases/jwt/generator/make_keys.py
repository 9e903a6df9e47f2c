#!/usr/bin/env python3
"""Makes the test keys whose files are missing from keys/. A new key changes every token that it signs."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

FOLDER = Path(__file__).resolve().parent.parent / "keys"

MAKERS = {
    "cognito-1": lambda: rsa.generate_private_key(65537, 2048),
    "cognito-2": lambda: rsa.generate_private_key(65537, 2048),
    "oidc": lambda: rsa.generate_private_key(65537, 2048),
    "neighbour": lambda: rsa.generate_private_key(65537, 2048),
    "attacker": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    "rsa-e3": lambda: rsa.generate_private_key(3, 2048),
    "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
    "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-p256-attacker": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ec-p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ec-secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}

for name, maker in MAKERS.items():
    path = FOLDER / f"{name}.pem"
    if not path.exists():
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        path.write_bytes(maker().private_bytes(pem, pkcs8, serialization.NoEncryption()))
