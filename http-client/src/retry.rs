//! How often, how soon and for how long to try again: a decision, not a sleep.

use std::time::{Duration, Instant};

/// First step of the exponential backoff.
const BASE: Duration = Duration::from_millis(100);
/// The longest backoff that is chosen freely; a server's `Retry-After` may ask for more.
const CAP: Duration = Duration::from_secs(5);

/// What one call may spend, all its requests together.
#[derive(Debug, Clone)]
pub struct Budget {
    deadline: Instant,
    requests_left: u32,
    failures: u32,
}

/// Nothing is left of a [`Budget`], or less than the server asks us to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no time is left for another request")]
pub struct Spent;

impl Budget {
    /// A budget that starts now.
    pub fn new(now: Instant, time: Duration, requests: u32) -> Self {
        Self { deadline: now + time, requests_left: requests, failures: 0 }
    }

    /// Takes one request out of the budget and says how long it may last.
    ///
    /// # Errors
    /// When no request or no time is left.
    pub fn take(&mut self, now: Instant) -> Result<Duration, Spent> {
        let time_left = self.deadline.saturating_duration_since(now);
        if self.requests_left == 0 || time_left.is_zero() {
            return Err(Spent);
        }
        self.requests_left -= 1;
        Ok(time_left)
    }

    /// How long to wait after a failure: full jitter (`random` in 0..1 of an exponentially growing step), and not
    /// before the server's `Retry-After` has passed.
    ///
    /// # Errors
    /// When the wait would outlast the budget. It is not shortened: coming back early is what the server asked us
    /// not to do, so the call ends at once instead.
    pub fn delay(&mut self, now: Instant, retry_after: Option<Duration>, random: f64) -> Result<Duration, Spent> {
        let step = BASE.saturating_mul(1 << self.failures.min(16)).min(CAP);
        self.failures += 1;
        let delay = retry_after.unwrap_or_default().saturating_add(step.mul_f64(random.clamp(0.0, 1.0)));
        if self.requests_left == 0 || delay >= self.deadline.saturating_duration_since(now) {
            return Err(Spent);
        }
        Ok(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 60 * SECOND, 12);
        let delays: Vec<u128> = (0..8).map(|_| budget.delay(now, None, 1.0).unwrap().as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn jitter_is_full() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 60 * SECOND, 12);
        assert_eq!(budget.delay(now, None, 0.0), Ok(Duration::ZERO));
        assert_eq!(budget.delay(now, None, 0.5), Ok(Duration::from_millis(100)));
    }

    #[test]
    fn requests_run_out() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 30 * SECOND, 2);
        assert_eq!(budget.take(now), Ok(30 * SECOND));
        assert_eq!(budget.take(now + SECOND), Ok(29 * SECOND));
        assert_eq!(budget.delay(now, None, 0.0), Err(Spent));
        assert_eq!(budget.take(now), Err(Spent));
    }

    #[test]
    fn time_runs_out() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 30 * SECOND, 12);
        assert_eq!(budget.take(now + 30 * SECOND), Err(Spent));
        assert_eq!(budget.delay(now + 30 * SECOND, None, 0.0), Err(Spent));
    }

    #[test]
    fn retry_after_is_waited_for_or_ends_the_call() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 30 * SECOND, 12);
        assert_eq!(budget.delay(now, Some(3 * SECOND), 1.0), Ok(Duration::from_millis(3100)));
        assert_eq!(budget.delay(now, Some(31 * SECOND), 0.0), Err(Spent));
        assert_eq!(budget.delay(now + 28 * SECOND, Some(3 * SECOND), 0.0), Err(Spent));
        assert_eq!(budget.delay(now, Some(Duration::MAX), 1.0), Err(Spent));
    }
}
