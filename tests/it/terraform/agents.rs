//! `terraform-cognito/gateway/`: agents of the M2M gateway beside the servers of the same pool.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::account::{Account, Layer, Machine};

const API: &str = "https://api.example.com";

pub async fn agents_get_their_own_scopes(account: &Account, foundation: &Layer, server: &Machine<'_>) {
    let layer = account.layer("terraform-cognito/gateway", Some(foundation)).await;
    layer.set(json!({"agents": {"reporter": {"scopes": ["read"]}}}));
    layer.apply().await;
    layer.plans_nothing().await;

    // One agent: the plain names hold its id and secret, and its env file the same.
    let endpoint = layer.text("token_endpoint").await;
    let reporter = (layer.text("m2m_client_id").await, layer.text("m2m_client_secret").await);
    let file = account.machine(&layer, "reporter").await;
    assert_eq!(reporter, (file.variable("COGNITO_CLIENT_ID"), file.variable("COGNITO_CLIENT_SECRET")));
    assert_eq!(file.variable("COGNITO_RESOURCE_SERVER"), API);
    let read = format!("{API}/read");
    assert_eq!(layer.output("scopes").await["read"], json!(read));
    for asked in [None, Some("read")] {
        let claims = claims(&token(account, &endpoint, &reporter, asked).await.expect("a token"));
        assert_eq!((&claims["scope"], &claims["client_id"]), (&json!(read), &json!(reporter.0)));
        assert_eq!(layer.output("gateway_environment").await["COGNITO_ISSUER"], claims["iss"]);
    }
    for other in ["write", "admin", "nothing"] {
        assert_eq!(token(account, &endpoint, &reporter, Some(other)).await, Err("invalid_scope".to_owned()), "{other}");
    }

    // Servers and agents share the pool and none of their scopes, and no mapping item names an agent.
    let web = (server.variable("COGNITO_CLIENT_ID"), server.variable("COGNITO_CLIENT_SECRET"));
    assert_eq!(token(account, &endpoint, &web, Some("read")).await, Err("invalid_scope".to_owned()));
    let bearer = format!("Bearer {}", token(account, &endpoint, &reporter, None).await.expect("a token"));
    let vending = foundation.text("credential_vending_api_url").await;
    let (status, body) = account.request("POST", &vending, &[("authorization", &bearer)], "").await;
    assert_eq!((status, body["error"].as_str()), (403, Some("client_not_registered")), "{body}");

    a_second_agent_leaves_the_first(account, &layer, &endpoint, &reporter).await;
    layer.destroy().await;
    assert_eq!(token(account, &endpoint, &reporter, None).await, Err("invalid_client".to_owned()));
}

async fn a_second_agent_leaves_the_first(
    account: &Account,
    layer: &Layer,
    endpoint: &str,
    reporter: &(String, String),
) {
    layer.set(json!({"agents": {"reporter": {"scopes": ["read"]}, "importer": {"scopes": ["read", "write"]}}}));
    let planned = layer.planned().await;
    assert_eq!(planned.len(), 1, "{planned:?}");
    assert!(planned[0].0.starts_with("module.agent[\"importer\"]") && planned[0].1 == ["create"], "{planned:?}");
    layer.apply().await;
    let (ids, secrets) = (layer.output("m2m_client_id").await, layer.output("m2m_client_secret").await);
    assert_eq!((&ids["reporter"], &secrets["reporter"]), (&json!(reporter.0), &json!(reporter.1)));
    let text = |map: &Value| map["importer"].as_str().expect("a text").to_owned();
    let importer = (text(&ids), text(&secrets));
    let both = claims(&token(account, endpoint, &importer, None).await.expect("a token"));
    let mut granted: Vec<_> = both["scope"].as_str().expect("a text").split(' ').collect();
    granted.sort_unstable();
    assert_eq!(granted, [format!("{API}/read"), format!("{API}/write")]);
    assert_eq!(token(account, endpoint, &importer, Some("admin")).await, Err("invalid_scope".to_owned()));

    // The second goes again: it gets no more tokens, and the first does.
    layer.set(json!({"agents": {"reporter": {"scopes": ["read"]}}}));
    layer.apply().await;
    assert_eq!(token(account, endpoint, &importer, None).await, Err("invalid_client".to_owned()));
    token(account, endpoint, reporter, None).await.expect("a token");
}

/// An access token for the API's scope `scope`, or for all that the client may have; else the error's code.
async fn token(
    account: &Account,
    endpoint: &str,
    (id, secret): &(String, String),
    scope: Option<&str>,
) -> Result<String, String> {
    let mut body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    if let Some(scope) = scope {
        body = format!("{body}&scope={API}/{scope}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let (status, answer) = account.request("POST", endpoint, &form, &body).await;
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{status} {answer}")).to_owned();
    if status == 200 { Ok(text("access_token")) } else { Err(text("error")) }
}

/// The claims of a token that was just issued.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}
