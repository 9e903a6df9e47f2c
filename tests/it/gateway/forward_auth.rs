//! Forward-auth: the request shapes of nginx, Traefik, Caddy and Envoy, sent raw.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, Gateway, Setup, read_to_end};
use crate::service::{CLIENT_ID, ISSUER, token};

/// The ready configurations, in nginx and Caddy themselves.
mod proxies;

/// The token of the registered client has `credvend-api/read` and `credvend-api/write`.
const ROUTES: &str = r#"
only_listed = true
[[route]]
path = "/public/*"
[[route]]
path = "/db/*"
methods = ["GET"]
scopes = ["credvend-api/read"]
[[route]]
path = "/admin/*"
scopes = ["credvend-api/admin"]
[[route]]
path = "/seldom"
rate_limit_per_minute = 1
"#;

async fn gateway(environment: &[(&'static str, &str)]) -> Gateway {
    let own = [("AUTH_LISTEN_ADDRESS", "127.0.0.1:0"), ("TRUSTED_PROXY_CIDRS", "127.0.0.0/8")];
    let environment = own.iter().chain(environment).map(|(name, value)| (*name, (*value).to_owned())).collect();
    Gateway::start(Setup { routes: Some(ROUTES), environment, ..Setup::default() }).await
}

fn auth_address(gateway: &Gateway) -> &str {
    gateway.auth_address.as_deref().expect("forward-auth is on")
}

/// Sends a request on a connection of its own; `headers` are whole lines.
async fn ask(address: &str, line: &str, headers: &[&str]) -> Answer {
    let headers = [&["Connection: close"], headers].concat().join("\r\n");
    let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.expect("somebody listens");
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let bytes = read_to_end(&mut stream).await;
    let answer = Answer::read_all(&bytes).into_iter().find(|answer| answer.status >= 200);
    answer.unwrap_or_else(|| panic!("{line} was not answered: {}", bytes.escape_ascii()))
}

fn bearer() -> String {
    format!("Authorization: Bearer {}", token())
}

/// As nginx, Traefik, Caddy and Envoy name a request.
fn in_each_form(method: &str, uri: &str) -> Vec<(String, Vec<String>)> {
    let named = |uri_name: &str, method_name: &str| {
        ("GET /auth".to_owned(), vec![format!("{uri_name}: {uri}"), format!("{method_name}: {method}")])
    };
    vec![
        named("X-Original-URI", "X-Original-Method"),
        named("X-Forwarded-Uri", "X-Forwarded-Method"),
        (format!("{method} /auth{uri}"), vec!["Content-Length: 0".to_owned()]),
    ]
}

#[tokio::test]
async fn the_decision_is_about_the_request_that_each_proxy_names() {
    let mut gateway = gateway(&[]).await;
    let address = auth_address(&gateway).to_owned();
    for (method, uri, status, code) in [
        ("GET", "/db/x?a=/admin/y", 200, "ok"),
        ("HEAD", "/db/x", 200, "ok"),
        ("POST", "/public/x", 200, "ok"),
        ("GET", "/public/a%20b/%C3%A4/%c3%a4", 200, "ok"),
        ("POST", "/db/x", 405, "method_not_allowed"),
        ("GET", "/admin/x", 403, "insufficient_scope"),
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/health", 404, "not_found"),
        // What the upstream gets is not normalised any more.
        ("GET", "/admin/../public/x", 400, "invalid_request"),
        ("GET", "/public/../admin/x", 400, "invalid_request"),
        ("GET", "/public//../admin/x", 400, "invalid_request"),
        ("GET", "//public/x", 400, "invalid_request"),
        ("GET", "/public/./x", 400, "invalid_request"),
        ("GET", "/public/%2e%2E/admin", 400, "invalid_request"),
        ("GET", "/%70ublic/x", 400, "invalid_request"),
        ("GET", "/public%2fx", 400, "invalid_request"),
        ("GET", "/public/..;/admin", 400, "invalid_request"),
        ("GET", "/public;a/x", 400, "invalid_request"),
        ("GET", "/public/x#/../admin", 400, "invalid_request"),
        ("GET", "/public/%", 400, "invalid_request"),
    ] {
        for (line, mut headers) in in_each_form(method, uri) {
            headers.push(bearer());
            let headers: Vec<_> = headers.iter().map(String::as_str).collect();
            let answer = ask(&address, &line, &headers).await;
            let is_head = line.starts_with("HEAD ") && answer.status == 200;
            assert!(is_head || answer.verdict() == (status, code.to_owned()), "{line} {headers:?}: {answer:?}");
            let identity = [answer.header("x-m2m-client-id"), answer.header("x-m2m-issuer")];
            let expected = if status == 200 { [CLIENT_ID, ISSUER] } else { ["", ""] };
            assert_eq!(identity, expected, "{line} {headers:?}");
            assert!(!answer.header("x-request-id").is_empty());
        }
    }
    assert!(gateway.api.connections().is_empty(), "forward-auth sends nothing on");
    let lines = gateway.audit().await;
    assert_eq!(
        lines.len(),
        20 * 3 - 1,
        "one line a decision, tricks with the path included; a fragment on the wire is none"
    );
}

#[tokio::test]
async fn what_is_named_in_no_way_or_in_two_is_no_question() {
    let gateway = gateway(&[]).await;
    let original = ["X-Original-URI: /public/x", "X-Original-Method: GET"];
    let forwarded = ["X-Forwarded-Uri: /public/x", "X-Forwarded-Method: GET"];
    for (line, headers) in [
        ("GET /auth", vec![]),
        ("GET /auth?/public/x", vec![]),
        ("GET /auth", [original, forwarded].concat()),
        ("GET /auth/public/x", original.to_vec()),
        ("GET /auth/public/x", forwarded.to_vec()),
        ("GET /auth/public/x", vec![forwarded[0]]),
        ("GET /auth", vec![original[0]]),
        ("GET /auth", vec![original[1]]),
        ("GET /auth", vec![forwarded[0]]),
        ("GET /auth", vec![original[0], forwarded[1]]),
        ("GET /auth", vec![original[0], original[1], original[0]]),
        ("GET /auth", vec![original[0], original[1], original[1]]),
        ("GET /auth", vec![forwarded[0], forwarded[1], "X-Forwarded-Uri: /admin/x"]),
        ("GET /auth", vec![original[0], original[1], forwarded[0]]),
        ("GET /auth", vec![original[0], "X-Original-Method: GET /"]),
        ("GET /auth", vec![original[0], "X-Original-Method:"]),
        ("GET /auth", vec!["X-Original-URI:", original[1]]),
        ("GET /auth", vec!["X-Original-URI: public/x", original[1]]),
        ("GET /auth", vec!["X-Original-URI: http://api/public/x", original[1]]),
        ("GET /auth", vec!["X-Original-URI: /public/x HTTP/1.1", original[1]]),
        ("GET /auth", vec!["X-Original-URI: /public/x, /public/y", original[1]]),
        ("GET /auth", vec!["X-Original-URI: /public/\u{e4}", original[1]]),
    ] {
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).chain([bearer()]).collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let answer = ask(auth_address(&gateway), line, &headers).await;
        assert_eq!(answer.verdict(), (400, "invalid_request".to_owned()), "{line} {headers:?}");
    }
    let tunnel =
        ask(auth_address(&gateway), "GET /auth", &[original[0], "X-Original-Method: CONNECT", &bearer()]).await;
    assert_eq!(tunnel.verdict(), (405, "method_not_allowed".to_owned()));
    for line in ["GET /", "GET /authx", "GET /db/x"] {
        let answer = ask(auth_address(&gateway), line, &[original[0], original[1], &bearer()]).await;
        assert_eq!(answer.verdict(), (404, "not_found".to_owned()), "{line}");
    }
}

#[tokio::test]
async fn nobody_but_a_named_proxy_may_ask() {
    for proxies in ["", "192.0.2.0/24", "127.0.0.2/32"] {
        let gateway = gateway(&[("TRUSTED_PROXY_CIDRS", proxies)]).await;
        for (line, mut headers) in in_each_form("GET", "/db/x") {
            headers.extend([bearer(), "X-Forwarded-For: 127.0.0.2".to_owned()]);
            let headers: Vec<_> = headers.iter().map(String::as_str).collect();
            let answer = ask(auth_address(&gateway), &line, &headers).await;
            assert_eq!(answer.verdict(), (403, "source_not_allowed".to_owned()), "{proxies} {line}");
            assert_eq!(answer.header("x-m2m-client-id"), "");
        }
    }
}

/// A proxy's connection serves one question after the other, and no byte of one is taken for another.
#[tokio::test]
async fn a_connection_of_a_proxy() {
    let gateway = gateway(&[]).await;
    let mut stream = TcpStream::connect(auth_address(&gateway)).await.expect("forward-auth is served");
    let token = bearer();
    for (line, expected) in [("GET /auth/db/x", "200"), ("HEAD /auth/db/x", "200"), ("GET /auth/admin/x", "403")] {
        let request = format!("{line} HTTP/1.1\r\nHost: x\r\n{token}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("the connection is open");
        let mut buffer = vec![0; 4096];
        let length = stream.read(&mut buffer).await.expect("the connection is open");
        let answer = String::from_utf8_lossy(&buffer[..length]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{line}: {answer}");
    }
    // A proxy that passes the length and keeps the body: it is answered at once, and nothing else on this connection.
    let question = "X-Original-URI: /public/x\r\nX-Original-Method: POST\r\n";
    let pair = format!(
        "GET /auth HTTP/1.1\r\nHost: x\r\n{token}\r\n{question}Content-Length: 7\r\n\r\n\
         GET /auth/admin/x HTTP/1.1\r\nHost: x\r\n{token}\r\n\r\n"
    );
    stream.write_all(pair.as_bytes()).await.expect("the connection is open");
    let answers = Answer::read_all(&read_to_end(&mut stream).await);
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200], "{answers:?}");
}

/// Traefik's and Envoy's documented requests in full: who is on record is the caller, by the request's own name.
#[tokio::test]
async fn the_audit_line_is_about_the_caller_and_not_the_proxy() {
    let mut gateway = gateway(&[]).await;
    let traceparent = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let token = bearer();
    let traefik = [
        token.as_str(),
        traceparent,
        "User-Agent: Go-http-client/1.1",
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Host: agents.example.com",
        "X-Forwarded-Method: POST",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Uri: /public/x?a=b",
        "Accept-Encoding: gzip",
    ];
    let envoy = [
        token.as_str(),
        traceparent,
        "X-Request-Id: 3c5f4ad5-2ba3-4c5e-9f2f-7b1f3a1d8e11",
        "X-Forwarded-For: 198.51.100.4, 203.0.113.9",
        "X-Envoy-Internal: true",
        "X-Forwarded-Proto: https",
        "Content-Length: 0",
    ];
    for (line, headers) in [("GET /auth", &traefik[..]), ("POST /auth/public/x?a=b", &envoy)] {
        let answer = ask(auth_address(&gateway), line, headers).await;
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        let given = headers.iter().find_map(|header| header.strip_prefix("X-Request-Id: "));
        assert!(given.is_none_or(|id| answer.header("x-request-id") == id), "{answer:?}");
    }
    for line in gateway.audit().await {
        assert_eq!([&line["source_ip"], &line["route"]], ["203.0.113.9", "POST /public/*"], "{line}");
        assert_eq!([&line["decision"], &line["client_id"]], ["allow", CLIENT_ID], "{line}");
        assert!(line["traceparent"].as_str().is_some_and(|value| traceparent.ends_with(value)), "{line}");
    }
}

/// A proxy keeps its connections; a gateway that ends tells it to ask another one.
#[tokio::test]
async fn a_gateway_that_ends_says_so_on_each_connection() {
    let gateway = gateway(&[("DRAIN_DELAY_SECONDS", "60")]).await;
    let mut stream = TcpStream::connect(auth_address(&gateway)).await.expect("forward-auth is served");
    gateway.process.signal(rustix::process::Signal::TERM);
    while gateway.operators("/readyz").await.status != 503 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let request = format!("GET /auth/db/x HTTP/1.1\r\nHost: x\r\n{}\r\n\r\n", bearer());
    stream.write_all(request.as_bytes()).await.expect("the connection is open");
    let answers = Answer::read_all(&read_to_end(&mut stream).await);
    assert_eq!((answers[0].status, answers[0].header("connection")), (200, "close"), "{answers:?}");
}
