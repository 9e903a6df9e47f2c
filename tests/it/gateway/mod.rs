//! `credvend-gateway` over the wire.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::process::{Process, binary};
use tests::upstream::{Service, Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::service::{ISSUER, token, upstream};
use raw_upstream::{RawReply, RawUpstream, read_chunks};

/// The example script of the docs.
mod example;
/// Upstreams and issuers that do not do what they should.
mod faults;
/// The same decision for other proxies.
mod forward_auth;
/// Where requests begin and end.
mod framing;
/// Who the caller is, for the upstream.
mod headers;
/// HTTP/2 in front.
mod http_2;
/// Keys and tokens that change.
pub mod keys;
/// Servers that forgive much.
mod lenient;
/// Reload, end and record.
mod lifecycle;
/// Sizes, waits, numbers and rates.
mod limits;
/// llhttp's vectors.
mod llhttp;
/// Paths against routes.
mod paths;
/// A client of HTTP/2 without a library.
mod raw_http_2;
/// What passes while it comes.
mod streams;
mod websockets;

/// Callers and upstreams that a test moves step by step.
pub mod by_hand;
/// The API behind the gateway.
pub mod raw_upstream;
/// Before the first request.
mod startup;

/// Longer than any deadline of the gateway that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a gateway is started with, beside the defaults.
#[derive(Default)]
pub struct Setup<'a> {
    /// The content of `GATEWAY_CONFIG`.
    pub routes: Option<&'a str>,
    /// The last value of a variable counts.
    pub environment: Vec<(&'a str, String)>,
    /// Instead of one that answers 200 with `ok` to everything.
    pub api: Option<RawUpstream>,
}

/// The running binary, with an issuer and an API of its own.
pub struct Gateway {
    pub api: RawUpstream,
    /// Serves the key set.
    pub issuer: Upstream,
    pub process: Process,
    /// `127.0.0.1:PORT` of the three doors.
    pub address: String,
    pub metrics_address: String,
    pub auth_address: Option<String>,
    /// Holds the file of routes.
    folder: TempDir,
}

/// A response, read whole. Names of headers are in lower case.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The responses in the bytes of a connection, each with its length or chunks, else to the end.
    pub fn read_all(mut bytes: &[u8]) -> Vec<Self> {
        let mut answers = Vec::new();
        while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.split("\r\n");
            let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
            let fields = lines.filter_map(|line| line.split_once(':'));
            let headers: Vec<_> =
                fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
            let status = status.unwrap_or_else(|| panic!("a response begins with a status line: {head}"));
            let rest = &bytes[end + 4..];
            let field = |name: &str| headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
            let (body, length) = match (field("transfer-encoding"), field("content-length")) {
                (Some(_), _) => read_chunks(rest).map_or((rest.to_vec(), rest.len()), |read| (read.0, read.2)),
                (None, Some(length)) => {
                    let length = length.parse().unwrap_or(0).min(rest.len());
                    (rest[..length].to_vec(), length)
                }
                (None, None) if status < 200 => (Vec::new(), 0),
                (None, None) => (rest.to_vec(), rest.len()),
            };
            bytes = &rest[length..];
            answers.push(Self { status, headers, body });
        }
        answers
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Status and error code, `ok` where there is none.
    pub fn verdict(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or("ok").to_owned())
    }
}

impl Gateway {
    pub async fn start(setup: Setup<'_>) -> Self {
        let api = match setup.api {
            Some(api) => api,
            None => RawUpstream::ok().await,
        };
        let issuer = upstream(json!({})).await;
        let folder = tempfile::tempdir().expect("a folder for the routes");
        let mut environment = vec![
            ("COGNITO_ISSUER", ISSUER.to_owned()),
            ("JWKS_URI", format!("{}/jwks.json", issuer.url())),
            ("UPSTREAM_URL", api.url()),
            ("LISTEN_ADDRESS", "127.0.0.1:0".to_owned()),
            ("METRICS_ADDRESS", "127.0.0.1:0".to_owned()),
            ("LOG_LEVEL", "debug".to_owned()),
        ];
        if let Some(routes) = setup.routes {
            let file = folder.path().join("routes.toml");
            std::fs::write(&file, routes).expect("the routes can be written");
            environment.push(("GATEWAY_CONFIG", file.display().to_string()));
        }
        environment.extend(setup.environment);
        let mut command = Command::new(binary("credvend-gateway"));
        command.env_clear().envs(environment);
        let mut process = Process::spawn(command);
        process.wait_for(" for requests").await;
        let log = process.output();
        let address = |what: &str| {
            let line = log.lines().find(|line| line.contains(&format!(" for {what}")))?;
            let (_, rest) = line.split_once("listening on http://")?;
            rest.split(' ').next().map(str::to_owned)
        };
        Self {
            address: address("requests").expect("the log names the address"),
            metrics_address: address("metrics and probes").expect("the log names the address"),
            auth_address: address("forward-auth"),
            api,
            issuer,
            process,
            folder,
        }
    }

    /// Replaces the file of routes; SIGHUP is the test's.
    pub fn write_routes(&self, routes: &str) {
        std::fs::write(self.folder.path().join("routes.toml"), routes).expect("the routes can be written");
    }

    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).await.expect("the gateway listens");
        stream.set_nodelay(true).expect("a socket takes its options");
        stream
    }

    /// Sends these bytes on a connection of their own, and returns all that comes until the gateway ends it.
    pub async fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect().await;
        // The gateway may have ended the connection before it took everything.
        let _ = stream.write_all(bytes).await;
        read_to_end(&mut stream).await
    }

    /// A request on a connection of its own: `GET /x`, header lines and a body with its length.
    pub async fn send(&self, what: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("{what} HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n").into_bytes();
        for (name, value) in headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !body.is_empty() {
            request.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        let bytes = self.exchange(&request).await;
        let answers = Answer::read_all(&bytes);
        answers
            .into_iter()
            .find(|answer| answer.status >= 200)
            .unwrap_or_else(|| panic!("{what} was not answered: {}\n{}", bytes.escape_ascii(), self.process.output()))
    }

    /// The same with the token of the registered client.
    pub async fn call(&self, what: &str) -> Answer {
        self.send(what, &[("Authorization", &format!("Bearer {}", token()))], b"").await
    }

    /// A page of the operators' door.
    pub async fn operators(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.metrics_address).await.expect("the metrics are served");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("the gateway reads");
        let bytes = read_to_end(&mut stream).await;
        Answer::read_all(&bytes).into_iter().next().expect("the gateway answers")
    }

    /// The value of a metric, whose name and labels are as in the exposition, and 0 where it is not there.
    pub async fn metric(&self, series: &str) -> f64 {
        let page = self.operators("/metrics").await;
        let text = String::from_utf8(page.body).expect("metrics are text");
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("the value of a metric is a number"))
    }

    /// Every audit line it wrote; the gateway ends for it.
    pub async fn audit(&mut self) -> Vec<Value> {
        let output = self.process.stop().await;
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line.get("decision").is_some()).collect()
    }
}

/// All that comes until the peer ends the connection.
pub async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset ends a connection as well.
    let _ = read.unwrap_or_else(|_| panic!("the connection does not end: {}", bytes.escape_ascii()));
    bytes
}

#[tokio::test]
async fn a_request_with_a_token_reaches_the_api_and_one_without_does_not() {
    let mut gateway = Gateway::start(Setup::default()).await;
    assert_eq!(gateway.send("GET /x?a=b", &[], b"").await.verdict(), (401, "invalid_token".to_owned()));
    assert!(gateway.api.connections().is_empty() && gateway.auth_address.is_none());
    assert_eq!(gateway.issuer.received(Service::Jwks).len(), 1);

    let answer = gateway.call("GET /x?a=b").await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]));
    assert!(!answer.header("x-request-id").is_empty());
    let request = gateway.api.take_only_request();
    assert_eq!(request.line, "GET /x?a=b HTTP/1.1");
    assert_eq!(request.value("x-m2m-client-id"), crate::service::CLIENT_ID);
    assert_eq!(request.value("authorization"), "");

    let allowed = r#"credvend_gateway_requests_total{code="200",method="GET",route="unmatched"}"#;
    assert!((gateway.metric(allowed).await - 1.0).abs() < f64::EPSILON);
    let decisions: Vec<_> = gateway.audit().await.iter().map(|line| line["decision"].clone()).collect();
    assert_eq!(decisions, ["deny", "allow"]);
}

#[tokio::test]
async fn routes_and_health() {
    let routes = "only_listed = true\n[[route]]\npath = \"/db/*\"\nscopes = [\"credvend-api/admin\"]\n";
    let gateway = Gateway::start(Setup { routes: Some(routes), ..Setup::default() }).await;
    assert_eq!(gateway.call("GET /db/x").await.verdict(), (403, "insufficient_scope".to_owned()));
    assert_eq!(gateway.call("GET /other").await.verdict(), (404, "not_found".to_owned()));
    assert_eq!(gateway.send("GET /health", &[], b"").await.json()["status"], "healthy");
    assert_eq!(gateway.operators("/readyz").await.status, 200);
    assert!(gateway.api.connections().is_empty());

    gateway.write_routes("[[route]]\npath = \"/db/*\"\nscopes = [\"credvend-api/read\"]\n");
    gateway.process.signal(rustix::process::Signal::HUP);
    while gateway.call("GET /db/y").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(gateway.api.take_only_request().target(), "/db/y");
}

#[tokio::test]
async fn an_upstream_that_is_silent_or_closes() {
    let api = RawUpstream::start(|request| match request.target() {
        "/silent" => RawReply::Silence,
        _ => RawReply::ThenClose(b"HTTP/1.1 200 OK\r\n\r\nto the end".to_vec()),
    })
    .await;
    let environment = vec![("UPSTREAM_TIMEOUT_SECONDS", "1".to_owned())];
    let gateway = Gateway::start(Setup { api: Some(api), environment, ..Setup::default() }).await;
    assert_eq!(gateway.call("GET /silent").await.verdict(), (504, "upstream_timeout".to_owned()));
    assert_eq!(gateway.call("GET /").await.body, b"to the end");
    assert_eq!(gateway.api.requests().len(), 2);
}
