//! Files that only their owner reads: whole or not at all, whatever happens meanwhile.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Replaces the file, if there is one, by a new one of mode 0600 that belongs to the same user and group.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let replaced = replaced(path)?;
    let temporary = temporary(path);
    let result = write_new(&temporary, content, replaced.as_ref()).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result?;
    File::open(folder(path))?.sync_all()
}

/// Whether [`write()`] could do it now.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    let replaced = replaced(path)?;
    let temporary = temporary(path);
    let result = write_new(&temporary, b"", replaced.as_ref());
    let removed = fs::remove_file(&temporary);
    result.and(removed)
}

/// The file that is there. A symbolic link would be replaced, and not its target; a folder or a device is a mistake.
fn replaced(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(io::Error::other("is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_new(path: &Path, content: &[u8], replaced: Option<&Metadata>) -> io::Result<()> {
    // One that a killed run has left.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(replaced) = replaced {
        keep_owner(&file, replaced)?;
    }
    file.write_all(content)?;
    file.sync_all()
}

/// Whoever read the file before must be able to read the new one: a service, where root writes it.
fn keep_owner(file: &File, replaced: &Metadata) -> io::Result<()> {
    let (own, (uid, gid)) = (file.metadata()?, (replaced.uid(), replaced.gid()));
    if (own.uid(), own.gid()) == (uid, gid) {
        return Ok(());
    }
    fchown(file, Some(uid), Some(gid)).map_err(|error| {
        let problem = format!(
            "belongs to uid {uid} and gid {gid}, and a new file cannot be given to them ({error}): run the command as that \
             user or as root"
        );
        io::Error::new(error.kind(), problem)
    })
}

/// In the same folder, and the same each time, so that none is left behind for long.
fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".credvend-admin");
    path.with_file_name(name)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    #[test]
    fn whole_private_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(temporary(&path), "left by a killed run").unwrap();
        check_writable(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_file_stays_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let own = fs::metadata(folder.path()).unwrap();
        for (uid, gid) in [(own.uid(), own.gid()), (12345, own.gid()), (own.uid(), 12346), (12345, 12346)] {
            fs::write(&path, "old").unwrap();
            // Only root can give a file away.
            if chown(&path, Some(uid), Some(gid)).is_err() {
                assert_ne!(own.uid(), 0);
                continue;
            }
            check_writable(&path).unwrap();
            write(&path, b"new").unwrap();
            let now = fs::metadata(&path).unwrap();
            assert_eq!((now.uid(), now.gid(), now.permissions().mode() & 0o777), (uid, gid, 0o600));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink(folder.path().join("target"), &link).unwrap();
        for path in [link.as_path(), folder.path(), &folder.path().join("missing/secret")] {
            assert!(check_writable(path).is_err() && write(path, b"x").is_err(), "{}", path.display());
        }
    }
}
