//! The bearer token of a request.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use thiserror::Error;

/// An `Authorization` header that holds no single bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BearerError(&'static str);

/// The token of RFC 6750 §2.1, with the scheme in any case (RFC 9110 §11.1). `None` without the header, and for other
/// schemes.
///
/// # Errors
/// When the header is repeated, or holds anything but one token.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, BearerError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BearerError("the `Authorization` header was sent twice; send it once"));
    }
    let value =
        visible(value.as_bytes()).ok_or(BearerError("the `Authorization` header holds bytes that no token has"))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() {
        return Err(BearerError("the `Authorization` header says Bearer but holds no token"));
    }
    // API Gateway's payload 2.0 joins repeated headers with a comma, which no token contains (RFC 6750 §2.1).
    if token.as_bytes().contains(&b',') || token.as_bytes().contains(&b' ') {
        return Err(BearerError("the `Authorization` header must hold exactly one token"));
    }
    Ok(Some(token))
}

/// As `HeaderValue::to_str`. All bytes are looked at, since the compiler takes many of them at once then: a gateway reads a
/// thousand of them with each request.
fn visible(value: &[u8]) -> Option<&str> {
    let is_visible = value.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~' | b'\t'));
    str::from_utf8(value).ok().filter(|_| is_visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(values: &[&str]) -> Result<Option<String>, BearerError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        bearer_token(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn one_token_or_none() {
        assert_eq!(token(&[]), Ok(None));
        assert_eq!(token(&["Basic x"]), Ok(None));
        assert_eq!(token(&["Bearer a.b.c"]).unwrap().as_deref(), Some("a.b.c"));
        assert_eq!(token(&["bEaReR  a.b.c "]).unwrap().as_deref(), Some("a.b.c"));
        for values in
            [&["Bearer"][..], &["Bearer "], &["Bearer a,Bearer b"], &["Bearer a b"], &["Bearer a", "Bearer a"]]
        {
            assert!(token(values).is_err(), "{values:?}");
        }
    }
}
