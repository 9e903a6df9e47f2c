//! Crowds, refreshes and outages: one fetch for all, and never something worse than the last good credentials.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use tests::http_server::{HttpServer, Reply};
use tests::upstream::{Fault, Lifetimes, Service as Upstream, assume_role_calls};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Served, send};
use crate::machine::{Machine, run};
use crate::service::token;

/// 500 requests and 500 processes at a cold start: one token request, one vend.
#[tokio::test]
async fn a_stampede_makes_one_request_of_each_kind() {
    let served = Served::start(&[]).await;
    let token = served.token();
    let mut callers = JoinSet::new();
    for _ in 0..500 {
        let (address, token) = (served.address.clone(), token.clone());
        callers.spawn(async move {
            let reply = send(&address, "GET", "/credentials", &[("authorization", &token)]).await;
            reply.credentials()["Expiration"].to_string()
        });
    }
    // So many processes at once are all that a small machine can start without running out of something else.
    let places = std::sync::Arc::new(Semaphore::new(64));
    for _ in 0..500 {
        let (command, places) = (served.machine.command(&["get-credentials"], &[]), places.clone());
        callers.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            run(command).await.credentials()["Expiration"].to_string()
        });
    }
    let answers: HashSet<String> = callers.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(served.machine.service.upstream.received(Upstream::Token).len(), 1);
    assert_eq!(assume_role_calls(&served.machine.service.upstream).len(), 1);
    let metrics = served.ask("/metrics").await.body;
    assert!(metrics.contains("credvend_requests_total{code=\"200\"} 500\n"), "{metrics}");
    assert!(metrics.contains("credvend_refreshes_total{identity=\"default\",result=\"success\"} 1\n"), "{metrics}");
}

async fn short_lived(seconds: u64) -> Machine {
    let machine = Machine::start().await;
    let lifetimes = Lifetimes { credentials: Duration::from_secs(seconds), token: Duration::from_secs(3600) };
    machine.service.upstream.set_lifetimes(lifetimes);
    machine
}

fn key(reply: &super::Reply) -> String {
    reply.json()["AccessKeyId"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn credentials_are_replaced_while_they_are_served() {
    let served = Served::on(short_lived(8).await, &[], &[]).await;
    let mut last = key(&served.ask("/credentials").await);
    for _ in 0..2 {
        let before = last.clone();
        let reply = served.ask_until("/credentials", |reply| reply.status != 200 || key(reply) != before).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        last = key(&reply);
    }
    assert_eq!(served.machine.service.upstream.received(Upstream::Token).len(), 1, "the token is still good");
}

/// While the services are down: what there is, without a wait, as long as it is valid; and the truth afterwards.
#[tokio::test]
async fn an_outage_is_unseen_until_the_credentials_end() {
    let mut served = Served::on(short_lived(12).await, &[], &[]).await;
    let first = key(&served.ask("/credentials").await);
    served.machine.service.upstream.break_service(Upstream::Sts, Fault::Status(503, "<html>down</html>".into()));
    let failing = |reply: &super::Reply| reply.body.contains("refresh fails");
    let ready = served.ask_until("/readyz", failing).await;
    assert_eq!(ready.status, 200, "they are still valid: {}", ready.body);
    assert_eq!(key(&served.ask("/credentials").await), first);
    let gone = served.ask_until("/credentials", |reply| reply.status != 200 || key(reply) != first).await;
    assert_eq!(gone.code(), (503, "ServiceUnavailable".into()));
    assert!(gone.headers.contains_key("retry-after"));
    assert_eq!(served.get("/readyz", &[]).await.status, 503);
    served.machine.service.upstream.mend();
    served.ask_until("/credentials", |reply| reply.status == 200).await;
    let output = served.process.stop().await;
    assert!(!output.contains("CANARY"), "{output}");
}

/// It starts before the network does: listening at once, ready as soon as there is something to give.
#[tokio::test]
async fn it_starts_before_the_identity_provider_does() {
    let closed = tests::http_server::closed_port().await;
    let machine = Machine::start().await;
    let endpoint = format!("{closed}/oauth2/token");
    let changes = [("COGNITO_TOKEN_ENDPOINT", endpoint.as_str())];
    let served = Served::on(machine, &[], &changes).await;
    let reply = served.ask_until("/credentials", |reply| reply.status != 200).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    // The one who waits for the first fetch is answered when it comes.
    let slow = HttpServer::start(|_| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let answer = json!({"access_token": token(), "expires_in": 3600, "token_type": "Bearer"});
        Reply::json(200, answer.to_string())
    })
    .await;
    let endpoint = format!("{}/oauth2/token", slow.url());
    let machine = Machine::start().await;
    let served = Served::on(machine, &[], &[("COGNITO_TOKEN_ENDPOINT", &endpoint)]).await;
    served.ask("/credentials").await.credentials();
}
