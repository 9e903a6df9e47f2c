//! What an error means to the caller: what to do next, and whether trying again makes sense.

use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Sorted by what the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Change the configuration.
    Configuration,
    /// Ask the person who grants access.
    Refused,
    /// Come back later.
    Unavailable,
}

impl Kind {
    /// What a response with this status means, when it was not the expected one.
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
