//! What the upstream is told in headers, and what no caller can tell it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use tests::token::{cognito_claims, jwk_set};

use super::raw_upstream::{RawReply, RawRequest, RawUpstream};
use super::{Answer, Gateway, Setup};
use crate::service::{CLIENT_ID, ISSUER, key, token, token_with};

/// Names that no caller and no proxy sets, in the spelling of the documentation.
pub const NEVER: [&str; 20] = [
    "X-M2M-Client-ID",
    "X-M2M-Scope",
    "X-M2M-Issuer",
    "X-M2M-Anything",
    "Forwarded",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Keep-Alive",
    "HTTP2-Settings",
    "Upgrade",
];
/// Names that a named proxy sets, and nobody else.
pub const OF_PROXIES: [&str; 8] = [
    "X-Request-Id",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Real-IP",
    "X-Forwarded-Port",
    "True-Client-IP",
    "CF-Connecting-IP",
];

/// What servers take for the same name.
fn spellings(name: &str) -> [String; 6] {
    let first_only = name.replacen('-', "_", 1);
    [
        name.to_owned(),
        name.to_ascii_lowercase(),
        name.to_ascii_uppercase(),
        name.replace('-', "_"),
        first_only.to_ascii_lowercase(),
        name.replace('-', "."),
    ]
}

/// The identity is the token's, once, and nothing that was sent as `forged` has arrived.
pub fn assert_genuine(request: &RawRequest, context: &str) {
    assert_eq!(request.value("x-m2m-client-id"), CLIENT_ID, "{context}");
    assert_eq!(request.value("x-m2m-scope"), "credvend-api/write credvend-api/read", "{context}");
    assert_eq!(request.value("x-m2m-issuer"), ISSUER, "{context}");
    for name in ["x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "host"] {
        assert_ne!(request.value(name), "", "{name}, {context}");
    }
    let forged: Vec<_> = request.fields.iter().chain(&request.trailers).collect();
    assert!(!forged.iter().any(|(_, value)| value.contains("forged")), "{context}: {forged:#?}");
}

fn trusting() -> Vec<(&'static str, String)> {
    vec![("TRUSTED_PROXY_CIDRS", "127.0.0.0/8".to_owned())]
}

#[tokio::test]
async fn a_forged_header_arrives_in_no_spelling() {
    let (plain, proxied) = tokio::join!(
        Gateway::start(Setup::default()),
        Gateway::start(Setup { environment: trusting(), ..Setup::default() })
    );
    let bearer = format!("Bearer {}", token());
    for spelling in 0..6 {
        let of = |names: &[&str]| names.iter().map(|name| spellings(name)[spelling].clone()).collect::<Vec<_>>();
        for (gateway, names) in [(&plain, [&NEVER[..], &OF_PROXIES[..]].concat()), (&proxied, NEVER.to_vec())] {
            let names = of(&names);
            let nominated = names.join(", ");
            for connection in [None, Some(nominated.as_str())] {
                let mut headers: Vec<_> = names.iter().map(|name| (name.as_str(), "forged")).collect();
                headers.extend(names.iter().map(|name| (name.as_str(), "forged again")));
                headers.extend(connection.map(|names| ("Connection", names)));
                headers.push(("Authorization", &bearer));
                let answer = gateway.send("GET /x", &headers, b"").await;
                assert_eq!(answer.status, 200, "{names:?}");
                assert_genuine(&gateway.api.take_only_request(), &format!("{names:?}, {connection:?}"));
            }
        }
        // A named proxy is believed in the usual spelling alone.
        if of(&["A-B"]) != ["A-B"] && !of(&["A-B"])[0].contains('-') {
            let names = of(&OF_PROXIES);
            let mut headers: Vec<_> = names.iter().map(|name| (name.as_str(), "forged")).collect();
            headers.retain(|(name, _)| {
                !name.to_ascii_lowercase().ends_with("ip") && !name.to_ascii_lowercase().ends_with("port")
            });
            headers.push(("Authorization", &bearer));
            assert_eq!(proxied.send("GET /x", &headers, b"").await.status, 200);
            assert_genuine(&proxied.api.take_only_request(), &format!("{names:?}"));
        }
    }
}

#[tokio::test]
async fn a_named_proxy_is_believed_about_the_request() {
    let gateway = Gateway::start(Setup { environment: trusting(), ..Setup::default() }).await;
    let bearer = format!("Bearer {}", token());
    let headers = [
        ("Authorization", bearer.as_str()),
        ("X-Request-Id", "id-of-the-proxy"),
        ("X-Forwarded-For", "198.51.100.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "public.example.com"),
        ("X-Forwarded-Port", "443"),
        ("X-Real-IP", "198.51.100.7"),
    ];
    let answer = gateway.send("GET /x", &headers, b"").await;
    assert_eq!(answer.header("x-request-id"), "id-of-the-proxy");
    let request = gateway.api.take_only_request();
    for (name, value) in [
        ("x-request-id", "id-of-the-proxy"),
        ("x-forwarded-for", "198.51.100.7, 127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "public.example.com"),
        ("x-forwarded-port", "443"),
        ("x-real-ip", "198.51.100.7"),
    ] {
        assert_eq!(request.value(name), value, "{name}");
    }
    // Ids that are none.
    for ids in [&["two", "ids"][..], &["with blank"], &[""], &["\u{e4}"], &[&"x".repeat(129)]] {
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(ids.iter().map(|id| ("X-Request-Id", *id)));
        let answer = gateway.send("GET /x", &headers, b"").await;
        let given = gateway.api.take_only_request().value("x-request-id").to_owned();
        assert_eq!(given, answer.header("x-request-id"));
        assert!(!ids.contains(&given.as_str()) && given.bytes().all(|byte| byte.is_ascii_graphic()), "{given}");
    }
}

#[tokio::test]
async fn what_is_for_one_hop_ends_here_and_the_rest_passes() {
    let api = RawUpstream::start(|_| {
        let headers = "Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nX-End: 1\r\n\
                       Upgrade: h2c\r\nX-Request-Id: of the API\r\nProxy-Authenticate: Basic\r\n";
        RawReply::Bytes(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes())
    })
    .await;
    let environment = vec![("FORWARD_AUTHORIZATION", "true".to_owned())];
    let gateway = Gateway::start(Setup { api: Some(api), environment, ..Setup::default() }).await;
    let bearer = format!("Bearer {}", token());
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Connection", "X-Hop, TE, Upgrade"),
        ("X-Hop", "1"),
        ("TE", "trailers, gzip"),
        ("Upgrade", "h2c"),
        ("Keep-Alive", "timeout=5"),
        ("X-End", "1"),
        ("Cookie", "a=b"),
        ("Cookie", "c=d"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let answer = gateway.send("GET /x", &headers, b"").await;
    let request = gateway.api.take_only_request();
    for name in ["x-hop", "upgrade", "keep-alive", "connection"] {
        assert!(request.values(name).is_empty(), "{name}: {request:#?}");
        assert!(name == "connection" || answer.header(name).is_empty(), "{name}: {answer:?}");
    }
    assert_eq!(request.value("te"), "trailers");
    assert_eq!(request.value("x-end"), "1");
    assert_eq!(request.values("cookie"), ["a=b", "c=d"]);
    assert!(request.value("traceparent").starts_with("00-0af7"));
    assert_eq!(request.value("authorization"), bearer, "FORWARD_AUTHORIZATION");
    assert_eq!(answer.header("x-end"), "1");
    assert_eq!(answer.header("proxy-authenticate"), "");
    assert_eq!(answer.header("x-request-id"), request.value("x-request-id"));
}

#[tokio::test]
async fn trailers_neither_identify_nor_frame() {
    let gateway = Gateway::start(Setup::default()).await;
    let mut names: Vec<_> = NEVER.iter().chain(&OF_PROXIES).flat_map(|name| spellings(name)).collect();
    names.extend(["Authorization", "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Te"].map(str::to_owned));
    names.extend(["content_length", "transfer_encoding", "Connection", "Expect"].map(str::to_owned));
    for names in names.chunks(40) {
        let mut request = format!(
            "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Sum, {}\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n",
            token(),
            names.join(", ")
        );
        for name in names {
            write!(request, "{name}: forged\r\n").expect("a string takes everything");
        }
        request.push_str("\r\n");
        let answers = Answer::read_all(&gateway.exchange(request.as_bytes()).await);
        assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200], "{names:?}");
        let request = gateway.api.take_only_request();
        assert_genuine(&request, &format!("{names:?}"));
        assert_eq!(request.body, b"hello");
        let trailers: Vec<_> =
            request.trailers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str())).collect();
        assert_eq!(trailers, [("x-sum".to_owned(), "1")], "{names:?}");
        assert_eq!(request.value("trailer"), "X-Sum");
    }
}

#[tokio::test]
async fn the_client_s_name_is_its_issuer_s_and_fits_a_header() {
    const OTHER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_OtherPool";
    let folder = tempfile::tempdir().expect("a folder for the keys");
    let keys = folder.path().join("jwks.json");
    std::fs::write(&keys, jwk_set(&[key()])).expect("the keys can be written");
    let issuers = json!([{"issuer": OTHER, "kind": "cognito", "jwks_file": keys}]);
    let environment = vec![("TRUSTED_ISSUERS", issuers.to_string())];
    let gateway = Gateway::start(Setup { environment, ..Setup::default() }).await;
    let call = async |token: String| {
        gateway.send("GET /x", &[("Authorization", &format!("Bearer {token}"))], b"").await.verdict()
    };
    for client_id in ["a:b", "\u{e9}t\u{e9}", "\u{202e}x", "a b", "a\r\nX-M2M-Scope: admin", "a\u{0}", ""] {
        let verdict = call(token_with(json!({"client_id": client_id, "sub": client_id}))).await;
        assert_eq!(verdict, (401, "invalid_token".to_owned()), "{client_id:?}");
    }
    for scope in ["\u{e9}t\u{e9}", "a\r\nX: y", "a\tb", "a\u{0}"] {
        let verdict = call(token_with(json!({"scope": scope}))).await;
        assert_eq!(verdict, (401, "invalid_token".to_owned()), "{scope:?}");
    }
    assert!(gateway.api.connections().is_empty());

    // The same client id from another pool, and one that pretends to be it.
    let hash: String =
        digest(&SHA256, OTHER.as_bytes()).as_ref().iter().take(6).fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes everything");
            text
        });
    let of_other = key().token(&cognito_claims(OTHER, CLIENT_ID));
    assert_eq!(call(of_other).await.0, 200);
    let request = gateway.api.take_only_request();
    assert_eq!(request.value("x-m2m-client-id"), format!("{hash}:{CLIENT_ID}"));
    assert_eq!(request.value("x-m2m-issuer"), OTHER);
    let pretended = format!("{hash}:{CLIENT_ID}");
    let verdict = call(token_with(json!({"client_id": pretended, "sub": pretended}))).await;
    assert_eq!(verdict, (401, "invalid_token".to_owned()));
}
