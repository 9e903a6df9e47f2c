//! How long a connection may wait: short for the rest of a request's headers, long for the next request.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Where a connection stands.
pub(crate) struct Pace {
    connected: Instant,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// No request came yet; bytes of one may have.
    New,
    /// The last response was made then, and nothing of the next request is here.
    Idle(Instant),
    /// The first bytes of the next request came then.
    HalfARequest(Instant),
    /// A request is being answered, and has its own deadlines.
    Answering,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { connected: Instant::now(), state: Mutex::new(State::New), changed: Notify::new() }
    }

    pub(crate) fn request_begins(&self) {
        self.set(State::Answering);
    }

    pub(crate) fn request_ends(&self) {
        self.set(State::Idle(Instant::now()));
    }

    fn bytes_came(&self) {
        if matches!(*self.state(), State::Idle(_)) {
            self.set(State::HalfARequest(Instant::now()));
        }
    }

    /// Whether the connection is older than `lifetime`.
    pub(crate) fn is_over(&self, lifetime: Duration) -> bool {
        self.connected.elapsed() >= lifetime
    }

    pub(crate) fn has_half_a_request(&self) -> bool {
        matches!(*self.state(), State::HalfARequest(_))
    }

    /// Ends when the peer has kept the connection waiting for too long.
    pub(crate) async fn is_late(&self, headers_within: Duration, idle: Duration) {
        loop {
            let changed = self.changed.notified();
            let state = *self.state();
            match state.deadline(self.connected, headers_within, idle) {
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

    fn set(&self, state: State) {
        *self.state() = state;
        self.changed.notify_waiters();
    }
}

impl State {
    fn deadline(self, connected: Instant, headers_within: Duration, idle: Duration) -> Option<Instant> {
        match self {
            Self::New => Some(connected + headers_within),
            Self::Idle(since) => Some(since + idle),
            Self::HalfARequest(since) => Some(since + headers_within),
            Self::Answering => None,
        }
    }
}

/// A stream that notices when the first bytes of a request come.
pub(crate) struct Paced<S> {
    pub(crate) stream: S,
    pub(crate) pace: Arc<Pace>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pace.bytes_came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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
        for (state, deadline) in [
            (State::New, Some(at(10))),
            (State::Idle(at(100)), Some(at(175))),
            (State::HalfARequest(at(100)), Some(at(110))),
            (State::Answering, None),
        ] {
            assert_eq!(state.deadline(connected, short, long), deadline, "{state:?}");
        }
    }

    #[test]
    fn bytes_count_while_nothing_is_answered() {
        let pace = Pace::new();
        pace.bytes_came();
        assert_eq!(*pace.state(), State::New, "the first request's time began with the connection");
        pace.request_begins();
        pace.bytes_came();
        assert_eq!(*pace.state(), State::Answering, "they are its body");
        pace.request_ends();
        assert!(matches!(*pace.state(), State::Idle(_)));
        pace.bytes_came();
        assert!(pace.has_half_a_request());
        pace.request_begins();
        assert!(!pace.has_half_a_request());
    }
}
