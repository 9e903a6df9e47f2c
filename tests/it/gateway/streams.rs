//! Bodies and trailers pass as they come, in both directions at once.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::by_hand::{ApiByHand, Line, head};
use super::raw_upstream::{RawReply, RawUpstream, read_chunks};
use super::{Answer, Gateway, Setup};

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const EXPECT: &str = "Expect: 100-continue\r\nContent-Length: 3\r\n";

pub(super) fn short_timeout() -> Setup<'static> {
    Setup { environment: vec![("UPSTREAM_TIMEOUT_SECONDS", "1".to_owned())], ..Setup::default() }
}

/// Waits for a metric to reach a value.
pub(super) async fn wait_for_metric(gateway: &Gateway, series: &str, value: f64) {
    let mut tries = 0;
    while (gateway.metric(series).await - value).abs() > 0.5 {
        tries += 1;
        assert!(tries < 1000, "{series} is {} and not {value}", gateway.metric(series).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_upstream_says_whether_it_wants_the_body() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    let mut caller = Line::to(&gateway).await;
    caller.write(head("POST /x", EXPECT)).await;
    let mut upstream = api.accept().await;
    assert!(upstream.head().await.to_ascii_lowercase().contains("expect: 100-continue\r\n"));
    assert!(caller.is_quiet().await && upstream.is_quiet().await, "nobody has said a word");
    upstream.write("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(caller.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    caller.write("abc").await;
    assert_eq!(upstream.take(3).await, b"abc");
    upstream.write(OK).await;
    let response = caller.until("ok").await;
    assert!(response.starts_with("HTTP/1.1 200 ") && !response.contains("connection: close"), "{response}");
    // Both connections go on.
    caller.write(head("GET /y", "")).await;
    assert!(upstream.head().await.starts_with("GET /y "));
    upstream.write(OK).await;
    caller.until("ok").await;
}

/// A caller that does not wait for the word has sent its body already; it goes nowhere.
#[tokio::test]
async fn a_body_that_was_refused_is_not_sent() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    let refused = async |status: u16, sends_at_once: bool| {
        let mut caller = Line::to(&gateway).await;
        let what = format!("POST /{status}-{sends_at_once}");
        caller.write(head(&what, EXPECT)).await;
        if sends_at_once {
            caller.write("abc").await;
        }
        let mut upstream = api.accept().await;
        let what = upstream.head().await;
        upstream.write(format!("HTTP/1.1 {} No\r\nContent-Length: 4\r\n\r\nab", &what[6..9])).await;
        // Longer than a caller waits that hears nothing.
        tokio::time::sleep(Duration::from_millis(1300)).await;
        assert!(upstream.is_quiet().await, "{what}");
        upstream.write("cd").await;
        assert_eq!(upstream.rest().await, b"", "{what}");
        let answer = caller.answer().await;
        assert_eq!(answer.body, b"abcd");
        assert_eq!(answer.header("connection"), "close", "what is left of the body is not the next request");
        answer.status
    };
    let statuses = tokio::join!(refused(417, false), refused(401, true), refused(413, true), refused(200, false));
    let mut statuses: [u16; 4] = statuses.into();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 413, 417]);
}

/// RFC 9110 §10.1.1: an upstream of HTTP/1.0 says nothing, and its time to respond begins when it has the body.
#[tokio::test]
async fn an_upstream_without_a_word_gets_the_body_all_the_same() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(short_timeout()).await;
    let mut caller = Line::to(&gateway).await;
    caller.write(head("POST /x", EXPECT)).await;
    let mut upstream = api.accept().await;
    upstream.head().await;
    assert_eq!(caller.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    caller.write("abc").await;
    assert_eq!(upstream.take(3).await, b"abc");
    upstream.write("HTTP/1.0 200 OK\r\n\r\nto the end").await;
    drop(upstream);
    assert!(caller.head().await.starts_with("HTTP/1.1 200 "));
    assert!(api.is_left_alone().await);
    for expectation in ["100-continue, x", "200-ok", "100-continue\r\nExpect: 100-continue"] {
        let answer = gateway.send("POST /x", &[("Authorization", &bearer()), ("Expect", expectation)], b"abc").await;
        assert_eq!(answer.verdict(), (417, "expectation_failed".to_owned()), "{expectation}");
    }
    assert!(api.is_left_alone().await);
}

pub(super) fn bearer() -> String {
    format!("Bearer {}", crate::service::token())
}

/// The upstream's time does not run while the caller owes bytes.
#[tokio::test]
async fn a_caller_that_pauses_its_upload_is_not_the_upstreams_fault() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(short_timeout()).await;
    let paused = async |framing: &str, first: &str, second: &str| {
        let mut caller = Line::to(&gateway).await;
        caller.write(head("PUT /x", framing)).await;
        caller.write(first).await;
        let mut upstream = api.accept().await;
        upstream.until("abc").await;
        tokio::time::sleep(Duration::from_millis(2200)).await;
        caller.write(second).await;
        upstream.until("def").await;
        upstream.write(OK).await;
        assert!(caller.until("ok").await.starts_with("HTTP/1.1 200 "));
    };
    tokio::join!(
        paused("Content-Length: 6\r\n", "abc", "def"),
        paused("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n", "3\r\ndef\r\n0\r\n\r\n"),
    );
}

#[tokio::test]
async fn a_response_before_the_upload_has_ended_is_passed_on() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    for round in 0..20 {
        let closes = round % 2 == 0;
        let mut caller = Line::to(&gateway).await;
        caller.write(head("POST /x", "Content-Length: 3000000\r\n")).await;
        caller.write(vec![b'a'; 10_000]).await;
        let mut upstream = api.accept().await;
        upstream.head().await;
        upstream.take(10_000).await;
        upstream.write("HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\n\r\nenough!").await;
        if closes {
            drop(upstream);
        }
        // The caller sends on; at some point nobody reads any more.
        let _ = caller.stream.write_all(&vec![b'a'; 100_000]).await;
        let response = caller.head().await.to_ascii_lowercase();
        assert!(response.starts_with("http/1.1 413 ") && response.contains("connection: close"), "{response}");
        assert_eq!(caller.take(7).await, b"enough!", "round {round}");
    }
}

#[tokio::test]
async fn trailers_pass_in_both_directions() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    let mut caller = Line::to(&gateway).await;
    let framing = "Transfer-Encoding: chunked\r\nTE: trailers\r\n\
                   Trailer: X-Sum, X-M2M-Client-ID, Authorization, x_m2m_scope, Content-Length\r\n";
    caller.write(head("POST /x", framing)).await;
    caller
        .write(
            "3\r\nabc\r\n0\r\nX-Sum: 42\r\nX-M2M-Client-ID: admin\r\nAuthorization: Bearer x\r\nx_m2m_scope: all\r\n\
             Content-Length: 9\r\nX-Undeclared: 1\r\n\r\n",
        )
        .await;
    let mut upstream = api.accept().await;
    let request = upstream.head().await.to_ascii_lowercase();
    assert!(request.contains("te: trailers\r\n") && request.contains("\r\ntrailer: x-sum\r\n"), "{request}");
    upstream.until("0\r\n").await;
    assert_eq!(upstream.head().await.to_ascii_lowercase(), "x-sum: 42\r\n\r\n");
    upstream
        .write(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 43\r\n\
             Connection: x\r\n\r\n",
        )
        .await;
    let response = caller.head().await.to_ascii_lowercase();
    assert!(response.contains("trailer: x-sum\r\n") && !response.contains("connection: close"), "{response}");
    assert_eq!(caller.until("0\r\n").await, "2\r\nok\r\n0\r\n");
    assert_eq!(caller.head().await.to_ascii_lowercase(), "x-sum: 43\r\n\r\n");
    // Both connections go on, and nobody has left.
    caller.write(head("GET /y", "")).await;
    assert!(upstream.head().await.starts_with("GET /y "));
    upstream.write(OK).await;
    caller.until("ok").await;
    wait_for_metric(&gateway, r#"credvend_gateway_requests_total{code="200",method="POST",route="unmatched"}"#, 1.0)
        .await;
}

#[tokio::test]
async fn events_pass_at_once_and_for_as_long_as_they_come() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(short_timeout()).await;
    let mut caller = Line::to(&gateway).await;
    caller.write(head("GET /events", "Accept: text/event-stream\r\n")).await;
    let mut upstream = api.accept().await;
    upstream.head().await;
    upstream.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    assert!(caller.head().await.contains("text/event-stream"), "the head does not wait for an event");
    for number in 0..5 {
        let event = format!("data: {number}\n\n");
        upstream.write(format!("{:x}\r\n{event}\r\n", event.len())).await;
        // The next event is not sent before this one is here.
        caller.until(&event).await;
        if number % 2 == 1 {
            tokio::time::sleep(Duration::from_millis(1300)).await;
        }
    }
    upstream.write("0\r\n\r\n").await;
    caller.until("0\r\n\r\n").await;
}

const LARGE: usize = 20 * 1024 * 1024;

/// Bytes that repeat late.
fn large() -> Vec<u8> {
    (0..LARGE).map(|at| u8::try_from((at * 31 + at / 4093) % 251).expect("less than 251")).collect()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + body.len() / 500);
    for chunk in body.chunks(17_001) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Sends and receives at once; whoever did one after the other would wait for ever.
async fn upload_and_download(is_chunked: bool) {
    let api = ApiByHand::start().await;
    let environment = vec![("MAX_BODY_BYTES", LARGE.to_string())];
    let gateway = api.gateway(Setup { environment, ..Setup::default() }).await;
    let body = large();
    let (framing, wire) = if is_chunked {
        ("Transfer-Encoding: chunked\r\n".to_owned(), chunked(&body))
    } else {
        (format!("Content-Length: {LARGE}\r\n"), body.clone())
    };
    let request = head("POST /x", &format!("Connection: close\r\n{framing}"));
    let (mut receives, mut sends) = gateway.connect().await.into_split();
    let served = async {
        let mut upstream = api.accept().await;
        let head = upstream.head().await;
        upstream.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n")).await;
        let held = upstream.take_held();
        let (mut from, mut to) = upstream.stream.into_split();
        let (mut seen, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        to.write_all(&held).await.unwrap();
        seen.extend_from_slice(&held);
        // What comes goes back: the request's chunks are the response's.
        while !is_complete(&seen, is_chunked) {
            let length = from.read(&mut buffer).await.unwrap();
            assert!(length > 0, "the request was cut off after {} bytes", seen.len());
            seen.extend_from_slice(&buffer[..length]);
            to.write_all(&buffer[..length]).await.unwrap();
        }
        (head, seen)
    };
    let sent = async {
        sends.write_all(request.as_bytes()).await.unwrap();
        sends.write_all(&wire).await.unwrap();
    };
    let received = async {
        let mut bytes = Vec::new();
        receives.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let ((head, seen), (), received) = tokio::join!(served, sent, received);
    let head = head.to_ascii_lowercase();
    assert_eq!(head.contains("transfer-encoding: chunked"), is_chunked, "{head}");
    assert_eq!(head.contains("content-length"), !is_chunked, "{head}");
    let seen = if is_chunked { read_chunks(&seen).expect("chunks").0 } else { seen };
    assert!(seen == body, "the upload is not what was sent");
    let answer = Answer::read_all(&received).remove(0);
    assert!(answer.body == body, "the download is not what was sent: {} bytes", answer.body.len());
}

fn is_complete(seen: &[u8], is_chunked: bool) -> bool {
    if is_chunked { seen.ends_with(b"\r\n0\r\n\r\n") } else { seen.len() == LARGE }
}

#[tokio::test]
async fn large_bodies_with_their_length_pass_both_ways_at_once() {
    upload_and_download(false).await;
}

#[tokio::test]
async fn large_bodies_in_chunks_pass_both_ways_at_once() {
    upload_and_download(true).await;
}

#[tokio::test]
async fn responses_without_a_body_and_encoded_ones() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec();
    let encoded = gzip.clone();
    let api = RawUpstream::start(move |request| match request.target() {
        "/head" => RawReply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nETag: \"a\"\r\n\r\n".to_vec()),
        "/204" => RawReply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        "/304" => RawReply::Bytes(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: \"a\"\r\n\r\n".to_vec()),
        "/gzip" => {
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", encoded.len());
            RawReply::Bytes([head.as_bytes(), &encoded].concat())
        }
        _ => RawReply::text("next"),
    })
    .await;
    let gateway = Gateway::start(Setup { api: Some(api), ..Setup::default() }).await;
    let mut caller = Line::to(&gateway).await;
    for (what, status, field) in [
        ("HEAD /head", 200, "content-length: 500"),
        ("GET /204", 204, "x-request-id"),
        ("GET /304", 304, "etag: \"a\""),
    ] {
        caller.write(head(what, "")).await;
        let response = caller.head().await.to_ascii_lowercase();
        assert!(response.starts_with(&format!("http/1.1 {status} ")) && response.contains(field), "{response}");
        caller.write(head("GET /", "")).await;
        assert!(caller.until("next").await.starts_with("HTTP/1.1 200 "), "nothing stands between {what} and the next");
    }
    assert_eq!(gateway.api.connections().len(), 1, "one connection did for all of them");
    let answer = gateway.call("GET /gzip").await;
    assert_eq!((answer.header("content-encoding"), &answer.body), ("gzip", &gzip));
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_upstreams_work() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    for (number, stage) in ["before the head", "in the response", "in the upload"].into_iter().enumerate() {
        let mut caller = Line::to(&gateway).await;
        let framing = if stage == "in the upload" { "Content-Length: 1000\r\n" } else { "" };
        caller.write(head("POST /x", framing)).await;
        let mut upstream = api.accept().await;
        upstream.head().await;
        if stage == "in the response" {
            upstream.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc").await;
            caller.until("abc").await;
        }
        drop(caller);
        assert_eq!(upstream.rest().await, b"", "{stage}");
        let left = r#"credvend_gateway_requests_total{code="499",method="POST",route="unmatched"}"#;
        wait_for_metric(&gateway, left, f64::from(u32::try_from(number).unwrap() + 1)).await;
        wait_for_metric(&gateway, r#"credvend_gateway_connections{side="upstream"}"#, 0.0).await;
        wait_for_metric(&gateway, "credvend_gateway_requests_in_flight", 0.0).await;
    }
}

/// RFC 9110 §8.6: some servers answer 411 where a method that means a body says nothing of its length.
#[tokio::test]
async fn a_request_without_a_body_says_so_where_it_counts() {
    let gateway = Gateway::start(Setup::default()).await;
    for (what, lengths) in [
        ("POST /x", vec!["0"]),
        ("PUT /x", vec!["0"]),
        ("PATCH /x", vec!["0"]),
        ("GET /x", vec![]),
        ("DELETE /x", vec![]),
    ] {
        let raw = format!(
            "{what} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            crate::service::token()
        );
        gateway.exchange(raw.as_bytes()).await;
        assert_eq!(gateway.api.take_only_request().values("content-length"), lengths, "{what}");
    }
}
