//! One request and one response, whichever way they travel: API Gateway, function URL, direct invocation or plain HTTP.

use std::net::IpAddr;

use http::{HeaderMap, Method};
use http_server::Refusal;
use thiserror::Error;

use crate::call::Call;
use crate::events::EventError;

/// A request as the routes see it.
pub struct ApiRequest {
    /// HTTP method.
    pub method: Method,
    /// Path without a stage prefix.
    pub path: String,
    /// The parameters of the query string, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// All headers, repeated ones included.
    pub headers: HeaderMap,
    /// The body, already base64-decoded where the event said so; or why it was not read.
    pub body: Result<Vec<u8>, RequestError>,
    /// Where the caller really is: `requestContext`'s or the peer's address. `None` for a direct invocation.
    pub source_ip: Option<IpAddr>,
    /// Names the request in every log line and response.
    pub request_id: String,
    /// When it came, how long there is for it, and whether its caller still waits.
    pub call: Call,
}

/// Why a request was not understood.
#[derive(Debug, Clone, Error)]
pub enum RequestError {
    /// Bad JSON, no token, two tokens, a member out of range.
    #[error("{0}")]
    Invalid(&'static str),
    /// An event that is no request.
    #[error(transparent)]
    Event(#[from] EventError),
    /// No such path.
    #[error("there is no \"{path}\" here; the paths are {paths}")]
    NotFound {
        /// What was asked for.
        path: String,
        /// What there is.
        paths: &'static str,
    },
    /// The path exists, with other methods.
    #[error("this path takes {allow} only")]
    MethodNotAllowed {
        /// Value of the `Allow` header.
        allow: &'static str,
    },
    /// The body is over the limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest one that is read.
        limit: usize,
    },
    /// The headers came, and the body did not.
    #[error("the body did not arrive within 10 seconds")]
    BodyLate,
    /// The connection ends before there is a whole request.
    #[error("{}", of_connection(*.0))]
    Connection(Refusal),
    /// A body that says it is not JSON.
    #[error("the body must be JSON: send `Content-Type: application/json`")]
    UnsupportedMediaType,
    /// Something of ours panicked; what, is in the log under the request id.
    #[error("an internal error occurred; the request id names it in the service's log")]
    Panicked,
}

impl RequestError {
    /// For a path that is none of `paths`.
    #[must_use]
    pub fn not_found(path: &str, paths: &'static str) -> Self {
        Self::NotFound { path: excerpt(path), paths }
    }
}

fn of_connection(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Late => "the request's headers did not arrive within 10 seconds",
        Refusal::NoRoom => "there are too many connections, and this one waited for its request the longest",
        Refusal::Stopping => "the service stops",
        Refusal::Malformed(_) | Refusal::Version | Refusal::TransferCoding => refusal.reason(),
        Refusal::HeadersTooLarge => {
            "the request's line and headers are larger than 64 KiB, or there are more than 100 headers"
        }
    }
}

/// The one token of a request, which may stand in both places.
///
/// # Errors
/// When there is none, or when there are two.
pub fn one_token(in_header: Option<&str>, in_body: Option<String>) -> Result<String, RequestError> {
    match (in_header, in_body) {
        (Some(header), Some(body)) if header != body => Err(RequestError::Invalid(
            "two different tokens were sent, in the `Authorization` header and in the body; send one",
        )),
        (Some(token), _) => Ok(token.to_owned()),
        (None, Some(token)) if !token.is_empty() => Ok(token),
        _ => Err(RequestError::Invalid(
            "no access token was sent; send `Authorization: Bearer …` or the body {\"access_token\": \"…\"}",
        )),
    }
}

/// The parameters of a query string, or of a form.
pub(crate) fn query(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// Whether a media type is JSON, whatever its parameters.
#[must_use]
pub fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
}

/// Longest part of a caller's path in a message.
const MAX_EXCERPT: usize = 100;

/// What a caller has written, short enough for a message and without control characters.
#[must_use]
pub fn excerpt(text: &str) -> String {
    text.chars().take(MAX_EXCERPT).flat_map(char::escape_debug).collect()
}
