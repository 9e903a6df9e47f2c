//! Every way a run can fail, and what it means to the caller.

use std::io;
use std::process::ExitCode;

use aws_transport::TransportError;
use environment::ConfigError;

use crate::credentials::CredentialsError;
use crate::download::error::DownloadError;
use crate::interruption::Interruption;
use crate::key::KeyError;
use crate::kind::Kind;
use crate::output::OutputError;
use crate::request::RequestError;
use crate::upload::error::UploadError;

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
    Transport(#[from] TransportError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// Each of them was reported already.
    #[error("{failed} of {all} files failed")]
    Several { failed: usize, all: usize },
    #[error(transparent)]
    Interrupted(#[from] Interruption),
    #[error("the runtime for network requests cannot start: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Error {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Config(_) | Self::Key(_) | Self::Transport(_) | Self::Several { .. } | Self::Output(_) => {
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

    /// Whether the next file would meet it as well.
    pub(crate) fn concerns_all_files(&self) -> bool {
        match self {
            Self::Request(error) => error.concerns_all_objects(),
            // A damaged object does not mean that the next one is damaged.
            Self::Upload(_) => false,
            Self::Download(error) => matches!(error, DownloadError::Untrusted(_)),
            other => other.kind() != Kind::Configuration,
        }
    }
}
