//! Keys that are late, broken, new or withdrawn, and tokens that were verified before that.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::http_server::closed_port;
use tests::token::{SigningKey, cognito_claims, jwk_set, now};
use tests::upstream::{Fault, Service, Upstream};

use super::{Answer, Gateway, Setup};
use crate::machine::{faketime_library, rfc3339};
use crate::service::{CLIENT_ID, ISSUER, key, token, token_with, upstream};

/// The wall clock of a gateway, which stands still. Keys, tokens and limits age by it.
pub struct Clock {
    folder: TempDir,
}

impl Clock {
    pub fn new() -> Self {
        let clock = Self { folder: tempfile::tempdir().expect("a folder for the clock") };
        clock.set(0);
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// So many seconds later than it is now.
    pub fn set(&self, seconds: u32) {
        let next = self.folder.path().join("next");
        // libfaketime: a date alone stands still.
        let date = rfc3339(i64::from(seconds)).replace('T', " ").replace('Z', "\n");
        std::fs::write(&next, date).expect("the clock can be written");
        std::fs::rename(next, self.file()).expect("the clock can be set");
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", faketime_library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("TZ", "UTC".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// A request with this token on a connection of its own.
pub async fn call_with(gateway: &Gateway, what: &str, token: &str) -> Answer {
    gateway.send(what, &[("Authorization", &format!("Bearer {token}"))], b"").await
}

fn refused(code: &str, status: u16) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn keys_that_are_down_from_the_start_are_nobodys_fault_and_heal() {
    let series = |outcome| format!(r#"credvend_gateway_jwks_refetches_total{{issuer="{ISSUER}",outcome="{outcome}"}}"#);
    let heals = async |name: &str, fault: Option<Fault>| {
        let clock = Clock::new();
        let issuer = upstream(json!({})).await;
        match fault {
            Some(fault) => issuer.break_service(Service::Jwks, fault),
            None => issuer.set_jwks(r#"{"keys":[]}"#),
        }
        let mut environment = clock.environment();
        environment.push(("JWKS_URI", format!("{}/jwks.json", issuer.url())));
        let gateway = Gateway::start(Setup { environment, ..Setup::default() }).await;
        for _ in 0..2 {
            let answer = gateway.call("GET /").await;
            assert_eq!(answer.verdict(), refused("keys_unavailable", 503), "{name}");
            assert!(!answer.header("retry-after").is_empty() && !answer.header("x-request-id").is_empty(), "{name}");
            assert_eq!(answer.json()["retryable"], true, "{name}");
        }
        assert_eq!(gateway.send("GET /health", &[], b"").await.status, 200, "{name}");
        assert_eq!(gateway.operators("/readyz").await.status, 503, "{name}");
        assert!(gateway.metric(&series("error")).await >= 1.0, "{name}");
        assert!(gateway.api.requests().is_empty(), "{name}");
        issuer.mend();
        issuer.set_jwks(jwk_set(&[key()]));
        clock.set(11);
        assert_eq!(gateway.call("GET /").await.status, 200, "{name}");
        assert_eq!(gateway.operators("/readyz").await.status, 200, "{name}");
        assert!(gateway.metric(&series("ok")).await >= 1.0, "{name}");
    };
    tokio::join!(
        heals("500", Some(Fault::Status(500, "<html>oops</html>".to_owned()))),
        heals("404", Some(Fault::Status(404, String::new()))),
        heals("slow", Some(Fault::Slow)),
        heals("garbage", Some(Fault::Garbage)),
        heals("the wrong body", Some(Fault::WrongBody)),
        heals("cut off", Some(Fault::CutOff)),
        heals("no keys", None),
    );
    let environment = vec![("JWKS_URI", format!("{}/jwks.json", closed_port().await))];
    let gateway = Gateway::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(gateway.call("GET /").await.verdict(), refused("keys_unavailable", 503), "refused");
}

#[tokio::test]
async fn a_new_key_works_at_once_and_a_withdrawn_one_dies_for_cached_tokens_too() {
    let clock = Clock::new();
    let mut gateway = Gateway::start(Setup { environment: clock.environment(), ..Setup::default() }).await;
    let old = token();
    for _ in 0..2 {
        assert_eq!(call_with(&gateway, "GET /", &old).await.status, 200);
    }
    let next = SigningKey::generate("key-2");
    let new = next.token(&cognito_claims(ISSUER, CLIENT_ID));
    gateway.issuer.set_jwks(jwk_set(&[key(), &next]));
    clock.set(11);
    assert_eq!(call_with(&gateway, "GET /", &new).await.status, 200, "with the fetch that it causes");
    assert_eq!(call_with(&gateway, "GET /", &old).await.status, 200, "both are published");

    gateway.issuer.set_jwks(jwk_set(&[&next]));
    clock.set(11 + 601);
    for _ in 0..2 {
        assert_eq!(call_with(&gateway, "GET /", &old).await.verdict(), refused("invalid_token", 401));
        assert_eq!(call_with(&gateway, "GET /", &new).await.status, 200);
    }
    // Another key under the name of the one before.
    let replaced = SigningKey::generate("key-2");
    gateway.issuer.set_jwks(jwk_set(&[&replaced]));
    clock.set(11 + 2 * 601);
    assert_eq!(call_with(&gateway, "GET /", &new).await.verdict(), refused("invalid_token", 401));

    // An outage is no withdrawal, and a key that is not known may be published meanwhile.
    gateway.issuer.break_service(Service::Jwks, Fault::Status(500, String::new()));
    let last = replaced.token(&cognito_claims(ISSUER, CLIENT_ID));
    clock.set(11 + 3 * 601);
    assert_eq!(call_with(&gateway, "GET /", &last).await.status, 200);
    assert_eq!(call_with(&gateway, "GET /", &old).await.verdict(), refused("keys_unavailable", 503));
    let lines = gateway.audit().await;
    let caches: Vec<_> = lines.iter().take(2).map(|line| line["cache"].as_str().unwrap_or_default()).collect();
    assert_eq!(caches, ["miss", "hit"]);
}

#[tokio::test]
async fn a_token_in_the_cache_expires() {
    let clock = Clock::new();
    let gateway = Gateway::start(Setup { environment: clock.environment(), ..Setup::default() }).await;
    let short = token_with(json!({"exp": now() + 200, "jti": "short"}));
    let long = token();
    for _ in 0..2 {
        assert_eq!(call_with(&gateway, "GET /", &short).await.status, 200);
        assert_eq!(call_with(&gateway, "GET /", &long).await.status, 200);
    }
    clock.set(300);
    for _ in 0..2 {
        let answer = call_with(&gateway, "GET /", &short).await;
        assert_eq!(answer.verdict(), refused("invalid_token", 401));
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
        assert_eq!(call_with(&gateway, "GET /", &long).await.status, 200);
    }
    assert_eq!(gateway.api.requests().len(), 6);
}

const PARTNER: &str = "https://idp.partner.example";

fn partner_claims() -> Value {
    json!({"iss": PARTNER, "sub": CLIENT_ID, "client_id": CLIENT_ID, "aud": "api", "exp": now() + 3600, "iat": now(),
           "scope": "read"})
}

#[tokio::test]
async fn clients_of_two_issuers_never_meet() {
    let partner = Upstream::start().await;
    let partner_key = SigningKey::generate("key-1");
    partner.set_jwks(jwk_set(&[&partner_key]));
    let issuers = json!([{"issuer": PARTNER, "kind": "oidc", "audiences": ["api"],
                          "jwks_uri": format!("{}/jwks.json", partner.url())}]);
    let clock = Clock::new();
    let mut environment = clock.environment();
    // One request at once, for each client of each issuer.
    environment.extend([("TRUSTED_ISSUERS", issuers.to_string()), ("RATE_LIMIT_PER_MINUTE", "10".to_owned())]);
    let gateway = Gateway::start(Setup { environment, ..Setup::default() }).await;
    let theirs = partner_key.token(&partner_claims());
    // printf https://idp.partner.example | sha256sum | cut -c1-12
    let shown = format!("bb3d96d064dd:{CLIENT_ID}");
    assert_eq!(call_with(&gateway, "GET /", &theirs).await.status, 200);
    let request = gateway.api.take_only_request();
    assert_eq!((request.value("x-m2m-client-id"), request.value("x-m2m-issuer")), (shown.as_str(), PARTNER));
    assert_eq!(call_with(&gateway, "GET /", &token()).await.status, 200, "it has a share of its own");
    let request = gateway.api.take_only_request();
    assert_eq!((request.value("x-m2m-client-id"), request.value("x-m2m-issuer")), (CLIENT_ID, ISSUER));
    for token in [&theirs, &token()] {
        assert_eq!(call_with(&gateway, "GET /", token).await.verdict(), refused("rate_limited", 429));
    }
    for forged in [key().token(&partner_claims()), partner_key.token(&cognito_claims(ISSUER, CLIENT_ID))] {
        assert_eq!(call_with(&gateway, "GET /", &forged).await.verdict(), refused("invalid_token", 401));
    }
    for client in [CLIENT_ID, shown.as_str()] {
        let series =
            |outcome| format!(r#"credvend_gateway_client_requests_total{{client_id="{client}",outcome="{outcome}"}}"#);
        for outcome in ["allowed", "rate_limited"] {
            assert!((gateway.metric(&series(outcome)).await - 1.0).abs() < 0.5, "{client} {outcome}");
        }
    }
    // One issuer's trouble is not the other's.
    partner.set_jwks(jwk_set(&[]));
    partner.break_service(Service::Jwks, Fault::Status(500, String::new()));
    clock.set(20);
    let unknown = SigningKey::generate("key-3").token(&partner_claims());
    assert_eq!(call_with(&gateway, "GET /", &unknown).await.verdict(), refused("keys_unavailable", 503));
    assert_eq!(call_with(&gateway, "GET /", &token()).await.status, 200);
}
