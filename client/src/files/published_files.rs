//! The files that daemons write for other programs: all of them new, or all of them as they were.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::files::accounts::{self, AccountError};
use crate::files::atomic_file::{self, Access, FileError, NewFile};

/// A credentials file may hold many profiles of somebody else.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Another daemon of ours writes for milliseconds.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const NAP: Duration = Duration::from_millis(10);

/// Who may read what is published.
#[derive(clap::Args)]
pub(crate) struct AccessArguments {
    /// Permissions of the files, octal; a directory that is made gets the same and may be entered by whoever may read
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = mode)]
    mode: u32,
    /// User that the files belong to, by name or number [default: whoever runs this]
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
    #[error("`{}` is a symlink of another user, who could turn it to any place: name the directory itself", .0.display())]
    Link(PathBuf),
    #[error("`{}` {problem}: other content of it could not be kept", path.display())]
    Unkept { path: PathBuf, problem: &'static str },
    #[error("another process holds the lock of `{}`: is it a daemon that was stopped?", .0.display())]
    Busy(PathBuf),
    #[error("`{}` is no path of a file", .0.display())]
    NoFile(PathBuf),
}

/// A directory, and who may read the files that are put there.
pub(crate) struct PublishedFiles {
    directory: PathBuf,
    access: Access,
}

/// The right to write there, until it is dropped.
pub(crate) struct OpenFiles<'a> {
    files: &'a PublishedFiles,
    _lock: File,
}

impl PublishedFiles {
    pub(crate) fn new(directory: PathBuf, arguments: &AccessArguments) -> Result<Self, PublishError> {
        let owner = arguments.owner.as_deref().map(accounts::user_id).transpose()?;
        let group = arguments.group.as_deref().map(accounts::group_id).transpose()?;
        Ok(Self { directory, access: Access { mode: arguments.mode, owner, group } })
    }

    /// Makes the directory if it is not there, and keeps other daemons out of it.
    pub(crate) fn open(&self) -> Result<OpenFiles<'_>, PublishError> {
        self.make_directory()?;
        let io = |cause| FileError::Io { path: self.directory.clone(), cause };
        let lock = File::open(&self.directory).map_err(io)?;
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            match lock.try_lock() {
                // An error: a file system without locks. Then nobody else's daemon may write there.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(OpenFiles { files: self, _lock: lock }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(NAP),
                Err(TryLockError::WouldBlock) => return Err(PublishError::Busy(self.directory.clone())),
            }
        }
    }

    /// One that is there already belongs to whoever made it, its mode and owner too.
    fn make_directory(&self) -> Result<(), PublishError> {
        let io = |cause| FileError::Io { path: self.directory.clone(), cause };
        match fs::metadata(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut builder = fs::DirBuilder::new();
                if let Some(parent) = self.directory.parent() {
                    builder.recursive(true).mode(0o755).create(parent).map_err(io)?;
                }
                builder.recursive(false).mode(0o700).create(&self.directory).map_err(io)?;
                // Whoever may write the parent could have put a link in its place.
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let made = self.directory.components().collect::<PathBuf>();
                let opened = rustix::fs::open(&made, flags, Mode::empty());
                let directory = File::from(opened.map_err(|errno| io(errno.into()))?);
                // Whoever may read the files may enter.
                let mode = 0o700 | self.access.mode & 0o044 | (self.access.mode & 0o044) >> 2;
                Ok(Access { mode, ..self.access }.apply(&directory).map_err(io)?)
            }
            other => self.check_directory(&other.map_err(io)?),
        }
    }

    /// What is read there is shown to the files' owner, and what is put there is believed by programs.
    fn check_directory(&self, metadata: &Metadata) -> Result<(), PublishError> {
        let ours = [0, rustix::process::geteuid().as_raw()];
        // Without a trailing slash, which would look through a symlink.
        let link = fs::symlink_metadata(self.directory.components().collect::<PathBuf>());
        if link.is_ok_and(|link| link.is_symlink() && !ours.contains(&link.uid())) {
            return Err(PublishError::Link(self.directory.clone()));
        }
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
        let path = self.files.directory.join(name);
        let unkept = |problem| Err(PublishError::Unkept { path: path.clone(), problem });
        let io = |cause| FileError::Io { path: path.clone(), cause };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::open(&path, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(Vec::new()),
            // open(2): with O_NOFOLLOW, this is what a symlink answers.
            Err(rustix::io::Errno::LOOP) => return unkept("is a symlink"),
            other => File::from(other.map_err(|errno| io(errno.into()))?),
        };
        let metadata = file.metadata().map_err(io)?;
        // What is read here is shown to whoever may read the new file: no foreign file may be slipped in under our name.
        if !metadata.is_file() || metadata.nlink() > 1 {
            return unkept("is not a regular file with one name");
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_BYTES {
            return unkept("is far larger than it should be");
        }
        Ok(bytes)
    }

    /// Puts all files in place, unless that is what they hold and who may read them already. Says whether anything was
    /// written.
    pub(crate) fn publish(&self, files: &[(&str, Vec<u8>)]) -> Result<bool, PublishError> {
        let PublishedFiles { directory, access } = self.files;
        if files.iter().all(|(name, bytes)| self.is_as_it_should_be(name, bytes)) {
            return Ok(false);
        }
        for (name, _) in files {
            atomic_file::remove_temporaries(directory, name);
        }
        let new: Result<Vec<_>, _> =
            files.iter().map(|(name, bytes)| NewFile::write(directory, name, bytes, access)).collect();
        // From here on there is nothing left that a full disk could stop.
        for file in new? {
            file.put_in_place()?;
        }
        atomic_file::sync_directory(directory)?;
        Ok(true)
    }

    fn is_as_it_should_be(&self, name: &str, bytes: &[u8]) -> bool {
        let Ok(metadata) = fs::symlink_metadata(self.files.directory.join(name)) else { return false };
        let Access { mode, owner, group } = self.files.access;
        metadata.mode() & 0o777 == mode
            && owner.is_none_or(|owner| owner == metadata.uid())
            && group.is_none_or(|group| group == metadata.gid())
            && self.read(name).is_ok_and(|found| found == bytes)
    }
}

/// The directory and the name of a file.
pub(crate) fn split(path: &Path) -> Result<(PathBuf, String), PublishError> {
    let no_file = || PublishError::NoFile(path.to_owned());
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_file)?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((directory.to_owned(), name.to_owned()))
}

/// Of `--mode`.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| mode & !0o644 == 0 && mode & 0o400 != 0);
    mode.ok_or_else(|| {
        "an octal mode such as 0600, 0640 or 0644 is expected: nobody else writes these files".to_owned()
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

    #[test]
    fn a_path_is_split() {
        assert_eq!(split(Path::new("/run/oidc/token")).unwrap(), (PathBuf::from("/run/oidc"), "token".to_owned()));
        assert_eq!(split(Path::new("token")).unwrap().0, PathBuf::from("."));
        assert!(split(Path::new("/")).is_err());
    }
}
