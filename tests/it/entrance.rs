//! The plain-HTTP service's connections: who holds them, and what they respond where no request reached a route.

use std::collections::HashMap;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::events::join_all;
use crate::service::{Service, Setup, token};

const PENDING_BODY: &str = "POST /credentials HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";

/// A connection on which this was sent.
async fn connection(service: &Service, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service.url.strip_prefix("http://").expect("a URL")).await.expect("it listens");
    // One that has been ended already is none the worse for that.
    let _ = stream.write_all(sent.as_bytes()).await;
    stream
}

/// The last response of a connection, once the service has ended it.
async fn last_response(name: &str, mut stream: TcpStream) -> (u16, HashMap<String, String>, Value) {
    let mut text = String::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_string(&mut text)).await;
    let read = read.unwrap_or_else(|_| panic!("{name}: not ended after {text:?}"));
    read.unwrap_or_else(|error| panic!("{name}: {error} after {text:?}"));
    let last = &text[text.rfind("HTTP/1.1 ").unwrap_or_else(|| panic!("no response: {text:?}"))..];
    let (head, body) = last.split_once("\r\n\r\n").expect("a whole head");
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    (head[9..12].parse().expect("a status"), headers, serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}")))
}

/// The form of every error of the API.
async fn assert_error(name: &str, stream: TcpStream, status: u16, code: &str) {
    let (found, headers, body) = last_response(name, stream).await;
    assert_eq!((found, &body["error"]), (status, &json!(code)), "{name}: {body}");
    assert_eq!(body["retryable"], [408, 503].contains(&status), "{name}");
    assert!(body["error_description"].as_str().is_some_and(|text| text.len() > 10), "{name}: {body}");
    assert!(body["request_id"].as_str().is_some_and(|id| id.len() == 32), "{name}: {body}");
    let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!(body["request_id"], header("x-request-id"), "{name}");
    assert_eq!(header("content-type"), "application/json", "{name}");
    assert_eq!(header("cache-control"), "no-store", "{name}");
    assert_eq!(header("connection"), "close", "{name}");
    assert_eq!(header("retry-after").is_empty(), status != 503, "{name}");
}

/// More of them than there are permits, from the very peer whose next request is served.
#[tokio::test]
async fn bodies_that_never_come_stop_nobody() {
    let proxy = vec![("TRUSTED_PROXY_CIDRS", "127.0.0.1".to_owned())];
    for (environment, crowd) in [(vec![], 100), (proxy, 530)] {
        let service = Service::start(Setup { environment, ..Setup::default() }).await;
        let heads = [
            PENDING_BODY,
            "POST /credentials HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
            "GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n",
            "POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n",
        ];
        let mut waiting = Vec::new();
        for index in 0..crowd {
            waiting.push(connection(&service, heads[index % heads.len()]).await);
        }
        for _ in 0..3 {
            assert_eq!(service.send(service.request("GET", "/health")).await.status, 200, "{crowd}");
            assert_eq!(service.vend(&token()).await.status, 200, "{crowd}");
        }
        for stream in waiting.into_iter().take(10) {
            assert_error("evicted", stream, 503, "service_unavailable").await;
        }
        let records = service.audit().await;
        let evicted = records.iter().find(|record| record["code"] == "service_unavailable").expect("it is on record");
        assert_eq!((&evicted["decision"], &evicted["source_ip"]), (&json!("error"), &json!("127.0.0.1")), "{evicted}");
    }
}

/// A proxy that is named stands for many; everybody else has a share.
#[tokio::test]
async fn a_share_of_the_connections_for_whoever_is_no_named_proxy() {
    for (proxies, is_named) in [("127.0.0.0/8", true), ("10.0.0.1, 127.0.0.1", true), ("192.0.2.1", false)] {
        let environment = vec![("TRUSTED_PROXY_CIDRS", proxies.to_owned())];
        let service = Service::start(Setup { environment, ..Setup::default() }).await;
        let mut idle = Vec::new();
        for _ in 0..80 {
            idle.push(connection(&service, "").await);
        }
        assert_eq!(service.send(service.request("GET", "/health")).await.status, 200, "{proxies}");
        let oldest = idle.remove(0);
        if is_named {
            let nothing = oldest.try_read(&mut [0; 1]).expect_err("it is kept");
            assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "{proxies}");
        } else {
            assert_error(proxies, oldest, 503, "service_unavailable").await;
        }
    }
}

/// Late ones take 10 s, all of them at once.
#[tokio::test]
async fn whatever_a_connection_responds_has_the_form_of_the_api() {
    let service = Service::start(Setup::default()).await;
    let whole = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let long = format!("GET /health HTTP/1.1\r\nx-long: {}\r\n\r\n", "x".repeat(200_000));
    let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    let cases = [
        ("nothing", String::new(), 408, "request_timeout"),
        ("half a head", "GET /health HTTP/1.1\r\nho".to_owned(), 408, "request_timeout"),
        ("half a head with the request before", format!("{whole}GET /hea"), 408, "request_timeout"),
        (
            "half a head with a body before",
            format!("{PENDING_BODY}0123456789POST / HTTP/1.1\r\n"),
            408,
            "request_timeout",
        ),
        ("a late body", PENDING_BODY.to_owned(), 408, "request_timeout"),
        ("a late rest of a body", format!("{PENDING_BODY}012345678"), 408, "request_timeout"),
        (
            "a bad chunk",
            PENDING_BODY.replace("content-length: 10", "transfer-encoding: chunked") + "zz\r\n",
            400,
            "invalid_request",
        ),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("TLS", "\u{16}\u{3}\u{1}\u{0}\u{1}".to_owned(), 400, "invalid_request"),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505, "http_version_not_supported"),
        ("a header without a colon", whole.replace("host: x", "host"), 400, "invalid_request"),
        ("garbage after a request", format!("{whole}{whole}\u{1}\r\n\r\n"), 400, "invalid_request"),
        ("two lengths", PENDING_BODY.replace("host: x", "content-length: 9"), 400, "invalid_request"),
        ("a long header", long, 431, "headers_too_large"),
        ("many headers", many, 431, "headers_too_large"),
    ];
    let mut checks = Vec::new();
    for (name, sent, status, code) in &cases {
        let stream = connection(&service, sent).await;
        checks.push(assert_error(name, stream, *status, code));
    }
    join_all(checks).await;
    let records = service.audit().await;
    let mut codes: Vec<_> = records.iter().map(|line| line["code"].as_str().expect("a code")).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["invalid_request", "invalid_request", "request_timeout", "request_timeout"]);
    for record in records {
        assert_eq!((&record["decision"], &record["route"]), (&json!("deny"), &json!("POST /credentials")), "{record}");
        assert_eq!(record["source_ip"], "127.0.0.1", "{record}");
        assert!(record["Denials"] == 1 && record["request_id"].as_str().is_some_and(|id| id.len() == 32), "{record}");
    }
}

/// Nobody waits for a response any more, and the line is there all the same.
#[tokio::test]
async fn a_body_that_was_cut_off_is_on_record() {
    let service = Service::start(Setup::default()).await;
    for (path, body) in [("/credentials", "0123"), ("/explain", ""), ("/health", "0"), ("/nothing", "0")] {
        let mut stream = connection(&service, &format!("{}{body}", PENDING_BODY.replace("/credentials", path))).await;
        stream.shutdown().await.expect("it is open");
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let records = service.audit().await;
    let routes: Vec<_> = records.iter().map(|record| record["route"].as_str().expect("a route")).collect();
    assert_eq!(routes, ["POST /credentials", "POST /explain"]);
    for record in &records {
        assert_eq!((&record["decision"], &record["code"]), (&json!("deny"), &json!("invalid_request")), "{record}");
        assert!(record["reason"].as_str().is_some_and(|reason| reason.contains("cut off")), "{record}");
    }
}

#[tokio::test]
async fn a_stop_is_told_to_those_who_wait() {
    let service = Service::start(Setup::default()).await;
    let mut waiting = Vec::new();
    for sent in ["", "GET /hea", "GET /health HTTP/1.1\r\nhost: x\r\n"] {
        waiting.push((sent, connection(&service, sent).await));
    }
    // A connection after them has been answered, so they have been accepted.
    service.send(service.request("GET", "/health")).await;
    service.process.signal(Signal::TERM);
    for (sent, stream) in waiting {
        assert_error(sent, stream, 503, "service_unavailable").await;
    }
}
