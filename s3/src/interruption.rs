//! SIGHUP, SIGINT and SIGTERM end a run cleanly: temporary files are removed, and state for a resumption is kept.

use std::fs;
use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select, select_all};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// A signal that ended the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted by {name}: the same command resumes the upload of a large file")]
pub(crate) struct Interruption {
    name: &'static str,
    number: u8,
}

/// signal(7): a closed terminal, Ctrl-C, and the request to terminate.
const INTERRUPTIONS: [Interruption; 3] = [
    Interruption { name: "SIGHUP", number: 1 },
    Interruption { name: "SIGINT", number: 2 },
    Interruption { name: "SIGTERM", number: 15 },
];

impl Interruption {
    /// As shells report it: bash(1), "Exit status".
    pub(crate) fn exit_code(self) -> u8 {
        128 + self.number
    }
}

/// Runs until the work ends or a signal comes. On a signal the work is dropped, and its destructors clean up.
pub(crate) async fn unless_interrupted<F: Future>(work: F) -> Result<F::Output, Interruption> {
    ignore_file_size_signal();
    let ignored = ignored_signals(&fs::read_to_string("/proc/self/status").unwrap_or_default());
    // nohup(1) and shells start a program that must survive a signal with that signal ignored: a handler would undo that.
    let heard = INTERRUPTIONS.into_iter().filter(|interruption| ignored >> (interruption.number - 1) & 1 == 0);
    let mut waiting: Vec<_> = heard.map(|interruption| Box::pin(wait(interruption))).collect();
    if waiting.is_empty() {
        return Ok(work.await);
    }
    match select(pin!(work), select_all(waiting.drain(..))).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((interruption, ..), _)) => Err(interruption),
    }
}

async fn wait(interruption: Interruption) -> Interruption {
    match signal(SignalKind::from_raw(interruption.number.into())) {
        Ok(mut signals) => _ = signals.recv().await,
        // Without a handler the signal ends the process, which is its default action.
        Err(_) => std::future::pending().await,
    }
    interruption
}

/// `proc_pid_status(5)`: a mask in hexadecimal, the lowest bit for signal 1.
fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Makes a file beyond `ulimit -f` an error of `write` instead of the end of the process: setrlimit(2).
fn ignore_file_size_signal() {
    // Where it cannot be caught, the process ends and the target is still whole.
    let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_were_ignored_at_the_start() {
        assert_eq!(ignored_signals("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n"), 0x1001);
        assert_eq!([ignored_signals(""), ignored_signals("SigIgn:\tnonsense")], [0, 0]);
    }
}
