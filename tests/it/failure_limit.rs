//! A source of refused tokens is told to wait, and whoever asks beside it is served.

use serde_json::{Value, json};
use tests::token::{SigningKey, cognito_claims, jwk_set};
use tests::upstream::Service as Upstream;

use crate::gateway::keys::Clock;
use crate::service::{CLIENT_ID, Function, ISSUER, Service, Setup, token, token_with};

/// Tokens that are refused, each for another reason.
fn refused_tokens() -> Vec<String> {
    let claims = cognito_claims(ISSUER, CLIENT_ID);
    let unknown_key = SigningKey::generate("key-2").token(&claims);
    let forged = SigningKey::generate("key-1").token(&claims);
    let other_issuer = token_with(json!({"iss": "https://idp.example.com"}));
    vec!["a.b".to_owned(), "a.b.c".to_owned(), unknown_key, forged, other_issuer, token_with(json!({"exp": 1}))]
}

#[tokio::test]
async fn a_source_of_refused_tokens_is_told_to_wait_and_its_neighbours_are_served() {
    let environment = vec![("FAILURE_LIMIT_PER_MINUTE", "6".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    let refused = refused_tokens();
    for token in &refused {
        assert_eq!(service.vend(token).await.verdict(), (401, "invalid_token"));
    }
    let fetched = service.upstream.received(Upstream::Jwks).len();
    let (mut told, mut counted) = (0, 0);
    for _ in 0..10 {
        for token in &refused {
            let answer = service.vend(token).await;
            // One in ten seconds is counted again.
            if answer.status == 401 {
                counted += 1;
                continue;
            }
            assert_eq!(answer.verdict(), (429, "rate_limited"), "{}", answer.body);
            assert_eq!(answer.body["retryable"], true);
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=10).contains(&seconds), "{seconds}");
            told += 1;
        }
        // A client behind the same address has done nothing.
        assert_eq!(service.vend(&token()).await.status, 200);
    }
    assert!(told >= 20, "{told} of 60");
    let more = service.upstream.received(Upstream::Jwks).len() - fetched;
    assert!(more <= counted, "{more} fetches of keys for a source that is over its limit");
    let lines = service.audit().await;
    let told: Vec<_> = lines.iter().filter(|line| line["code"] == "rate_limited").collect();
    assert!(
        told.iter().any(|line| line["reason"].as_str().is_some_and(|reason| reason.contains("trusted"))),
        "{told:?}"
    );
    assert!(told.iter().all(|line| line["decision"] == "deny" && line["client_id"].is_null()));
}

/// Where an issuer changes its keys at once, a neighbour of theirs must not keep all others out.
#[tokio::test]
async fn a_new_key_serves_whoever_asks_beside_a_source_of_refused_tokens() {
    let clock = Clock::new();
    let mut environment = clock.environment();
    environment.push(("FAILURE_LIMIT_PER_MINUTE", "6".to_owned()));
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    let rotated = SigningKey::generate("key-2");
    service.upstream.set_jwks(jwk_set(&[&rotated]));
    // The clock stands, so no failure is forgiven meanwhile.
    clock.set(75);
    let fetched = service.upstream.received(Upstream::Jwks).len();
    for _ in 0..6 {
        assert_eq!(service.vend("a.b.c").await.verdict(), (401, "invalid_token"));
    }
    assert_eq!(service.vend("a.b.c").await.verdict(), (429, "rate_limited"));
    let of_the_new_key = rotated.token(&cognito_claims(ISSUER, CLIENT_ID));
    assert_eq!(service.vend(&of_the_new_key).await.status, 200);
    assert_eq!(service.upstream.received(Upstream::Jwks).len(), fetched + 1);
    let unknown = SigningKey::generate("key-3").token(&cognito_claims(ISSUER, CLIENT_ID));
    assert_eq!(service.vend(&unknown).await.verdict(), (429, "rate_limited"));
    assert_eq!(service.upstream.received(Upstream::Jwks).len(), fetched + 1, "the keys are new");
}

#[tokio::test]
async fn sources_are_real_ones() {
    let environment =
        vec![("FAILURE_LIMIT_PER_MINUTE", "1".to_owned()), ("TRUSTED_PROXY_CIDRS", "127.0.0.1".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    for (forwarded_for, status) in [
        ("192.0.2.1", 401),
        ("192.0.2.1", 429),
        // What the caller has written itself, left of what the proxy adds.
        ("198.51.100.7, 192.0.2.1", 429),
        ("192.0.2.2", 401),
        ("2001:db8:0:1::1", 401),
        ("2001:db8:0:1:2:3:4:5", 429),
        ("2001:db8:0:2::1", 401),
        ("::ffff:192.0.2.2", 429),
    ] {
        let request = service.request("POST", "/credentials").header("x-forwarded-for", forwarded_for);
        let answer = service.send(request.bearer_auth("a.b.c")).await;
        assert_eq!(answer.status, status, "{forwarded_for}: {}", answer.body);
    }
    let explained = service.request("POST", "/explain").header("x-forwarded-for", "192.0.2.1").bearer_auth("a.b.c");
    assert_eq!(service.send(explained).await.verdict(), (429, "rate_limited"), "/explain verifies as well");
}

#[tokio::test]
async fn a_peer_that_is_no_named_proxy_cannot_choose_its_source() {
    let environment = vec![("FAILURE_LIMIT_PER_MINUTE", "1".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    for (forwarded_for, status) in [("192.0.2.1", 401), ("192.0.2.2", 429), ("192.0.2.3", 429)] {
        let request = service.request("POST", "/credentials").header("x-forwarded-for", forwarded_for);
        assert_eq!(service.send(request.bearer_auth("a.b.c")).await.status, status, "{forwarded_for}");
    }
}

/// In Lambda the source is that of `requestContext`; a direct invocation has none.
#[tokio::test]
async fn sources_of_events() {
    let function = Function::start(vec![("FAILURE_LIMIT_PER_MINUTE", "1".to_owned())]).await;
    let http = |source: &str| {
        json!({"version": "2.0", "rawPath": "/credentials", "headers": {"authorization": "Bearer a.b.c", "x-forwarded-for": "198.51.100.7"},
               "requestContext": {"http": {"method": "POST", "path": "/credentials", "sourceIp": source}}})
    };
    let rest = |source: &str| {
        json!({"httpMethod": "POST", "path": "/credentials", "headers": {"authorization": "Bearer a.b.c"},
               "requestContext": {"identity": {"sourceIp": source}}})
    };
    for (event, status) in [
        (http("192.0.2.1"), 401),
        (http("192.0.2.1"), 429),
        (rest("192.0.2.1"), 429),
        (rest("192.0.2.2"), 401),
        (http("2001:db8::1"), 401),
        (http("2001:db8::2"), 429),
        (json!({"access_token": "a.b.c"}), 401),
        (json!({"access_token": "a.b.c"}), 401),
    ] {
        let (answer, _) = function.runtime.invoke(&event.to_string()).await;
        let response: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(response["statusCode"], status, "{event}: {response}");
    }
}
