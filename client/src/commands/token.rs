//! `credvend token`: the access token, for a program that calls an API with it.

use std::process::ExitCode;

use super::print;
use crate::error::Error;
use crate::freshness::provider::Provider;
use crate::output::access_token::{self, TokenFormat};
use crate::settings::config::TokenConfig;
use crate::settings::sources::Sources;
use crate::timestamp;
use environment::Log;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What is printed
    #[arg(long, value_enum, value_name = "FORM", default_value_t = TokenFormat::Token)]
    output: TokenFormat,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let config = TokenConfig::from_env(&sources.lookup()?)?;
    let token = Provider::new(&config, log).provide()?.value;
    print(access_token::format(&token, arguments.output, timestamp::now()).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
