//! How long a connection may wait: short for the rest of a request's headers, long for the next request.
//!
//! Nothing here wakes the connection's task for a request: deadlines are looked at when they are due at the earliest, and not
//! each time that the connection goes on. Waking it four times a request cost more than reading one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::refusal::Refusal;

/// A client that sends one request after the other is not waiting.
const REST: Duration = Duration::from_millis(250);

/// Where a connection stands.
pub(crate) struct Pace {
    connected: Instant,
    state: Mutex<State>,
    /// There is a fault, or the responses before it are written.
    failed: Notify,
}

struct State {
    stage: Stage,
    /// The first bytes of the next request are here.
    has_half_a_head: bool,
    output: Output,
    /// Requests whose response was made.
    ended: u64,
    /// What came is not a request beyond doubt.
    fault: Option<Refusal>,
    /// The bytes are no longer HTTP's.
    is_switched: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// No request came yet; bytes of one may have.
    New,
    /// The last response was made then, and nothing of the next request is here.
    Idle(Instant),
    /// The first bytes of the next request were here then.
    HalfARequest(Instant),
    /// A request is being answered, and has its own deadlines.
    Answering,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Output {
    /// All responses are in the hands of the system.
    Quiet,
    /// The handler, or its response's body, is at work.
    Response,
    /// hyper has the whole response.
    Flushing,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let state = State {
            stage: Stage::New,
            has_half_a_head: false,
            output: Output::Quiet,
            ended: 0,
            fault: None,
            is_switched: false,
        };
        Self { connected: Instant::now(), state: Mutex::new(state), failed: Notify::new() }
    }

    pub(crate) fn request_begins(&self) {
        let mut state = self.state();
        state.output = Output::Response;
        state.stage = Stage::Answering;
    }

    /// The response is made to its end, or given up.
    pub(crate) fn request_ends(&self) {
        let mut state = self.state();
        state.output = Output::Flushing;
        state.ended += 1;
        let now = Instant::now();
        state.stage = if state.has_half_a_head { Stage::HalfARequest(now) } else { Stage::Idle(now) };
        let is_held = state.has_half_a_head;
        self.tell_of_fault(state);
        // What follows a request for another protocol is held until its response is made, and nothing else wakes who reads it.
        if is_held {
            self.failed.notify_waiters();
        }
    }

    /// Bytes came, or were handed on: whether those that are left are the beginning of a request.
    pub(crate) fn half_a_head(&self, is_here: bool) {
        let mut state = self.state();
        state.has_half_a_head = is_here;
        if is_here && matches!(state.stage, Stage::Idle(_)) {
            state.stage = Stage::HalfARequest(Instant::now());
        }
    }

    /// What came next is not a request beyond doubt.
    pub(crate) fn fail(&self, fault: Refusal) {
        let mut state = self.state();
        state.fault = Some(fault);
        self.tell_of_fault(state);
    }

    /// Waits until such a thing came, and the responses before it are written.
    pub(crate) async fn has_failed(&self) -> Refusal {
        loop {
            let failed = self.failed.notified();
            {
                let state = self.state();
                if let Some(fault) = state.fault
                    && state.output == Output::Quiet
                    && state.stage != Stage::Answering
                {
                    return fault;
                }
            }
            failed.await;
        }
    }

    /// The response switches to another protocol.
    pub(crate) fn switch(&self) {
        self.state().is_switched = true;
    }

    pub(crate) fn is_switched(&self) -> bool {
        self.state().is_switched
    }

    /// Number of requests whose response was made.
    pub(crate) fn ended(&self) -> u64 {
        self.state().ended
    }

    pub(crate) fn flushed(&self) {
        let mut state = self.state();
        if state.output == Output::Flushing {
            state.output = Output::Quiet;
            self.tell_of_fault(state);
        }
    }

    /// Whether no response is being made or written.
    pub(crate) fn is_quiet(&self) -> bool {
        self.state().output == Output::Quiet
    }

    /// Whether the connection is older than `lifetime`.
    pub(crate) fn is_over(&self, lifetime: Duration) -> bool {
        self.connected.elapsed() >= lifetime
    }

    /// Whether the peer owes the headers of a request: its first one, or one that has begun.
    pub(crate) fn awaits_headers(&self) -> bool {
        matches!(self.state().stage, Stage::New | Stage::HalfARequest(_))
    }

    /// Ends when nothing has happened for a while between two requests.
    pub(crate) async fn rests(&self) {
        loop {
            // A pause that begins later ends later.
            let since = self.idle_since();
            sleep_until(since.unwrap_or_else(Instant::now) + REST).await;
            if since.is_some() && self.idle_since() == since {
                return;
            }
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        match *self.state() {
            State { stage: Stage::Idle(since), output: Output::Quiet, fault: None, .. } => Some(since),
            _ => None,
        }
    }

    /// Ends when the peer has kept the connection waiting for too long.
    pub(crate) async fn is_late(&self, headers_within: Duration, idle: Duration) {
        loop {
            let now = Instant::now();
            let deadline = self.state().stage.deadline(self.connected, headers_within, idle);
            if deadline.is_some_and(|deadline| deadline <= now) {
                return;
            }
            // What begins from now on has at least this time, so that no deadline is missed.
            let next = now + headers_within.min(idle);
            sleep_until(deadline.map_or(next, |deadline| deadline.min(next))).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_of_fault(&self, state: MutexGuard<'_, State>) {
        let has_failed = state.fault.is_some();
        drop(state);
        if has_failed {
            self.failed.notify_waiters();
        }
    }
}

impl Stage {
    fn deadline(self, connected: Instant, headers_within: Duration, idle: Duration) -> Option<Instant> {
        match self {
            Self::New => Some(connected + headers_within),
            Self::Idle(since) => Some(since + idle),
            Self::HalfARequest(since) => Some(since + headers_within),
            Self::Answering => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_request_may_take_long_and_its_headers_may_not() {
        let connected = Instant::now();
        let [short, long] = [10, 75].map(Duration::from_secs);
        let at = |seconds| connected + Duration::from_secs(seconds);
        for (stage, deadline) in [
            (Stage::New, Some(at(10))),
            (Stage::Idle(at(100)), Some(at(175))),
            (Stage::HalfARequest(at(100)), Some(at(110))),
            (Stage::Answering, None),
        ] {
            assert_eq!(stage.deadline(connected, short, long), deadline, "{stage:?}");
        }
    }

    #[test]
    fn half_a_head_counts_while_nothing_is_answered() {
        let pace = Pace::new();
        pace.half_a_head(true);
        assert_eq!(pace.state().stage, Stage::New, "the first request's time began with the connection");
        pace.half_a_head(false);
        pace.request_begins();
        assert_eq!(pace.state().stage, Stage::Answering);
        pace.request_ends();
        assert!(matches!(pace.state().stage, Stage::Idle(_)));
        pace.half_a_head(true);
        assert!(pace.awaits_headers());
        pace.half_a_head(false);
        pace.request_begins();
        assert!(!pace.awaits_headers());
        pace.half_a_head(true);
        pace.request_ends();
        assert!(matches!(pace.state().stage, Stage::HalfARequest(_)), "it came early");
    }

    #[test]
    fn a_response_is_there_until_it_is_flushed() {
        let pace = Pace::new();
        pace.flushed();
        assert!(pace.is_quiet());
        pace.request_begins();
        pace.flushed();
        assert!(!pace.is_quiet(), "that was a part of it");
        pace.request_ends();
        assert!(!pace.is_quiet());
        pace.flushed();
        assert!(pace.is_quiet());
    }
}
