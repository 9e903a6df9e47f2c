//! `terraform-cognito/`: from an empty account to the first credential, and back to an empty account.

use serde_json::{Value, json};

use super::account::{Account, Layer, Machine, architecture, lambda_zip, servers, succeeds};
use super::agents::agents_get_their_own_scopes;
use super::deployer::policy_names_every_call;

const BUCKET: &str = "credvend-terraform-cognito";

#[tokio::test]
async fn cognito_from_nothing_and_back() {
    let account = Account::start().await;
    let nothing = account.inventory().await;
    let foundation = account.layer("terraform-cognito/foundation", None).await;
    let zip = lambda_zip(account.home.path()).await;
    let mut variables = json!({
        "bucket_name": BUCKET,
        "lambda_zip": zip,
        "lambda_architecture": architecture(),
    });
    foundation.set(variables.clone());
    foundation.apply().await;

    let layer = account.layer("terraform-cognito/servers", Some(&foundation)).await;
    let two = [("web-01", "logs/web-01/", "write"), ("web-02", "logs/web-02/", "full")];
    layer.set(json!({"servers": servers(&two)}));
    a_partial_apply_can_be_repeated(&account, &layer).await;
    foundation.plans_nothing().await;
    layer.plans_nothing().await;

    let api = foundation.text("credential_vending_api_url").await;
    let local = [
        ("COGNITO_TOKEN_ENDPOINT", account.local(&foundation.text("cognito_token_endpoint").await)),
        ("COGNITO_CREDENTIAL_API_URL", account.local(&api)),
    ];
    let machine = async |name: &str| {
        let machine = account.machine(&layer, name).await;
        machine.set(&local);
        machine
    };
    every_route_is_there(&account, &api).await;
    let first = machine("web-01").await;
    let second = machine("web-02").await;
    isolated(&first, &second).await;
    an_app_client_of_an_older_state_stays(&layer).await;
    agents_get_their_own_scopes(&account, &foundation, &first).await;

    // A third server: the first two stay as they are.
    let three = [two[0], two[1], ("web-03", "logs/web-03/", "read-write")];
    layer.set(json!({"servers": servers(&three)}));
    let planned = layer.planned().await;
    assert!(!planned.is_empty());
    for (address, actions) in &planned {
        assert!(address.contains("web-03") && actions == &["create"], "{address}: {actions:?}");
    }
    layer.apply().await;
    let third = machine("web-03").await;
    isolated(&third, &second).await;

    // The first is removed: a token it still holds vends nothing more, and the others go on.
    let token = token(&account, &first).await;
    assert_eq!(vend(&account, &api, &token).await.0, 200);
    layer.set(json!({"servers": servers(&three[1..])}));
    layer.apply().await;
    let (status, body) = vend(&account, &api, &token).await;
    assert_eq!((status, body["error"].as_str()), (403, Some("client_not_registered")), "{body}");
    first.forget();
    assert_eq!(first.get_credentials().await.code(), Some(3));
    second.forget();
    second.get_credentials().await.credentials();

    one_role_for_all(&account, &layer, &local, &three[1..]).await;

    layer.destroy().await;
    // The bucket holds objects: it stays, and says so, until it is named.
    let refused = foundation.try_destroy().await;
    assert_ne!(refused.code(), Some(0));
    assert!(refused.stderr().contains("BucketNotEmpty"), "{}", refused.stderr());
    variables["destroy_objects_of"] = json!(BUCKET);
    foundation.set(variables);
    // As docs/tear-down.md says: all else is gone already, and a whole apply would make it again.
    foundation.apply_only("module.bucket[0].aws_s3_bucket.this").await;
    foundation.destroy().await;
    assert_eq!(account.inventory().await, nothing, "destroy leaves nothing");
    policy_names_every_call(&account, "terraform-cognito/deployer-policy.json").await;
}

/// DynamoDB refuses one of the items, and the rest of the apply is there already.
async fn a_partial_apply_can_be_repeated(account: &Account, layer: &Layer) {
    let fault = json!({"api": "dynamodb:PutItem", "kind": "status", "status": 400, "code": "AccessDeniedException", "count": 1});
    account.control("POST", "faults", fault).await;
    let ran = layer.try_apply().await;
    assert_ne!(ran.code(), Some(0), "{}", ran.stdout());
    account.control("DELETE", "faults", Value::Null).await;
    layer.apply().await;
}

/// Servers that were applied before `modules/m2m-client` existed have their app client at another address. A new client
/// would have a new id and secret.
async fn an_app_client_of_an_older_state_stays(layer: &Layer) {
    let before = layer.output("server_secrets").await;
    for name in ["web-01", "web-02"] {
        let server = format!("module.server[\"{name}\"]");
        let now = format!("{server}.module.app_client.aws_cognito_user_pool_client.this");
        let then = format!("{server}.aws_cognito_user_pool_client.this");
        succeeds("state mv", layer.run(&["state", "mv", &now, &then]).await);
    }
    let planned = layer.planned().await;
    assert!(planned.is_empty(), "{planned:?}");
    layer.apply().await;
    layer.plans_nothing().await;
    assert_eq!(layer.output("server_secrets").await, before);
}

async fn every_route_is_there(account: &Account, api: &str) {
    let base = api.strip_suffix("/credentials").expect("the URL names the route that the client posts to");
    for (method, path, expected) in [
        ("GET", "/health", 200),
        ("GET", "/ready", 200),
        ("GET", "/openapi.json", 200),
        ("HEAD", "/health", 200),
        ("HEAD", "/ready", 200),
        ("HEAD", "/openapi.json", 200),
        ("HEAD", "/credentials", 404),
        ("POST", "/credentials", 400),
        ("GET", "/credentials", 400),
        ("POST", "/explain", 400),
        ("GET", "/nothing", 404),
    ] {
        let (status, body) = account.request(method, &format!("{base}{path}"), &[], "").await;
        assert_eq!(status, expected, "{method} {path}: {body}");
    }
}

/// Each works inside its own prefix and nowhere else; only `full` lists.
async fn isolated(one: &Machine<'_>, full: &Machine<'_>) {
    one.keeps_to_its_prefix(full).await;
    full.keeps_to_its_prefix(one).await;
    full.may_not(&["cp", &one.key("file.txt"), "-"]).await;
    one.may_not(&["ls", &one.key("")]).await;
    assert!(full.may(&["ls", &full.key("")]).await.contains("file.txt"));
    full.may_not(&["ls", &one.key("")]).await;
    full.may_not(&["ls", &format!("s3://{BUCKET}/")]).await;
    full.may(&["rm", &full.key("file.txt")]).await;
}

/// `access_mode = "shared-role"`: the same clients with the same secrets, one role a level, a session policy each.
async fn one_role_for_all(account: &Account, layer: &Layer, local: &[(&str, String)], three: &[(&str, &str, &str)]) {
    let before = layer.output("server_secrets").await;
    let entries = [three[0], three[1], ("web-04", "logs/web-04/", "full")];
    layer.set(json!({"servers": servers(&entries), "access_mode": "shared-role"}));
    layer.apply().await;
    layer.plans_nothing().await;
    let after = layer.output("server_secrets").await;
    assert_eq!(before["web-02"], after["web-02"], "changing the mode changes no secret");
    let [full, write, neighbour] = [
        account.machine(layer, "web-02").await,
        account.machine(layer, "web-03").await,
        account.machine(layer, "web-04").await,
    ];
    for machine in [&full, &write, &neighbour] {
        machine.set(local);
    }
    isolated(&write, &full).await;
    full.keeps_to_its_prefix(&neighbour).await;
    neighbour.keeps_to_its_prefix(&full).await;
    neighbour.may_not(&["ls", &full.key("")]).await;
    let requests = account.control("GET", "requests", Value::Null).await;
    let role = |session: &str| {
        let assumed = requests["requests"].as_array().expect("a list").iter().rev().find(|request| {
            let name = request["detail"]["RoleSessionName"].as_str();
            request["api"] == "sts:AssumeRole" && name.is_some_and(|name| name.starts_with(session))
        });
        assumed.map(|request| request["detail"]["RoleArn"].clone())
    };
    assert!(role("web-02").is_some());
    assert_eq!(role("web-02"), role("web-04"), "one role for the level `full`");
}

async fn token(account: &Account, machine: &Machine<'_>) -> String {
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        machine.variable("COGNITO_CLIENT_ID"),
        machine.variable("COGNITO_CLIENT_SECRET")
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let endpoint = machine.variable("COGNITO_TOKEN_ENDPOINT");
    let (status, answer) = account.request("POST", &endpoint, &form, &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().expect("a token").to_owned()
}

async fn vend(account: &Account, api: &str, token: &str) -> (u16, Value) {
    account.request("POST", api, &[("authorization", &format!("Bearer {token}"))], "").await
}
