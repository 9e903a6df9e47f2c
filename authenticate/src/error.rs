//! Why a request is nobody's, and what the caller is told.

use std::time::Duration;

use jwt::TokenError;
use thiserror::Error;

use crate::bearer::BearerError;
use crate::jwks::KeyError;
use crate::rate_limit::RateLimited;

/// Every way a request can fail to become somebody's.
#[derive(Debug, Error)]
#[allow(missing_docs)] // Each variant wraps the error of the step it is named after.
pub enum AuthenticationError {
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    #[error("{reason}; too many tokens from this address were refused lately: retry in {} s", retry_after.as_secs())]
    TooManyRefused { reason: String, retry_after: Duration },
}

/// What the caller is told beside the sentence, which is the error's own `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status: 400, 401, 429 or 503.
    pub status: u16,
    /// Stable code.
    pub code: &'static str,
    /// `Retry-After`, where the same request may succeed later.
    pub retry_after: Option<Duration>,
}

/// Long enough for a cool-down to pass, short enough for a caller that waits.
const KEYS_RETRY_AFTER: Duration = Duration::from_secs(2);

impl AuthenticationError {
    /// A dependency that is down is never the token's fault.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let (status, code, retry_after) = match self {
            Self::Bearer(_) => (400, "invalid_request", None),
            Self::Token(_) | Self::Key(KeyError::Unknown) => (401, "invalid_token", None),
            Self::Key(KeyError::Unavailable { .. }) => (503, "keys_unavailable", Some(KEYS_RETRY_AFTER)),
            Self::RateLimited(RateLimited { retry_after }) | Self::TooManyRefused { retry_after, .. } => {
                (429, "rate_limited", Some(*retry_after))
            }
        };
        Refusal { status, code, retry_after }
    }
}
