//! What a request for credentials asks.

use std::net::IpAddr;
use std::time::Duration;

use authenticate::bearer_token;
use entrance::{ApiRequest, RequestError, is_json, one_token};
use grant::authorize::ScopeDown;
use http::Method;
use http::header::CONTENT_TYPE;
use vending_api::CredentialsRequest;

use crate::error::VendError;

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// What a request for credentials asks: a token, and how far to narrow what it is good for.
pub struct VendRequest {
    /// The presented token, unverified.
    pub access_token: String,
    /// How far the caller wants the session narrowed.
    pub scope_down: ScopeDown,
    /// See [`ApiRequest::source_ip`].
    pub source_ip: Option<IpAddr>,
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
        let access_token = one_token(from_header, body.access_token.take())?;
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

fn invalid(problem: &'static str) -> VendError {
    RequestError::Invalid(problem).into()
}

fn parse(body: &[u8], request: &ApiRequest) -> Result<CredentialsRequest, RequestError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(RequestError::TooLarge { limit: MAX_BODY_BYTES });
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

#[cfg(test)]
mod tests {
    use entrance::{Call, Judged as _};
    use http::HeaderMap;

    use super::*;

    fn request(headers: &[(&'static str, &str)], body: &str) -> ApiRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        ApiRequest {
            method: Method::POST,
            path: "/credentials".to_owned(),
            query: Vec::new(),
            headers: map,
            body: Ok(body.as_bytes().to_vec()),
            source_ip: None,
            request_id: String::new(),
            call: Call::now(None),
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
            assert_eq!(token(headers, body).unwrap_err().verdict().code, "invalid_request", "{headers:?} {body}");
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
        assert!(matches!(token(&[], &large), Err(VendError::Request(RequestError::TooLarge { .. }))));
        let body = r#"{"access_token":"a"}"#;
        assert!(token(&[("content-type", "Application/JSON; charset=utf-8")], body).is_ok());
        let form = token(&[("content-type", "application/x-www-form-urlencoded")], body);
        assert!(matches!(form, Err(VendError::Request(RequestError::UnsupportedMediaType))));
    }
}
