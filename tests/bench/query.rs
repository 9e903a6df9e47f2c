//! The query API beside the vending API and a Python handler: starts, warm requests, a large page, size.

use std::time::Duration;

use serde_json::Value;
use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary};

use crate::cpu::{Pinned, time_used};
use crate::lambda::{self, Bench};
use crate::machine;
use crate::query_setting::{COLUMNS, Function, ROWS, Setting};
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples, show};

const STARTS: usize = 40;
const STARTS_PYTHON: usize = 10;
const ROUNDS: usize = 20;
const PER_ROUND: usize = 200;
const PER_ROUND_PYTHON: usize = 20;
const LARGE: usize = 200;
/// Its steps that wait for Athena.
const OF_ATHENA: [&str; 3] = ["LatencyMs.start", "LatencyMs.wait", "LatencyMs.results"];

pub async fn api() -> anyhow::Result<Part> {
    let (vending, queries) = (Bench::start().await, Setting::start().await);
    let starts = Starts::measure(&vending, &queries).await;
    let warm = Warm::measure(&vending, &queries).await;
    let large = Large::measure(&queries).await;
    let details = format!(
        "All are started and asked as in [the vending API's benchmarks](benchmarks.md), in turns, before canned services. A query \
         is the 1 KB statement, its client has an item in the table, and the canned Athena has ended it at the first look.\n\n\
         {ROW_HEAD}\n{}{}\n{}\n{}",
        starts.rows(),
        warm.rows(),
        warm.note(),
        large.note(),
    );
    Ok(Part { title: "Query API", figures: figures(&starts, &warm, &large), details })
}

#[derive(Default)]
struct Starts {
    vending: Samples,
    queries: Samples,
    python: Samples,
}

impl Starts {
    async fn measure(vending: &Bench, queries: &Setting) -> Self {
        let mut starts = Self::default();
        for run in 0..=STARTS {
            let mut took = vec![
                (&mut starts.vending, lambda::cold_start(vending, lambda::Function::Vending).await.0),
                (&mut starts.queries, queries.cold_start(Function::Query).await.0),
            ];
            if run <= STARTS_PYTHON {
                took.push((&mut starts.python, queries.cold_start(Function::Python).await.0));
            }
            // The first brings the files into the page cache, and makes Python's compiled ones.
            for (samples, took) in took.into_iter().filter(|_| run > 0) {
                samples.push(took);
            }
        }
        starts
    }

    fn rows(&self) -> String {
        let rows = [("vending-lambda", &self.vending), ("query-lambda", &self.queries), ("Python", &self.python)];
        rows.map(|(name, samples)| samples.row(&format!("{name}: start to `/next`")) + "\n").concat()
    }
}

/// A function that runs, before its runtime API.
struct Running {
    runtime: LambdaRuntime,
    process: Process,
}

#[derive(Default)]
struct Warm {
    vending: Samples,
    queries: Samples,
    /// Without the steps that wait for Athena.
    overhead: Samples,
    python: Samples,
}

impl Warm {
    async fn measure(vending: &Bench, queries: &Setting) -> Self {
        let pinned = Pinned::new();
        let runtime = LambdaRuntime::start().await;
        let vend = Running { process: lambda::Function::Vending.start(vending, &runtime), runtime };
        let (query, python) = (start(queries, Function::Query).await, start(queries, Function::Python).await);
        vending.invoke(&vend.runtime).await;
        for running in [&query, &python] {
            queries.invoke(&running.runtime).await;
        }
        if let Some(pinned) = &pinned {
            for running in [&vend, &query, &python] {
                pinned.place(running.process.child.id(), true);
            }
        }
        let (mut warm, mut took) = (Self::default(), Vec::new());
        for _ in 0..ROUNDS {
            for _ in 0..PER_ROUND {
                warm.vending.push(vending.invoke(&vend.runtime).await.1);
            }
            for _ in 0..PER_ROUND {
                took.push(queries.invoke(&query.runtime).await.1);
            }
            for _ in 0..PER_ROUND_PYTHON {
                warm.python.push(queries.invoke(&python.runtime).await.1);
            }
        }
        let output = { query.process }.stop().await;
        // The first line is that of the invocation before.
        let waits: Vec<Duration> = audit_lines(&output).skip(1).map(|line| waited_for_athena(&line)).collect();
        assert_eq!(waits.len(), took.len(), "an audit line an invocation");
        for (took, waited) in took.into_iter().zip(waits) {
            warm.queries.push(took);
            warm.overhead.push(took.saturating_sub(waited));
        }
        warm
    }

    fn rows(&self) -> String {
        let rows = [
            ("vending-lambda: warm vend", &self.vending),
            ("query-lambda: warm query", &self.queries),
            ("query-lambda: warm query without its steps at Athena", &self.overhead),
            ("Python: warm query", &self.python),
        ];
        rows.map(|(name, samples)| samples.row(name) + "\n").concat()
    }

    fn note(&self) -> String {
        format!(
            "\nA vend calls DynamoDB and STS, a query Athena three times besides. The overhead is a query's time without the \
             steps `start`, `wait` and `results` of its own audit line: what a caller waits for on top of Athena. Those three \
             take {} here, where Athena itself takes none. Python keeps a client's session, and so calls no STS.\n",
            show(self.queries.median().saturating_sub(self.overhead.median())),
        )
    }
}

async fn start(queries: &Setting, function: Function) -> Running {
    let runtime = LambdaRuntime::start().await;
    Running { process: queries.process(function, &runtime), runtime }
}

fn audit_lines(output: &str) -> impl Iterator<Item = Value> {
    let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.get("decision").is_some())
}

fn waited_for_athena(line: &Value) -> Duration {
    let step = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {line}"));
    Duration::from_secs_f64(OF_ATHENA.map(step).iter().sum::<f64>() / 1e3)
}

/// A page of a thousand rows.
struct Large {
    /// CPU time of the function, over that for one row.
    ours: Duration,
    python: Duration,
    memory: u64,
    python_memory: u64,
    sent: usize,
}

impl Large {
    async fn measure(queries: &Setting) -> Self {
        let (query, python) = (start(queries, Function::Query).await, start(queries, Function::Python).await);
        let (ours, sent) = page_time(queries, &query).await;
        let (of_python, _) = page_time(queries, &python).await;
        let memory = |running: &Running| machine::process_memory(running.process.child.id(), "VmHWM");
        Self { ours, python: of_python, memory: memory(&query), python_memory: memory(&python), sent }
    }

    fn note(&self) -> String {
        format!(
            "\nThe page has {ROWS} rows, the header row among them, of {COLUMNS} columns. Its time is CPU time of the function's own \
             thread, kernel included, on top of the same query with one row: Athena's JSON is received and read, the rows are \
             written, and the response of {} KB is sent. Memory is the most that was resident (`VmHWM`).",
            self.sent / 1000,
        )
    }
}

async fn page_time(queries: &Setting, running: &Running) -> (Duration, usize) {
    let mut used = [0_u64; 2];
    let mut sent = 0;
    for (used, (rows, columns)) in used.iter_mut().zip([(1, 1), (ROWS, COLUMNS)]) {
        queries.hand_out(rows, columns);
        queries.invoke(&running.runtime).await;
        let before = time_used(running.process.child.id());
        for _ in 0..LARGE {
            sent = queries.invoke(&running.runtime).await.0.body.len();
        }
        *used = time_used(running.process.child.id()) - before;
    }
    let [one, all] = used.map(Duration::from_nanos);
    (all.saturating_sub(one) / u32::try_from(LARGE).expect("a few hundred"), sent)
}

fn figures(starts: &Starts, warm: &Warm, large: &Large) -> Vec<Figure> {
    let figure = |what, ours, reach, peers| Figure { what, part: "query", ours, reach, peers };
    let time = |samples: &Samples| Quantity::Time(samples.median());
    let near = |samples: &Samples| Quantity::Time(samples.median() * 6 / 5);
    let size = |name: &str| Quantity::Size(machine::zipped_size(&binary(name)));
    vec![
        figure(
            "query API: process start → `/next` (reach: 1.2 × the vending Lambda)",
            time(&starts.queries),
            near(&starts.vending),
            vec![("vending-lambda", time(&starts.vending)), ("Python", time(&starts.python))],
        ),
        figure(
            "warm query without its steps at Athena: p50 (reach: 1.2 × a warm vend)",
            time(&warm.overhead),
            near(&warm.vending),
            vec![("vending-lambda", time(&warm.vending))],
        ),
        figure(
            "warm query, all five calls included: p50",
            time(&warm.queries),
            time(&warm.python),
            vec![("Python", time(&warm.python))],
        ),
        figure(
            "1,000 rows × 20 columns to JSON",
            Quantity::Time(large.ours),
            Quantity::Time(Duration::from_millis(5)),
            vec![("Python", Quantity::Time(large.python))],
        ),
        figure(
            "memory with such pages",
            Quantity::Memory(large.memory),
            Quantity::Memory(24 * 1024 * 1024),
            vec![("Python", Quantity::Memory(large.python_memory))],
        ),
        figure(
            "zipped size of query-lambda",
            size("query-lambda"),
            Quantity::Size(4_000_000),
            vec![("vending-lambda", size("vending-lambda"))],
        ),
        figure("zipped size of pypi-rotation", size("pypi-rotation"), Quantity::Size(4_000_000), Vec::new()),
    ]
}
