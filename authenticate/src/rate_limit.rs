//! At most so many requests a minute and client, within this process. API Gateway throttles the service as a whole;
//! this keeps one client that runs wild from using up what the others need.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use jwt::Claims;
use thiserror::Error;

/// Too many requests of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this client has sent too many requests; retry in {} s", retry_after.as_secs())]
pub struct RateLimited {
    /// When the next request will be counted.
    pub retry_after: Duration,
}

/// How much older than the request before a request may be.
const DISORDER: Duration = Duration::from_secs(5);
/// Clients that are counted at once.
const MAX_CLIENTS: usize = 10_000;

/// SHA-256 over issuer and client, so that a bucket is small however long an issuer makes its names.
type ClientKey = [u8; 32];

/// A token bucket a client.
pub struct RateLimit {
    per_minute: Option<u32>,
    /// What a bucket holds: so many requests pass at once.
    burst: f64,
    /// By issuer and client: another issuer's client of the same name has a share of its own.
    buckets: Mutex<HashMap<ClientKey, Bucket>>,
}

struct Bucket {
    requests: f64,
    /// By the wall clock, which runs on while a Lambda is frozen.
    refilled: SystemTime,
}

impl RateLimit {
    /// A minute's worth may come at once. `None` limits nothing.
    #[must_use]
    pub fn new(per_minute: Option<u32>) -> Self {
        Self { per_minute, burst: f64::from(per_minute.unwrap_or_default()), buckets: Mutex::default() }
    }

    /// A tenth of a minute's worth may come at once, and always one request. `None` limits nothing.
    #[must_use]
    pub fn with_burst(per_minute: Option<u32>) -> Self {
        let burst = (f64::from(per_minute.unwrap_or_default()) / 10.0).floor().max(1.0);
        Self { burst, ..Self::new(per_minute) }
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
        let Some(per_minute) = self.per_minute else { return Ok(()) };
        self.count(client_key(claims.issuer(), claims.client_id()), per_minute, now)
    }

    /// Takes back what the last [`RateLimit::check`] counted, for a request that something else has refused.
    pub fn give_back(&self, claims: &Claims) {
        if self.per_minute.is_none() {
            return;
        }
        let client = client_key(claims.issuer(), claims.client_id());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&client) {
            bucket.requests = (bucket.requests + 1.0).min(self.burst);
        }
    }

    fn count(&self, client: ClientKey, per_minute: u32, now: SystemTime) -> Result<(), RateLimited> {
        let capacity = self.burst;
        let per_second = f64::from(per_minute) / 60.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_CLIENTS && !buckets.contains_key(&client) {
            make_room(&mut buckets, |bucket| bucket.filled(now, capacity, per_second) / capacity);
        }
        let bucket = buckets.entry(client).or_insert(Bucket { requests: capacity, refilled: now });
        bucket.requests = bucket.filled(now, capacity, per_second);
        // Requests are counted in another order than they came in; a clock that was set back by more is believed.
        if now > bucket.refilled || bucket.refilled.duration_since(now).is_ok_and(|back| back > DISORDER) {
            bucket.refilled = now;
        }
        if bucket.requests < 1.0 {
            let wait = ((1.0 - bucket.requests) / per_second).ceil();
            return Err(RateLimited { retry_after: Duration::from_secs_f64(wait) });
        }
        bucket.requests -= 1.0;
        Ok(())
    }
}

/// No URL holds a NUL, so the two parts cannot be split in another way.
fn client_key(issuer: &str, client_id: &str) -> ClientKey {
    let mut key = ClientKey::default();
    key.copy_from_slice(digest(&SHA256, format!("{issuer}\0{client_id}").as_bytes()).as_ref());
    key
}

/// Forgets the buckets that are full again, and at least a tenth of all: the fullest, whose clients lose least by it.
fn make_room(buckets: &mut HashMap<ClientKey, Bucket>, fullness: impl Fn(&Bucket) -> f64) {
    let mut all: Vec<f64> = buckets.values().map(&fullness).collect();
    all.sort_by(f64::total_cmp);
    let limit = all[all.len() - all.len().div_ceil(10)].min(1.0);
    buckets.retain(|_, bucket| fullness(bucket) < limit);
}

impl Bucket {
    fn filled(&self, now: SystemTime, capacity: f64, per_second: f64) -> f64 {
        let gained = now.duration_since(self.refilled).unwrap_or_default().as_secs_f64() * per_second;
        (self.requests + gained).min(capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_worth_then_a_wait() {
        let limit = RateLimit::new(Some(2));
        let start = SystemTime::UNIX_EPOCH;
        let count =
            |issuer: &str, seconds| limit.count(client_key(issuer, "client"), 2, start + Duration::from_secs(seconds));
        assert!(count("a", 0).is_ok());
        assert!(count("a", 0).is_ok());
        assert_eq!(count("a", 0), Err(RateLimited { retry_after: Duration::from_secs(30) }));
        assert!(count("b", 0).is_ok());
        assert!(count("a", 30).is_ok());
    }

    #[test]
    fn a_burst_is_a_tenth_and_never_nothing() {
        for (per_minute, burst) in [(1, 1), (19, 1), (20, 2), (600, 60)] {
            let limit = RateLimit::with_burst(Some(per_minute));
            let client = client_key("issuer", "client");
            let passed = (0..100).filter(|_| limit.count(client, per_minute, SystemTime::UNIX_EPOCH).is_ok()).count();
            assert_eq!(passed, burst, "{per_minute}");
        }
    }

    #[test]
    fn clients_without_number_take_a_bounded_space() {
        let limit = RateLimit::new(Some(2));
        let start = SystemTime::UNIX_EPOCH;
        let wild = client_key("issuer", "runs wild");
        for _ in 0..2 {
            limit.count(wild, 2, start).unwrap();
        }
        for number in 0..3 * MAX_CLIENTS {
            limit.count(client_key("issuer", &number.to_string()), 2, start).ok();
            assert!(limit.buckets.lock().unwrap().len() <= MAX_CLIENTS);
        }
        assert!(limit.count(wild, 2, start).is_err(), "the one that is limited is not forgotten");
    }
}
