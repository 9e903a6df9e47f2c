//! Why a secret could not be read, or not be handed on.

use std::io;
use std::time::Duration;

use http_client::{BuildError, Endpoint};

use crate::consequence::{Consequence, Kind};
use crate::freshness::call::CallError;
use crate::signature_v4::SignatureError;

/// Why there is no secret. No variant repeats any of its value, nor the words of AWS, which can hold some.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretReadError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    HttpClient(#[from] BuildError),
    #[error("{0}: correct AWS_REGION")]
    Signature(#[from] SignatureError),
    #[error("the region of the secret `{0}` is not known: set AWS_REGION, or name the secret by its ARN")]
    NoRegion(String),
    #[error("`{0}` cannot be part of a host name: correct AWS_REGION")]
    Region(String),
    /// A response of Secrets Manager that is not a success.
    #[error("{endpoint} answered {status}{} for the secret `{secret}`: {}", shown(code.as_deref()), advice(*cause))]
    Answered {
        endpoint: Endpoint,
        secret: String,
        status: u16,
        code: Option<String>,
        cause: Cause,
        retry_after: Option<Duration>,
    },
    /// A success without a value.
    #[error("{endpoint} answered 200 without the value of a secret: does a proxy answer in its place?")]
    NoValue { endpoint: Endpoint },
    #[error("the secret `{0}` holds binary data, and this command hands on text")]
    Binary(String),
    #[error(
        "the secret `{secret}` is not a JSON object, so it has no field `{field}`: leave out --field to get it whole"
    )]
    NotJson { secret: String, field: String },
    #[error("the secret `{secret}` has no field `{field}`; it has {}", fields(known))]
    NoField { secret: String, field: String, known: Vec<String> },
    #[error("the field `{field}` of the secret `{secret}` is not text, a number or a truth value")]
    NotText { secret: String, field: String },
    #[error("the secret `{0}`, or its field, is empty")]
    Empty(String),
    #[error("GITHUB_ENV is not set: --github-env works in a step of a GitHub Actions job, where the runner sets it")]
    NoGithubEnv,
    #[error("the file in GITHUB_ENV, {path}, cannot be written: {cause}")]
    GithubEnv { path: String, cause: io::Error },
    #[error("the secret `{0}` holds a NUL, which no variable can hold")]
    Nul(String),
    #[error("the system's random numbers cannot be had")]
    Random,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    NotAllowed,
    KeyNotAllowed,
    NoSecret,
    MarkedForDeletion,
    UnknownCredentials,
    Expired,
    Clock,
    BadName,
    Unavailable,
    Unknown,
}

impl SecretReadError {
    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            Self::Call(error) => error.consequence(),
            Self::NoValue { .. } => Consequence::retry(Kind::Unavailable, None),
            Self::Random => Consequence::last(Kind::Unavailable),
            Self::Answered { status, cause, retry_after, .. } => match cause {
                Cause::NotAllowed | Cause::KeyNotAllowed | Cause::UnknownCredentials | Cause::Expired => {
                    Consequence::last(Kind::Refused)
                }
                Cause::NoSecret | Cause::MarkedForDeletion | Cause::Clock | Cause::BadName => {
                    Consequence::last(Kind::Configuration)
                }
                Cause::Unavailable => Consequence::retry(Kind::Unavailable, *retry_after),
                Cause::Unknown => Consequence::last(Kind::of_status(*status)),
            },
            _ => Consequence::last(Kind::Configuration),
        }
    }

    /// The request that was not made, since nothing was left of the call.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self, Self::Call(CallError::Spent(_)))
    }
}

impl Cause {
    /// AWS Secrets Manager API Reference, `GetSecretValue` and Common Errors. A key that may not be used is told by the same
    /// code as a secret that may not be read; the message tells them apart.
    pub(crate) fn of(status: u16, code: Option<&str>, message: &str) -> Self {
        match code {
            Some("AccessDeniedException" | "AccessDenied") if message.to_ascii_lowercase().contains("kms") => {
                Self::KeyNotAllowed
            }
            Some("AccessDeniedException" | "AccessDenied") => Self::NotAllowed,
            Some("DecryptionFailure") => Self::KeyNotAllowed,
            Some("ResourceNotFoundException") => Self::NoSecret,
            Some("InvalidRequestException") => Self::MarkedForDeletion,
            Some("UnrecognizedClientException" | "InvalidClientTokenId" | "IncompleteSignature") => {
                Self::UnknownCredentials
            }
            Some("ExpiredTokenException" | "ExpiredToken") => Self::Expired,
            Some("InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed") => Self::Clock,
            Some("InvalidParameterException" | "ValidationException") => Self::BadName,
            Some("ThrottlingException" | "Throttling" | "InternalServiceError" | "InternalServiceErrorException") => {
                Self::Unavailable
            }
            _ if status == 429 || status >= 500 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

fn shown(code: Option<&str>) -> String {
    code.map(|code| format!(" {code}")).unwrap_or_default()
}

fn advice(cause: Cause) -> &'static str {
    match cause {
        Cause::NotAllowed => {
            "the role may not read it. Allow secretsmanager:GetSecretValue on its ARN in the role's policy, see whether the \
             secret's own policy denies it, and whether name and region are right: AWS says the same of secrets that do not \
             exist"
        }
        Cause::KeyNotAllowed => {
            "its KMS key cannot be used. Allow the role kms:Decrypt on the key, in the role's policy and the key's, and see \
             whether the key is enabled"
        }
        Cause::NoSecret => {
            "there is no such secret in this account and region, or it has no value yet: compare the name and AWS_REGION, and \
             write its value"
        }
        Cause::MarkedForDeletion => "it is marked for deletion: `aws secretsmanager restore-secret` brings it back",
        Cause::UnknownCredentials => "AWS does not know these credentials: does AWS_REGION belong to their account?",
        Cause::Expired => "the credentials have expired by AWS's clock: get new ones, or compare the clocks",
        Cause::Clock => "set this machine's clock, by NTP; does a proxy change requests on their way?",
        Cause::BadName => "is the name right? It holds letters, digits and /_+=.@-, or is the secret's ARN",
        Cause::Unavailable => "try again later",
        Cause::Unknown => "see what answers at this URL: AWS_REGION, AWS_ENDPOINT_URL…, a proxy?",
    }
}

/// Names are no secret, as far as they look like names.
fn fields(known: &[String]) -> String {
    let is_name = |name: &&String| {
        name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let names: Vec<_> = known.iter().filter(is_name).take(12).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none that could be shown".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_what_follows() {
        for (status, code, message, cause, kind) in [
            (400, Some("AccessDeniedException"), "User … is not authorized", Cause::NotAllowed, Kind::Refused),
            (400, Some("AccessDeniedException"), "Access to KMS is not allowed", Cause::KeyNotAllowed, Kind::Refused),
            (400, Some("DecryptionFailure"), "", Cause::KeyNotAllowed, Kind::Refused),
            (400, Some("ResourceNotFoundException"), "", Cause::NoSecret, Kind::Configuration),
            (400, Some("InvalidRequestException"), "", Cause::MarkedForDeletion, Kind::Configuration),
            (400, Some("UnrecognizedClientException"), "", Cause::UnknownCredentials, Kind::Refused),
            (400, Some("ExpiredTokenException"), "", Cause::Expired, Kind::Refused),
            (400, Some("InvalidSignatureException"), "", Cause::Clock, Kind::Configuration),
            (400, Some("ThrottlingException"), "", Cause::Unavailable, Kind::Unavailable),
            (500, Some("InternalServiceError"), "", Cause::Unavailable, Kind::Unavailable),
            (503, None, "", Cause::Unavailable, Kind::Unavailable),
            (403, None, "", Cause::Unknown, Kind::Refused),
            (404, None, "", Cause::Unknown, Kind::Configuration),
        ] {
            assert_eq!(Cause::of(status, code, message), cause, "{status} {code:?}");
            let endpoint = Endpoint::parse("https://secretsmanager.eu-west-1.amazonaws.com/").unwrap();
            let (code, secret) = (code.map(str::to_owned), "s".to_owned());
            let error = SecretReadError::Answered { endpoint, secret, status, code, cause, retry_after: None };
            let consequence = error.consequence();
            assert_eq!((consequence.kind, consequence.is_final), (kind, cause != Cause::Unavailable), "{error}");
        }
    }

    #[test]
    fn names_of_fields_are_shown_as_far_as_they_are_names() {
        let known = ["token", "pypi-AgEI CANARY", "pa\u{1b}[2J"].map(str::to_owned);
        assert_eq!(fields(&known), "`token`");
        assert_eq!(fields(&known[1..]), "none that could be shown");
    }
}
