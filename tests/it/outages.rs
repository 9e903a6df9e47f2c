//! Every hop of the vending API broken in turn, and keys that come and go.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::http_server::closed_port;
use tests::token::{SigningKey, cognito_claims, jwk_set};
use tests::upstream::{Fault, Service as Upstream, item};

use crate::service::{CLIENT_ID, Function, ISSUER, Service, Setup, key, token, upstream};

/// The sum of all deadlines of a request, and a margin for a loaded machine. Nothing is decided by less.
const DEADLINE: Duration = Duration::from_secs(20);

fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("500", Fault::Status(500, "<html>oops</html>".to_owned())),
        ("throttled", Fault::Status(429, String::new())),
        ("slow", Fault::Slow),
        ("garbage", Fault::Garbage),
        ("the wrong body", Fault::WrongBody),
        ("cut off", Fault::CutOff),
    ]
}

async fn break_each_way(of: Upstream, code: &str, endpoint_variable: &'static str) {
    let service = Service::start(Setup::default()).await;
    for (name, fault) in faults() {
        service.upstream.break_service(of, fault);
        // What is slow stays silent for an hour, so a response at all has not waited for it.
        let answer = service.vend(&token()).await;
        assert_eq!(answer.verdict(), (503, code), "{name}: {}", answer.body);
        assert_eq!(answer.body["retryable"], true, "{name}");
        assert!(!answer.header("retry-after").is_empty(), "{name}");
        service.upstream.mend();
        assert_eq!(service.vend(&token()).await.status, 200, "mended after {name}");
    }
    let environment = vec![(endpoint_variable, closed_port().await)];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.verdict(), (503, code), "refused");
    assert_eq!(service.send(service.request("GET", "/health")).await.status, 200);
}

#[tokio::test]
async fn dynamodb_down_is_never_a_denial() {
    break_each_way(Upstream::DynamoDb, "mapping_unavailable", "AWS_ENDPOINT_URL_DYNAMODB").await;
}

#[tokio::test]
async fn sts_down_is_never_a_denial() {
    break_each_way(Upstream::Sts, "sts_unavailable", "AWS_ENDPOINT_URL_STS").await;
}

#[tokio::test]
async fn dynamodb_throttling_in_its_own_words() {
    let service = Service::start(Setup::default()).await;
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"CANARY"}"#;
    service.upstream.break_service(Upstream::DynamoDb, Fault::Status(400, body.to_owned()));
    let answer = service.vend(&token()).await;
    assert_eq!(answer.verdict(), (503, "mapping_unavailable"));
    assert!(!answer.body.to_string().contains("CANARY"));
}

#[tokio::test]
async fn keys_down_from_the_start_are_unavailable_not_invalid() {
    for (name, fault) in faults() {
        let upstream = upstream(json!({})).await;
        upstream.break_service(Upstream::Jwks, fault);
        let service = Service::start_on(upstream, vec![]).await;
        assert_eq!(service.vend(&token()).await.verdict(), (503, "keys_unavailable"), "{name}");
    }
    let environment = vec![("JWKS_URI", format!("{}/jwks.json", closed_port().await))];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(service.vend(&token()).await.verdict(), (503, "keys_unavailable"), "refused");
    let empty = upstream(json!({})).await;
    empty.set_jwks(r#"{"keys":[]}"#);
    let service = Service::start_on(empty, vec![]).await;
    assert_eq!(service.vend(&token()).await.verdict(), (503, "keys_unavailable"), "an empty set");
}

#[tokio::test]
async fn last_good_keys_serve_through_an_outage() {
    let service = Service::start(Setup::default()).await;
    service.upstream.break_service(Upstream::Jwks, Fault::Status(500, String::new()));
    let unknown = SigningKey::generate("key-9").token(&cognito_claims(ISSUER, CLIENT_ID));
    // The first look-up may still fall into the cool-down after INIT's fetch, when the set was known to be current.
    let first = service.vend(&unknown).await;
    assert!([(401, "invalid_token"), (503, "keys_unavailable")].contains(&first.verdict()));
    assert_eq!(service.vend(&token()).await.status, 200);
}

#[tokio::test]
async fn one_bad_key_does_not_drop_the_good_ones() {
    let upstream = upstream(json!({})).await;
    let mut set: serde_json::Value = serde_json::from_str(&jwk_set(&[key()])).unwrap();
    for bad in [
        json!({"kty": "oct", "kid": "key-1", "k": "AAAA"}),
        json!({"kty": "RSA"}),
        json!(null),
        json!({"kty": "RSA", "kid": 1}),
    ] {
        set["keys"].as_array_mut().unwrap().insert(0, bad);
    }
    upstream.set_jwks(set.to_string());
    let service = Service::start_on(upstream, vec![]).await;
    assert_eq!(service.vend(&token()).await.status, 200);
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_costs_one_fetch_in_ten_seconds() {
    // As if it came from many addresses: one alone is told to wait.
    let environment = vec![("FAILURE_LIMIT_PER_MINUTE", "100000".to_owned())];
    let service = Service::start(Setup { environment, ..Setup::default() }).await;
    let forger = SigningKey::generate("forged");
    let started = Instant::now();
    for number in 0..300 {
        let mut claims = cognito_claims(ISSUER, CLIENT_ID);
        claims["jti"] = json!(number);
        let forged = forger.sign(&json!({"alg": "RS256", "kid": format!("forged-{number}")}), &claims);
        assert_eq!(service.vend(&forged).await.verdict(), (401, "invalid_token"));
        if number % 50 == 0 {
            assert_eq!(service.vend(&token()).await.status, 200, "valid tokens are unaffected");
        }
    }
    let allowed = 1 + started.elapsed().as_secs() / 10 + 1;
    let fetches = service.upstream.received(Upstream::Jwks).len() as u64;
    assert!(fetches <= allowed, "{fetches} fetches in {:?}", started.elapsed());
}

#[tokio::test]
async fn a_new_key_is_found_by_everybody_with_one_fetch() {
    let upstream = upstream(json!({})).await;
    upstream.break_service(Upstream::Jwks, Fault::Status(503, String::new()));
    // INIT's fetch fails, so its slot is used up; the next one is free ten seconds later.
    let service = Service::start_on(upstream, vec![]).await;
    service.upstream.mend();
    let rotated = SigningKey::generate("key-2");
    service.upstream.set_jwks(jwk_set(&[key(), &rotated]));
    let new_token = rotated.token(&cognito_claims(ISSUER, CLIENT_ID));
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = service.vend(&new_token).await;
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.verdict(), (503, "keys_unavailable"));
        assert!(Instant::now() < deadline, "the new key was never found");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(service.vend(&token()).await.status, 200);
    assert_eq!(service.upstream.received(Upstream::Jwks).len(), 2);
}

/// What a frozen and thawed Lambda meets: the peer has closed the connection that the pool still holds.
#[tokio::test]
async fn a_stale_connection_is_retried_unseen() {
    let function = Function::start(vec![]).await;
    let event = json!({"access_token": token()});
    for service in [Upstream::DynamoDb, Upstream::Sts] {
        function.upstream.break_service(service, Fault::CloseAfterwards);
    }
    for _ in 0..20 {
        assert_eq!(function.runtime.invoke_json(&event).await["statusCode"], 200);
    }
    function.upstream.mend();
    function.upstream.forget_requests();
    function.upstream.break_service(Upstream::DynamoDb, Fault::CutOffFirst(1));
    assert_eq!(function.runtime.invoke_json(&event).await["statusCode"], 200);
    assert_eq!(function.upstream.received(Upstream::DynamoDb).len(), 2);
}

#[tokio::test]
async fn init_survives_keys_that_are_down() {
    let function = Function::start(vec![("JWKS_URI", format!("{}/jwks.json", closed_port().await))]).await;
    let answer = function.runtime.invoke_json(&json!({"access_token": token()})).await;
    assert_eq!(answer["statusCode"], 503);
    assert!(answer["headers"]["retry-after"].is_string());
}

/// SIGTERM: the request under way is answered, the process ends, new connections are refused.
#[tokio::test]
async fn requests_under_way_finish_when_the_process_is_asked_to_stop() {
    let mut service = Service::start(Setup::default()).await;
    service.upstream.break_service(Upstream::Sts, Fault::CutOffFirst(2));
    let request = service.request("POST", "/credentials").bearer_auth(token());
    let under_way = tokio::spawn(async move { request.send().await.map(|response| response.status().as_u16()) });
    while service.upstream.received(Upstream::Sts).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    service.process.signal(rustix::process::Signal::TERM);
    assert_eq!(under_way.await.unwrap().unwrap(), 200);
    assert_eq!(service.process.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_mapping_that_changes_is_seen_at_once() {
    let service = Service::start(Setup::default()).await;
    assert_eq!(service.vend(&token()).await.status, 200);
    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({"disabled": {"BOOL": true}})));
    assert_eq!(service.vend(&token()).await.verdict(), (403, "client_disabled"));
}

/// Who hangs up is still on record, and his connection does not take the service's places for good.
#[tokio::test]
async fn a_caller_that_hangs_up_is_audited_all_the_same() {
    let mut service = Service::start(Setup::default()).await;
    service.upstream.break_service(Upstream::Sts, Fault::CutOffFirst(2));
    let request = service.request("POST", "/credentials").bearer_auth(token());
    let caller = tokio::spawn(async move { request.send().await.map(|_| ()) });
    while service.upstream.received(Upstream::Sts).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    caller.abort();
    let audited = service.process.wait_for("\"decision\":").await;
    assert!(audited.starts_with("\"allow\""), "{audited}");
}
