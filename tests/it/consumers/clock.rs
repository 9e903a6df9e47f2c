//! The wall clock of a world: the machine's own, or one that a test moves on (libfaketime).

use std::path::PathBuf;
use std::time::Duration;

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

    /// How far it has been moved.
    pub(super) fn moved_by(&self) -> Duration {
        self.0.as_ref().map(|moved| moved.by).unwrap_or_default()
    }

    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let Some(moved) = &self.0 else { return Vec::new() };
        vec![
            ("LD_PRELOAD", faketime_library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", moved.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // Deadlines and pauses of programs pass as they do: only the date is moved.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }
}

impl Moved {
    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    fn write(&self) {
        let new = self.folder.path().join("offset.new");
        // The clock starts behind by more than a test moves it.
        let behind = BEHIND.checked_sub(self.by).expect("it stays behind");
        std::fs::write(&new, format!("-{}s\n", behind.as_secs())).expect("a writable folder");
        std::fs::rename(&new, self.file()).expect("a writable folder");
    }
}
