//! The client's write path cut short at every system call: killed, disk full, I/O error, read-only file system.
//!
//! `strace` injects the fault into the n-th call of a kind. Whatever happens, each cache file is the old one or the new
//! one, whole and 0600, and the next run succeeds. `CRASH_POINTS` sets the least number of points (default 500).

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use tests::process::binary;

use crate::machine::{Machine, Ran, run};

/// What can touch a file, a lock or a folder, on the way from an answer to a cached answer.
const CALLS: &str = "openat,open,read,write,pwrite64,writev,close,fsync,fdatasync,rename,renameat,renameat2,link,linkat,\
unlink,unlinkat,mkdir,mkdirat,chmod,fchmod,fchmodat,newfstatat,fstat,stat,lstat,statx,lseek,flock,fcntl,ftruncate,\
getdents64,readlink,readlinkat,getrandom,umask,geteuid,access,faccessat2";

const KINDS: [&str; 4] = ["signal=KILL", "error=ENOSPC", "error=EIO", "error=EROFS"];

/// Which files lie in the cache before the run.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Expired,
    Garbage,
    TokenOnly,
}

#[tokio::test]
async fn crash_at_every_system_call_of_the_write_path() {
    let least: usize = std::env::var("CRASH_POINTS").ok().and_then(|points| points.parse().ok()).unwrap_or(500);
    let machine = Machine::start().await;
    machine.get_credentials().await.credentials();
    let fresh = files(&machine);
    let mut points = 0;
    for before in [Before::Expired, Before::Nothing, Before::Garbage, Before::TokenOnly] {
        for (call, times) in calls(&machine, &fresh, before).await {
            for nth in 1..=times {
                for kind in KINDS {
                    crash(&machine, &fresh, before, &format!("{call}:{kind}:when={nth}")).await;
                    points += 1;
                }
            }
        }
        if points >= least {
            break;
        }
    }
    assert!(points >= least, "only {points} points");
    println!("{points} points");
}

type Files = BTreeMap<String, String>;

fn files(machine: &Machine) -> Files {
    let name = |path: &std::path::Path| path.file_name().expect("a file has a name").to_string_lossy().into_owned();
    machine
        .cache_files()
        .into_iter()
        .filter(|(path, ..)| path.extension().is_some_and(|extension| extension == "json"))
        .map(|(path, text, _)| (name(&path), text))
        .collect()
}

/// Puts the cache into the state that the run starts from, and returns it.
fn prepare(machine: &Machine, fresh: &Files, before: Before) -> Files {
    let _ = std::fs::remove_dir_all(machine.cache());
    let old: Files = match before {
        Before::Nothing => return Files::new(),
        Before::Garbage => fresh.iter().map(|(name, text)| (name.clone(), text[..text.len() / 2].to_owned())).collect(),
        Before::Expired => fresh.iter().map(|(name, text)| (name.clone(), expired(text))).collect(),
        Before::TokenOnly => {
            fresh.iter().filter(|(name, _)| name.starts_with("token")).map(|(n, t)| (n.clone(), t.clone())).collect()
        }
    };
    std::fs::create_dir(machine.cache()).expect("the cache folder was just removed");
    std::fs::set_permissions(machine.cache(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("ours");
    for (name, text) in &old {
        let path = machine.cache().join(name);
        std::fs::write(&path, text).expect("ours");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
    }
    old
}

/// The same file with every date an hour and a day earlier.
fn expired(text: &str) -> String {
    fn age(value: &mut Value) {
        match value {
            Value::Object(members) => members.values_mut().for_each(age),
            Value::Array(items) => items.iter_mut().for_each(age),
            Value::Number(number) => {
                // Milliseconds since the epoch.
                if let Some(time) = number.as_u64().filter(|time| *time > 1_600_000_000_000) {
                    *value = Value::from(time - 90_000_000);
                }
            }
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(text).expect("the cache holds JSON");
    age(&mut value);
    value.to_string()
}

fn strace(machine: &Machine, arguments: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(arguments).arg(binary("credvend")).arg("get-credentials");
    command.env_clear().envs(machine.environment());
    command
}

/// How often each call is made from the moment the cache folder is first looked at.
async fn calls(machine: &Machine, fresh: &Files, before: Before) -> Vec<(String, usize)> {
    prepare(machine, fresh, before);
    let log = machine.home.path().join("strace.log");
    let ran = run(strace(machine, &["-e", &format!("trace={CALLS}"), "-o", log.to_str().expect("a plain path")])).await;
    ran.credentials();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in std::fs::read_to_string(&log).expect("strace wrote it").lines() {
        let call =
            line.split_once(' ').map_or(line, |(_, rest)| rest.trim_start()).split('(').next().unwrap_or_default();
        if CALLS.split(',').any(|known| known == call) {
            *counts.entry(call.to_owned()).or_default() += 1;
        }
    }
    assert!(counts.values().sum::<usize>() > 20, "strace does not work here: {counts:?}");
    counts.into_iter().collect()
}

async fn crash(machine: &Machine, fresh: &Files, before: Before, injection: &str) {
    let old = prepare(machine, fresh, before);
    let call = injection.split(':').next().expect("split yields at least one part");
    let arguments = ["-e", &format!("trace={call}"), "-e", &format!("inject={injection}"), "-o", "/dev/null"];
    let ran = run(strace(machine, &arguments)).await;
    let context = || format!("{before:?}, {injection}: {:?} {}", ran.0.status, ran.stderr());
    if ran.code() == Some(0) {
        ran.credentials();
    } else if ran.code().is_some_and(|code| code != 137) {
        assert!(ran.stdout().is_empty() || is_whole(&ran), "half an answer: {}", context());
    }
    for (path, text, mode) in machine.cache_files() {
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        assert_eq!(mode, 0o600, "{name}: {}", context());
        if path.extension().is_some_and(|extension| extension == "json") {
            let is_old = old.get(&name) == Some(&text);
            let is_new = serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object());
            assert!(is_old || is_new, "{name} is torn: {}\n{text:?}", context());
        }
    }
    let next = machine.get_credentials().await;
    assert_eq!(next.code(), Some(0), "the next run fails after {}: {}", context(), next.stderr());
    next.credentials();
    let strangers: Vec<_> = machine
        .cache_files()
        .into_iter()
        .filter(|(path, ..)| path.file_name().is_some_and(|name| name.to_string_lossy().contains("tmp")))
        .collect();
    assert!(strangers.len() <= 1, "temporary files pile up after {}: {strangers:?}", context());
}

fn is_whole(ran: &Ran) -> bool {
    serde_json::from_str::<Value>(&ran.stdout()).is_ok()
}
