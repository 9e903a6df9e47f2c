"""RSA signing keys per user pool: one signs, the older ones stay published until they are withdrawn."""

import threading
import uuid

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class SigningKey:
    def __init__(self) -> None:
        self.key_id = str(uuid.uuid4())
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_jwk(self) -> dict:
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        # Cognito's documents hold exactly these members.
        return {"alg": "RS256", "e": jwk["e"], "kid": self.key_id, "kty": "RSA", "n": jwk["n"], "use": "sig"}


class SigningKeys:
    """A pool gets its first key when it is first asked for."""

    def __init__(self) -> None:
        self._pools: dict[str, list[SigningKey]] = {}
        self._lock = threading.Lock()

    def signing(self, pool_id: str) -> SigningKey:
        return self._of(pool_id)[-1]

    def jwks(self, pool_id: str) -> dict:
        return {"keys": [key.public_jwk() for key in self._of(pool_id)]}

    def rotate(self, pool_id: str) -> None:
        key = SigningKey()
        with self._lock:
            self._pools[pool_id] = [*self._pools.get(pool_id, []), key]

    def withdraw_old(self, pool_id: str) -> None:
        with self._lock:
            self._pools[pool_id] = self._pools.get(pool_id, [])[-1:]

    def _of(self, pool_id: str) -> list[SigningKey]:
        with self._lock:
            if not self._pools.get(pool_id):
                self._pools[pool_id] = [SigningKey()]
            return self._pools[pool_id]
