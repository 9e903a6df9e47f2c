//! An object into a file: complete and verified under another name before it takes the target's place.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::FallocateFlags;

use crate::download::object::Object;
use crate::download::{Received, local, receive};
use crate::error::Error;
use crate::store::Store;

pub(crate) async fn download(store: &Store, key: &str, path: &Path) -> Result<Received, Error> {
    let object = Object::open(store, key).await?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|cause| local(directory, cause))?;
    let failed = |cause| local(path, cause);
    let temporary = tempfile::Builder::new()
        .prefix(".credvend-")
        .suffix(".part")
        // As a program that just creates the file would: the umask takes away what it always does.
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(failed)?;
    reserve(temporary.as_file(), object.length).map_err(failed)?;
    let received = receive::into_file(store, object, temporary.as_file(), path).await?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    // Without it, a power cut could bring the old file back.
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(received)
}

/// A disk without the space says so now, not after an hour.
fn reserve(file: &File, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length) {
        // Not every file system can.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        outcome => Ok(outcome?),
    }
}
