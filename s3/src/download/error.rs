//! How a download fails on this side, or by what came.

use std::io;
use std::path::PathBuf;

use environment::FileError;

use crate::kind::Kind;

/// What a download met on this side, or in what came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error("`{}` cannot be written: {cause}", path.display())]
    Local { path: PathBuf, cause: io::Error },
    #[error("`{}` is a symbolic link; nothing is written through it (--follow-symlinks)", .0.display())]
    Symlink(PathBuf),
    /// Another user decides where the path leads.
    #[error("{0} (--follow-symlinks goes there all the same)")]
    Untrusted(FileError),
    #[error("there is no object below `{0}`")]
    NoObjects(String),
    #[error("what came for `{uri}` is damaged: its {algorithm} is {found}, S3 says {expected}; {kept}try again")]
    Damaged { uri: String, algorithm: &'static str, expected: String, found: String, kept: &'static str },
}

impl DownloadError {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Local { .. } | Self::Symlink(_) | Self::Untrusted(_) | Self::NoObjects(_) => Kind::Configuration,
            Self::Damaged { .. } => Kind::Unavailable,
        }
    }
}
