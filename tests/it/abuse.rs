//! Load and abuse: what is remembered for seconds, what is shared by requests that come together, and what a source of
//! refused tokens may cost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tests::http_server::{HttpServer, Reply};
use tests::token::cognito_claims;
use tests::upstream::{Fault, Lifetimes, Service as Upstream, assume_role_calls, item, sts_error};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::service::{
    Answer, CLIENT_ID, ISSUER, Service, Setup, environment, key, start_process, token, token_with, upstream,
};

/// Asks again until it is vended, which must not take longer than is promised.
async fn vended_within_seconds(service: &Service, token: &str) {
    let begun = Instant::now();
    while service.vend(token).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(15), "still refused after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_unknown_client_reads_the_table_seldom() {
    let service = Service::start(Setup::default()).await;
    let stranger = key().token(&cognito_claims(ISSUER, "stranger"));
    for _ in 0..40 {
        assert_eq!(service.vend(&stranger).await.verdict(), (403, "client_not_registered"));
    }
    let reads = service.upstream.received(Upstream::DynamoDb).len();
    assert!(reads <= 8, "{reads} reads for 40 requests; two each time that it is looked up");
    // Others, and the same client with another token's scopes, are looked up at once.
    assert_eq!(service.vend(&token()).await.status, 200);
    service.upstream.put_item("scope#other", item("scope#other", json!({})));
    let mut claims = cognito_claims(ISSUER, "stranger");
    claims["scope"] = "other".into();
    assert_eq!(service.vend(&key().token(&claims)).await.status, 200);

    service.upstream.put_item("stranger", item("stranger", json!({})));
    vended_within_seconds(&service, &stranger).await;
    // Nothing of a client that is known is remembered.
    service.upstream.delete_item(CLIENT_ID);
    assert_eq!(service.vend(&token()).await.verdict(), (403, "client_not_registered"));
}

#[tokio::test]
async fn a_session_that_sts_refuses_is_asked_for_seldom() {
    let service = Service::start(Setup::default()).await;
    let denied = || Fault::Status(403, sts_error("AccessDenied", "CANARY"));
    service.upstream.break_service(Upstream::Sts, denied());
    for _ in 0..40 {
        assert_eq!(service.vend(&token()).await.verdict(), (502, "role_not_assumable"));
    }
    let calls = assume_role_calls(&service.upstream).len();
    assert!(calls <= 4, "{calls} calls for 40 requests");
    service.upstream.mend();
    // The item is put right: the session is another one, and is asked for at once.
    for changes in [
        json!({"role_arn": {"S": "arn:aws:iam::123456789012:role/another"}}),
        json!({"external_id": {"S": "an-id"}}),
        json!({"session_duration_seconds": {"N": "900"}}),
        json!({"session_policy": {"S": "{}"}}),
    ] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, changes.clone()));
        assert_eq!(service.vend(&token()).await.status, 200, "{changes}");
    }
    // The role is put right.
    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({})));
    vended_within_seconds(&service, &token()).await;

    // What is down has refused nothing: it is asked each time.
    service.upstream.break_service(Upstream::Sts, Fault::Status(503, String::new()));
    assert_eq!(service.vend(&token()).await.verdict(), (503, "sts_unavailable"));
    service.upstream.mend();
    assert_eq!(service.vend(&token()).await.status, 200);
}

/// A table that takes its time, and says what was true when it was asked.
struct SlowTable {
    server: HttpServer,
    reads: Arc<AtomicUsize>,
    disabled: Arc<AtomicBool>,
    asked: Arc<Notify>,
}

impl SlowTable {
    async fn start() -> Self {
        let (reads, disabled, asked) = <(Arc<AtomicUsize>, Arc<AtomicBool>, Arc<Notify>)>::default();
        let shared = (Arc::clone(&reads), Arc::clone(&disabled), Arc::clone(&asked));
        let server = HttpServer::start(move |_| {
            let (reads, disabled, asked) = shared.clone();
            async move {
                reads.fetch_add(1, Ordering::SeqCst);
                let found = item(CLIENT_ID, json!({"disabled": {"BOOL": disabled.load(Ordering::SeqCst)}}));
                asked.notify_one();
                tokio::time::sleep(Duration::from_millis(500)).await;
                let body = json!({"Item": found}).to_string().into_bytes();
                Reply::Whole(200, vec![("content-type".into(), "application/x-amz-json-1.0".into())], body)
            }
        })
        .await;
        Self { server, reads, disabled, asked }
    }
}

#[tokio::test]
async fn equal_requests_share_a_read_and_no_credentials() {
    let table = SlowTable::start().await;
    let upstream = upstream(json!({})).await;
    upstream.set_lifetimes(Lifetimes { credentials: Duration::from_secs(3600), token: Duration::from_secs(3600) });
    let endpoint = vec![("AWS_ENDPOINT_URL_DYNAMODB", table.server.url())];
    let service = Service::start_on(upstream, endpoint).await;
    let token = token();
    let answers = together(40, &service, &token).await;
    let keys: BTreeSet<_> = answers.iter().map(access_key).collect();
    assert_eq!(keys.len(), 40, "each has credentials of its own");
    let reads = table.reads.load(Ordering::SeqCst);
    assert!(reads <= 10, "{reads} reads for 40 requests at once");
}

/// So many equal requests at once.
async fn together(count: usize, service: &Service, token: &str) -> Vec<Answer> {
    let mut sending = JoinSet::new();
    for _ in 0..count {
        let request = service.request("POST", "/credentials").bearer_auth(token);
        sending.spawn(async move { request.send().await.expect("the service answers") });
    }
    let mut answers = Vec::new();
    while let Some(response) = sending.join_next().await {
        answers.push(Answer::read(response.expect("no task panics")).await);
    }
    answers
}

fn access_key(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["credentials"]["access_key_id"].as_str().unwrap().to_owned()
}

/// The operator disables a client while its item is being read: a request that comes afterwards is not told what was read
/// before.
#[tokio::test]
async fn a_shared_read_is_never_older_than_the_request() {
    let table = SlowTable::start().await;
    let endpoint = vec![("AWS_ENDPOINT_URL_DYNAMODB", table.server.url())];
    let service = Service::start_on(upstream(json!({})).await, endpoint).await;
    let token = token();
    let late = async {
        table.asked.notified().await;
        table.disabled.store(true, Ordering::SeqCst);
        together(10, &service, &token).await
    };
    let (early, late) = tokio::join!(service.vend(&token), late);
    assert_eq!(early.verdict(), (200, "ok"), "it was not disabled when this one asked");
    for answer in late {
        assert_eq!(answer.verdict(), (403, "client_disabled"));
    }
}

/// A service that keeps what it vends, and an STS that makes other credentials each time.
async fn keeping(seconds: &str) -> Service {
    let upstream = upstream(json!({})).await;
    upstream.set_lifetimes(Lifetimes { credentials: Duration::from_secs(3600), token: Duration::from_secs(3600) });
    Service::start_on(upstream, vec![("VEND_CACHE_SECONDS", seconds.to_owned())]).await
}

#[tokio::test]
async fn equal_requests_get_the_same_credentials_where_the_operator_wants_that() {
    let service = keeping("300").await;
    service.upstream.put_item("other", item("other", json!({})));
    let first = access_key(&service.vend(&token()).await);
    assert_eq!(access_key(&service.vend(&token()).await), first);
    assert_eq!(access_key(&service.vend(&token_with(json!({"jti": "another token"}))).await), first);
    let mut keys = BTreeSet::from([first.clone()]);
    for scope_down in [
        json!({"duration_seconds": 900}),
        json!({"s3_path_prefix": "logs/server-01/a/"}),
        json!({"s3_path_prefix": "logs/server-01/b/"}),
    ] {
        let own = access_key(&service.vend_with(scope_down.clone()).await);
        assert_eq!(access_key(&service.vend_with(scope_down.clone()).await), own, "{scope_down}");
        assert!(keys.insert(own), "{scope_down}");
    }
    let other = key().token(&cognito_claims(ISSUER, "other"));
    assert!(keys.insert(access_key(&service.vend(&other).await)), "another client");
    for changes in [json!({"server_name": {"S": "server-02"}}), json!({"external_id": {"S": "an-id"}})] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, changes.clone()));
        assert!(keys.insert(access_key(&service.vend(&token()).await)), "{changes}");
    }
    assert_eq!(assume_role_calls(&service.upstream).len(), keys.len());
    let lines = service.audit().await;
    let kept: Vec<_> = lines.iter().map(|line| line["kept"] == true).collect();
    assert_eq!(kept[..3], [false, true, true], "{lines:?}");
    assert!(lines.iter().all(|line| line["access_key_id"].is_string()));
}

/// Nothing of the decision is kept: `disable` works at once.
#[tokio::test]
async fn kept_credentials_are_only_for_who_would_get_new_ones() {
    let service = keeping("300").await;
    let first = access_key(&service.vend(&token()).await);
    for (changes, verdict) in [
        (json!({"disabled": {"BOOL": true}}), (403, "client_disabled")),
        (json!({"expires_at": {"N": "1"}}), (403, "client_expired")),
        (json!({"source_cidrs": {"SS": ["10.0.0.0/8"]}}), (403, "source_not_allowed")),
        (json!({"observe": {"SS": ["x"]}}), (500, "misconfigured")),
    ] {
        service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, changes));
        assert_eq!(service.vend(&token()).await.verdict(), verdict);
    }
    // Let in again, the client gets what it had: SECURITY.md says what that means for a revocation.
    service.upstream.put_item(CLIENT_ID, item(CLIENT_ID, json!({})));
    assert_eq!(access_key(&service.vend(&token()).await), first);
    service.upstream.delete_item(CLIENT_ID);
    assert_eq!(service.vend(&token()).await.verdict(), (403, "client_not_registered"));
}

#[tokio::test]
async fn credentials_are_kept_no_longer_than_that_and_not_at_all_by_default() {
    let short = keeping("1").await;
    let first = access_key(&short.vend(&token()).await);
    let begun = Instant::now();
    while access_key(&short.vend(&token()).await) == first {
        assert!(begun.elapsed() < Duration::from_secs(10), "kept for longer than it should be");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let cold = keeping("300").await;
    let token = token();
    let keys: BTreeSet<_> = together(20, &cold, &token).await.iter().map(access_key).collect();
    assert_eq!((keys.len(), assume_role_calls(&cold.upstream).len()), (1, 1), "at once, with nothing kept yet");
    // Credentials that end before the time does are not handed out any more.
    cold.upstream.set_lifetimes(Lifetimes { credentials: Duration::from_secs(1), token: Duration::from_secs(3600) });
    let brief = access_key(&cold.vend_with(json!({"duration_seconds": 900})).await);
    let begun = Instant::now();
    while access_key(&cold.vend_with(json!({"duration_seconds": 900})).await) == brief {
        assert!(begun.elapsed() < Duration::from_secs(10), "they have ended");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let plain = keeping("").await;
    assert_ne!(access_key(&plain.vend(&token).await), access_key(&plain.vend(&token).await));
}

#[tokio::test]
async fn bounds_of_the_variables() {
    let upstream = upstream(json!({})).await;
    for (name, value) in [
        ("VEND_CACHE_SECONDS", "301"),
        ("VEND_CACHE_SECONDS", "0"),
        ("VEND_CACHE_SECONDS", "30s"),
        ("FAILURE_LIMIT_PER_MINUTE", "0"),
        ("FAILURE_LIMIT_PER_MINUTE", "-1"),
    ] {
        let mut variables = environment(&upstream);
        variables.push((name, value.to_owned()));
        let mut process = start_process(&variables);
        assert_eq!(process.exit_code().await, Some(1), "{name}={value}");
        assert!(process.output().contains(&format!("{name}: `{value}`")), "{}", process.output());
    }
}
