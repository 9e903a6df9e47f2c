//! `credvend get-credentials`: one line of JSON on stdout, and nothing else.

use std::process::ExitCode;

use super::print;
use crate::config::Config;
use crate::error::Error;
use crate::log::Log;
use crate::output::credential_process;
use crate::provider::Provider;

pub(crate) fn run(config: &Config, log: Log) -> Result<ExitCode, Error> {
    let credentials = Provider::new(config, log).credentials()?.value;
    print(credential_process::format(&credentials).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
