//! Governs who is vended which AWS credentials: the items of the mapping table, judged by the service's own code.
//!
//! Read `cli.rs` for what can be typed; each command is a module of the same name.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod as_client;
mod audit;
mod aws;
mod cli;
mod clients;
mod date;
mod difference;
mod error;
mod explain;
mod governed;
mod item;
mod lint;
mod manual;
mod network;
mod output;
mod policy_document;
mod private_file;
mod probe;
mod report;
mod response_date;
mod revoke;
mod revoked_item;
mod rotate;
mod rows;
mod table;
mod transfer;
mod trust;
mod user_pool;
mod value;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser as _;
use environment::{Log, LogFormat, LogLevel, Lookup};

use crate::cli::{Cli, Command};
use crate::error::Error;

/// Runs a command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>, lookup: Lookup<'_>, now: SystemTime) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let log = Log::of_command("credvend-admin", LogFormat::Text, LogLevel::Info);
    log.report_panics();
    match execute(cli, lookup, log, now) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(cli: Cli, lookup: Lookup<'_>, log: Log, now: SystemTime) -> Result<(), Error> {
    let Cli { global, command } = cli;
    match command {
        Command::Completions { shell } => return manual::completions(shell),
        Command::Man => return manual::man(),
        Command::Schema => return output::print(transfer::SCHEMA.as_bytes()),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        if let Command::Probe(arguments) = &command {
            return probe::run(arguments, global.json, lookup, now).await;
        }
        let governed = governed::Governed::read(&global, lookup)?;
        let setting = audit::Setting { global: &global, governed: &governed, lookup, log, now };
        match &command {
            Command::Audit(arguments) => return audit::run(&setting, arguments).await,
            Command::Report(arguments) => return report::run(&setting, arguments).await,
            Command::RotateSecret(arguments) => return rotate::run(&setting, arguments).await,
            _ => {}
        }
        // A table that nobody named is told before a region or credentials that are missing.
        if governed.table.is_none() {
            return Err(Error::NoTable);
        }
        let aws = aws::settings(&global, &governed, lookup).await?;
        let table = table::Table::open(&governed, &aws)?;
        let context =
            clients::Context { table, aws, governed, json: global.json, style: output::Style::new(lookup), log, now };
        match command {
            Command::Clients(clients) => context.run(clients.action).await,
            Command::Revoke(arguments) => revoke::revoke(&context, &arguments).await,
            Command::Unrevoke(arguments) => revoke::unrevoke(&context, &arguments).await,
            Command::Import(arguments) => transfer::import(&context, &arguments).await,
            Command::Export(arguments) => transfer::export(&context, &arguments).await,
            Command::Explain(arguments) => explain::run(&context, &arguments).await,
            Command::Lint(arguments) => lint::run(&context, &arguments).await,
            // Done above: they need no table.
            Command::Audit(_)
            | Command::Report(_)
            | Command::RotateSecret(_)
            | Command::Probe(_)
            | Command::Completions { .. }
            | Command::Man
            | Command::Schema => Ok(()),
        }
    })
}
