//! Every way a run can fail, and what it means to the caller.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use http_client::BuildError;
use serde::{Deserialize, Serialize};

use crate::commands::serve::ConsumerError;
use crate::commands::setup::SetupError;
use crate::commands::token_daemon::NoTokenFile;
use crate::endpoint::{ListenError, OfferError};
use crate::exchange::ExchangeError;
use crate::files::atomic_file::FileError;
use crate::files::published_files::PublishError;
use crate::idp::IdpError;
use crate::settings::env_file::EnvFileError;
use crate::settings::identities::IdentitiesError;
use crate::settings::variables::ConfigError;

/// Sorted by what the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Change the configuration.
    Configuration,
    /// Ask whoever grants access.
    Refused,
    /// Come back later.
    Unavailable,
}

impl Kind {
    /// What an answer with this status means, when it was not what was hoped for.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Refused,
            408 | 429 | 500.. => Self::Unavailable,
            _ => Self::Configuration,
        }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Configuration => 1,
            Self::Refused => 3,
            Self::Unavailable => 4,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The program's error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    #[error(transparent)]
    Identities(#[from] IdentitiesError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// One of several.
    #[error("[identity.{name}]: {error}")]
    Identity { name: String, error: ConfigError },
    #[error(transparent)]
    HttpClient(#[from] BuildError),
    #[error(transparent)]
    Idp(#[from] IdpError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
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
    /// A program that this one was asked to run.
    #[error("`{program}` cannot be run: {cause}: is it installed, and in PATH?")]
    Program { program: String, cause: io::Error },
    /// Another process tried while this one waited, and this is what it met.
    #[error("{message}")]
    Shared { kind: Kind, message: String },
    /// Another process holds the lock for as long as a call may take.
    #[error("another process is still fetching these credentials after {} s: try again, or see what it hangs on", waited.as_secs())]
    Busy { waited: Duration },
    #[error("the runtime for network requests cannot start: {0}")]
    Runtime(io::Error),
    #[error("the system's random numbers cannot be had")]
    Random,
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
}

/// What follows from an error.
pub(crate) struct Consequence {
    pub(crate) kind: Kind,
    /// Whether trying again is pointless.
    pub(crate) is_final: bool,
    /// How long the server asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Consequence {
    pub(crate) fn last(kind: Kind) -> Self {
        Self { kind, is_final: true, retry_after: None }
    }

    pub(crate) fn retry(kind: Kind, retry_after: Option<Duration>) -> Self {
        Self { kind, is_final: false, retry_after }
    }
}

impl Error {
    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            Self::EnvFile(_)
            | Self::Identities(_)
            | Self::Config(_)
            | Self::Identity { .. }
            | Self::HttpClient(_)
            | Self::Setup(_)
            | Self::Listen(_)
            | Self::Offer(_)
            | Self::Consumer(_)
            | Self::File(_)
            | Self::Output(_)
            | Self::Publish(_)
            | Self::NoTokenFile(_)
            | Self::Program { .. } => Consequence::last(Kind::Configuration),
            Self::Idp(error) => error.consequence(),
            Self::Exchange(error) => error.consequence(),
            Self::Shared { kind, .. } => Consequence::last(*kind),
            Self::Busy { .. } | Self::Runtime(_) | Self::Random => Consequence::last(Kind::Unavailable),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.consequence().kind
    }
}
