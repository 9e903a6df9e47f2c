//! The compact serialization of a JWS (RFC 7515 §7.1), read strictly. The result is still unverified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::error::TokenError;
use crate::json;
use crate::signature::Algorithm;

/// The longest token that is read. A Cognito or Entra access token is one to three KiB.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Header members that point to or carry a key (RFC 7515 §4.1.2–§4.1.6). A token must not choose its own key
/// (CVE-2018-0114), so they are neither followed nor overlooked.
const KEY_CARRYING_MEMBERS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// Three decoded parts whose header asks for nothing that is not granted. None of them is verified.
pub struct UnverifiedJws<'a> {
    /// What the signature is over (RFC 7515 §5.2, step 8).
    pub signing_input: &'a [u8],
    /// The signature in base64url.
    pub signature: &'a str,
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: String,
    /// The decoded payload.
    pub payload: Vec<u8>,
}

impl<'a> UnverifiedJws<'a> {
    /// Reads a compact JWS.
    ///
    /// # Errors
    /// When the text is too large, not three canonical parts, or its header asks for something that is not granted.
    pub fn parse(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge { bytes: text.len() });
        }
        // The iterator is lazy: a token made of dots costs three steps, not an allocation a dot (CVE-2025-30204).
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed("three parts separated by dots are expected"));
        };
        let header_bytes = decode(header)?;
        let payload_bytes = decode(payload)?;
        decode(signature)?;
        let header_members = json::parse_object(&header_bytes)
            .ok_or(TokenError::Malformed("the header is not one JSON object with distinct members"))?;
        let (algorithm, key_id) = read_header(&header_members)?;
        let signing_input = &text.as_bytes()[..header.len() + 1 + payload.len()];
        Ok(Self { signing_input, signature, algorithm, key_id, payload: payload_bytes })
    }
}

/// Canonical base64url without padding (RFC 7515 §2): one spelling a value, so one token has one hash.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed("a part is not canonical base64url"))
}

fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, String), TokenError> {
    let algorithm = match header.get("alg") {
        None => return Err(TokenError::UnsupportedAlgorithm),
        Some(Value::String(name)) => Algorithm::parse(name).ok_or(TokenError::UnsupportedAlgorithm)?,
        Some(_) => return Err(TokenError::WrongType("alg".to_owned())),
    };
    check_type(header)?;
    // RFC 7515 §4.1.11: an extension that is not understood makes the token invalid, and none is understood here.
    if header.contains_key("crit") {
        return Err(TokenError::UnsupportedHeader("crit"));
    }
    if let Some(member) = KEY_CARRYING_MEMBERS.into_iter().find(|member| header.contains_key(*member)) {
        return Err(TokenError::UnsupportedHeader(member));
    }
    // RFC 7797 §7: a JWT's payload is always base64url-encoded.
    if header.get("b64").is_some_and(|b64| b64 != &Value::Bool(true)) {
        return Err(TokenError::UnsupportedHeader("b64"));
    }
    match header.get("kid") {
        None => Err(TokenError::MissingKeyId),
        Some(Value::String(key_id)) if key_id.is_empty() => Err(TokenError::MissingKeyId),
        Some(Value::String(key_id)) => Ok((algorithm, key_id.clone())),
        Some(_) => Err(TokenError::WrongType("kid".to_owned())),
    }
}

/// RFC 8725 §3.11: a token of another kind is told apart by `typ`. Media types are compared without regard to case
/// and an `application/` prefix may be left out (RFC 7515 §4.1.9).
fn check_type(header: &Map<String, Value>) -> Result<(), TokenError> {
    let Some(value) = header.get("typ") else { return Ok(()) };
    let name = value.as_str().ok_or_else(|| TokenError::WrongType("typ".to_owned()))?.to_ascii_lowercase();
    match name.strip_prefix("application/").unwrap_or(&name) {
        "jwt" | "at+jwt" => Ok(()),
        _ => Err(TokenError::UnsupportedHeader("typ")),
    }
}
