//! What an issuer has vouched for, and the typed reading of single claims.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::error::TokenError;

/// Tolerated difference between the issuer's clock and ours, in seconds (RFC 7519 §4.1.4 allows "a few minutes").
pub(crate) const LEEWAY_SECONDS: f64 = 30.0;

/// The claims of a token whose signature, issuer, audience and time were checked. [`crate::Issuer::verify`] is the
/// only maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) token_id: Option<String>,
    pub(crate) expires_at: SystemTime,
}

impl Claims {
    /// The trusted issuer, byte for byte.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The client the token was issued to (RFC 9068 §2.2), or the claim that the issuer's entry names instead.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The scope values granted (RFC 9068 §2.2.3), in the token's order.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// `jti`, where the token has one.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// `exp`.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Whether a token that was accepted before would be [`TokenError::Expired`] now. No other rule depends on time in
    /// a way that could refuse it later.
    #[must_use]
    pub fn have_expired(&self, now: SystemTime) -> bool {
        NumericDate::at(self.expires_at).is_over(NumericDate::at(now))
    }
}

/// Reads claims by name and type. A claim of the wrong type is an error, never an absent claim.
pub(crate) struct ClaimReader<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> ClaimReader<'a> {
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name)),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A required claim, which must not be empty.
    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, TokenError> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    /// A `NumericDate`: seconds since the epoch, a fraction allowed (RFC 7519 §2).
    pub(crate) fn time(&self, name: &str) -> Result<Option<NumericDate>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_f64().map(NumericDate).map(Some).ok_or_else(|| wrong_type(name)),
            Some(_) => Err(wrong_type(name)),
        }
    }

    /// One string or an array of strings (`aud`, RFC 7519 §4.1.3).
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().ok_or_else(|| wrong_type(name)))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(wrong_type(name)),
        }
    }
}

pub(crate) fn missing(name: &str) -> TokenError {
    TokenError::MissingClaim(name.to_owned())
}

fn wrong_type(name: &str) -> TokenError {
    TokenError::WrongType(name.to_owned())
}

/// Seconds since the epoch. An `f64` holds whole seconds exactly far beyond any date a token can carry.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct NumericDate(pub(crate) f64);

impl NumericDate {
    pub(crate) fn at(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
    }

    pub(crate) fn seconds_after(self, earlier: Self) -> f64 {
        self.0 - earlier.0
    }

    /// Whether a token that expires then is no longer accepted.
    pub(crate) fn is_over(self, now: Self) -> bool {
        now.seconds_after(self) >= LEEWAY_SECONDS
    }

    /// For dates already known to lie within a day of now.
    pub(crate) fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::try_from_secs_f64(self.0).unwrap_or_default()
    }
}
