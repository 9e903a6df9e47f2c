//! An upstream, or an issuer, that does not do what it should. It is never the caller's fault: no 401, no 403.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tests::http_server::closed_port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::by_hand::{ApiByHand, Line, head};
use super::raw_upstream::{RawReply, RawUpstream};
use super::{Answer, Gateway, Setup};

/// A refusal is JSON, names its request, and says whether another try may help.
fn assert_refused(answer: &Answer, verdict: (u16, &str), what: &str) {
    assert_eq!(answer.verdict(), (verdict.0, verdict.1.to_owned()), "{what}");
    let body = answer.json();
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    assert_eq!(body["request_id"], answer.header("x-request-id"), "{what}");
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    assert_eq!(body["retryable"], matches!(verdict.0, 408 | 429 | 500..), "{what}");
    assert!(body["error_description"].is_string(), "{what}");
}

const TIMEOUT: (&str, &str) = ("UPSTREAM_TIMEOUT_SECONDS", "1");

fn short_timeout() -> Vec<(&'static str, String)> {
    vec![(TIMEOUT.0, TIMEOUT.1.to_owned())]
}

/// What an upstream sends in place of a response, and what the caller gets.
fn no_responses() -> Vec<(&'static str, Vec<u8>)> {
    let two_lengths = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc".to_vec();
    let switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec();
    let old_chunks = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".to_vec();
    let mut large = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    large.resize(1_000_000, b'x');
    large.extend_from_slice(b"\r\n\r\n");
    vec![
        ("nothing", Vec::new()),
        ("half-a-line", b"HTTP/1.1 20".to_vec()),
        ("half-a-head", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
        ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        ("tls", b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n".to_vec()),
        ("html", b"<html>oops</html>\r\n\r\n".to_vec()),
        ("http-2", b"HTTP/2.0 200 OK\r\n\r\n".to_vec()),
        ("no-status", b"HTTP/1.1 OK\r\n\r\n".to_vec()),
        ("long-status", b"HTTP/1.1 2000 OK\r\n\r\n".to_vec()),
        ("no-header", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n".to_vec()),
        ("nul", b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ("bad-length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".to_vec()),
        ("two-lengths", two_lengths),
        ("old-chunks", old_chunks),
        ("switched", switched),
        ("large", large),
    ]
}

#[tokio::test]
async fn what_is_no_response_is_the_upstreams_fault() {
    let api = RawUpstream::start(|request| {
        let found = no_responses().into_iter().find(|(name, _)| request.target() == format!("/{name}"));
        found.map_or(RawReply::text("ok"), |(_, bytes)| RawReply::ThenClose(bytes))
    })
    .await;
    let mut gateway = Gateway::start(Setup { api: Some(api), ..Setup::default() }).await;
    for (name, _) in no_responses() {
        for method in ["GET", "POST"] {
            let answer = gateway.call(&format!("{method} /{name}")).await;
            assert_refused(&answer, (502, "upstream_unavailable"), name);
            let requests = gateway.api.requests();
            let sent =
                requests.iter().filter(|request| request.line.starts_with(&format!("{method} /{name} "))).count();
            assert_eq!(sent, 1, "{method} {name} was sent more than once");
        }
        assert_eq!(gateway.call("GET /").await.status, 200, "after {name}");
    }
    let series = r#"credvend_gateway_denials_total{code="upstream_unavailable"}"#;
    let expected = u32::try_from(2 * no_responses().len()).unwrap();
    assert!((gateway.metric(series).await - f64::from(expected)).abs() < 0.5);
    let decisions: Vec<_> = gateway.audit().await.iter().map(|line| line["decision"].clone()).collect();
    assert!(
        decisions.iter().all(|decision| decision == "allow"),
        "what the upstream does is no decision: {decisions:?}"
    );
}

/// The caller can tell that a response is not whole, and what is left of one is no part of the next.
#[tokio::test]
async fn lengths_that_lie() {
    let hidden = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden";
    let cases = [
        ("short", "Content-Length: 10\r\n\r\nabc".to_owned(), "abc", false),
        ("short-chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".to_owned(), "abc", false),
        ("short-chunk", "Transfer-Encoding: chunked\r\n\r\n9\r\nabc".to_owned(), "abc", false),
        ("long", format!("Content-Length: 3\r\n\r\nabc{hidden}"), "abc", true),
        ("long-empty", format!("Content-Length: 0\r\n\r\n{hidden}"), "", true),
        ("long-chunks", format!("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{hidden}"), "abc", true),
        (
            "both",
            format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{hidden}"),
            "abc",
            true,
        ),
        ("equal-lengths", "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "abc", true),
    ];
    let table = cases.clone();
    let api = RawUpstream::start(move |request| {
        let found = table.iter().find(|(name, ..)| request.target() == format!("/{name}"));
        match found {
            None => RawReply::text("next"),
            Some((_, rest, _, true)) => RawReply::Bytes(format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes()),
            Some((_, rest, _, false)) => RawReply::ThenClose(format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes()),
        }
    })
    .await;
    let gateway = Gateway::start(Setup { api: Some(api), ..Setup::default() }).await;
    for (name, _, body, is_whole) in cases {
        let mut caller = Line::to(&gateway).await;
        caller.write(head(&format!("GET /{name}"), "Connection: close\r\n")).await;
        let head = caller.head().await.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{name}: {head}");
        let chunked = head.contains("transfer-encoding: chunked");
        assert_eq!(u8::from(chunked) + u8::from(head.contains("content-length:")), 1, "{name}: {head}");
        assert!(head.matches("content-length").count() <= 1, "{name}: {head}");
        let rest = String::from_utf8(caller.rest().await).unwrap();
        let whole = if chunked { format!("3\r\n{body}\r\n0\r\n\r\n") } else { body.to_owned() };
        if is_whole {
            assert_eq!(rest, whole, "{name}");
        } else if chunked {
            assert!(whole.starts_with(&rest) && rest.len() < whole.len(), "{name}: {rest:?}");
        } else {
            assert!(head.contains("content-length: 10") && body.starts_with(&rest), "{name}: {rest:?}");
        }
        assert_eq!(gateway.call("GET /").await.body, b"next", "after {name}");
    }
}

#[tokio::test]
async fn an_upstream_that_resets() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    let before_the_head = async {
        let mut upstream = api.accept().await;
        upstream.head().await;
        upstream.reset();
    };
    let (answer, ()) = tokio::join!(gateway.call("POST /"), before_the_head);
    assert_refused(&answer, (502, "upstream_unavailable"), "before the head");
    let mut caller = Line::to(&gateway).await;
    caller.write(head("GET /", "")).await;
    let mut upstream = api.accept().await;
    upstream.head().await;
    upstream.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc").await;
    caller.until("\r\n\r\nabc").await;
    upstream.reset();
    assert_eq!(caller.rest().await, b"", "the caller's connection ends, and nothing is added");
    assert!(api.is_left_alone().await);
}

#[tokio::test]
async fn an_upstream_that_is_silent_or_slow() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup { environment: short_timeout(), ..Setup::default() }).await;
    // Nobody accepts, and the kernel completes the connections.
    let calls = ["GET /", "POST /", "DELETE /"].map(|what| gateway.call(what));
    let [first, second, third] = calls;
    let answers = tokio::join!(first, second, third);
    for answer in [answers.0, answers.1, answers.2] {
        assert_refused(&answer, (504, "upstream_timeout"), "silent");
    }
    let mut silent = api.accept().await;
    silent.head().await;
    assert_eq!(silent.rest().await, b"", "the connection ends, for nobody waits for its response");

    // A queue of connections that is full: the system drops what else comes.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let fill = TcpStream::connect(address).await.unwrap();
    let url = vec![("UPSTREAM_URL", format!("http://{address}"))];
    let patient = Gateway::start(Setup { environment: url.clone(), ..Setup::default() }).await;
    let environment = [url, short_timeout()].concat();
    let hurried = Gateway::start(Setup { environment, ..Setup::default() }).await;
    let (patient, hurried) = tokio::join!(patient.call("GET /"), hurried.call("GET /"));
    assert_refused(&patient, (502, "upstream_unavailable"), "slow to connect");
    assert_refused(&hurried, (504, "upstream_timeout"), "slow to connect");
    drop((fill, full));
}

#[tokio::test]
async fn an_upstream_that_comes_back() {
    let address = closed_port().await;
    let environment = vec![("UPSTREAM_URL", address.clone())];
    let gateway = Gateway::start(Setup { environment, ..Setup::default() }).await;
    assert_eq!(gateway.operators("/readyz").await.status, 200, "a gateway that answers 502 tells more than none");
    for what in ["GET /", "POST /"] {
        assert_refused(&gateway.call(what).await, (502, "upstream_unavailable"), what);
    }
    let listener = TcpListener::bind(address.strip_prefix("http://").unwrap()).await.unwrap();
    let served = async {
        let mut upstream = Line::new(listener.accept().await.unwrap().0);
        upstream.head().await;
        upstream.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        upstream
    };
    let (answer, _upstream) = tokio::join!(gateway.call("GET /"), served);
    assert_eq!(answer.status, 204);
}

/// A request is sent once more only when nothing of it can have been read.
#[tokio::test]
async fn a_kept_connection_that_was_closed() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (method, body) in [("GET", ""), ("POST", "abc"), ("DELETE", "")] {
        let mut caller = Line::to(&gateway).await;
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{}{body}", head(&format!("{method} /x"), &length));
        caller.write(&request).await;
        let mut upstream = api.accept().await;
        upstream.until(&format!("\r\n\r\n{body}")).await;
        upstream.write(ok).await;
        caller.until("ok").await;
        // Closed before the next request.
        drop(upstream);
        caller.write(&request).await;
        let mut upstream = api.accept().await;
        upstream.until(&format!("\r\n\r\n{body}")).await;
        upstream.write(ok).await;
        assert!(caller.until("ok").await.starts_with("HTTP/1.1 200 "), "{method} goes on a new connection");
        // Closed when the next request was read.
        caller.write(&request).await;
        upstream.until(&format!("\r\n\r\n{body}")).await;
        drop(upstream);
        assert!(caller.head().await.starts_with("HTTP/1.1 502 "), "{method}");
        caller.until("}").await;
        assert!(api.is_left_alone().await, "{method} was sent twice");
    }
}

/// A certificate, and what signs it.
struct Tls {
    ca_pem: String,
    acceptor: TlsAcceptor,
}

fn tls(name: &str, is_expired: bool) -> Tls {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if is_expired {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = versions.with_no_client_auth().with_single_cert(chain, key).unwrap();
    Tls { ca_pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
}

#[tokio::test]
async fn an_upstream_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    for (what, name, is_expired, is_trusted, status) in [
        ("right", "localhost", false, true, 200),
        ("another name", "api.example.com", false, true, 502),
        ("expired", "localhost", true, true, 502),
        ("an unknown authority", "localhost", false, false, 502),
    ] {
        let Tls { ca_pem, acceptor } = tls(name, is_expired);
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, if is_trusted { ca_pem } else { tls("x", false).ca_pem }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let environment = vec![
            ("UPSTREAM_URL", format!("https://localhost:{port}/v1")),
            ("SSL_CERT_FILE", file.display().to_string()),
        ];
        let gateway = Gateway::start(Setup { environment, ..Setup::default() }).await;
        let served = tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(listener.accept().await.unwrap().0).await else {
                return String::new();
            };
            let mut seen = Vec::new();
            for _ in 0..2 {
                while !seen.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                        return String::from_utf8_lossy(&seen).into_owned();
                    }
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                seen.extend_from_slice(b"--");
            }
            String::from_utf8_lossy(&seen).into_owned()
        });
        for _ in 0..2 {
            let answer = gateway.call("GET /x").await;
            if status != 200 {
                assert_refused(&answer, (502, "upstream_unavailable"), what);
                break;
            }
            assert_eq!(answer.status, status, "{what}");
        }
        let seen = served.await.unwrap();
        assert_eq!(seen.matches("GET /v1/x HTTP/1.1\r\n").count(), if status == 200 { 2 } else { 0 }, "{what}: {seen}");
        assert!(!seen.contains("Bearer"), "{what}");
    }
    // An upstream that speaks no TLS where it should.
    let plain = RawUpstream::ok().await;
    let environment = vec![("UPSTREAM_URL", format!("https://localhost:{}", plain.address.port()))];
    let gateway = Gateway::start(Setup { environment, ..Setup::default() }).await;
    assert_refused(&gateway.call("GET /").await, (502, "upstream_unavailable"), "no TLS");
    assert!(plain.requests().is_empty());
}
