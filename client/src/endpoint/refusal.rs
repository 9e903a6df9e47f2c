//! Every reason to refuse a request, and its HTTP status.

use std::time::Duration;

use hyper::StatusCode;

use crate::consequence::Kind;
use crate::freshness::refresh::Failure;

/// Why a request is refused. Each message says what to do; none says what the right token would be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "`{header}` says that this request comes from a browser or through a proxy; only programs of this machine are answered"
    )]
    Forwarded { header: String },
    #[error("the Host header must be this endpoint's own loopback address; a name that leads here is refused")]
    Host,
    #[error("there is nothing at this path; credentials are at /credentials and /credentials/NAME")]
    NoSuchPath,
    #[error("the method must be one of {allowed}")]
    Method { allowed: &'static str },
    #[error("the Authorization header must be the content of the token file, which changes with each start")]
    Token,
    #[error("this endpoint was started without --token-file: over TCP, only IMDSv2 sessions get credentials")]
    NoToken,
    #[error("no identity is open to {}", user(*uid))]
    User { uid: Option<u32> },
    #[error("there is no identity `{name}`; there are: {known}")]
    NoSuchIdentity { name: String, known: String },
    #[error("there are several identities, name one in the path, /credentials/NAME: {known}")]
    Ambiguous { known: String },
    #[error("there are no credentials yet: {message}")]
    Unavailable { kind: Kind, message: String, retry_after: Duration },
    #[error("X-aws-ec2-metadata-token-ttl-seconds must be a number from 1 to 21600")]
    TokenLifetime,
    #[error("the X-aws-ec2-metadata-token header must hold a token from PUT /latest/api/token (IMDSv2)")]
    SessionToken,
    #[error("{}", of_connection(*.0))]
    Connection(http_server::Refusal),
}

impl Refusal {
    pub(crate) fn unavailable(failure: Option<Failure>, pause: Option<Duration>) -> Self {
        // A full second at least: with zero, a client would ask in a loop.
        let retry_after = pause.unwrap_or_default().max(Duration::from_secs(1));
        let (kind, message) = match failure {
            Some(failure) => (failure.kind, failure.message),
            None => (Kind::Unavailable, "the first fetch is still under way".to_owned()),
        };
        Self::Unavailable { kind, message, retry_after }
    }

    /// Status and code; a dependency that is down is never 401 or 403.
    pub(crate) fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Forwarded { .. } => (StatusCode::FORBIDDEN, "ForwardedRequest"),
            Self::Host => (StatusCode::FORBIDDEN, "InvalidHost"),
            Self::User { .. } => (StatusCode::FORBIDDEN, "AccessDenied"),
            Self::Token | Self::NoToken => (StatusCode::UNAUTHORIZED, "InvalidAuthorizationToken"),
            Self::SessionToken => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::TokenLifetime => (StatusCode::BAD_REQUEST, "BadRequest"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "NotFound"),
            Self::NoSuchIdentity { .. } => (StatusCode::NOT_FOUND, "NoSuchIdentity"),
            Self::Ambiguous { .. } => (StatusCode::NOT_FOUND, "AmbiguousIdentity"),
            Self::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            Self::Unavailable { kind, .. } => match kind {
                Kind::Refused => (StatusCode::FORBIDDEN, "AccessDenied"),
                Kind::Configuration => (StatusCode::INTERNAL_SERVER_ERROR, "Misconfigured"),
                Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            },
            Self::Connection(refusal) => (refusal.status(), connection_code(*refusal)),
        }
    }
}

fn connection_code(refusal: http_server::Refusal) -> &'static str {
    match refusal {
        http_server::Refusal::Late => "RequestTimeout",
        http_server::Refusal::NoRoom | http_server::Refusal::Stopping => "ServiceUnavailable",
        http_server::Refusal::HeadersTooLarge => "RequestTooLarge",
        http_server::Refusal::Malformed(_) | http_server::Refusal::Version | http_server::Refusal::TransferCoding => {
            "BadRequest"
        }
    }
}

fn of_connection(refusal: http_server::Refusal) -> &'static str {
    match refusal {
        http_server::Refusal::Late => "the request did not arrive in time",
        http_server::Refusal::NoRoom => "there are too many connections; retry in 1 s",
        http_server::Refusal::Stopping => "this endpoint stops; retry in 1 s",
        http_server::Refusal::HeadersTooLarge => "the request's path and headers are larger than 16 KiB",
        http_server::Refusal::Malformed(_) | http_server::Refusal::Version | http_server::Refusal::TransferCoding => {
            refusal.reason()
        }
    }
}

fn user(uid: Option<u32>) -> String {
    uid.map_or_else(|| "a user who cannot be determined".to_owned(), |uid| format!("the user with id {uid}"))
}
