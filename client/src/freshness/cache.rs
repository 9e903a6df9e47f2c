//! The cache on disk: `credentials-<id>.json`, `token-<id>.json`, `metadata-<id>.json`, `failure-<id>.json`,
//! `token-failure-<id>.json` and the lock `<id>.lock`.
//!
//! Locks are flock(2)'s, which end with their process. On NFS, Linux turns them into byte-range locks of the server:
//! they hold between machines where its lock service runs, and where it does not, locking fails and each process
//! fetches for itself. `rename` is atomic there too. Still, a cache is best on a local disk or in memory.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access_token::AccessToken;
use crate::credentials::Credentials;
use crate::files::atomic_file;
use crate::freshness::refresh::Failure;
use crate::idp::metadata::Metadata;
use environment::{Directory, FileError, Log};

/// The files of one identity.
pub(crate) struct Cache {
    directory: Directory,
    id: String,
}

/// The right to fetch and write; given back when dropped.
pub(crate) struct Lock {
    _file: File,
}

/// Why the cache, or one of its files, is not used. Never the end of a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error("no cache directory is known: set CREDVEND_CACHE_DIR")]
    NoDirectory,
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`{}` is corrupt", path.display())]
    Corrupt { name: String, path: PathBuf },
    #[error("`{}` cannot be locked: {cause}", path.display())]
    Lock { path: PathBuf, cause: io::Error },
}

impl Cache {
    pub(crate) fn open(directory: Option<&Path>, id: String) -> Result<Self, CacheError> {
        let directory = directory.ok_or(CacheError::NoDirectory)?;
        Ok(Self { directory: environment::private_directory(directory)?, id })
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, CacheError> {
        self.read("credentials")
    }

    pub(crate) fn store_credentials(&self, credentials: &Credentials) -> Result<(), CacheError> {
        self.store("credentials", credentials)
    }

    pub(crate) fn token(&self) -> Result<Option<AccessToken>, CacheError> {
        self.read("token")
    }

    pub(crate) fn store_token(&self, token: &AccessToken) -> Result<(), CacheError> {
        self.store("token", token)
    }

    pub(crate) fn metadata(&self) -> Result<Option<Metadata>, CacheError> {
        self.read("metadata")
    }

    pub(crate) fn store_metadata(&self, metadata: &Metadata) -> Result<(), CacheError> {
        self.store("metadata", metadata)
    }

    pub(crate) fn forget_metadata(&self) {
        // One that stays is used up to its age, and fails in its own words.
        let _ = self.directory.remove(self.name("metadata"));
    }

    pub(crate) fn failure(&self, name: &str) -> Result<Option<Failure>, CacheError> {
        self.read(name)
    }

    pub(crate) fn store_failure(&self, name: &str, failure: &Failure) -> Result<(), CacheError> {
        self.store(name, failure)
    }

    pub(crate) fn forget_failure(&self, name: &str) {
        // Most often there is none. One that stays is outdated by what was stored after it.
        let _ = self.directory.remove(self.name(name));
    }

    /// Takes the lock if no other process holds it.
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>, CacheError> {
        let name = format!("{}.lock", self.id);
        let file = atomic_file::open_lock_file(&self.directory, &name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(CacheError::Lock { path: self.directory.path().join(name), cause }),
        }
    }

    /// What a file holds, if it can be used; else a warning says why not, and a corrupt file is set aside. Only under the
    /// lock.
    pub(crate) fn recover<T>(&self, outcome: Result<Option<T>, CacheError>, log: Log) -> Option<T> {
        match outcome {
            Ok(content) => content,
            Err(CacheError::Corrupt { name, path }) => {
                let path = path.display();
                match self.set_aside(&name) {
                    Ok(aside) => log.warn(format_args!("`{path}` is corrupt: set aside as `{}`", aside.display())),
                    Err(error) => log.warn(format_args!("`{path}` is corrupt, and cannot be set aside: {error}")),
                }
                None
            }
            Err(error) => {
                log.warn(format_args!("{error}: it is not used, and replaced"));
                None
            }
        }
    }

    /// Moves a corrupt file out of the way, and keeps it for an operator who wants to know how it came about. Only under the lock:
    /// otherwise the good file that another process has just put in its place could be the one that is moved.
    fn set_aside(&self, name: &str) -> Result<PathBuf, CacheError> {
        let aside = format!("{name}.corrupt");
        self.directory.rename(name, &aside)?;
        Ok(self.path(&aside))
    }

    fn read<T: DeserializeOwned>(&self, what: &str) -> Result<Option<T>, CacheError> {
        let name = self.name(what);
        let Some(bytes) = atomic_file::read(&self.directory, &name)? else { return Ok(None) };
        // The parser's own words are left out: they may quote the file.
        serde_json::from_slice(&bytes).map(Some).map_err(|_| CacheError::Corrupt { path: self.path(&name), name })
    }

    fn store<T: Serialize>(&self, what: &str, content: &T) -> Result<(), CacheError> {
        let name = self.name(what);
        atomic_file::remove_temporaries(&self.directory, &name);
        // Strings and numbers: serializing them cannot fail.
        let bytes = serde_json::to_vec(content).unwrap_or_default();
        Ok(atomic_file::replace(&self.directory, &name, &bytes)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn name(&self, what: &str) -> String {
        format!("{what}-{}.json", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&folder.path().join("credvend")), "id".to_owned()).unwrap();
        (folder, cache)
    }

    #[test]
    fn the_lock_is_held_by_one_and_ends_with_its_holder() {
        let (_folder, cache) = cache();
        let held = cache.try_lock().unwrap();
        assert!(held.is_some());
        assert!(cache.try_lock().unwrap().is_none());
        drop(held);
        assert!(cache.try_lock().unwrap().is_some());
    }

    #[test]
    fn a_corrupt_file_is_reported_without_its_content_and_set_aside() {
        let (_folder, cache) = cache();
        for content in ["", "{", "[]", r#"{"access_key_id":"SECRET"}"#] {
            atomic_file::replace(&cache.directory, "credentials-id.json", content.as_bytes()).unwrap();
            let Err(CacheError::Corrupt { name, path }) = cache.credentials() else { panic!("{content}") };
            assert_eq!(path, cache.directory.path().join("credentials-id.json"));
            let aside = cache.set_aside(&name).unwrap();
            assert_eq!(std::fs::read(aside).unwrap(), content.as_bytes());
            assert!(cache.credentials().unwrap().is_none());
        }
    }

    #[test]
    fn without_a_directory_there_is_no_cache() {
        assert!(matches!(Cache::open(None, "id".to_owned()), Err(CacheError::NoDirectory)));
    }
}
