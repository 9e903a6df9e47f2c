//! Where requests begin and end: what two servers could read differently reaches nobody.

use super::lenient::Leniency;
use super::{Answer, Gateway, Setup};
use crate::service::token;

const INVALID: (u16, &str) = (400, "invalid_request");
const TOO_LARGE: (u16, &str) = (431, "headers_too_large");
const VERSION: (u16, &str) = (505, "http_version_not_supported");
const CODING: (u16, &str) = (501, "not_implemented");

/// `AUTH` stands for a valid token, so that the framing alone keeps a request out.
fn with_token(text: &str) -> Vec<u8> {
    text.replace("AUTH", &format!("Authorization: Bearer {}", token())).into_bytes()
}

/// What would be a request of its own if the one before it ended where the attacker says.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n";

/// Heads that have no single reading, and what they are told.
fn bad_heads() -> Vec<(String, (u16, &'static str))> {
    let lines = |lines: &str| format!("POST /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n{lines}\r\n");
    let mut heads = vec![
        // Ends of lines.
        ("GET /bad HTTP/1.1\nHost: x\nAUTH\n\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.1\r\nHost: x\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\nA: b\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\nA: b\rC: d\r\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\nA: b\r\r\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.1\rHost: x\rAUTH\r\r".to_owned(), INVALID),
        ("\nGET /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("\rGET /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        // Request lines.
        ("GET /bad\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad\r\n\r\n".to_owned(), INVALID),
        ("GET  /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad  HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.1 \r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        (" GET /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET\t/bad\tHTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /b ad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad\u{b} HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad\0 HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad#f HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad?q#f HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("G\u{e9}T /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET: /bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        // Versions.
        ("GET /bad HTTP/0.9\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), VERSION),
        ("GET /bad HTTP/1.2\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), VERSION),
        ("GET /bad HTTP/2.0\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), VERSION),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_owned(), VERSION),
        ("GET /bad HTTP/11\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.10\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/01.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad http/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad ICY/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        // Hosts.
        ("GET /bad HTTP/1.1\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET /bad HTTP/1.0\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET http://y/bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET http://x:80/bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET http://x@y/bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET http://x@y/bad HTTP/1.1\r\nHost: x@y\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET http:///bad HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        ("GET http://y/bad HTTP/1.0\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), INVALID),
        // Sizes.
        (lines(&format!("A: {}\r\n", "a".repeat(33 * 1024))), TOO_LARGE),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n", "a".repeat(33 * 1024)), TOO_LARGE),
        // With `Host` and the token, one too many.
        (lines(&"A: b\r\n".repeat(99)), TOO_LARGE),
    ];
    for host in
        ["Host: x\r\nHost: x", "Host: x\r\nhost: y", "Host:", "Host: a b", "Host: x,y", "Host: x/y", "Host: x:a"]
            .into_iter()
            .chain(["Host: @x", "Host: x\\y", "Host: [::1", "Host: [x]", "Host: x:123456", "Host : x", "Host: x\r\n y"])
    {
        heads.push((format!("GET /bad HTTP/1.1\r\n{host}\r\nAUTH\r\n\r\n"), INVALID));
    }
    for field in
        ["A : b", "A\t: b", " A: b", "\tA: b", ": b", "A", "A b: c", "A\0: b", "A: b\0", "A: \u{1}b", "A: \u{7f}"]
            .into_iter()
            .chain(["A: b\r\n folded", "A: b\r\n\tfolded", "A: b\r\n ", "\u{c4}: b", "A(: b", "A\u{b}: b", "A: b\u{b}"])
    {
        heads.push((lines(&format!("{field}\r\n")), INVALID));
    }
    for length in
        ["5\r\nContent-Length: 5", "0\r\nContent-Length: 5", "5, 5", "5,", "+5", "-5", "5 5", "0x5", "5a", "", "٥"]
            .into_iter()
            .chain(["1e1", "5.0", "99999999999999999999", "18446744073709551621", "\"5\"", "5;a", "5\r\n 5", "5\u{b}"])
    {
        heads.push((lines(&format!("Content-Length: {length}\r\n")), INVALID));
    }
    for length in ["Content-Length : 5", "Content-Length\t: 5", " Content-Length: 5"] {
        heads.push((lines(&format!("{length}\r\n")), INVALID));
    }
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "transfer-encoding: chunked\r\nA: b\r\ncontent-length: 0",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding: chunked\r\n identity",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\u{c}",
        "Transfer-Encoding: chunk ed",
        "Transfer-Encoding: \0chunked",
        "Transfer-Encoding:",
    ] {
        heads.push((lines(&format!("{both}\r\n")), INVALID));
    }
    for coding in [
        "gzip",
        "identity",
        "xchunked",
        "chunkedx",
        "gzip, chunked",
        "x, chunked",
        "identity\r\nTransfer-Encoding: chunked",
    ] {
        heads.push((lines(&format!("Transfer-Encoding: {coding}\r\n")), CODING));
    }
    heads.push((
        lines("").replace("HTTP/1.1", "HTTP/1.0").replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"),
        INVALID,
    ));
    heads
}

#[tokio::test]
async fn a_head_without_one_reading_reaches_nobody_and_ends_the_connection() {
    let gateway = Gateway::start(Setup::default()).await;
    let cases = bad_heads();
    assert!(cases.len() > 100, "{} cases", cases.len());
    for (head, (status, code)) in &cases {
        let shown = &head[..head.floor_char_boundary(300)];
        // Alone; behind a good request, whose response has to arrive; and with a request behind it.
        for before in ["", "GET /good HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n"] {
            let bytes = gateway.exchange(&with_token(&format!("{before}{head}0\r\n\r\n{SMUGGLED}"))).await;
            let answers = Answer::read_all(&bytes);
            let verdicts: Vec<_> = answers.iter().map(Answer::verdict).collect();
            let mut expected = vec![(*status, (*code).to_owned())];
            if !before.is_empty() {
                expected.insert(0, (200, "ok".to_owned()));
                assert_eq!(gateway.api.take_only_request().target(), "/good", "{shown:?}");
            }
            assert_eq!(verdicts, expected, "{shown:?} behind {before:?}");
            let refusal = answers.last().expect("there is one");
            assert!(!refusal.header("x-request-id").is_empty(), "{shown:?}");
            assert_eq!(refusal.header("content-type"), "application/json", "{shown:?}");
        }
    }
    assert_eq!(gateway.api.requests().len(), 0);
    for bytes in gateway.api.connections() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("smuggled") && !text.contains("/bad"), "{text}");
    }
}

/// Bodies in chunks that have no single reading. The head is one beyond doubt, so the upstream may have seen it.
const BAD_CHUNKS: [&str; 34] = [
    "5\nhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello\r0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "5\r\nhello\r\n0\n\r\n",
    "5\r\nhello\r\n0\r\n\n",
    "5\r\nhello\r\n0\n\n",
    "5\r\nhello\r\n0\rX\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "\t5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5g\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    ";a=b\r\n\r\n0\r\n\r\n",
    "5_0\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "5\0\r\nhello\r\n0\r\n\r\n",
    "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "5;a\rb\r\nhello\r\n0\r\n\r\n",
    "5;\0\r\nhello\r\n0\r\n\r\n",
    "5;a=\"\u{1}\"\r\nhello\r\n0\r\n\r\n",
    "5;\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "5\r\nhello\r\n0\r\n folded: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\r\n folded\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\0\r\n\r\n",
    "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
];

#[tokio::test]
async fn a_body_without_one_end_is_never_whole_for_the_upstream() {
    let mut gateway = Gateway::start(Setup::default()).await;
    let mut sent = 0;
    for chunks in BAD_CHUNKS {
        let head = "POST /half HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bytes = gateway.exchange(&with_token(&format!("{head}{chunks}{SMUGGLED}"))).await;
        let verdicts: Vec<_> = Answer::read_all(&bytes).iter().map(Answer::verdict).collect();
        assert_eq!(verdicts, [(400, "invalid_request".to_owned())], "{chunks:?}");
        sent += 1;
    }
    assert_eq!(gateway.api.requests().len(), 0, "no body came whole");
    let connections = gateway.api.connections();
    let allowed = gateway.audit().await.iter().filter(|line| line["decision"] == "allow").count();
    assert_eq!(allowed, sent);
    for bytes in connections {
        assert!(!String::from_utf8_lossy(&bytes).contains("smuggled"), "{}", bytes.escape_ascii());
        for leniency in Leniency::all() {
            let seen = leniency.requests(&bytes);
            assert!(seen.len() <= 1, "{leniency:?}: {seen:?} in {}", bytes.escape_ascii());
        }
    }
}

/// Requests with one reading and something odd, and how many requests each is.
fn odd_but_whole() -> Vec<(String, usize)> {
    let chunked =
        |chunks: &str| format!("POST /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
    let inner = "GET /inner HTTP/1.1\r\nHost: x\r\n\r\n";
    let length =
        |body: &str| format!("POST /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    vec![
        ("\r\nGET /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), 1),
        ("GET /odd HTTP/1.1\r\nhOST:x\r\nAUTH\r\nA:\r\nB: \t b \t\r\n\r\n".to_owned(), 1),
        ("GET /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nA: \u{e4}\u{85}\r\n\r\n".to_owned(), 1),
        ("GET http://X/odd HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".to_owned(), 1),
        ("GET /odd HTTP/1.1\r\nHost: [::1]:80\r\nAUTH\r\n\r\n".to_owned(), 1),
        ("POST /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 0\r\n\r\n".to_owned(), 1),
        ("GET /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 005\r\n\r\nhello".to_owned(), 1),
        ("POST /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n".to_owned(), 1),
        ("POST /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent.Length: 5\r\nContent-Length: 0\r\n\r\n".to_owned(), 1),
        ("GET /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello".to_owned(), 1),
        ("GET /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n".to_owned(), 1),
        (length(inner), 1),
        (length(&format!("\n\n{inner}")), 1),
        (length(&format!("0\r\n\r\n{inner}")), 1),
        (chunked("5;a=b;c=\"d\\\"\"\r\nhello\r\n0;z\r\n\r\n"), 1),
        (chunked("005\r\nhello\r\n000\r\n\r\n"), 1),
        (chunked(&format!("{:X}\r\n{inner}\r\n0\r\n\r\n", inner.len())), 1),
        (chunked(&format!("7\r\n0\r\n\r\n\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len())), 1),
        (chunked("5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nHost: y\r\nX-Sum: 1\r\n\r\n"), 1),
        ("GET /odd HTTP/1.1\r\nHost: x\r\nAUTH\r\n\r\n".repeat(20), 20),
        (format!("{}{}", length(inner), chunked("1\r\nx\r\n0\r\n\r\n")), 2),
    ]
}

#[tokio::test]
async fn the_upstream_sees_the_requests_that_were_authorised_however_it_reads() {
    let mut gateway = Gateway::start(Setup::default()).await;
    let mut sent = 0;
    for (bytes, requests) in odd_but_whole() {
        let end = "GET /last HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n";
        let answers = Answer::read_all(&gateway.exchange(&with_token(&format!("{bytes}{end}"))).await);
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, vec![200; requests + 1], "{bytes:?}");
        sent += requests + 1;
    }
    assert_eq!(gateway.api.requests().len(), sent);
    let connections = gateway.api.connections();
    let allowed = gateway.audit().await.iter().filter(|line| line["decision"] == "allow").count();
    assert_eq!(allowed, sent);
    for leniency in Leniency::all() {
        let seen: Vec<_> = connections.iter().flat_map(|bytes| leniency.requests(bytes)).collect();
        assert_eq!(seen.len(), sent, "{leniency:?}: {seen:?}");
        assert!(!seen.iter().any(|line| line.contains("/inner")), "{leniency:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_body_arrives_whatever_the_method() {
    let gateway = Gateway::start(Setup::default()).await;
    for method in ["GET", "HEAD", "DELETE", "POST", "OPTIONS", "SEARCH"] {
        for body in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"] {
            let request = format!("{method} /x HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n{body}");
            let answers = Answer::read_all(&gateway.exchange(&with_token(&request)).await);
            assert_eq!(answers[0].status, 200, "{request:?}");
            assert_eq!(gateway.api.take_only_request().body, b"hello", "{request:?}");
        }
    }
}
