//! Files that hold secrets: read with suspicion, replaced whole or not at all.
//!
//! A reader sees the old content or the new, never a mixture, whatever kills the writer: the new content is complete
//! and on the disk under another name of the same directory before `rename` puts it in place.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

/// No file of ours is a tenth as large.
const MAX_BYTES: u64 = 256 * 1024;
const TEMPORARY_SUFFIX: &str = ".tmp";
/// chown(2)
const NOT_ROOT: &str = "only root can give a file to another user, and only root or a member to a group";

/// Why a file or directory is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("`{}`: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("`{}` {problem}", path.display())]
    Untrusted { path: PathBuf, problem: &'static str },
}

impl FileError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }
}

/// Makes sure that a directory is there and that nobody else can put files into it.
pub(crate) fn private_directory(path: &Path) -> Result<(), FileError> {
    // Without a trailing slash, which would look through a symlink.
    let path: &Path = &path.components().collect::<PathBuf>();
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FileError::io(path))?;
            fs::metadata(path).map_err(FileError::io(path))?
        }
        other => other.map_err(FileError::io(path))?,
    };
    let untrusted = |problem| Err(FileError::Untrusted { path: path.to_owned(), problem });
    let own = rustix::process::geteuid().as_raw();
    // systemd's DynamicUser= makes the cache directory a symlink of root's; anybody else's could be turned at any time.
    let link = fs::symlink_metadata(path).map_err(FileError::io(path))?;
    if link.is_symlink() && link.uid() != own && link.uid() != 0 {
        return untrusted("is a symlink of another user");
    }
    if !metadata.is_dir() {
        return untrusted("is not a directory");
    }
    if metadata.uid() != own {
        return untrusted("belongs to another user: name a directory of your own in CREDVEND_CACHE_DIR");
    }
    if metadata.mode() & 0o022 != 0 {
        return untrusted("can be written by other users: `chmod go-w` it");
    }
    Ok(())
}

/// Opens the file that locks are taken on.
pub(crate) fn open_lock_file(path: &Path) -> Result<File, FileError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = open_own(path, flags)?;
    // It holds nothing, so a mode that somebody has loosened is put right instead of doing without a lock for good.
    rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(|errno| FileError::io(path)(errno.into()))?;
    Ok(file)
}

/// Reads a whole file that is ours and private; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    // NONBLOCK: a named pipe put here would hang the caller for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match open(path, flags) {
        Err(FileError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::with_capacity(4096);
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(FileError::io(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileError::Untrusted { path: path.to_owned(), problem: "is far larger than it should be" });
    }
    Ok(Some(bytes))
}

/// For a name that somebody has typed: a device, or a link such as /dev/stdout, would be gone for the whole machine.
pub(crate) fn refuse_special(path: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            Err(FileError::Untrusted { path: path.to_owned(), problem: "is not a regular file: name another one" })
        }
        // Where there is none, or nobody can tell, writing says the rest.
        _ => Ok(()),
    }
}

/// Who may read a file.
pub(crate) struct Access {
    pub(crate) mode: u32,
    /// `None`: as it comes.
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
}

impl Access {
    pub(crate) const PRIVATE: Self = Self { mode: 0o600, owner: None, group: None };
}

/// Content that is safe on the disk under a temporary name, which goes when this is dropped.
pub(crate) struct NewFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

/// Replaces a file; what is there before stays until the new content is safe on the disk.
pub(crate) fn replace(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    NewFile::write(directory, name, bytes, &Access::PRIVATE)?.put_in_place()?;
    sync_directory(directory)
}

impl NewFile {
    pub(crate) fn write(directory: &Path, name: &str, bytes: &[u8], access: &Access) -> Result<Self, FileError> {
        let target = directory.join(name);
        let error = || FileError::io(&target);
        let mut temporary = tempfile::Builder::new()
            .prefix(&temporary_prefix(name))
            .suffix(TEMPORARY_SUFFIX)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(directory)
            .map_err(error())?;
        access.apply(temporary.as_file()).map_err(error())?;
        temporary.write_all(bytes).map_err(error())?;
        temporary.as_file().sync_all().map_err(error())?;
        Ok(Self { temporary, target })
    }

    pub(crate) fn put_in_place(self) -> Result<(), FileError> {
        let Self { temporary, target } = self;
        temporary.persist(&target).map(drop).map_err(|failed| FileError::io(&target)(failed.error))
    }
}

impl Access {
    /// Before there is content. The mode first: of another user's file it could not be changed without more privileges.
    pub(crate) fn apply(&self, file: &File) -> io::Result<()> {
        if self.mode != Self::PRIVATE.mode {
            // Unlike the mode that a file is made with, this one does not depend on the umask.
            file.set_permissions(fs::Permissions::from_mode(self.mode))?;
        }
        if self.owner.is_some() || self.group.is_some() {
            std::os::unix::fs::fchown(file, self.owner, self.group).map_err(|cause| match cause.kind() {
                io::ErrorKind::PermissionDenied => io::Error::new(cause.kind(), NOT_ROOT),
                _ => cause,
            })?;
        }
        Ok(())
    }
}

/// Without it, a power cut could bring an old name back: harmless for its content, but noticed here.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), FileError> {
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(FileError::io(directory))
}

/// Removes what killed writers of this file left behind. Only under the lock: a living writer's file looks the same.
/// A leftover that cannot be removed is nothing worse; the write that follows reports the cause.
pub(crate) fn remove_temporaries(directory: &Path, name: &str) {
    let prefix = temporary_prefix(name);
    // Not std's `read_dir`: it panics when a failing disk fails `close`.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let entries = rustix::fs::open(directory, flags, Mode::empty()).and_then(rustix::fs::Dir::new);
    for entry in entries.into_iter().flatten().flatten() {
        let found = entry.file_name().to_bytes();
        if found.starts_with(prefix.as_bytes()) && found.ends_with(TEMPORARY_SUFFIX.as_bytes()) {
            let _ = fs::remove_file(directory.join(OsStr::from_bytes(found)));
        }
    }
}

fn temporary_prefix(name: &str) -> String {
    format!(".{name}.")
}

fn open(path: &Path, flags: OFlags) -> Result<File, FileError> {
    let file = open_own(path, flags)?;
    if file.metadata().map_err(FileError::io(path))?.mode() & 0o077 != 0 {
        return Err(FileError::Untrusted { path: path.to_owned(), problem: "is open to other users" });
    }
    Ok(file)
}

fn open_own(path: &Path, flags: OFlags) -> Result<File, FileError> {
    let untrusted = |problem| FileError::Untrusted { path: path.to_owned(), problem };
    let file = match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        // open(2): with O_NOFOLLOW, this is what a symlink answers.
        Err(rustix::io::Errno::LOOP) => return Err(untrusted("is a symlink")),
        other => File::from(other.map_err(|errno| FileError::io(path)(errno.into()))?),
    };
    let metadata = file.metadata().map_err(FileError::io(path))?;
    if !metadata.is_file() {
        return Err(untrusted("is not a regular file"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(untrusted("belongs to another user"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(read(&path).unwrap(), None);
        for content in [b"old".as_slice(), b"new"] {
            replace(folder.path(), "a.json", content).unwrap();
            assert_eq!(read(&path).unwrap().unwrap(), content);
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn what_others_could_have_made_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        replace(folder.path(), "target", b"x").unwrap();
        let link = folder.path().join("link");
        symlink(&target, &link).unwrap();
        assert!(read(&link).unwrap_err().to_string().ends_with("is a symlink"));
        assert!(open_lock_file(&link).is_err());
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&target).unwrap_err().to_string().ends_with("is open to other users"));
        assert!(read(folder.path()).unwrap_err().to_string().ends_with("is not a regular file"));
        fs::write(&target, vec![0; 300 * 1024]).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&target).is_err());
    }

    #[test]
    fn writing_over_a_symlink_replaces_the_link_and_not_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(&target, "precious").unwrap();
        symlink(&target, folder.path().join("a.json")).unwrap();
        replace(folder.path(), "a.json", b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        assert_eq!(read(&folder.path().join("a.json")).unwrap().unwrap(), b"new");
    }

    #[test]
    fn a_directory_is_made_private_or_must_be_safe() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("a/b");
        private_directory(&made).unwrap();
        assert_eq!(fs::metadata(&made).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&made, fs::Permissions::from_mode(0o755)).unwrap();
        private_directory(&made).unwrap();
        fs::set_permissions(&made, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(private_directory(&made).unwrap_err().to_string().contains("chmod go-w"));
    }

    #[test]
    fn leftovers_of_killed_writers_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".a.json.x1.tmp", ".b.json.x1.tmp", "a.json", ".a.json.x2"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_temporaries(folder.path(), "a.json");
        assert_eq!(names(folder.path()), [".a.json.x2", ".b.json.x1.tmp", "a.json"]);
    }
}
