//! How long a connection may wait: short for the rest of a request's headers, long for the next request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::input::Input;

/// Where a connection stands.
pub(crate) struct Pace {
    connected: Instant,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    stage: Stage,
    input: Input,
    /// Of the last request; `None` for a chunked one.
    body_length: Option<u64>,
    output: Output,
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
        let state = State { stage: Stage::New, input: Input::new(), body_length: None, output: Output::Quiet };
        Self { connected: Instant::now(), state: Mutex::new(state), changed: Notify::new() }
    }

    /// `body_length`: `None` where only the body's end will tell.
    pub(crate) fn request_begins(&self, body_length: Option<u64>) {
        let mut state = self.state();
        (state.body_length, state.output) = (body_length, Output::Response);
        self.enter(state, Stage::Answering);
    }

    /// The response is made to its end, or given up.
    pub(crate) fn request_ends(&self) {
        let mut state = self.state();
        state.output = Output::Flushing;
        let (now, body_length) = (Instant::now(), state.body_length);
        let is_idle = state.input.end_request(body_length);
        self.enter(state, if is_idle { Stage::Idle(now) } else { Stage::HalfARequest(now) });
    }

    pub(crate) fn bytes_came(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.input.add(bytes);
        if matches!(state.stage, Stage::Idle(_)) {
            self.enter(state, Stage::HalfARequest(Instant::now()));
        }
    }

    pub(crate) fn flushed(&self) {
        let mut state = self.state();
        if state.output == Output::Flushing {
            state.output = Output::Quiet;
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

    /// Ends when the peer has kept the connection waiting for too long.
    pub(crate) async fn is_late(&self, headers_within: Duration, idle: Duration) {
        loop {
            let changed = self.changed.notified();
            let stage = self.state().stage;
            match stage.deadline(self.connected, headers_within, idle) {
                None => changed.await,
                Some(deadline) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(deadline) => return,
                },
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, mut state: MutexGuard<'_, State>, stage: Stage) {
        state.stage = stage;
        drop(state);
        self.changed.notify_waiters();
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

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

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
    fn bytes_count_while_nothing_is_answered() {
        let pace = Pace::new();
        pace.bytes_came(GET);
        assert_eq!(pace.state().stage, Stage::New, "the first request's time began with the connection");
        pace.request_begins(Some(0));
        assert_eq!(pace.state().stage, Stage::Answering);
        pace.request_ends();
        assert!(matches!(pace.state().stage, Stage::Idle(_)));
        pace.bytes_came(b"G");
        assert!(pace.awaits_headers());
        pace.request_begins(Some(0));
        assert!(!pace.awaits_headers());
    }

    /// They came with the request before, so hyper has them, and no read tells of them.
    #[test]
    fn half_a_request_that_came_early_is_half_a_request() {
        let pace = Pace::new();
        pace.bytes_came(&[GET, b"GET / HT"].concat());
        pace.request_begins(Some(0));
        pace.request_ends();
        assert!(matches!(pace.state().stage, Stage::HalfARequest(_)));
    }

    #[test]
    fn a_response_is_there_until_it_is_flushed() {
        let pace = Pace::new();
        pace.flushed();
        assert!(pace.is_quiet());
        pace.request_begins(Some(0));
        pace.flushed();
        assert!(!pace.is_quiet(), "that was a part of it");
        pace.request_ends();
        assert!(!pace.is_quiet());
        pace.flushed();
        assert!(pace.is_quiet());
    }
}
