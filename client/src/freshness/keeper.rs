//! Keeps what one identity has in memory, and fresh: the engine of every command that runs on.
//!
//! It asks the same [`Provider`](crate::freshness::provider::Provider) as `get-credentials` does, so all processes of a host share
//! one cache and one fetch. On top of it: what is in memory stays until there is something better, whatever becomes of
//! the cache; and it is judged by the wall clock *and* by the time that has really passed, the larger age counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout, timeout_at};

use crate::freshness::error::FetchError;
use crate::freshness::refresh::{self, FailedAttempt, Failure, Freshness, Perishable, Provided};
use crate::timestamp;
use environment::Log;

/// The wall clock may have been set, or the machine have slept, while a keeper did.
const LONGEST_NAP: Duration = Duration::from_secs(10);
/// Another process is at it: its result is looked for this often.
const NEXT_LOOK: Duration = Duration::from_millis(100);
/// A caller waits this long for the first credentials, or the first after a gap.
const DEADLINE: Duration = Duration::from_secs(5);
/// A caller whose credentials are about to end waits this long for fresher ones: the JavaScript SDK hangs up after 1 s.
const DEADLINE_WHILE_VALID: Duration = Duration::from_millis(500);

/// From one fetch that brought something new to the next: what ends at once is not fetched again and again.
const LEAST_INTERVAL: Duration = Duration::from_secs(2);

/// From one attempt to the one that a new configuration brings: a storm of reloads is not one of requests.
pub(crate) const AFTER_A_RELOAD: Duration = Duration::from_secs(5);

/// Fetches at once, of all identities: each reads the system's certificates, and the memory of many side by side would
/// never be given back.
static PERMITS: Semaphore = Semaphore::const_new(2);
/// A fetch that hangs does not hold up the others for longer.
const PERMIT_DEADLINE: Duration = Duration::from_secs(1);

/// A keeper that has not come round for so long hangs: its fetch ends within half of this by its own deadlines.
const LONGEST_SILENCE: Duration = Duration::from_secs(90);

/// One fetch, on a thread of its own: it may block. It is told the time, which a clock that was set back would not.
pub(crate) type Fetch<T> = Arc<dyn Fn(SystemTime) -> Result<Provided<T>, FetchError> + Send + Sync>;

/// What there is, and why it is not better.
pub(crate) struct State<T> {
    pub(crate) current: Option<Arc<T>>,
    pub(crate) failure: Option<Failure>,
    pub(crate) fetched: u64,
    pub(crate) failed: u64,
    /// When `current` came here, by both clocks.
    adopted: (SystemTime, Instant),
    /// When the last fetch brought something new.
    fetched_at: Option<Instant>,
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        let Self { current, failure, fetched, failed, adopted, fetched_at } = self;
        Self {
            current: current.clone(),
            failure: failure.clone(),
            fetched: *fetched,
            failed: *failed,
            adopted: *adopted,
            fetched_at: *fetched_at,
        }
    }
}

impl<T: Perishable> State<T> {
    fn new(current: Option<Arc<T>>) -> Self {
        let adopted = (timestamp::now(), Instant::now());
        Self { current, failure: None, fetched: 0, failed: 0, adopted, fetched_at: None }
    }

    /// The wall clock's word, unless more time has passed than it knows of.
    pub(crate) fn now(&self) -> SystemTime {
        let (at, instant) = self.adopted;
        timestamp::now().max(at + instant.elapsed())
    }

    pub(crate) fn freshness(&self) -> Freshness {
        self.current.as_ref().map_or(Freshness::Expired, |current| current.freshness(self.now()))
    }

    /// How long there will be no new attempt, since the last one has failed.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let failure = self.failure.as_ref()?;
        let now = timestamp::now();
        // A failure in the future was noted by a clock that has been set back since.
        let left = failure.not_before.duration_since(now).ok().filter(|left| !left.is_zero())?;
        (failure.failed_at <= now).then_some(left)
    }

    /// How long the keeper can sleep.
    fn rest(&self) -> Duration {
        let rest = match (self.freshness(), &self.current) {
            (Freshness::Fresh, Some(current)) => current.refresh_at().duration_since(self.now()).unwrap_or_default(),
            _ => self.pause().unwrap_or_default(),
        };
        let since = self.fetched_at.map_or(LEAST_INTERVAL, |at| at.elapsed());
        rest.max(LEAST_INTERVAL.saturating_sub(since))
    }

    /// The same for who has a new configuration: it may be what the last attempt has failed for. What a server asked for
    /// holds all the same.
    fn rest_after_a_reload(&self) -> Duration {
        let may_be_mended = self.failure.as_ref().is_some_and(|failure| !failure.asked_to_wait);
        if may_be_mended && self.freshness() != Freshness::Fresh { Duration::ZERO } else { self.rest() }
    }

    fn adopt(&mut self, outcome: Result<Provided<T>, FetchError>, took: Duration) {
        match outcome {
            Ok(Provided { value, failure }) => {
                self.failed += u64::from(failure.is_some());
                self.failure = failure;
                // By a clock that may have been set back since the current one came: then both its times look later.
                let age = timestamp::now().duration_since(value.obtained_at());
                let is_of_this_attempt = age.is_ok_and(|age| age <= took);
                self.fetched_at = is_of_this_attempt.then(Instant::now);
                // The cache may hold something older, if it could not be written.
                let is_better = |current: &Arc<T>| {
                    is_of_this_attempt
                        || value.obtained_at() > current.obtained_at()
                        || value.ends_at() > current.ends_at()
                };
                if self.freshness() == Freshness::Expired || self.current.as_ref().is_none_or(is_better) {
                    self.current = Some(Arc::new(value));
                    self.adopted = (timestamp::now(), Instant::now());
                    self.fetched += 1;
                }
            }
            Err(error) => {
                self.failed += 1;
                self.failure = Some(self.failure_of(&error, took));
            }
        }
    }

    fn failure_of(&self, error: &FetchError, took: Duration) -> Failure {
        let consequence = error.consequence();
        let failures = self.failure.as_ref().map_or(0, |failure| failure.failures).saturating_add(1);
        let retry_after = consequence.retry_after;
        let pause = match &self.current {
            Some(current) if self.freshness() != Freshness::Expired => {
                let lifetime = current.lifetime();
                refresh::pause(&FailedAttempt { lifetime, failures, took, retry_after }, fastrand::f64())
            }
            _ => refresh::pause_without(failures, retry_after, fastrand::f64()),
        };
        let failed_at = timestamp::now();
        let (kind, message) = (consequence.kind, error.to_string());
        let asked_to_wait = retry_after.is_some();
        Failure { failed_at, not_before: failed_at + pause, failures, asked_to_wait, kind, message }
    }
}

/// The running task of one identity; ends when dropped.
pub(crate) struct Keeper<T> {
    state: watch::Receiver<State<T>>,
    wake: Arc<Notify>,
    heartbeat: Arc<Heartbeat>,
    orders: Arc<Mutex<Orders<T>>>,
    task: JoinHandle<()>,
}

/// What the keeper tells its task, and hears from it.
struct Orders<T> {
    fetch: Fetch<T>,
    /// The configuration is new since the last attempt.
    is_reloaded: bool,
    attempted_at: Option<Instant>,
}

impl<T> Orders<T> {
    /// How long no reload brings an attempt.
    fn rest(&self) -> Duration {
        AFTER_A_RELOAD.saturating_sub(self.attempted_at.map_or(AFTER_A_RELOAD, |at| at.elapsed()))
    }
}

fn lock<T>(orders: &Mutex<Orders<T>>) -> MutexGuard<'_, Orders<T>> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When the task came round last.
struct Heartbeat(Mutex<Instant>);

impl Heartbeat {
    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T: Perishable> Keeper<T> {
    /// Starts with what there is already, if anything. `attempted_at` is when the one whose place it takes has last
    /// fetched. Must be called inside of a runtime.
    pub(crate) fn start(fetch: Fetch<T>, initial: Option<Arc<T>>, attempted_at: Option<Instant>, log: Log) -> Self {
        let (publish, state) = watch::channel(State::new(initial));
        let wake = Arc::new(Notify::new());
        let heartbeat = Arc::new(Heartbeat(Mutex::new(Instant::now())));
        let orders = Orders { fetch, is_reloaded: attempted_at.is_some(), attempted_at };
        let orders = Arc::new(Mutex::new(orders));
        let task = tokio::spawn(keep(Arc::clone(&orders), publish, Arc::clone(&wake), Arc::clone(&heartbeat), log));
        Self { state, wake, heartbeat, orders, task }
    }

    /// Whether it still does its work. One that does not will never fetch again: a reason for a watchdog to bite.
    pub(crate) fn is_alive(&self) -> bool {
        !self.task.is_finished() && self.heartbeat.age() < LONGEST_SILENCE
    }

    /// Goes on with a new configuration of the same identity, and tries it soon if the old one has failed.
    pub(crate) fn reload(&self, fetch: Fetch<T>) {
        let mut orders = lock(&self.orders);
        orders.fetch = fetch;
        orders.is_reloaded = true;
        self.wake.notify_one();
    }

    pub(crate) fn attempted_at(&self) -> Option<Instant> {
        lock(&self.orders).attempted_at
    }

    /// For looking at it, and for waiting until it changes.
    pub(crate) fn state(&self) -> &watch::Receiver<State<T>> {
        &self.state
    }

    /// The best there is, at once while it has a while to live; else the caller waits a little for something fresher,
    /// as long as that may come.
    ///
    /// # Errors
    /// The reason, when there are no valid credentials.
    pub(crate) async fn current(&self) -> Result<Arc<T>, Option<Failure>> {
        let asked_at = tokio::time::Instant::now();
        let mut state = self.state.clone();
        let mut is_waiting = true;
        loop {
            let (freshness, current, pause, failure) = {
                let state = state.borrow_and_update();
                (state.freshness(), state.current.clone(), state.pause(), state.failure.clone())
            };
            // Judged again after each wait: they may have expired meanwhile.
            let valid = current.filter(|_| freshness != Freshness::Expired);
            let is_good = matches!(freshness, Freshness::Fresh | Freshness::Refreshable);
            if is_good || pause.is_some() || !is_waiting {
                return valid.ok_or(failure);
            }
            self.wake.notify_one();
            let deadline = asked_at + if valid.is_some() { DEADLINE_WHILE_VALID } else { DEADLINE };
            is_waiting = matches!(timeout_at(deadline, state.changed()).await, Ok(Ok(())));
        }
    }
}

async fn keep<T: Perishable>(
    orders: Arc<Mutex<Orders<T>>>,
    publish: watch::Sender<State<T>>,
    wake: Arc<Notify>,
    heartbeat: Arc<Heartbeat>,
    log: Log,
) {
    loop {
        heartbeat.beat();
        let rest = rest(&publish.borrow(), &lock(&orders));
        if !rest.is_zero() {
            tokio::select! {
                () = sleep(rest.min(LONGEST_NAP)) => {}
                () = wake.notified() => {}
            }
            continue;
        }
        let permit = timeout(PERMIT_DEADLINE, PERMITS.acquire()).await;
        let began = Instant::now();
        let (fetch, now) = (begin(&orders), publish.borrow().now());
        let outcome = on_a_thread(fetch, now).await;
        drop(permit);
        lock(&orders).attempted_at = Some(Instant::now());
        if let Err(error) = &outcome {
            log.warn(error);
        }
        publish.send_modify(|state| state.adopt(outcome, began.elapsed()));
        if publish.borrow().rest().is_zero() {
            sleep(NEXT_LOOK).await;
        }
    }
}

fn rest<T: Perishable>(state: &State<T>, orders: &Orders<T>) -> Duration {
    if orders.is_reloaded { state.rest_after_a_reload().max(orders.rest()) } else { state.rest() }
}

fn begin<T>(orders: &Mutex<Orders<T>>) -> Fetch<T> {
    let mut orders = lock(orders);
    orders.is_reloaded = false;
    orders.attempted_at = Some(Instant::now());
    Arc::clone(&orders.fetch)
}

/// Not the runtime's blocking threads: where none can be had, those panic, and the keeper would end with them.
async fn on_a_thread<T: Perishable>(fetch: Fetch<T>, now: SystemTime) -> Result<Provided<T>, FetchError> {
    let (done, outcome) = oneshot::channel();
    let fetching = move || {
        // The keeper may have ended meanwhile.
        let _ = done.send(fetch(now));
    };
    thread::Builder::new().name("fetch".to_owned()).spawn(fetching).map_err(FetchError::Thread)?;
    // A thread that ends without an outcome has panicked: a bug, and no reason to stop serving what there is.
    outcome.await.unwrap_or(Err(FetchError::Bug))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::credentials::Credentials;
    use crate::secret::Secret;
    use environment::{LogFormat, LogLevel};

    const HOUR: Duration = Duration::from_secs(3600);

    fn credentials(key: &str, age: Duration, lifetime: Duration) -> Credentials {
        let obtained_at = timestamp::now() - age;
        Credentials {
            access_key_id: key.to_owned(),
            secret_access_key: Secret::new("secret".to_owned()),
            session_token: Secret::new("token".to_owned()),
            expires_at: obtained_at + lifetime,
            obtained_at,
            obtained_at_uptime_millis: None,
            clock_offset_millis: 0,
            account_id: None,
            region: None,
        }
    }

    fn failure() -> FetchError {
        FetchError::Busy { what: "credentials", waited: HOUR }
    }

    fn key(state: &State<Credentials>) -> Option<&str> {
        state.current.as_ref().map(|current| current.access_key_id.as_str())
    }

    /// Else it would be fetched again and again, for nothing, until the current ones have ended.
    #[test]
    fn what_was_fetched_after_the_clock_was_set_back_is_better() {
        let mut state = State::new(None);
        let mut by_a_wrong_clock = credentials("ASIA1", Duration::ZERO, HOUR);
        by_a_wrong_clock.obtained_at += 2 * HOUR;
        by_a_wrong_clock.expires_at += 2 * HOUR;
        state.adopt(Ok(Provided::new(by_a_wrong_clock)), Duration::ZERO);
        state.adopt(Ok(Provided::new(credentials("ASIA2", HOUR / 60, HOUR))), HOUR / 120);
        assert_eq!(key(&state), Some("ASIA1"), "from the cache, and as old as that or older");
        state.adopt(Ok(Provided::new(credentials("ASIA3", Duration::from_secs(1), HOUR))), Duration::from_secs(2));
        assert_eq!(key(&state), Some("ASIA3"));
        assert!(!state.rest().is_zero());
    }

    #[test]
    fn what_is_there_stays_until_there_is_something_better() {
        let mut state = State::new(None);
        assert!(state.rest().is_zero());
        state.adopt(Err(failure()), Duration::ZERO);
        assert!(state.rest() >= Duration::from_millis(400), "it does not try again at once");
        state.adopt(Ok(Provided::new(credentials("ASIA1", HOUR / 3, HOUR))), Duration::ZERO);
        assert_eq!((key(&state), state.pause()), (Some("ASIA1"), None));
        assert!(state.rest() > HOUR / 10 && state.rest() < HOUR / 4, "the refresh point is near half of the life");
        state.adopt(Err(failure()), Duration::ZERO);
        assert_eq!(key(&state), Some("ASIA1"));
        state.adopt(Ok(Provided::new(credentials("ASIA0", HOUR / 2, HOUR))), Duration::ZERO);
        assert_eq!(key(&state), Some("ASIA1"), "a cache that could not be written answers with what it had");
        state.adopt(Ok(Provided::new(credentials("ASIA2", Duration::ZERO, HOUR / 2))), Duration::ZERO);
        assert_eq!(key(&state), Some("ASIA2"));
        assert_eq!((state.fetched, state.failed), (2, 2));
    }

    #[test]
    fn what_ends_at_once_is_not_fetched_again_and_again() {
        for lifetime in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(1)] {
            let mut state = State::new(None);
            state.adopt(Ok(Provided::new(credentials("ASIA1", Duration::ZERO, lifetime))), LEAST_INTERVAL);
            assert!(state.rest() > LEAST_INTERVAL / 2, "{lifetime:?}");
        }
        // What the cache holds is no fetch: fresher ones are fetched at once.
        let mut state = State::new(None);
        state.adopt(Ok(Provided::new(credentials("ASIA1", HOUR / 60 * 59, HOUR))), LEAST_INTERVAL);
        assert!(state.rest().is_zero());
    }

    #[test]
    fn time_that_has_passed_counts_when_the_clock_is_set_back() {
        let mut state = State::new(None);
        state.adopt(Ok(Provided::new(credentials("ASIA1", Duration::ZERO, HOUR))), Duration::ZERO);
        assert_eq!(state.freshness(), Freshness::Fresh);
        // As if the wall clock had said an hour more when they came.
        state.adopted.0 += HOUR;
        assert_eq!(state.freshness(), Freshness::Expired);
        assert!(state.rest().is_zero());
    }

    fn keeper(results: Vec<Result<Credentials, FetchError>>) -> (Keeper<Credentials>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let results = std::sync::Mutex::new(results.into_iter());
        let counted = Arc::clone(&calls);
        let fetch: Fetch<Credentials> = Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            results.lock().unwrap().next().unwrap_or_else(|| Err(failure())).map(Provided::new)
        });
        (Keeper::start(fetch, None, None, Log::of_command("credvend", LogFormat::Text, LogLevel::Error)), calls)
    }

    /// A bug in a fetch is a failed refresh, and the keeper goes on.
    #[tokio::test]
    async fn a_fetch_that_panics_is_a_failure_like_any_other() {
        let fetch: Fetch<Credentials> = Arc::new(|_| panic!("a test's own"));
        let keeper = Keeper::start(fetch, None, None, Log::of_command("credvend", LogFormat::Text, LogLevel::Error));
        let failure = keeper.current().await.err().unwrap().unwrap();
        assert!(failure.message.contains("bug"), "{}", failure.message);
        assert!(keeper.is_alive());
    }

    #[tokio::test]
    async fn a_keeper_that_has_ended_or_hangs_is_not_alive() {
        let (keeper, _) = keeper(vec![Ok(credentials("ASIA1", Duration::ZERO, HOUR))]);
        assert!(keeper.is_alive());
        *keeper.heartbeat.0.lock().unwrap() = Instant::now().checked_sub(LONGEST_SILENCE).unwrap();
        assert!(!keeper.is_alive());
        keeper.heartbeat.beat();
        keeper.task.abort();
        while !keeper.task.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(!keeper.is_alive());
    }

    #[tokio::test]
    async fn a_crowd_waits_for_one_fetch() {
        let (keeper, calls) = keeper(vec![Ok(credentials("ASIA1", Duration::ZERO, HOUR))]);
        let crowd = futures_util::future::join_all((0..500).map(|_| keeper.current())).await;
        assert!(crowd.iter().all(|found| found.as_ref().is_ok_and(|found| found.access_key_id == "ASIA1")));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn who_cannot_be_helped_is_told_why_and_does_not_hammer() {
        let (keeper, calls) = keeper(vec![]);
        for _ in 0..100 {
            let failure = keeper.current().await.err().unwrap().unwrap();
            assert!(failure.message.contains("another process"));
        }
        assert!(calls.load(Ordering::SeqCst) < 10, "a pause follows each failure");
    }

    #[tokio::test]
    async fn those_about_to_end_are_replaced_while_callers_ask() {
        let urgent = credentials("ASIA1", Duration::from_secs(3300), HOUR);
        let (keeper, calls) = keeper(vec![Ok(urgent), Ok(credentials("ASIA2", Duration::ZERO, HOUR))]);
        let deadline = Instant::now() + HOUR / 60;
        // Each call waits for fresher ones for a while; a busy machine may take longer.
        while keeper.current().await.unwrap_or_else(|_| panic!()).access_key_id != "ASIA2" {
            assert!(Instant::now() < deadline);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
}
