//! `--on-refresh`: a command that is run when files have changed.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::settings::known_variables;
use environment::Log;

/// A command that hangs must not keep the next change from being told.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A command line, and the environment that it gets.
#[derive(Clone)]
pub(crate) struct Hook {
    command: String,
    environment: Vec<(&'static str, String)>,
    limit: Duration,
}

/// Runs the hook one at a time; ends, with whatever is running, when dropped.
pub(crate) struct HookRunner {
    changed: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for HookRunner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HookRunner {
    /// Must be called inside of a runtime.
    pub(crate) fn start(hook: Hook, log: Log) -> Self {
        let changed = Arc::new(Notify::new());
        let told = Arc::clone(&changed);
        let task = tokio::spawn(async move {
            loop {
                // Changes while the command runs are one more run.
                told.notified().await;
                hook.run(log).await;
            }
        });
        Self { changed, task }
    }

    pub(crate) fn files_have_changed(&self) {
        self.changed.notify_one();
    }
}

impl Hook {
    pub(crate) fn new(command: &str, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let variables = known_variables::of(known_variables::Child::Hook);
        let environment = variables.filter_map(|name| Some((name, environment(name)?))).collect();
        Self { command: command.to_owned(), environment, limit: TIME_LIMIT }
    }

    /// Runs it to its end, whatever that is: a hook that fails is no reason to stop.
    pub(crate) async fn run(&self, log: Log) {
        let command = &self.command;
        log.info(format_args!("running `{command}`"));
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return log.warn(format_args!("`{command}` (--on-refresh) cannot be run: {error}")),
        };
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        match timeout(self.limit, child.wait()).await {
            Ok(ended) => {
                group.leave_alone();
                let ended = ended.map_or_else(|error| Some(error.to_string()), describe);
                if let Some(problem) = ended {
                    log.warn(format_args!("`{command}` (--on-refresh) {problem}"));
                }
            }
            Err(_) => {
                let limit = self.limit.as_secs();
                log.warn(format_args!("`{command}` (--on-refresh) was killed: it ran for more than {limit} s"));
                drop(group);
                // Killed: it does not take long.
                let _ = child.wait().await;
            }
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new("/bin/sh")
            .args(["-c", &self.command])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // A group of its own, so that what the shell has started ends with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// Killed when dropped.
struct Group(Option<Pid>);

impl Group {
    /// A hook that ended cleanly may have left a process in the background.
    fn leave_alone(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // All of them may have ended.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

fn describe(status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| format!("ended with {status}"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use environment::{LogFormat, LogLevel};

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let command = format!("sleep 600 & echo $! > '{}'; wait", pid.display());
        let hook = Hook { limit: Duration::from_secs(1), ..Hook::new(&command, &|_| None) };
        let started = Instant::now();
        hook.run(Log::of_command("credvend", LogFormat::Text, LogLevel::Error)).await;
        assert!(started.elapsed() < Duration::from_secs(60));
        let sleep = format!("/proc/{}/cmdline", std::fs::read_to_string(&pid).unwrap().trim());
        // It may be a zombie still: then its command line is empty.
        while std::fs::read(&sleep).is_ok_and(|cmdline| cmdline.starts_with(b"sleep")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
