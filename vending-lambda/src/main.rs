//! Starts the vending API: under Lambda where there is a runtime API, as an HTTP server everywhere else.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use authenticate::{AuthenticationSettings, RateLimit, TrustedIssuers};
use aws_calls::AwsCalls;
use environment::Log;
use grant::aws_clients;
use grant::sts::Sts;
use grant::table::RoleMappings;
use http_server::{Listener, LocalAddress};
use vending_lambda::audit_line;
use vending_lambda::config::Config;
use vending_lambda::events;
use vending_lambda::handler::Api;
use vending_lambda::ready::Readiness;
use vending_lambda::server;
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
    let log = Log::of_service("vending-lambda", config.log_level);
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
    let (runtime_api, listen_address) = (config.runtime_api.clone(), config.listen_address);
    let trusted_proxies = config.trusted_proxies.clone();
    warn(&config.authentication, log);
    let api = Arc::new(build(config, log)?);
    // Keys are fetched while INIT has its burst of CPU. If they cannot be had, the first request tries again.
    first_fetch(&api).await;
    if let Some(runtime_api) = runtime_api {
        let handler = move |invocation| {
            let api = Arc::clone(&api);
            async move { Ok(events::respond(&api, invocation).await) }
        };
        return Ok(runtime_api::run(runtime_api, log, handler).await?);
    }
    let listener = Listener::bind_tcp(listen_address)
        .map_err(|error| anyhow::anyhow!("LISTEN_ADDRESS: cannot listen on {listen_address}: {error}"))?;
    if let LocalAddress::Tcp(address) = listener.address() {
        log.info(format_args!("listening on http://{address}"));
    }
    server::serve(api, listener, trusted_proxies.into()).await?;
    Ok(())
}

/// What is allowed, and should be known to be.
fn warn(authentication: &AuthenticationSettings, log: Log) {
    if authentication.issuers.len() > 1 {
        log.warn(match &authentication.cognito_issuer {
            Some(cognito) => {
                format!(
                    "several issuers are trusted: a mapping item without `issuer` serves clients of {cognito} alone"
                )
            }
            None => "several issuers are trusted: a mapping item without `issuer` serves no client".to_owned(),
        });
    }
    for issuer in authentication.issuers.iter().filter(|issuer| issuer.rules.accept_user_tokens) {
        log.warn(format_args!(
            "`accept_user_tokens` of {}: every user who can log in there gets what the mapping table has for the token's `{}` \
             and scopes",
            issuer.rules.url,
            issuer.rules.client_claim.as_deref().unwrap_or("client_id")
        ));
    }
}

fn build(config: Config, log: Log) -> anyhow::Result<Api> {
    let Config { authentication, terms, table, bucket, aws, metrics_namespace, .. } = config;
    let default_issuer = authentication.default_issuer().map(str::to_owned);
    let region = aws.region.clone();
    let aws = AwsCalls::new(aws)?;
    let vendor = Vendor {
        rate_limit: RateLimit::new(authentication.rate_limit_per_minute),
        issuers: TrustedIssuers::new(authentication, log)?,
        role_mappings: RoleMappings::new(aws_clients::dynamodb(&aws), table, default_issuer),
        terms,
        sts: Sts::new(aws_clients::sts(&aws)),
        bucket,
        region,
    };
    Ok(Api { vendor, readiness: Readiness::default(), log, metrics_namespace, cold: AtomicBool::new(true) })
}

#[allow(clippy::disallowed_methods)] // The process's own start.
async fn first_fetch(api: &Api) {
    api.vendor.issuers.refresh(SystemTime::now()).await;
}
