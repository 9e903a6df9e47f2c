"""Tokens of a client's own grant, and tokens of people who logged in through the client."""

from .case import accept, refuse
from .tokens import ABSENT, APP, token

SOURCE = "RFC 9068 §5; credvend: client_claim and the client's own grant"


def cases():
    yield from own_grants()
    yield from people()
    yield from service_accounts()
    yield from subjects()


def own(name, because, issuer="auth0", **members):
    return accept(f"own-grant-{name}", because, SOURCE, token(issuer, **members), issuer)


def person(name, because, issuer="auth0", **members):
    return refuse(f"person-{name}", "client_mismatch", because, SOURCE, token(issuer, **members), issuer)


def own_grants():
    client = APP["azp"]
    yield own("no-subject", "A token without `sub` is nobody else's.", sub=ABSENT, gty=ABSENT)
    yield own("own-subject", "The subject is the client.", sub=client, gty=ABSENT)
    yield own("at-clients", "Auth0's subject of a client.", gty=ABSENT)
    yield own("gty", "Auth0 says that the grant was the client's.", sub="somebody")
    yield own("idtyp", "Entra says that the token is an app's.", sub="somebody", gty=ABSENT, idtyp="app")
    because = "An entry may take people's tokens."
    yield accept("accept-user-tokens", because, SOURCE, token("auth0-people"), "auth0-people")
    yield accept("accept-user-tokens-sub", because, SOURCE, token("subjects-of-people"), "subjects-of-people")


def people():
    def logged_in(name, because, issuer="auth0", **members):
        return person(name, because, issuer, **({"sub": "auth0|person", "gty": ABSENT} | members))

    client = APP["azp"]
    yield logged_in("auth0", "Somebody who logged in through the application has its `azp`.")
    yield logged_in("password-grant", "`gty` says that a password was typed.", gty="password")
    yield logged_in("gty-list", "A list of grants is not the one grant.", gty=["client-credentials"])
    yield logged_in("gty-null", "null shows nothing.", gty=None)
    yield logged_in("gty-upper-case", "Grants are compared byte for byte.", gty="CLIENT-CREDENTIALS")
    yield logged_in("gty-oauth-spelling", "Auth0's word has a hyphen.", gty="client_credentials")
    yield logged_in("other-client", "Another client's subject.", sub="other@clients")
    yield logged_in("at-clients-twice", "One suffix, not two.", sub=client + "@clients@clients")
    yield logged_in("prefix-of-client", "A prefix of the client is another one.", sub=client[:-1])
    yield logged_in("empty-sub", "An empty `sub` is not an absent one.", sub="")
    yield logged_in("sub-upper-case", "Client ids are compared byte for byte.", sub=client.upper())
    yield logged_in("no-subject", "Without `sub`, a claim of a login still says what it is.", sub=ABSENT, sid="s")
    yield logged_in("entra", "A user's token in Entra has no `idtyp`, or `user`.", "entra", idtyp=ABSENT)
    yield logged_in("entra-user", "`idtyp` says user.", "entra", idtyp="user")
    yield logged_in("entra-idtyp-list", "A list of kinds is not the one kind.", "entra", idtyp=["app"])


def service_accounts():
    """Keycloak: `clientId` before version 21.1, `client_id` since, both of the client credentials grant alone."""
    yield own("keycloak", "A service account's token as Keycloak makes it.", "keycloak")
    yield own(
        "keycloak-20", "The same before version 21.1.", "keycloak", client_id=ABSENT, clientId="logs-writer"
    )
    yield own(
        "keycloak-lower-case",
        "Keycloak writes user names in lower case, and client ids as they are.",
        "keycloak",
        azp="Logs-Writer",
        client_id="Logs-Writer",
    )
    yield own("keycloak-client-id", "The claim is `client_id` itself.", "keycloak-client-id")
    yield own(
        "keycloak-client-id-address",
        "One of the other two notes is enough.",
        "keycloak-client-id",
        clientHost=ABSENT,
    )

    yield person("keycloak", "A person's user name.", "keycloak", preferred_username="alice")
    chosen = "A person may have chosen that user name: a login has no `client_id` and no `clientId`."
    yield person("keycloak-user-name", chosen, "keycloak", client_id=ABSENT)
    yield person(
        "keycloak-user-name-bare", chosen, "keycloak", client_id=ABSENT, clientHost=ABSENT, clientAddress=ABSENT
    )
    yield person("keycloak-other-id", "The id is another client's.", "keycloak", client_id="other")
    yield person("keycloak-id-case", "Client ids are compared byte for byte.", "keycloak", client_id="Logs-Writer")
    yield person(
        "keycloak-id-list", "A list of ids is not the one id.", "keycloak", client_id=ABSENT, clientId=["logs-writer"]
    )
    yield person("keycloak-id-alone", "The id without the user name.", "keycloak", preferred_username=ABSENT)
    other = "Another client's service account."
    yield person("keycloak-other", other, "keycloak", preferred_username="service-account-other")
    yield person(
        "keycloak-prefix", "The prefix alone names no client.", "keycloak", preferred_username="service-account-"
    )
    yield person(
        "keycloak-case",
        "The prefix is in lower case.",
        "keycloak",
        preferred_username="SERVICE-ACCOUNT-logs-writer",
    )
    yield person(
        "keycloak-client-id",
        "Where the claim is `client_id` itself, it is no evidence beside the name.",
        "keycloak-client-id",
        clientHost=ABSENT,
        clientAddress=ABSENT,
    )


def subjects():
    """`client_claim` is `sub`: workloads whose issuer knows no clients, and issuers with clients and people."""
    yield own("sub-alone", "A workload's token names its subject and no client (SPIFFE, Vault).", "subjects")
    yield own(
        "sub-kubernetes",
        "A service account of Kubernetes.",
        "subjects",
        sub="system:serviceaccount:logs:shipper",
        **{"kubernetes.io": {"namespace": "logs", "serviceaccount": {"name": "shipper", "uid": "1"}}},
    )
    yield own("sub-spiffe", "A JWT-SVID.", "subjects", sub="spiffe://example.com/logs/shipper")
    yield own(
        "sub-gitlab",
        "A job of GitLab; who started it is no subject.",
        "subjects",
        sub="project_path:example/app:ref_type:branch:ref:main",
        user_login="alice",
        user_email="alice@example.com",
    )
    app = APP["azp"]
    yield own("sub-auth0", "Auth0's subject of the client that asked.", "subjects", sub=app + "@clients", azp=app)
    yield own("sub-gty", "`gty` says it as well.", "subjects", azp=app, gty="client-credentials")
    yield own("sub-okta", "Okta's `cid` is the subject.", "subjects", sub="0oa1", cid="0oa1", scp=["logs"])
    yield own("sub-entra", "An app of Entra: its subject is the service principal.", "subjects", azp=app, idtyp="app")
    yield own(
        "sub-google",
        "A service account of Google is its own `azp`, and has an address.",
        "subjects",
        sub="113774264463038321964",
        azp="113774264463038321964",
        email="logs@example.iam.gserviceaccount.com",
        email_verified=True,
    )
    yield own(
        "sub-keycloak",
        "Keycloak's service account: the subject is its user.",
        "subjects",
        azp="logs-writer",
        client_id="logs-writer",
        preferred_username="service-account-logs-writer",
    )

    asked = "The client that asked for the token is not its subject."
    for name, claim in {
        "azp": "azp",
        "client-id": "client_id",
        "client-id-of-keycloak-20": "clientId",
        "cid": "cid",
        "appid": "appid",
    }.items():
        yield person(f"sub-{name}", asked, "subjects", **{claim: app})
    yield person("sub-azp-list", "A client of another type is still somebody.", "subjects", azp=[app])
    yield person("sub-auth0-other", "Another client's subject.", "subjects", sub="other@clients", azp=app)
    yield person("sub-entra-user", "`idtyp` says user.", "subjects", azp=app, idtyp="user")
    yield person(
        "sub-keycloak-user-name",
        "A user name like that of a service account, and no `client_id`.",
        "subjects",
        azp="logs-writer",
        preferred_username="service-account-logs-writer",
    )
    in_audience = "An ID token of a person names its client in `aud` alone."
    for name in ("sid", "auth_time", "nonce", "email", "preferred_username"):
        yield person(f"sub-{name.replace('_', '-')}", in_audience, "subjects", **{name: "x"})
    yield person("sub-google", "A person of Google.", "subjects", sub="1", azp="2.apps.example.com", email="a@example.com")
