//! The vending API over plain HTTP under a minute of good and hostile requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tests::http_server::closed_port;
use tests::process::{Process, binary};
use tests::token::{SigningKey, cognito_claims, jwk_set, now};
use tests::upstream::{Service, Upstream, item};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::cpu::{Pinned, is_real_time};
use crate::lambda::{ISSUER, every_rule, rules_of_the_service};
use crate::machine::process_memory;
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples};

const SECONDS: u32 = 60;
const PER_SECOND: u32 = 2_000;
/// Half of them send good requests.
const CONNECTIONS: u32 = 80;
/// Filling caches, pools and the allocator.
const WARM_UP: Duration = Duration::from_secs(10);
/// A timer of tokio's fires so much later than asked, whatever the server does.
const TIMER: Duration = Duration::from_millis(2);
/// Where most of the hostile requests come from, and some of the good ones.
const SHARED_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// What one connection sends in turn.
struct Sender {
    source: Ipv4Addr,
    requests: Vec<Vec<u8>>,
    is_good: bool,
}

#[derive(Default)]
struct Outcome {
    good: Samples,
    hostile: Samples,
    good_statuses: BTreeMap<u16, usize>,
    hostile_statuses: BTreeMap<u16, usize>,
}

pub async fn minute() -> anyhow::Result<Part> {
    let key = SigningKey::generate("key-1");
    let upstream = Arc::new(Upstream::start().await);
    upstream.set_jwks(jwk_set(&[&key]));
    let senders = senders(&key, &upstream);
    let (server, address) = start(&upstream).await?;
    let pinned = Pinned::new();
    if let Some(pinned) = &pinned {
        pinned.place(server.child.id(), true);
    }
    let key_fetches = Arc::new(AtomicU64::new(0));
    let counting = tokio::spawn(count_key_fetches(Arc::clone(&upstream), Arc::clone(&key_fetches)));
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for (number, sender) in (0..).zip(senders) {
        // The beats of all connections lie side by side.
        sending.spawn(send(sender, address, begun + Duration::from_secs(1) / PER_SECOND * number));
    }
    sleep_until(begun + WARM_UP).await;
    let memory_before = process_memory(server.child.id(), "VmRSS");
    let mut outcome = Outcome::default();
    while let Some(sent) = sending.join_next().await {
        outcome.add(sent??);
    }
    let memory_after = process_memory(server.child.id(), "VmRSS");
    counting.abort();
    drop(pinned);
    let real_time = is_real_time(std::process::id()) && is_real_time(server.child.id());
    Ok(report(&outcome, [memory_before, memory_after], key_fetches.load(Ordering::Relaxed), real_time))
}

async fn start(upstream: &Upstream) -> anyhow::Result<(Process, SocketAddr)> {
    let url = closed_port().await;
    let address = url.trim_start_matches("http://").to_owned();
    let mut command = Command::new(binary("vending-lambda"));
    command.env_clear().envs(rules_of_the_service()).envs([
        ("COGNITO_ISSUER", ISSUER),
        ("JWKS_URI", &format!("{}/jwks.json", upstream.url())),
        ("DYNAMODB_TABLE", "credvend-clients"),
        ("S3_BUCKET", "example-bucket"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", &upstream.url()),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "an-example-secret"),
        ("LISTEN_ADDRESS", &address),
        ("LOG_LEVEL", "error"),
    ]);
    // Half a gigabyte of audit lines has no place in the harness's memory.
    let server = Process::spawn_with_stdout(command, Stdio::null());
    let address = address.parse()?;
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok((server, address))
}

/// The canned services remember every request, for tests that count them.
async fn count_key_fetches(upstream: Arc<Upstream>, fetches: Arc<AtomicU64>) {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        fetches.fetch_add(upstream.received(Service::Jwks).len() as u64, Ordering::Relaxed);
        upstream.forget_requests();
    }
}

fn senders(key: &SigningKey, upstream: &Upstream) -> Vec<Sender> {
    let hostile = hostile_requests(key);
    let of = |number: u32| {
        let is_good = number.is_multiple_of(2);
        let last = u8::try_from(number).expect("some eighty");
        // Every fifth good client shares its address with most of the hostile ones.
        let source = if number.is_multiple_of(10) || (!is_good && !number.is_multiple_of(5)) {
            SHARED_SOURCE
        } else {
            Ipv4Addr::new(127, 0, 1, last + 1)
        };
        let requests = if is_good {
            let client = format!("client{number:02}");
            upstream.put_item(&client, item(&client, every_rule()));
            vec![vend(&key.token(&cognito_claims(ISSUER, &client)))]
        } else {
            hostile.clone()
        };
        Sender { source, requests, is_good }
    };
    (0..CONNECTIONS).map(of).collect()
}

fn hostile_requests(key: &SigningKey) -> Vec<Vec<u8>> {
    let claims = |changes: serde_json::Value| {
        let mut claims = cognito_claims(ISSUER, "client00");
        if let (Some(claims), Some(changes)) = (claims.as_object_mut(), changes.as_object()) {
            claims.extend(changes.clone());
        }
        claims
    };
    let genuine = key.token(&claims(json!({})));
    let forged = format!("{}AAAA{}", &genuine[..genuine.len() - 8], &genuine[genuine.len() - 4..]);
    let mut requests: Vec<_> = [
        "a.b.c",
        "not-a-token",
        &"a".repeat(16_000),
        &forged,
        &genuine[..genuine.len() / 2],
        &key.token(&claims(json!({"exp": now() - 3600, "iat": now() - 7200}))),
        &key.token(&claims(json!({"iss": "https://idp.example.com"}))),
        &key.token(&claims(json!({"token_use": "id"}))),
        // A genuine token of a client that nobody knows, again and again.
        &key.token(&claims(json!({"client_id": "stranger", "sub": "stranger"}))),
    ]
    .map(vend)
    .into();
    // A key that there is not, another one each time.
    requests.extend((0..20).map(|number| {
        let header = json!({"alg": "RS256", "kid": format!("unknown-{number}")});
        vend(&key.sign(&header, &claims(json!({}))))
    }));
    requests.extend(
        [
            "GET /.env HTTP/1.1\r\nhost: x\r\n\r\n",
            "DELETE /credentials HTTP/1.1\r\nhost: x\r\n\r\n",
            "POST /credentials HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
            "POST /credentials HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"a\":[[[[",
            "POST /explain HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a.b.c\r\ncontent-length: 0\r\n\r\n",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    requests
}

fn vend(token: &str) -> Vec<u8> {
    format!("POST /credentials HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n")
        .into()
}

async fn send(sender: Sender, address: SocketAddr, first: Instant) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let (mut stream, mut buffer) = (connect(sender.source, address).await?, Vec::new());
    let beat = Duration::from_secs(1) * CONNECTIONS / PER_SECOND;
    for (number, request) in (0..SECONDS * PER_SECOND / CONNECTIONS).zip(sender.requests.iter().cycle()) {
        let due = first + beat * number;
        sleep_until(due).await;
        // A request that waits for the one before it is as late as its caller sees it.
        let begun = if due.elapsed() <= TIMER { Instant::now() } else { due };
        stream.write_all(request).await?;
        let (status, stays_open) = response(&mut stream, &mut buffer).await?;
        if !stays_open {
            stream = connect(sender.source, address).await?;
        }
        outcome.note(sender.is_good, status, begun.elapsed());
    }
    Ok(outcome)
}

async fn connect(source: Ipv4Addr, address: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let stream = socket.connect(address).await.with_context(|| format!("from {source}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Status, and whether the connection stays open. Where it ended without a response the status is 0.
async fn response(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<(u16, bool)> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return Ok((0, false));
        }
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length: usize = field("content-length:").unwrap_or("0").parse()?;
        if buffer.len() >= end + 4 + length {
            let status = head.split(' ').nth(1).context("a status line")?.parse()?;
            return Ok((status, field("connection:") != Some("close")));
        }
    }
}

impl Outcome {
    fn note(&mut self, is_good: bool, status: u16, took: Duration) {
        let (samples, statuses) = if is_good {
            (&mut self.good, &mut self.good_statuses)
        } else {
            (&mut self.hostile, &mut self.hostile_statuses)
        };
        samples.push(took);
        *statuses.entry(status).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.good.extend(other.good);
        self.hostile.extend(other.hostile);
        for (status, count) in other.good_statuses {
            *self.good_statuses.entry(status).or_default() += count;
        }
        for (status, count) in other.hostile_statuses {
            *self.hostile_statuses.entry(status).or_default() += count;
        }
    }
}

fn report(outcome: &Outcome, memory: [u64; 2], key_fetches: u64, real_time: bool) -> Part {
    let statuses = |statuses: &BTreeMap<u16, usize>| {
        let counts: Vec<_> = statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        counts.join(", ")
    };
    let mut details = format!(
        "{SECONDS} s of {PER_SECOND} requests a second over {CONNECTIONS} kept connections, half of them good: {} clients, each \
         with every rule in its item and in the service. The hostile half sends forged, expired, foreign and broken tokens, tokens of \
         keys that there are not and of a client that nobody knows, paths and bodies that make no sense; most of it comes from an \
         address that every fifth good client shares. Each request is timed from when it was due. The server has one CPU, the \
         harness with the canned services the other{}.\n\n{ROW_HEAD}\n",
        CONNECTIONS / 2,
        if real_time {
            "; both ran with real-time priority (`chrt -f`), since the machine did other work as well"
        } else {
            ". Other work on the machine counts: `chrt -f 10 scripts/bench abuse` keeps it away"
        }
    );
    details += &format!("{}\n{}\n", outcome.good.row("good"), outcome.hostile.row("hostile"));
    // Writing to a String cannot fail.
    let _ = write!(
        details,
        "\nStatuses of the good: {}. Of the hostile: {}. Resident memory after 10 s and at the end: {:.1} and {:.1} MiB. Fetches \
         of keys: {key_fetches}.",
        statuses(&outcome.good_statuses),
        statuses(&outcome.hostile_statuses),
        in_mebibytes(memory[0]),
        in_mebibytes(memory[1]),
    );
    let figure = |what, ours, reach| Figure { what, part: "abuse", ours, reach, peers: Vec::new() };
    let unserved = outcome.good.count() - outcome.good_statuses.get(&200).copied().unwrap_or_default();
    let figures = vec![
        figure(
            "2,000 good and hostile requests/s: good ones not served",
            Quantity::Count(unserved as u64),
            Quantity::Count(0),
        ),
        figure(
            "the same: p99 of the good ones",
            Quantity::Time(outcome.good.percentile(99)),
            Quantity::Time(Duration::from_millis(5)),
        ),
        figure(
            "the same: memory at the end (reach: 1.1 × that after 10 s)",
            Quantity::Memory(memory[1]),
            Quantity::Memory(memory[0] * 11 / 10),
        ),
        figure(
            "the same: fetches of keys (one in 10 s)",
            Quantity::Count(key_fetches),
            Quantity::Count(u64::from(SECONDS) / 10 + 1),
        ),
    ];
    Part { title: "Load and abuse", figures, details }
}

#[allow(clippy::cast_precision_loss)] // Memory is far below 2^52 bytes.
fn in_mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
