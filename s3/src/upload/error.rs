//! How an upload fails on this side.

use std::io;
use std::path::PathBuf;

use environment::FileError;

use crate::kind::Kind;

/// What ten thousand parts of an upload of unknown length hold (`stream`).
pub(crate) const STREAM_LIMIT: &str = "28.3 TiB";

/// What an upload met on this side.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("`{}` cannot be read: {cause}", path.display())]
    Local { path: PathBuf, cause: io::Error },
    #[error("`{}` became a symbolic link meanwhile, and no link is followed (--follow-symlinks)", .0.display())]
    Symlink(PathBuf),
    /// Another user decides where the path leads.
    #[error(transparent)]
    Untrusted(FileError),
    #[error("`{}` was changed while it was uploaded, so there is no object: upload it again when it no longer changes", .0.display())]
    Changed(PathBuf),
    #[error("`{0}` is larger than 48.8 TiB, the most that S3 keeps as one object: split it")]
    TooLarge(String),
    #[error("`{0}` is longer than {limit}, which is all that fits into 10,000 parts of unknown number: upload a file, or split it", limit = STREAM_LIMIT)]
    TooLong(String),
    #[error("standard input cannot be kept on disk until it is sent: {0}; check the space in TMPDIR (default: /tmp)")]
    Spool(io::Error),
    #[error("`{uri}`: S3 keeps another checksum ({found}) than was sent ({expected}): upload it again")]
    Damaged { uri: String, expected: String, found: String },
}

impl UploadError {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Local { .. }
            | Self::Symlink(_)
            | Self::Untrusted(_)
            | Self::Changed(_)
            | Self::TooLarge(_)
            | Self::TooLong(_)
            | Self::Spool(_) => Kind::Configuration,
            Self::Damaged { .. } => Kind::Unavailable,
        }
    }
}
