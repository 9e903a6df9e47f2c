"""Odd but valid: what a validator that is merely strict must still accept."""

from .case import accept
from .issuers import ODD_KID, POOL, UNICODE_KID
from .keys import b64
from .syntax import exactly
from .tokens import ABSENT, NOW, P256_ORDER, claims, dump, ecdsa, jws, token, with_payload, with_signature

DAY = 86400
MANY = "oidc-many-algorithms"


def cases():
    yield from issuers()
    yield from headers()
    yield from times()
    yield from audiences_and_scopes()
    yield from extra_claims()
    yield from json_spellings()
    yield from keys_and_signatures()


def issuers():
    yield accept("cognito", "A machine-to-machine access token as Cognito makes it.", "RFC 7519 §7.2", token())
    yield accept("oidc", "An access token as RFC 9068 describes it.", "RFC 9068 §2", token("oidc"), "oidc")
    yield accept(
        "auth0",
        "An access token as Auth0 makes it: slash at the end of `iss`, `@clients` in `sub`.",
        "credvend: client_claim",
        token("auth0"),
        "auth0",
    )
    yield accept(
        "entra", "An app token as Entra makes it: `roles`, no `scp`.", "credvend: client_claim", token("entra"), "entra"
    )
    yield accept(
        "github", "A workflow's token as GitHub makes it.", "credvend: client_claim", token("github"), "github"
    )
    yield accept(
        "github-new-subject",
        "`sub` with the ids of owner and repository.",
        "credvend: client_claim",
        token("github", sub="repo:example-org@1234/app@5678:environment:production"),
        "github",
    )
    lifetime = "credvend: max_token_lifetime_seconds"
    for days in (2, 30):
        yield accept(
            f"lifetime-{days}-days",
            "An entry may take tokens that live for up to 30 days.",
            lifetime,
            token("long-lived", exp=NOW - 60 + days * DAY),
            "long-lived",
        )
    scopes = "RFC 8693 §4.2; credvend: arrays of scopes"
    for name, members in (
        ("array", {"scope": ["write", "read"]}),
        ("array-of-one", {"scope": ["write"]}),
        ("array-empty", {"scope": []}),
        ("scp-array", {"scope": ABSENT, "scp": ["write"]}),
        ("scp-text", {"scope": ABSENT, "scp": "write read"}),
    ):
        yield accept(f"scopes-{name}", "Scopes are a string or an array of strings.", scopes, token("oidc", **members), "oidc")
    yield accept(
        "scopes-roles",
        "An entry says which claims hold scopes; the usual ones are not looked at then.",
        scopes,
        token("roles-as-scopes", scope=7),
        "roles-as-scopes",
    )
    yield accept(
        "oidc-neighbour",
        "An issuer whose `kid` another issuer uses as well, for another key.",
        "RFC 8725 §3.8",
        token("oidc-neighbour"),
        "oidc-neighbour",
    )


def headers():
    typ = "RFC 7515 §4.1.9; RFC 9068 §2.1"
    for name, value in {
        "jwt": "JWT",
        "jwt-lower-case": "jwt",
        "at-jwt": "at+jwt",
        "at-jwt-upper-case": "AT+JWT",
        "at-jwt-media-type": "application/at+jwt",
        "jwt-media-type-upper-case": "APPLICATION/JWT",
    }.items():
        yield accept(
            f"typ-{name}",
            f"`typ` {value}: media types have no case and may leave out `application/`.",
            typ,
            token(head={"typ": value}),
        )
    yield accept("typ-absent-oidc", "`typ` is optional.", "RFC 7519 §5.1", token("oidc", {"typ": ABSENT}), "oidc")
    yield accept(
        "header-unknown-members",
        "Header members that are not understood are ignored unless they are critical.",
        "RFC 7515 §4",
        token(head={"ver": 3, "nonce": "x", "nested": {"crit": ["x"], "jku": "https://example.com"}}),
    )
    yield accept(
        "header-x5t",
        "Thumbprints name a certificate and carry no key.",
        "RFC 7515 §4.1.7, §4.1.8",
        token(head={"x5t": b64(bytes(20)), "x5t#S256": b64(bytes(32))}),
    )
    yield accept(
        "header-member-order",
        "The order of members means nothing.",
        "RFC 8259 §4",
        jws({"kid": "cognito-key-1", "typ": "JWT", "alg": "RS256"}, claims()),
    )


def times():
    def case(name, because, source="RFC 7519 §2, §4.1.4", **members):
        return accept(name, because, source, token(**members))

    yield case("exp-29-seconds-ago", "Within the leeway.", exp=NOW - 29)
    yield case("exp-nearly-30-seconds-ago", "Within the leeway by a tenth of a second.", exp=NOW - 29.9)
    yield case("exp-now", "Within the leeway.", exp=NOW)
    yield case("exp-fraction", "A NumericDate may have a fraction.", exp=NOW + 3540.25)
    yield case("iat-fraction", "Fractions in all three.", exp=NOW + 3540.125, nbf=NOW - 60.5, iat=NOW - 60.999)
    yield case("nbf-30-seconds-ahead", "Within the leeway, to the second.", "RFC 7519 §4.1.5", nbf=NOW + 30)
    yield case("iat-30-seconds-ahead", "Within the leeway, to the second.", "RFC 7519 §4.1.6", iat=NOW + 30)
    yield case("nbf-zero", "The epoch has come.", "RFC 7519 §4.1.5", nbf=0)
    yield case("nbf-negative", "A date before the epoch has come as well.", "RFC 7519 §4.1.5", nbf=-1)
    yield case("without-iat-and-jti", "Only `exp` is required of the times.", "RFC 7519 §4.1", iat=ABSENT, jti=ABSENT)
    yield case("lifetime-24-hours", "A day to the second.", "credvend: at most 24 h", iat=NOW, exp=NOW + DAY)
    yield case(
        "lifetime-24-hours-nearly-spent",
        "A day, of which a minute is left.",
        "credvend: at most 24 h",
        iat=NOW - DAY + 60,
        exp=NOW + 60,
    )
    yield case("lifetime-24-hours-without-iat", "A day from now.", "credvend: at most 24 h", iat=ABSENT, exp=NOW + DAY)
    for name, number in {
        "exponent": b"1.76722914e9",
        "capital-exponent": b"176722914E+1",
        "zero-fraction": b"1767229140.000",
    }.items():
        yield accept(
            f"exp-{name}",
            f"{number.decode()} is the same JSON number as 1767229140.",
            "RFC 8259 §6",
            with_payload(dump(claims()).replace(b"1767229140", number)),
        )


def audiences_and_scopes():
    aud, scope = "RFC 7519 §4.1.3", "RFC 8693 §4.2; RFC 6749 §3.3"
    yield accept(
        "aud-list", "Ours stands among others.", aud, token("oidc", aud=["other", "credvend", "third"]), "oidc"
    )
    yield accept(
        "aud-list-of-one", "A list of one is as good as a string.", aud, token("oidc", aud=["credvend"]), "oidc"
    )
    yield accept(
        "aud-twice-in-list", "An audience may be named twice.", aud, token("oidc", aud=["credvend", "credvend"]), "oidc"
    )
    yield accept(
        "cognito-any-aud",
        "Where no audience is configured a pool's token may carry any.",
        "credvend: ALLOWED_AUDIENCES",
        token(aud="https://anything.example"),
    )
    yield accept(
        "cognito-without-aud",
        "A pool's token may lack `aud` even where audiences are configured.",
        "credvend: ALLOWED_AUDIENCES",
        token("cognito-with-audiences"),
        "cognito-with-audiences",
    )
    yield accept(
        "cognito-aud",
        "`aud` set by a trigger, and it matches.",
        "credvend: ALLOWED_AUDIENCES",
        token("cognito-with-audiences", aud="credvend-api"),
        "cognito-with-audiences",
    )
    yield accept(
        "cognito-aud-list",
        "A list in which the second configured audience stands.",
        "credvend: ALLOWED_AUDIENCES",
        token("cognito-with-audiences", aud=["x", "https://api.example.com"]),
        "cognito-with-audiences",
    )
    yield accept(
        "scope-absent",
        "A token without scopes is genuine; what it may do is decided later.",
        scope,
        token(scope=ABSENT),
    )
    yield accept("scope-empty", "An empty `scope` holds no scope.", scope, token(scope=""))
    yield accept(
        "scope-uri", "Scopes may be URIs.", scope, token(scope="https://api.example.com/write urn:example:read")
    )


def extra_claims():
    def case(name, because, source="RFC 7519 §4", /, **members):
        return accept(name, because, source, token(**members))

    yield case(
        "unknown-claims",
        "Claims that are not understood are ignored.",
        realm_access={"roles": ["a", "b"]},
        amr=["pwd"],
        empty={},
        nothing=None,
        flag=False,
    )
    yield case("unknown-claims-nested", "Objects may lie in each other, within reason.", deep=nested(20))
    yield case(
        "unknown-claims-same-inner-names",
        "The same name in two different objects is no duplicate.",
        a={"x": 1},
        b={"x": 1, "exp": 0},
        c=[{"x": 1}, {"x": 2}],
    )
    yield case(
        "names-that-differ-in-case",
        "`Exp` is another claim than `exp`.",
        "RFC 7519 §10.1.1",
        Exp=0,
        EXP="never",
        Client_ID="other",
    )
    yield case(
        "names-of-objects",
        "`__proto__` is a name like any other.",
        **{"__proto__": {"admin": True}, "constructor": 1, "": "empty name"},
    )
    yield case(
        "large-numbers",
        "Numbers that nobody reads may be large, if a double holds them.",
        big=2**64,
        bigger=10**30,
        small=1e-300,
        huge=1e308,
    )
    yield case(
        "unicode",
        "Claim values are UTF-8.",
        "RFC 7519 §3",
        name="Gr\u00fc\u00dfe \u4e16\u754c \U0001f511",
        jti="\u00fc-1",
    )
    yield case(
        "words-of-attacks",
        "Text that looks like an attack is text.",
        note="alg:none crit jku ' OR 1=1 -- ${x} <script>",
    )
    yield case(
        "cognito-v3-trigger",
        "Claims that a pre-token-generation trigger adds.",
        tenant="t-1",
        permissions=["s3:write"],
        **{"custom:site": "Z\u00fcrich"},
    )
    yield case(
        "header-claims-replicated",
        "Claims repeated in the header are ignored there.",
        "RFC 7519 §5.3",
        head={"iss": POOL, "aud": "anything"},
    )


def nested(depth):
    return {"x": nested(depth - 1)} if depth else 1


def json_spellings():
    def case(name, because, payload, source="RFC 8259 §2"):
        return accept(f"json-{name}", because, source, with_payload(payload))

    good = dump(claims())
    yield case(
        "white-space",
        "White space between tokens means nothing.",
        b" \t\r\n" + good.replace(b'":', b'" :\n\t ').replace(b',"', b' ,\r\n"') + b"\n",
    )
    yield case(
        "member-order", "The order of members means nothing.", dump(dict(reversed(claims().items()))), "RFC 8259 §4"
    )
    yield case(
        "escaped-names",
        r"`\u0065xp` is `exp`, and here it stands once.",
        good.replace(b'"exp"', b'"\\u0065xp"').replace(b'"client_id"', b'"client\\u005Fid"'),
        "RFC 8259 §8.3",
    )
    yield case(
        "escaped-solidus",
        r"`\/` is `/`: `iss` is compared after unescaping.",
        good.replace(b"/", b"\\/"),
        "RFC 8259 §7; RFC 7519 §7.3",
    )
    yield case(
        "escaped-letters",
        "Every letter of `sub` escaped is the same `sub`.",
        good.replace(b'"sub":"1e', b'"sub":"\\u0031\\u0065'),
        "RFC 8259 §8.3",
    )
    yield case(
        "surrogate-pair", r"`\ud83d\udd11` is one character.", good[:-1] + b',"x":"\\ud83d\\udd11"}', "RFC 8259 §7"
    )
    yield case(
        "escaped-nul",
        r"`\u0000` is a character like any other in a claim nobody reads.",
        good[:-1] + b',"x":"a\\u0000b"}',
        "RFC 8259 §7",
    )
    yield case("noncharacter", "U+FFFF is valid UTF-8.", good[:-1] + b',"x":"\xef\xbf\xbf"}', "RFC 3629 §3")
    yield accept(
        "size-to-the-limit", "16,384 bytes are just as many as are read.", "credvend: at most 16 KiB", exactly(16384)
    )


def keys_and_signatures():
    kid, many, mixed = "RFC 7515 §4.1.4", MANY, "cognito-mixed-keys"
    yield accept(
        "second-key",
        "Any published key of the pool may sign.",
        "RFC 7517 §5",
        token(head={"kid": "cognito-key-2"}, key="cognito-2"),
    )
    yield accept(
        "rsa-4096", "A longer key than usual.", "RFC 7518 §3.3", token(head={"kid": "rsa-4096"}, key="rsa-4096")
    )
    yield accept(
        "rsa-e3",
        "The exponent 3 is weak only where padding is checked badly.",
        "RFC 8017 §3.1",
        token(head={"kid": "rsa-e3"}, key="rsa-e3"),
    )
    yield accept("kid-unicode", "A `kid` is any string.", kid, token(head={"kid": UNICODE_KID}))
    yield accept(
        "kid-odd-characters", "A `kid` is any string: quotes, dots, slashes, a tab.", kid, token(head={"kid": ODD_KID})
    )
    yield accept(
        "kid-shared-rsa",
        "An RSA and an EC key share a `kid`; the algorithm tells them apart.",
        "RFC 7517 §4.5",
        token(many, {"kid": "shared"}),
        many,
    )
    yield accept(
        "kid-shared-ec",
        "The same, the other key.",
        "RFC 7517 §4.5",
        token(many, {"kid": "shared", "alg": "ES256"}, "ec-p256", "ES256"),
        many,
    )
    for alg in ("RS384", "RS512", "PS256"):
        yield accept(
            alg.lower(),
            f"{alg} where the issuer's entry allows it.",
            "RFC 7518 §3.3, §3.5",
            token(many, {"alg": alg}, alg=alg),
            many,
        )
    yield accept(
        "es256",
        "ES256 where the issuer's entry allows it.",
        "RFC 7518 §3.4",
        token(many, {"alg": "ES256", "kid": "ec-1"}, "ec-p256", "ES256"),
        many,
    )
    yield accept(
        "ps256-only-key",
        "A key published for PS256 verifies PS256.",
        "RFC 7517 §4.4",
        token(many, {"alg": "PS256", "kid": "ps256-only"}, alg="PS256"),
        many,
    )
    yield accept(
        "es256-other-s",
        "JWS asks for no low s: both s and n - s verify (one here, one in valid-es256).",
        "RFC 7518 §3.4",
        with_signature(negated, many, {"alg": "ES256", "kid": "ec-1"}),
        many,
    )
    for name, because, key in (
        ("good-first", "A good key before twenty bad ones.", "cognito-1"),
        ("good-last", "A good key behind twenty bad ones.", "rsa-4096"),
        ("no-use-no-alg", "`use` and `alg` of a JWK are optional.", "cognito-2"),
        ("key-ops-verify", "`key_ops` that allows verifying.", "cognito-2"),
        ("unknown-members", "Members of a JWK that are not understood are ignored.", "cognito-2"),
        ("x5c-garbage", "`n` and `e` are the key; the certificates beside them are not read.", "cognito-2"),
    ):
        yield accept(f"mixed-set-{name}", because, "RFC 7517 §4, §5", token(mixed, {"kid": name}, key), mixed)
    for name, key in (("first", "cognito-2"), ("second", "oidc")):
        yield accept(
            f"mixed-set-same-kid-{name}",
            f"Two RSA keys share a `kid`, as in a careless rotation; this is by the {name}.",
            "RFC 7517 §4.5",
            token(mixed, {"kid": "same-kid"}, key),
            mixed,
        )


def negated(text):
    r, s = ecdsa(text, "ec-p256")
    s = P256_ORDER - s
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
