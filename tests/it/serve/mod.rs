//! `credvend serve` and `credvend exec` over the wire: the real binary, asked byte by byte.

mod access;
mod connections;
mod exec;
mod freshness;
mod hostile;
mod imds;
mod lifecycle;
mod refusals;
mod systemd;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::process::Process;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::machine::{CLIENT_SECRET, Machine};
use crate::service::CLIENT_ID;

/// A machine with a running `serve` on a free port.
struct Served {
    machine: Machine,
    process: Process,
    /// `127.0.0.1:PORT`
    address: String,
}

impl Served {
    async fn start(arguments: &[&str]) -> Self {
        Self::on(Machine::start().await, arguments, &[]).await
    }

    async fn on(machine: Machine, arguments: &[&str], changes: &[(&str, &str)]) -> Self {
        let token_file = token_file(&machine).display().to_string();
        let common = ["--log-level", "info", "serve", "--listen", "127.0.0.1:0", "--token-file", &token_file];
        let mut process = Process::spawn(machine.command(&[&common[..], arguments].concat(), changes));
        let address = process.wait_for("listening on http://").await;
        Self { machine, process, address }
    }

    fn token(&self) -> String {
        std::fs::read_to_string(token_file(&self.machine)).expect("the token file is there when it listens")
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        send(&self.address, "GET", path, headers).await
    }

    /// With the right token.
    async fn ask(&self, path: &str) -> Reply {
        self.get(path, &[("authorization", &self.token())]).await
    }

    /// Asks until the answer is as it should be.
    async fn ask_until(&self, path: &str, is_right: impl Fn(&Reply) -> bool) -> Reply {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let reply = self.ask(path).await;
            if is_right(&reply) {
                return reply;
            }
            assert!(Instant::now() < deadline, "{path} stays {} {}", reply.status, reply.body);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn token_file(machine: &Machine) -> PathBuf {
    machine.home.path().join("serve-token")
}

/// An answer.
struct Reply {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// What the SDKs want of an answer.
    fn credentials(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/json");
        assert_eq!(self.headers["cache-control"], "no-store");
        self.json()
    }

    /// What the SDKs show of a refusal.
    fn code(&self) -> (u16, String) {
        assert!(!self.body.contains("CANARY"), "{}", self.body);
        let error = self.json();
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        (self.status, error["code"].as_str().expect("a code").to_owned())
    }
}

async fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let own = ("host", address);
    let host = if headers.iter().any(|(name, _)| *name == "host") { None } else { Some(&own) };
    let lines: Vec<_> = host.into_iter().chain(headers).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let lines = lines.concat();
    send_raw(address, &format!("{method} {path} HTTP/1.1\r\n{lines}connection: close\r\n\r\n")).await
}

async fn send_raw(address: &str, request: &str) -> Reply {
    exchange(TcpStream::connect(address).await.expect("it listens"), request).await
}

async fn send_unix(path: &Path, request_path: &str) -> Reply {
    let stream = UnixStream::connect(path).await.expect("it listens");
    exchange(stream, &format!("GET {request_path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Reply {
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    parse(&String::from_utf8(answer).expect("text"))
}

fn parse(answer: &str) -> Reply {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole head: {answer:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Reply { status, headers, body: body.to_owned() }
}

/// A file of identities; each: its name, and what it has beside the settings that all share.
fn write_config(machine: &Machine, identities: &[(&str, &str)]) -> PathBuf {
    let secret = machine.home.path().join("secret");
    std::fs::write(&secret, CLIENT_SECRET).expect("a writable folder");
    let upstream = machine.service.upstream.url();
    let tables = identities.iter().map(|(name, more)| {
        format!(
            "[identity.{name}]\nidp_type = 'cognito'\naws_region = 'eu-west-1'\n\
             cognito_token_endpoint = '{upstream}/oauth2/token'\ncognito_client_id = '{CLIENT_ID}'\n\
             cognito_client_secret_file = '{}'\ncognito_credential_api_url = '{}/credentials'\n\
             credvend_cache_dir = '{}'\n{more}\n",
            secret.display(),
            machine.service.url,
            machine.home.path().join(format!("cache-{name}")).display(),
        )
    });
    let path = machine.home.path().join("config.toml");
    std::fs::write(&path, tables.collect::<String>()).expect("a writable folder");
    path
}
