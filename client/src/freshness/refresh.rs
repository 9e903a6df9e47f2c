//! When credentials are refreshed: decisions only, `now` is an argument.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::consequence::Kind;

/// What the age of credentials asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Use them.
    Fresh,
    /// Past half of their life: one process refreshes them, the others use them.
    Refreshable,
    /// About to end: wait for fresher ones, a little.
    Urgent,
    /// Of no use.
    Expired,
}

/// What can be kept: it was obtained, and it ends.
pub(crate) trait Perishable: Send + Sync + 'static {
    /// By this machine's clock.
    fn obtained_at(&self) -> SystemTime;

    /// By this machine's clock.
    fn ends_at(&self) -> SystemTime;

    /// Spreads the machines of a fleet, and has all processes of one machine decide alike.
    fn salt(&self) -> &str;

    /// So much time has passed for certain, whatever the clock says.
    fn least_age(&self) -> Duration {
        Duration::ZERO
    }

    /// What its age asks for.
    fn freshness(&self, now: SystemTime) -> Freshness {
        freshness(self.obtained_at(), self.ends_at(), self.salt(), now, self.least_age())
    }

    /// From when on a fresher one is fetched.
    fn refresh_at(&self) -> SystemTime {
        refresh_at(self.obtained_at(), self.ends_at(), self.salt())
    }

    /// How much of its life is left.
    fn left(&self, now: SystemTime) -> Duration {
        self.ends_at().duration_since(now.max(self.obtained_at() + self.least_age())).unwrap_or_default()
    }

    fn lifetime(&self) -> Duration {
        self.ends_at().duration_since(self.obtained_at()).unwrap_or_default()
    }
}

/// From here on, callers wait for fresher credentials; for short-lived ones a quarter of their life.
const URGENT: Duration = Duration::from_secs(600);
/// A token about to expire would not survive its way to the service; for short-lived ones a tenth of their life.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// Clocks are set back by a little all the time.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// A server that asks callers without credentials for a longer wait than this is asked again.
const MAX_ASKED: Duration = Duration::from_secs(300);

/// The end of an outage is noticed within this.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The refresh point lies between 45 and 50 % of the lifetime, so that an outage of half an hour stays unseen with
/// one-hour credentials. `salt` (the access key's id) spreads the machines of a fleet, yet lets all processes of a
/// machine decide alike. So much time as `least_age` has passed, whatever the clock says.
fn freshness(
    obtained_at: SystemTime,
    expires_at: SystemTime,
    salt: &str,
    now: SystemTime,
    least_age: Duration,
) -> Freshness {
    let clock = now;
    let now = clock.max(obtained_at + least_age);
    let left = expires_at.duration_since(now).unwrap_or_default();
    let lifetime = expires_at.duration_since(obtained_at).unwrap_or_default();
    // The clock has been set back since: how much of their life is left is not known.
    let is_from_the_future = obtained_at.duration_since(clock).is_ok_and(|ahead| ahead > CLOCK_TOLERANCE);
    if left.is_zero() {
        Freshness::Expired
    } else if left <= URGENT.min(lifetime / 4) {
        Freshness::Urgent
    } else if is_from_the_future || now >= refresh_at(obtained_at, expires_at, salt) {
        Freshness::Refreshable
    } else {
        Freshness::Fresh
    }
}

/// From when on fresher ones are fetched.
fn refresh_at(obtained_at: SystemTime, expires_at: SystemTime, salt: &str) -> SystemTime {
    let lifetime = expires_at.duration_since(obtained_at).unwrap_or_default();
    expires_at - lifetime.mul_f64(0.5 + 0.05 * spread(salt))
}

/// Whether a token is worth sending.
pub(crate) fn is_token_usable(obtained_at: SystemTime, expires_at: SystemTime, now: SystemTime) -> bool {
    let lifetime = expires_at.duration_since(obtained_at).unwrap_or_default();
    expires_at.duration_since(now).is_ok_and(|left| left > TOKEN_MARGIN.min(lifetime / 10))
}

/// What a caller gets, and why it is not fresher where it could be.
pub(crate) struct Provided<T> {
    pub(crate) value: T,
    /// The last refresh failed, and the value is what there was before it.
    pub(crate) failure: Option<Failure>,
}

impl<T> Provided<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, failure: None }
    }
}

/// A refresh that failed while the credentials were still valid, or a first fetch that failed: told to the other
/// processes through the cache directory.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// When.
    #[serde(with = "crate::timestamp")]
    pub(crate) failed_at: SystemTime,
    /// No earlier than this a caller with valid credentials tries again.
    #[serde(with = "crate::timestamp")]
    pub(crate) not_before: SystemTime,
    /// In a row.
    pub(crate) failures: u32,
    /// `not_before` is the server's own word (`Retry-After`): callers without credentials heed it as well.
    #[serde(default)]
    pub(crate) asked_to_wait: bool,
    /// What it was.
    pub(crate) kind: Kind,
    /// In words.
    pub(crate) message: String,
}

/// What a failed refresh was like.
pub(crate) struct FailedAttempt {
    /// Of the credentials that are still there; zero where there are none.
    pub(crate) lifetime: Duration,
    /// Failures in a row, this one included.
    pub(crate) failures: u32,
    /// What the caller waited in vain.
    pub(crate) took: Duration,
    /// What the server asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// How long callers with valid credentials leave the services alone after a failure: from 5 s on, doubling up to 30 s
/// for one-hour credentials, in proportion for shorter ones; and four times as long as the caller has just waited, so
/// that services which hang rather than refuse cost a program no more than a fifth of its time. A program that asks
/// every second neither waits each time nor hammers what is down, and the end of an outage is noticed soon. `random` (0
/// to 1) takes off up to half, so that a fleet does not return at once.
pub(crate) fn pause(attempt: &FailedAttempt, random: f64) -> Duration {
    let longest = (attempt.lifetime / 120).min(MAX_PAUSE);
    let backoff = (longest / 6).saturating_mul(1 << attempt.failures.saturating_sub(1).min(8)).min(longest);
    let pause = backoff.mul_f64(1.0 - random / 2.0).max((attempt.took * 4).min(MAX_PAUSE));
    // Beyond the credentials' end the word of the server no longer counts: then a caller has nothing else to do.
    let longest_asked = if attempt.lifetime.is_zero() { MAX_ASKED } else { attempt.lifetime };
    attempt.retry_after.unwrap_or_default().min(longest_asked).max(pause)
}

/// How long one who keeps at it, and has nothing to lose, waits after so many failures in a row: from 1 s on, doubling
/// up to 30 s, or longer where the server asks for it.
pub(crate) fn pause_without(failures: u32, retry_after: Option<Duration>, random: f64) -> Duration {
    let backoff = Duration::from_secs(1 << failures.saturating_sub(1).min(5)).min(MAX_PAUSE);
    retry_after.unwrap_or_default().min(MAX_ASKED).max(backoff.mul_f64(1.0 - random / 2.0))
}

/// FNV-1a, to 0..1.
fn spread(salt: &str) -> f64 {
    let hash = salt.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    f64::from(hash) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(age: Duration, lifetime: Duration, salt: &str) -> Freshness {
        let obtained_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        freshness(obtained_at, obtained_at + lifetime, salt, obtained_at + age, Duration::ZERO)
    }

    #[test]
    fn one_hour_credentials() {
        for salt in ["ASIAEXAMPLE0", "ASIAEXAMPLE1", "x", ""] {
            assert_eq!(at(Duration::ZERO, 60 * MINUTE, salt), Freshness::Fresh);
            assert_eq!(at(26 * MINUTE, 60 * MINUTE, salt), Freshness::Fresh);
            assert_eq!(at(30 * MINUTE, 60 * MINUTE, salt), Freshness::Refreshable);
            assert_eq!(at(49 * MINUTE, 60 * MINUTE, salt), Freshness::Refreshable);
            assert_eq!(at(50 * MINUTE, 60 * MINUTE, salt), Freshness::Urgent);
            assert_eq!(at(60 * MINUTE, 60 * MINUTE, salt), Freshness::Expired);
            assert_eq!(at(90 * MINUTE, 60 * MINUTE, salt), Freshness::Expired);
        }
    }

    #[test]
    fn machines_are_spread_over_the_window() {
        let refreshing = (0..100)
            .filter(|n| at(28 * MINUTE + MINUTE / 2, 60 * MINUTE, &format!("ASIA{n}")) == Freshness::Refreshable)
            .count();
        assert!((25..75).contains(&refreshing), "{refreshing}");
    }

    #[test]
    fn short_lived_credentials_are_fresh_first_too() {
        for lifetime in [15 * MINUTE, Duration::from_secs(30), Duration::from_secs(4)] {
            assert_eq!(at(Duration::ZERO, lifetime, "a"), Freshness::Fresh);
            assert_eq!(at(lifetime / 2, lifetime, "a"), Freshness::Refreshable);
            assert_eq!(at(lifetime * 4 / 5, lifetime, "a"), Freshness::Urgent);
            assert_eq!(at(lifetime, lifetime, "a"), Freshness::Expired);
        }
    }

    #[test]
    fn a_token_is_used_up_to_its_margin() {
        let start = SystemTime::UNIX_EPOCH;
        let usable = |lifetime: u64, age: u64| {
            is_token_usable(start, start + Duration::from_secs(lifetime), start + Duration::from_secs(age))
        };
        assert!(usable(3600, 3539) && !usable(3600, 3540) && !usable(3600, 9999));
        assert!(usable(20, 17) && !usable(20, 18));
        assert!(!usable(0, 0));
    }

    #[test]
    fn a_clock_that_was_set_back_proves_nothing() {
        let at = SystemTime::UNIX_EPOCH + 100 * MINUTE;
        let seen = |back: Duration| freshness(at, at + 60 * MINUTE, "a", at - back, Duration::ZERO);
        assert_eq!(seen(Duration::from_secs(59)), Freshness::Fresh);
        assert_eq!(seen(Duration::from_secs(61)), Freshness::Refreshable);
    }

    #[test]
    fn one_with_nothing_to_lose_keeps_trying() {
        let seconds = |failures, retry_after: Option<u64>| {
            pause_without(failures, retry_after.map(Duration::from_secs), 0.0).as_secs()
        };
        assert_eq!([1, 2, 3, 6, 99].map(|failures| seconds(failures, None)), [1, 2, 4, 30, 30]);
        assert_eq!([seconds(1, Some(7)), seconds(1, Some(9999))], [7, 300]);
        assert_eq!(pause_without(1, None, 1.0), Duration::from_millis(500));
    }

    #[test]
    fn pauses_grow_and_stay_short() {
        let seconds = |failures, took, retry_after: Option<u64>| {
            let (took, retry_after) = (Duration::from_secs(took), retry_after.map(Duration::from_secs));
            pause(&FailedAttempt { lifetime: 60 * MINUTE, failures, took, retry_after }, 0.0).as_secs()
        };
        assert_eq!([1, 2, 3, 4, 99].map(|failures| seconds(failures, 0, None)), [5, 10, 20, 30, 30]);
        assert_eq!(seconds(1, 0, Some(120)), 120);
        assert_eq!(seconds(1, 0, Some(1)), 5);
        assert_eq!(seconds(1, 5, None), 20);
        assert_eq!(seconds(1, 60, None), 30);
        let short = FailedAttempt { lifetime: MINUTE / 2, failures: 1, took: Duration::ZERO, retry_after: None };
        assert_eq!([0.0, 1.0].map(|random| pause(&short, random).as_millis()), [41, 20]);
    }
}
