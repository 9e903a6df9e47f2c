//! Names of queries: Athena's ids, our tokens for starting one, and the digest that stands for a query's text.

use std::fmt::Write as _;

use authenticate::Claims;
use aws_lc_rs::digest::{SHA256, digest};
use environment::RoleArn;

const MAX_QUERY_ID: usize = 128;

/// Whether a text may be the id of a query: nothing else is sent to Athena.
#[must_use]
pub(crate) fn is_query_id(text: &str) -> bool {
    (1..=MAX_QUERY_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// What `ClientRequestToken` is made of beside client and role.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Once<'a> {
    /// The caller's `idempotency_key`.
    Key(&'a str),
    /// Each request is a query of its own.
    Request(&'a str),
}

/// `ClientRequestToken`: two clients never share one. Neither an issuer's URL nor an ARN holds a NUL; the length tells the
/// parts apart that may.
#[must_use]
pub(crate) fn request_token(claims: &Claims, role_arn: &RoleArn, once: Once<'_>) -> String {
    token(claims.issuer(), claims.client_id(), role_arn.as_str(), once)
}

fn token(issuer: &str, client_id: &str, role_arn: &str, once: Once<'_>) -> String {
    let (kind, value) = match once {
        Once::Key(key) => ("key", key),
        Once::Request(id) => ("request", id),
    };
    sha256(&format!("{issuer}\0{}\0{client_id}\0{role_arn}\0{kind}\0{value}", client_id.len()))
}

/// In hexadecimal digits.
#[must_use]
pub(crate) fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        assert!(is_query_id("7d2e1c5a-0000-4000-8000-000000000000") && is_query_id("a_B-1"));
        for odd in ["", ".", "a/b", "a%2Fb", "a b", "a\0", "\u{e9}", &"x".repeat(129)] {
            assert!(!is_query_id(odd), "{odd:?}");
        }
    }

    #[test]
    fn no_two_clients_share_a_token() {
        let first = token("https://a", "b", "r", Once::Key("k"));
        assert_eq!(first.len(), 64);
        assert_eq!(first, token("https://a", "b", "r", Once::Key("k")));
        for other in [
            token("https://b", "b", "r", Once::Key("k")),
            token("https://a", "c", "r", Once::Key("k")),
            token("https://a", "b", "s", Once::Key("k")),
            token("https://a", "b", "r", Once::Key("l")),
            token("https://a", "b", "r", Once::Request("k")),
            token("https://a", "b\0r", "", Once::Key("k")),
        ] {
            assert_ne!(first, other);
        }
        assert_ne!(token("i", "a\0r", "s", Once::Key("k")), token("i", "a", "r\0s", Once::Key("k")));
    }
}
