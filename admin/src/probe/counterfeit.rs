//! Tokens that must not be accepted, made of one that was.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

/// A service allows this much of a difference between two clocks, and as much again is for our own.
const LEEWAY: Duration = Duration::from_secs(60);

/// A token in its three parts.
pub(super) struct Genuine<'a> {
    header: Value,
    claims: Value,
    signature: &'a str,
}

impl<'a> Genuine<'a> {
    /// `None` for what is not a signed JWT.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| serde_json::from_slice(&BASE64URL.decode(part).ok()?).ok().filter(Value::is_object);
        Some(Self { header: object(header)?, claims: object(claims)?, signature })
    }

    /// Another client's, under this signature.
    pub(super) fn forged(&self) -> String {
        let mut claims = self.claims.clone();
        for name in ["client_id", "sub"] {
            claims[name] = json!("credvend-probe-forged");
        }
        compact(&self.header, &claims, self.signature)
    }

    pub(super) fn of_another_issuer(&self) -> String {
        let mut claims = self.claims.clone();
        claims["iss"] = json!("https://probe.invalid/");
        compact(&self.header, &claims, self.signature)
    }

    pub(super) fn unsigned(&self) -> String {
        let mut header = self.header.clone();
        header["alg"] = json!("none");
        compact(&header, &self.claims, "")
    }

    /// Whether nobody may accept it any more.
    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        let ends_at = self.claims["exp"].as_u64().and_then(|exp| UNIX_EPOCH.checked_add(Duration::from_secs(exp)));
        ends_at.is_some_and(|ends_at| now > ends_at + LEEWAY)
    }
}

fn compact(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64URL.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        let part = |value: &Value| BASE64URL.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256", "kid": "k"})), part(claims))
    }

    #[test]
    fn counterfeits_differ_in_one_thing() {
        let genuine = token(&json!({"iss": "https://i", "sub": "a", "client_id": "a", "exp": 1000}));
        let genuine = Genuine::parse(&genuine).unwrap();
        let read = |token: &str| {
            let mut parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
            let signature = parts.pop().unwrap();
            let values: Vec<Value> =
                parts.iter().map(|part| serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap()).collect();
            assert_eq!(values[0]["kid"], "k", "the key that the issuer does have");
            (values[0]["alg"].clone(), values[1]["iss"].clone(), values[1]["sub"].clone(), signature)
        };
        let of = |alg: &str, iss: &str, sub: &str, signature: &str| {
            (json!(alg), json!(iss), json!(sub), signature.to_owned())
        };
        assert_eq!(read(&genuine.forged()), of("RS256", "https://i", "credvend-probe-forged", "c2ln"));
        assert_eq!(read(&genuine.of_another_issuer()), of("RS256", "https://probe.invalid/", "a", "c2ln"));
        assert_eq!(read(&genuine.unsigned()), of("none", "https://i", "a", ""));
    }

    #[test]
    fn when_a_token_has_expired() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (claims, now, expired) in [
            (json!({"exp": 1000}), 1000, false),
            (json!({"exp": 1000}), 1060, false),
            (json!({"exp": 1000}), 1061, true),
            (json!({"exp": "1000"}), 5000, false),
            (json!({}), 5000, false),
        ] {
            assert_eq!(Genuine::parse(&token(&claims)).unwrap().is_expired(at(now)), expired, "{claims} {now}");
        }
        for garbage in ["", "a.b", "a.b.c", "..", "e30.W10.x", "opaque"] {
            assert!(Genuine::parse(garbage).is_none(), "{garbage}");
        }
    }
}
