//! A child that takes this process's place as far as possible: its signals, and its exit code.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::log::Log;

/// What a terminal sends to every process in its foreground, so to the child without our help.
const OF_TERMINALS: [Signal; 3] = [Signal::INT, Signal::QUIT, Signal::WINCH];
/// What only somebody who knows our id sends.
const OTHERS: [Signal; 4] = [Signal::HUP, Signal::TERM, Signal::USR1, Signal::USR2];

pub(super) async fn run(command: Command, log: Log) -> Result<ExitCode, Error> {
    // wait(2): where SIGCHLD is ignored, which is inherited, nobody hears of the child's end. A handler ends that.
    let _child = signal(SignalKind::child()).map_err(Error::Runtime)?;
    // Before there is a child, so that no signal is lost to it.
    let (sender, mut signals) = mpsc::channel(16);
    let ignored = ignored();
    for kind in OF_TERMINALS.into_iter().chain(OTHERS) {
        // What nohup(1) or a script's `&` have had ignored is so for the child, too, as long as it is not caught here.
        if ignored & (1 << (kind.as_raw() - 1)) == 0 {
            catch(kind, sender.clone())?;
        }
    }
    let program = command.get_program().to_owned();
    let mut child = match tokio::process::Command::from(command).spawn() {
        Ok(child) => child,
        Err(cause) => return Ok(not_run(&program, cause, log)),
    };
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    loop {
        tokio::select! {
            Some(signal) = signals.recv() => {
                // It may have ended this moment, which the next round tells. Its id stays ours until it is waited for.
                let _ = pid.map(|pid| kill_process(pid, signal));
            }
            ended = child.wait() => return ended.map(exit_code).map_err(Error::Runtime),
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
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// As shells have it: 127 for what is not there, 126 for what cannot be run.
pub(super) fn not_run(program: &OsStr, cause: io::Error, log: Log) -> ExitCode {
    let code = if cause.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    let error = Error::Program { program: program.to_string_lossy().into_owned(), cause };
    log.error(&error, error.kind());
    ExitCode::from(code)
}
