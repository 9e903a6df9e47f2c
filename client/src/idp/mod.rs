//! Getting an access token from the identity provider.

pub(crate) mod cognito;

use std::time::{Duration, SystemTime};

use http_client::{Endpoint, RequestError, Spent};
use serde::{Deserialize, Serialize};

use crate::error::{Consequence, Kind};
use crate::refresh;
use crate::secret::{Secret, SecretError};
use crate::timestamp;

/// An access token, and until when it is one.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) value: Secret,
    #[serde(with = "timestamp")]
    pub(crate) obtained_at: SystemTime,
    #[serde(with = "timestamp")]
    pub(crate) expires_at: SystemTime,
}

impl AccessToken {
    pub(crate) fn is_usable(&self, now: SystemTime) -> bool {
        refresh::is_token_usable(self.obtained_at, self.expires_at, now)
    }
}

/// Why there is no access token. Free text of the server is never part of it: it could repeat the secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdpError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Spent(#[from] Spent),
    /// Final: this client, secret or scope will not be accepted later either.
    #[error("{endpoint} refuses client `{client_id}`: {code} (status {status}): {}", advice(code, sources, scopes))]
    Refused { endpoint: Endpoint, client_id: String, sources: String, scopes: String, status: u16, code: &'static str },
    /// Another answer than a token.
    #[error("{endpoint} answered {status}{}: {}", code.map(|code| format!(" {code}")).unwrap_or_default(), answer_advice(*status))]
    Answered { endpoint: Endpoint, status: u16, code: Option<&'static str>, retry_after: Option<Duration> },
    /// A 200 without a token.
    #[error("{endpoint} answered 200, but {problem}: is it the token endpoint?")]
    Unusable { endpoint: Endpoint, problem: &'static str },
}

impl IdpError {
    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            Self::Secret(_) => Consequence::last(Kind::Configuration),
            Self::Refused { .. } => Consequence::last(Kind::Refused),
            Self::Answered { status, retry_after, .. } => Consequence::retry(Kind::of_status(*status), *retry_after),
            Self::Request(_) | Self::Unusable { .. } => Consequence::retry(Kind::Unavailable, None),
            Self::Spent(_) => Consequence::last(Kind::Unavailable),
        }
    }

    /// The secret is not, or no longer, the client's (RFC 6749 §5.2).
    pub(crate) fn is_wrong_secret(&self) -> bool {
        matches!(self, Self::Refused { code, status, .. } if *code == "invalid_client" || *status == 401)
    }
}

fn answer_advice(status: u16) -> &'static str {
    match Kind::of_status(status) {
        Kind::Unavailable => "the identity provider cannot answer now: try again later",
        Kind::Configuration | Kind::Refused => "is it the token endpoint?",
    }
}

fn advice(code: &str, sources: &str, scopes: &str) -> String {
    match code {
        "invalid_scope" if scopes.is_empty() => {
            "allow the client a scope: none was asked for, and it may have none".to_owned()
        }
        "invalid_scope" => {
            format!("allow the client these scopes, or change COGNITO_SCOPES (asked for: {scopes})")
        }
        "unauthorized_client" => "allow the client the client_credentials grant".to_owned(),
        _ => format!("check COGNITO_CLIENT_ID and the secret from {sources}"),
    }
}
