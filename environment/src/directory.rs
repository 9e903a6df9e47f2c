//! A folder that stays the same one from the check to the last write: it is opened once, and everything in it is reached
//! by that descriptor and a plain name. Another user who swaps a path between two steps changes nothing.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, readlinkat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

/// `path_resolution(7)` allows as many.
const MAX_LINKS: u32 = 40;
const LINK_OF_ANOTHER_USER: &str =
    "is a symlink of another user, who could turn it to any other folder: name the folder itself";
const OPEN_TO_CHANGES: &str = "can be changed by other users, who could put another folder in the place of one in it: \
                               `chown root` and `chmod go-w` it, or name a folder elsewhere";
const NOT_A_DIRECTORY: &str = "is not a directory";

/// Why a file or directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system said no.
    #[error("`{}`: {cause}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another user could change it, or what leads to it.
    #[error("`{}` {problem}", path.display())]
    Untrusted {
        /// The file or directory, or one above it.
        path: PathBuf,
        /// Why, and what to do.
        problem: &'static str,
    },
}

impl FileError {
    /// For `map_err`, where the system said no.
    pub fn io<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause: cause.into() }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// An open folder.
#[derive(Debug)]
pub struct Directory {
    file: File,
    /// For messages.
    path: PathBuf,
}

/// How folders are made that are not there.
#[derive(Clone, Copy)]
pub struct NewFolders {
    /// Mode of those above the last one.
    pub parents: u32,
    /// Mode of the last one.
    pub last: u32,
}

impl Directory {
    /// Opens the folder.
    ///
    /// # Errors
    /// When there is none, or another user decides where its path leads.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Walk::to(path)?.finish(None)?.0)
    }

    /// Opens the folder and makes what is not there. Says also whether the folder was made just now.
    ///
    /// # Errors
    /// When it cannot be made, or another user decides where its path leads.
    pub fn open_or_make(path: &Path, new: NewFolders) -> Result<(Self, bool), FileError> {
        Walk::to(path)?.finish(Some(new))
    }

    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself, for locks, owner and mode.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether its path still leads to it.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let identity = |directory: &Self| directory.file.metadata().ok().map(|found| (found.dev(), found.ino()));
        Self::open(&self.path).is_ok_and(|found| identity(&found).is_some() && identity(&found) == identity(self))
    }

    /// Opens a file of this name, never through a symlink; a named pipe does not block.
    ///
    /// # Errors
    /// When there is none, or it is a symlink.
    pub fn open_file(&self, name: &str, flags: OFlags) -> Result<File, FileError> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let path = self.path.join(name);
        match openat(&self.file, name, flags, Mode::RUSR | Mode::WUSR) {
            // open(2): with O_NOFOLLOW, this is what a symlink gives.
            Err(Errno::LOOP) => Err(FileError::Untrusted { path, problem: "is a symlink" }),
            other => Ok(File::from(other.map_err(FileError::io(&path))?)),
        }
    }

    /// What has this name, a symlink itself included.
    #[must_use]
    pub fn stat(&self, name: &str) -> Option<Stat> {
        statat(&self.file, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    /// Gives a file another name; what had that name is gone.
    ///
    /// # Errors
    /// When the system says no.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        renameat(&self.file, from, &self.file, to).map_err(FileError::io(&self.path.join(to)))
    }

    /// Removes a file, or a symlink itself.
    ///
    /// # Errors
    /// When the system says no.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> Result<(), FileError> {
        let name = name.as_ref();
        unlinkat(&self.file, name, AtFlags::empty()).map_err(FileError::io(&self.path.join(name)))
    }

    /// Names of what is in it, as far as they can be read.
    #[must_use]
    pub fn names(&self) -> Vec<OsString> {
        // Not std's `read_dir`: it panics when a failing disk fails `close`.
        let entries = Dir::read_from(&self.file).into_iter().flatten().flatten();
        let name = |name: &CStr| OsStr::from_bytes(name.to_bytes()).to_owned();
        entries.map(|entry| name(entry.file_name())).filter(|name| name != "." && name != "..").collect()
    }

    /// Without it, a power cut could bring an old name back: harmless for its content, but noticed here. File systems that
    /// cannot do so (CIFS, vboxsf, many of FUSE) say that the call is invalid: that is no failure.
    ///
    /// # Errors
    /// When the system says no.
    pub fn sync(&self) -> Result<(), FileError> {
        match rustix::fs::fsync(&self.file) {
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
            other => other.map_err(FileError::io(&self.path)),
        }
    }
}

/// The way from `/` to a folder, a component at a time, so that each folder on it can be judged.
struct Walk {
    /// An `O_PATH` descriptor of the folder that is reached, and its path.
    current: OwnedFd,
    reached: PathBuf,
    /// Components that are still to come, the next one last.
    rest: Vec<OsString>,
    links: u32,
    path: PathBuf,
    /// Users who may turn a symlink or swap a folder: root, this one, and the owner of `/`, who is root where a user
    /// namespace has another name for root (`user_namespaces(7)`).
    trusted: [u32; 3],
}

impl Walk {
    fn to(path: &Path) -> Result<Self, FileError> {
        let absolute = std::path::absolute(path).map_err(FileError::io(path))?;
        let mut rest = Vec::new();
        push(&mut rest, &absolute);
        let (current, reached) = (root()?, PathBuf::from("/"));
        let owner = fstat(&current).map_err(FileError::io(&reached))?.st_uid;
        let trusted = [0, rustix::process::geteuid().as_raw(), owner];
        Ok(Self { current, reached, rest, links: MAX_LINKS, path: path.to_owned(), trusted })
    }

    fn finish(mut self, new: Option<NewFolders>) -> Result<(Directory, bool), FileError> {
        let mut was_made = false;
        while let Some(name) = self.rest.pop() {
            let is_open_to_all = self.check_parent()?;
            let path = self.reached.join(&name);
            let (next, made) = self.open_or_make(&name, new)?;
            was_made = made;
            let stat = fstat(&next).map_err(FileError::io(&path))?;
            if is_open_to_all && !self.trusted.contains(&stat.st_uid) {
                // The sticky bit lets its owner rename it.
                return Err(FileError::Untrusted { path: self.reached, problem: OPEN_TO_CHANGES });
            }
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => self.follow(&next, &stat, &path)?,
                FileType::Directory => {
                    self.current = next;
                    self.reached = path;
                }
                _ => return Err(FileError::Untrusted { path, problem: NOT_A_DIRECTORY }),
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(&self.current, ".", flags, Mode::empty()).map_err(FileError::io(&self.path))?;
        Ok((Directory { file: File::from(opened), path: self.path }, was_made))
    }

    /// As root: whether others may put something into the folder that is reached, yet not rename what is root's. Every
    /// other user can be led to files of their own only.
    fn check_parent(&self) -> Result<bool, FileError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(false);
        }
        let stat = fstat(&self.current).map_err(FileError::io(&self.reached))?;
        let (is_writable, is_sticky) = (stat.st_mode & 0o022 != 0, stat.st_mode & 0o1000 != 0);
        if !self.trusted.contains(&stat.st_uid) || (is_writable && !is_sticky) {
            return Err(FileError::Untrusted { path: self.reached.clone(), problem: OPEN_TO_CHANGES });
        }
        Ok(is_writable)
    }

    fn open_or_make(&self, name: &OsStr, new: Option<NewFolders>) -> Result<(OwnedFd, bool), FileError> {
        let path = self.reached.join(name);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || openat(&self.current, name, flags, Mode::empty());
        let (Err(Errno::NOENT), Some(new)) = (open(), new) else {
            return Ok((open().map_err(FileError::io(&path))?, false));
        };
        let mode = if self.rest.is_empty() { new.last } else { new.parents };
        let made = match mkdirat(&self.current, name, Mode::from_raw_mode(mode)) {
            // Another process was quicker.
            Err(Errno::EXIST) => false,
            other => other.map(|()| true).map_err(FileError::io(&path))?,
        };
        Ok((open().map_err(FileError::io(&path))?, made))
    }

    /// systemd's `DynamicUser=` makes the cache directory a symlink of root's, and `/var/run` is one.
    fn follow(&mut self, link: &OwnedFd, stat: &Stat, path: &Path) -> Result<(), FileError> {
        if !self.trusted.contains(&stat.st_uid) {
            return Err(FileError::Untrusted { path: path.to_owned(), problem: LINK_OF_ANOTHER_USER });
        }
        self.links = self.links.checked_sub(1).ok_or(Errno::LOOP).map_err(FileError::io(path))?;
        // readlinkat(2): an empty name is the link that the descriptor stands for.
        let target = readlinkat(link, "", Vec::new()).map_err(FileError::io(path))?;
        let target = Path::new(OsStr::from_bytes(target.to_bytes()));
        if target.is_absolute() {
            self.current = root()?;
            self.reached = PathBuf::from("/");
        }
        push(&mut self.rest, target);
        Ok(())
    }
}

fn root() -> Result<OwnedFd, FileError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/", flags, Mode::empty()).map_err(FileError::io(Path::new("/")))
}

fn push(rest: &mut Vec<OsString>, path: &Path) {
    let components = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    rest.extend(components);
}
