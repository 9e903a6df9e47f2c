//! SIGINT and SIGTERM end a run in order: temporary files go, what can be resumed is kept.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::signal::unix::{SignalKind, signal};

/// A signal that ended the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted by {name}: the same command takes an upload of a large file up where it stopped")]
pub(crate) struct Interruption {
    name: &'static str,
    number: u8,
}

impl Interruption {
    /// As shells tell it: bash(1), "Exit status".
    pub(crate) fn exit_code(self) -> u8 {
        128 + self.number
    }
}

/// Runs until the end or until a signal comes; then the work is dropped, and with it what it cleans up.
pub(crate) async fn unless_interrupted<F: Future>(work: F) -> Result<F::Output, Interruption> {
    ignore_file_size_signal();
    let interrupted = pin!(interruption());
    match select(pin!(work), interrupted).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right((interruption, _)) => Err(interruption),
    }
}

async fn interruption() -> Interruption {
    let wait = |kind: SignalKind, name, number| {
        Box::pin(async move {
            match signal(kind) {
                Ok(mut signals) => _ = signals.recv().await,
                // Without a handler the signal ends the process, which is what it is for.
                Err(_) => std::future::pending().await,
            }
            Interruption { name, number }
        })
    };
    let interrupt = wait(SignalKind::interrupt(), "SIGINT", 2);
    let terminate = wait(SignalKind::terminate(), "SIGTERM", 15);
    select(interrupt, terminate).await.factor_first().0
}

/// A file beyond `ulimit -f` shall be an error of `write`, not the end of the process: setrlimit(2).
fn ignore_file_size_signal() {
    // Where it cannot be caught, the process ends and the target is still whole.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}
