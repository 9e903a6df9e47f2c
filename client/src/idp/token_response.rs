//! A successful response of a token endpoint (RFC 6749 §5.1), in the spellings that are in use.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use super::unverified_claims::UnverifiedClaims;
use crate::secret::Secret;

/// A token whose response says nothing about its end is used for this long: shorter than any identity provider's
/// default, and long enough that fetching it again costs little.
const USUAL_LIFETIME: Duration = Duration::from_secs(300);
/// Anything longer is a mistake, such as milliseconds or a point in time.
const LONGEST_LIFETIME: Duration = Duration::from_secs(366 * 86_400);

/// The members that matter.
#[derive(Deserialize)]
pub(super) struct TokenResponse {
    pub(super) access_token: Secret,
    /// Seconds. Recommended, not required; some servers write it as a text or with a fraction.
    #[serde(default)]
    expires_in: Value,
}

impl TokenResponse {
    /// `None` for what is no JSON object with an `access_token`.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// How long the token lasts: what `expires_in` says, at most what the token itself says (`exp`) by its issuer's
    /// clock, which `date` is.
    pub(super) fn lifetime(&self, date: SystemTime) -> Duration {
        let claims = UnverifiedClaims::parse(self.access_token.expose());
        let ends_at = claims.and_then(|claims| claims.expires_at());
        let by_claim = ends_at.and_then(|ends_at| ends_at.duration_since(date).ok());
        let lifetimes = [self.expires_in(), by_claim].into_iter().flatten();
        lifetimes
            .filter(|lifetime| !lifetime.is_zero() && *lifetime <= LONGEST_LIFETIME)
            .min()
            .unwrap_or(USUAL_LIFETIME)
    }

    fn expires_in(&self) -> Option<Duration> {
        let seconds = match &self.expires_in {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        Duration::try_from_secs_f64(seconds?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const DATE: u64 = 1_767_225_600;

    fn lifetime(members: &str, exp: Option<u64>) -> u64 {
        let token = exp.map_or_else(
            || "opaque".to_owned(),
            |exp| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{exp}}}"#))),
        );
        let body = format!(r#"{{"access_token":"{token}"{members}}}"#);
        let response = TokenResponse::parse(body.as_bytes()).unwrap_or_else(|| panic!("{body}"));
        response.lifetime(UNIX_EPOCH + Duration::from_secs(DATE)).as_secs()
    }

    #[test]
    fn a_lifetime_in_any_sensible_spelling() {
        for (members, expected) in [
            (r#","expires_in":3600"#, 3600),
            (r#","expires_in":"3600""#, 3600),
            (r#","expires_in":" 3600 ""#, 3600),
            (r#","expires_in":3600.0"#, 3600),
            (r#","expires_in":"3600.9""#, 3600),
            (r#","expires_in":3.6e3"#, 3600),
            // Ignored.
            ("", 300),
            (r#","expires_in":null"#, 300),
            (r#","expires_in":-1"#, 300),
            (r#","expires_in":0"#, 300),
            (r#","expires_in":"""#, 300),
            (r#","expires_in":"1 hour""#, 300),
            (r#","expires_in":"inf""#, 300),
            (r#","expires_in":"NaN""#, 300),
            (r#","expires_in":true"#, 300),
            (r#","expires_in":[3600]"#, 300),
            (r#","expires_in":{"seconds":3600}"#, 300),
            (r#","expires_in":1e300"#, 300),
            (r#","expires_in":1767229200000"#, 300),
        ] {
            assert_eq!(lifetime(members, None), expected, "{members}");
        }
    }

    #[test]
    fn the_token_s_own_end_counts_where_it_is_nearer_or_the_only_one() {
        assert_eq!(lifetime("", Some(DATE + 1800)), 1800);
        assert_eq!(lifetime(r#","expires_in":"soon""#, Some(DATE + 1800)), 1800);
        assert_eq!(lifetime(r#","expires_in":600"#, Some(DATE + 1800)), 600);
        assert_eq!(lifetime(r#","expires_in":3600000"#, Some(DATE + 3600)), 3600);
        // An end in the past is a wrong clock's.
        assert_eq!(lifetime(r#","expires_in":600"#, Some(DATE - 1)), 600);
        assert_eq!(lifetime("", Some(DATE - 1)), 300);
    }

    #[test]
    fn what_is_no_token_response() {
        for body in ["", "[]", "null", "{}", r#"{"access_token":1}"#, r#"{"access_token":null}"#, "<html>"] {
            assert!(TokenResponse::parse(body.as_bytes()).is_none(), "{body}");
        }
    }
}
