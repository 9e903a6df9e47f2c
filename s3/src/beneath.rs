//! Files below a folder, reached by descriptor: each part of a path is opened in the directory before it, and nothing is
//! followed. Another user who may write to the folder can put a link there at any moment, so a check by path proves
//! nothing about the open that comes after it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use environment::{FileError, NewFolders};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A folder that stays the same one, whatever its path leads to later.
pub(crate) struct Folder {
    directory: OwnedFd,
    path: PathBuf,
    follow_symlinks: bool,
}

/// A directory below a [`Folder`], and what it is called in messages.
pub(crate) struct Directory {
    pub(crate) descriptor: OwnedFd,
    pub(crate) path: PathBuf,
}

/// Why a path below a folder was not opened.
#[derive(Debug)]
pub(crate) enum BeneathError {
    Symlink(PathBuf),
    /// Another user decides where the folder's own path leads.
    Untrusted(FileError),
    Io {
        path: PathBuf,
        cause: io::Error,
    },
}

impl Folder {
    /// A folder to read from. It is the one that was named: a link is followed, unless it is another user's, who could turn
    /// it at any time.
    pub(crate) fn open(path: &Path, follow_symlinks: bool) -> Result<Self, BeneathError> {
        let failed = |errno: Errno| io_error(path, errno.into());
        // Without a trailing slash, which would look through a link.
        let plain: PathBuf = path.components().collect();
        let directory = match rustix::fs::open(&plain, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let owner = fs::symlink_metadata(&plain).map_err(|cause| io_error(path, cause))?;
                let owner = std::os::unix::fs::MetadataExt::uid(&owner);
                if !follow_symlinks && owner != 0 && owner != rustix::process::geteuid().as_raw() {
                    return Err(BeneathError::Symlink(plain));
                }
                rustix::fs::open(&plain, DIRECTORY, Mode::empty()).map_err(failed)?
            }
            opened => opened.map_err(failed)?,
        };
        Ok(Self { directory, path: path.to_owned(), follow_symlinks })
    }

    /// A folder to write into, made where it is missing. Unless links are to be followed, no part of its path may be
    /// another user's link, and for root none may lie where another user can replace it.
    pub(crate) fn create(path: &Path, follow_symlinks: bool) -> Result<Self, BeneathError> {
        if follow_symlinks {
            fs::create_dir_all(path).map_err(|cause| io_error(path, cause))?;
            return Self::open(path, follow_symlinks);
        }
        // The umask takes away what it always does.
        let new = NewFolders { parents: 0o777, last: 0o777 };
        let (directory, _) = environment::Directory::open_or_make(path, new).map_err(|error| match error {
            FileError::Io { path, cause } => BeneathError::Io { path, cause },
            untrusted @ FileError::Untrusted { .. } => BeneathError::Untrusted(untrusted),
        })?;
        let directory = directory.file().try_clone().map_err(|cause| io_error(path, cause))?.into();
        Ok(Self { directory, path: path.to_owned(), follow_symlinks })
    }

    /// The directory that a file below the folder is in, made where it is missing.
    pub(crate) fn create_parent(&self, relative: &Path) -> Result<Directory, BeneathError> {
        self.walk(relative, |directory, name| match rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(0o777)) {
            Err(Errno::EXIST) => Ok(()),
            made => made,
        })
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_file(&self, relative: &Path) -> Result<File, BeneathError> {
        let Directory { descriptor, path } = self.walk(relative, |_, _| Err(Errno::NOENT))?;
        let name = relative.file_name().unwrap_or_default();
        let path = path.join(name);
        // NONBLOCK: a pipe in the file's place would wait for a writer for ever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | self.no_follow();
        let file = match rustix::fs::openat(&descriptor, name, flags, Mode::empty()) {
            Err(Errno::LOOP) => return Err(BeneathError::Symlink(path)),
            opened => File::from(opened.map_err(|errno| io_error(&path, errno.into()))?),
        };
        if !file.metadata().map_err(|cause| io_error(&path, cause))?.is_file() {
            return Err(io_error(&path, io::Error::other("it is not a regular file")));
        }
        Ok(file)
    }

    fn walk(
        &self,
        relative: &Path,
        make: impl Fn(&OwnedFd, &OsStr) -> Result<(), Errno>,
    ) -> Result<Directory, BeneathError> {
        let mut path = self.path.clone();
        let mut descriptor = self.directory.try_clone().map_err(|cause| io_error(&path, cause))?;
        for part in relative.parent().into_iter().flat_map(Path::components) {
            let name = part.as_os_str();
            path.push(name);
            let open = || rustix::fs::openat(&descriptor, name, DIRECTORY | self.no_follow(), Mode::empty());
            let opened = match open() {
                Err(Errno::NOENT) => make(&descriptor, name).and_then(|()| open()),
                opened => opened,
            };
            descriptor = match opened {
                Ok(next) => next,
                Err(Errno::NOTDIR | Errno::LOOP) if is_symlink(&descriptor, name) => {
                    return Err(BeneathError::Symlink(path));
                }
                Err(errno) => return Err(io_error(&path, errno.into())),
            };
        }
        Ok(Directory { descriptor, path })
    }

    fn no_follow(&self) -> OFlags {
        if self.follow_symlinks { OFlags::empty() } else { OFlags::NOFOLLOW }
    }
}

fn is_symlink(directory: &OwnedFd, name: &OsStr) -> bool {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Symlink)
}

fn io_error(path: &Path, cause: io::Error) -> BeneathError {
    BeneathError::Io { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn text(folder: &Folder, relative: &str) -> Result<String, BeneathError> {
        let mut text = String::new();
        folder.open_file(Path::new(relative))?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn no_link_below_the_folder_is_followed_unless_asked_for() {
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("secret"), "secret").unwrap();
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("a/b")).unwrap();
        fs::write(home.path().join("a/b/c"), "text").unwrap();
        symlink(elsewhere.path(), home.path().join("a/link")).unwrap();
        symlink(elsewhere.path().join("secret"), home.path().join("a/b/secret")).unwrap();
        let folder = Folder::open(home.path(), false).unwrap();
        assert_eq!(text(&folder, "a/b/c").unwrap(), "text");
        for link in ["a/link/secret", "a/b/secret", "a/link/x/y"] {
            assert!(matches!(text(&folder, link), Err(BeneathError::Symlink(_))), "{link}");
        }
        for made in ["a/link/b", "a/link/d/e"] {
            assert!(
                matches!(folder.create_parent(Path::new(made)), Err(BeneathError::Symlink(path)) if path.ends_with("a/link"))
            );
        }
        assert!(matches!(folder.create_parent(Path::new("a/b/c/d")), Err(BeneathError::Io { .. })), "a file");
        assert!(matches!(text(&folder, "a/b"), Err(BeneathError::Io { .. })), "a directory");
        let followed = Folder::open(home.path(), true).unwrap();
        assert_eq!(text(&followed, "a/link/secret").unwrap(), "secret");
    }

    #[test]
    fn a_folder_stays_the_one_that_was_opened() {
        let home = tempfile::tempdir().unwrap();
        let (out, moved) = (home.path().join("out"), home.path().join("moved"));
        let folder = Folder::create(&out, false).unwrap();
        fs::rename(&out, &moved).unwrap();
        symlink("/nonexistent", &out).unwrap();
        folder.create_parent(Path::new("x/y/file")).unwrap();
        assert!(moved.join("x/y").is_dir());
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_does_not_hang() {
        let home = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, home.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let folder = Folder::open(home.path(), false).unwrap();
        assert!(matches!(text(&folder, "pipe"), Err(BeneathError::Io { .. })));
    }
}
