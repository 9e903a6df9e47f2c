//! What a token says of itself. Nothing here is verified: it is for messages and for telling when to fetch a new one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The payload of a JWT whose signature has not been verified.
pub(crate) struct UnverifiedClaims(Map<String, Value>);

impl UnverifiedClaims {
    /// `None` for what is no JWT.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok().map(Self)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// `exp`, in whole seconds.
    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        let seconds = self.get("exp")?.as_f64()?;
        // Beyond the year 9999 lies a mistake, and what cannot be written.
        (0.0..253_402_300_800.0).contains(&seconds).then(|| UNIX_EPOCH + Duration::from_secs_f64(seconds.floor()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_from_a_jwt_only() {
        let token = |payload: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
        let claims = UnverifiedClaims::parse(&token(r#"{"iss":"i","exp":1.5}"#)).unwrap();
        assert_eq!(claims.text("iss"), Some("i"));
        assert_eq!(claims.expires_at(), Some(UNIX_EPOCH + Duration::from_secs(1)));
        for text in ["", "opaque", "a.b", "a.!.c"] {
            assert!(UnverifiedClaims::parse(text).is_none(), "{text}");
        }
        for exp in ["-1", "1e30", "\"1\"", "null"] {
            let claims = UnverifiedClaims::parse(&token(&format!(r#"{{"exp":{exp}}}"#))).unwrap();
            assert_eq!(claims.expires_at(), None, "{exp}");
        }
    }
}
