//! Why there are no fresh credentials or tokens.

use std::io;
use std::time::Duration;

use http_client::BuildError;

use crate::consequence::{Consequence, Kind};
use crate::exchange::error::ExchangeError;
use crate::freshness::call::CallError;
use crate::idp::error::IdpError;

/// Why there are no fresh credentials, or no fresh token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    HttpClient(#[from] BuildError),
    #[error("the runtime for network requests cannot start: {0}")]
    Runtime(io::Error),
    /// A process limit (`pids.max`, `RLIMIT_NPROC`) has been reached; it passes.
    #[error("no thread can be started to fetch them: {0}: is the limit of processes reached?")]
    Thread(io::Error),
    #[error("the fetch ended in a bug of credvend: see the lines above")]
    Bug,
    #[error(transparent)]
    Idp(#[from] IdpError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// Another process tried while this one waited, and this is what it met.
    #[error("{message}")]
    Shared { kind: Kind, message: String },
    /// Another process holds the lock for as long as a call may take.
    #[error("another process is still fetching the {what} after {} s: try again, or see what it hangs on", waited.as_secs())]
    Busy { what: &'static str, waited: Duration },
}

impl FetchError {
    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            Self::HttpClient(_) => Consequence::last(Kind::Configuration),
            Self::Idp(error) => error.consequence(),
            Self::Exchange(error) => error.consequence(),
            Self::Shared { kind, .. } => Consequence::last(*kind),
            Self::Busy { .. } | Self::Runtime(_) | Self::Thread(_) | Self::Bug => Consequence::last(Kind::Unavailable),
        }
    }

    /// The request that failed, where no response came.
    pub(crate) fn call(&self) -> Option<&CallError> {
        match self {
            Self::Idp(IdpError::Call(error)) | Self::Exchange(ExchangeError::Call(error)) => Some(error),
            _ => None,
        }
    }
}
