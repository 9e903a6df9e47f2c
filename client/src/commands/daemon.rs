//! What `credential-daemon` and `token-daemon` have in common: keep something fresh, and files that hold it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::error::Error;
use crate::files::on_refresh::{Hook, HookRunner};
use crate::files::published_files::PublishError;
use crate::freshness::keeper::{Fetch, Keeper, State};
use crate::freshness::refresh::{Freshness, Perishable};
use crate::systemd::Systemd;
use crate::timestamp;
use environment::Log;

/// A disk that is full now may not be so much later: tried again after this, then twice, three times … as long, up to a
/// minute.
const NEXT_WRITE: Duration = Duration::from_secs(5);
const LONGEST_NEXT_WRITE: Duration = Duration::from_secs(60);

/// What a daemon keeps in files.
pub(crate) trait Publication {
    type Value: Perishable;
    /// What messages call it.
    const WHAT: &'static str;

    /// Reads the configuration, which may have changed.
    fn source(&self) -> Result<Source<Self::Value>, Error>;

    /// Makes the files hold the value; says whether that changed any.
    fn publish(&self, value: &Self::Value) -> Result<bool, PublishError>;
}

/// Where the value comes from.
pub(crate) struct Source<T> {
    pub(crate) fetch: Fetch<T>,
    /// Equal for equal values: what one source has given is good for the other, too.
    pub(crate) id: String,
}

/// Options of both.
#[derive(clap::Args)]
pub(crate) struct DaemonArguments {
    /// Write the files once and end
    #[arg(long)]
    once: bool,
    /// Run CMD with /bin/sh each time that the files have changed, for 30 s at most
    #[arg(long, value_name = "CMD")]
    on_refresh: Option<String>,
}

/// Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again.
pub(crate) fn run(
    publication: &impl Publication,
    interval: Duration,
    arguments: &DaemonArguments,
    environment: &dyn Fn(&str) -> Option<String>,
    log: Log,
) -> Result<ExitCode, Error> {
    let source = publication.source()?;
    let hook = arguments.on_refresh.as_deref().map(|command| Hook::new(command, environment));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let outcome = if arguments.once {
        once(publication, &source).map(|has_changed| {
            if let Some(hook) = hook.filter(|_| has_changed) {
                runtime.block_on(hook.run(log));
            }
        })
    } else {
        runtime.block_on(keep(publication, source, interval, hook, &Systemd::from_env(environment), log))
    };
    // A fetch that hangs on a thread of its own does not keep the process.
    runtime.shutdown_background();
    outcome.map(|()| ExitCode::SUCCESS)
}

fn once<P: Publication>(publication: &P, source: &Source<P::Value>) -> Result<bool, Error> {
    let value = (source.fetch)(timestamp::now())?.value;
    Ok(publication.publish(&value)?)
}

async fn keep<P: Publication>(
    publication: &P,
    mut source: Source<P::Value>,
    interval: Duration,
    hook: Option<Hook>,
    systemd: &Systemd,
    log: Log,
) -> Result<(), Error> {
    // First of all: before there is a handler, SIGHUP ends the process.
    let mut signals = Signals::new().map_err(Error::Runtime)?;
    let hook = hook.map(|hook| HookRunner::start(hook, log));
    let mut watchdog = systemd.watchdog();
    let mut keeper = Keeper::start(Arc::clone(&source.fetch), None, None, log);
    let mut state = keeper.state().clone();
    let mut writer = Writer { publication, systemd, log, is_ready: false, failures: 0 };
    let mut next_look = Instant::now();
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            () = watchdog.tick() => {
                systemd.alive_if(keeper.is_alive());
                continue;
            }
            _ = signals.hangup.recv() => {
                systemd.reloading();
                match publication.source() {
                    Ok(new) => {
                        log.info("the configuration was read again");
                        if new.id == source.id {
                            keeper.reload(Arc::clone(&new.fetch));
                        } else {
                            // What there is of the other identity stays in the files until there is something new.
                            let attempted_at = keeper.attempted_at();
                            keeper = Keeper::start(Arc::clone(&new.fetch), None, attempted_at, log);
                            state = keeper.state().clone();
                        }
                        source = new;
                    }
                    Err(error) => log.warn(format_args!("the configuration is kept as it was: {error}")),
                }
                if writer.is_ready {
                    systemd.ready();
                }
            }
            Ok(()) = state.changed() => {}
            () = sleep_until(next_look) => {}
        }
        let seen = state.borrow_and_update().clone();
        let (has_changed, rest) = writer.look(&seen, interval);
        next_look = Instant::now() + rest;
        if let Some(hook) = hook.as_ref().filter(|_| has_changed) {
            hook.files_have_changed();
        }
    }
    systemd.stopping();
    Ok(())
}

/// What is done each time that something may have changed.
struct Writer<'a, P> {
    publication: &'a P,
    systemd: &'a Systemd,
    log: Log,
    is_ready: bool,
    /// Of writing, in a row.
    failures: u32,
}

impl<P: Publication> Writer<'_, P> {
    /// Says whether files have changed, and when to look again at the latest.
    fn look(&mut self, state: &State<P::Value>, interval: Duration) -> (bool, Duration) {
        let (has_changed, rest) = match self.write(state) {
            Ok(has_changed) => {
                self.failures = 0;
                (has_changed, interval)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let pause = NEXT_WRITE.saturating_mul(self.failures).min(LONGEST_NEXT_WRITE).min(interval);
                self.log.warn(format_args!("{error}; it is tried again in {} s", pause.as_secs()));
                self.systemd.status(&format!("nothing can be written: {error}"));
                return (false, pause);
            }
        };
        self.systemd.status(&status::<P>(state));
        (has_changed, rest)
    }

    /// Files never get what has expired; what they hold stays, until there is something better.
    fn write(&mut self, state: &State<P::Value>) -> Result<bool, PublishError> {
        let is_expired = state.freshness() == Freshness::Expired;
        let Some(value) = state.current.as_ref().filter(|_| !is_expired) else { return Ok(false) };
        let has_changed = self.publication.publish(value)?;
        if has_changed {
            self.log.info(format_args!("{} written, valid until {}", P::WHAT, timestamp::format(value.ends_at())));
        }
        if !self.is_ready {
            self.is_ready = true;
            self.systemd.ready();
        }
        Ok(has_changed)
    }
}

fn status<P: Publication>(state: &State<P::Value>) -> String {
    let what = P::WHAT;
    let failure = state.failure.as_ref().map(|failure| failure.message.as_str());
    match &state.current {
        None => failure.map_or_else(|| format!("no {what} yet"), |failure| format!("no {what}: {failure}")),
        Some(current) => {
            let verb = if state.freshness() == Freshness::Expired { "expired at" } else { "valid until" };
            let next = failure.map_or_else(
                || format!("next refresh {}", timestamp::format(current.refresh_at())),
                |failure| format!("refresh fails: {failure}"),
            );
            format!("{what} {verb} {}; {next}", timestamp::format(current.ends_at()))
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}
