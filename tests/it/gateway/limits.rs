//! How large, how slow, how many and how often.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::token::{cognito_claims, now};
use tokio::net::{TcpSocket, TcpStream};

use super::by_hand::{ApiByHand, Line, head};
use super::keys::{Clock, call_with};
use super::{Gateway, Setup};
use crate::service::{CLIENT_ID, ISSUER, key, token, token_with};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn refused(code: &str, status: u16) -> (u16, String) {
    (status, code.to_owned())
}

fn with(name: &'static str, value: &str) -> Setup<'static> {
    Setup { environment: vec![(name, value.to_owned())], ..Setup::default() }
}

#[tokio::test]
async fn bodies_of_any_framing_have_one_limit() {
    let gateway = Gateway::start(with("MAX_BODY_BYTES", "1000")).await;
    let fits = vec![b'a'; 1000];
    let chunks = |length: usize| [format!("{length:x}\r\n").as_bytes(), &vec![b'a'; length], b"\r\n0\r\n\r\n"].concat();
    for (framing, body) in [("Content-Length: 1000\r\n", fits), ("Transfer-Encoding: chunked\r\n", chunks(1000))] {
        let mut caller = Line::to(&gateway).await;
        caller.write(head("POST /fits", &format!("Connection: close\r\n{framing}"))).await;
        caller.write(&body).await;
        assert_eq!(caller.answer().await.status, 200, "{framing}");
        assert_eq!(gateway.api.take_only_request().body.len(), 1000, "{framing}");
    }
    let connections = gateway.api.connections().len();
    for (framing, body) in [
        // Nothing of the body is waited for.
        ("Content-Length: 1001\r\n", vec![]),
        ("Content-Length: 1001\r\nExpect: 100-continue\r\n", vec![]),
        ("Content-Length: 18446744073709551615\r\n", b"abc".to_vec()),
    ] {
        let mut caller = Line::to(&gateway).await;
        caller.write(head("POST /large", framing)).await;
        caller.write(&body).await;
        let answer = caller.answer().await;
        let expected = if framing.contains("184467") && answer.status == 400 { 400 } else { 413 };
        assert_eq!(answer.status, expected, "{framing}");
        assert_eq!(answer.header("connection"), "close", "{framing}");
    }
    assert_eq!(gateway.api.connections().len(), connections, "nothing of them was sent");
    for body in [chunks(1001), [b"3e8\r\n".as_slice(), &vec![b'a'; 1000], b"\r\n1\r\na\r\n"].concat(), chunks(100_000)]
    {
        let mut caller = Line::to(&gateway).await;
        caller.write(head("POST /chunks", "Transfer-Encoding: chunked\r\n")).await;
        caller.write(&body).await;
        let answer = caller.answer().await;
        assert_eq!(answer.verdict(), refused("request_too_large", 413));
        assert_eq!(answer.header("connection"), "close");
    }
    assert!(gateway.api.requests().is_empty(), "no request reached the upstream whole");
    let none = Gateway::start(with("MAX_BODY_BYTES", "0")).await;
    assert_eq!(none.call("GET /").await.status, 200);
    let authorization = format!("Bearer {}", token());
    let answer = none.send("POST /", &[("Authorization", &authorization)], b"a").await;
    assert_eq!(answer.verdict(), refused("request_too_large", 413));
}

/// Headers have 10 s in all, a body 30 s from byte to byte; all waits side by side.
#[tokio::test]
async fn who_stands_still_is_told_so() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    let late_head = async |what: &str, bytes: &str| {
        let started = Instant::now();
        let mut caller = Line::to(&gateway).await;
        caller.write(bytes).await;
        let answer = caller.answer().await;
        assert_eq!(answer.verdict(), refused("request_timeout", 408), "{what}");
        assert!(!answer.header("x-request-id").is_empty() && answer.header("connection") == "close", "{what}");
        assert!(started.elapsed() >= Duration::from_secs(9), "{what}");
    };
    let dripping_head = async {
        let mut caller = Line::to(&gateway).await;
        caller.write("GET / HTTP/1.1\r\nHost: x\r\nX: ").await;
        for _ in 0..3 {
            caller.write("x").await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        assert_eq!(caller.answer().await.status, 408, "a byte now and then is no head");
    };
    let late_body = async |framing: &str, bytes: &str| {
        let started = Instant::now();
        let mut caller = Line::to(&gateway).await;
        caller.write(format!("{}{bytes}", head("POST /", framing))).await;
        let mut upstream = api.accept().await;
        upstream.until("abc").await;
        let answer = caller.answer().await;
        assert_eq!(answer.verdict(), refused("request_timeout", 408), "{framing}");
        assert!(started.elapsed() >= Duration::from_secs(29), "{framing}");
        upstream.rest().await;
    };
    tokio::join!(
        late_head("nothing", ""),
        late_head("a part of the line", "GET / HT"),
        late_head("a part of the headers", "GET / HTTP/1.1\r\nHost: x\r\n"),
        dripping_head,
        late_body("Content-Length: 10\r\n", "abc"),
        late_body("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"),
    );
}

#[tokio::test]
async fn more_connections_wait_until_others_end() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(with("MAX_CONNECTIONS", "2")).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut caller = Line::to(&gateway).await;
        caller.write(head("GET /busy", "Connection: close\r\n")).await;
        let mut upstream = api.accept().await;
        upstream.head().await;
        busy.push((caller, upstream));
    }
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut caller = Line::to(&gateway).await;
        caller.write(head("GET /waiting", "Connection: close\r\n")).await;
        waiting.push(caller);
    }
    assert!(api.is_left_alone().await, "there is no room");
    let (mut caller, mut upstream) = busy.remove(0);
    upstream.write(OK).await;
    assert_eq!(caller.answer().await.status, 200, "a request under way makes no room");
    for mut caller in waiting {
        // On the connection that the request before has left.
        assert!(upstream.head().await.starts_with("GET /waiting "));
        upstream.write(OK).await;
        assert_eq!(caller.answer().await.status, 200);
    }
    let (mut caller, mut upstream) = busy.remove(0);
    upstream.write(OK).await;
    assert_eq!(caller.answer().await.status, 200);
}

/// Whoever takes all connections and sends nothing, half a head, or nothing more, makes room for others.
#[tokio::test]
async fn one_source_does_not_lock_out_the_others() {
    let gateway = Gateway::start(with("MAX_CONNECTIONS", "8")).await;
    let unauthenticated = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";
    for (what, bytes) in [
        ("nothing", String::new()),
        ("half a head", "GET / HTTP/1.1\r\nHost: x\r\n".to_owned()),
        ("half a body, without a token", unauthenticated.to_owned()),
        ("idle", head("GET /", "")),
    ] {
        let mut hostile = Vec::new();
        for _ in 0..10 {
            let mut line = Line::new(connect_from("127.0.0.2", &gateway).await);
            // It may have had to make room already.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut line.stream, bytes.as_bytes()).await;
            hostile.push(line);
        }
        for _ in 0..3 {
            assert_eq!(gateway.call("GET /").await.status, 200, "{what}");
        }
    }
}

async fn connect_from(address: &str, gateway: &Gateway) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(gateway.address.parse().unwrap()).await.unwrap()
}

fn token_of(client: &str) -> String {
    key().token(&cognito_claims(ISSUER, client))
}

/// So many requests a minute, and no minute passes.
fn limited(clock: &Clock, per_minute: &str) -> Vec<(&'static str, String)> {
    let mut environment = clock.environment();
    environment.push(("RATE_LIMIT_PER_MINUTE", per_minute.to_owned()));
    environment
}

#[tokio::test]
async fn requests_a_minute_of_one_client() {
    let clock = Clock::new();
    let environment = limited(&clock, "30");
    let routes = "[[route]]\npath = \"/admin\"\nmethods = [\"GET\"]\nscopes = [\"admin\"]\n";
    let gateway = Gateway::start(Setup { environment, routes: Some(routes), ..Setup::default() }).await;
    let one = token_of("one");
    // What is refused for another reason does not count.
    for _ in 0..5 {
        assert_eq!(call_with(&gateway, "GET /admin", &one).await.status, 403);
        assert_eq!(call_with(&gateway, "POST /admin", &one).await.status, 405);
    }
    // A tenth at once: with one cached token, or with as many as there are.
    let other = key().token(&{
        let mut claims = cognito_claims(ISSUER, "one");
        claims["jti"] = json!("another");
        claims
    });
    for token in [&one, &one, &other] {
        assert_eq!(call_with(&gateway, "GET /", token).await.status, 200);
    }
    for token in [&one, &other, &one, &one] {
        let answer = call_with(&gateway, "GET /", token).await;
        assert_eq!(answer.verdict(), refused("rate_limited", 429));
        let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=2).contains(&seconds), "{seconds}");
    }
    assert_eq!(call_with(&gateway, "GET /", &token_of("two")).await.status, 200, "another client has its own");
    clock.set(2);
    assert_eq!(call_with(&gateway, "GET /", &one).await.status, 200, "refused requests have not counted");
    clock.set(1000);
    for _ in 0..3 {
        assert_eq!(call_with(&gateway, "GET /", &one).await.status, 200);
    }
    assert_eq!(call_with(&gateway, "GET /", &one).await.status, 429, "no more than a tenth is saved up");
}

#[tokio::test]
async fn few_a_minute_are_one_at_once() {
    for per_minute in ["1", "9", "19"] {
        let clock = Clock::new();
        let gateway = Gateway::start(Setup { environment: limited(&clock, per_minute), ..Setup::default() }).await;
        assert_eq!(gateway.call("GET /").await.status, 200, "{per_minute}");
        assert_eq!(gateway.call("GET /").await.status, 429, "{per_minute}");
    }
}

#[tokio::test]
async fn a_route_has_a_limit_a_client() {
    let routes = "[[route]]\npath = \"/a/*\"\nrate_limit_per_minute = 10\n\
                  [[route]]\npath = \"/b\"\nrate_limit_per_minute = 10\n";
    let clock = Clock::new();
    let environment = limited(&clock, "40");
    let gateway = Gateway::start(Setup { routes: Some(routes), environment, ..Setup::default() }).await;
    let (one, two) = (token_of("one"), token_of("two"));
    assert_eq!(call_with(&gateway, "GET /a/x", &one).await.status, 200);
    for _ in 0..6 {
        assert_eq!(call_with(&gateway, "GET /a/y", &one).await.verdict(), refused("rate_limited", 429));
    }
    assert_eq!(call_with(&gateway, "GET /b", &one).await.status, 200, "another route");
    assert_eq!(call_with(&gateway, "GET /a/x", &two).await.status, 200, "another client");
    for _ in 0..2 {
        assert_eq!(call_with(&gateway, "GET /c", &one).await.status, 200, "what a route refused counts nowhere");
    }
    assert_eq!(call_with(&gateway, "GET /c", &one).await.status, 429, "four at once in all");
    let limited = r#"credvend_gateway_requests_total{code="429",method="GET",route="/a/*"}"#;
    assert!((gateway.metric(limited).await - 6.0).abs() < 0.5);
}

/// 401, then 404 or 405, then 403, then 429: each request deserves all that come later as well.
#[tokio::test]
async fn refusals_have_an_order() {
    let routes = "only_listed = true\n\
                  [[route]]\npath = \"/a\"\nmethods = [\"GET\"]\nscopes = [\"admin\"]\nrate_limit_per_minute = 10\n";
    let clock = Clock::new();
    let environment = limited(&clock, "10");
    let gateway = Gateway::start(Setup { routes: Some(routes), environment, ..Setup::default() }).await;
    let admin = token_with(json!({"scope": "admin"}));
    assert_eq!(call_with(&gateway, "GET /a", &admin).await.status, 200, "the share is used up");
    let expired = token_with(json!({"exp": now() - 1000}));
    let plain = token();
    for (what, token, verdict) in [
        ("PUT /other", &expired, refused("invalid_token", 401)),
        ("PUT /a", &expired, refused("invalid_token", 401)),
        ("GET /a", &expired, refused("invalid_token", 401)),
        ("PUT /other", &plain, refused("not_found", 404)),
        ("PUT /a", &plain, refused("method_not_allowed", 405)),
        ("PUT /a", &admin, refused("method_not_allowed", 405)),
        ("GET /a", &plain, refused("insufficient_scope", 403)),
        ("GET /a", &admin, refused("rate_limited", 429)),
        ("HEAD /a", &admin, (429, "ok".to_owned())),
    ] {
        let answer = call_with(&gateway, what, token).await;
        assert_eq!(answer.verdict(), verdict, "{what}");
        assert!(!answer.header("x-request-id").is_empty(), "{what}");
        if verdict.0 == 405 {
            assert_eq!(answer.header("allow"), "GET, HEAD", "{what}");
        }
    }
    assert_eq!(call_with(&gateway, "GET /a", &token_of(CLIENT_ID)).await.status, 403);
    assert_eq!(gateway.api.requests().len(), 1);
}
