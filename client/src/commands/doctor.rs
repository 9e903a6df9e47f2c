//! `credvend doctor`: walks every hop for real, without the cache, and names the one that fails and its fix.

mod hops;
mod report;

use std::process::ExitCode;

use self::hops::Walk;
use self::report::Report;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::fetch;
use crate::log::Log;
use crate::variables::ConfigError;

pub(crate) fn run(config: Result<Config, ConfigError>, json: bool, log: &Log) -> Result<ExitCode, Error> {
    let mut report = Report::new(json);
    match config {
        Ok(config) => walk(&config, &mut report, log)?,
        Err(error) => report.fail("configuration", &Error::from(error))?,
    }
    Ok(report.first_failure().map_or(ExitCode::SUCCESS, Kind::exit_code))
}

fn walk(config: &Config, report: &mut Report, log: &Log) -> Result<(), Error> {
    let (token_endpoint, api) = (&config.cognito.token_endpoint, &config.vending_api.endpoint);
    let client_id = &config.cognito.client_id;
    report
        .ok("configuration", format_args!("client {client_id}, token endpoint {token_endpoint}, vending API {api}"))?;
    let http = match fetch::http_client(config) {
        Ok(http) => http,
        Err(error) => return report.fail("TLS", &error),
    };
    hops::secrets(config, report)?;
    hops::cache_directory(config, report)?;
    fetch::block_on(async {
        let mut walk = Walk::new(config, &http, report, log);
        walk.health_and_clock().await?;
        let Some(token) = walk.token().await? else { return Ok(()) };
        walk.claims(&token)?;
        walk.explain(&token).await?;
        walk.vend(&token).await
    })
}
