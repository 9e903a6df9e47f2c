//! Tokens that were verified lately, so that a client that sends one token with every request is not verified each time.
//!
//! Only the signature and the rules that time does not change are remembered. Whoever finds a token here still asks the
//! issuer's keys for the token's key, as for any other token: a key that was withdrawn, replaced, or has become too old
//! to be trusted is noticed by the same rules, and the token is verified again.

use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use jwt::{Claims, VerificationKey};
use quick_cache::sync::Cache;

/// The SHA-256 of a token. Nobody finds two tokens with the same one, so a token that was not verified is never found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

/// A token that was verified, and what the program made of its claims.
pub struct VerifiedToken<T> {
    key: Arc<VerificationKey>,
    /// The verified claims.
    pub claims: Arc<Claims>,
    /// The program's own.
    pub value: T,
}

/// Remembers verified tokens, up to a number of them: the ones that are not used make room.
pub struct TokenCache<T>(Cache<TokenDigest, Arc<VerifiedToken<T>>>);

impl TokenDigest {
    /// Of a token as it was sent, or of any other text.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }

    /// As audit lines show it.
    #[must_use]
    pub fn to_hex(self) -> String {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
    }
}

impl<T> VerifiedToken<T> {
    /// What [`jwt::Issuer::verify`] said with this key.
    #[must_use]
    pub fn new(key: Arc<VerificationKey>, claims: Claims, value: T) -> Self {
        Self { key, claims: Arc::new(claims), value }
    }

    /// The id of the key that the token was verified with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.key.key_id()
    }

    /// Whether what was verified still holds, now that the issuer has `key` under the token's key id. A set that was
    /// fetched again has new keys, and each token is verified once more with them.
    #[must_use]
    pub fn still_holds(&self, key: &Arc<VerificationKey>, now: SystemTime) -> bool {
        Arc::ptr_eq(&self.key, key) && !self.claims.have_expired(now)
    }
}

impl<T> TokenCache<T> {
    /// For so many tokens.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The token, if it was verified before; see [`VerifiedToken::still_holds`].
    #[must_use]
    pub fn get(&self, token: &TokenDigest) -> Option<Arc<VerifiedToken<T>>> {
        self.0.get(token)
    }

    /// Remembers a token.
    pub fn insert(&self, token: TokenDigest, verified: Arc<VerifiedToken<T>>) {
        self.0.insert(token, verified);
    }

    /// Number of tokens that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_audit_lines() {
        let token = "a.b.c";
        assert_eq!(TokenDigest::of(token).to_hex(), jwt::token_sha256(token));
    }
}
