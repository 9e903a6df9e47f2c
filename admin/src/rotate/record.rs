//! How far a rotation has come, on disk: what a run that was interrupted leaves to the next. It holds no secret.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;

use environment::{Variables, private_directory};
use serde::{Deserialize, Serialize};

use super::new_secret::fingerprint;
use crate::error::Error;
use crate::private_file;

/// Where the rotation of one client is recorded; this process alone rotates it.
pub(super) struct RecordFile {
    path: PathBuf,
    _lock: File,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The one that worked before.
    pub(super) old_secret_id: String,
    /// `None` until Cognito has said it.
    pub(super) new_secret_id: Option<String>,
    /// Seconds since 1970.
    pub(super) started: u64,
    pub(super) stage: Stage,
}

/// The last thing that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// Nobody has the new secret.
    Adding,
    /// To a file, whose content will have this SHA-256: it can be seen whether it was.
    HandingOverToFile { path: PathBuf, sha256: String, keep_old_until: u64 },
    /// To a command: whoever comes later cannot know whether it was.
    HandingOverToCommand { keep_old_until: u64 },
    /// The new secret is in place; the old one may go, from this time on (seconds since 1970).
    HandedOver { keep_old_until: u64 },
}

impl Stage {
    /// Whether the new secret is where it should be; `None` where nobody knows.
    pub(super) fn is_handed_over(&self) -> Option<bool> {
        match self {
            Self::Adding => Some(false),
            Self::HandingOverToFile { path, sha256, .. } => {
                Some(fs::read(path).is_ok_and(|content| fingerprint(&content) == *sha256))
            }
            Self::HandingOverToCommand { .. } => None,
            Self::HandedOver { .. } => Some(true),
        }
    }

    /// From when on the old secret may go: as the run was told that began the hand-over.
    pub(super) fn keep_old_until(&self) -> u64 {
        match self {
            Self::Adding => 0,
            Self::HandingOverToFile { keep_old_until, .. }
            | Self::HandingOverToCommand { keep_old_until }
            | Self::HandedOver { keep_old_until } => *keep_old_until,
        }
    }
}

impl RecordFile {
    /// `client_id` and `pool_id` hold no character that means something in a path.
    pub(super) fn open(variables: &Variables<'_>, pool_id: &str, client_id: &str) -> Result<Self, Error> {
        let folder = state_folder(variables).ok_or(Error::NoHome)?;
        let problem = |problem: String| Error::File { path: folder.clone(), problem };
        private_directory(&folder).map_err(|error| problem(error.to_string()))?;
        let path = folder.join(format!("rotation-{pool_id}-{client_id}.json"));
        let lock = File::create(path.with_extension("lock")).map_err(|error| problem(error.to_string()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::RotatesAlready { id: client_id.to_owned() }),
            Err(TryLockError::Error(error)) => Err(problem(error.to_string())),
        }
    }

    /// What an earlier run has left.
    pub(super) fn read(&self) -> Result<Option<Record>, Error> {
        match fs::read(&self.path) {
            Ok(content) => serde_json::from_slice(&content)
                .map(Some)
                .map_err(|error| self.problem(&format!("is no record of a rotation ({error}): remove it"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.problem(&error.to_string())),
        }
    }

    /// Before anything is done that it tells of.
    pub(super) fn write(&self, record: &Record) -> Result<(), Error> {
        let content = serde_json::to_vec(record).map_err(|error| self.problem(&error.to_string()))?;
        private_file::write(&self.path, &content).map_err(|error| self.problem(&error.to_string()))
    }

    pub(super) fn remove(&self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.problem(&error.to_string())),
            _ => Ok(()),
        }
    }

    fn problem(&self, problem: &str) -> Error {
        Error::File { path: self.path.clone(), problem: problem.to_owned() }
    }
}

/// XDG Base Directory Specification: a relative path is invalid and to be ignored.
fn state_folder(variables: &Variables<'_>) -> Option<PathBuf> {
    let xdg = variables.optional("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variables.optional("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(xdg.or_else(home)?.join("credvend-admin"))
}
