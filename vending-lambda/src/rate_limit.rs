//! At most so many requests a minute and client, within this process. API Gateway throttles the service as a whole;
//! this keeps one client that runs wild from using up what the others need.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::authorize::Denial;

/// Buckets that are full again are dropped when there are more than this.
const MANY_CLIENTS: usize = 10_000;

/// A token bucket a client. It holds a minute's worth, so short bursts pass.
pub struct RateLimit {
    per_minute: Option<u32>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    requests: f64,
    refilled: Instant,
}

impl RateLimit {
    /// `None` limits nothing.
    #[must_use]
    pub fn new(per_minute: Option<u32>) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// When the client has used up its share; says when to come back.
    pub fn check(&self, client_id: &str, now: Instant) -> Result<(), Denial> {
        let Some(per_minute) = self.per_minute else { return Ok(()) };
        let capacity = f64::from(per_minute);
        let per_second = capacity / 60.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MANY_CLIENTS {
            buckets.retain(|_, bucket| bucket.filled(now, capacity, per_second) < capacity);
        }
        let bucket = buckets.entry(client_id.to_owned()).or_insert(Bucket { requests: capacity, refilled: now });
        bucket.requests = bucket.filled(now, capacity, per_second);
        bucket.refilled = now;
        if bucket.requests < 1.0 {
            let wait = ((1.0 - bucket.requests) / per_second).ceil();
            return Err(Denial::RateLimited { retry_after: Duration::from_secs_f64(wait) });
        }
        bucket.requests -= 1.0;
        Ok(())
    }
}

impl Bucket {
    fn filled(&self, now: Instant, capacity: f64, per_second: f64) -> f64 {
        let gained = now.saturating_duration_since(self.refilled).as_secs_f64() * per_second;
        (self.requests + gained).min(capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_worth_then_a_wait() {
        let limit = RateLimit::new(Some(2));
        let start = Instant::now();
        assert!(limit.check("a", start).is_ok());
        assert!(limit.check("a", start).is_ok());
        assert_eq!(limit.check("a", start), Err(Denial::RateLimited { retry_after: Duration::from_secs(30) }));
        assert!(limit.check("b", start).is_ok());
        assert!(limit.check("a", start + Duration::from_secs(30)).is_ok());
        assert!(RateLimit::new(None).check("a", start).is_ok());
    }
}
