//! Starts the gateway.

use std::io::Write as _;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use authenticate::{AuthenticationSettings, RateLimit, TrustedIssuers};
use environment::Log;
use gateway::admit::Decider;
use gateway::caller::Callers;
use gateway::config::Config;
use gateway::gateway::Gateway;
use gateway::metrics::Metrics;
use gateway::routes::Routes;
use gateway::server::{Doors, serve, warn_of_unreachable};
use gateway::upstream::Upstream;
use http_client::{Roots, tls_config};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Handle;

const USAGE: &str = "\
credvend-gateway lets clients with a valid token and the scopes of the route through to an API, and tells it who they are.
It is configured by environment variables alone. These are needed:
  COGNITO_ISSUER  whose tokens are accepted, or TRUSTED_ISSUERS
  UPSTREAM_URL    the API
and these are usual:
  GATEWAY_CONFIG  a TOML file: which paths and methods need which scopes
  LISTEN_ADDRESS  where clients connect to (127.0.0.1:8000)
  METRICS_ADDRESS /metrics, /livez and /readyz (127.0.0.1:9464)
docs/gateway.md has them all.";

fn main() -> ExitCode {
    environment::forbid_core_dumps(environment::CoreLimit::Hard);
    if let Some(argument) = std::env::args_os().nth(1) {
        return explain(&argument.to_string_lossy());
    }
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("credvend-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

/// There is nothing to choose on the command line; whoever tries is told so, instead of a gateway that starts.
fn explain(argument: &str) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let (text, code) = match argument {
        "--version" | "-V" => (format!("credvend-gateway {version}"), ExitCode::SUCCESS),
        "--help" | "-h" => (USAGE.to_owned(), ExitCode::SUCCESS),
        _ => (format!("credvend-gateway: it takes no argument `{argument}`\n{USAGE}"), ExitCode::from(2)),
    };
    let told = if code == ExitCode::SUCCESS {
        writeln!(std::io::stdout(), "{text}")
    } else {
        writeln!(std::io::stderr(), "{text}")
    };
    if told.is_ok() { code } else { ExitCode::FAILURE }
}

fn start() -> anyhow::Result<()> {
    let config = Config::from_env(&environment::process)?;
    let log = Log::of_service("credvend-gateway", config.log_level);
    log.report_panics();
    raise_descriptor_limit();
    warn(&config.authentication, log);
    let workers = start_workers()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let doors = Doors::new(&config);
        let gateway = build(config, workers.len(), log)?;
        let result = serve(Arc::new(gateway), doors, &workers).await;
        // What a reader that stands still has not taken by then is lost.
        let _ = environment::stdout::flush(std::time::Duration::from_secs(2)).await;
        Ok(result?)
    })
}

fn build(config: Config, workers: usize, log: Log) -> anyhow::Result<Gateway> {
    let routes = config.routes_file.as_deref().map(Routes::read).transpose()?.unwrap_or_default();
    warn_of_unreachable(&routes, log);
    let metrics = Arc::new(Metrics::new()?);
    let authentication = config.authentication;
    let tls = tls_config(Roots::System, &authentication.extra_ca_files)?;
    let upstream = Upstream::new(&config.upstream, tls, workers, Arc::clone(&metrics))
        .map_err(|error| anyhow::anyhow!("UPSTREAM_URL: {error}"))?;
    let rate_limit = RateLimit::with_burst(authentication.rate_limit_per_minute);
    let plainly_named_issuer = authentication.cognito_issuer.clone();
    let issuers = TrustedIssuers::new(authentication, log)?;
    Ok(Gateway {
        decider: Decider {
            callers: Callers::new(issuers, plainly_named_issuer),
            required_scopes: config.required_scopes,
            rate_limit,
            metrics: Arc::clone(&metrics),
        },
        routes: RwLock::new(Arc::new(routes)),
        upstream: Arc::new(upstream),
        metrics,
        log,
        trusted_proxies: config.trusted_proxies,
        max_body_bytes: config.max_body_bytes,
        upstream_timeout: config.upstream_timeout,
        forwards_authorization: config.forward_authorization,
        is_draining: AtomicBool::new(false),
    })
}

/// A runtime of one thread for each core, for as long as the process lives.
fn start_workers() -> anyhow::Result<Vec<Handle>> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let start = |number: usize| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let work = move || runtime.block_on(std::future::pending::<()>());
        std::thread::Builder::new().name(format!("worker-{number}")).spawn(work)?;
        Ok(handle)
    };
    (0..cores).map(start).collect()
}

/// What is allowed, and should be known to be.
fn warn(authentication: &AuthenticationSettings, log: Log) {
    for issuer in authentication.issuers.iter().filter(|issuer| issuer.rules.accept_user_tokens) {
        log.warn(format_args!(
            "`accept_user_tokens` of {}: whoever can log in through a client there calls the API as that client",
            issuer.rules.url
        ));
    }
}

/// Each request under way takes two descriptors, and the usual soft limit of 1,024 is for programs that use select(2).
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // The limit that there is will do for fewer connections.
    let _ = setrlimit(Resource::Nofile, limit);
}
