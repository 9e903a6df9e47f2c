//! Every way a step can fail, and what Secrets Manager is told.

use runtime_api::FunctionError;
use thiserror::Error;

use crate::event::EventError;
use crate::index::IndexError;
use crate::secret_value::ValueError;
use crate::secrets::SecretsError;
use crate::versions::{VersionError, Versions};

/// A step that was not taken. No message holds a token.
#[derive(Debug, Error)]
pub enum RotationError {
    /// No step at all.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A version that this rotation has no part in.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Secrets Manager.
    #[error(transparent)]
    Secret(#[from] SecretsError),
    /// A version that holds something else.
    #[error("version {version} of {secret} cannot be used: {problem}")]
    Value {
        /// The secret.
        secret: String,
        /// Its version.
        version: String,
        /// What is wrong with the value.
        problem: ValueError,
    },
    /// The new token must be made by a person.
    #[error(
        "no token is staged in {secret}: make a new one at the index, put {{\"token\": \"…\"}} into that secret \
         (docs/pypi-publishing.md, \"Rotation\"), and rotate again. The current token stays in use"
    )]
    NothingStaged {
        /// The secret that it belongs in.
        secret: String,
    },
    /// Something else is staged.
    #[error("what is staged in {secret} cannot be used: {problem}. The current token stays in use")]
    Staged {
        /// The secret.
        secret: String,
        /// What is wrong with it.
        problem: ValueError,
    },
    /// Not a token of that index.
    #[error("the token in {secret} does not begin with `{prefix}`, as TOKEN_PREFIX says: is it a token of that index?")]
    Prefix {
        /// The secret.
        secret: String,
        /// `TOKEN_PREFIX`.
        prefix: String,
    },
    /// A rotation to the same token is none.
    #[error(
        "the token that is staged in {staged_in} is the one of {label} already: make a new one at the index and stage that. The \
         current token stays in use"
    )]
    Reused {
        /// The secret.
        staged_in: String,
        /// Which version has it.
        label: &'static str,
    },
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Lambda would have ended the function in a moment.
    #[error("the function's time is up; the step can be taken again")]
    TimeIsUp,
}

impl RotationError {
    pub(crate) fn nothing_staged(versions: &Versions) -> Self {
        Self::NothingStaged { secret: versions.staged_secret() }
    }

    /// For alarms and for people who look at the rotation's events.
    fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "InvalidEvent",
            Self::Version(_) => "NotInRotation",
            Self::Secret(SecretsError::Unavailable { .. }) => "SecretsManagerUnavailable",
            Self::Secret(SecretsError::Denied { .. } | SecretsError::Key(_)) => "AccessDenied",
            Self::Secret(SecretsError::NotFound(_) | SecretsError::Refused { .. } | SecretsError::Binary(_))
            | Self::Value { .. } => "InvalidSecret",
            Self::NothingStaged { .. } => "NothingStaged",
            Self::Staged { .. } | Self::Prefix { .. } => "InvalidStagedToken",
            Self::Reused { .. } => "TokenReused",
            Self::Index(IndexError::Refused { .. }) => "TokenRefused",
            Self::Index(IndexError::Unknown | IndexError::Another { .. } | IndexError::Blind { .. }) => {
                "IndexUnsuitable"
            }
            Self::Index(IndexError::Unexpected { .. } | IndexError::Unreachable(_)) => "IndexUnavailable",
            Self::TimeIsUp => "TimeIsUp",
        }
    }
}

impl From<RotationError> for FunctionError {
    fn from(error: RotationError) -> Self {
        Self { kind: error.kind(), message: error.to_string() }
    }
}
