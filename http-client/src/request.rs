//! A request: where to, with which credentials, carrying what.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::form_urlencoded;

use crate::error::RequestError;
use environment::Endpoint;

/// A request to an [`Endpoint`]. No `Debug`: it carries credentials.
#[derive(Clone)]
pub struct Request {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    pub(crate) timeout: Option<Duration>,
    authorization: Option<String>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// `GET`.
    pub fn get(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            method: Method::GET,
            body: None,
            timeout: None,
            authorization: None,
            headers: Vec::new(),
        }
    }

    /// `PUT` of bytes.
    pub fn put(endpoint: &Endpoint, body: Vec<u8>) -> Self {
        Self { method: Method::PUT, ..Self::post(endpoint, "application/octet-stream", body) }
    }

    /// `DELETE`.
    pub fn delete(endpoint: &Endpoint) -> Self {
        Self { method: Method::DELETE, ..Self::get(endpoint) }
    }

    /// `POST` of a form, as the token endpoint of RFC 6749 takes it.
    pub fn post_form(endpoint: &Endpoint, fields: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::post(endpoint, "application/x-www-form-urlencoded", form.into_bytes())
    }

    /// `POST` of JSON that is already serialized.
    pub fn post_json(endpoint: &Endpoint, body: Vec<u8>) -> Self {
        Self::post(endpoint, "application/json", body)
    }

    /// `POST` of a body of this type.
    pub fn post(endpoint: &Endpoint, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { method: Method::POST, body: Some((content_type, body)), ..Self::get(endpoint) }
    }

    /// `Authorization: Bearer …` (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.authorization = Some(format!("Bearer {token}"));
        self
    }

    /// `Authorization: Basic …` of a client, both parts form-urlencoded first (RFC 6749 §2.3.1).
    #[must_use]
    pub fn basic(mut self, client_id: &str, client_secret: &str) -> Self {
        let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(client_id), encode(client_secret));
        self.authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
        self
    }

    /// `Authorization` as it is given, for other schemes.
    #[must_use]
    pub fn authorization(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// One more header, whose value may be a credential.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The method, for signing.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Where to, for signing.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The headers of [`Self::header`], for signing.
    pub fn more_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body's type and bytes, for signing.
    pub fn body(&self) -> Option<(&'static str, &[u8])> {
        self.body.as_ref().map(|(content_type, bytes)| (*content_type, bytes.as_slice()))
    }

    /// A deadline for this request, where it is nearer than the client's own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn headers(&self) -> Result<HeaderMap, RequestError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // RFC 9110 §12.5.3: without this field, any coding would be acceptable.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some((content_type, _)) = &self.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, self.sensitive(authorization)?);
        }
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| self.unsendable())?;
            headers.insert(name, self.sensitive(value)?);
        }
        Ok(headers)
    }

    fn sensitive(&self, value: &str) -> Result<HeaderValue, RequestError> {
        let mut value = HeaderValue::from_str(value).map_err(|_| self.unsendable())?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn unsendable(&self) -> RequestError {
        RequestError::UnsendableToken { endpoint: self.endpoint.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::parse("https://idp.example/token").unwrap()
    }

    #[test]
    fn basic_credentials_are_form_urlencoded_first() {
        let headers = Request::get(&endpoint()).basic("a:b", "p+ä w").headers().unwrap();
        assert_eq!(headers[AUTHORIZATION], format!("Basic {}", STANDARD.encode("a%3Ab:p%2B%C3%A4+w")));
        assert!(headers[AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn a_form_is_encoded() {
        let request = Request::post_form(&endpoint(), &[("grant_type", "client_credentials"), ("scope", "a/b c")]);
        let (content_type, body) = request.body.unwrap();
        assert_eq!(content_type, "application/x-www-form-urlencoded");
        assert_eq!(body, b"grant_type=client_credentials&scope=a%2Fb+c");
    }

    #[test]
    fn other_headers_are_as_given_and_never_shown() {
        let request = Request::put(&endpoint(), Vec::new()).authorization("AWS4 x").header("x-amz-date", "20260101");
        let headers = request.headers().unwrap();
        assert_eq!((request.method(), &headers[AUTHORIZATION]), ("PUT", &HeaderValue::from_static("AWS4 x")));
        assert_eq!(headers["x-amz-date"], "20260101");
        assert!(headers.values().filter(|value| value.is_sensitive()).count() == 2);
        assert!(Request::delete(&endpoint()).header("a b", "c").headers().is_err());
        assert!(Request::delete(&endpoint()).header("a", "b\nc").headers().is_err());
    }

    #[test]
    fn a_token_that_would_split_the_header_is_not_sent() {
        let error = Request::get(&endpoint()).bearer("x\r\nHost: evil").headers().unwrap_err();
        assert_eq!(
            error.to_string(),
            "https://idp.example/token: the bearer token holds characters that cannot stand in a header, nothing was sent"
        );
    }
}
