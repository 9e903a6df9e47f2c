//! One request and one response, whichever way they travel: API Gateway, function URL, direct invocation or plain HTTP.

use std::net::IpAddr;
use std::time::Duration;

use authenticate::bearer_token;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use http_server::Refusal;
use thiserror::Error;
use vending_api::CredentialsRequest;

use crate::error::VendError;
use crate::events::EventError;
use grant::authorize::ScopeDown;

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// A request as the routes see it.
pub struct ApiRequest {
    /// HTTP method.
    pub method: Method,
    /// Path without a stage prefix.
    pub path: String,
    /// All headers, repeated ones included.
    pub headers: HeaderMap,
    /// The body, already base64-decoded where the event said so; or why it was not read.
    pub body: Result<Vec<u8>, RequestError>,
    /// Where the caller really is: `requestContext`'s or the peer's address. `None` for a direct invocation.
    pub source_ip: Option<IpAddr>,
    /// Names the request in every log line and answer.
    pub request_id: String,
}

/// What a request for credentials asks: a token, and how far to narrow what it is good for.
pub struct VendRequest {
    /// The presented token, unverified.
    pub access_token: String,
    /// How far the caller wants the session narrowed.
    pub scope_down: ScopeDown,
    /// See [`ApiRequest::source_ip`].
    pub source_ip: Option<IpAddr>,
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
    #[error("there is no \"{path}\" here; the paths are /credentials, /explain, /health, /ready and /openapi.json")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// The path exists, with other methods.
    #[error("this path takes {allow} only")]
    MethodNotAllowed {
        /// Value of the `Allow` header.
        allow: &'static str,
    },
    /// Body over [`MAX_BODY_BYTES`].
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    /// The headers came, and the body did not.
    #[error("the body did not arrive within 10 seconds")]
    BodyLate,
    /// The connection ends before there is a whole request.
    #[error("{}", of_connection(*.0))]
    Connection(Refusal),
    /// A body that says it is not JSON.
    #[error("the body must be JSON: send `Content-Type: application/json`")]
    UnsupportedMediaType,
}

impl VendRequest {
    /// Reads the token and the requested scope-down from the header and, for a POST, from the body.
    ///
    /// # Errors
    /// When there is no token or more than one, or the body is not what it should be.
    pub fn read(request: &ApiRequest) -> Result<Self, VendError> {
        let from_header = bearer_token(&request.headers)?;
        let body = request.body.as_ref().map_err(Clone::clone)?;
        let mut body =
            if request.method == Method::POST { parse(body, request)? } else { CredentialsRequest::default() };
        let access_token = match (from_header, body.access_token.take()) {
            (Some(header), Some(body)) if header != body => {
                return Err(invalid(
                    "two different tokens were sent, in the `Authorization` header and in the body; send one",
                ));
            }
            (Some(token), _) => token.to_owned(),
            (None, Some(token)) if !token.is_empty() => token,
            _ => {
                return Err(invalid(
                    "no access token was sent; send `Authorization: Bearer …` or the body {\"access_token\": \"…\"}",
                ));
            }
        };
        if body.duration_seconds.is_some_and(|seconds| !(900..=3600).contains(&seconds)) {
            return Err(invalid("`duration_seconds` must lie between 900 and 3600"));
        }
        let scope_down = ScopeDown {
            duration: body.duration_seconds.map(|seconds| Duration::from_secs(seconds.into())),
            s3_path_prefix: body.s3_path_prefix,
            s3_permissions: body.s3_permissions,
        };
        Ok(Self { access_token, scope_down, source_ip: request.source_ip })
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

fn invalid(problem: &'static str) -> VendError {
    RequestError::Invalid(problem).into()
}

fn parse(body: &[u8], request: &ApiRequest) -> Result<CredentialsRequest, RequestError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(RequestError::TooLarge);
    }
    if body.is_empty() {
        return Ok(CredentialsRequest::default());
    }
    if request.headers.get(CONTENT_TYPE).is_some_and(|value| !is_json(value.as_bytes())) {
        return Err(RequestError::UnsupportedMediaType);
    }
    let malformed = RequestError::Invalid(
        "the body must be one JSON object whose members are `access_token` (string), `duration_seconds` (900 to 3600), \
         `s3_path_prefix` (string) and `s3_permissions` (write, read-write or full), each at most once",
    );
    // Serde reads a struct from an array as well, member by member.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(malformed);
    }
    serde_json::from_slice(body).map_err(|_| malformed)
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &str)], body: &str) -> ApiRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        ApiRequest {
            method: Method::POST,
            path: "/credentials".to_owned(),
            headers: map,
            body: Ok(body.as_bytes().to_vec()),
            source_ip: None,
            request_id: String::new(),
        }
    }

    fn token(headers: &[(&'static str, &str)], body: &str) -> Result<String, VendError> {
        VendRequest::read(&request(headers, body)).map(|read| read.access_token)
    }

    #[test]
    fn finds_the_one_token() {
        assert_eq!(token(&[("authorization", "Bearer a.b.c")], "").unwrap(), "a.b.c");
        assert_eq!(token(&[("authorization", "bEaReR a.b.c")], "").unwrap(), "a.b.c");
        assert_eq!(token(&[], r#"{"access_token":"a.b.c"}"#).unwrap(), "a.b.c");
        assert_eq!(token(&[("authorization", "Bearer a.b.c")], r#"{"access_token":"a.b.c"}"#).unwrap(), "a.b.c");
        assert_eq!(token(&[("authorization", "Basic x")], r#"{"access_token":"a.b.c"}"#).unwrap(), "a.b.c");
        assert_eq!(token(&[], r#"{"access_token":"a.b.c","client_id":"other"}"#).unwrap(), "a.b.c");
    }

    #[test]
    fn refuses_none_and_two() {
        for (headers, body) in [
            (&[][..], ""),
            (&[][..], "{}"),
            (&[][..], r#"{"access_token":""}"#),
            (&[][..], r#"{"access_token":null}"#),
            (&[("authorization", "Bearer")][..], ""),
            (&[("authorization", "Bearer ")][..], r#"{"access_token":"a"}"#),
            (&[("authorization", "Bearer a,Bearer b")][..], ""),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer a")][..], ""),
            (&[("authorization", "Bearer a")][..], r#"{"access_token":"b"}"#),
            (&[][..], r#"{"access_token":"a","access_token":"a"}"#),
            (&[][..], r#"{"access_token":1}"#),
            (&[][..], r#"["a"]"#),
            (&[][..], r#"{"access_token":"a","duration_seconds":899}"#),
            (&[][..], r#"{"access_token":"a","duration_seconds":"900"}"#),
            (&[][..], r#"{"access_token":"a","duration_seconds":900.5}"#),
            (&[][..], r#"{"access_token":"a","duration_seconds":-900.0}"#),
            (&[][..], r#"{"access_token":"a","duration_seconds":1e300}"#),
            (&[][..], r#"{"access_token":"a","s3_permissions":"admin"}"#),
        ] {
            assert_eq!(token(headers, body).unwrap_err().answer().code, "invalid_request", "{headers:?} {body}");
        }
    }

    #[test]
    fn reads_a_whole_number_in_any_spelling() {
        for (spelling, seconds) in [("900", 900), ("3600.0", 3600), ("3.6e3", 3600), ("1E3", 1000)] {
            let body = format!(r#"{{"access_token":"a","duration_seconds":{spelling}}}"#);
            let read = VendRequest::read(&request(&[], &body)).unwrap();
            assert_eq!(read.scope_down.duration, Some(Duration::from_secs(seconds)), "{spelling}");
        }
        let absent = VendRequest::read(&request(&[], r#"{"access_token":"a","duration_seconds":null}"#)).unwrap();
        assert_eq!(absent.scope_down.duration, None);
    }

    #[test]
    fn minds_size_and_media_type() {
        let large = format!("{{\"access_token\":\"{}\"}}", "a".repeat(MAX_BODY_BYTES));
        assert!(matches!(token(&[], &large), Err(VendError::Request(RequestError::TooLarge))));
        let body = r#"{"access_token":"a"}"#;
        assert!(token(&[("content-type", "Application/JSON; charset=utf-8")], body).is_ok());
        let form = token(&[("content-type", "application/x-www-form-urlencoded")], body);
        assert!(matches!(form, Err(VendError::Request(RequestError::UnsupportedMediaType))));
    }
}
