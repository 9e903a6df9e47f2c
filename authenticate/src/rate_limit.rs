//! At most so many requests a minute and client, within this process. API Gateway throttles the service as a whole;
//! this keeps one client that runs wild from using up what the others need.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use jwt::Claims;
use thiserror::Error;

use crate::buckets::Buckets;

/// Too many requests of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this client has sent too many requests; retry in {} s", retry_after.as_secs())]
pub struct RateLimited {
    /// When the next request will be counted.
    pub retry_after: Duration,
}

/// SHA-256 over issuer and client, so that a bucket is small however long an issuer makes its names.
type ClientKey = [u8; 32];

/// A token bucket a client.
pub struct RateLimit {
    per_minute: Option<u32>,
    /// What a bucket holds: so many requests pass at once.
    burst: f64,
    /// By issuer and client: another issuer's client of the same name has a share of its own.
    buckets: Option<Buckets<ClientKey>>,
}

impl RateLimit {
    /// A minute's worth may come at once. `None` limits nothing.
    #[must_use]
    pub fn new(per_minute: Option<u32>) -> Self {
        Self::of(per_minute, f64::from(per_minute.unwrap_or_default()))
    }

    /// A tenth of a minute's worth may come at once, and always one request. `None` limits nothing.
    #[must_use]
    pub fn with_burst(per_minute: Option<u32>) -> Self {
        Self::of(per_minute, (f64::from(per_minute.unwrap_or_default()) / 10.0).floor().max(1.0))
    }

    fn of(per_minute: Option<u32>, burst: f64) -> Self {
        Self { per_minute, burst, buckets: per_minute.map(|per_minute| Buckets::new(per_minute, burst)) }
    }

    /// Whether it limits anything.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.per_minute.is_some()
    }

    /// Whether it limits as `other` does, so that what one has counted is right for the other.
    #[must_use]
    pub fn limits_as(&self, other: &Self) -> bool {
        self.per_minute == other.per_minute && self.burst.total_cmp(&other.burst).is_eq()
    }

    /// Counts one request.
    ///
    /// # Errors
    /// When the client has used up its share; says when to come back.
    pub fn check(&self, claims: &Claims, now: SystemTime) -> Result<(), RateLimited> {
        let Some(buckets) = &self.buckets else { return Ok(()) };
        let taken = buckets.take(client_key(claims.issuer(), claims.client_id()), now);
        taken.map_err(|retry_after| RateLimited { retry_after })
    }

    /// Takes back what the last [`RateLimit::check`] counted, for a request that something else has refused.
    pub fn give_back(&self, claims: &Claims) {
        if let Some(buckets) = &self.buckets {
            buckets.give_back(&client_key(claims.issuer(), claims.client_id()));
        }
    }
}

/// No URL holds a NUL, so the two parts cannot be split in another way.
fn client_key(issuer: &str, client_id: &str) -> ClientKey {
    let mut key = ClientKey::default();
    key.copy_from_slice(digest(&SHA256, format!("{issuer}\0{client_id}").as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_a_tenth_and_never_nothing() {
        for (per_minute, burst) in [(1, 1), (19, 1), (20, 2), (600, 60)] {
            let limit = RateLimit::with_burst(Some(per_minute));
            let client = client_key("issuer", "client");
            let buckets = limit.buckets.as_ref().unwrap();
            let passed = (0..100).filter(|_| buckets.take(client, SystemTime::UNIX_EPOCH).is_ok()).count();
            assert_eq!(passed, burst, "{per_minute}");
        }
    }

    #[test]
    fn clients_of_two_issuers_have_a_share_each() {
        let limit = RateLimit::new(Some(1));
        let buckets = limit.buckets.as_ref().unwrap();
        for issuer in ["a", "b"] {
            assert!(buckets.take(client_key(issuer, "client"), SystemTime::UNIX_EPOCH).is_ok());
            assert!(buckets.take(client_key(issuer, "client"), SystemTime::UNIX_EPOCH).is_err());
        }
    }
}
