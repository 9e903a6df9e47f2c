//! Why a request did not get through, and the one table from that to what the caller is told.

use std::time::Duration;

use audit::{Decision, Outcome};
use authenticate::{AuthenticationError, BearerError, KeyError, RateLimited, Refusal, TokenError};
use environment::stdout::StdoutError;
use http_server::Refusal as ConnectionRefusal;
use serde::Serialize;
use thiserror::Error;

use crate::path::PathError;

/// Every way a request can end without the upstream's response.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// The connection ends without a request that is one beyond doubt.
    #[error("{}", .0.reason())]
    Connection(ConnectionRefusal),
    /// See [`PathError`].
    #[error(transparent)]
    Path(#[from] PathError),
    /// It is well-formed, and means nothing here.
    #[error("{0}")]
    Invalid(&'static str),
    /// See [`AuthenticationError`].
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// Genuine, and of no use in a header.
    #[error("{0}")]
    UnfitToken(&'static str),
    /// There is no token.
    #[error("the request carries no bearer token in its `Authorization` header")]
    NoToken,
    /// `only_listed`, and no route matches the path.
    #[error("no route matches this path")]
    NotFound,
    /// The path's route is for other methods.
    #[error("this path takes other methods: {allow}")]
    MethodNotAllowed {
        /// `Allow`.
        allow: String,
    },
    /// The token lacks a scope.
    #[error("the token lacks the scope {missing}")]
    InsufficientScope {
        /// What is missing, separated by spaces.
        missing: String,
    },
    /// Forward-auth was asked by somebody who is no named proxy.
    #[error("this address may not ask here: name it in TRUSTED_PROXY_CIDRS if it is a proxy of yours")]
    SourceNotAllowed,
    /// `Expect` holds something else than `100-continue`.
    #[error("the only expectation that can be met is `100-continue`")]
    Expectation,
    /// The body is larger than `MAX_BODY_BYTES`.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// `MAX_BODY_BYTES`.
        limit: u64,
    },
    /// The caller left before its body was whole.
    #[error("the connection ended before the body did")]
    CutOff,
    /// Headers or body did not come in time.
    #[error("the request did not arrive in time: nothing of it came for {} s", .0.as_secs())]
    Late(Duration),
    /// The upstream cannot be reached, or did not answer in HTTP.
    #[error("the upstream cannot be reached, or its response is not HTTP")]
    UpstreamUnavailable,
    /// The upstream did not answer in time.
    #[error("the upstream did not respond within {} s", .0.as_secs())]
    UpstreamTimeout(Duration),
    /// Nothing goes through without its audit line.
    #[error("the decision could not be put on record: {0}")]
    Audit(StdoutError),
    /// Something of ours panicked; where, is in the log.
    #[error("an internal error occurred; the request id names it in the gateway's log")]
    Internal,
}

impl From<BearerError> for GatewayError {
    fn from(error: BearerError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<TokenError> for GatewayError {
    fn from(error: TokenError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<KeyError> for GatewayError {
    fn from(error: KeyError) -> Self {
        Self::Authentication(error.into())
    }
}

impl From<RateLimited> for GatewayError {
    fn from(error: RateLimited) -> Self {
        Self::Authentication(error.into())
    }
}

/// What the caller is told: everything but the sentence, which is the error's own `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// HTTP status.
    pub status: u16,
    /// Stable code of interfaces §4.
    pub code: &'static str,
    /// `Retry-After`, where the same request may succeed later.
    pub retry_after: Option<Duration>,
}

const SOON: Duration = Duration::from_secs(2);

impl GatewayError {
    /// The gateway's whole contract for errors.
    #[must_use]
    pub fn told(&self) -> Told {
        let (status, code) = match self {
            Self::Connection(refusal) => return of_connection(*refusal),
            Self::Path(_) | Self::Invalid(_) | Self::CutOff => (400, "invalid_request"),
            Self::Authentication(error) => {
                let Refusal { status, code, retry_after } = error.refusal();
                return Told { status, code, retry_after };
            }
            Self::UnfitToken(_) | Self::NoToken => (401, "invalid_token"),
            Self::NotFound => (404, "not_found"),
            Self::MethodNotAllowed { .. } => (405, "method_not_allowed"),
            Self::InsufficientScope { .. } => (403, "insufficient_scope"),
            Self::SourceNotAllowed => (403, "source_not_allowed"),
            Self::Expectation => (417, "expectation_failed"),
            Self::TooLarge { .. } => (413, "request_too_large"),
            Self::Late(_) => (408, "request_timeout"),
            Self::UpstreamUnavailable => (502, "upstream_unavailable"),
            Self::UpstreamTimeout(_) => (504, "upstream_timeout"),
            Self::Audit(_) => return Told { status: 503, code: "audit_unavailable", retry_after: Some(SOON) },
            Self::Internal => (500, "internal_error"),
        };
        Told { status, code, retry_after: None }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let told = self.told();
        told.retry_after.is_some() || matches!(told.status, 408 | 500 | 502 | 504)
    }

    /// `WWW-Authenticate` of RFC 6750 §3: without a token the scheme alone (§3.1), else why it does not do.
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        match self {
            Self::NoToken => Some("Bearer".to_owned()),
            Self::InsufficientScope { missing } => {
                Some(format!(r#"Bearer error="insufficient_scope", scope="{missing}""#))
            }
            _ if self.told().status == 401 => Some(r#"Bearer error="invalid_token""#.to_owned()),
            _ => None,
        }
    }
}

fn of_connection(refusal: ConnectionRefusal) -> Told {
    let (code, retry_after) = match refusal {
        ConnectionRefusal::Malformed(_) => ("invalid_request", None),
        ConnectionRefusal::HeadersTooLarge => ("headers_too_large", None),
        ConnectionRefusal::Version => ("http_version_not_supported", None),
        ConnectionRefusal::TransferCoding => ("not_implemented", None),
        ConnectionRefusal::Late => ("request_timeout", None),
        ConnectionRefusal::NoRoom | ConnectionRefusal::Stopping => ("service_unavailable", Some(SOON)),
    };
    Told { status: refusal.status().as_u16(), code, retry_after }
}

/// What the gateway's audit lines say beyond the token.
#[derive(Default, Serialize)]
pub struct Members {
    /// The path that was decided on, cut where it is very long.
    pub path: Option<String>,
    /// Whether the token was known from a request before.
    pub cache: Option<&'static str>,
    /// The client's name as metrics and headers show it, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown_client_id: Option<String>,
    /// W3C Trace Context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Outcome for GatewayError {
    type Members = Members;

    fn code(&self) -> &'static str {
        self.told().code
    }

    fn decision(&self) -> Decision {
        if self.told().status < 500 { Decision::Deny } else { Decision::Error }
    }
}
