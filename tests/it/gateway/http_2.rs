//! HTTP/2 by prior knowledge in front, HTTP/1.1 behind: what one of them carries and the other would read differently.

use serde_json::json;

use super::headers::{NEVER, OF_PROXIES, assert_genuine};
use super::raw_http_2::{Stream, exchange, without_a_window};
use super::{Gateway, Setup};
use crate::service::{token, token_with};

const ROUTES: &str = "[[route]]\npath = \"/admin/*\"\nscopes = [\"credvend-api/admin\"]\n";

fn get(path: impl AsRef<[u8]>) -> Stream {
    Stream::new("GET", path.as_ref()).with("authorization", format!("Bearer {}", token()))
}

async fn verdict(gateway: &Gateway, stream: Stream) -> String {
    exchange(gateway, &[stream]).await[0].verdict()
}

#[tokio::test]
async fn many_streams_and_a_long_token() {
    let gateway = Gateway::start(Setup::default()).await;
    let long = token_with(json!({"padding": "x".repeat(11_500)}));
    assert!((15_500..16_384).contains(&long.len()), "{}", long.len());
    let mut streams: Vec<_> = (0..100).map(|number| get(format!("/{number}"))).collect();
    streams[7] = Stream::new("GET", b"/7").with("authorization", format!("Bearer {long}"));
    streams[8] = Stream::new("GET", b"/8");
    for (number, outcome) in exchange(&gateway, &streams).await.iter().enumerate() {
        assert_eq!(outcome.verdict(), if number == 8 { "invalid_token" } else { "ok" }, "{number}");
    }
    let requests = gateway.api.requests();
    assert_eq!(requests.len(), 99);
    for request in requests {
        assert_genuine(&request, &request.line);
        assert_eq!(request.value("x-forwarded-host"), "api.example.com");
    }
    let answer = gateway.send("GET /x", &[("Authorization", &format!("Bearer {long}"))], b"").await;
    assert_eq!(answer.status, 200, "the same token over HTTP/1");
}

#[tokio::test]
async fn one_host() {
    let gateway = Gateway::start(Setup::default()).await;
    for (stream, expected) in [
        (get("/x").with("host", "api.example.com"), "ok"),
        (get("/x").with("host", "API.example.com"), "ok"),
        (get("/x").without(":authority").with("host", "api.example.com"), "ok"),
        (get("/x").with("host", "other.example.com"), "invalid_request"),
        (get("/x").without(":authority").with("host", "a,b"), "invalid_request"),
        (get("/x").without(":authority").with("host", "user@a"), "invalid_request"),
        (get("/x").without(":authority").with("host", "a/b"), "invalid_request"),
        (get("/x").without(":authority").with("host", ""), "invalid_request"),
        (get("/x").with("host", "api.example.com:80"), "invalid_request"),
        (get("/x").with("host", "api.example.com").with("host", "api.example.com"), "invalid_request"),
        (get("/x").without(":authority").with("host", "a").with("host", "b"), "invalid_request"),
        (get("/x").without(":authority"), "invalid_request"),
    ] {
        let shown =
            format!("{:?}", stream.fields.iter().map(|(_, value)| value.escape_ascii().to_string()).next_back());
        assert_eq!(verdict(&gateway, stream).await, expected, "{shown}");
    }
    for authority in ["user@api.example.com", "", "a b", "a/b", "a\\b", "a,b"] {
        let stream = get("/x").without(":authority").with(":authority", authority);
        let mut fields = stream.fields;
        fields.rotate_right(1);
        let verdict = verdict(&gateway, Stream { fields, ..Stream::default() }).await;
        assert!(["invalid_request", "reset"].contains(&verdict.as_str()), "{authority:?}: {verdict}");
    }
    for request in gateway.api.requests() {
        assert_eq!(request.value("host"), gateway.api.address.to_string());
        assert_eq!(request.value("x-forwarded-host").to_lowercase(), "api.example.com");
    }
    assert_eq!(gateway.api.requests().len(), 3);
}

#[tokio::test]
async fn what_would_be_another_request_behind_the_gateway_is_none() {
    let gateway = Gateway::start(Setup { routes: Some(ROUTES), ..Setup::default() }).await;
    let mut streams = Vec::new();
    for (name, value) in [
        ("connection", "close"),
        ("connection", "x-m2m-client-id"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("X-Upper", "1"),
        ("x y", "1"),
        ("x:y", "1"),
        ("x\r\ny", "1"),
        ("x\0", "1"),
        ("", "1"),
        ("x", "1\r\nX-M2M-Client-ID: forged"),
        ("x", "1\nX-M2M-Client-ID: forged"),
        ("x", "1\r"),
        ("x", "1\0"),
        ("content-length", "5"),
        ("content-length", "-1"),
        ("content-length", "a"),
        (":path", "/smuggled"),
        (":method", "GET"),
        (":status", "200"),
        (":unknown", "x"),
    ] {
        streams.push((format!("{name:?}: {value:?}"), get("/bad").with(name, value)));
    }
    for path in [
        "",
        "x",
        "*",
        "/ HTTP/1.1\r\nX: y",
        "/\r\n",
        "/a b",
        "/\0",
        "/\u{7f}",
        "/bad\\x",
        "/%2f",
        "/%",
        "/bad;x",
        "/..",
    ] {
        streams.push((format!("path {path:?}"), get(path)));
    }
    for method in ["", "GET /smuggled HTTP/1.1\r\nX:", "G T", "GET\r\n", "G\0T"] {
        streams.push((
            format!("method {method:?}"),
            Stream::new(method, b"/bad").with("authorization", format!("Bearer {}", token())),
        ));
    }
    streams.push(("no path".to_owned(), get("/bad").without(":path")));
    streams.push(("no method".to_owned(), get("/bad").without(":method")));
    let mut short = Stream { body: b"GET".to_vec(), ..get("/bad").with("content-length", "5") };
    streams.push(("a short body".to_owned(), short.clone()));
    short.body = b"GET /smuggled HTTP/1.1\r\n\r\n".to_vec();
    streams.push(("a long body".to_owned(), short));
    for (shown, stream) in streams {
        let verdict = verdict(&gateway, stream).await;
        assert!(["invalid_request", "reset"].contains(&verdict.as_str()), "{shown}: {verdict}");
    }
    assert!(gateway.api.requests().is_empty(), "{:#?}", gateway.api.requests());
    for bytes in gateway.api.connections() {
        assert!(!String::from_utf8_lossy(&bytes).contains("smuggled"), "{}", bytes.escape_ascii());
    }
    let connect = get("x:443").without(":scheme").without(":path").without(":method").without(":authority");
    let connect = connect.with(":method", "CONNECT").with(":authority", "x:443");
    let mut fields = connect.fields;
    fields.rotate_right(2);
    assert_eq!(verdict(&gateway, Stream { fields, ..Stream::default() }).await, "method_not_allowed");
}

#[tokio::test]
async fn a_header_list_that_is_too_large() {
    let gateway = Gateway::start(Setup::default()).await;
    let long = get("/x").with("x", "a".repeat(33 * 1024));
    let many = (0..1000).fold(get("/x"), |stream, _| stream.with("x", "y"));
    for stream in [long, many] {
        let outcome = &exchange(&gateway, &[stream]).await[0];
        // 431 as a literal `:status`, in Huffman's code.
        let is_431 = outcome.head.starts_with(b"\x48\x83\x69\x90\xff");
        assert!(outcome.is_reset || is_431, "{outcome:?}");
    }
    assert!(gateway.api.connections().is_empty());
}

#[tokio::test]
async fn forged_headers_and_trailers_arrive_in_no_spelling() {
    let gateway = Gateway::start(Setup::default()).await;
    let hop = ["proxy-connection", "keep-alive", "upgrade"];
    let names: Vec<_> = NEVER.iter().chain(&OF_PROXIES).map(|name| name.to_lowercase()).collect();
    for turn in
        [|name: &String| name.clone(), |name: &String| name.replace('-', "_"), |name: &String| name.replace('-', ".")]
    {
        let names: Vec<_> = names.iter().map(turn).filter(|name| !hop.contains(&name.as_str())).collect();
        let mut stream =
            names.iter().fold(get("/x"), |stream, name| stream.with(name, "forged").with(name, "forged again"));
        stream = stream.with("trailer", format!("x-sum, {}", names.join(",")));
        stream.body = b"hello".to_vec();
        stream.trailers = names.iter().map(|name| (name.as_bytes().to_vec(), b"forged".to_vec())).collect();
        for name in ["authorization", "host", "x-sum"] {
            stream.trailers.push((name.as_bytes().to_vec(), b"1".to_vec()));
        }
        assert_eq!(verdict(&gateway, stream).await, "ok", "{names:?}");
        let request = gateway.api.take_only_request();
        assert_genuine(&request, &format!("{names:?}"));
        assert_eq!(request.body, b"hello");
        assert_eq!(request.trailers, [("x-sum".to_owned(), "1".to_owned())]);
    }
}

#[tokio::test]
async fn paths_are_matched_as_they_are_sent() {
    let gateway = Gateway::start(Setup { routes: Some(ROUTES), ..Setup::default() }).await;
    for path in [
        "/admin",
        "//admin/x",
        "/x/../admin",
        "/%61dmin",
        "/x/%2e%2e/admin",
        "/health/../admin",
        "/admin#/health",
        "/admin?x",
    ] {
        assert_eq!(verdict(&gateway, get(path)).await, "insufficient_scope", "{path}");
    }
    // The library drops a fragment before anybody sees it: what is left is matched and sent.
    assert_eq!(verdict(&gateway, get("/db#/../admin")).await, "ok");
    assert_eq!(gateway.api.take_only_request().target(), "/db");
    // Of a fragment alone it leaves nothing, which is no target on the wire.
    for (path, target) in [("#x", "/"), ("#x?y", "/"), ("#", "/"), ("/#x", "/"), ("/?a#x", "/?a")] {
        assert_eq!(verdict(&gateway, get(path)).await, "ok", "{path}");
        assert_eq!(gateway.api.take_only_request().target(), target, "{path}");
    }
    assert_eq!(verdict(&gateway, get("/db//x?a=%2e%2e//b")).await, "ok");
    assert_eq!(gateway.api.take_only_request().target(), "/db/x?a=%2e%2e//b");
}

/// Such a peer costs itself nothing. Without a token it makes room for everybody; with one it has half a minute.
#[tokio::test]
async fn a_peer_that_takes_no_response_keeps_nobody_out() {
    let crowded =
        Gateway::start(Setup { environment: vec![("MAX_CONNECTIONS", "8".to_owned())], ..Setup::default() }).await;
    let mut hostile = Vec::new();
    for _ in 0..8 {
        hostile.push(without_a_window(&crowded, &[Stream::new("GET", b"/health"), Stream::new("GET", b"/x")]).await);
    }
    // A new connection is left in peace for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    for _ in 0..4 {
        assert_eq!(crowded.call("GET /x").await.status, 200);
    }
    drop(hostile);

    let gateway = Gateway::start(Setup::default()).await;
    let mut stalled = without_a_window(&gateway, &[get("/x")]).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(120), super::read_to_end(&mut stalled)).await;
    assert!(ended.is_ok(), "the connection was kept");
    assert!(gateway.metric(r#"credvend_gateway_connections{side="upstream"}"#).await <= 1.0);
}

#[tokio::test]
async fn cookies_that_were_split_are_one_line() {
    let gateway = Gateway::start(Setup::default()).await;
    assert_eq!(verdict(&gateway, get("/x").with("cookie", "a=1").with("cookie", "b=2")).await, "ok");
    assert_eq!(gateway.api.take_only_request().values("cookie"), ["a=1; b=2"]);
    let raw = format!(
        "GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n",
        token()
    );
    gateway.exchange(raw.as_bytes()).await;
    assert_eq!(gateway.api.take_only_request().values("cookie"), ["a=1", "b=2"], "HTTP/1 lines stay as they are");
}

#[tokio::test]
async fn a_long_method_is_short_on_record() {
    let mut gateway = Gateway::start(Setup::default()).await;
    let method = "M".repeat(3000);
    let stream = Stream::new(&method, b"/x");
    assert_eq!(verdict(&gateway, stream).await, "invalid_token");
    let route = gateway.audit().await[0]["route"].as_str().unwrap_or_default().to_owned();
    assert_eq!(route, format!("{} unmatched", "M".repeat(32)));
}
