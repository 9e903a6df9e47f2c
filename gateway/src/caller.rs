//! Who the caller is: from a token to what headers, metrics and audit lines call its client.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use authenticate::{Claims, TokenCache, TokenDigest, TrustedIssuers, UnverifiedToken, VerifiedToken};
use http::HeaderValue;
use prometheus::IntCounter;

use crate::error::GatewayError;
use crate::identity_headers::Identity;
use crate::metrics::Metrics;

/// A client sends one token for an hour; 500 bytes each, a few megabytes.
const CACHED_TOKENS: usize = 10_000;

/// What is made of a token's claims once.
pub struct Caller {
    /// The client's name in headers, metrics and audit lines.
    pub shown_client_id: String,
    /// For the upstream.
    pub identity: Identity,
    /// Its requests that got through.
    pub allowed: IntCounter,
    /// The token's SHA-256, for audit lines.
    pub token_sha256: Arc<str>,
}

/// A token that was verified, now or before.
pub type Verified = VerifiedToken<Caller>;

/// Whose tokens are accepted, and those that were lately.
pub struct Callers {
    /// Issuers and their keys.
    pub issuers: TrustedIssuers,
    tokens: TokenCache<Caller>,
    /// Its clients go by their own ids, every other issuer's by a hash of the issuer and theirs.
    plainly_named_issuer: Option<String>,
}

impl Callers {
    /// Nothing is verified yet.
    #[must_use]
    pub fn new(issuers: TrustedIssuers, plainly_named_issuer: Option<String>) -> Self {
        Self { issuers, tokens: TokenCache::new(CACHED_TOKENS), plainly_named_issuer }
    }

    /// Number of tokens that need not be verified again.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Verifies a token, or finds that it was. Whether it was found.
    ///
    /// # Errors
    /// The first rule that the token breaks, or that the issuer's keys cannot be had.
    pub async fn identify(
        &self,
        token: &str,
        now: SystemTime,
        metrics: &Metrics,
    ) -> Result<(Arc<Verified>, bool), GatewayError> {
        let started = Instant::now();
        let token_digest = TokenDigest::of(token);
        if let Some(verified) = self.tokens.get(&token_digest) {
            let issuer = self.issuers.find(verified.claims.issuer())?;
            let key = issuer.keys.key(verified.key_id(), now).await?;
            if verified.still_holds(&key, now) {
                metrics.validated(true, started.elapsed());
                return Ok((verified, true));
            }
        }
        let unverified = UnverifiedToken::parse(token)?;
        let issuer = self.issuers.find(unverified.issuer())?;
        let key = issuer.keys.key(unverified.key_id(), now).await?;
        let claims = issuer.rules.verify(&unverified, &key, now)?;
        let caller = self.caller(&claims, token_digest, metrics)?;
        let verified = Arc::new(VerifiedToken::new(key, claims, caller));
        self.tokens.insert(token_digest, Arc::clone(&verified));
        metrics.validated(false, started.elapsed());
        Ok((verified, false))
    }

    fn caller(&self, claims: &Claims, token: TokenDigest, metrics: &Metrics) -> Result<Caller, GatewayError> {
        let shown = shown_client_id(claims, self.plainly_named_issuer.as_deref())?;
        let scope = claims.scopes().join(" ");
        if !claims.scopes().iter().all(|scope| is_visible(scope)) {
            return Err(GatewayError::UnfitToken("a scope of the token holds something that is not visible ASCII"));
        }
        let header = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| GatewayError::UnfitToken("the token's issuer fits no header"))
        };
        Ok(Caller {
            identity: Identity { client_id: header(&shown)?, scope: header(&scope)?, issuer: header(claims.issuer())? },
            allowed: metrics.client_requests(&shown, "allowed"),
            token_sha256: token.to_hex().into(),
            shown_client_id: shown,
        })
    }
}

/// Two issuers' clients of one name never meet: only one issuer's go by their own ids, and those hold no colon.
fn shown_client_id(claims: &Claims, plainly_named_issuer: Option<&str>) -> Result<String, GatewayError> {
    let client_id = claims.client_id();
    if !is_visible(client_id) {
        return Err(GatewayError::UnfitToken("the token's client_id holds something that is not visible ASCII"));
    }
    if plainly_named_issuer == Some(claims.issuer()) {
        if client_id.contains(':') {
            return Err(GatewayError::UnfitToken(
                "the token's client_id holds a `:`, which names other issuers' clients",
            ));
        }
        return Ok(client_id.to_owned());
    }
    Ok(format!("{}:{client_id}", issuer_label(claims.issuer())))
}

/// The first 12 hexadecimal digits of the issuer's SHA-256.
fn issuer_label(issuer: &str) -> String {
    TokenDigest::of(issuer).to_hex().chars().take(12).collect()
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_beginning_of_the_hash() {
        // printf https://idp.example.com | sha256sum
        assert_eq!(issuer_label("https://idp.example.com").len(), 12);
        assert_eq!(issuer_label(""), "e3b0c44298fc");
    }
}
