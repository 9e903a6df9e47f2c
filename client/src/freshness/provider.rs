//! Credentials for a caller: from the cache while they are good, fetched by one process for all when they are not.

use std::time::{Duration, Instant, SystemTime};

use crate::access_token::AccessToken;
use crate::consequence::Kind;
use crate::credentials::Credentials;
use crate::freshness::cache::{Cache, CacheError, Lock};
use crate::freshness::error::FetchError;
use crate::freshness::fetch;
use crate::freshness::refresh::{self, Answer, FailedAttempt, Failure, Freshness, Perishable as _};
use crate::settings::config::Config;
use crate::timestamp;
use environment::Log;

/// A caller without credentials waits this long, all tries together.
const PATIENCE: Duration = Duration::from_secs(30);
/// A caller with valid credentials never waits longer, and so long only when they are about to end.
const PATIENCE_WHILE_URGENT: Duration = Duration::from_secs(5);
/// Before that, a slow service is not worth waiting for: there is time for many more tries.
const PATIENCE_WHILE_REFRESHABLE: Duration = Duration::from_secs(2);

/// With less time left than this, a try would only fail for lack of it.
const SHORTEST_TRY: Duration = Duration::from_millis(300);

/// Answers one caller.
pub(crate) struct Provider<'a> {
    config: &'a Config,
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
struct Found {
    credentials: Option<(Credentials, Freshness)>,
    token: Option<AccessToken>,
    failure: Option<Failure>,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(config: &'a Config, log: Log) -> Self {
        Self::as_of(timestamp::now(), config, log)
    }

    /// For a caller who knows better than a clock that has been set back.
    pub(crate) fn as_of(now: SystemTime, config: &'a Config, log: Log) -> Self {
        Self { config, log, started: Instant::now(), started_at: now }
    }

    fn now(&self) -> SystemTime {
        timestamp::now().max(self.started_at + self.started.elapsed())
    }

    /// Good credentials, as quickly as they can be had.
    ///
    /// # Errors
    /// When none can be had and none in the cache are still valid.
    pub(crate) fn credentials(&self) -> Result<Answer<Credentials>, FetchError> {
        let cache = match Cache::open(self.config.cache_dir.as_deref(), self.config.cache_id()) {
            Ok(cache) => cache,
            Err(error) => {
                self.log.warn(format_args!("credentials are not cached: {error}"));
                return fetch::credentials(self.config, None, None, self.log, self.started + PATIENCE).map(Answer::new);
            }
        };
        // Without the lock a file that cannot be used says nothing: somebody may be replacing it this moment.
        let cached = valid(cache.credentials().unwrap_or_default(), self.started_at);
        match cached {
            Some((credentials, Freshness::Fresh)) => Ok(Answer::new(credentials)),
            Some((credentials, freshness)) => self.refresh(&cache, credentials, freshness),
            None => self.first_fetch(&cache).map(Answer::new),
        }
    }

    /// Fresher credentials than these if they can be had soon, else these.
    fn refresh(
        &self,
        cache: &Cache,
        current: Credentials,
        freshness: Freshness,
    ) -> Result<Answer<Credentials>, FetchError> {
        let failure = cache.failure().unwrap_or_default().filter(|failure| failure.failed_at <= self.started_at);
        if failure.as_ref().is_some_and(|failure| self.started_at < failure.not_before) {
            self.log.info("the last refresh failed a moment ago: the credentials in the cache are used");
            return Ok(Answer { value: current, failure });
        }
        let is_urgent = freshness == Freshness::Urgent;
        let longest = if is_urgent { PATIENCE_WHILE_URGENT } else { PATIENCE_WHILE_REFRESHABLE };
        // Waiting must not cost the caller the credentials that it has.
        let left = current.left(self.started_at);
        let deadline = self.started + longest.min(left / 2);
        let _lock = match self.wait_for_turn(cache, if is_urgent { deadline } else { self.started }) {
            Turn::SomebodyElses => return Ok(Answer::new(current)),
            Turn::Lockless => None,
            Turn::Mine(lock) => Some(lock),
        };
        let Found { credentials: found, token, failure } = self.look_again(cache);
        // Told apart by key: a service may well hand out new credentials that end when the old ones do.
        if let Some((fresher, _)) = found.filter(|(found, _)| found.access_key_id != current.access_key_id) {
            return Ok(Answer::new(fresher));
        }
        if deadline.saturating_duration_since(Instant::now()) < SHORTEST_TRY {
            return Ok(Answer::new(current));
        }
        if failure.as_ref().is_some_and(|failure| failure.failed_at >= self.started_at) {
            return Ok(Answer { value: current, failure });
        }
        match fetch::credentials(self.config, Some(cache), token, self.log, deadline) {
            Ok(fetched) => {
                self.keep(cache, &fetched);
                Ok(Answer::new(fetched))
            }
            Err(error) => {
                let failure = self.note(cache, &error, Some(&current), failure);
                if current.left(self.now()).is_zero() {
                    return Err(error);
                }
                let until = timestamp::format(current.expires_at);
                self.log.warn(format_args!("{error}; the credentials in the cache are used, valid until {until}"));
                Ok(Answer { value: current, failure: Some(failure) })
            }
        }
    }

    /// The first credentials, or the first after a gap.
    fn first_fetch(&self, cache: &Cache) -> Result<Credentials, FetchError> {
        let deadline = self.started + PATIENCE;
        let _lock = match self.wait_for_turn(cache, deadline) {
            Turn::SomebodyElses => return Err(FetchError::Busy { waited: PATIENCE }),
            Turn::Lockless => None,
            Turn::Mine(lock) => Some(lock),
        };
        let Found { credentials: found, token, failure } = self.look_again(cache);
        if let Some((credentials, _)) = found {
            return Ok(credentials);
        }
        if let Some(failure) = failure.as_ref().filter(|failure| self.holds_for_us(failure)) {
            return Err(FetchError::Shared { kind: failure.kind, message: failure.message.clone() });
        }
        match fetch::credentials(self.config, Some(cache), token, self.log, deadline) {
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
                    self.log.warn(format_args!("{error}: credentials are fetched without a lock"));
                    return Turn::Lockless;
                }
            }
        }
    }

    /// What the cache holds now that nobody else writes. Here its faults are told, and a corrupt file is set aside.
    fn look_again(&self, cache: &Cache) -> Found {
        let credentials = valid(self.recover(cache, cache.credentials()), self.now());
        let token = self.recover(cache, cache.token());
        // A failure in the future was noted by a clock that has been set back since.
        let failure = self.recover(cache, cache.failure()).filter(|failure| failure.failed_at <= timestamp::now());
        Found { credentials, token, failure }
    }

    fn recover<T>(&self, cache: &Cache, outcome: Result<Option<T>, CacheError>) -> Option<T> {
        match outcome {
            Ok(content) => content,
            Err(CacheError::Corrupt { name, path }) => {
                let path = path.display();
                match cache.set_aside(&name) {
                    Ok(aside) => self.log.warn(format_args!("`{path}` is corrupt: set aside as `{}`", aside.display())),
                    Err(error) => self.log.warn(format_args!("`{path}` is corrupt, and cannot be set aside: {error}")),
                }
                None
            }
            Err(error) => {
                self.log.warn(format_args!("{error}: it is not used, and replaced"));
                None
            }
        }
    }

    fn keep(&self, cache: &Cache, fetched: &Credentials) {
        if fetched.clock_offset_millis != 0 {
            let (seconds, side) = (fetched.clock_offset_millis.unsigned_abs() / 1000, fetched.clock_offset_millis > 0);
            self.log.warn(format_args!(
                "this machine's clock is {seconds} s {} that of {}: set it, AWS refuses signatures that are 5 min off",
                if side { "behind" } else { "ahead of" },
                self.config.exchange.endpoint()
            ));
        }
        match cache.store_credentials(fetched) {
            Ok(()) => cache.forget_failure(),
            Err(error) => self.log.warn(format_args!("the credentials are not cached: {error}")),
        }
    }

    /// Tells the other processes of a failure.
    fn note(
        &self,
        cache: &Cache,
        error: &FetchError,
        current: Option<&Credentials>,
        previous: Option<Failure>,
    ) -> Failure {
        let consequence = error.consequence();
        let attempt = FailedAttempt {
            lifetime: current.map(Credentials::lifetime).unwrap_or_default(),
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
        if let Err(error) = cache.store_failure(&failure) {
            self.log.warn(format_args!("the failure is not noted for other processes: {error}"));
        }
        failure
    }
}

fn valid(credentials: Option<Credentials>, now: SystemTime) -> Option<(Credentials, Freshness)> {
    let credentials = credentials?;
    let freshness = credentials.freshness(now);
    (freshness != Freshness::Expired).then_some((credentials, freshness))
}
