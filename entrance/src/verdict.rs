//! What a caller is told about an error, beside the sentence: the part of the table that all APIs share.
//!
//! Each API has one exhaustive `match` of its own over its errors; those of authentication and of the grant have the same
//! verdict everywhere.

use std::time::Duration;

use authenticate::{AuthenticationError, Refusal};
use grant::authorize::Denial;
use grant::session::SessionError;
use grant::sts::StsError;
use grant::table::MappingError;
use http_server::Refusal as ConnectionRefusal;

use crate::audit_line::AuditError;
use crate::request::RequestError;

/// Long enough for a cool-down or a throttle to pass, short enough for a caller that waits.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Everything but the sentence, which is the error's own `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// HTTP status.
    pub status: u16,
    /// Stable code (interfaces §1).
    pub code: &'static str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `Allow` of a 405.
    pub allow: Option<&'static str>,
}

/// An error that ends a request.
pub trait Judged {
    /// What the caller is told about it.
    fn verdict(&self) -> Verdict;
}

impl Verdict {
    /// The caller's own doing: the same request fails again.
    #[must_use]
    pub const fn refusal(status: u16, code: &'static str) -> Self {
        Self { status, code, retryable: false, retry_after: None, allow: None }
    }

    /// The same request may succeed later, nobody knows when.
    #[must_use]
    pub const fn retryable(status: u16, code: &'static str) -> Self {
        Self { retryable: true, ..Self::refusal(status, code) }
    }

    /// The same request may succeed in a moment.
    #[must_use]
    pub const fn in_a_moment(status: u16, code: &'static str) -> Self {
        Self { retry_after: Some(RETRY_AFTER), ..Self::retryable(status, code) }
    }

    /// A dependency is down.
    #[must_use]
    pub const fn unavailable(code: &'static str) -> Self {
        Self::in_a_moment(503, code)
    }

    /// `WWW-Authenticate` of RFC 6750 §3: a 401 names the error, and a 403 does where the scope was the reason.
    #[must_use]
    pub fn challenge(&self) -> Option<&'static str> {
        match self.code {
            "invalid_token" => Some(r#"Bearer error="invalid_token""#),
            "insufficient_scope" => Some(r#"Bearer error="insufficient_scope""#),
            _ => None,
        }
    }
}

impl Judged for RequestError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Invalid(_) | Self::Event(_) => Verdict::refusal(400, "invalid_request"),
            Self::NotFound { .. } => Verdict::refusal(404, "not_found"),
            Self::MethodNotAllowed { allow } => {
                Verdict { allow: Some(allow), ..Verdict::refusal(405, "method_not_allowed") }
            }
            Self::TooLarge { .. } => Verdict::refusal(413, "request_too_large"),
            Self::BodyLate => Verdict::retryable(408, "request_timeout"),
            Self::Connection(refusal) => of_connection(*refusal),
            Self::UnsupportedMediaType => Verdict::refusal(415, "unsupported_media_type"),
            Self::Panicked => Verdict::retryable(500, "internal_error"),
        }
    }
}

fn of_connection(refusal: ConnectionRefusal) -> Verdict {
    match refusal {
        ConnectionRefusal::Late => Verdict::retryable(408, "request_timeout"),
        ConnectionRefusal::NoRoom | ConnectionRefusal::Stopping => Verdict::unavailable("service_unavailable"),
        ConnectionRefusal::Malformed(_) => Verdict::refusal(400, "invalid_request"),
        ConnectionRefusal::Version => Verdict::refusal(505, "http_version_not_supported"),
        ConnectionRefusal::TransferCoding => Verdict::refusal(501, "not_implemented"),
        ConnectionRefusal::HeadersTooLarge => Verdict::refusal(431, "headers_too_large"),
    }
}

impl Judged for AuthenticationError {
    fn verdict(&self) -> Verdict {
        let Refusal { status, code, retry_after } = self.refusal();
        Verdict { retryable: retry_after.is_some(), retry_after, ..Verdict::refusal(status, code) }
    }
}

impl Judged for MappingError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::NotRegistered { .. } | Self::ConflictingScopes { .. } => {
                Verdict::refusal(403, "client_not_registered")
            }
            Self::Misconfigured { .. } | Self::WrongKey { .. } => Verdict::refusal(500, "misconfigured"),
            Self::Unavailable { .. } => Verdict::unavailable("mapping_unavailable"),
        }
    }
}

impl Judged for Denial {
    fn verdict(&self) -> Verdict {
        match self {
            Self::OtherIssuer { .. } => Verdict::refusal(403, "client_not_registered"),
            Self::Disabled { .. } => Verdict::refusal(403, "client_disabled"),
            Self::Expired { .. } => Verdict::refusal(403, "client_expired"),
            Self::InsufficientScope { .. } => Verdict::refusal(403, "insufficient_scope"),
            Self::SourceNotAllowed { .. } => Verdict::refusal(403, "source_not_allowed"),
            Self::WiderThanMapping { .. } | Self::NotNarrowable { .. } => Verdict::refusal(400, "invalid_request"),
        }
    }
}

impl Judged for SessionError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::NotNarrowable { .. } => Verdict::refusal(400, "invalid_request"),
            Self::PolicyTooLong { .. } | Self::NoBucket => Verdict::refusal(500, "misconfigured"),
        }
    }
}

impl Judged for StsError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::RoleNotAssumable { .. } => Verdict::retryable(502, "role_not_assumable"),
            Self::NarrowingRefused { .. } => Verdict::refusal(400, "invalid_request"),
            Self::Refused { .. } => Verdict::refusal(500, "misconfigured"),
            Self::Unavailable { .. } => Verdict::unavailable("sts_unavailable"),
        }
    }
}

impl Judged for AuditError {
    fn verdict(&self) -> Verdict {
        Verdict::unavailable("audit_unavailable")
    }
}
