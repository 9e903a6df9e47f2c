//! `credvend env`: credentials as exports of a shell.

use std::process::ExitCode;

use super::print;
use crate::error::Error;
use crate::freshness::provider::Provider;
use crate::output::consumer_environment::ConsumerEnvironment;
use crate::output::env::Dialect;
use crate::settings::config::Config;
use environment::Log;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shell that reads the exports
    #[arg(long, value_enum, default_value_t = Dialect::Bash)]
    shell: Dialect,
}

pub(crate) fn run(arguments: &Arguments, config: &Config, log: Log) -> Result<ExitCode, Error> {
    let credentials = Provider::new(config, log).provide()?.value;
    let environment = ConsumerEnvironment::with_credentials(&credentials, config.region.as_deref());
    print(environment.exports(arguments.shell).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
