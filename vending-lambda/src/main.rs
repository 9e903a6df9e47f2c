//! Starts the vending API: under Lambda where there is a runtime API, as an HTTP server everywhere else.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use authenticate::{RateLimit, TrustedIssuers};
use aws_calls::AwsCalls;
use entrance::{Entrance, Readiness, audit_line, warn_of};
use environment::Log;
use grant::aws_clients;
use grant::role_mapping::Purpose;
use grant::sts::Sts;
use grant::table::RoleMappings;
use vending_lambda::config::Config;
use vending_lambda::handler::Api;
use vending_lambda::vend::Vendor;

fn main() -> ExitCode {
    environment::forbid_core_dumps(environment::CoreLimit::Hard);
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vending-lambda: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let config = Config::from_env(&environment::process)?;
    let log = Log::of_service("vending-lambda", config.entrance.log_level);
    log.report_panics();
    // One thread: a Lambda has a share of one core, and every step either waits for the network or takes microseconds.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let result = run(config, log).await;
        // What a reader that stands still has not taken by then is lost.
        let _ = audit_line::flush().await;
        result
    })
}

async fn run(config: Config, log: Log) -> anyhow::Result<()> {
    warn_of(&config.authentication, log);
    let (api, entrance) = build(config, log)?;
    entrance.run(Arc::new(api)).await
}

fn build(config: Config, log: Log) -> anyhow::Result<(Api, Entrance)> {
    let Config { authentication, terms, table, bucket, aws, entrance } = config;
    let metrics_namespace = entrance.metrics_namespace.clone();
    let default_issuer = authentication.default_issuer().map(str::to_owned);
    let region = aws.region.clone();
    let aws = AwsCalls::new(aws)?;
    let vendor = Vendor {
        rate_limit: RateLimit::new(authentication.rate_limit_per_minute),
        issuers: TrustedIssuers::new(authentication, log)?,
        role_mappings: RoleMappings::new(aws_clients::dynamodb(&aws), table, default_issuer, Purpose::Credentials),
        terms,
        sts: Sts::new(aws_clients::sts(&aws)),
        bucket,
        region,
    };
    let api = Api { vendor, readiness: Readiness::default(), log, metrics_namespace, cold: AtomicBool::new(true) };
    Ok((api, entrance))
}
