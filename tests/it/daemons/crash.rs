//! Killed, or without room, at every system call that touches the files: each is the old one or the new one, whole.

use super::*;

/// On the way from an answer of the cache to the files.
const CALLS: [&str; 9] = ["openat", "write", "fsync", "rename", "renameat", "fchmod", "unlink", "unlinkat", "mkdirat"];

#[tokio::test]
async fn old_or_new_whatever_happens() {
    let machine = Machine::start().await;
    short_lived(&machine, 3600);
    assert_eq!(once(&machine, &["--mode", "0640"]).await.code(), Some(0));
    let folder = folder(&machine);
    let old = ALL.map(|name| read(&folder, name));
    let _ = std::fs::remove_dir_all(machine.cache());
    assert_eq!(once(&machine, &["--mode", "0640"]).await.code(), Some(0));
    let new = ALL.map(|name| read(&folder, name));
    assert!(old.iter().zip(&new).all(|(old, new)| old != new));
    let mut points = 0;
    for call in CALLS {
        for fault in ["signal=KILL", "error=ENOSPC"] {
            for nth in 1.. {
                for (name, content) in ALL.iter().zip(&old) {
                    std::fs::write(folder.join(name), content).unwrap();
                }
                let found = crash(&machine, &format!("{call}:{fault}:when={nth}")).await;
                let held = ALL.map(|name| read(&folder, name));
                for (index, held) in held.iter().enumerate() {
                    // A cache that cannot be opened brings other credentials, of the same length in every format.
                    assert!(*held == old[index] || held.len() == new[index].len(), "{call} {fault} {nth}: {held}");
                }
                if !found {
                    break;
                }
                points += 1;
            }
        }
    }
    assert!(points >= 40, "only {points} points");
    assert_eq!(once(&machine, &["--mode", "0640"]).await.code(), Some(0));
    let last = ALL.map(|name| read(&folder, name));
    assert!(last.iter().zip(&new).all(|(last, new)| last.len() == new.len()), "{last:?}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4, "no leftovers");
}

/// Runs with one fault; says whether it was met.
async fn crash(machine: &Machine, inject: &str) -> bool {
    let credvend = daemon(machine, &["--once", "--mode", "0640"], &[]);
    let trace = machine.home.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace).args(["-e", &format!("inject={inject}")]).arg("--");
    command.arg(credvend.get_program()).args(credvend.get_args()).env_clear().envs(machine.environment());
    crate::machine::run(command).await;
    let trace = std::fs::read_to_string(&trace).expect("strace writes it");
    trace.contains("(INJECTED)") || trace.contains("killed by SIGKILL")
}
