//! A request: where to, with which credentials, carrying what.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::form_urlencoded;

use crate::endpoint::Endpoint;
use crate::error::RequestError;

/// A request to an [`Endpoint`]. No `Debug`: it carries credentials.
#[derive(Clone)]
pub struct Request {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    pub(crate) timeout: Option<Duration>,
    authorization: Option<String>,
}

impl Request {
    /// `GET`.
    pub fn get(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), method: Method::GET, body: None, timeout: None, authorization: None }
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

    fn post(endpoint: &Endpoint, content_type: &'static str, body: Vec<u8>) -> Self {
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

    /// A deadline for this request, where it is nearer than the client's own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn headers(&self) -> Result<HeaderMap, RequestError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((content_type, _)) = &self.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(authorization) = &self.authorization {
            let mut value = HeaderValue::from_str(authorization)
                .map_err(|_| RequestError::UnsendableToken { endpoint: self.endpoint.clone() })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
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
    fn a_token_that_would_split_the_header_is_not_sent() {
        let error = Request::get(&endpoint()).bearer("x\r\nHost: evil").headers().unwrap_err();
        assert_eq!(
            error.to_string(),
            "https://idp.example/token: the bearer token holds characters that cannot stand in a header, nothing was sent"
        );
    }
}
