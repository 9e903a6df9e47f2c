//! An issuer's keys: fetches what [`KeyCache`] says is due, and lets callers wait without holding a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use environment::{Endpoint, Log};
use http_client::{HttpClient, Request, RequestError};
use jwt::key_cache::{KeyCache, Lookup, Moment, Slot};
use jwt::{JwkSet, JwkSetError, LeftOut, VerificationKey};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The longest a caller waits for keys, one retry included.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// A JWK set of a dozen keys is 8 KiB.
pub(crate) const MAX_JWKS_BYTES: usize = 64 * 1024;
/// A Kubernetes API server offers the media type of RFC 7517 §8.5.1 alone, most others offer JSON.
const ACCEPT: &str = "application/jwk-set+json, application/json;q=0.9, */*;q=0.1";
/// Keys that are named in one message.
const NAMED_KEYS: usize = 8;
/// How old the keys are before they are fetched for a caller that has been refused too often.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Why there is no key for a token.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The issuer was asked lately and publishes no such key.
    #[error("the issuer publishes no usable key with the token's `kid`")]
    Unknown,
    /// The issuer's keys cannot be had.
    #[error("the signing keys of {issuer} cannot be fetched at the moment")]
    Unavailable {
        /// Whose keys.
        issuer: String,
    },
}

/// The keys of one issuer. Cheap to clone; clones share the cache.
#[derive(Clone)]
pub struct IssuerKeys(Source);

#[derive(Clone)]
enum Source {
    Fixed(Arc<JwkSet>),
    Published(Arc<PublishedKeys>),
}

struct PublishedKeys {
    issuer: String,
    endpoint: Endpoint,
    http: HttpClient,
    log: Log,
    started: Instant,
    cache: Mutex<KeyCache>,
    /// Counts finished fetches: what waiting callers wait for.
    finished: watch::Sender<u64>,
    refetches: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
}

/// Fetches since the start, one under way excepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fetches {
    /// All of them.
    pub ended: u64,
    /// Those that brought no keys.
    pub failed: u64,
}

impl IssuerKeys {
    /// The keys that are published at `endpoint`, with an empty cache; nothing is fetched yet.
    #[must_use]
    pub fn published(issuer: &str, endpoint: Endpoint, max_stale: Duration, http: HttpClient, log: Log) -> Self {
        Self(Source::Published(Arc::new(PublishedKeys {
            issuer: issuer.to_owned(),
            endpoint,
            http,
            log,
            started: Instant::now(),
            cache: Mutex::new(KeyCache::new(max_stale)),
            finished: watch::Sender::new(0),
            refetches: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })))
    }

    /// A key set that is never fetched.
    #[must_use]
    pub fn fixed(set: JwkSet) -> Self {
        Self(Source::Fixed(Arc::new(set)))
    }

    /// The key published under `key_id`.
    ///
    /// # Errors
    /// When the issuer publishes none, or when that cannot be known.
    pub async fn key(&self, key_id: &str, now: SystemTime) -> Result<Arc<VerificationKey>, KeyError> {
        match &self.0 {
            Source::Fixed(set) => set.key(key_id).cloned().ok_or(KeyError::Unknown),
            Source::Published(keys) => keys.key(key_id, now).await,
        }
    }

    /// As [`Self::key`], for a caller that shall not make others look often for a key that is not held: only keys that were
    /// fetched a minute ago, or earlier, are fetched for it. So an issuer's new key serves within that minute, whoever else
    /// asks from the caller's address.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub async fn held_key(&self, key_id: &str, now: SystemTime) -> Result<Arc<VerificationKey>, KeyError> {
        match &self.0 {
            Source::Published(keys) if keys.are_held_without(key_id, now) => Err(KeyError::Unknown),
            _ => self.key(key_id, now).await,
        }
    }

    /// Starts a fetch if one is due. A failure is logged and left to the cool-down.
    pub fn start_refresh(&self, now: SystemTime) -> Option<JoinHandle<()>> {
        let Source::Published(keys) = &self.0 else { return None };
        let slot = keys.cache().refresh_is_due(keys.moment(now))?;
        Some(keys.spawn_fetch(slot))
    }

    /// Whether they are never fetched.
    #[must_use]
    pub fn are_fixed(&self) -> bool {
        matches!(self.0, Source::Fixed(_))
    }

    /// Age of the keys, `None` where there are none to be trusted.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        match &self.0 {
            Source::Fixed(_) => Some(Duration::ZERO),
            Source::Published(keys) => keys.cache().trusted_age(keys.moment(now)),
        }
    }

    /// Fetches since the start.
    #[must_use]
    pub fn fetches(&self) -> Fetches {
        match &self.0 {
            Source::Fixed(_) => Fetches::default(),
            Source::Published(keys) => {
                // Failures first: a fetch that ends in between must not show more of them than fetches.
                let failed = keys.failed.load(Ordering::Acquire);
                Fetches { ended: keys.ended.load(Ordering::Acquire), failed }
            }
        }
    }

    /// Number of fetches since the last call.
    #[must_use]
    pub fn take_refetches(&self) -> u64 {
        match &self.0 {
            Source::Fixed(_) => 0,
            Source::Published(keys) => keys.refetches.swap(0, Ordering::Relaxed),
        }
    }
}

impl PublishedKeys {
    async fn key(self: &Arc<Self>, key_id: &str, now: SystemTime) -> Result<Arc<VerificationKey>, KeyError> {
        // Subscribed before looking, so that a fetch that ends in between is not missed.
        let mut finished = self.finished.subscribe();
        let lookup = self.cache().look_up(key_id, self.moment(now));
        match lookup {
            Lookup::Use(key) => return Ok(key),
            Lookup::UseAndFetch(key, slot) => {
                drop(self.spawn_fetch(slot));
                return Ok(key);
            }
            Lookup::UnknownKey => return Err(KeyError::Unknown),
            Lookup::Unavailable => return Err(self.unavailable()),
            // The fetch is a task of its own: a caller that gives up does not take it along.
            Lookup::Fetch(slot) => drop(self.spawn_fetch(slot)),
            Lookup::Wait => {}
        }
        // Whether the fetch ended or the wait did: the last good key serves.
        let ended = tokio::time::timeout(FETCH_TIMEOUT, finished.changed()).await.is_ok();
        let mut cache = self.cache();
        if let Some(key) = cache.held_key(key_id, self.moment(now)) {
            return Ok(key);
        }
        match cache.look_up(key_id, self.moment(now)) {
            Lookup::UnknownKey if ended => Err(KeyError::Unknown),
            Lookup::Fetch(slot) | Lookup::UseAndFetch(_, slot) => {
                // Time has passed and the slot is free again: used for the next caller, not waited for.
                drop(self.spawn_fetch(slot));
                Err(self.unavailable())
            }
            _ => Err(self.unavailable()),
        }
    }

    fn are_held_without(&self, key_id: &str, now: SystemTime) -> bool {
        let (cache, moment) = (self.cache(), self.moment(now));
        cache.trusted_age(moment).is_some_and(|age| age < LOOK_AGAIN_AFTER) && cache.held_key(key_id, moment).is_none()
    }

    fn spawn_fetch(self: &Arc<Self>, slot: Slot) -> JoinHandle<()> {
        let keys = Arc::clone(self);
        self.refetches.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move { keys.fetch(slot).await })
    }

    async fn fetch(&self, slot: Slot) {
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, self.fetch_set())
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", FETCH_TIMEOUT.as_secs())));
        match fetched {
            Ok(set) => {
                warn_of_left_out(&self.issuer, set.left_out(), self.log);
                self.cache().store(slot, set);
            }
            Err(problem) => {
                self.cache().fetch_failed(slot);
                self.failed.fetch_add(1, Ordering::Release);
                self.log.warn(format_args!(
                    "the keys of {} could not be fetched from {}: {problem}",
                    self.issuer, self.endpoint
                ));
            }
        }
        self.ended.fetch_add(1, Ordering::Release);
        self.finished.send_modify(|count| *count += 1);
    }

    async fn fetch_set(&self) -> Result<JwkSet, String> {
        let request = || Request::get(&self.endpoint).header("accept", ACCEPT).timeout(FETCH_TIMEOUT);
        // A connection that went stale while the Lambda was frozen fails at its first use: tried once more.
        let response = match self.http.send(request()).await {
            Err(RequestError::Interrupted { .. }) => self.http.send(request()).await,
            other => other,
        };
        let response = response.map_err(|error| error.to_string())?;
        if response.status != 200 {
            return Err(format!("it answered {}", response.status));
        }
        JwkSet::parse(&response.body).map_err(|error| describe(&error))
    }

    fn unavailable(&self) -> KeyError {
        KeyError::Unavailable { issuer: self.issuer.clone() }
    }

    /// The caller's time on the wall clock, and the process's own monotonic time.
    fn moment(&self, now: SystemTime) -> Moment {
        Moment { wall: now, monotonic: self.started.elapsed() }
    }

    /// No code that can panic runs under this lock; a poisoned one still holds a consistent cache.
    fn cache(&self) -> MutexGuard<'_, KeyCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line a fetch. Keys that are published for something else are nobody's surprise.
pub(crate) fn warn_of_left_out(issuer: &str, left_out: &[LeftOut], log: Log) {
    if left_out.is_empty() {
        return;
    }
    let message = format!("keys of {issuer} are not used: {}", list(left_out));
    if left_out.iter().all(|key| key.is_for_another_use) { log.debug(message) } else { log.warn(message) }
}

/// The error, with what the set holds instead of usable keys.
pub(crate) fn describe(error: &JwkSetError) -> String {
    match error {
        JwkSetError::NoUsableKey { left_out } if !left_out.is_empty() => format!("{error}: {}", list(left_out)),
        _ => error.to_string(),
    }
}

/// A `kid` is the issuer's text: quoted, and bounded.
fn list(left_out: &[LeftOut]) -> String {
    let name = |key: &LeftOut| match &key.key_id {
        Some(key_id) => format!("{:?} ({})", key_id.chars().take(64).collect::<String>(), key.reason),
        None => format!("one without `kid` ({})", key.reason),
    };
    let named: Vec<_> = left_out.iter().take(NAMED_KEYS).map(name).collect();
    match left_out.len().saturating_sub(NAMED_KEYS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
