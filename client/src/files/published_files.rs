//! The files that daemons write for other programs: all of them new, or all of them as they were.

use std::fs::TryLockError;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::files::accounts::{self, AccountError};
use crate::files::atomic_file::{self, Access, NewFile};
use environment::{Directory, FileError, NewFolders};

/// A credentials file may hold many other profiles.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Another daemon of ours writes for milliseconds.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const NAP: Duration = Duration::from_millis(10);

/// Who may read what is published.
#[derive(clap::Args)]
pub(crate) struct AccessArguments {
    /// Permissions of the files, octal; a directory that is made gets the same and may be entered by the users who may read
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = mode)]
    mode: u32,
    /// User that the files belong to, by name or number [default: the user who runs this]
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// Group that the files belong to, by name or number
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`{}` can be written by other users, who could put their own credentials there: `chmod go-w` it", .0.display())]
    Writable(PathBuf),
    #[error(
        "`{}` belongs to another user, who could put their own credentials there: `chown` it, or give that user the files \
         with --owner",
        .0.display()
    )]
    Foreign(PathBuf),
    #[error("`{}` {problem}: other content of it could not be kept", path.display())]
    Unkept { path: PathBuf, problem: &'static str },
    #[error("another process holds the lock of `{}`: is it a daemon that was stopped?", .0.display())]
    Busy(PathBuf),
}

/// A directory, and who may read the files that are put there.
pub(crate) struct PublishedFiles {
    directory: PathBuf,
    access: Access,
}

/// The right to write there, until it is dropped.
pub(crate) struct OpenFiles<'a> {
    directory: Directory,
    access: &'a Access,
}

impl PublishedFiles {
    pub(crate) fn new(directory: PathBuf, arguments: &AccessArguments) -> Result<Self, PublishError> {
        let owner = arguments.owner.as_deref().map(accounts::user_id).transpose()?;
        let group = arguments.group.as_deref().map(accounts::group_id).transpose()?;
        Ok(Self { directory, access: Access { mode: arguments.mode, owner, group } })
    }

    /// Makes the directory if it is not there, and keeps other daemons out of it.
    pub(crate) fn open(&self) -> Result<OpenFiles<'_>, PublishError> {
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            let directory = self.directory()?;
            self.lock(&directory, deadline)?;
            // It may have been replaced during the wait for the lock.
            if directory.is_in_place() {
                return Ok(OpenFiles { directory, access: &self.access });
            }
            if Instant::now() >= deadline {
                return Err(PublishError::Busy(self.directory.clone()));
            }
        }
    }

    fn lock(&self, directory: &Directory, deadline: Instant) -> Result<(), PublishError> {
        loop {
            match directory.file().try_lock() {
                // An error: a file system without locks. Then no other daemon may write there.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(NAP),
                Err(TryLockError::WouldBlock) => return Err(PublishError::Busy(self.directory.clone())),
            }
        }
    }

    /// An existing directory is left as it is: mode and owner are the business of the user who made it.
    fn directory(&self) -> Result<Directory, PublishError> {
        let (directory, was_made) =
            Directory::open_or_make(&self.directory, NewFolders { parents: 0o755, last: 0o700 })?;
        // A user who may write the parent could have put another folder of ours in its place.
        if was_made && directory.names().is_empty() {
            // Users who may read the files may enter.
            let mode = 0o700 | self.access.mode & 0o044 | (self.access.mode & 0o044) >> 2;
            Access { mode, ..self.access }.apply(directory.file()).map_err(FileError::io(&self.directory))?;
        }
        self.check(&directory)?;
        Ok(directory)
    }

    /// What is read there is shown to the files' owner, and what is put there is believed by programs.
    fn check(&self, directory: &Directory) -> Result<(), PublishError> {
        let metadata = directory.file().metadata().map_err(FileError::io(&self.directory))?;
        let ours = [0, rustix::process::geteuid().as_raw()];
        if !ours.contains(&metadata.uid()) && self.access.owner != Some(metadata.uid()) {
            return Err(PublishError::Foreign(self.directory.clone()));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(PublishError::Writable(self.directory.clone()));
        }
        Ok(())
    }
}

impl OpenFiles<'_> {
    /// What a file holds now; nothing, where there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, PublishError> {
        let path = self.directory.path().join(name);
        let unkept = |problem| Err(PublishError::Unkept { path: path.clone(), problem });
        let file = match self.directory.open_file(name, OFlags::RDONLY) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(FileError::Untrusted { problem, .. }) => return unkept(problem),
            other => other?,
        };
        let metadata = file.metadata().map_err(FileError::io(&path))?;
        // What is read here is shown to everybody who may read the new file: no foreign file may be slipped in under our name.
        if !metadata.is_file() || metadata.nlink() > 1 {
            return unkept("is not a regular file with one name");
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(FileError::io(&path))?;
        if bytes.len() as u64 > MAX_BYTES {
            return unkept("is far larger than it should be");
        }
        Ok(bytes)
    }

    /// For a name that a user has typed.
    pub(crate) fn refuse_special(&self, name: &str) -> Result<(), PublishError> {
        Ok(atomic_file::refuse_special(&self.directory, name)?)
    }

    /// Puts all files in place, unless that is what they hold and who may read them already. Says whether anything was
    /// written.
    pub(crate) fn publish(&self, files: &[(&str, Vec<u8>)]) -> Result<bool, PublishError> {
        if files.iter().all(|(name, bytes)| self.is_as_it_should_be(name, bytes)) {
            return Ok(false);
        }
        for (name, _) in files {
            atomic_file::remove_temporaries(&self.directory, name);
        }
        let new: Result<Vec<_>, _> =
            files.iter().map(|(name, bytes)| NewFile::write(&self.directory, name, bytes, self.access)).collect();
        // From here on there is nothing left that a full disk could stop.
        for file in new? {
            file.put_in_place()?;
        }
        self.directory.sync()?;
        Ok(true)
    }

    fn is_as_it_should_be(&self, name: &str, bytes: &[u8]) -> bool {
        let Some(stat) = self.directory.stat(name) else { return false };
        let Access { mode, owner, group } = *self.access;
        stat.st_mode & 0o777 == mode
            && owner.is_none_or(|owner| owner == stat.st_uid)
            && group.is_none_or(|group| group == stat.st_gid)
            && self.read(name).is_ok_and(|found| found == bytes)
    }
}

/// Of `--mode`.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| mode & !0o644 == 0 && mode & 0o400 != 0);
    mode.ok_or_else(|| {
        "an octal mode such as 0600, 0640 or 0644 is expected: only this daemon writes these files".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_that_let_others_write_or_run_are_refused() {
        assert_eq!((mode("0640"), mode("600")), (Ok(0o640), Ok(0o600)));
        for text in ["0660", "0700", "0040", "", "rw", "01600"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
