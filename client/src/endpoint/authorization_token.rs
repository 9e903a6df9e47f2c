//! The token that opens the endpoint: random, another one at each start, handed over in a file or a variable.

use std::fs::File;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::error::Error;
use crate::files::atomic_file::{self, Access, NewFile};
use crate::secret::Secret;
use environment::{Directory, FileError};

/// 256 bits, as text.
pub(crate) struct AuthorizationToken(Secret);

impl AuthorizationToken {
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Random)?;
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The SDKs send the file's content as it is.
    pub(crate) fn is_shown_in(&self, headers: &HeaderMap) -> bool {
        self.is(given(headers))
    }

    /// Prometheus puts a scheme before what it reads from a file.
    pub(crate) fn is_shown_with_scheme_in(&self, headers: &HeaderMap) -> bool {
        let given = given(headers);
        self.is(given.strip_prefix(b"Bearer ").unwrap_or(given))
    }

    /// In constant time: how long a wrong one takes says nothing about the right one.
    fn is(&self, given: &[u8]) -> bool {
        verify_slices_are_equal(self.0.expose().as_bytes(), given).is_ok()
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Writes the file. Without a newline at its end: SDKs would send it along.
    pub(crate) fn write(&self, path: &Path, access: &Access) -> Result<TokenFile, FileError> {
        let path = std::path::absolute(path).map_err(FileError::io(path))?;
        let (folder, name) = atomic_file::split(&path)?;
        let directory = match Directory::open(&folder) {
            Err(error) if error.is_not_found() => {
                let problem = "is not a directory: make it, or let systemd do it with RuntimeDirectory=";
                return Err(FileError::Untrusted { path: folder, problem });
            }
            other => other?,
        };
        atomic_file::refuse_special(&directory, &name)?;
        self.write_into(directory, name, access)
    }

    /// The lock on the file, which no other process takes while this one lives, is there before its name.
    pub(crate) fn write_into(
        &self,
        directory: Directory,
        name: String,
        access: &Access,
    ) -> Result<TokenFile, FileError> {
        let new = NewFile::write(&directory, &name, self.expose().as_bytes(), access)?;
        let lock = new.file().try_clone().map_err(FileError::io(&directory.path().join(&name)))?;
        // A file system without locks: a file that is left behind stays there.
        let _ = lock.try_lock();
        new.put_in_place()?;
        Ok(TokenFile { inode: inode(&directory, &name), directory, name, _lock: lock })
    }
}

fn given(headers: &HeaderMap) -> &[u8] {
    headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default()
}

/// A file with the token. Removed when dropped: the token is worth nothing any more.
pub(crate) struct TokenFile {
    directory: Directory,
    name: String,
    inode: Option<(u64, u64)>,
    _lock: File,
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // A successor may have started already, and put its own there.
        if self.inode.is_some() && inode(&self.directory, &self.name) == self.inode {
            // It may have been removed already, with the whole directory.
            let _ = self.directory.remove(&self.name);
        }
    }
}

/// Which file it is that has this name.
fn inode(directory: &Directory, name: &str) -> Option<(u64, u64)> {
    directory.stat(name).map(|stat| (stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_of_a_successor_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let start = || {
            let token = AuthorizationToken::generate().unwrap_or_else(|error| panic!("{error}"));
            (token.write(&path, &Access::PRIVATE).unwrap_or_else(|error| panic!("{error}")), token)
        };
        let (predecessor, _) = start();
        let (successor, token) = start();
        drop(predecessor);
        assert!(token.is(&fs::read(&path).unwrap()));
        drop(successor);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_regular_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let token = AuthorizationToken::generate().unwrap_or_else(|error| panic!("{error}"));
        assert!(token.write(&path, &Access::PRIVATE).is_err_and(|error| error.to_string().contains("regular file")));
        assert!(path.is_symlink());
        let nowhere = token.write(&folder.path().join("none/token"), &Access::PRIVATE);
        assert!(nowhere.is_err_and(|error| {
            error
                .to_string()
                .ends_with("none` is not a directory: make it, or let systemd do it with RuntimeDirectory=")
        }));
    }
}
