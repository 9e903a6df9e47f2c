//! An object into a file: complete and verified under another name before it takes the target's place.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::beneath::{BeneathError, Directory, Folder};
use crate::cli::Verification;
use crate::download::error::DownloadError;
use crate::download::object::Object;
use crate::download::{Received, local, receive};
use crate::error::Error;
use crate::output;
use crate::store::Store;

/// A name in a directory, which is held so that its path may lead elsewhere meanwhile.
pub(crate) struct Destination {
    directory: Directory,
    name: OsString,
}

impl Destination {
    /// A path that was typed; its links are its own.
    pub(crate) fn named(path: &Path) -> Result<Self, DownloadError> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = Folder::create(parent, true)?;
        Self::below(&folder, Path::new(path.file_name().unwrap_or_default()))
    }

    /// Where a key leads below a folder.
    pub(crate) fn below(folder: &Folder, relative: &Path) -> Result<Self, DownloadError> {
        let name = relative.file_name().unwrap_or_default().to_owned();
        Ok(Self { directory: folder.create_parent(relative)?, name })
    }

    fn path(&self) -> PathBuf {
        self.directory.path.join(&self.name)
    }
}

/// `destination` is asked once the object is known to be there: nothing is made for one that is not.
pub(crate) async fn download(
    store: &Store,
    key: &str,
    verification: Verification,
    destination: impl FnOnce() -> Result<Destination, DownloadError>,
) -> Result<Received, Error> {
    let object = Object::open(store, key, verification).await?;
    let destination = destination()?;
    let path = destination.path();
    let failed = |cause| local(&path, cause);
    let temporary = Temporary::create(&destination.directory.descriptor).map_err(failed)?;
    reserve(&temporary.file, object.length).map_err(failed)?;
    let received = receive::into_file(store, object, &temporary.file, &path).await?;
    sync(&temporary.file).map_err(failed)?;
    temporary.rename(&destination.name).map_err(failed)?;
    sync_directory(&destination.directory);
    Ok(received)
}

/// A file that goes when this is dropped, unless it was given its name.
struct Temporary<'a> {
    directory: &'a OwnedFd,
    name: String,
    file: File,
    is_left: bool,
}

impl<'a> Temporary<'a> {
    fn create(directory: &'a OwnedFd) -> io::Result<Self> {
        loop {
            let name = format!(".credvend-{:016x}.part", fastrand::u64(..));
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // As a program that just creates the file would: the umask takes away what it always does.
            match rustix::fs::openat(directory, &name, flags, Mode::from_raw_mode(0o666)) {
                Err(Errno::EXIST) => {}
                opened => return Ok(Self { directory, name, file: File::from(opened?), is_left: true }),
            }
        }
    }

    fn rename(mut self, name: &OsStr) -> io::Result<()> {
        rustix::fs::renameat(self.directory, &self.name, self.directory, name)?;
        self.is_left = false;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if self.is_left {
            // In a destructor a failure cannot be reported.
            let _ = rustix::fs::unlinkat(self.directory, &self.name, AtFlags::empty());
        }
    }
}

/// Makes a full disk fail now and not after an hour. Any other error of the file system is left to the write.
fn reserve(file: &File, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length) {
        Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(errno.into()),
        _ => Ok(()),
    }
}

/// fsync(2): EINVAL is what file systems such as CIFS, vboxsf and some of FUSE answer, which have nothing to sync with.
fn sync(file: impl AsFd) -> io::Result<()> {
    match rustix::fs::fsync(file) {
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        synced => Ok(synced?),
    }
}

/// Without it, a power cut could bring the old file back. The new one is whole and in its place, so this is no failure.
fn sync_directory(Directory { descriptor, path }: &Directory) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(descriptor, ".", flags, Mode::empty()).map_err(io::Error::from);
    if let Err(cause) = opened.and_then(sync) {
        output::warn(format_args!(
            "`{}` cannot be synced ({cause}): a power cut in the next seconds could undo the download",
            path.display()
        ));
    }
}

impl From<BeneathError> for DownloadError {
    fn from(error: BeneathError) -> Self {
        match error {
            BeneathError::Symlink(path) => Self::Symlink(path),
            BeneathError::Untrusted(error) => Self::Untrusted(error),
            BeneathError::Io { path, cause } => Self::Local { path, cause },
        }
    }
}
