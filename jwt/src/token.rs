//! A claims set in a compact JWS (RFC 7519 §7.2), still unverified.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::error::TokenError;
use crate::json;
use crate::jws::UnverifiedJws;

/// A token that has been parsed and nothing more: nothing in it is verified.
pub struct UnverifiedToken<'a> {
    jws: UnverifiedJws<'a>,
    issuer: String,
    claims: Map<String, Value>,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads a compact JWS that carries a claims set.
    ///
    /// # Errors
    /// What [`UnverifiedJws::parse`] refuses, and a payload that is not a claims set or names no issuer.
    pub fn parse(text: &'a str) -> Result<Self, TokenError> {
        let jws = UnverifiedJws::parse(text)?;
        let claims = json::parse_object(&jws.payload)
            .ok_or(TokenError::Malformed("the payload is not one JSON object with distinct members"))?;
        let issuer = match claims.get("iss") {
            None => return Err(TokenError::MissingClaim("iss".to_owned())),
            Some(Value::String(issuer)) => issuer.clone(),
            Some(_) => return Err(TokenError::WrongType("iss".to_owned())),
        };
        Ok(Self { jws, issuer, claims })
    }

    /// The `iss` claim, unverified: good only for choosing which issuer's rules to apply.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `kid` header, unverified: good only for choosing among the issuer's own keys.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.jws.key_id
    }

    pub(crate) fn jws(&self) -> &UnverifiedJws<'a> {
        &self.jws
    }

    pub(crate) fn unverified_claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

/// SHA-256 of a token's text in hexadecimal: names any token, genuine or not, without repeating it.
#[must_use]
pub fn token_sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
