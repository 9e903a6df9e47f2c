//! A request's body on its way through: bounded in size, and in the time that it may stand still.

use std::error::Error as _;
use std::io::{self, ErrorKind};
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
    /// The caller has left.
    #[error("the body was cut off")]
    CutOff,
    /// It is not HTTP beyond doubt.
    #[error("the body is not well-formed")]
    Malformed,
}

/// What became of a body, for those who wait for the upstream's response.
#[derive(Clone)]
pub struct BodyProgress(Arc<Mutex<State>>);

struct State {
    moved: Instant,
    /// The upstream has taken all that came.
    waits_for_caller: bool,
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
    /// `None`: it never will.
    go_on: Option<oneshot::Receiver<()>>,
    deadline: Pin<Box<Sleep>>,
}

impl BodyProgress {
    fn new(is_complete: bool, waits_for_caller: bool) -> Self {
        Self(Arc::new(Mutex::new(State { moved: Instant::now(), waits_for_caller, is_complete, fault: None })))
    }

    /// Since when nobody but the upstream can move the exchange; `None` while the caller owes the next bytes, for which
    /// it has a deadline of its own.
    #[must_use]
    pub fn upstream_owes_since(&self) -> Option<Instant> {
        let state = self.state();
        (!state.waits_for_caller).then_some(state.moved)
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
        let progress = BodyProgress::new(received.is_end_stream(), go_on.is_some());
        let awaited = go_on.map(|go_on| Awaited { go_on: Some(go_on), deadline: Box::pin(sleep(CONTINUE_WITHIN)) });
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
        state.waits_for_caller = false;
        state.is_complete = is_complete;
        drop(state);
        Poll::Ready(Some(Ok(frame)))
    }
}

/// What is not HTTP is found where its bytes are read ([`http_server`]); everything else is the connection's end.
fn fault_of(error: &hyper::Error) -> BodyFault {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let is_malformed = cause.is_some_and(|cause| cause.kind() == ErrorKind::InvalidData);
    if is_malformed { BodyFault::Malformed } else { BodyFault::CutOff }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(awaited) = &mut self.awaited {
            // The connection ends with the response.
            let Some(go_on) = &mut awaited.go_on else { return Poll::Pending };
            match Pin::new(go_on).poll(context) {
                // The final response is here.
                Poll::Ready(Err(_)) => {
                    awaited.go_on = None;
                    return Poll::Pending;
                }
                Poll::Pending if awaited.deadline.as_mut().poll(context).is_pending() => return Poll::Pending,
                _ => self.awaited = None,
            }
        }
        match Pin::new(&mut self.received).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => self.take(frame),
            Poll::Ready(Some(Err(error))) => self.fail(fault_of(&error)),
            Poll::Ready(None) => {
                let mut state = self.progress.state();
                state.moved = Instant::now();
                state.waits_for_caller = false;
                state.is_complete = true;
                drop(state);
                Poll::Ready(None)
            }
            Poll::Pending => {
                self.progress.state().waits_for_caller = true;
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
