//! Starts the vending API: under Lambda where there is a runtime API, as an HTTP server everywhere else.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use authenticate::{FailureLimit, RateLimit, TrustedIssuers};
use aws_calls::AwsCalls;
use entrance::{Entrance, Readiness, warn_of};
use environment::Log;
use grant::aws_clients;
use grant::role_mapping::Purpose;
use grant::sts::Sts;
use grant::table::RoleMappings;
use vending_lambda::config::Config;
use vending_lambda::handler::Api;
use vending_lambda::vend::Vendor;

fn main() -> ExitCode {
    // Before the configuration is read, which may hold secrets.
    environment::forbid_core_dumps(environment::CoreLimit::Hard);
    let config = Config::from_env(&environment::process);
    match entrance::run("vending-lambda", config, |config| config.entrance.log_level, build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vending-lambda: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build(config: Config, log: Log) -> anyhow::Result<(Api, Entrance)> {
    let Config { authentication, terms, failure_limit_per_minute, table, bucket, vends_kept_for, aws, entrance } =
        config;
    warn_of(&authentication, &terms, log);
    let metrics_namespace = entrance.metrics_namespace.clone();
    let default_issuer = authentication.default_issuer().map(str::to_owned);
    let region = aws.region.clone();
    let aws = AwsCalls::new(aws)?;
    let vendor = Vendor {
        failure_limit: FailureLimit::new(failure_limit_per_minute),
        rate_limit: RateLimit::new(authentication.rate_limit_per_minute),
        issuers: TrustedIssuers::new(authentication, log)?,
        role_mappings: RoleMappings::new(aws_clients::dynamodb(&aws), table, default_issuer, Purpose::Credentials),
        terms,
        sts: Sts::new(aws_clients::sts(&aws), vends_kept_for),
        bucket,
        region,
    };
    let api = Api { vendor, readiness: Readiness::default(), log, metrics_namespace, cold: AtomicBool::new(true) };
    Ok((api, entrance))
}
