//! `credvend env`: credentials as exports of a shell.

use std::process::ExitCode;

use super::print;
use crate::error::Error;
use crate::freshness::provider::Provider;
use crate::log::Log;
use crate::output::env::{self, Dialect};
use crate::settings::config::Config;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Whose words to use
    #[arg(long, value_enum, default_value_t = Dialect::Bash)]
    shell: Dialect,
}

pub(crate) fn run(arguments: &Arguments, config: &Config, log: Log) -> Result<ExitCode, Error> {
    let credentials = Provider::new(config, log).credentials()?.value;
    let variables = env::pairs(&credentials, config.region.as_deref());
    print(env::format(&variables, arguments.shell).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
