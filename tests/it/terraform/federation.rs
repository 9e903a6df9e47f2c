//! `terraform/`: identity providers that IAM takes tokens from itself. The providers are the local stack's; Auth0's and
//! Entra ID's applications are made through the development provider (tests/terraform-provider).

use serde_json::{Value, json};

use super::account::{Account, Layer, Machine, servers};

const BUCKET: &str = "credvend-terraform-federation";
const TENANT: &str = "7a6b5c4d-1111-4222-8333-944455556666";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Where a client gets its token here, in place of the internet's address.
type TokenVariables<'a> = &'a [(&'a str, String)];

#[tokio::test]
async fn auth0_from_nothing_and_back() {
    let account = Account::start().await;
    let (foundation, layer) = foundation(
        &account,
        "terraform",
        json!({
            "auth0_domain": "example.eu.auth0.com",
        }),
    )
    .await;
    let issuer = "https://example.eu.auth0.com/";
    let endpoint = [("AUTH0_TOKEN_ENDPOINT", account.local(&format!("{issuer}oauth/token")))];
    machines_come_and_go(&account, &layer, issuer, &endpoint, "AUTH0_CLIENT_ID").await;
    let applications = ["clients", "client-grants", "resource-servers"];
    let applications = applications.map(|collection| format!("auth0/example.eu.auth0.com/{collection}"));
    back_to_nothing(&account, &foundation, &layer, &applications).await;
}

#[tokio::test]
async fn entra_from_nothing_and_back() {
    let account = Account::start().await;
    let (foundation, layer) = foundation(&account, "terraform/entra", json!({"tenant_id": TENANT})).await;
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let endpoint = account.local(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"));
    machines_come_and_go(&account, &layer, &issuer, &[("ENTRA_TOKEN_ENDPOINT", endpoint)], "ENTRA_CLIENT_ID").await;
    let applications = ["applications", "service-principals", "passwords", "app-role-assignments"];
    let applications = applications.map(|collection| format!("entra/{TENANT}/{collection}"));
    back_to_nothing(&account, &foundation, &layer, &applications).await;
}

async fn foundation(account: &Account, tree: &str, variables: Value) -> (Layer, Layer) {
    account.make_bucket(BUCKET).await;
    let foundation = account.layer(&format!("{tree}/foundation"), None).await;
    let mut all = json!({"bucket_name": null, "existing_bucket_name": BUCKET});
    all.as_object_mut().expect("an object").extend(variables.as_object().cloned().unwrap_or_default());
    foundation.set(all);
    foundation.apply().await;
    let layer = account.layer(&format!("{tree}/servers"), Some(&foundation)).await;
    (foundation, layer)
}

/// Two servers, each in its prefix; tokens with one claim changed; a third server; one removed.
async fn machines_come_and_go(
    account: &Account,
    layer: &Layer,
    issuer: &str,
    token_variables: TokenVariables<'_>,
    client_id: &str,
) {
    let three =
        [("web-01", "logs/web-01/", "write"), ("web-02", "logs/web-02/", "full"), ("web-03", "logs/web-03/", "write")];
    layer.set(json!({"servers": servers(&three[..2])}));
    layer.apply().await;
    layer.plans_nothing().await;
    let first = machine(account, layer, "web-01", token_variables).await;
    let second = machine(account, layer, "web-02", token_variables).await;
    isolated(&first, &second).await;
    only_its_own_tokens(account, &first, issuer, &first.variable(client_id)).await;

    layer.set(json!({"servers": servers(&three)}));
    for (address, actions) in layer.planned().await {
        // Where tokens name an authorized party, the provider has to know every client.
        let provider = address.starts_with("aws_iam_openid_connect_provider.") && actions == ["update"];
        assert!(provider || address.contains("web-03") && actions == ["create"], "{address}: {actions:?}");
    }
    layer.apply().await;
    let third = machine(account, layer, "web-03", token_variables).await;
    isolated(&third, &second).await;

    layer.set(json!({"servers": servers(&three[1..])}));
    layer.apply().await;
    first.forget();
    assert_eq!(first.get_credentials().await.code(), Some(3), "removed");
    second.forget();
    second.get_credentials().await.credentials();
}

async fn machine<'a>(
    account: &'a Account,
    layer: &Layer,
    name: &str,
    token_variables: TokenVariables<'_>,
) -> Machine<'a> {
    let machine = account.machine(layer, name).await;
    machine.set(token_variables);
    machine
}

async fn isolated(one: &Machine<'_>, full: &Machine<'_>) {
    one.keeps_to_its_prefix(full).await;
    full.keeps_to_its_prefix(one).await;
    one.may_not(&["ls", &one.key("")]).await;
    assert!(full.may(&["ls", &full.key("")]).await.contains("file.txt"));
    full.may_not(&["ls", &one.key("")]).await;
}

/// A complete valid token with one claim changed at a time: STS refuses it, the client says so and ends with 3.
async fn only_its_own_tokens(account: &Account, machine: &Machine<'_>, issuer: &str, client: &str) {
    let changes = [
        json!({"aud": "https://somebody.else.example"}),
        json!({"sub": "somebody-else"}),
        json!({"iss": "https://evil.example/"}),
    ];
    for claims in changes {
        let body = json!({"issuer": issuer, "client_id": client, "claims": claims});
        account.control("POST", "idp/overrides", body).await;
        machine.forget();
        let ran = machine.get_credentials().await;
        assert_eq!(ran.code(), Some(3), "{claims}: {}", ran.stderr());
        account.control("DELETE", "idp/overrides", Value::Null).await;
    }
    machine.forget();
    machine.get_credentials().await.credentials();
}

/// What the account holds after both layers are destroyed is what it held before, the bucket's new objects aside, and the
/// identity provider holds no application of theirs.
async fn back_to_nothing(account: &Account, foundation: &Layer, layer: &Layer, applications: &[String]) {
    foundation.plans_nothing().await;
    layer.destroy().await;
    foundation.destroy().await;
    let left = account.inventory().await;
    for (kind, names) in left.as_object().expect("kinds and names") {
        let expected = match kind.as_str() {
            "iam_users" => json!(["admin"]),
            "buckets" => json!([BUCKET]),
            "objects" => continue,
            _ => json!([]),
        };
        assert_eq!(*names, expected, "{kind}");
    }
    for collection in applications {
        let left = account.control("GET", &format!("idp/{collection}"), Value::Null).await;
        assert_eq!(left["all"], json!([]), "{collection}");
    }
}

#[tokio::test]
async fn github_from_nothing_and_back() {
    let account = Account::start().await;
    let (foundation, layer) = foundation(&account, "terraform/github", json!({})).await;
    let server = |repository: &str, rule: Value| {
        let mut server = json!({"repository": repository, "s3_path_prefix": format!("ci/{repository}/")});
        server.as_object_mut().expect("an object").extend(rule.as_object().cloned().unwrap_or_default());
        server
    };
    layer.set(json!({"servers": {
        "deploy": server("acme/app", json!({"environments": ["production"]})),
        "build": server("acme/lib", json!({"branches": ["main"], "owner_id": 101, "repository_id": 202})),
    }}));
    layer.apply().await;
    layer.plans_nothing().await;

    let production = json!({"repository": "acme/app", "environment": "production"});
    let deploy = job(&account, &layer, "deploy", &production).await;
    let main = json!({"repository": "acme/lib", "ref": "refs/heads/main"});
    let build = job(&account, &layer, "build", &main).await;
    deploy.keeps_to_its_prefix(&build).await;
    build.keeps_to_its_prefix(&deploy).await;
    only_its_own_tokens(&account, &deploy, GITHUB, "acme/app").await;

    // The same branch with the ids that repositories made after July 2026 carry.
    let with_ids = json!({"repository": "acme/lib", "ref": "refs/heads/main", "owner_id": 101, "repository_id": 202});
    job(&account, &layer, "build", &with_ids).await.get_credentials().await.credentials();
    for (server, stranger) in [
        ("deploy", json!({"repository": "acme/app", "ref": "refs/heads/main"})),
        ("deploy", json!({"repository": "acme/app", "environment": "staging"})),
        ("deploy", json!({"repository": "mallory/app", "environment": "production"})),
        ("build", json!({"repository": "acme/lib", "ref": "refs/heads/feature"})),
        ("build", json!({"repository": "acme/lib", "event": "pull_request"})),
        ("build", json!({"repository": "acme/lib", "ref": "refs/heads/main", "owner_id": 666, "repository_id": 202})),
    ] {
        let ran = job(&account, &layer, server, &stranger).await.get_credentials().await;
        assert_eq!(ran.code(), Some(3), "{server} {stranger}: {}", ran.stderr());
    }
    back_to_nothing(&account, &foundation, &layer, &[]).await;
}

/// The machine of one workflow job: what the runner puts into its environment.
async fn job<'a>(account: &'a Account, layer: &Layer, server: &str, job: &Value) -> Machine<'a> {
    let machine = account.machine(layer, server).await;
    let started = account.control("POST", "idp/github/jobs", job.clone()).await;
    let variables = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
        .map(|name| (name, started[name].as_str().expect("a text").to_owned()));
    machine.set(&variables);
    machine
}

#[tokio::test]
async fn oidc_from_nothing_and_back() {
    let account = Account::start().await;
    let issuer = "https://idp.example.com/realms/machines";
    let audience = "https://aws.example.com";
    let made = account.control("POST", "idp/oidc", json!({"issuer": issuer})).await;
    let name = made["name"].as_str().expect("a name");
    let (foundation, layer) =
        foundation(&account, "terraform/oidc", json!({"issuer_url": issuer, "audiences": [audience]})).await;

    let mut entries = serde_json::Map::new();
    let mut secrets = Vec::new();
    for server in ["web-01", "web-02"] {
        let body = json!({"client_id": format!("{server}-client"), "audiences": [audience], "subject": format!("machine:{server}")});
        let client = account.control("POST", &format!("idp/oidc/{name}/clients"), body).await;
        secrets.push(client["client_secret"].as_str().expect("a secret").to_owned());
        let level = if server == "web-02" { "full" } else { "write" };
        entries.insert(
            server.to_owned(),
            json!({
                "s3_path_prefix": format!("logs/{server}/"), "s3_permissions": level,
                "subject": format!("machine:{server}"), "client_id": format!("{server}-client"),
            }),
        );
    }
    layer.set(json!({"servers": entries}));
    layer.apply().await;
    layer.plans_nothing().await;
    let variables = |secret: &String| {
        [("OIDC_TOKEN_ENDPOINT", account.local(&format!("{issuer}/token"))), ("OIDC_CLIENT_SECRET", secret.clone())]
    };
    let first = machine(&account, &layer, "web-01", &variables(&secrets[0])).await;
    let second = machine(&account, &layer, "web-02", &variables(&secrets[1])).await;
    isolated(&first, &second).await;
    only_its_own_tokens(&account, &first, issuer, "web-01-client").await;
    back_to_nothing(&account, &foundation, &layer, &[]).await;
}
