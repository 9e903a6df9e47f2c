//! A directory that nobody else can put files into.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateDirectoryError {
    /// It cannot be made or opened.
    #[error("`{}`: {cause}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another user could change what lies in it.
    #[error("`{}` {problem}", path.display())]
    Untrusted {
        /// The directory, or one above it.
        path: PathBuf,
        /// Why, and what to do.
        problem: &'static str,
    },
}

/// Makes sure that a directory is there, that nobody else can put files into it, and, for root, that no other user can
/// put another directory in its place. The descriptor is what was checked: work with it (`*at()`), not with the path.
///
/// # Errors
/// When it cannot be made, or others may write to it.
pub fn private_directory(path: &Path) -> Result<OwnedFd, PrivateDirectoryError> {
    // Without a trailing slash, which would look through a symlink.
    let path: &Path = &path.components().collect::<PathBuf>();
    let failed = |cause| PrivateDirectoryError::Io { path: path.to_owned(), cause };
    let untrusted = |problem| Err(PrivateDirectoryError::Untrusted { path: path.to_owned(), problem });
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).or_else(|error| match error.kind() {
        // A symlink to a directory, or anything else, which is looked at below.
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(failed(error)),
    })?;
    let own = rustix::process::geteuid().as_raw();
    let directory = match open(path) {
        // What O_DIRECTORY and O_NOFOLLOW say of a symlink, and of a file.
        Err(Errno::NOTDIR | Errno::LOOP) => match trusted_link(path, own).map_err(|errno| failed(errno.into()))? {
            Link::None => return untrusted("is not a directory"),
            Link::OfAnotherUser => return untrusted("is a symlink of another user"),
            Link::To(target) => match open(&target) {
                Err(Errno::NOTDIR | Errno::LOOP) => return untrusted("is a symlink that leads to no directory"),
                other => other.map_err(|errno| failed(errno.into()))?,
            },
        },
        other => other.map_err(|errno| failed(errno.into()))?,
    };
    let status = rustix::fs::fstat(&directory).map_err(|errno| failed(errno.into()))?;
    if status.st_uid != own {
        return untrusted("belongs to another user: name a directory of your own in CREDVEND_CACHE_DIR");
    }
    if status.st_mode & 0o022 != 0 {
        return untrusted("can be written by other users: `chmod go-w` it");
    }
    if own == 0 {
        trusted_ancestors(path)?;
    }
    Ok(directory)
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

enum Link {
    None,
    OfAnotherUser,
    To(PathBuf),
}

/// systemd's `DynamicUser=` makes the cache directory a symlink of root's; anybody else's could be turned at any time.
/// Owner and target are read from one descriptor, so that they belong together.
fn trusted_link(path: &Path, own: u32) -> rustix::io::Result<Link> {
    let link = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let status = rustix::fs::fstat(&link)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::Symlink {
        return Ok(Link::None);
    }
    if status.st_uid != own && status.st_uid != 0 {
        return Ok(Link::OfAnotherUser);
    }
    let target = rustix::fs::readlinkat(&link, "", Vec::new())?;
    let target = Path::new(OsStr::from_bytes(target.as_bytes()));
    Ok(Link::To(path.parent().unwrap_or(Path::new("")).join(target)))
}

/// Root follows a path only where root alone decides where it leads. In a sticky directory such as /tmp, others can
/// add names but not replace those of root (inode(7), `S_ISVTX`).
fn trusted_ancestors(path: &Path) -> Result<(), PrivateDirectoryError> {
    let failed = |cause| PrivateDirectoryError::Io { path: path.to_owned(), cause };
    let path = fs::canonicalize(path).map_err(failed)?;
    for ancestor in path.ancestors().skip(1) {
        let metadata = fs::metadata(ancestor).map_err(failed)?;
        let is_sticky = metadata.mode() & 0o1000 != 0;
        if metadata.uid() != 0 || (metadata.mode() & 0o022 != 0 && !is_sticky) {
            let problem = "can be changed by another user, who could put another directory below it: \
                           name a directory whose parents all belong to root";
            return Err(PrivateDirectoryError::Untrusted { path: ancestor.to_owned(), problem });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn problem(path: &Path) -> String {
        private_directory(path).err().unwrap().to_string()
    }

    #[test]
    fn it_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        private_directory(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        private_directory(&path.join("")).unwrap();
    }

    #[test]
    fn what_others_may_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        fs::write(&path, "").unwrap();
        assert!(problem(&path).ends_with("is not a directory"));
        fs::remove_file(&path).unwrap();
        for mode in [0o720, 0o702, 0o777] {
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(problem(&path).contains("can be written by other users"), "{mode:o}");
            fs::remove_dir(&path).unwrap();
        }
        let target = folder.path().join("target");
        fs::create_dir(&target).unwrap();
        symlink(&target, &path).unwrap();
        private_directory(&path).unwrap();
    }

    #[test]
    fn root_wants_parents_that_root_alone_can_change() {
        if rustix::process::geteuid().as_raw() != 0 {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("parent");
        private_directory(&parent.join("cache")).unwrap();
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(problem(&parent.join("cache")).contains("can be changed by another user"));
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o1777)).unwrap();
        private_directory(&parent.join("cache")).unwrap();
        rustix::fs::chown(&parent, Some(rustix::fs::Uid::from_raw(65534)), None).unwrap();
        assert!(problem(&parent.join("cache")).contains("can be changed by another user"));
    }
}
