//! Measures the release binaries in `BIN_DIR` beside their peers. `scripts/bench` builds them and runs this.
//!
//! With the names of parts it prints what they saw; without any it runs all and writes `docs/benchmarks.md`.
#![allow(clippy::format_push_string)] // A report is put together once.

mod abuse;
mod admin;
mod client;
mod cpu;
mod lambda;
mod machine;
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

const PARTS: [&str; 10] = ["cold", "warm", "rules", "abuse", "token", "statement", "client", "serve", "s3", "admin"];

// One thread: what is measured shall have the other CPU for itself.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let unknown = asked.iter().find(|part| !PARTS.contains(&part.as_str()));
    anyhow::ensure!(unknown.is_none(), "there is no part {unknown:?}; the parts are {}", PARTS.join(", "));

    let mut parts = Vec::new();
    for part in PARTS.into_iter().filter(|part| asked.is_empty() || asked.iter().any(|name| name == part)) {
        eprintln!("bench: {part}");
        parts.push(match part {
            "cold" => lambda::cold().await?,
            "warm" => warm::invocations().await,
            "rules" => rules::cost().await?,
            "abuse" => abuse::minute().await?,
            "admin" => admin::listing().await?,
            "token" => token::verification(),
            "statement" => statement::check_of_1_kb(),
            "s3" => s3::transfers()?,
            "client" => client::get_credentials().await?,
            _ => serve::endpoint().await?,
        });
    }
    let report = report::render(&parts);
    if asked.is_empty() {
        let path = repository().join("docs/benchmarks.md");
        std::fs::write(&path, &report)?;
        eprintln!("bench: written to {}", path.display());
    }
    print!("{report}");
    Ok(())
}
