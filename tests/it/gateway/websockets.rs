//! Connections that switch to another protocol, and those that may not.

use std::time::Duration;

use super::by_hand::{ApiByHand, Line, head};
use super::streams::{OK, bearer, short_timeout, wait_for_metric};
use super::{Gateway, Setup};

const WEBSOCKET: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[tokio::test]
async fn a_websocket_passes_in_both_directions() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(short_timeout()).await;
    let mut caller = Line::to(&gateway).await;
    // What a caller may not send yet, and is passed on all the same.
    caller.write(format!("{}\x01early", head("GET /socket", WEBSOCKET))).await;
    let mut upstream = api.accept().await;
    let request = upstream.head().await.to_ascii_lowercase();
    for line in ["connection: upgrade\r\n", "upgrade: websocket\r\n", "sec-websocket-key: dghl"] {
        assert!(request.contains(line), "{request}");
    }
    assert!(!request.contains("bearer"), "{request}");
    assert!(upstream.is_quiet().await, "nothing follows before the upstream has switched");
    upstream.write(format!("{SWITCHED}\x02hello")).await;
    let response = caller.head().await.to_ascii_lowercase();
    assert!(response.starts_with("http/1.1 101 ") && response.contains("sec-websocket-accept: s3pp"), "{response}");
    assert!(response.contains("connection: upgrade\r\n") && response.contains("upgrade: websocket\r\n"), "{response}");
    assert_eq!(caller.take(6).await, b"\x02hello");
    assert_eq!(upstream.take(6).await, b"\x01early");
    let large = vec![0x81; 300_000];
    let (upward, downward) = (large.clone(), large.clone());
    let ((), ()) = tokio::join!(caller.write(upward), async { assert_eq!(upstream.take(300_000).await, large) });
    let ((), ()) = tokio::join!(upstream.write(downward), async { assert_eq!(caller.take(300_000).await, large) });
    for side in ["client", "upstream"] {
        wait_for_metric(&gateway, &format!(r#"credvend_gateway_connections{{side="{side}"}}"#), 1.0).await;
    }
    tokio::time::sleep(Duration::from_millis(1300)).await;
    upstream.write("late").await;
    assert_eq!(caller.take(4).await, b"late", "the time to the first byte has nothing to say here");
    drop(caller);
    assert_eq!(upstream.rest().await, b"");
    drop(upstream);
    let series = r#"credvend_gateway_requests_total{code="101",method="GET",route="unmatched"}"#;
    wait_for_metric(&gateway, series, 1.0).await;
    wait_for_metric(&gateway, r#"credvend_gateway_connections{side="client"}"#, 0.0).await;
}

#[tokio::test]
async fn an_upgrade_that_the_upstream_refuses_leaves_http() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(Setup::default()).await;
    let mut caller = Line::to(&gateway).await;
    caller.write(format!("{}{}", head("GET /socket", WEBSOCKET), head("GET /next", ""))).await;
    let mut upstream = api.accept().await;
    upstream.head().await;
    upstream.write("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno").await;
    assert!(caller.until("\r\n\r\nno").await.starts_with("HTTP/1.1 426 "));
    let request = upstream.head().await;
    assert!(
        request.starts_with("GET /next ") && request.contains("x-m2m-client-id"),
        "what follows is a request again"
    );
    upstream.write(OK).await;
    caller.until("ok").await;
    // Another protocol than the one that was asked for.
    caller.write(head("GET /socket", WEBSOCKET)).await;
    upstream.head().await;
    upstream.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n").await;
    assert!(caller.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn other_protocols_and_tunnels_end_here() {
    let gateway = Gateway::start(Setup::default()).await;
    for (what, more) in [
        (
            "GET /h2c",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        ),
        ("GET /tls", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"),
        ("GET /two", "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"),
        ("GET /twice", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"),
        ("GET /unnamed", "Upgrade: websocket\r\n"),
        ("POST /post", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    ] {
        let mut caller = Line::to(&gateway).await;
        caller.write(head(what, more)).await;
        assert!(caller.until("ok").await.starts_with("HTTP/1.1 200 "), "{what}");
        // The connection is HTTP's still.
        caller.write(head("GET /next", "")).await;
        assert!(caller.until("ok").await.starts_with("HTTP/1.1 200 "), "{what}");
        let requests = gateway.api.requests();
        let request = requests.iter().rfind(|request| request.line.starts_with(what)).expect(what);
        assert_eq!((request.value("upgrade"), request.value("connection")), ("", ""), "{what}");
        assert_eq!(request.value("http2-settings"), "", "{what}");
    }
    let before = gateway.api.requests().len();
    let mut caller = Line::to(&gateway).await;
    let connect = "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nConnection: close\r\n";
    caller.write(format!("{connect}Authorization: {}\r\n\r\n", bearer())).await;
    let answer = caller.answer().await;
    assert_eq!(answer.verdict(), (405, "method_not_allowed".to_owned()));
    assert!(answer.header("allow").contains("GET"));
    let mut caller = Line::to(&gateway).await;
    caller.write(format!("{connect}\r\n")).await;
    assert_eq!(caller.answer().await.status, 401, "the token comes first");
    assert_eq!(gateway.api.requests().len(), before);
}

/// A server that restarts closes its side; the caller may not notice for hours.
#[tokio::test]
async fn a_websocket_ends_with_either_side() {
    let api = ApiByHand::start().await;
    let gateway = api.gateway(short_timeout()).await;
    let mut caller = Line::to(&gateway).await;
    caller.write(head("GET /socket", WEBSOCKET)).await;
    let mut upstream = api.accept().await;
    upstream.head().await;
    upstream.write(SWITCHED).await;
    caller.head().await;
    drop(upstream);
    assert_eq!(caller.rest().await, b"", "the caller hears of it");
    wait_for_metric(&gateway, r#"credvend_gateway_connections{side="client"}"#, 0.0).await;
}
