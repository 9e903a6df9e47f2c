//! A child that takes this process's place as far as possible: it gets its signals, and its exit code is ours. What the
//! child leaves behind is reaped, since this process may be a container's first.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgrp, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::error::Error;
use environment::Log;

/// Signals that a terminal sends to every process in its foreground, so the child gets them without our help.
const OF_TERMINALS: [Signal; 3] = [Signal::INT, Signal::QUIT, Signal::WINCH];
/// Signals that are sent to this process alone.
const OTHERS: [Signal; 4] = [Signal::HUP, Signal::TERM, Signal::USR1, Signal::USR2];

/// wait(2), `__WNOTHREAD`: children of this thread only. The one child and the orphans that a container's first process
/// adopts are the main thread's; a program that another thread runs is waited for there.
const OF_THIS_THREAD: WaitOptions = WaitOptions::from_bits_retain(0x2000_0000);

/// Must be called on the main thread.
pub(super) async fn run(mut command: Command, log: Log) -> Result<ExitCode, Error> {
    // wait(2): where SIGCHLD is ignored, which is inherited, the kernel does not report a child's end. A handler changes that.
    let mut child_ended = signal(SignalKind::child()).map_err(Error::Runtime)?;
    // Before there is a child, so that no signal is lost to it.
    let (sender, mut signals) = mpsc::channel(16);
    let ignored = ignored();
    for kind in OF_TERMINALS.into_iter().chain(OTHERS) {
        // What nohup(1) or a script's `&` have had ignored is so for the child, too, as long as it is not caught here.
        if ignored & (1 << (kind.as_raw() - 1)) == 0 {
            catch(kind, sender.clone())?;
        }
    }
    let child = match command.spawn() {
        Ok(child) => Pid::from_child(&child),
        Err(cause) => return Ok(not_run(command.get_program(), cause, log)),
    };
    loop {
        tokio::select! {
            Some(signal) = signals.recv() => {
                // It may have ended this moment, which the next round tells. Its id stays ours until it is waited for.
                let _ = kill_process(child, signal);
            }
            // Only the end of the process ends these streams.
            _ = child_ended.recv() => {
                if let Some(status) = reap(child)? {
                    return Ok(exit_code(status));
                }
            }
        }
    }
}

/// Waits for all that have ended: one signal may stand for many. How `child` ended, if it is among them.
fn reap(child: Pid) -> Result<Option<WaitStatus>, Error> {
    loop {
        match wait(WaitOptions::NOHANG | OF_THIS_THREAD) {
            Ok(Some((ended, status))) if ended == child => return Ok(Some(status)),
            Ok(Some(_orphan)) => {}
            Ok(None) => return Ok(None),
            Err(errno) => return Err(Error::Runtime(errno.into())),
        }
    }
}

fn catch(kind: Signal, to: mpsc::Sender<Signal>) -> Result<(), Error> {
    let mut stream = signal(SignalKind::from_raw(kind.as_raw())).map_err(Error::Runtime)?;
    tokio::spawn(async move {
        while stream.recv().await.is_some() {
            // Asked each time: a shell's `fg` and `bg` change it.
            if !(OF_TERMINALS.contains(&kind) && is_in_foreground()) {
                // The receiver lives as long as the child.
                let _ = to.send(kind).await;
            }
        }
    });
    Ok(())
}

/// proc(5), `SigIgn`: a bit for each signal that was ignored when this program was started.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

fn is_in_foreground() -> bool {
    File::open("/dev/tty")
        .is_ok_and(|terminal| rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}

/// As shells have it: 128 and the number of the signal.
fn exit_code(status: WaitStatus) -> ExitCode {
    let code = status.exit_status().or_else(|| Some(128 + status.terminating_signal()?)).unwrap_or_default();
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// As shells have it: 127 for what is not there, 126 for what cannot be run.
pub(super) fn not_run(program: &OsStr, cause: io::Error, log: Log) -> ExitCode {
    let code = if cause.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    let error = Error::Program { program: program.to_string_lossy().into_owned(), cause };
    log.failure(&error, error.kind().name());
    ExitCode::from(code)
}
