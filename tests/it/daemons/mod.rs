//! `credvend credential-daemon` and `token-daemon`, and `credvend env`: the real binary, and files that others read.

mod access;
mod crash;
mod credentials;
mod env;
mod lifecycle;
mod on_refresh;
mod races;
mod token;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::process::{Process, repository};
use tests::upstream::Lifetimes;

use crate::machine::Machine;

const ENV: &str = "aws-credentials.env";
const JSON: &str = "aws-credentials.json";
const CREDENTIALS: &str = "credentials";
const LOGSTASH: &str = "logstash.yml";
const ALL: [&str; 4] = [ENV, JSON, CREDENTIALS, LOGSTASH];

/// Where the daemon of these tests writes. Nobody has made it.
fn folder(machine: &Machine) -> PathBuf {
    machine.home.path().join("run/aws-creds")
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// What the JSON file says, if there is one.
fn key(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(JSON)).ok()?;
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"));
    Some(value["AccessKeyId"].as_str().expect("a text").to_owned())
}

fn daemon(machine: &Machine, arguments: &[&str], changes: &[(&str, &str)]) -> Command {
    let folder = folder(machine).display().to_string();
    let common = ["--log-level", "info", "credential-daemon", "--creds-dir", &folder];
    machine.command(&[&common[..], arguments].concat(), changes)
}

async fn once(machine: &Machine, arguments: &[&str]) -> crate::machine::Ran {
    crate::machine::run(daemon(machine, &[&["--once"], arguments].concat(), &[])).await
}

/// Until something is so: it is never the time that decides.
async fn until(what: &str, process: &Process, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}\n{}", process.output());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ends the daemon as systemd does. Nothing that it ever wrote is a secret.
async fn stop(mut process: Process) -> String {
    process.signal(rustix::process::Signal::TERM);
    let code = process.exit_code().await;
    let output = process.output();
    assert_eq!(code, Some(0), "{output}");
    assert!(!output.contains("CANARY"), "{output}");
    output
}

/// Credentials that last so many seconds, each time with another key.
fn short_lived(machine: &Machine, seconds: u64) {
    let token = Duration::from_secs(3600);
    machine.service.upstream.set_lifetimes(Lifetimes { credentials: Duration::from_secs(seconds), token });
}

/// Python with boto3 and PyYAML, and nothing of this machine's configuration.
fn python(machine: &Machine, script: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(repository().join(".tools/venv/bin/python"));
    command.args(["-c", script]).env_clear().envs([
        ("HOME", machine.home.path().as_os_str()),
        ("PATH", std::env::var_os("PATH").unwrap_or_default().as_os_str()),
        ("AWS_EC2_METADATA_DISABLED", "true".as_ref()),
    ]);
    command.envs(variables.iter().copied());
    command
}
