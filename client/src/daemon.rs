//! What `credential-daemon` and `token-daemon` have in common: keep something fresh, and files that hold it.

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::error::Error;
use crate::keeper::{Fetch, Keeper, Perishable, State};
use crate::log::Log;
use crate::on_refresh::{Hook, HookRunner};
use crate::published_files::PublishError;
use crate::refresh::Freshness;
use crate::timestamp;

/// A disk that is full now may not be so much later.
const NEXT_WRITE: Duration = Duration::from_secs(5);

/// What a daemon keeps in files.
pub(crate) trait Publication {
    type Value: Perishable;

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

/// Runs until SIGTERM or SIGINT; SIGHUP reads the configuration anew.
pub(crate) fn run(
    publication: &impl Publication,
    interval: Duration,
    arguments: &DaemonArguments,
    environment: &dyn Fn(&str) -> Option<String>,
    log: &Log,
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
        runtime.block_on(keep(publication, source, interval, hook, log))
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
    log: &Log,
) -> Result<(), Error> {
    // First of all: before there is a handler, SIGHUP ends the process.
    let mut signals = Signals::new().map_err(Error::Runtime)?;
    let hook = hook.map(|hook| HookRunner::start(hook, *log));
    let mut keeper = Keeper::start(source.fetch.clone(), None, *log);
    let mut state = keeper.state().clone();
    loop {
        let next_look = match publish(publication, &state, log) {
            Ok(has_changed) => {
                if let Some(hook) = hook.as_ref().filter(|_| has_changed) {
                    hook.files_have_changed();
                }
                interval
            }
            Err(error) => {
                log.warn(format_args!("{error}; it is tried again"));
                NEXT_WRITE.min(interval)
            }
        };
        tokio::select! {
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            _ = signals.hangup.recv() => match publication.source() {
                Ok(new) => {
                    log.info("the configuration is read anew");
                    // Of another identity, what there is stays in the files until there is something new.
                    let current = state.borrow().current.clone().filter(|_| new.id == source.id);
                    keeper = Keeper::start(new.fetch.clone(), current, *log);
                    state = keeper.state().clone();
                    source = new;
                }
                Err(error) => log.warn(format_args!("{error}; the configuration stays as it was")),
            },
            Ok(()) = state.changed() => {}
            () = tokio::time::sleep(next_look) => {}
        }
    }
}

/// Files never get what has expired; what they hold stays, until there is something better.
fn publish<P: Publication>(
    publication: &P,
    state: &watch::Receiver<State<P::Value>>,
    log: &Log,
) -> Result<bool, PublishError> {
    let (current, freshness) = {
        let state = state.borrow();
        (state.current.clone(), state.freshness())
    };
    let Some(value) = current.filter(|_| freshness != Freshness::Expired) else { return Ok(false) };
    let has_changed = publication.publish(&value)?;
    if has_changed {
        log.info(format_args!("written; valid until {}", timestamp::format(value.ends_at())));
    }
    Ok(has_changed)
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
