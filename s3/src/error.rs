//! Every way a run can fail, and what it means to the caller.

use std::io;
use std::process::ExitCode;

use environment::ConfigError;

use crate::credentials::CredentialsError;
use crate::download::DownloadError;
use crate::interruption::Interruption;
use crate::key::KeyError;
use crate::request::RequestError;
use crate::roots::RootsError;
use crate::upload::UploadError;

/// Sorted by what the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Change the configuration, the file or the key.
    Configuration,
    /// Type something else.
    Usage,
    /// Ask whoever grants access.
    Refused,
    /// Come back later.
    Unavailable,
}

impl Kind {
    /// What the exit code of another program of ours means.
    pub(crate) fn of_exit_code(code: Option<i32>) -> Self {
        match code {
            Some(3) => Self::Refused,
            Some(4) => Self::Unavailable,
            _ => Self::Configuration,
        }
    }

    fn exit_code(self) -> u8 {
        match self {
            Self::Configuration => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unavailable => 4,
        }
    }
}

/// The program's error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("{0}")]
    Usage(&'static str),
    #[error(transparent)]
    Roots(#[from] RootsError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// Each of them has been told already.
    #[error("{failed} of {all} files failed")]
    Several { failed: usize, all: usize },
    #[error(transparent)]
    Interrupted(#[from] Interruption),
    #[error("the runtime for network requests cannot start: {0}")]
    Runtime(io::Error),
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
}

impl Error {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Config(_) | Self::Key(_) | Self::Roots(_) | Self::Several { .. } | Self::Output(_) => {
                Kind::Configuration
            }
            Self::Usage(_) => Kind::Usage,
            Self::Credentials(error) => error.kind(),
            Self::Request(error) => error.kind(),
            Self::Upload(error) => error.kind(),
            Self::Download(error) => error.kind(),
            Self::Interrupted(_) | Self::Runtime(_) => Kind::Unavailable,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Interrupted(interruption) => interruption.exit_code(),
            other => other.kind().exit_code(),
        })
    }

    /// Whether it would meet the next file as well.
    pub(crate) fn concerns_all_files(&self) -> bool {
        match self {
            Self::Request(error) => error.concerns_all_objects(),
            // Damaged, too, is the one that is.
            Self::Upload(_) | Self::Download(_) => false,
            other => other.kind() != Kind::Configuration,
        }
    }
}
