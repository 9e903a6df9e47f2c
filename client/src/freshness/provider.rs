//! Credentials or a token for a caller: from the cache while they are good, fetched by one process for all when they are
//! not.

use std::time::{Duration, Instant, SystemTime};

use crate::consequence::Kind;
use crate::freshness::cache::{Cache, Lock};
use crate::freshness::error::FetchError;
use crate::freshness::refresh::{self, FailedAttempt, Failure, Freshness, Perishable, Provided};
use crate::freshness::supply::Supply;
use crate::timestamp;
use environment::Log;

/// A caller without credentials waits this long, all tries together.
const DEADLINE: Duration = Duration::from_secs(30);
/// A caller with valid credentials never waits longer, and so long only when they are about to end.
const DEADLINE_WHILE_URGENT: Duration = Duration::from_secs(5);
/// Before that, a slow service is not worth waiting for: there is time for many more tries.
const DEADLINE_WHILE_REFRESHABLE: Duration = Duration::from_secs(2);

/// With less time left than this, a try would only fail for lack of it.
const SHORTEST_TRY: Duration = Duration::from_millis(300);

/// Answers one caller.
pub(crate) struct Provider<'a, S> {
    supply: &'a S,
    log: Log,
    started: Instant,
    started_at: SystemTime,
}

/// What came of waiting for the lock.
enum Turn {
    Mine(Lock),
    /// There is no working lock: everybody for themselves.
    Lockless,
    SomebodyElses,
}

/// What the cache holds while this process has the lock.
struct Found<T> {
    value: Option<T>,
    failure: Option<Failure>,
}

impl<'a, S: Supply> Provider<'a, S> {
    pub(crate) fn new(supply: &'a S, log: Log) -> Self {
        Self::as_of(timestamp::now(), supply, log)
    }

    /// For a caller who knows better than a clock that has been set back.
    pub(crate) fn as_of(now: SystemTime, supply: &'a S, log: Log) -> Self {
        Self { supply, log, started: Instant::now(), started_at: now }
    }

    fn now(&self) -> SystemTime {
        timestamp::now().max(self.started_at + self.started.elapsed())
    }

    /// A good value, as quickly as it can be had.
    ///
    /// # Errors
    /// When none can be had and none in the cache is still valid.
    pub(crate) fn provide(&self) -> Result<Provided<S::Value>, FetchError> {
        let cache = match self.supply.cache() {
            Some(Ok(cache)) => cache,
            other => {
                if let Some(Err(error)) = other {
                    self.log.warn(format_args!("the {} cannot be cached: {error}", S::WHAT));
                }
                return self.supply.fetch(None, self.log, self.started + DEADLINE).map(Provided::new);
            }
        };
        // Without the lock an unusable file proves nothing: another process may be replacing it at this moment.
        let cached = valid(S::cached(&cache).unwrap_or_default(), self.started_at);
        match cached.map(|value| (value.freshness(self.started_at), value)) {
            Some((Freshness::Fresh, value)) => Ok(Provided::new(value)),
            Some((freshness, value)) => self.refresh(&cache, value, freshness),
            None => self.first_fetch(&cache).map(Provided::new),
        }
    }

    /// A fresher value than this one if it can be had soon, else this one.
    fn refresh(
        &self,
        cache: &Cache,
        current: S::Value,
        freshness: Freshness,
    ) -> Result<Provided<S::Value>, FetchError> {
        let failure =
            cache.failure(S::FAILURE).unwrap_or_default().filter(|failure| failure.failed_at <= self.started_at);
        if failure.as_ref().is_some_and(|failure| self.started_at < failure.not_before) {
            self.log.info(format_args!("the last refresh failed a moment ago: using the cached {}", S::WHAT));
            return Ok(Provided { value: current, failure });
        }
        let is_urgent = freshness == Freshness::Urgent;
        let longest = if is_urgent { DEADLINE_WHILE_URGENT } else { DEADLINE_WHILE_REFRESHABLE };
        // Waiting must not cost the caller what it has.
        let left = current.left(self.started_at);
        let deadline = self.started + longest.min(left / 2);
        let _lock = match self.wait_for_turn(cache, if is_urgent { deadline } else { self.started }) {
            Turn::SomebodyElses => return Ok(Provided::new(current)),
            Turn::Lockless => None,
            Turn::Mine(lock) => Some(lock),
        };
        let Found { value: found, failure } = self.look_again(cache);
        // Told apart by key or signature: a service may well hand out new ones that end when the old ones do.
        if let Some(fresher) = found.filter(|found| found.salt() != current.salt()) {
            return Ok(Provided::new(fresher));
        }
        if deadline.saturating_duration_since(Instant::now()) < SHORTEST_TRY {
            return Ok(Provided::new(current));
        }
        if failure.as_ref().is_some_and(|failure| failure.failed_at >= self.started_at) {
            return Ok(Provided { value: current, failure });
        }
        match self.supply.fetch(Some(cache), self.log, deadline) {
            Ok(fetched) => {
                self.keep(cache, &fetched);
                Ok(Provided::new(fetched))
            }
            Err(error) => {
                let failure = self.note(cache, &error, Some(&current), failure);
                if current.left(self.now()).is_zero() {
                    return Err(error);
                }
                let until = timestamp::format(current.ends_at());
                self.log.warn(format_args!("{error}; using the cached {}, valid until {until}", S::WHAT));
                Ok(Provided { value: current, failure: Some(failure) })
            }
        }
    }

    /// The first value, or the first after a gap.
    fn first_fetch(&self, cache: &Cache) -> Result<S::Value, FetchError> {
        let deadline = self.started + DEADLINE;
        let _lock = match self.wait_for_turn(cache, deadline) {
            Turn::SomebodyElses => return Err(FetchError::Busy { what: S::WHAT, waited: DEADLINE }),
            Turn::Lockless => None,
            Turn::Mine(lock) => Some(lock),
        };
        let Found { value: found, failure } = self.look_again(cache);
        if let Some(value) = found {
            return Ok(value);
        }
        if let Some(failure) = failure.as_ref().filter(|failure| self.holds_for_us(failure)) {
            return Err(FetchError::Shared { kind: failure.kind, message: failure.message.clone() });
        }
        match self.supply.fetch(Some(cache), self.log, deadline) {
            Ok(fetched) => {
                self.keep(cache, &fetched);
                Ok(fetched)
            }
            Err(error) => {
                self.note(cache, &error, None, failure);
                Err(error)
            }
        }
    }

    /// Who had the lock before has just failed for all who waited: 200 callers are not 200 attempts in a row. A refusal
    /// is not shared, since this process may have been given another secret; and who was told when to come back
    /// (`Retry-After`) has been told so for all.
    fn holds_for_us(&self, failure: &Failure) -> bool {
        let is_shared = failure.failed_at >= self.started_at && failure.kind != Kind::Refused;
        is_shared || (failure.asked_to_wait && self.started_at < failure.not_before)
    }

    /// Waits for the lock, at least with one look at it.
    fn wait_for_turn(&self, cache: &Cache, deadline: Instant) -> Turn {
        loop {
            match cache.try_lock() {
                Ok(Some(lock)) => return Turn::Mine(lock),
                Ok(None) if Instant::now() >= deadline => return Turn::SomebodyElses,
                // flock(2) knows no timeout. Uneven naps keep a crowd from looking all at once.
                Ok(None) => std::thread::sleep(Duration::from_millis(fastrand::u64(5..25))),
                Err(error) => {
                    self.log.warn(format_args!("{error}: fetching the {} without a lock", S::WHAT));
                    return Turn::Lockless;
                }
            }
        }
    }

    /// The cached value, read under the lock. Its faults are reported here, and a corrupt file is set aside.
    fn look_again(&self, cache: &Cache) -> Found<S::Value> {
        let value = valid(cache.recover(S::cached(cache), self.log), self.now());
        // A failure in the future was noted by a clock that has been set back since.
        let failure = cache.recover(cache.failure(S::FAILURE), self.log);
        Found { value, failure: failure.filter(|failure| failure.failed_at <= timestamp::now()) }
    }

    fn keep(&self, cache: &Cache, fetched: &S::Value) {
        match self.supply.keep(cache, fetched, self.log) {
            Ok(()) => cache.forget_failure(S::FAILURE),
            Err(error) => self.log.warn(format_args!("the {} cannot be cached: {error}", S::WHAT)),
        }
    }

    /// Tells the other processes of a failure.
    fn note(
        &self,
        cache: &Cache,
        error: &FetchError,
        current: Option<&S::Value>,
        previous: Option<Failure>,
    ) -> Failure {
        let consequence = error.consequence();
        let attempt = FailedAttempt {
            lifetime: current.map(Perishable::lifetime).unwrap_or_default(),
            failures: previous.map_or(0, |previous| previous.failures).saturating_add(1),
            took: self.started.elapsed(),
            retry_after: consequence.retry_after,
        };
        let failed_at = timestamp::now();
        let failure = Failure {
            failed_at,
            not_before: failed_at + refresh::pause(&attempt, fastrand::f64()),
            failures: attempt.failures,
            asked_to_wait: consequence.retry_after.is_some(),
            kind: consequence.kind,
            message: error.to_string(),
        };
        if let Err(error) = cache.store_failure(S::FAILURE, &failure) {
            self.log.warn(format_args!("the failure is not noted for other processes: {error}"));
        }
        failure
    }
}

fn valid<T: Perishable>(value: Option<T>, now: SystemTime) -> Option<T> {
    value.filter(|value| value.freshness(now) != Freshness::Expired)
}
