//! Measures the release binaries in `BIN_DIR` beside their peers. `scripts/bench` builds them and runs this.
//!
//! With the names of parts it prints what they saw; without any it runs those of the vending API and its client and writes
//! `docs/benchmarks.md`. `query` writes `docs/benchmarks-query.md`.
#![allow(clippy::format_push_string)] // A report is put together once.

mod abuse;
mod admin;
mod client;
mod cpu;
mod lambda;
mod machine;
mod query;
mod query_setting;
mod report;
mod rules;
mod s3;
mod s3_server;
mod samples;
mod serve;
mod statement;
mod tls;
mod token;
mod warm;

use tests::process::repository;

const PARTS: [&str; 9] = ["cold", "warm", "rules", "abuse", "token", "client", "serve", "s3", "admin"];
const PARTS_OF_QUERIES: [&str; 2] = ["statement", "query"];

// One thread: what is measured shall have the other CPU for itself.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let known = [&PARTS[..], &PARTS_OF_QUERIES].concat();
    let unknown = asked.iter().find(|part| !known.contains(&part.as_str()));
    anyhow::ensure!(unknown.is_none(), "there is no part {unknown:?}; the parts are {}", known.join(", "));

    let (wanted, page) = match asked.as_slice() {
        [] => (PARTS.to_vec(), Some("docs/benchmarks.md")),
        [only] if only == "query" => (PARTS_OF_QUERIES.to_vec(), Some("docs/benchmarks-query.md")),
        some => (known.into_iter().filter(|part| some.iter().any(|name| name == part)).collect(), None),
    };
    let mut parts = Vec::new();
    for part in wanted {
        eprintln!("bench: {part}");
        parts.push(match part {
            "cold" => lambda::cold().await?,
            "warm" => warm::invocations().await,
            "rules" => rules::cost().await?,
            "abuse" => abuse::minute().await?,
            "admin" => admin::listing().await?,
            "token" => token::verification(),
            "statement" => statement::check_of_1_kb(),
            "query" => query::api().await?,
            "s3" => s3::transfers()?,
            "client" => client::get_credentials().await?,
            _ => serve::endpoint().await?,
        });
    }
    let mut report = report::render(&parts);
    if page == Some("docs/benchmarks.md") {
        report += &format!("\n{}", include_str!("where-the-time-goes.md"));
    }
    if let Some(page) = page {
        let path = repository().join(page);
        std::fs::write(&path, &report)?;
        eprintln!("bench: written to {}", path.display());
    }
    print!("{report}");
    Ok(())
}
