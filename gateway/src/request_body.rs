//! A request's body on its way through: bounded in size, and in the time that it may stand still.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use hyper::body::{Bytes, Incoming};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::identity_headers::clean_trailers;

/// How long a body may stand still.
pub const PROGRESS_WITHIN: Duration = Duration::from_secs(30);
/// RFC 9110 §10.1.1: a client that has heard nothing sends its body some time, and an upstream of HTTP/1.0 says nothing.
const CONTINUE_WITHIN: Duration = Duration::from_secs(1);

/// Why a body did not come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyFault {
    /// It is larger than `MAX_BODY_BYTES`.
    #[error("the body is too large")]
    TooLarge,
    /// It stood still.
    #[error("the body stood still")]
    Late,
    /// It was cut off, or is not HTTP beyond doubt.
    #[error("the body was cut off, or is not well-formed")]
    Malformed,
}

/// What became of a body, for those who wait for the upstream's response.
#[derive(Clone)]
pub struct BodyProgress(Arc<Mutex<State>>);

struct State {
    moved: Instant,
    is_complete: bool,
    fault: Option<BodyFault>,
}

/// The body.
pub struct RequestBody {
    received: Incoming,
    limit: u64,
    taken: u64,
    progress: BodyProgress,
    deadline: Option<Pin<Box<Sleep>>>,
    /// The upstream has not yet said that it wants the body.
    awaited: Option<Awaited>,
}

struct Awaited {
    go_on: oneshot::Receiver<()>,
    deadline: Pin<Box<Sleep>>,
}

impl BodyProgress {
    fn new(is_complete: bool) -> Self {
        Self(Arc::new(Mutex::new(State { moved: Instant::now(), is_complete, fault: None })))
    }

    /// When something of it was last taken.
    #[must_use]
    pub fn moved(&self) -> Instant {
        self.state().moved
    }

    /// Whether all of it was taken.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state().is_complete
    }

    /// Why it broke off.
    #[must_use]
    pub fn fault(&self) -> Option<BodyFault> {
        self.state().fault
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestBody {
    /// A body of at most `limit` bytes. With `go_on`, none of it is taken before that is sent.
    #[must_use]
    pub fn new(received: Incoming, limit: u64, go_on: Option<oneshot::Receiver<()>>) -> (Self, BodyProgress) {
        let progress = BodyProgress::new(received.is_end_stream());
        let awaited = go_on.map(|go_on| Awaited { go_on, deadline: Box::pin(sleep(CONTINUE_WITHIN)) });
        let body = Self { received, limit, taken: 0, progress: progress.clone(), deadline: None, awaited };
        (body, progress)
    }

    fn fail(&self, fault: BodyFault) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        self.progress.state().fault = Some(fault);
        Poll::Ready(Some(Err(fault)))
    }

    fn take(&mut self, mut frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(data) = frame.data_ref() {
            self.taken = self.taken.saturating_add(data.len() as u64);
            if self.taken > self.limit {
                return self.fail(BodyFault::TooLarge);
            }
        }
        let is_last = frame.is_trailers();
        if let Some(trailers) = frame.trailers_mut() {
            clean_trailers(trailers);
        }
        self.deadline = None;
        // Nobody asks for more once the trailers have come.
        let is_complete = is_last || self.received.is_end_stream();
        let mut state = self.progress.state();
        state.moved = Instant::now();
        state.is_complete = is_complete;
        drop(state);
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(awaited) = &mut self.awaited {
            let is_wanted = Pin::new(&mut awaited.go_on).poll(context).is_ready();
            if !is_wanted && awaited.deadline.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.awaited = None;
        }
        match Pin::new(&mut self.received).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => self.take(frame),
            Poll::Ready(Some(Err(_))) => self.fail(BodyFault::Malformed),
            Poll::Ready(None) => {
                self.progress.state().is_complete = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                let deadline =
                    self.deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + PROGRESS_WITHIN)));
                ready!(deadline.as_mut().poll(context));
                self.fail(BodyFault::Late)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.received.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.received.size_hint()
    }
}
