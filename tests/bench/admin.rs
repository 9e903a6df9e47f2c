//! The operator's program on a table of 100,000 items, beside boto3.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::http_server::{HttpServer, Received, Reply};
use tests::process::binary;
use tests::upstream::item;

use crate::lambda::every_rule;
use crate::machine::{python, watch_memory};
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples};

const ITEMS: usize = 100_000;
/// DynamoDB's, for one page of a scan.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
const RUNS: usize = 5;

/// What boto3's documentation recommends, and a line an item as ours prints.
const BOTO3: &str = "import boto3, os, sys\n\
    client = boto3.client('dynamodb')\n\
    count = 0\n\
    for page in client.get_paginator('scan').paginate(TableName=os.environ['DYNAMODB_TABLE'], ConsistentRead=True):\n    \
        for item in page['Items']:\n        \
            count += 1\n        \
            print(item['client_id']['S'], item['server_name']['S'], item['s3_path_prefix']['S'], item['role_arn']['S'])\n\
    assert count == 100000, count\n";

/// A table that answers scans, whole or in segments, faster than any client reads them.
async fn table() -> HttpServer {
    let items: Arc<Vec<String>> = Arc::new((0..ITEMS).map(rendered).collect());
    HttpServer::start(move |received| std::future::ready(page(&items, &received))).await
}

fn key(number: usize) -> String {
    // As Cognito's, and in no order.
    format!("{:026x}", (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 24)
}

fn rendered(number: usize) -> String {
    let mut extra = every_rule();
    extra["server_name"] = json!({"S": format!("server-{number:06}")});
    extra["s3_path_prefix"] = json!({"S": format!("logs/server-{number:06}/")});
    item(&key(number), extra).to_string()
}

fn page(items: &[String], received: &Received) -> Reply {
    let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let number = |name: &str| asked[name].as_u64().and_then(|number| usize::try_from(number).ok());
    let (segment, segments) = (number("Segment").unwrap_or(0), number("TotalSegments").unwrap_or(1));
    let (begin, end) = (ITEMS * segment / segments, ITEMS * (segment + 1) / segments);
    let begin = asked["ExclusiveStartKey"]["at"]["N"].as_str().and_then(|at| at.parse().ok()).unwrap_or(begin);
    let (mut body, mut next) = (String::from("{\"Items\":["), begin);
    let most = begin.saturating_add(number("Limit").unwrap_or(usize::MAX)).min(end);
    while next < most && body.len() < MAX_PAGE_BYTES {
        if next > begin {
            body.push(',');
        }
        body += &items[next];
        next += 1;
    }
    // Writing to a String cannot fail.
    let _ = write!(body, "],\"Count\":{0},\"ScannedCount\":{0}", next - begin);
    if next < end {
        let _ = write!(body, ",\"LastEvaluatedKey\":{{\"at\":{{\"N\":\"{next}\"}}}}");
    }
    body.push('}');
    Reply::Whole(200, vec![("content-type".into(), "application/x-amz-json-1.0".into())], body.into_bytes())
}

struct Lister {
    name: &'static str,
    program: std::path::PathBuf,
    arguments: Vec<&'static str>,
    wall: Samples,
    peak: u64,
}

impl Lister {
    fn new(name: &'static str, program: std::path::PathBuf, arguments: &[&'static str]) -> Self {
        Self { name, program, arguments: arguments.to_vec(), wall: Samples::default(), peak: 0 }
    }

    async fn run(&mut self, endpoint: &str) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).envs([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "an-example-secret"),
            ("DYNAMODB_TABLE", "credvend-clients"),
            ("HOME", "/nonexistent"),
        ]);
        // The canned table is served by this thread meanwhile.
        let (wall, peak) = tokio::task::spawn_blocking(move || -> anyhow::Result<(Duration, u64)> {
            let started = Instant::now();
            let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
            let watched = watch_memory(child.id());
            let status = child.wait()?;
            let wall = started.elapsed();
            anyhow::ensure!(status.success(), "{command:?} ended with {status}");
            Ok((wall, watched.join().unwrap_or_default()))
        })
        .await??;
        self.wall.push(wall);
        self.peak = self.peak.max(peak);
        Ok(())
    }
}

pub async fn listing() -> anyhow::Result<Part> {
    let table = table().await;
    let mut listers = [
        Lister::new("`clients list`", binary("credvend-admin"), &["clients", "list"]),
        Lister::new("`clients list --json`", binary("credvend-admin"), &["clients", "list", "--json"]),
        Lister::new("boto3 scan", python(), &["-c", BOTO3]),
    ];
    for _ in 0..RUNS {
        for lister in &mut listers {
            lister.run(&table.url()).await?;
        }
    }
    let rows: Vec<_> = listers.iter().map(|lister| lister.wall.row(lister.name)).collect();
    let rows = rows.join("\n");
    let peaks: Vec<_> =
        listers.iter().map(|lister| format!("{} {:.1} MiB", lister.name, in_mebibytes(lister.peak))).collect();
    let details = format!(
        "Whole processes, taking turns, on a canned table on loopback: {ITEMS} items with every attribute, in pages as large as \
         DynamoDB's. Ours reads 8 segments at once, sorts and judges each item; boto3's paginator reads page after page and prints \
         four attributes.\n\n{ROW_HEAD}\n{rows}\n\nPeak memory: {}.",
        peaks.join(" · ")
    );
    let [list, _, boto3] = &listers;
    let figures = vec![
        Figure {
            what: "`clients list` of 100,000 items (reach: 2 s, or a third of boto3's)",
            part: "admin",
            ours: Quantity::Time(list.wall.median()),
            reach: Quantity::Time(Duration::from_secs(2).min(boto3.wall.median() / 3)),
            peers: vec![("boto3", Quantity::Time(boto3.wall.median()))],
        },
        Figure {
            what: "the same: peak memory",
            part: "admin",
            ours: Quantity::Memory(list.peak),
            reach: Quantity::Memory(64 * 1024 * 1024),
            peers: vec![("boto3", Quantity::Memory(boto3.peak))],
        },
    ];
    Ok(Part { title: "Operator: a table of 100,000 items", figures, details })
}

#[allow(clippy::cast_precision_loss)] // Memory is far below 2^52 bytes.
fn in_mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
