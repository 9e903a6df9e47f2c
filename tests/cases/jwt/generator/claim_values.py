"""Cases about claims other than times: who issued the token, to whom, for whom, and what kind of token it is."""

from .case import refuse
from .issuers import POOL, TENANT
from .tokens import ABSENT, CLIENT, NOW, dump, token

NOT_TEXT = {"null": None, "number": 7, "true": True, "list": ["x"], "empty-list": [], "object": {"x": "x"}}


def cases():
    yield from issuers()
    yield from wrong_types()
    yield from missing()
    yield from token_use()
    yield from clients()
    yield from audiences()


def issuers():
    def untrusted(name, value, because, issuer="cognito", source="RFC 7519 §4.1.1; RFC 8725 §3.8"):
        return refuse(f"iss-{name}", "untrusted_issuer", because, source, token(issuer, iss=value), issuer)

    host, pool = POOL.removeprefix("https://").split("/")
    yield untrusted("trailing-slash", POOL + "/", "One slash more is another issuer.")
    yield untrusted("http", POOL.replace("https", "http"), "Another scheme is another issuer.")
    yield untrusted(
        "upper-case-scheme", POOL.replace("https", "HTTPS"), "No URL normalization: compared byte for byte."
    )
    yield untrusted(
        "upper-case-host", POOL.replace("amazonaws", "AMAZONAWS"), "No URL normalization: compared byte for byte."
    )
    yield untrusted("lower-case-pool", POOL.lower(), "Pool ids are case-sensitive.")
    yield untrusted("default-port", POOL.replace(host, host + ":443"), "No URL normalization: compared byte for byte.")
    yield untrusted(
        "suffix-host", f"https://{host}.attacker.example/{pool}", "A host that begins like the trusted one."
    )
    yield untrusted("prefix-host", f"https://attacker-{host}/{pool}", "A host that ends like the trusted one.")
    yield untrusted("user-info", f"https://{host}@attacker.example/{pool}", "The trusted host as a user name.")
    yield untrusted("trusted-in-path", f"https://attacker.example/{host}/{pool}", "The trusted issuer as a path.")
    yield untrusted("query", POOL + "?x=1", "A query makes another issuer.")
    yield untrusted("fragment", POOL + "#x", "A fragment makes another issuer.")
    yield untrusted("dot-segment", POOL.replace(pool, f"x/../{pool}"), "Dot segments are not removed.")
    yield untrusted("percent-encoded", POOL.replace("_", "%5F"), "Percent-encoding is not undone.")
    yield untrusted("prefix", POOL[:-1], "A prefix of the issuer is another pool.")
    yield untrusted("longer", POOL + "1", "An issuer that begins with the trusted one is another pool.")
    yield untrusted(
        "other-pool", POOL.replace("EXAMPLE01", "EXAMPLE02"), "Anyone can have a pool of their own in the same region."
    )
    yield untrusted("other-region", POOL.replace("eu-west-1", "eu-central-1"), "The same pool name in another region.")
    yield untrusted("leading-space", " " + POOL, "Nothing is trimmed.")
    yield untrusted("trailing-newline", POOL + "\n", "Nothing is trimmed.")
    yield untrusted("nul", POOL + "\u0000", "A NUL ends no string here.")
    yield untrusted("zero-width-space", POOL + "\u200b", "An invisible character is a character.")
    yield untrusted(
        "homoglyph",
        POOL.replace("cognito", "c\u043egnito"),
        "A Cyrillic о is another letter.",
        source="RFC 8725 §3.8; UTS #39",
    )
    yield untrusted(
        "punycode",
        POOL.replace("cognito-idp", "xn--cgnito-idp-6bg"),
        "The same trick in its ASCII form.",
        source="RFC 8725 §3.8; RFC 3492",
    )
    yield untrusted("backslash", POOL.replace("//", "\\\\"), "A backslash is no slash.")
    yield untrusted("without-scheme", f"{host}/{pool}", "A host is no issuer.")
    yield untrusted("pool-id", pool, "A pool id is no issuer.")
    yield untrusted("empty", "", "An empty issuer is nobody.")
    yield untrusted("wildcard", "*", "There are no patterns.")
    yield untrusted(
        "auth0-without-slash", "https://example.eu.auth0.com", "The slash at the end belongs to the name.", "auth0"
    )
    yield untrusted("auth0-two-slashes", "https://example.eu.auth0.com//", "One slash, not two.", "auth0")
    yield untrusted(
        "entra-v1",
        f"https://sts.windows.net/{TENANT}/",
        "The same tenant's version 1 tokens have another issuer.",
        "entra",
    )
    yield untrusted(
        "entra-common",
        "https://login.microsoftonline.com/common/v2.0",
        "`common` stands for every tenant there is.",
        "entra",
    )
    yield untrusted(
        "entra-placeholder",
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "The placeholder of the metadata document matches no tenant.",
        "entra",
    )
    yield untrusted(
        "entra-other-tenant", f"https://login.microsoftonline.com/{TENANT[:-1]}c/v2.0", "Another tenant.", "entra"
    )
    yield untrusted(
        "github-enterprise",
        "https://token.actions.githubusercontent.com/example-org",
        "An enterprise's own issuer is another one.",
        "github",
    )
    for name, value in (NOT_TEXT | {"list-of-trusted": [POOL]}).items():
        yield refuse(
            f"iss-{name}",
            "wrong_type",
            f"`iss` is a string, so {dump(value).decode()} is no issuer and not an absent one.",
            "RFC 7519 §4.1.1; CVE-2024-5798",
            token(iss=value),
        )
    yield refuse(
        "iss-absent",
        "missing_claim",
        "Without `iss` nobody's key can be chosen, even if one issuer is trusted.",
        "RFC 8725 §3.8",
        token(iss=ABSENT),
    )


def wrong_types():
    source = "RFC 7519 §4; CVE-2026-25537; CVE-2024-5798"
    for claim in ("sub", "client_id", "token_use", "scope", "jti"):
        for name, value in NOT_TEXT.items():
            yield refuse(
                f"{claim.replace('_', '-')}-{name}",
                "wrong_type",
                f"`{claim}` is a string, so {dump(value).decode()} is an error and not an absent claim.",
                source,
                token(**{claim: value}),
            )
    for name, value in {
        "null": None,
        "number": 7,
        "true": True,
        "object": {"0": "credvend"},
        "list-with-number": ["credvend", 7],
        "list-with-null": ["credvend", None],
        "list-in-list": [["credvend"]],
        "list-with-object": [{"credvend": 1}],
    }.items():
        yield refuse(
            f"aud-{name}",
            "wrong_type",
            f"`aud` is a string or an array of strings, and {dump(value).decode()} is neither.",
            "RFC 7519 §4.1.3; CVE-2026-25537",
            token("oidc", aud=value),
            "oidc",
        )
    yield refuse(
        "aud-null-at-cognito",
        "wrong_type",
        "That a pool's token may lack `aud` does not make null a lack.",
        "RFC 7519 §4.1.3; CVE-2026-25537",
        token(aud=None),
    )
    yield refuse(
        "scope-array",
        "wrong_type",
        "`scope` is one string with spaces and not an array.",
        "RFC 8693 §4.2",
        token(scope=["credvend-api/write", "credvend-api/read"]),
    )
    for name, value in {
        "null": None,
        "number": 7,
        "true": True,
        "object": {"write": True},
        "list-with-number": ["write", 7],
        "list-in-list": [["write"]],
    }.items():
        for claim, issuer in (("scope", "oidc"), ("scp", "oidc"), ("roles", "roles-as-scopes")):
            yield refuse(
                f"scopes-{claim}-{name}",
                "wrong_type",
                f"Scopes are a string or an array of strings, and {dump(value).decode()} is neither.",
                "RFC 8693 §4.2; CVE-2026-25537",
                token(issuer, **{claim: value}),
                issuer,
            )
    yield refuse(
        "azp-number",
        "wrong_type",
        "The claim that names the client is a string.",
        source,
        token("auth0", azp=42),
        "auth0",
    )
    yield refuse(
        "azp-list",
        "wrong_type",
        "The claim that names the client is one string.",
        source,
        token("entra", azp=["a", "b"]),
        "entra",
    )


def missing():
    def absent(claim, because, source, issuer="cognito", name=None):
        return refuse(
            name or f"{claim.replace('_', '-')}-absent",
            "missing_claim",
            because,
            source,
            token(issuer, **{claim: ABSENT}),
            issuer,
        )

    yield absent("sub", "Without `sub` a client cannot be told from a person.", "RFC 9068 §2.2, §5")
    yield absent("client_id", "`sub` does not stand in for `client_id`.", "RFC 9068 §2.2")
    yield absent("token_use", "Without `token_use` it may be an ID token.", "credvend: token rules")
    yield absent("exp", "A token without `exp` would be good for ever.", "RFC 9068 §2.2")
    yield absent("exp", "A token without `exp` would be good for ever.", "RFC 9068 §2.2", "oidc", "exp-absent-oidc")
    yield absent("aud", "Without `aud` the token may be meant for anybody.", "RFC 9068 §2.2; RFC 8725 §3.9", "oidc")
    yield absent(
        "sub",
        "An issuer without a client claim of its own is held to RFC 9068.",
        "RFC 9068 §2.2",
        "oidc",
        "sub-absent-oidc",
    )
    yield absent(
        "client_id", "`sub` does not stand in for `client_id`.", "RFC 9068 §2.2", "oidc", "client-id-absent-oidc"
    )
    yield absent(
        "azp",
        "The claim that names the client must be there; `sub` does not stand in for it.",
        "credvend: client_claim",
        "auth0",
    )
    yield absent(
        "azp", "The claim that names the client must be there.", "credvend: client_claim", "entra", "azp-absent-entra"
    )
    yield absent(
        "sub", "The claim that names the client must be there.", "credvend: client_claim", "github", "sub-absent-github"
    )
    yield refuse(
        "client-id-empty",
        "missing_claim",
        "An empty `client_id` names nobody, and an empty `sub` agrees with it.",
        "RFC 9068 §2.2",
        token(client_id="", sub=""),
    )
    yield refuse(
        "sub-empty-github",
        "missing_claim",
        "An empty client claim names nobody.",
        "credvend: client_claim",
        token("github", sub=""),
        "github",
    )
    yield refuse(
        "azp-empty",
        "missing_claim",
        "An empty client claim names nobody.",
        "credvend: client_claim",
        token("auth0", azp=""),
        "auth0",
    )
    yield refuse(
        "claim-names-in-upper-case",
        "missing_claim",
        "Claim names are case-sensitive: `EXP` is not `exp`.",
        "RFC 7519 §10.1.1",
        token(exp=ABSENT, EXP=NOW + 3540),
    )
    yield refuse(
        "claims-nested",
        "missing_claim",
        "Claims one level deeper are no claims.",
        "RFC 7519 §4",
        token(client_id=ABSENT, claims={"client_id": CLIENT}),
    )
    yield refuse(
        "claims-in-header",
        "missing_claim",
        "Claims repeated in the header are no claims of the token.",
        "RFC 7519 §5.3",
        token(head={"exp": NOW + 3540}, exp=ABSENT),
    )


def token_use():
    source = "RFC 8725 §3.11, §3.12; credvend: token_use"
    person = {"sub": "0b6c2e1e-5f0e-4a53-9f0e-8f3b6f4a1c2d", "cognito:username": "alice"}
    yield refuse(
        "id-token",
        "wrong_token_use",
        "A Cognito ID token says who logged in and grants nothing.",
        source,
        token(token_use="id", aud=CLIENT, client_id=ABSENT, scope=ABSENT, **person),
    )
    yield refuse(
        "id-token-with-client-id",
        "wrong_token_use",
        "An ID token that a trigger gave a `client_id` is still one.",
        source,
        token(token_use="id"),
    )
    for name, value in {
        "upper-case": "ACCESS",
        "capitalised": "Access",
        "refresh": "refresh",
        "empty": "",
        "trailing-space": "access ",
        "prefix": "acc",
        "both": "access id",
    }.items():
        yield refuse(
            f"token-use-{name}",
            "wrong_token_use",
            f"`token_use` is exactly `access`, and not {dump(value).decode()}.",
            source,
            token(token_use=value),
        )


def clients():
    def mismatch(name, because, issuer="cognito", **members):
        return refuse(
            f"client-{name}",
            "client_mismatch",
            because,
            "RFC 9068 §2.2, §5; credvend: client_id equals sub",
            token(issuer, **members),
            issuer,
        )

    yield mismatch(
        "user-token",
        "A person's access token of the same app client.",
        sub="0b6c2e1e-5f0e-4a53-9f0e-8f3b6f4a1c2d",
        username="alice",
        **{"cognito:groups": ["admins"]},
    )
    yield mismatch(
        "user-named-like-client",
        "A person whose name is the client's id.",
        sub="0b6c2e1e-5f0e-4a53-9f0e-8f3b6f4a1c2d",
        username=CLIENT,
    )
    yield mismatch("upper-case-sub", "Client ids are compared byte for byte.", sub=CLIENT.upper())
    yield mismatch("trailing-space", "Nothing is trimmed.", sub=CLIENT + " ")
    yield mismatch("empty-sub", "An empty `sub` is not an absent rule.", sub="")
    yield mismatch("prefix", "A prefix of a client id is another client.", client_id=CLIENT[:-1])
    yield mismatch("longer", "A client id that begins with another is another client.", client_id=CLIENT + "k")
    yield mismatch("nul", "A NUL ends no string here.", client_id=CLIENT + "\u0000admin")
    yield mismatch("homoglyph", "A Cyrillic е is another letter.", client_id=CLIENT.replace("e", "\u0435", 1))
    yield mismatch("at-clients", "Auth0's `@clients` is known for Auth0's entry only.", sub=CLIENT + "@clients")
    yield mismatch("oidc-user-token", "A person's access token of another issuer.", "oidc", sub="alice")


def audiences():
    def wrong(name, value, because, issuer="oidc", source="RFC 7519 §4.1.3; RFC 8725 §3.9"):
        return refuse(f"aud-{name}", "wrong_audience", because, source, token(issuer, aud=value), issuer)

    yield wrong("other", "someone-else", "The token is meant for another API.")
    yield wrong("empty-list-oidc", [], "An empty list names nobody.")
    yield wrong("empty-text", "", "An empty audience names nobody.")
    yield wrong("list-of-others", ["a", "b", "c"], "None of the three is ours.")
    yield wrong("upper-case", "CREDVEND", "Audiences are case-sensitive.")
    yield wrong("prefix", "cred", "A prefix of our name is another name.")
    yield wrong("longer", "credvend-staging", "A name that begins with ours is another name.")
    yield wrong("space-separated", "other credvend", "A list in one string is one name.")
    yield wrong("comma-separated", "credvend,other", "A list in one string is one name.")
    yield wrong("trailing-space", "credvend ", "Nothing is trimmed.")
    yield wrong("json-in-text", '["credvend"]', "An array in a string is a string.")
    yield wrong(
        "own-client-id",
        "reporting",
        "An ID token's audience is the client.",
        source="OpenID Connect Core §2; RFC 8725 §3.9",
    )
    yield wrong("issuer", "https://idp.example.com", "A token for the issuer's own endpoints.")
    yield wrong("wildcard", "*", "There are no patterns.")
    yield wrong(
        "cognito-other",
        "https://other.example.com",
        "A pool's token need not carry `aud`, but what it carries must match.",
        "cognito-with-audiences",
    )
    yield wrong(
        "cognito-empty-list", [], "An `aud` that is there and names nobody does not match.", "cognito-with-audiences"
    )
    yield wrong(
        "cognito-trailing-slash",
        "https://api.example.com/",
        "One slash more is another audience.",
        "cognito-with-audiences",
    )
    yield wrong(
        "cognito-client-id", CLIENT, "The client's own id is the audience of ID tokens.", "cognito-with-audiences"
    )
    yield wrong(
        "entra-graph", "00000003-0000-0000-c000-000000000000", "A token for Microsoft Graph is not for us.", "entra"
    )
    yield wrong(
        "entra-api-uri",
        "api://0b7d4c1e-8a5f-4c62-9d3e-1f2a3b4c5d6e",
        "Version 1 tokens write the audience as a URI.",
        "entra",
    )
    yield wrong(
        "auth0-userinfo",
        "https://example.eu.auth0.com/userinfo",
        "A token for Auth0's own endpoint is not for us.",
        "auth0",
    )
    yield wrong(
        "github-default",
        "https://github.com/example-org",
        "GitHub's default audience is the repository's owner.",
        "github",
    )
