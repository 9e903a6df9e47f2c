//! Exchanging the access token for AWS credentials.

pub(crate) mod vending_api;

use std::time::Duration;

use http_client::{Endpoint, RequestError, Spent};

use crate::credentials::ALREADY_EXPIRED;
use crate::error::{Consequence, Kind};

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Spent(#[from] Spent),
    /// An answer that is not a success.
    #[error("{endpoint} answered {status}{problem}: {}", advice(*status, problem))]
    Answered { endpoint: Endpoint, status: u16, problem: Problem, retry_after: Option<Duration> },
    /// A success without usable credentials.
    #[error("{endpoint} answered 200, but {problem}")]
    Unusable { endpoint: Endpoint, problem: &'static str },
}

/// What the answer's body says, as far as it can be shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) retryable: Option<bool>,
}

impl ExchangeError {
    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            // With a wrong clock, each further try would vend credentials only to throw them away.
            Self::Spent(_) | Self::Unusable { problem: ALREADY_EXPIRED, .. } => Consequence::last(Kind::Unavailable),
            Self::Request(_) | Self::Unusable { .. } => Consequence::retry(Kind::Unavailable, None),
            Self::Answered { status, problem, retry_after, .. } => {
                let kind = Kind::of_status(*status);
                // A service that says "never" is believed; 401 and 403 are final without a word.
                if kind == Kind::Refused || problem.retryable == Some(false) {
                    Consequence::last(kind)
                } else {
                    Consequence::retry(kind, *retry_after)
                }
            }
        }
    }

    /// The service does not take this token (RFC 6750 §3.1); another one may do.
    pub(crate) fn is_token_refused(&self) -> bool {
        matches!(self, Self::Answered { status: 401, .. })
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(code) = &self.code {
            write!(formatter, " {code}")?;
        }
        if let Some(description) = &self.description {
            write!(formatter, " ({description})")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(formatter, " [request {request_id}]")?;
        }
        Ok(())
    }
}

fn advice(status: u16, problem: &Problem) -> &'static str {
    match (status, problem.code.as_deref()) {
        (_, Some("client_not_registered")) => "register this client_id with the vending service",
        (_, Some("client_disabled" | "client_expired")) => {
            "ask the operator of the vending service to enable this client"
        }
        (_, Some("insufficient_scope")) => "allow the client the scopes that its mapping asks for",
        (_, Some("source_not_allowed")) => "call from an address that the client's mapping allows",
        (401, _) => {
            "the service does not trust this token: do COGNITO_DOMAIN and COGNITO_CREDENTIAL_API_URL belong together?"
        }
        (403, _) => "`credvend doctor` shows the rule that said no",
        (429 | 500.., _) => "the service is not able to answer now: try again later",
        _ => "does COGNITO_CREDENTIAL_API_URL name the vending API?",
    }
}
