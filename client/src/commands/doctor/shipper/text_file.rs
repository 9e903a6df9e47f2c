//! Files that other users have written, and may have replaced by anything.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a file, or why there is none, in words that follow the file's name.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let text = || {
        let metadata = fs::metadata(path)?;
        // Opening a FIFO would wait for its writer. `/dev/null` masks a unit or a drop-in.
        if !metadata.is_file() && path.canonicalize()? != Path::new("/dev/null") {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut text = String::new();
        File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
        Ok(text)
    };
    text().map_err(|cause: io::Error| match cause.kind() {
        io::ErrorKind::InvalidData => "it is not text".to_owned(),
        io::ErrorKind::PermissionDenied => format!("{cause} (to you: run the doctor as root)"),
        _ => cause.to_string(),
    })
}
