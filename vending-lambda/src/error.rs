//! Why a request got no credentials, and the one table from that to what the caller is told.

use std::time::Duration;

use authenticate::TokenError;
use authenticate::{AuthenticationError, BearerError, KeyError, RateLimited, Refusal};
use thiserror::Error;

use http_server::Refusal as ConnectionRefusal;

use crate::audit_line::AuditError;
use crate::request::RequestError;
use grant::authorize::Denial;
use grant::session::SessionError;
use grant::sts::StsError;
use grant::table::MappingError;

/// Every way a request can end without credentials.
#[derive(Debug, Error)]
#[allow(missing_docs)] // Each variant wraps the error of the step it is named after.
pub enum VendError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(transparent)]
    Denied(#[from] Denial),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Sts(#[from] StsError),
    #[error("the decision could not be put on record: {0}")]
    Audit(#[from] AuditError),
    /// Something of ours panicked; what, is in the log under the request id.
    #[error("an internal error occurred; the request id names it in the service's log")]
    Internal,
}

impl From<BearerError> for VendError {
    fn from(error: BearerError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<TokenError> for VendError {
    fn from(error: TokenError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<KeyError> for VendError {
    fn from(error: KeyError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<RateLimited> for VendError {
    fn from(error: RateLimited) -> Self {
        Self::Authentication(error.into())
    }
}

/// What the caller is told about an error: everything but the sentence, which is the error's own `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Stable code of interfaces §1.
    pub code: &'static str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Long enough for a cool-down or a throttle to pass, short enough for a caller that waits.
const RETRY_AFTER: Duration = Duration::from_secs(2);

impl VendError {
    /// The endpoint's whole contract for errors.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self {
            Self::Request(error) => match error {
                RequestError::Invalid(_) | RequestError::Event(_) => Answer::refusal(400, "invalid_request"),
                RequestError::NotFound { .. } => Answer::refusal(404, "not_found"),
                RequestError::MethodNotAllowed { .. } => Answer::refusal(405, "method_not_allowed"),
                RequestError::TooLarge => Answer::refusal(413, "request_too_large"),
                RequestError::BodyLate => Answer::TIMEOUT,
                RequestError::Connection(refusal) => Answer::of_connection(*refusal),
                RequestError::UnsupportedMediaType => Answer::refusal(415, "unsupported_media_type"),
            },
            Self::Authentication(error) => {
                let Refusal { status, code, retry_after } = error.refusal();
                Answer { status, code, retryable: retry_after.is_some(), retry_after }
            }
            Self::Mapping(error) => match error {
                MappingError::NotRegistered { .. } | MappingError::ConflictingScopes { .. } => {
                    Answer::refusal(403, "client_not_registered")
                }
                MappingError::Misconfigured { .. } | MappingError::WrongKey { .. } => {
                    Answer::refusal(500, "misconfigured")
                }
                MappingError::Unavailable { .. } => Answer::unavailable("mapping_unavailable"),
            },
            Self::Denied(denial) => match denial {
                Denial::OtherIssuer { .. } => Answer::refusal(403, "client_not_registered"),
                Denial::Disabled { .. } => Answer::refusal(403, "client_disabled"),
                Denial::Expired { .. } => Answer::refusal(403, "client_expired"),
                Denial::InsufficientScope { .. } => Answer::refusal(403, "insufficient_scope"),
                Denial::SourceNotAllowed { .. } => Answer::refusal(403, "source_not_allowed"),
                Denial::WiderThanMapping { .. } | Denial::NotNarrowable { .. } => {
                    Answer::refusal(400, "invalid_request")
                }
            },
            Self::Session(error) => match error {
                SessionError::NotNarrowable { .. } => Answer::refusal(400, "invalid_request"),
                SessionError::PolicyTooLong { .. } | SessionError::NoBucket => Answer::refusal(500, "misconfigured"),
            },
            Self::Sts(error) => match error {
                StsError::RoleNotAssumable { .. } => {
                    Answer { status: 502, code: "role_not_assumable", retryable: true, retry_after: None }
                }
                StsError::NarrowingRefused { .. } => Answer::refusal(400, "invalid_request"),
                StsError::Refused { .. } => Answer::refusal(500, "misconfigured"),
                StsError::Unavailable { .. } => Answer::unavailable("sts_unavailable"),
            },
            Self::Audit(_) => Answer::unavailable("audit_unavailable"),
            Self::Internal => Answer { status: 500, code: "internal_error", retryable: true, retry_after: None },
        }
    }

    /// Whether nothing was decided: the caller asked too often, or the service or what it depends on failed.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.answer().status, 429 | 500..)
    }

    /// `WWW-Authenticate` of RFC 6750 §3: a 401 names the error, and a 403 does where the scope was the reason.
    #[must_use]
    pub fn challenge(&self) -> Option<&'static str> {
        match self.answer().code {
            "invalid_token" => Some(r#"Bearer error="invalid_token""#),
            "insufficient_scope" => Some(r#"Bearer error="insufficient_scope""#),
            _ => None,
        }
    }
}

impl Answer {
    const TIMEOUT: Self = Self { status: 408, code: "request_timeout", retryable: true, retry_after: None };

    fn of_connection(refusal: ConnectionRefusal) -> Self {
        match refusal {
            ConnectionRefusal::Late => Self::TIMEOUT,
            ConnectionRefusal::NoRoom | ConnectionRefusal::Stopping => Self::unavailable("service_unavailable"),
            ConnectionRefusal::Malformed(_) => Self::refusal(400, "invalid_request"),
            ConnectionRefusal::Version => Self::refusal(505, "http_version_not_supported"),
            ConnectionRefusal::TransferCoding => Self::refusal(501, "not_implemented"),
            ConnectionRefusal::HeadersTooLarge => Self::refusal(431, "headers_too_large"),
        }
    }

    const fn refusal(status: u16, code: &'static str) -> Self {
        Self { status, code, retryable: false, retry_after: None }
    }

    const fn unavailable(code: &'static str) -> Self {
        Self { status: 503, code, retryable: true, retry_after: Some(RETRY_AFTER) }
    }
}
