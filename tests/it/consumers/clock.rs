//! The wall clock of a world: the machine's own, or one that a test moves on (libfaketime).

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::machine::faketime_library;

/// How far it stands behind at first. Programs that libfaketime does not reach (rclone is linked statically) then take
/// every credential for expired and ask for it anew each time; a clock that is ahead would have them ask never again.
const BEHIND: Duration = Duration::from_secs(12 * 3600);

pub(super) struct Clock(Option<Moved>);

struct Moved {
    folder: TempDir,
    by: Duration,
}

impl Clock {
    pub(super) fn real() -> Self {
        Self(None)
    }

    pub(super) fn movable() -> Self {
        let moved = Moved { folder: tempfile::tempdir().expect("a temporary folder"), by: Duration::ZERO };
        moved.write();
        Self(Some(moved))
    }

    /// All programs that were given its variables see this at once.
    pub(super) fn advance(&mut self, by: Duration) {
        let moved = self.0.as_mut().expect("a real clock cannot be moved");
        moved.by += by;
        moved.write();
    }

    /// The same for the local stack, which moves its own clock: at each move libfaketime shows the real time to some of
    /// the threads that ask at that moment, and the stack has many.
    pub(super) fn offset_seconds(&self) -> i64 {
        let behind = self.0.as_ref().map(Moved::behind).unwrap_or_default();
        -i64::try_from(behind.as_secs()).expect("some hours")
    }

    /// What the programs see.
    pub(super) fn now(&self) -> SystemTime {
        let behind = self.0.as_ref().map(Moved::behind).unwrap_or_default();
        SystemTime::now() - behind
    }

    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let Some(moved) = &self.0 else { return Vec::new() };
        vec![
            ("LD_PRELOAD", faketime_library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", moved.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // Deadlines and pauses of programs pass as they do: only the date is moved.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            // For a glibc of old; with it, threads that wait for a condition spin.
            ("FAKETIME_FORCE_MONOTONIC_FIX", "0".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }
}

impl Moved {
    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    fn behind(&self) -> Duration {
        BEHIND.checked_sub(self.by).expect("no test moves it so far")
    }

    fn write(&self) {
        let new = self.folder.path().join("offset.new");
        std::fs::write(&new, format!("-{}s\n", self.behind().as_secs())).expect("a writable folder");
        std::fs::rename(&new, self.file()).expect("a writable folder");
    }
}
