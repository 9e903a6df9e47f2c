//! Why there are no credentials.

use std::fmt;
use std::time::Duration;

use http_client::Endpoint;

use crate::consequence::{Consequence, Kind};
use crate::credentials::ALREADY_EXPIRED;
use crate::freshness::call::CallError;

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error(transparent)]
    Call(#[from] CallError),
    /// A response of the vending API that is not a success.
    #[error("{endpoint} answered {status}{problem}: {}", advice(*status, problem))]
    Answered { endpoint: Endpoint, status: u16, problem: Problem, retry_after: Option<Duration> },
    /// A response of STS that is not a success.
    #[error("{endpoint} answered {status}{problem} for {role_arn}: {}", sts_advice(*status, problem))]
    AnsweredBySts {
        endpoint: Endpoint,
        role_arn: String,
        status: u16,
        problem: Box<Problem>,
        retry_after: Option<Duration>,
    },
    /// A success without usable credentials.
    #[error("{endpoint} answered 200, but {problem}")]
    Unusable { endpoint: Endpoint, problem: &'static str },
}

/// What the response's body says, as far as it can be shown.
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
            // With a wrong clock, each further try would make credentials only to throw them away.
            Self::Unusable { problem: ALREADY_EXPIRED, .. } => Consequence::last(Kind::Unavailable),
            Self::Unusable { .. } => Consequence::retry(Kind::Unavailable, None),
            Self::Call(error) => error.consequence(),
            Self::Answered { status, problem, retry_after, .. } => {
                let kind = Kind::of_status(*status);
                // A service that says "never" is believed; 401 and 403 are final without a word.
                if kind == Kind::Refused || problem.retryable == Some(false) {
                    Consequence::last(kind)
                } else {
                    Consequence::retry(kind, *retry_after)
                }
            }
            Self::AnsweredBySts { status, problem, retry_after, .. } => sts_consequence(*status, problem, *retry_after),
        }
    }

    /// The service does not take this token (RFC 6750 §3.1; STS says it in words); another one may do.
    pub(crate) fn is_token_refused(&self) -> bool {
        match self {
            Self::Answered { status, .. } => *status == 401,
            Self::AnsweredBySts { status, problem, .. } => {
                matches!(sts_verdict(*status, problem), StsVerdict::TokenRefused)
            }
            _ => false,
        }
    }
}

/// What an error of STS means, whatever its status: STS answers 400 to much that will pass.
enum StsVerdict {
    /// The token is not taken, and this call's next one will not be either.
    TokenRefused,
    /// The role does not trust what the token says.
    RoleRefused,
    /// STS, or the issuer that it asks for keys, cannot answer now.
    Unavailable,
    /// The request is wrong.
    Misconfigured,
    /// Not STS's words.
    Unknown,
}

/// AWS STS API Reference, `AssumeRoleWithWebIdentity` and Common Errors.
fn sts_verdict(status: u16, problem: &Problem) -> StsVerdict {
    match problem.code.as_deref() {
        // STS names the issuer's failure so, too.
        Some("InvalidIdentityToken") if says(problem, "retrieve verification key") => StsVerdict::Unavailable,
        Some("InvalidIdentityToken" | "ExpiredTokenException" | "IDPRejectedClaim") => StsVerdict::TokenRefused,
        Some("AccessDenied" | "AccessDeniedException") => StsVerdict::RoleRefused,
        Some(
            "IDPCommunicationError"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException",
        ) => StsVerdict::Unavailable,
        Some(_) if status < 500 => StsVerdict::Misconfigured,
        _ => StsVerdict::Unknown,
    }
}

fn says(problem: &Problem, words: &str) -> bool {
    problem.description.as_ref().is_some_and(|description| description.contains(words))
}

fn sts_consequence(status: u16, problem: &Problem, retry_after: Option<Duration>) -> Consequence {
    match sts_verdict(status, problem) {
        StsVerdict::TokenRefused | StsVerdict::RoleRefused => Consequence::last(Kind::Refused),
        StsVerdict::Unavailable => Consequence::retry(Kind::Unavailable, retry_after),
        StsVerdict::Misconfigured => Consequence::last(Kind::Configuration),
        StsVerdict::Unknown if Kind::of_status(status) == Kind::Refused => Consequence::last(Kind::Refused),
        StsVerdict::Unknown => Consequence::retry(Kind::of_status(status), retry_after),
    }
}

fn sts_advice(status: u16, problem: &Problem) -> &'static str {
    match sts_verdict(status, problem) {
        StsVerdict::TokenRefused if problem.code.as_deref() == Some("ExpiredTokenException") => {
            "the token has ended: compare this machine's clock with the issuer's"
        }
        StsVerdict::TokenRefused => {
            "IAM needs an OIDC provider for exactly the token's issuer, with the token's audience among its client ids: \
             `credvend doctor` shows both"
        }
        StsVerdict::RoleRefused => {
            "is there such a role, and does its trust policy name this token's issuer, audience and subject? \
             `credvend doctor` shows them. A role that has just been made takes some seconds"
        }
        StsVerdict::Unavailable => "try again later",
        StsVerdict::Misconfigured if says(problem, "DurationSeconds") => {
            "AWS_ROLE_DURATION_SECONDS is longer than the role's maximum session duration"
        }
        StsVerdict::Misconfigured if problem.code.as_deref() == Some("RegionDisabledException") => {
            "activate STS in the region AWS_REGION, or name another one"
        }
        StsVerdict::Misconfigured => "check AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME and AWS_ROLE_DURATION_SECONDS",
        StsVerdict::Unknown if status == 429 || status >= 500 => "STS cannot answer now: try again later",
        StsVerdict::Unknown => "is it STS that answers there (AWS_REGION, AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL)?",
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// A refusal without one of the service's codes.
pub(crate) const IN_FRONT: &str = "this is not the service's own response: an API gateway, a web application firewall or a \
                                   proxy in front of it refuses the request, and its log says why";

fn advice(status: u16, problem: &Problem) -> &'static str {
    match (status, problem.code.as_deref()) {
        (_, Some("client_not_registered")) => "register this client_id with the vending service",
        (_, Some("client_disabled" | "client_expired")) => {
            "ask the operator of the vending service to enable this client"
        }
        (_, Some("insufficient_scope")) => "allow the client the scopes that its mapping asks for",
        (_, Some("source_not_allowed")) => "call from an address that the client's mapping allows",
        (401 | 403, None) => IN_FRONT,
        (401, _) => "the service does not trust this token: do the identity provider and the API belong together?",
        (403, _) => "`credvend doctor` shows the rule that said no",
        (429 | 500.., _) => "the service is not able to answer now: try again later",
        _ => "does CREDENTIAL_API_URL (COGNITO_CREDENTIAL_API_URL) name the vending API?",
    }
}
