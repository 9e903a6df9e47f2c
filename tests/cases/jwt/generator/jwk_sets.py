"""Cases of tests/cases/jwks/: which keys of a published document may be used, and when the document is refused."""

import json

from .issuers import ODD_KID, UNICODE_KID, mixed_set
from .keys import KEYS, b64, jwk, number

SET = "RFC 7517 §5"


def usable(name, kids, because, source, *keys, text=None):
    document = text if text is not None else json.dumps({"keys": list(keys)}, ensure_ascii=False)
    return name, {"jwks": document, "usable_kids": kids, "verdict": "accept", "because": because, "source": source}


def refused(name, because, source, text):
    return name, {"jwks": text, "usable_kids": [], "verdict": "refuse", "because": because, "source": source}


def cases():
    yield from documents()
    yield from sets_without_a_usable_key()
    yield from good_among_bad()
    yield from strengths()
    yield from odd_but_usable()


def documents():
    good = json.dumps(jwk("cognito-1", "good"))
    whole = f'{{"keys":[{good}]}}'
    for name, because, text in (
        ("document-empty", "An empty answer is no key set.", ""),
        ("document-html", "An error page with status 200 is no key set.", "<!doctype html><title>Sign in</title>"),
        ("document-array", "A list of keys is no key set.", f"[{good}]"),
        ("document-bare-key", "A key is no key set.", good),
        ("document-null", "null is no key set.", "null"),
        ("document-text", "A key set in a string is a string.", json.dumps(whole)),
        ("document-cut-off", "Half an answer must not bring half the keys.", whole[:-3]),
        ("document-trailing-garbage", "Nothing may stand behind the object.", whole + "]"),
        ("document-two-objects", "A second object is not ignored.", whole + whole),
        ("document-byte-order-mark", "A byte order mark is not part of a JSON text.", "\ufeff" + whole),
        ("document-comment", "JSON has no comments.", f"/* keys */ {whole}"),
        ("document-trailing-comma", "A comma before the bracket is not JSON.", f'{{"keys":[{good},]}}'),
        ("document-pem", "A PEM file is no key set.", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
    ):
        yield refused(name, because, SET + "; RFC 8259 §2", text)
    for name, because, text in (
        ("keys-absent", "`keys` must be there.", "{}"),
        ("keys-null", "`keys` is an array, not null.", '{"keys":null}'),
        (
            "keys-object",
            "Keys by name (as Google once served certificates) are no array.",
            f'{{"keys":{{"good":{good}}}}}',
        ),
        ("keys-text", "`keys` is an array, not a string.", '{"keys":"good"}'),
        ("keys-upper-case", "Member names are case-sensitive.", f'{{"Keys":[{good}]}}'),
        ("keys-twice", "`keys` twice: two parsers see two sets.", f'{{"keys":[{good}],"keys":[]}}'),
        ("keys-nested", "A set inside an object is not looked for.", f'{{"jwks":{whole}}}'),
    ):
        yield refused(name, because, "RFC 7517 §5, §5.1", text)


def sets_without_a_usable_key():
    def empty(name, because, *keys):
        return refused(
            name,
            because,
            SET + "; credvend: what is held stays when a fetch brings no key",
            json.dumps({"keys": list(keys)}),
        )

    yield empty("no-key", "A set without a key must not replace the keys that are held.")
    yield empty("only-oct", "A set of symmetric keys verifies nothing.", {"kty": "oct", "kid": "a", "k": "AAAA"})
    yield empty("only-weak", "A set of weak keys verifies nothing.", jwk("rsa-1024", "a"))
    yield empty("only-encryption", "A set for encryption verifies nothing.", jwk("cognito-1", "a", use="enc"))
    yield empty("only-without-kid", "Keys that no token can name verify nothing.", jwk("cognito-1", None))
    yield empty(
        "only-ed25519",
        "A set of keys for algorithms that are not allowed verifies nothing.",
        jwk("ed25519", "a", alg="EdDSA"),
    )
    yield empty("only-nonsense", "Elements that are no objects are no keys.", 1, "two", None, [], {}, True)


def good_among_bad():
    def one_bad(name, because, bad, source):
        return usable(
            f"ignored-{name}",
            ["before", "behind"],
            because,
            source,
            jwk("cognito-1", "before"),
            bad,
            jwk("oidc", "behind"),
        )

    def rsa(name, because, source="RFC 7518 §6.3.1", /, **members):
        return one_bad(name, because, jwk("cognito-2", "bad", **members), source)

    def ec(name, because, source="RFC 7518 §6.2.1", key="ec-p256", **members):
        return one_bad(name, because, jwk(key, "bad", **members), source)

    for name, element in {
        "null-element": None,
        "text-element": "key",
        "number-element": 1,
        "list-element": [jwk("cognito-2", "bad")],
        "empty-element": {},
    }.items():
        yield one_bad(name, "One element that is no key never drops the good ones.", element, SET)
    yield rsa("kty-absent", "Without `kty` there is no key.", "RFC 7517 §4.1", kty=None)
    yield rsa("kty-lower-case", "`kty` is case-sensitive.", "RFC 7517 §4.1", kty="rsa")
    yield rsa("kty-unknown", "A key type that is not understood is ignored.", "RFC 7517 §5", kty="AKP")
    yield rsa("kty-list", "`kty` is a string.", "RFC 7517 §4.1", kty=["RSA"])
    yield rsa("kty-contradicts", "An EC key with RSA's members has no coordinates.", "RFC 7518 §6.2.1", kty="EC")
    yield rsa("kid-number", "`kid` is a string.", "RFC 7517 §4.5", kid=5)
    yield rsa("kid-list", "`kid` is a string.", "RFC 7517 §4.5", kid=["bad"])
    yield rsa("kid-empty", "An empty `kid` names nothing.", "RFC 7517 §4.5", kid="")
    yield rsa("use-enc", "A key for encryption verifies nothing.", "RFC 7517 §4.2", use="enc")
    yield rsa("use-unknown", "`use` other than `sig` is not for signatures.", "RFC 7517 §4.2", use="tls")
    yield rsa("use-list", "`use` of the wrong type is not an absent one.", "RFC 7517 §4.2", use=["sig"])
    yield rsa("key-ops-sign-only", "A key that may only sign verifies nothing.", "RFC 7517 §4.3", key_ops=["sign"])
    yield rsa("key-ops-empty", "A key that may do nothing verifies nothing.", "RFC 7517 §4.3", key_ops=[])
    yield rsa("key-ops-object", "`key_ops` is an array.", "RFC 7517 §4.3", key_ops={"verify": True})
    yield rsa("alg-hs256", "A public key published for HS256 is a trap.", "RFC 7517 §4.4; CVE-2015-9235", alg="HS256")
    yield rsa("alg-none", "No key is for `none`.", "RFC 7517 §4.4", alg="none")
    yield rsa("alg-es256", "`alg` contradicts `kty`.", "RFC 7517 §4.4", alg="ES256")
    yield rsa("alg-oaep", "`alg` is for encryption.", "RFC 7517 §4.4", alg="RSA-OAEP-256")
    yield rsa("alg-number", "`alg` is a string.", "RFC 7517 §4.4", alg=256)
    yield rsa(
        "private-members",
        "A published private key is nobody's proof any more.",
        "RFC 7517 §9.2",
        d=number(KEYS["cognito-2"].private_numbers().d),
    )
    yield ec(
        "private-ec",
        "The same for an EC key.",
        "RFC 7517 §9.2",
        d=number(KEYS["ec-p256"].private_numbers().private_value, 32),
    )
    for member, value, word in (
        ("n", None, "absent"),
        ("n", "", "empty"),
        ("n", 65537, "number"),
        ("n", "####", "not-base64"),
        ("e", None, "absent"),
        ("e", "", "empty"),
        ("e", 65537, "number"),
        ("e", "AQAB==", "padded"),
    ):
        yield rsa(
            f"{member}-{word}",
            f"`{member}` is Base64urlUInt: {word.replace('-', ' ')} will not do.",
            "RFC 7518 §2, §6.3.1",
            **{member: value},
        )
    modulus = KEYS["cognito-2"].public_key().public_numbers().n
    yield rsa("n-even", "A modulus is odd.", "RFC 8017 §3.1", n=number(modulus - 1))
    yield rsa(
        "n-line-breaks",
        "A number with line breaks is not base64url.",
        "RFC 7518 §2",
        n=number(modulus)[:64] + "\n" + number(modulus)[64:],
    )
    yield rsa(
        "n-trailing-bits",
        "Non-zero bits behind the last byte are no base64url.",
        "RFC 4648 §3.5",
        n=last_bit_set(number(modulus)),
    )
    yield rsa("e-zero", "An exponent is at least 3.", "RFC 8017 §3.1", e="AA")
    yield rsa("e-one", "With the exponent 1 every message is its own signature.", "RFC 8017 §3.1", e="AQ")
    yield rsa("e-even", "An exponent is odd.", "RFC 8017 §3.1", e="AQAA")
    yield rsa(
        "e-huge",
        "An exponent as long as the modulus makes every verification slow.",
        "RFC 8017 §3.1; credvend: exponents of at most 32 bits",
        e=number(modulus - 2),
    )
    yield ec(
        "ec-off-curve",
        "A point off the curve is an attack on it.",
        "RFC 7518 §6.2.1; RFC 8725 §3.4",
        y=jwk("ec-p256-attacker", "")["y"],
    )
    yield ec("ec-zero-point", "0, 0 is no point.", "RFC 8725 §3.4", x=b64(bytes(32)), y=b64(bytes(32)))
    yield ec("ec-x-short", "A coordinate is 32 bytes, leading zeros included.", "RFC 7518 §6.2.1.2", x=b64(bytes(31)))
    yield ec("ec-x-long", "A coordinate is 32 bytes and not 33.", "RFC 7518 §6.2.1.2", x=b64(b"\x00" + coordinate("x")))
    yield ec("ec-y-absent", "A P-256 key has both coordinates.", "RFC 7518 §6.2.1.3", y=None)
    yield ec("ec-crv-absent", "`crv` must be there.", "RFC 7518 §6.2.1.1", crv=None)
    yield ec("ec-crv-contradicts", "P-256's coordinates under P-384's name.", "RFC 7518 §6.2.1.1", crv="P-384")
    yield ec("ec-crv-lower-case", "`crv` is case-sensitive.", "RFC 7518 §6.2.1.1", crv="p-256")
    yield ec("ec-alg-rs256", "`alg` contradicts `kty`.", "RFC 7517 §4.4", alg="RS256")
    yield ec("ec-p384", "P-384 is on no allow-list.", "RFC 7518 §3.4", key="ec-p384", alg="ES384")
    yield ec("ec-p521", "P-521 is on no allow-list and must not panic.", "RFC 7518 §3.4; CVE-2026-42576", key="ec-p521")
    yield ec("ec-secp256k1", "secp256k1 is on no allow-list.", "RFC 8812 §3.1", key="ec-secp256k1")
    yield one_bad(
        "okp", "Ed25519 is on no allow-list and must not panic.", jwk("ed25519", "bad"), "RFC 8037 §2; CVE-2026-42576"
    )
    yield one_bad(
        "oct",
        "A symmetric key has no place in a public set.",
        {"kty": "oct", "kid": "bad", "k": "AAAA"},
        "RFC 7518 §6.4; CVE-2015-9235",
    )
    before, behind = json.dumps(jwk("cognito-1", "before")), json.dumps(jwk("oidc", "behind"))
    for name, because, bad, source in (
        (
            "duplicate-member",
            "A member twice costs this key only.",
            json.dumps(jwk("cognito-2", "bad"))[:-1] + ', "kty": "RSA"}',
            "RFC 7517 §4",
        ),
        (
            "duplicate-kid",
            "`kid` twice: two parsers see two keys.",
            json.dumps(jwk("cognito-2", "bad"))[:-1] + ', "kid": "worse"}',
            "RFC 7517 §4",
        ),
        (
            "number-out-of-range",
            "A number out of range costs this key only.",
            json.dumps(jwk("cognito-2", "bad"))[:-1] + ', "x": 1e999}',
            "RFC 7493 §2.2",
        ),
        (
            "deep-element",
            "Arrays in arrays cost this element only, and no stack.",
            "[" * 400 + "]" * 400,
            "RFC 8259 §9",
        ),
    ):
        yield usable(
            f"ignored-{name}", ["before", "behind"], because, source, text=f'{{"keys":[{before},{bad},{behind}]}}'
        )
    yield usable(
        "mixed",
        ["good-first", "same-kid", "no-use-no-alg", "key-ops-verify", "x5c-garbage", "unknown-members", "good-last"],
        "The set of the token cases: good keys between thirty bad ones, each listed once.",
        SET,
        *mixed_set()["keys"],
    )


def coordinate(name):
    return getattr(KEYS["ec-p256"].public_key().public_numbers(), name).to_bytes(32, "big")


def last_bit_set(text):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def strengths():
    """Only the length of these numbers is looked at; nobody has their factors."""

    def of_bits(bits):
        return number((1 << (bits - 1)) | (0xC5F3 << (bits // 2)) | 1)

    for bits in (512, 1024, 2040, 2047, 8193, 16384):
        word = "too weak" if bits < 2048 else "too slow to verify with, and no issuer has one"
        yield usable(
            f"ignored-rsa-{bits}",
            ["good"],
            f"A modulus of {bits} bits is {word}.",
            "RFC 7518 §3.3" if bits < 2048 else "CVE-2023-29409",
            jwk("cognito-1", "bad", n=of_bits(bits)),
            jwk("oidc", "good"),
        )
    weak = KEYS["rsa-1024"].public_key().public_numbers().n.to_bytes(128, "big")
    yield usable(
        "ignored-rsa-1024-zero-padded",
        ["good"],
        "Leading zeros make 1,024 bits no stronger.",
        "RFC 7518 §3.3, §6.3.1.1",
        jwk("cognito-1", "bad", n=b64(bytes(128) + weak)),
        jwk("oidc", "good"),
    )
    yield usable(
        "rsa-3072-length",
        ["one"],
        "A modulus of 3,072 bits is as good as one of 2,048 or 4,096.",
        "RFC 7518 §3.3",
        jwk("cognito-1", "one", n=of_bits(3072)),
    )


def odd_but_usable():
    yield usable(
        "rsa-without-use-and-alg",
        ["one"],
        "`use` and `alg` are optional.",
        "RFC 7517 §4.2, §4.4",
        jwk("cognito-1", "one", use=None, alg=None),
    )
    yield usable(
        "rsa-key-ops-verify",
        ["one"],
        "`key_ops` may list more than `verify`.",
        "RFC 7517 §4.3",
        jwk("cognito-1", "one", key_ops=["verify", "wrapKey"]),
    )
    yield usable("rsa-e3", ["one"], "3 is an exponent.", "RFC 8017 §3.1", jwk("rsa-e3", "one"))
    yield usable(
        "rsa-other-algorithms",
        ["a", "b", "c"],
        "Keys for other allowed algorithms are usable; whether an issuer may use them is its entry's matter.",
        "RFC 7517 §4.4",
        jwk("cognito-1", "a", alg="RS384"),
        jwk("cognito-2", "b", alg="RS512"),
        jwk("oidc", "c", alg="PS256"),
    )
    yield usable(
        "rsa-certificates",
        ["one"],
        "Members about certificates are not read; `n` and `e` are the key.",
        "RFC 7517 §4.6–§4.9",
        jwk("cognito-1", "one", x5c=["?"], x5t="AAAA", x5u="https://example.com/cert.pem"),
    )
    yield usable(
        "rsa-unknown-members",
        ["one"],
        "Members that are not understood are ignored.",
        "RFC 7517 §4",
        jwk(
            "cognito-1",
            "one",
            issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
            exp=None,
            nested={"kid": "x"},
        ),
    )
    yield usable("ec-p256", ["one"], "A P-256 key.", "RFC 7518 §6.2.1", jwk("ec-p256", "one", alg="ES256"))
    yield usable(
        "rsa-and-ec-one-kid",
        ["one"],
        "Keys of different types may share a `kid`; it is listed once.",
        "RFC 7517 §4.5",
        jwk("cognito-1", "one"),
        jwk("ec-p256", "one"),
    )
    yield usable(
        "two-rsa-one-kid",
        ["one"],
        "Two keys of a careless rotation share a `kid`.",
        "RFC 7517 §4.5",
        jwk("cognito-1", "one"),
        jwk("cognito-2", "one"),
    )
    yield usable(
        "same-key-two-kids",
        ["one", "two"],
        "One key under two names.",
        "RFC 7517 §4.5",
        jwk("cognito-1", "one"),
        jwk("cognito-1", "two"),
    )
    yield usable(
        "kid-unicode-and-odd",
        [UNICODE_KID, ODD_KID],
        "A `kid` is any string.",
        "RFC 7517 §4.5",
        jwk("cognito-1", UNICODE_KID),
        jwk("cognito-2", ODD_KID),
    )
    yield usable(
        "order-kept",
        ["z", "a", "m"],
        "The document's order is kept.",
        SET,
        jwk("cognito-1", "z"),
        jwk("cognito-2", "a"),
        jwk("oidc", "m"),
    )
    one = json.dumps(jwk("cognito-1", "one"))
    yield usable(
        "set-unknown-members",
        ["one"],
        "Members of the set that are not understood are ignored.",
        "RFC 7517 §5",
        text=f'{{"version":2,"keys":[{one}],"next":null}}',
    )
    yield usable(
        "set-white-space",
        ["one"],
        "White space means nothing.",
        "RFC 8259 §2",
        text=f'\r\n\t {{ "keys" :\n[ {one} ] }}\n\n',
    )
    yield usable(
        "set-escaped-names", ["one"], r"`\u006beys` is `keys`.", "RFC 8259 §8.3", text=f'{{"\\u006beys":[{one}]}}'
    )
    yield usable(
        "set-many-keys",
        [f"k{index}" for index in range(40)],
        "Forty keys are not too many.",
        SET,
        *(jwk("cognito-1", f"k{index}") for index in range(40)),
    )
