//! Files that hold secrets: read with suspicion, replaced whole or not at all.
//!
//! A reader sees the old content or the new, never a mixture, whatever kills the writer: the new content is complete
//! and on the disk under another name of the same directory before `rename` puts it in place.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

use environment::{Directory, FileError};

/// No file of ours is a tenth as large.
const MAX_BYTES: u64 = 256 * 1024;
const TEMPORARY_SUFFIX: &str = ".tmp";
/// chown(2)
const NOT_ROOT: &str = "only root can give a file to another user, and only root or a member to a group";

/// Opens the file that locks are taken on.
pub(crate) fn open_lock_file(directory: &Directory, name: &str) -> Result<File, FileError> {
    let file = open_own(directory, name, OFlags::RDWR | OFlags::CREATE)?;
    // The lock file is empty, so a mode that was loosened is corrected instead of giving up the lock for good.
    rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(FileError::io(&directory.path().join(name)))?;
    Ok(file)
}

/// Reads a whole file that is ours and private; `None` when there is none.
pub(crate) fn read(directory: &Directory, name: &str) -> Result<Option<Vec<u8>>, FileError> {
    let path = directory.path().join(name);
    let file = match open_own(directory, name, OFlags::RDONLY) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    if file.metadata().map_err(FileError::io(&path))?.mode() & 0o077 != 0 {
        return Err(FileError::Untrusted { path, problem: "is open to other users" });
    }
    let mut bytes = Vec::with_capacity(4096);
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(FileError::io(&path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileError::Untrusted { path, problem: "is far larger than it should be" });
    }
    Ok(Some(bytes))
}

/// For a name that a user has typed: a device, or a link such as /dev/stdout, would be gone for the whole machine.
pub(crate) fn refuse_special(directory: &Directory, name: &str) -> Result<(), FileError> {
    match directory.stat(name) {
        Some(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
            let path = directory.path().join(name);
            Err(FileError::Untrusted { path, problem: "is not a regular file: name another one" })
        }
        // Where there is none, or it cannot be read, the write that follows fails with the cause.
        _ => Ok(()),
    }
}

/// Who may read a file.
pub(crate) struct Access {
    pub(crate) mode: u32,
    /// `None`: the user who writes it.
    pub(crate) owner: Option<u32>,
    /// `None`: the group that the system chooses.
    pub(crate) group: Option<u32>,
}

impl Access {
    pub(crate) const PRIVATE: Self = Self { mode: 0o600, owner: None, group: None };
}

/// Content that is safe on the disk under a temporary name, which goes when this is dropped.
pub(crate) struct NewFile<'a> {
    directory: &'a Directory,
    file: File,
    temporary: String,
    name: String,
}

/// Replaces a file; what is there before stays until the new content is safe on the disk.
pub(crate) fn replace(directory: &Directory, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    NewFile::write(directory, name, bytes, &Access::PRIVATE)?.put_in_place()?;
    directory.sync()
}

impl<'a> NewFile<'a> {
    pub(crate) fn write(
        directory: &'a Directory,
        name: &str,
        bytes: &[u8],
        access: &Access,
    ) -> Result<Self, FileError> {
        let target = directory.path().join(name);
        let mut new = Self::create(directory, name)?;
        access.apply(&new.file).map_err(FileError::io(&target))?;
        new.file.write_all(bytes).map_err(FileError::io(&target))?;
        new.file.sync_all().map_err(FileError::io(&target))?;
        Ok(new)
    }

    fn create(directory: &'a Directory, name: &str) -> Result<Self, FileError> {
        loop {
            let random: String = (0..8).map(|_| fastrand::alphanumeric()).collect();
            let temporary = format!("{}{random}{TEMPORARY_SUFFIX}", temporary_prefix(name));
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
            match directory.open_file(&temporary, flags) {
                Ok(file) => return Ok(Self { directory, file, temporary, name: name.to_owned() }),
                Err(FileError::Io { cause, .. }) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// For a lock, say.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn put_in_place(mut self) -> Result<(), FileError> {
        self.directory.rename(&self.temporary, &self.name)?;
        // Nothing has the temporary name any more.
        self.temporary.clear();
        Ok(())
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.temporary.is_empty() {
            // One that stays goes with the next write.
            let _ = self.directory.remove(&self.temporary);
        }
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

/// Removes what killed writers of this file left behind. Only under the lock: a living writer's file looks the same.
/// A leftover that cannot be removed does no harm; the write that follows reports the cause.
pub(crate) fn remove_temporaries(directory: &Directory, name: &str) {
    let prefix = temporary_prefix(name);
    for found in directory.names() {
        let bytes = found.as_bytes();
        if bytes.starts_with(prefix.as_bytes()) && bytes.ends_with(TEMPORARY_SUFFIX.as_bytes()) {
            let _ = directory.remove(&found);
        }
    }
}

fn temporary_prefix(name: &str) -> String {
    format!(".{name}.")
}

fn open_own(directory: &Directory, name: &str, flags: OFlags) -> Result<File, FileError> {
    let file = directory.open_file(name, flags)?;
    let path = directory.path().join(name);
    let metadata = file.metadata().map_err(FileError::io(&path))?;
    if !metadata.is_file() {
        return Err(FileError::Untrusted { path, problem: "is not a regular file" });
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(FileError::Untrusted { path, problem: "belongs to another user" });
    }
    Ok(file)
}

/// The directory and the name of a file.
pub(crate) fn split(path: &Path) -> Result<(PathBuf, String), FileError> {
    let no_file = || FileError::Untrusted { path: path.to_owned(), problem: "is not a file path" };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_file)?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((directory.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        let directory = environment::private_directory(folder.path()).unwrap();
        (folder, directory)
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let (folder, directory) = folder();
        assert_eq!(read(&directory, "a.json").unwrap(), None);
        for content in [b"old".as_slice(), b"new"] {
            replace(&directory, "a.json", content).unwrap();
            assert_eq!(read(&directory, "a.json").unwrap().unwrap(), content);
        }
        assert_eq!(fs::metadata(folder.path().join("a.json")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn what_others_could_have_made_is_not_read() {
        let (folder, directory) = folder();
        let target = folder.path().join("target");
        replace(&directory, "target", b"x").unwrap();
        symlink(&target, folder.path().join("link")).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let refused = |name| read(&directory, name).unwrap_err().to_string();
        assert!(refused("link").ends_with("is a symlink"));
        assert!(open_lock_file(&directory, "link").is_err());
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(refused("target").ends_with("is open to other users"));
        assert!(refused("folder").ends_with("is not a regular file"));
        fs::write(&target, vec![0; 300 * 1024]).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(refused("target").ends_with("is far larger than it should be"));
    }

    #[test]
    fn writing_over_a_symlink_replaces_the_link_and_not_its_target() {
        let (folder, directory) = folder();
        let target = folder.path().join("target");
        fs::write(&target, "precious").unwrap();
        symlink(&target, folder.path().join("a.json")).unwrap();
        replace(&directory, "a.json", b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        assert_eq!(read(&directory, "a.json").unwrap().unwrap(), b"new");
    }

    #[test]
    fn leftovers_of_killed_writers_go_and_nothing_else() {
        let (folder, directory) = folder();
        for name in [".a.json.x1.tmp", ".b.json.x1.tmp", "a.json", ".a.json.x2"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_temporaries(&directory, "a.json");
        assert_eq!(names(folder.path()), [".a.json.x2", ".b.json.x1.tmp", "a.json"]);
    }

    #[test]
    fn a_path_is_split() {
        assert_eq!(split(Path::new("/run/oidc/token")).unwrap(), (PathBuf::from("/run/oidc"), "token".to_owned()));
        assert_eq!(split(Path::new("token")).unwrap().0, PathBuf::from("."));
        assert!(split(Path::new("/")).is_err());
    }
}
