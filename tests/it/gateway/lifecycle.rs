//! From a reload to the end, and what is on record of the time between.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::http_server::closed_port;
use tests::process::{Process, binary};
use tests::upstream::Upstream;
use tokio::net::TcpStream;

use super::by_hand::{ApiByHand, Line, head};
use super::keys::call_with;
use super::raw_upstream::{RawReply, RawUpstream};
use super::{Answer, Gateway, Setup};
use crate::service::{ISSUER, token, token_with, upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Waits until a count of what the gateway has said is reached.
async fn said(gateway: &Gateway, what: &str, times: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while gateway.process.output().matches(what).count() < times {
        assert!(Instant::now() < deadline, "{what:?} was not said {times} times: {}", gateway.process.output());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_reload_takes_a_good_file_and_keeps_the_routes_otherwise() {
    let needs = |scope: &str| format!("[[route]]\npath = \"/a\"\nscopes = [\"{scope}\"]\n");
    let gateway = Gateway::start(Setup { routes: Some(&needs("admin")), ..Setup::default() }).await;
    assert_eq!(gateway.call("GET /a").await.status, 403);
    let broken = [
        String::new(),
        "# nothing but words\n".to_owned(),
        "[[route]".to_owned(),
        needs("credvend-api/read").replace("scopes", "scope"),
        needs("credvend-api/read") + &needs("credvend-api/read"),
        "[[route]]\npath = \"/a\"\nscopes = []\n".to_owned(),
        "[[route]]\npath = \"/a\"\nrate_limit_per_minute = 0\n".to_owned(),
    ];
    for (number, routes) in broken.iter().enumerate() {
        gateway.write_routes(routes);
        gateway.process.signal(Signal::HUP);
        said(&gateway, "the routes stay as they are", number + 1).await;
        assert_eq!(gateway.call("GET /a").await.status, 403, "{routes}");
    }
    let log = gateway.process.output();
    let faults: Vec<_> = log.lines().filter(|line| line.contains("stay as they are")).collect();
    assert!(
        faults.iter().all(|line| line.contains(r#""level":"error""#) && line.contains("routes.toml")),
        "{faults:?}"
    );
    gateway.write_routes(&needs("credvend-api/read"));
    gateway.process.signal(Signal::HUP);
    said(&gateway, "1 routes were read", 1).await;
    assert_eq!(gateway.call("GET /a").await.status, 200, "a token in the cache is judged by the new routes");

    let empty = Gateway::start(Setup { routes: Some(""), ..Setup::default() }).await;
    assert_eq!(empty.call("GET /a").await.status, 200, "an empty file is no routes at the start");
    let none = Gateway::start(Setup::default()).await;
    none.process.signal(Signal::HUP);
    said(&none, "there is no GATEWAY_CONFIG", 1).await;
    assert_eq!(none.call("GET /a").await.status, 200);
}

#[tokio::test]
async fn a_reload_gives_nobody_a_share_anew() {
    let route = |path: &str, rate: u32| format!("[[route]]\npath = \"{path}\"\nrate_limit_per_minute = {rate}\n");
    // One request a minute each; a rate of 2 has a burst of 1 as well.
    let before = ["/kept", "/other", "/gone"].map(|path| route(path, 1)).concat();
    let gateway = Gateway::start(Setup { routes: Some(&before), ..Setup::default() }).await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for path in ["/kept", "/other", "/gone"] {
            statuses.push(gateway.call(&format!("GET {path}")).await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 200, 200]);
    assert_eq!(statuses().await, [429, 429, 429]);
    let reload = async |routes: String, times: usize| {
        gateway.write_routes(&routes);
        gateway.process.signal(Signal::HUP);
        said(&gateway, "routes were read", times).await;
    };
    // Order, methods and scopes may change; another rate counts from the start.
    let kept = route("/kept", 1) + "methods = [\"GET\"]\nscopes = [\"credvend-api/read\"]\n";
    reload(route("/other", 2) + &kept, 1).await;
    assert_eq!(statuses().await, [429, 200, 200]);
    reload(before, 2).await;
    assert_eq!(statuses().await, [429, 200, 200]);
    reload(route("/new", 1) + &kept, 3).await;
    assert_eq!(statuses().await, [429, 200, 200], "no route, no rate");
}

async fn is_refused(address: &str) -> bool {
    TcpStream::connect(address).await.is_err()
}

#[tokio::test]
async fn what_is_under_way_finishes() {
    let api = ApiByHand::start().await;
    let environment = vec![("DRAIN_DELAY_SECONDS", "8".to_owned())];
    let mut gateway = api.gateway(Setup { environment, ..Setup::default() }).await;
    let mut under_way = Line::to(&gateway).await;
    under_way.write(head("GET /slow", "")).await;
    let mut slow = api.accept().await;
    slow.head().await;
    let mut socket = Line::to(&gateway).await;
    socket.write(head("GET /socket", WEBSOCKET)).await;
    let mut socket_upstream = api.accept().await;
    socket_upstream.head().await;
    socket_upstream.write(SWITCHED).await;
    socket.head().await;
    assert_eq!(gateway.operators("/readyz").await.status, 200);

    gateway.process.signal(Signal::TERM);
    said(&gateway, "new requests are served for 8 s more", 1).await;
    assert_eq!(gateway.operators("/readyz").await.status, 503, "at once");
    assert_eq!(gateway.operators("/livez").await.status, 200);
    // The door is still open, and each response says that it will not be.
    let mut late = Line::to(&gateway).await;
    late.write(head("GET /late", "")).await;
    let mut late_upstream = api.accept().await;
    late_upstream.head().await;
    late_upstream.write(OK).await;
    let answer = late.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    // Else the next request would go on this connection.
    drop(late_upstream);
    let mut late_socket = Line::to(&gateway).await;
    late_socket.write(head("GET /socket", WEBSOCKET)).await;
    let mut late_socket_upstream = api.accept().await;
    late_socket_upstream.head().await;
    late_socket_upstream.write(SWITCHED).await;
    let head = late_socket.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && head.contains("connection: upgrade\r\n"), "{head}");
    drop((late_socket, late_socket_upstream));

    said(&gateway, "requests under way may finish", 1).await;
    let address = gateway.address.clone();
    while !is_refused(&address).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    socket.write("up").await;
    assert_eq!(socket_upstream.take(2).await, b"up");
    socket_upstream.write("down").await;
    assert_eq!(socket.take(4).await, b"down");
    slow.write(OK).await;
    let answer = under_way.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    drop((socket, socket_upstream));
    assert_eq!(gateway.process.exit_code().await, Some(0));
    assert!(!gateway.process.output().contains("did not finish in time"));
}

/// What never ends is ended after 30 s.
#[tokio::test]
async fn nothing_holds_the_end_up_for_ever() {
    let api = ApiByHand::start().await;
    let environment = vec![("UPSTREAM_TIMEOUT_SECONDS", "3600".to_owned())];
    let mut gateway = api.gateway(Setup { environment, ..Setup::default() }).await;
    let mut lines = Vec::new();
    for more in ["", WEBSOCKET] {
        let mut caller = Line::to(&gateway).await;
        caller.write(head("GET /", more)).await;
        let mut upstream = api.accept().await;
        upstream.head().await;
        if !more.is_empty() {
            upstream.write(SWITCHED).await;
            caller.head().await;
        }
        lines.push((caller, upstream));
    }
    let started = Instant::now();
    gateway.process.signal(Signal::TERM);
    assert_eq!(gateway.process.exit_code().await, Some(0));
    assert!(started.elapsed() >= Duration::from_secs(29));
    assert!(gateway.process.output().contains("did not finish in time"));
}

#[tokio::test]
async fn each_decision_is_one_line_without_a_secret() {
    let api = RawUpstream::start(|request| match request.target() {
        "/broken" => RawReply::ThenClose(b"CANARY-response".to_vec()),
        _ => RawReply::Bytes(b"HTTP/1.1 200 OK\r\nSet-Cookie: CANARY-cookie\r\nContent-Length: 2\r\n\r\nok".to_vec()),
    })
    .await;
    let routes = "[[route]]\npath = \"/admin\"\nscopes = [\"admin\"]\n";
    let mut gateway = Gateway::start(Setup { api: Some(api), routes: Some(routes), ..Setup::default() }).await;
    let genuine = token();
    let forged = format!("{}CANARY", token_with(json!({"jti": "forged"})));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut answers: Vec<(&str, &str, Answer)> = Vec::new();
    for (what, token, decision, code) in [
        ("GET /a?access_token=CANARY-query", &genuine, "allow", "ok"),
        ("POST /a", &genuine, "allow", "ok"),
        ("GET /broken", &genuine, "allow", "ok"),
        ("GET /admin", &genuine, "deny", "insufficient_scope"),
        ("GET /a", &forged, "deny", "invalid_token"),
        ("GET /a", &"CANARY-no-token".to_owned(), "deny", "invalid_token"),
    ] {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Cookie", "session=CANARY-cookie"),
            ("X-Api-Key", "CANARY-key"),
            ("Traceparent", parent),
        ];
        let body: &[u8] = if what.starts_with("POST") { b"CANARY-body" } else { b"" };
        answers.push((decision, code, gateway.send(what, &headers, body).await));
    }
    let seen = gateway.api.requests();
    assert!(seen.iter().all(|request| request.value("traceparent") == parent), "it passes");
    let authorization = format!("Bearer {genuine}");
    let headers = [("Authorization", authorization.as_str()), ("Traceparent", "CANARY")];
    assert_eq!(gateway.send("GET /odd", &headers, b"").await.status, 200);
    let odd = gateway.api.requests().pop().unwrap();
    assert_eq!(odd.value("traceparent"), "CANARY", "it is the upstream's to judge");

    let lines = gateway.audit().await;
    assert_eq!(lines.len(), answers.len() + 1, "{lines:#?}");
    for ((decision, code, answer), line) in answers.iter().zip(&lines) {
        assert_eq!(line["request_id"], answer.header("x-request-id"));
        assert_eq!((line["decision"].as_str(), line["code"].as_str()), (Some(*decision), Some(*code)), "{line}");
        assert_eq!(line["traceparent"], parent, "{line}");
        assert_eq!(line["source_ip"], "127.0.0.1", "{line}");
    }
    assert_eq!((&lines[0]["cache"], &lines[1]["cache"]), (&json!("miss"), &json!("hit")));
    assert_eq!(lines.last().unwrap()["traceparent"], Value::Null, "what is none is not on record");
    let output = gateway.process.output();
    let signature = genuine.rsplit('.').next().unwrap();
    assert!(!output.contains("CANARY") && !output.contains(signature), "{output}");
}

/// With standard output where the test says, on ports that were free a moment ago.
struct Unread {
    process: Process,
    address: String,
    api: RawUpstream,
    _issuer: Upstream,
}

impl Unread {
    async fn start(stdout: Stdio) -> Self {
        let (api, issuer) = (RawUpstream::ok().await, upstream(json!({})).await);
        let [address, metrics] = [closed_port().await, closed_port().await].map(|url| url.replace("http://", ""));
        let mut command = Command::new(binary("credvend-gateway"));
        command.env_clear().envs([
            ("COGNITO_ISSUER", ISSUER.to_owned()),
            ("JWKS_URI", format!("{}/jwks.json", issuer.url())),
            ("UPSTREAM_URL", api.url()),
            ("LISTEN_ADDRESS", address.clone()),
            ("METRICS_ADDRESS", metrics),
        ]);
        let process = Process::spawn_with_stdout(command, stdout);
        while is_refused(&address).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { process, address, api, _issuer: issuer }
    }

    async fn call(&self, request: &str) -> Answer {
        let mut caller = Line::new(TcpStream::connect(&self.address).await.unwrap());
        caller.write(request).await;
        caller.answer().await
    }

    async fn get(&self) -> Answer {
        self.call(&head("GET /", "Connection: close\r\n")).await
    }
}

#[tokio::test]
async fn without_room_for_its_line_nothing_passes() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let gateway = Unread::start(full.into()).await;
    // The first line finds out; by then its request has passed, and the next one where the writer had no turn.
    for _ in 0..1000 {
        if gateway.get().await.status == 503 {
            break;
        }
    }
    let passed = gateway.api.requests().len();
    let anonymous = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for request in [&head("GET /", "Connection: close\r\n"), anonymous, &head("POST /", "Connection: close\r\n")] {
        let answer = gateway.call(request).await;
        assert_eq!(answer.verdict(), (503, "audit_unavailable".to_owned()));
        assert!(!answer.header("retry-after").is_empty() && !answer.header("x-request-id").is_empty());
    }
    assert_eq!(gateway.api.requests().len(), passed);
    let health = gateway.call("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(health.status, 200);
}

/// A pipe that nobody reads holds 64 KiB, and a queue before it some more. What passed is on record when somebody reads.
#[tokio::test]
async fn a_reader_that_stands_still_stops_decisions_and_nothing_else() {
    let mut gateway = Unread::start(Stdio::piped()).await;
    let mut passed = HashSet::new();
    loop {
        let answer = gateway.get().await;
        if answer.status != 200 {
            assert_eq!(answer.verdict(), (503, "audit_unavailable".to_owned()));
            break;
        }
        passed.insert(answer.header("x-request-id").to_owned());
        assert!(passed.len() < 20_000, "the queue has an end");
    }
    let health = gateway.call("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(health.status, 200);
    let stdout = gateway.process.child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = gateway.get().await;
        if answer.status == 200 {
            passed.insert(answer.header("x-request-id").to_owned());
            break;
        }
        assert!(Instant::now() < deadline, "it did not heal");
    }
    gateway.process.stop().await;
    let lines = reader.join().unwrap();
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("a whole line")).collect();
    let decisions = lines.iter().filter_map(|line| Some((line["request_id"].as_str()?, line["decision"].as_str()?)));
    let decisions: HashMap<_, _> = decisions.collect();
    assert!(
        passed.iter().all(|id| decisions.get(id.as_str()) == Some(&"allow")),
        "a request is missing from the record"
    );
    assert_eq!(gateway.api.requests().len(), passed.len(), "what was not on record did not pass");
}

#[tokio::test]
async fn every_metric_of_the_contract_is_there() {
    let routes = "only_listed = true\n[[route]]\npath = \"/db/*\"\nmethods = [\"GET\", \"BREW\"]\n";
    let gateway = Gateway::start(Setup { routes: Some(routes), ..Setup::default() }).await;
    for (what, status) in [
        ("GET /db/CANARY-1", 200),
        ("GET /db/CANARY-2", 200),
        ("GET /CANARY-3", 404),
        ("BREW /db/CANARY-4", 200),
        ("POST /db/CANARY-5", 405),
    ] {
        assert_eq!(call_with(&gateway, what, &token()).await.status, status, "{what}");
    }
    assert_eq!(gateway.send("GET /health", &[], b"").await.status, 200);
    gateway.exchange(b"garbage\r\n\r\n").await;
    let page = gateway.operators("/metrics").await;
    assert!(page.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(page.body).unwrap();
    let client = crate::service::CLIENT_ID;
    for series in [
        r#"requests_total{code="200",method="GET",route="/db/*"} 2"#,
        r#"requests_total{code="200",method="other",route="/db/*"} 1"#,
        r#"requests_total{code="405",method="POST",route="/db/*"} 1"#,
        r#"requests_total{code="404",method="GET",route="unmatched"} 1"#,
        r#"requests_total{code="200",method="GET",route="health"} 1"#,
        r#"requests_total{code="400",method="other",route="unmatched"} 1"#,
        r#"denials_total{code="not_found"} 1"#,
        r#"denials_total{code="method_not_allowed"} 1"#,
        r#"denials_total{code="invalid_request"} 1"#,
        &format!(r#"client_requests_total{{client_id="{client}",outcome="allowed"}} 3"#),
        &format!(r#"client_requests_total{{client_id="{client}",outcome="not_found"}} 1"#),
        "requests_in_flight 0",
        r#"token_validation_duration_seconds_count{cache="miss"}"#,
        r#"token_validation_duration_seconds_count{cache="hit"}"#,
        r#"upstream_duration_seconds_count{route="/db/*"} 3"#,
        r#"request_duration_seconds_count{route="/db/*"} 4"#,
        &format!(r#"jwks_refetches_total{{issuer="{ISSUER}",outcome="ok"}} 1"#),
        &format!(r#"jwks_refetches_total{{issuer="{ISSUER}",outcome="error"}} 0"#),
        &format!(r#"jwks_age_seconds{{issuer="{ISSUER}"}} "#),
        "token_cache_entries ",
        r#"connections{side="client"} "#,
        r#"connections{side="upstream"} "#,
    ] {
        let series = format!("\ncredvend_gateway_{series}");
        assert!(text.contains(&series), "{series} is missing:\n{text}");
    }
    assert!(!text.contains("CANARY"), "a path is a label:\n{text}");
}
