//! `credvend get-credentials`: one line of JSON on stdout, and nothing else.

use std::process::ExitCode;

use super::print;
use crate::error::Error;
use crate::freshness::provider::Provider;
use crate::output::credential_process;
use crate::settings::config::Config;
use environment::Log;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print nothing; the exit code says whether there are credentials (for health checks)
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments, config: &Config, log: Log) -> Result<ExitCode, Error> {
    let credentials = Provider::new(config, log).provide()?.value;
    if !arguments.check {
        print(credential_process::format(&credentials).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}
