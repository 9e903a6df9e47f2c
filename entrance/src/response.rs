//! A response, whichever way it travels.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::verdict::Verdict;

/// Status, headers and a JSON body.
#[derive(Debug)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// JSON.
    pub body: String,
}

impl ApiResponse {
    /// What every response has: nothing of it may be stored (RFC 6749 §5.1), and it names its request.
    #[must_use]
    pub fn json(status: u16, body: String, request_id: &str) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut response = Self { status, headers, body };
        response.header("x-request-id", request_id);
        response
    }

    /// The response to an error, whose `body` is the program's.
    #[must_use]
    pub fn error(verdict: &Verdict, body: String, request_id: &str) -> Self {
        let mut response = Self::json(verdict.status, body, request_id);
        if let Some(challenge) = verdict.challenge() {
            response.header("www-authenticate", challenge);
        }
        if let Some(retry_after) = verdict.retry_after {
            response.header("retry-after", &retry_after.as_secs().max(1).to_string());
        }
        if let Some(allow) = verdict.allow {
            response.header("allow", allow);
        }
        response
    }

    /// Sets a header; a value that no header can hold is left out.
    pub fn header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }
}
