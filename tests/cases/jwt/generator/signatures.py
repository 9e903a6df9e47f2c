"""Cases about the signature value: altered, encoded otherwise, or made for something else."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .case import refuse
from .keys import KEYS, b64
from .tokens import (
    P256_ORDER,
    SHA256_INFO,
    claims,
    ecdsa,
    header,
    pkcs1,
    rsa_raw,
    sign,
    sign_pss,
    signing_input,
    token,
    with_signature,
)

MANY = "oidc-many-algorithms"


def cases():
    yield from altered()
    yield from rsa_encodings()
    yield from pss()
    yield from ecdsa_values()


def bad(name, because, source, text, issuer="cognito"):
    return refuse(f"signature-{name}", "bad_signature", because, source, text, issuer)


def altered():
    source = "RFC 7515 §5.2; RFC 8017 §8.2.2"
    good = token()
    head, payload, signature = good.split(".")
    for name, because, change in (
        ("empty", "An empty signature is not an absent rule.", lambda s: b""),
        ("one-byte", "One byte is no signature.", lambda s: s[:1]),
        ("truncated", "The last byte is missing.", lambda s: s[:-1]),
        ("first-byte-missing", "The first byte is missing.", lambda s: s[1:]),
        ("zero-before", "A zero byte before the signature makes it longer than the modulus.", lambda s: b"\x00" + s),
        ("zero-behind", "A zero byte behind the signature makes it longer than the modulus.", lambda s: s + b"\x00"),
        ("twice", "The signature twice is no signature.", lambda s: s + s),
        ("bit-flipped", "One bit differs.", lambda s: s[:100] + bytes([s[100] ^ 1]) + s[101:]),
        ("reversed", "The bytes in the other order are another number.", lambda s: s[::-1]),
        ("zeros", "All bytes are zero.", lambda s: bytes(256)),
        ("ones", "A number above the modulus is out of range.", lambda s: b"\xff" * 256),
        ("number-one", "1 to any power is 1, and that is no encoded message.", lambda s: bytes(255) + b"\x01"),
        (
            "modulus-minus-one",
            "-1 to an odd power is -1, and that is no encoded message.",
            lambda s: (modulus() - 1).to_bytes(256, "big"),
        ),
        ("modulus-itself", "The modulus is 0 modulo itself.", lambda s: modulus().to_bytes(256, "big")),
    ):
        yield bad(
            name, because, source, with_signature(lambda text, change=change: change(sign(text, "cognito-1", "RS256")))
        )
    yield bad(
        "plus-modulus",
        "Signature plus modulus is the same number modulo n, and out of range.",
        "RFC 8017 §5.2.2",
        plus_modulus(),
    )
    other = signing_input(header(), claims(sub="admin", client_id="admin"))
    yield bad(
        "of-another-payload",
        "The signature is genuine and belongs to another token.",
        source,
        f"{other.decode()}.{signature}",
    )
    _, longer, _ = token(exp=1767229140 + 3600).split(".")
    yield bad("of-an-earlier-token", "A later `exp` under the old signature.", source, f"{head}.{longer}.{signature}")
    yield bad(
        "of-another-header",
        "The header is signed too.",
        source,
        ".".join([token(head={"typ": "at+jwt"}).split(".")[0], payload, signature]),
    )
    yield bad(
        "of-payload-only",
        "The signing input is header, dot, payload.",
        "RFC 7515 §5.1",
        with_signature(lambda text: sign(text.split(b".")[1], "cognito-1", "RS256")),
    )
    yield bad(
        "of-decoded-json",
        "The signing input is the encoded text, not the JSON.",
        "RFC 7515 §5.1",
        with_signature(lambda text: sign(b'{"alg":"RS256"}.{}', "cognito-1", "RS256")),
    )
    yield bad(
        "payload-reencoded",
        "The same claims in another order are other bytes.",
        source,
        ".".join([head, b64(reordered()), signature]),
    )
    yield bad(
        "by-other-published-key",
        "Signed by the pool's second key under the `kid` of the first.",
        source,
        token(key="cognito-2"),
    )
    yield bad(
        "by-attacker",
        "Signed by a key that nobody published under a `kid` that somebody did.",
        "RFC 7515 §5.2; RFC 8725 §2.1",
        token(key="attacker"),
    )
    yield bad(
        "text-of-hash", "A hash is no signature.", source, with_signature(lambda text: hashlib.sha256(text).digest())
    )


def modulus(key="cognito-1"):
    return KEYS[key].public_key().public_numbers().n


def plus_modulus():
    for serial in range(1000):
        text = signing_input(header(), claims(serial=serial))
        value = int.from_bytes(sign(text, "cognito-1", "RS256"), "big") + modulus()
        if value < 1 << 2048:
            return f"{text.decode()}.{b64(value.to_bytes(256, 'big'))}"
    raise AssertionError("no signature is small enough")


def reordered():
    return b"{" + b",".join(f'"{name}":{_json(value)}'.encode() for name, value in reversed(claims().items())) + b"}"


def _json(value):
    return str(value) if isinstance(value, int) else f'"{value}"'


def rsa_encodings():
    source = "RFC 8017 §8.2.2, §9.2"

    def encoded(name, because, encode, key="cognito-1", kid="cognito-key-1"):
        return bad(
            f"pkcs1-{name}", because, source, with_signature(lambda text: rsa_raw(encode(text), key), head={"kid": kid})
        )

    def overwrite(text, index, value):
        message = bytearray(pkcs1(text))
        message[index] = value
        return bytes(message)

    yield encoded("block-type-two", "Block type 2 is for encryption.", lambda text: overwrite(text, 1, 2))
    yield encoded(
        "block-type-zero", "Block type 0 leaves the end of the padding open.", lambda text: overwrite(text, 1, 0)
    )
    yield encoded(
        "padding-not-ff", "Padding bytes are 0xff, every one of them.", lambda text: overwrite(text, 60, 0xFE)
    )
    yield encoded(
        "separator-missing",
        "A zero byte stands between padding and hash.",
        lambda text: overwrite(text, 256 - 52, 0xFF),
    )
    yield encoded(
        "sha1-identifier",
        "The identifier says SHA-1 before a hash of SHA-256.",
        lambda text: pkcs1(text, bytes.fromhex("3021300906052b0e03021a05000414")),
    )
    yield encoded(
        "without-null",
        "The algorithm identifier without its NULL is another encoding.",
        lambda text: pkcs1(text, bytes.fromhex("302f300b06096086480165030402010420")),
    )
    yield encoded(
        "long-form-length",
        "A length in BER's long form is not DER.",
        lambda text: pkcs1(text, bytes.fromhex("308131300d060960864801650304020105000420")),
    )
    yield encoded("bare-hash", "A padded hash without its identifier.", lambda text: pkcs1(text, b""))
    yield encoded(
        "garbage-behind-hash",
        "Short padding and garbage behind the hash, as Bleichenbacher forged it in 2006.",
        lambda text: pkcs1(text, length=128) + bytes(128),
    )
    for alg in ("RS384", "RS512"):
        yield bad(
            f"{alg.lower()}-as-rs256",
            f"A genuine {alg} signature under the name RS256.",
            "RFC 7518 §3.3",
            token(alg=alg),
        )
    yield bad(
        "ps256-as-rs256", "A genuine PS256 signature under the name RS256.", "RFC 7518 §3.3, §3.5", token(alg="PS256")
    )
    yield bad(
        "e3-cube-root",
        "A cube root of the padded prefix, which needs no private key when e is 3 and the tail is not checked.",
        "CVE-2006-4339",
        with_signature(cube_root, head={"kid": "rsa-e3"}),
    )


def cube_root(text):
    """The integer whose cube begins with a short padding and the right hash, and then goes on as it likes."""
    tail = SHA256_INFO + hashlib.sha256(text).digest()
    prefix = b"\x00\x01" + b"\xff" * 8 + b"\x00" + tail
    target = int.from_bytes(prefix + b"\xff" * (256 - len(prefix)), "big")
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= target else (low, middle - 1)
    assert (low**3).to_bytes(256, "big").startswith(prefix)
    return low.to_bytes(256, "big")


def pss():
    head = {"alg": "PS256"}

    def salted(name, because, **how):
        return bad(
            f"pss-{name}",
            because,
            "RFC 7518 §3.5",
            with_signature(lambda text: sign_pss(text, "oidc", **how), MANY, head),
            MANY,
        )

    yield salted("no-salt", "The salt is as long as the hash: 32 bytes, not none.", salt_length=0)
    yield salted("long-salt", "The salt is as long as the hash: 32 bytes, not 64.", salt_length=64)
    yield salted("sha1-mask", "The mask is made with the same hash as the message: SHA-256.", mgf="sha1")
    yield bad(
        "rs256-as-ps256", "A genuine RS256 signature under the name PS256.", "RFC 7518 §3.5", token(MANY, head), MANY
    )
    yield bad(
        "ps256-by-attacker",
        "A genuine PS256 signature by a key that nobody published.",
        "RFC 7515 §5.2",
        token(MANY, head, "attacker", "PS256"),
        MANY,
    )


def ecdsa_values():
    head, source = {"alg": "ES256", "kid": "ec-1"}, "RFC 7518 §3.4"

    def values(name, because, make, source=source):
        return bad(f"es256-{name}", because, source, with_signature(make, MANY, head), MANY)

    def fixed(r, s):
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    genuine = lambda text: sign(text, "ec-p256", "ES256")
    psychic = source + "; CVE-2022-21449"
    yield values("zeros", "r = s = 0 satisfies a careless equation for every message.", lambda _: bytes(64), psychic)
    yield values("r-zero", "r must be at least 1.", lambda text: bytes(32) + genuine(text)[32:], psychic)
    yield values("s-zero", "s must be at least 1.", lambda text: genuine(text)[:32] + bytes(32), psychic)
    yield values("order", "r = s = n is zero modulo n.", lambda _: fixed(P256_ORDER, P256_ORDER), psychic)
    yield values(
        "s-negated",
        "-s without the order added is another number.",
        lambda text: genuine(text)[:32] + ((1 << 256) - ecdsa(text, "ec-p256")[1]).to_bytes(32, "big"),
    )
    yield values("ones", "All bits set is far above n.", lambda _: b"\xff" * 64, psychic)
    yield values("empty", "An empty signature is none.", lambda _: b"")
    yield values("der", "ASN.1 is the encoding of X.509 and not of JWS.", der)
    yield values("truncated", "63 bytes are not 64.", lambda text: genuine(text)[:-1])
    yield values("zero-before", "65 bytes are not 64.", lambda text: b"\x00" + genuine(text))
    yield values(
        "zero-padded-halves",
        "r and s of 33 bytes each, as a big-integer library prints them.",
        lambda text: b"\x00" + genuine(text)[:32] + b"\x00" + genuine(text)[32:],
    )
    yield values("swapped", "s before r is another signature.", lambda text: genuine(text)[32:] + genuine(text)[:32])
    yield values("little-endian", "r and s are big-endian.", lambda text: genuine(text)[31::-1] + genuine(text)[:31:-1])
    yield values(
        "recovery-byte", "A recovery byte behind the signature makes 65.", lambda text: genuine(text) + b"\x1b"
    )
    yield values(
        "by-attacker",
        "A genuine signature by a key that nobody published.",
        lambda text: sign(text, "ec-p256-attacker", "ES256"),
    )
    yield values("size-of-p384", "96 bytes are a signature on P-384.", lambda text: genuine(text) + bytes(32))


def der(text):
    return encode_dss_signature(*ecdsa(text, "ec-p256"))
