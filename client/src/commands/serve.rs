//! `credvend serve`: the local endpoint, for as long as the machine runs.

mod consumer_environment;
pub(crate) mod error;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::print;
use crate::endpoint::{self, AuthorizationToken, Endpoint, ListenAddress, ListenError, Offer, Offers};
use crate::error::Error;
use crate::files::atomic_file::Access;
use crate::files::published_files;
use crate::settings::sources::{NamedConfig, Sources};
use crate::systemd::Systemd;
use environment::Log;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A loopback address with a port, or `unix:/PATH`; a socket from systemd wins (`LISTEN_FDS`)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9911")]
    listen: ListenAddress,
    /// Write the token that a request must carry to FILE (`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Mode of the token file, in octal
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = published_files::mode)]
    token_file_mode: u32,
    /// Respond as the instance metadata service (`IMDSv2`) as well, to every user or to those that identities name
    #[arg(long)]
    imds: bool,
    /// Print what a consumer sets, and end
    #[arg(long)]
    print_env: bool,
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let configs = sources.configs()?;
    if arguments.print_env {
        let is_named = sources.options.name_a_table();
        print(consumer_environment::exports(arguments, &configs, is_named)?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let outcome = runtime.block_on(serve(arguments, sources, configs, log));
    // A fetch under way is not waited for.
    runtime.shutdown_background();
    outcome
}

/// What an operator sends.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

async fn serve(
    arguments: &Arguments,
    sources: &Sources<'_>,
    configs: Vec<NamedConfig>,
    log: Log,
) -> Result<ExitCode, Error> {
    let systemd = Systemd::from_env(sources.environment);
    let mut signals = Signals::new().map_err(Error::Runtime)?;
    let listener = match endpoint::inherited()? {
        Some(listener) => listener,
        None => endpoint::bind(&arguments.listen)?,
    };
    let address = ListenAddress::of(&listener);
    let changed = Arc::new(Notify::new());
    let offers = Offers::start(configs, None, log, &changed)?;
    let needs_token = matches!(address, ListenAddress::Tcp(_)) && !arguments.imds;
    if needs_token && arguments.token_file.is_none() {
        return Err(ListenError::Open(address.to_string()).into());
    }
    let token = arguments.token_file.as_ref().map(|_| AuthorizationToken::generate()).transpose()?;
    let file = match (&token, &arguments.token_file) {
        (Some(token), Some(path)) => {
            let access = Access { mode: arguments.token_file_mode, ..Access::PRIVATE };
            Some(token.write(path, &access)?)
        }
        _ => None,
    };
    let mut endpoint = Endpoint::new(offers, token, &listener);
    if arguments.imds {
        endpoint = endpoint.with_imds()?;
    }
    let endpoint = Arc::new(endpoint);
    let server = endpoint::start(listener, Arc::clone(&endpoint), log);
    log.info(format_args!("listening on {address}"));
    systemd.ready();
    let mut watchdog = systemd.watchdog();
    let mut told = Vec::new();
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => {
                reload(sources, &endpoint, &systemd, &changed, log);
                tell(&endpoint, &systemd, log, &mut told);
            }
            () = changed.notified() => tell(&endpoint, &systemd, log, &mut told),
            () = watchdog.tick() => systemd.alive_if(endpoint.offers().are_kept()),
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
        }
    }
    systemd.stopping();
    log.info("stopping: requests under way may finish");
    if !server.stop().await {
        log.warn("some requests did not finish in time");
    }
    drop(file);
    Ok(ExitCode::SUCCESS)
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// A faulty file leaves everything as it is.
fn reload(sources: &Sources<'_>, endpoint: &Endpoint, systemd: &Systemd, changed: &Arc<Notify>, log: Log) {
    systemd.reloading();
    let started = sources.configs().map_err(Error::from);
    let started = started.and_then(|configs| Ok(Offers::start(configs, Some(&endpoint.offers()), log, changed)?));
    match started {
        Ok(offers) => {
            endpoint.replace_offers(offers);
            log.info("the configuration was read again");
        }
        Err(error) => log.warn(format_args!("the configuration is kept as it was: {error}")),
    }
    systemd.ready();
}

/// systemd is told of all identities; the log only of those that have changed since it was `told`.
fn tell(endpoint: &Endpoint, systemd: &Systemd, log: Log, told: &mut Vec<String>) {
    let offers = endpoint.offers();
    let is_one = offers.iter().nth(1).is_none();
    let line = |offer: &Offer| if is_one { offer.status() } else { format!("{}: {}", offer.name, offer.status()) };
    let lines: Vec<_> = offers.iter().map(line).collect();
    for line in lines.iter().filter(|line| !told.contains(line)) {
        log.info(line);
    }
    systemd.status(&lines.join("; "));
    *told = lines;
}
