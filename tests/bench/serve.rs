//! `credvend serve`: how fast it answers from memory, what a request costs it, and how much memory it idles in.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::http_server::{HttpServer, Reply};
use tests::process::{Process, binary};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::cpu::{Pinned, time_used};
use crate::machine;
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples, show};

const IDENTITIES: usize = 10;
const CONNECTIONS: usize = 32;
/// Each connection asks once in this time, so that what is measured is the answer and not the queue before it.
const PACE: Duration = Duration::from_millis(5);
const PACED_FOR: Duration = Duration::from_secs(10);
const SATURATED_FOR: Duration = Duration::from_secs(5);
/// What an identity leaves behind after its fetch is given back by then.
const SETTLED_AFTER: Duration = Duration::from_secs(15);

/// The endpoint, and the service behind it.
struct Bench {
    _upstream: HttpServer,
    _folder: TempDir,
    process: Process,
    address: String,
    token: String,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let upstream = HttpServer::start(|received| {
            let is_token = received.path.ends_with("/token");
            std::future::ready(Reply::json(200, if is_token { token_answer() } else { vended() }.to_string()))
        })
        .await;
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("config.toml");
        std::fs::write(folder.path().join("secret"), "an-example-secret")?;
        std::fs::write(&config, identities(&upstream.url(), folder.path()))?;
        let token_file = folder.path().join("token");
        let mut command = Command::new(binary("credvend"));
        command.env_clear().args(["--log-level", "info", "--config"]).arg(&config);
        command.args(["serve", "--listen", "127.0.0.1:0", "--token-file"]).arg(&token_file);
        let mut process = Process::spawn(command);
        let address = process.wait_for("listening on http://").await;
        let token = std::fs::read_to_string(token_file)?;
        Ok(Self { _upstream: upstream, _folder: folder, process, address, token })
    }

    async fn connect(&self, identity: usize) -> anyhow::Result<Connection> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (address, token) = (&self.address, &self.token);
        let request = format!(
            "GET /credentials/server-{identity:02} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\n\
             User-Agent: bench\r\nAccept: */*\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        // The first answer waits for the first fetch. Those after it are as long, to the byte.
        let mut first = Vec::new();
        while answer_length(&first).is_none_or(|length| first.len() < length) {
            anyhow::ensure!(stream.read_buf(&mut first).await? > 0, "the endpoint hung up");
        }
        let text = String::from_utf8_lossy(&first);
        anyhow::ensure!(text.starts_with("HTTP/1.1 200 ") && text.contains("ASIAIOSFODNN7EXAMPLE"), "answered {text}");
        Ok(Connection { stream, request: request.into_bytes(), answer: first })
    }

    async fn connections(&self) -> anyhow::Result<Vec<Connection>> {
        let mut connections = Vec::new();
        for number in 0..CONNECTIONS {
            connections.push(self.connect(number % IDENTITIES).await?);
        }
        Ok(connections)
    }
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn ask(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request).await?;
        self.stream.read_exact(&mut self.answer).await?;
        anyhow::ensure!(self.answer.starts_with(b"HTTP/1.1 200 "), "the answer is another one");
        Ok(())
    }

    /// Times each answer, one at a time, each asked for when it is due.
    async fn paced(mut self, start: Instant) -> anyhow::Result<Samples> {
        let (mut samples, mut due) = (Samples::default(), start);
        while due < start + PACED_FOR {
            // Not a timer of tokio's: those go off together, once in a millisecond, and what is timed is their queue.
            while Instant::now() < due {
                tokio::task::yield_now().await;
            }
            let asked = Instant::now();
            self.ask().await?;
            samples.push(asked.elapsed());
            due = (due + PACE).max(Instant::now());
        }
        Ok(samples)
    }

    /// Counts answers, one asked for as soon as the last one is there.
    async fn saturated(mut self) -> anyhow::Result<u32> {
        let (mut count, began) = (0, Instant::now());
        while began.elapsed() < SATURATED_FOR {
            self.ask().await?;
            count += 1;
        }
        Ok(count)
    }
}

/// Head and body, once the head is whole.
fn answer_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    Some(head + length?)
}

fn token_answer() -> Value {
    json!({"access_token": "header.payload.signature", "expires_in": 3600, "token_type": "Bearer"})
}

fn vended() -> Value {
    json!({
        "credentials": {
            "access_key_id": "ASIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "session_token": "x".repeat(900), "expiration": "2099-01-01T00:00:00Z",
        },
        "s3_bucket": "example-bucket", "s3_path_prefix": "logs/server-01/", "aws_region": "eu-west-1",
        "role_arn": "arn:aws:iam::123456789012:role/credvend-server-01", "session_name": "server-01-client-1",
        "source_identity": "client-1", "request_id": "00000000-0000-4000-8000-000000000000",
    })
}

fn identities(upstream: &str, folder: &Path) -> String {
    let folder = folder.display();
    let identity = |number| {
        format!(
            "[identity.server-{number:02}]\nidp_type = 'cognito'\naws_region = 'eu-west-1'\n\
             cognito_token_endpoint = '{upstream}/oauth2/token'\ncognito_client_id = 'client-{number:02}'\n\
             cognito_client_secret_file = '{folder}/secret'\ncognito_credential_api_url = '{upstream}/credentials'\n\
             credvend_cache_dir = '{folder}/cache'\n\n"
        )
    };
    (0..IDENTITIES).map(identity).collect()
}

pub async fn endpoint() -> anyhow::Result<Part> {
    let pinned = Pinned::new();
    let bench = Bench::start().await?;
    let process = bench.process.child.id();
    let mut connections = bench.connections().await?;
    tokio::time::sleep(SETTLED_AFTER).await;
    let idle_memory = machine::process_memory(process, "VmRSS");
    if let Some(pinned) = &pinned {
        pinned.place(process, true);
    }
    // What has been idle for so long has been hung up on.
    connections.clear();
    let paced = paced(bench.connections().await?).await?;
    let used_before = time_used(process);
    let began = Instant::now();
    let count = saturated(bench.connections().await?).await?;
    let (took, used) = (began.elapsed(), Duration::from_nanos(time_used(process) - used_before));
    let busy_memory = machine::process_memory(process, "VmRSS");
    drop(pinned);

    let cpu_time = used / count;
    let figure = |what, ours, reach| Figure { what, part: "serve", ours, reach, peers: Vec::new() };
    Ok(Part {
        title: "Client: `credvend serve`",
        figures: vec![
            figure(
                "`serve`, from memory, 32 connections: p50",
                Quantity::Time(paced.median()),
                Quantity::Time(Duration::from_micros(100)),
            ),
            figure(
                "`serve`, from memory, 32 connections: p99",
                Quantity::Time(paced.percentile(99)),
                Quantity::Time(Duration::from_millis(1)),
            ),
            figure(
                "`serve`: CPU time a request (25 µs: 40,000 a second on one core)",
                Quantity::Time(cpu_time),
                Quantity::Time(Duration::from_micros(25)),
            ),
            figure(
                "`serve`: idle memory with 10 identities",
                Quantity::Memory(idle_memory),
                Quantity::Memory(10 * 1024 * 1024),
            ),
        ],
        details: format!(
            "Ten identities from one file, whose credentials are in memory; {CONNECTIONS} kept connections, the \
             endpoint on one CPU and the one that asks on another. Latency: every connection asks once in {} ms, from \
             the first byte sent to the last one read. A caller that never waits would measure its own queue: \
             {CONNECTIONS} divided by the rate.\n\n{ROW_HEAD}\n{}\n\nSaturated, each connection asking again at once: \
             {:.0} requests a second over {:.1} s, {} of the endpoint's CPU each, kernel included, which is {:.0} \
             requests a second of a core that does nothing else. Resident memory (`VmRSS`) is {:.1} MiB afterwards; \
             idle, it is looked at {} s after the last first fetch.\n",
            PACE.as_millis(),
            paced.row("`GET /credentials/NAME`"),
            f64::from(count) / took.as_secs_f64(),
            took.as_secs_f64(),
            show(cpu_time),
            1.0 / cpu_time.as_secs_f64(),
            mebibytes(busy_memory),
            SETTLED_AFTER.as_secs(),
        ),
    })
}

async fn paced(connections: Vec<Connection>) -> anyhow::Result<Samples> {
    let mut running = JoinSet::new();
    let count = u32::try_from(connections.len())?;
    let began = Instant::now();
    for (number, connection) in (0..).zip(connections) {
        // Spread evenly, as clients that know nothing of each other are.
        running.spawn(connection.paced(began + PACE * number / count));
    }
    let mut samples = Samples::default();
    for outcome in running.join_all().await {
        samples.extend(outcome?);
    }
    Ok(samples)
}

async fn saturated(connections: Vec<Connection>) -> anyhow::Result<u32> {
    let mut running = JoinSet::new();
    for connection in connections {
        running.spawn(connection.saturated());
    }
    running.join_all().await.into_iter().sum()
}

#[allow(clippy::cast_precision_loss)] // Far below 2^52 bytes.
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
