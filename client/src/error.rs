//! Every way a run can fail, and what it means to the caller.

use std::io;

use crate::commands::query::error::QueryError;
use crate::commands::secret::error::SecretReadError;
use crate::commands::serve::error::ConsumerError;
use crate::commands::setup::error::SetupError;
use crate::commands::token_daemon::error::NoTokenFile;
use crate::consequence::Kind;
use crate::endpoint::listener::ListenError;
use crate::endpoint::offer::OfferError;
use crate::exchange::error::ExchangeError;
use crate::files::published_files::PublishError;
use crate::freshness::error::FetchError;
use crate::idp::error::IdpError;
use crate::settings::error::SettingsError;
use environment::{ConfigError, FileError};

/// The program's error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    NoTokenFile(#[from] NoTokenFile),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Offer(#[from] OfferError),
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    /// A file that is to be written for others.
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    SecretRead(#[from] SecretReadError),
    /// A program that this one was asked to run.
    #[error("`{program}` cannot be run: {cause}: is it installed, and in PATH?")]
    Program { program: String, cause: io::Error },
    #[error("the runtime for network requests cannot start: {0}")]
    Runtime(io::Error),
    #[error("the system's random numbers cannot be had")]
    Random,
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
}

impl Error {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Settings(_)
            | Self::Setup(_)
            | Self::Listen(_)
            | Self::Offer(_)
            | Self::Consumer(_)
            | Self::File(_)
            | Self::Output(_)
            | Self::Publish(_)
            | Self::NoTokenFile(_)
            | Self::Program { .. } => Kind::Configuration,
            Self::Fetch(error) => error.consequence().kind,
            Self::Query(error) => error.consequence().kind,
            Self::SecretRead(error) => error.consequence().kind,
            Self::Runtime(_) | Self::Random => Kind::Unavailable,
        }
    }
}

impl From<IdpError> for Error {
    fn from(error: IdpError) -> Self {
        Self::Fetch(error.into())
    }
}

impl From<ExchangeError> for Error {
    fn from(error: ExchangeError) -> Self {
        Self::Fetch(error.into())
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Settings(error.into())
    }
}
