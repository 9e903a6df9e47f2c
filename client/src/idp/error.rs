//! Why there is no token.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_client::{Endpoint, RequestError};
use serde::de::IgnoredAny;

use super::client_assertion::AssertionError;
use crate::consequence::{Consequence, Kind};
use crate::files::input_file::InputError;
use crate::freshness::call::CallError;
use crate::secret::SecretError;

/// Why there is no token. Free text of the server is never part of it: it could repeat the secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdpError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    #[error(transparent)]
    Call(#[from] CallError),
    /// Final: this client, secret or scope will not be accepted later either.
    #[error("{} refuses client `{}`: {} (status {}): {}", .0.endpoint, .0.client_id, .0.code, .0.status, .0.advice())]
    Refused(Box<Refusal>),
    /// A response that holds no token.
    #[error("{endpoint} answered {status}{}: {}", code.as_deref().map(|code| format!(" {code}")).unwrap_or_default(), status_advice(*status))]
    Answered { endpoint: Endpoint, status: u16, code: Option<String>, retry_after: Option<Duration> },
    /// A 200 with something else, perhaps of a proxy or a captive portal.
    #[error("{endpoint} answered 200, but {problem}: is it the token endpoint?")]
    Unusable { endpoint: Endpoint, problem: &'static str },
    /// A 200 with JSON, and without a token. One may have been made and billed for it.
    #[error("{endpoint} answered 200, but {problem}: is it the token endpoint?")]
    NoToken { endpoint: Endpoint, problem: &'static str },
    /// The issuer's metadata cannot be believed.
    #[error("{endpoint} {problem}")]
    Metadata { endpoint: Endpoint, problem: String },
    /// The runner gives this job no token.
    #[error(
        "{endpoint} answered {status}: the runner gives this job no token. Does the job (or its workflow) say \
         `permissions: id-token: write`, and is it still running?"
    )]
    RefusedByRunner { endpoint: Endpoint, status: u16 },
    /// A file that holds no token, now.
    #[error("the token file `{}` (OIDC_TOKEN_FILE) {problem}", path.display())]
    TokenFile { path: PathBuf, problem: TokenFileProblem },
}

/// Who was refused what.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) endpoint: Endpoint,
    pub(crate) client_id: String,
    /// What the names of the provider's variables begin with.
    pub(crate) prefix: &'static str,
    /// The secrets that were tried.
    pub(crate) sources: String,
    pub(crate) scope: String,
    pub(crate) audience: String,
    pub(crate) status: u16,
    /// One of the codes of OAuth.
    pub(crate) oauth_code: Option<&'static str>,
    /// What is shown.
    pub(crate) code: String,
}

/// What is wrong with a token file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenFileProblem {
    #[error(transparent)]
    Unreadable(InputError),
    #[error("is empty: whatever writes it has not done so yet")]
    Empty,
    #[error("holds more than a token: a single line without spaces is expected")]
    NoToken,
    #[error("holds a token that ended at {0}: whatever writes it has stopped")]
    Expired(String),
}

impl IdpError {
    pub(crate) fn consequence(&self) -> Consequence {
        match self {
            Self::Secret(_) | Self::Assertion(_) | Self::Metadata { .. } => Consequence::last(Kind::Configuration),
            Self::Refused(_) | Self::RefusedByRunner { .. } => Consequence::last(Kind::Refused),
            Self::Answered { status, retry_after, .. } => Consequence::retry(Kind::of_status(*status), *retry_after),
            Self::Call(error) => error.consequence(),
            Self::Unusable { .. } => Consequence::retry(Kind::Unavailable, None),
            // The same request would bring the same again.
            Self::NoToken { .. } => Consequence::last(Kind::Unavailable),
            Self::TokenFile { problem, .. } => problem.consequence(),
        }
    }

    /// The secret is not, or no longer, the client's (RFC 6749 §5.2; Auth0 says 401 `access_denied`).
    pub(crate) fn is_wrong_secret(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.oauth_code == Some("invalid_client") || refusal.status == 401)
    }

    /// The endpoint is not, or no longer, there.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Answered { status: 404 | 405 | 410, .. }
                | Self::Call(CallError::Request(RequestError::Connect { .. }))
        )
    }
}

impl TokenFileProblem {
    fn consequence(&self) -> Consequence {
        match self {
            // Who writes the file may be about to.
            Self::Empty | Self::Expired(_) => Consequence::retry(Kind::Unavailable, None),
            Self::Unreadable(InputError::Unreadable(cause)) if cause.kind() == io::ErrorKind::NotFound => {
                Consequence::retry(Kind::Configuration, None)
            }
            // One deadline of it is enough for a call.
            Self::Unreadable(InputError::Silent) => Consequence::last(Kind::Unavailable),
            Self::Unreadable(_) | Self::NoToken => Consequence::last(Kind::Configuration),
        }
    }
}

impl Refusal {
    fn advice(&self) -> String {
        let Self { prefix, scope, audience, sources, .. } = self;
        match self.oauth_code {
            Some("invalid_scope") if scope.is_empty() => {
                "allow the client a scope: none was asked for, and it may have none".to_owned()
            }
            Some("invalid_scope") => {
                format!("allow the client these scopes, or change {} (asked for: {scope})", self.scope_variable())
            }
            Some("invalid_target") => format!("is {prefix}_AUDIENCE right (asked for: {audience})?"),
            Some("invalid_resource") => {
                format!(
                    "is there an API of that name in the tenant, as {} says (asked for: {scope})?",
                    self.scope_variable()
                )
            }
            Some("unauthorized_client") if *prefix == "ENTRA" => {
                "is ENTRA_CLIENT_ID an application with a service principal in the tenant ENTRA_TENANT_ID?".to_owned()
            }
            Some("unauthorized_client") => "allow the client the client_credentials grant".to_owned(),
            Some("invalid_grant") => "assign the client a role of the API that it asks for".to_owned(),
            Some("access_denied") if self.status == 403 && !audience.is_empty() => {
                format!("is there an API `{audience}` ({prefix}_AUDIENCE), and is the client authorized for it?")
            }
            None if self.status == 403 => IN_FRONT.to_owned(),
            _ => format!("check {prefix}_CLIENT_ID and the secret from {sources}"),
        }
    }

    fn scope_variable(&self) -> String {
        // Entra ID takes exactly one.
        if self.prefix == "ENTRA" { "ENTRA_SCOPE".to_owned() } else { format!("{}_SCOPES", self.prefix) }
    }
}

/// A 200 whose body is not a token response.
pub(super) fn without_token(endpoint: Endpoint, body: &[u8], problem: &'static str) -> IdpError {
    if serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        IdpError::NoToken { endpoint, problem }
    } else {
        IdpError::Unusable { endpoint, problem }
    }
}

/// No token endpoint refuses a client with 403 and without a code (RFC 6749 §5.2).
const IN_FRONT: &str = "this is not the token endpoint's own response: a web application firewall or a proxy in front of it \
                        refuses the request, and its log says why";

fn status_advice(status: u16) -> &'static str {
    match Kind::of_status(status) {
        Kind::Unavailable => "the identity provider cannot answer now: try again later",
        Kind::Configuration | Kind::Refused => "is it the token endpoint?",
    }
}
