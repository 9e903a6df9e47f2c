//! Another user swaps folders and links while a program writes. Whenever the swap falls, what lies elsewhere is neither
//! changed nor shown.

use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use tests::process::binary;

use super::*;
use crate::machine::{Ran, run};

/// Nobody on any machine has these.
const VICTIM: u32 = 54_321;
const ATTACKER: u32 = 54_322;
const ROUNDS: usize = 20;
const FOREIGN: &str = "[work]\naws_access_key_id = AKIAFOREIGN\naws_secret_access_key = FOREIGN/secret\n";

/// A folder of the attacker's, with what a program is told to use (`folder`), what it must not touch (`other`), and a link
/// of the attacker's that leads there (`link`).
struct Trap {
    machine: Machine,
    names: &'static [&'static str],
}

impl Trap {
    async fn set(owner: u32, files: &'static [&'static str]) -> Self {
        let machine = Machine::start().await;
        std::fs::set_permissions(machine.home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let trap = Self { machine, names: files };
        std::fs::create_dir(trap.path("")).unwrap();
        for folder in ["folder", "other"] {
            std::fs::create_dir(trap.path(folder)).unwrap();
            std::fs::set_permissions(trap.path(folder), std::fs::Permissions::from_mode(0o755)).unwrap();
            chown(trap.path(folder), Some(owner), None).unwrap();
        }
        for name in files {
            let file = trap.path("other").join(name);
            std::fs::write(&file, FOREIGN).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            chown(&file, Some(owner), None).unwrap();
        }
        symlink(trap.path("other"), trap.path("link")).unwrap();
        std::os::unix::fs::lchown(trap.path("link"), Some(ATTACKER), None).unwrap();
        chown(trap.path(""), Some(ATTACKER), None).unwrap();
        trap
    }

    fn path(&self, name: &str) -> PathBuf {
        self.machine.home.path().join("trap").join(name)
    }

    /// Runs the command while the attacker exchanges `folder` and another name as fast as can be, and holds the lock of
    /// what they find there now and then.
    async fn attack(&self, exchanged: &str, command: impl Fn() -> Command) -> Vec<Ran> {
        let is_over = Arc::new(AtomicBool::new(false));
        let attacker = std::thread::spawn({
            let (is_over, folder, other) = (Arc::clone(&is_over), self.path("folder"), self.path(exchanged));
            move || {
                let uid = Uid::from_raw(ATTACKER);
                set_thread_res_uid(uid, uid, uid).expect("root can be anybody");
                while !is_over.load(Ordering::Relaxed) {
                    let lock = std::fs::File::open(&folder).ok().filter(|folder| folder.try_lock().is_ok());
                    renameat_with(CWD, &folder, CWD, &other, RenameFlags::EXCHANGE)
                        .expect("the folder is the attacker's");
                    drop(lock);
                }
            }
        });
        let mut ran = Vec::new();
        for _ in 0..ROUNDS {
            ran.push(run(command()).await);
        }
        is_over.store(true, Ordering::Relaxed);
        attacker.join().expect("the attacker does not fail");
        ran
    }

    /// Wherever the swaps have left it.
    fn assert_untouched(&self, what: &str) {
        let is_other = |name: &&str| {
            let path = self.path(name);
            !path.is_symlink()
                && self
                    .names
                    .iter()
                    .all(|name| std::fs::read(path.join(name)).is_ok_and(|text| text == FOREIGN.as_bytes()))
        };
        let other = ["folder", "other", "link"].into_iter().find(is_other);
        let other = self.path(other.unwrap_or_else(|| panic!("{what}: a foreign file was changed")));
        assert_eq!(std::fs::read_dir(&other).unwrap().count(), self.names.len(), "{what}: something was put beside it");
        for folder in ["folder", "other", "link"].map(|name| self.path(name)) {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let metadata = entry.metadata().unwrap();
                let is_shown = metadata.uid() == ATTACKER || metadata.mode() & 0o044 != 0;
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                assert!(!is_shown || !text.contains("FOREIGN"), "{what}: {} is shown", entry.path().display());
            }
        }
    }
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can be another user");
    }
    is_root
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_root() {
    if !is_root() {
        return;
    }
    for exchanged in ["other", "link"] {
        let trap = Trap::set(0, &[CREDENTIALS]).await;
        let folder = trap.path("folder").display().to_string();
        for target in [folder.clone(), format!("{folder}/new")] {
            let arguments = ["credential-daemon", "--once", "--creds-dir", &target, "--owner", "54322"];
            for ran in trap.attack(exchanged, || trap.machine.command(&arguments, &[])).await {
                assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
                assert!(
                    ran.stderr().contains("other user") || ran.stderr().contains("another user"),
                    "{}",
                    ran.stderr()
                );
            }
            trap.assert_untouched(exchanged);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_file_of_root() {
    if !is_root() {
        return;
    }
    for exchanged in ["other", "link"] {
        let trap = Trap::set(0, &["token"]).await;
        let file = trap.path("folder/token").display().to_string();
        let serve = ["serve", "--listen", "127.0.0.1:0", "--token-file", &file, "--token-file-mode", "0644"];
        for ran in trap.attack(exchanged, || trap.machine.command(&serve, &[])).await {
            assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
        }
        trap.assert_untouched(exchanged);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_of_root() {
    if !is_root() {
        return;
    }
    for exchanged in ["other", "link"] {
        let trap = Trap::set(0, &["credentials-x.json", "token-x.json"]).await;
        let cache = trap.path("folder").display().to_string();
        let changes = [("CREDVEND_CACHE_DIR", cache.as_str())];
        for ran in trap.attack(exchanged, || trap.machine.command(&["get-credentials"], &changes)).await {
            ran.credentials();
            assert!(ran.stderr().contains("the credentials cannot be cached"), "{}", ran.stderr());
        }
        trap.assert_untouched(exchanged);
    }
}

/// Every other user is led nowhere by a link of the attacker's, be it the folder or on the way to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_another_user() {
    if !is_root() {
        return;
    }
    let trap = Trap::set(VICTIM, &[CREDENTIALS]).await;
    let program = trap.machine.home.path().join("credvend");
    std::fs::copy(binary("credvend"), &program).unwrap();
    let cache = trap.machine.home.path().join("victim");
    std::fs::create_dir(&cache).unwrap();
    chown(&cache, Some(VICTIM), Some(VICTIM)).unwrap();
    for target in ["folder", "folder/."] {
        let command = || {
            let mut command = Command::new(&program);
            command.args(["credential-daemon", "--once", "--creds-dir"]).arg(trap.path(target)).env_clear();
            command.envs(trap.machine.environment()).env("CREDVEND_CACHE_DIR", &cache).uid(VICTIM).gid(VICTIM);
            command
        };
        let ran = trap.attack("link", command).await;
        assert!(ran.iter().all(|ran| matches!(ran.code(), Some(0 | 1))), "{}", ran[0].stderr());
        trap.assert_untouched(target);
    }
}
