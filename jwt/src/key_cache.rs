//! When to fetch an issuer's keys, and which keys to trust meanwhile: a state machine without a clock or a socket.
//!
//! | age of the keys | known `kid` | unknown `kid` |
//! |---|---|---|
//! | under 5 min | used | one refetch per 10 s |
//! | 5–10 min | used, refetched in the background | the same |
//! | 10 min – maximum | used after a refetch was tried | the same |
//! | over the maximum, or no keys | unavailable until a refetch succeeds | the same |
//!
//! A withdrawn key is therefore dead within ten minutes, and an outage of the issuer is unseen up to the maximum.
//! The slot for a fetch is taken *before* it starts and is not given back when it fails or brings no keys, so a flood
//! of unknown `kid`s or a dead issuer costs one request in ten seconds.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::jwk::{JwkSet, VerificationKey};

/// From this age on, keys are refetched while they are being used.
pub const REFRESH_AFTER: Duration = Duration::from_secs(5 * 60);
/// From this age on, a refetch is tried before the keys are used again.
pub const REFETCH_BEFORE_USE_AFTER: Duration = Duration::from_secs(10 * 60);
/// The least time between the starts of two fetches.
pub const COOL_DOWN: Duration = Duration::from_secs(10);
/// A fetch that has not reported back after this time is taken for dead: its process was frozen meanwhile.
const FETCH_ABANDONED_AFTER: Duration = Duration::from_secs(10);

/// A point in time on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Calendar time: runs on while a Lambda is frozen, and may be set back.
    pub wall: SystemTime,
    /// Time since some fixed start: never goes back, and stands still while a Lambda is frozen.
    pub monotonic: Duration,
}

impl Moment {
    /// Time since `earlier`: the larger of what the two clocks say, so that neither can make old keys young.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        wall.max(self.monotonic.saturating_sub(earlier.monotonic))
    }
}

/// What to do for a token's `kid`.
#[derive(Clone)]
pub enum Lookup {
    /// Use this key.
    Use(Arc<VerificationKey>),
    /// Use this key, and fetch the set in the background: the slot is taken.
    UseAndFetch(Arc<VerificationKey>, Slot),
    /// Fetch the set and look again: the slot is taken.
    Fetch(Slot),
    /// A fetch is under way: wait for it and look again.
    Wait,
    /// The issuer's current set has no such key.
    UnknownKey,
    /// There are no keys that may be trusted, or the key may be newer than the last fetch that succeeded.
    Unavailable,
}

/// The right to one fetch, and when it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(Moment);

/// The keys of one issuer and the state of fetching them.
pub struct KeyCache {
    max_stale: Duration,
    held: Option<Held>,
    attempt: Option<Attempt>,
}

struct Held {
    set: JwkSet,
    fetched: Moment,
}

struct Attempt {
    slot: Slot,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    UnderWay,
    Succeeded,
    Failed,
}

impl KeyCache {
    /// An empty cache whose keys are trusted for at most `max_stale` after they were fetched.
    #[must_use]
    pub fn new(max_stale: Duration) -> Self {
        Self { max_stale, held: None, attempt: None }
    }

    /// Decides about one `kid`. [`Lookup::Fetch`] and [`Lookup::UseAndFetch`] oblige the caller to fetch and then to
    /// call [`KeyCache::store`] or [`KeyCache::fetch_failed`].
    pub fn look_up(&mut self, key_id: &str, now: Moment) -> Lookup {
        let trusted = self.held.as_ref().filter(|held| now.since(held.fetched) <= self.max_stale);
        let Some(held) = trusted else {
            return self.fetch_or(Lookup::Unavailable, now);
        };
        let age = now.since(held.fetched);
        let Some(key) = held.set.key(key_id).cloned() else {
            let last_fetch_failed = self.attempt.as_ref().is_some_and(|attempt| attempt.outcome == Outcome::Failed);
            return self.fetch_or(if last_fetch_failed { Lookup::Unavailable } else { Lookup::UnknownKey }, now);
        };
        if age >= REFETCH_BEFORE_USE_AFTER {
            self.fetch_or(Lookup::Use(key), now)
        } else if age >= REFRESH_AFTER
            && let Some(slot) = self.take_slot(now)
        {
            Lookup::UseAndFetch(key, slot)
        } else {
            Lookup::Use(key)
        }
    }

    /// The last good key of that `kid`, if it may still be trusted: for callers that waited for a fetch which failed.
    #[must_use]
    pub fn held_key(&self, key_id: &str, now: Moment) -> Option<Arc<VerificationKey>> {
        let held = self.held.as_ref().filter(|held| now.since(held.fetched) <= self.max_stale)?;
        held.set.key(key_id).cloned()
    }

    /// Takes the slot for a fetch without a token asking for it: at start, by a timer, or by a readiness check.
    /// `None` while the keys are young, or a fetch is under way or was tried within the cool-down.
    pub fn refresh_is_due(&mut self, now: Moment) -> Option<Slot> {
        let young = self.held.as_ref().is_some_and(|held| now.since(held.fetched) < REFRESH_AFTER);
        if young { None } else { self.take_slot(now) }
    }

    /// A fetch brought this set. It is as old as its request: the response may have waited unread while a Lambda was frozen.
    pub fn store(&mut self, slot: Slot, set: JwkSet) {
        if self.finish(slot, Outcome::Succeeded) {
            self.held = Some(Held { set, fetched: slot.0 });
        }
    }

    /// A fetch failed or brought no usable key; what is held stays.
    pub fn fetch_failed(&mut self, slot: Slot) {
        self.finish(slot, Outcome::Failed);
    }

    /// Age of the keys, if there are any and they may still be trusted.
    #[must_use]
    pub fn trusted_age(&self, now: Moment) -> Option<Duration> {
        let age = now.since(self.held.as_ref()?.fetched);
        (age <= self.max_stale).then_some(age)
    }

    fn fetch_or(&mut self, otherwise: Lookup, now: Moment) -> Lookup {
        if self.is_under_way(now) { Lookup::Wait } else { self.take_slot(now).map_or(otherwise, Lookup::Fetch) }
    }

    fn take_slot(&mut self, now: Moment) -> Option<Slot> {
        let cooling_down = self.attempt.as_ref().is_some_and(|attempt| now.since(attempt.slot.0) < COOL_DOWN);
        if cooling_down {
            return None;
        }
        let slot = Slot(now);
        self.attempt = Some(Attempt { slot, outcome: Outcome::UnderWay });
        Some(slot)
    }

    fn is_under_way(&self, now: Moment) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| {
            attempt.outcome == Outcome::UnderWay && now.since(attempt.slot.0) < FETCH_ABANDONED_AFTER
        })
    }

    /// `false` for a fetch that was given up long ago: a later one has taken its place.
    fn finish(&mut self, slot: Slot, outcome: Outcome) -> bool {
        match &mut self.attempt {
            Some(attempt) if attempt.slot == slot => {
                attempt.outcome = outcome;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const KEY_SET: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"KID",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

    fn keys(key_id: &str) -> JwkSet {
        JwkSet::parse(KEY_SET.replace("KID", key_id).as_bytes()).unwrap()
    }

    fn at(seconds: u64) -> Moment {
        let since_start = Duration::from_secs(seconds);
        Moment {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + since_start,
            monotonic: since_start,
        }
    }

    /// The slot that a look-up has given out.
    fn fetch(cache: &mut KeyCache, key_id: &str, seconds: u64) -> Slot {
        match cache.look_up(key_id, at(seconds)) {
            Lookup::Fetch(slot) | Lookup::UseAndFetch(_, slot) => slot,
            other => panic!("no slot but {}", name(&other)),
        }
    }

    fn holding_a() -> KeyCache {
        let mut cache = KeyCache::new(Duration::from_secs(6 * HOUR));
        let slot = cache.refresh_is_due(at(0)).unwrap();
        cache.store(slot, keys("a"));
        cache
    }

    fn name(lookup: &Lookup) -> &'static str {
        match lookup {
            Lookup::Use(_) => "use",
            Lookup::UseAndFetch(..) => "use and fetch",
            Lookup::Fetch(_) => "fetch",
            Lookup::Wait => "wait",
            Lookup::UnknownKey => "unknown",
            Lookup::Unavailable => "unavailable",
        }
    }

    fn look_up(cache: &mut KeyCache, key_id: &str, seconds: u64) -> &'static str {
        name(&cache.look_up(key_id, at(seconds)))
    }

    #[test]
    fn the_first_caller_fetches_and_the_others_wait() {
        let mut cache = KeyCache::new(Duration::from_secs(HOUR));
        let slot = fetch(&mut cache, "a", 0);
        assert_eq!(look_up(&mut cache, "a", 1), "wait");
        cache.store(slot, keys("a"));
        assert_eq!(look_up(&mut cache, "a", 2), "use");
    }

    #[test]
    fn a_flood_of_unknown_key_ids_costs_one_fetch_in_ten_seconds() {
        let mut cache = holding_a();
        let mut fetches = 0;
        for second in 11..111 {
            for _ in 0..100 {
                if let Lookup::Fetch(slot) = cache.look_up("forged", at(second)) {
                    fetches += 1;
                    cache.store(slot, keys("a"));
                }
            }
            assert_eq!(look_up(&mut cache, "a", second), "use");
        }
        assert_eq!(fetches, 10);
    }

    #[test]
    fn a_failed_or_empty_fetch_keeps_its_slot_and_the_keys() {
        let mut cache = holding_a();
        let slot = fetch(&mut cache, "b", 20);
        cache.fetch_failed(slot);
        assert_eq!(look_up(&mut cache, "b", 21), "unavailable");
        assert_eq!(look_up(&mut cache, "a", 21), "use");
        let slot = fetch(&mut cache, "b", 30);
        cache.store(slot, keys("b"));
        assert_eq!(look_up(&mut cache, "b", 30), "use");
        assert_eq!(look_up(&mut cache, "a", 30), "unknown");
    }

    #[test]
    fn nothing_held_and_nothing_to_be_had_is_unavailable_not_unknown() {
        let mut cache = KeyCache::new(Duration::from_secs(HOUR));
        let slot = fetch(&mut cache, "a", 0);
        cache.fetch_failed(slot);
        assert_eq!(look_up(&mut cache, "a", 9), "unavailable");
        assert_eq!(cache.refresh_is_due(at(9)), None, "no way around the cool-down");
        assert_eq!(look_up(&mut cache, "a", 10), "fetch");
    }

    #[test]
    fn keys_are_refreshed_behind_the_callers_then_before_them_and_die_at_the_maximum() {
        let mut cache = holding_a();
        assert_eq!(look_up(&mut cache, "a", 299), "use");
        let slot = fetch(&mut cache, "a", 300);
        assert_eq!(look_up(&mut cache, "a", 301), "use");
        cache.fetch_failed(slot);
        let slot = fetch(&mut cache, "a", 600);
        assert_eq!(look_up(&mut cache, "a", 601), "wait");
        assert!(cache.held_key("a", at(603)).is_some(), "a wait in vain ends with the last good key");
        cache.fetch_failed(slot);
        assert_eq!(look_up(&mut cache, "a", 601), "use");
        let slot = fetch(&mut cache, "a", 6 * HOUR);
        cache.fetch_failed(slot);
        assert_eq!(look_up(&mut cache, "a", 6 * HOUR), "use");
        assert_eq!(look_up(&mut cache, "a", 6 * HOUR + 1), "unavailable");
        assert!(cache.held_key("a", at(6 * HOUR + 1)).is_none());
        assert_eq!(cache.trusted_age(at(6 * HOUR + 1)), None);
    }

    #[test]
    fn a_withdrawn_key_is_dead_after_the_next_fetch() {
        let mut cache = holding_a();
        let slot = fetch(&mut cache, "a", 600);
        cache.store(slot, keys("b"));
        assert_eq!(look_up(&mut cache, "a", 600), "unknown");
    }

    #[test]
    fn neither_a_frozen_monotonic_clock_nor_a_wall_clock_set_back_makes_keys_young() {
        let thawed = Moment { wall: at(7 * HOUR).wall, monotonic: at(1).monotonic };
        assert_eq!(name(&holding_a().look_up("a", thawed)), "fetch");
        let set_back = Moment { wall: SystemTime::UNIX_EPOCH, monotonic: at(7 * HOUR).monotonic };
        assert_eq!(name(&holding_a().look_up("a", set_back)), "fetch");
    }

    #[test]
    fn a_fetch_that_never_reports_back_does_not_block_the_next() {
        let mut cache = KeyCache::new(Duration::from_secs(HOUR));
        assert_eq!(look_up(&mut cache, "a", 0), "fetch");
        assert_eq!(look_up(&mut cache, "a", 9), "wait");
        assert_eq!(look_up(&mut cache, "a", 10), "fetch");
    }

    #[test]
    fn an_answer_that_lay_frozen_is_as_old_as_its_request_and_does_not_undo_a_later_one() {
        let mut cache = holding_a();
        let frozen = fetch(&mut cache, "a", 300);
        let later = fetch(&mut cache, "a", 4000);
        cache.store(frozen, keys("a"));
        assert_eq!(look_up(&mut cache, "a", 4001), "wait", "the later fetch is still under way");
        cache.store(later, keys("b"));
        assert_eq!(look_up(&mut cache, "a", 4001), "unknown");
    }
}
