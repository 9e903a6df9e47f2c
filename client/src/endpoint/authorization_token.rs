//! The token that opens the endpoint: random, another one at each start, handed over in a file or a variable.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::atomic_file::{Access, FileError, NewFile};
use crate::error::Error;
use crate::secret::Secret;

/// 256 bits, as text.
pub(crate) struct AuthorizationToken(Secret);

impl AuthorizationToken {
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Random)?;
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The SDKs send it verbatim; how long a wrong one takes says nothing about the right one.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        verify_slices_are_equal(self.0.expose().as_bytes(), given).is_ok()
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Writes the file. Without a newline at its end: SDKs would send it along.
    pub(crate) fn write(&self, path: &Path, access: &Access) -> Result<TokenFile, FileError> {
        let path = std::path::absolute(path).map_err(|cause| FileError::Io { path: path.to_owned(), cause })?;
        let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
            return Err(FileError::Untrusted { path, problem: "is not the name of a file" });
        };
        NewFile::write(directory, name, self.expose().as_bytes(), access)?.put_in_place()?;
        Ok(TokenFile { path })
    }
}

/// Removed when dropped: the token in it is worth nothing any more.
pub(crate) struct TokenFile {
    path: PathBuf,
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // It may have been removed already, with the whole directory.
        let _ = fs::remove_file(&self.path);
    }
}
