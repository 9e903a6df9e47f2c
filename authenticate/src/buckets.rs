//! Token buckets, a bounded number of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// How much older than the request before a request may be.
const DISORDER: Duration = Duration::from_secs(5);
/// Buckets that are kept at once.
const MAX_BUCKETS: usize = 10_000;

/// A bucket a key, which holds `capacity` and is filled again by `per_second`.
pub(crate) struct Buckets<K> {
    capacity: f64,
    per_second: f64,
    all: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    left: f64,
    /// By the wall clock, which runs on while a Lambda is frozen.
    refilled: SystemTime,
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(per_minute: u32, capacity: f64) -> Self {
        Self { capacity, per_second: f64::from(per_minute) / 60.0, all: Mutex::default() }
    }

    /// Takes one out of a bucket.
    ///
    /// # Errors
    /// When there is none left; says how long until there is.
    pub(crate) fn take(&self, key: K, now: SystemTime) -> Result<(), Duration> {
        let mut all = self.all();
        if all.len() >= MAX_BUCKETS && !all.contains_key(&key) {
            make_room(&mut all, |bucket| bucket.filled(now, self.capacity, self.per_second) / self.capacity);
        }
        let bucket = all.entry(key).or_insert(Bucket { left: self.capacity, refilled: now });
        bucket.left = bucket.filled(now, self.capacity, self.per_second);
        // Requests are counted in another order than they came in; a clock that was set back by more is believed.
        if now > bucket.refilled || bucket.refilled.duration_since(now).is_ok_and(|back| back > DISORDER) {
            bucket.refilled = now;
        }
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64(((1.0 - bucket.left) / self.per_second).ceil()));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Takes back what was taken last.
    pub(crate) fn give_back(&self, key: &K) {
        if let Some(bucket) = self.all().get_mut(key) {
            bucket.left = (bucket.left + 1.0).min(self.capacity);
        }
    }

    /// Whether nothing could be taken now.
    pub(crate) fn is_empty(&self, key: &K, now: SystemTime) -> bool {
        self.all().get(key).is_some_and(|bucket| bucket.filled(now, self.capacity, self.per_second) < 1.0)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the buckets that are full again, and at least a tenth of all: the fullest, whose owners lose least by it.
fn make_room<K>(all: &mut HashMap<K, Bucket>, fullness: impl Fn(&Bucket) -> f64) {
    let mut sorted: Vec<f64> = all.values().map(&fullness).collect();
    sorted.sort_by(f64::total_cmp);
    let limit = sorted[sorted.len() - sorted.len().div_ceil(10)].min(1.0);
    let mut surplus = sorted.len().div_ceil(10);
    all.retain(|_, bucket| {
        let fullness = fullness(bucket);
        // Those that are exactly as full as the limit go as long as room is wanted.
        let goes = fullness > limit || fullness >= 1.0 || (fullness >= limit && surplus > 0);
        surplus = surplus.saturating_sub(usize::from(goes));
        !goes
    });
}

impl Bucket {
    fn filled(&self, now: SystemTime, capacity: f64, per_second: f64) -> f64 {
        let gained = now.duration_since(self.refilled).unwrap_or_default().as_secs_f64() * per_second;
        (self.left + gained).min(capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_worth_then_a_wait() {
        let buckets = Buckets::new(2, 2.0);
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(buckets.take("a", at(0)).is_ok());
        assert!(!buckets.is_empty(&"a", at(0)));
        assert!(buckets.take("a", at(0)).is_ok());
        assert!(buckets.is_empty(&"a", at(0)));
        assert_eq!(buckets.take("a", at(0)), Err(Duration::from_secs(30)));
        assert!(buckets.take("b", at(0)).is_ok());
        assert!(!buckets.is_empty(&"a", at(30)) && !buckets.is_empty(&"nobody", at(0)));
        assert!(buckets.take("a", at(30)).is_ok());
    }

    #[test]
    fn keys_without_number_take_a_bounded_space() {
        let buckets = Buckets::new(2, 2.0);
        let start = SystemTime::UNIX_EPOCH;
        for _ in 0..2 {
            buckets.take(u32::MAX, start).unwrap();
        }
        for number in 0..3 * u32::try_from(MAX_BUCKETS).unwrap() {
            buckets.take(number, start).unwrap();
            assert!(buckets.all().len() <= MAX_BUCKETS);
        }
        assert!(buckets.take(u32::MAX, start).is_err(), "the one that is limited is not forgotten");
    }

    /// Where all are equally empty, some are forgotten and not all of them: the others stay limited.
    #[test]
    fn a_flood_of_limited_keys_frees_few_of_them() {
        let buckets = Buckets::new(1, 1.0);
        let start = SystemTime::UNIX_EPOCH;
        let all = u32::try_from(MAX_BUCKETS).unwrap();
        for number in 0..=all {
            buckets.take(number, start).unwrap();
        }
        let still = (0..all).filter(|number| buckets.is_empty(number, start)).count();
        assert!(still >= MAX_BUCKETS * 8 / 10, "{still}");
    }
}
