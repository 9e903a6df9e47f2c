//! Responses of an HTTP/2 connection that the peer does not take.
//!
//! A peer that opens no window for a response (RFC 9113 §5.2) keeps it, the request's permit and whatever the response comes
//! from, while nothing waits on the socket and no deadline of it runs. hyper does not poll such a body, so it cannot have a
//! deadline of its own: bodies note here when they were given away, and the connection looks.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep};

/// How long a peer may leave a response where it is.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(5);

/// The responses that wait for the peer.
#[derive(Clone, Default)]
pub(crate) struct Stalls(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    next: u64,
    since: HashMap<u64, Instant>,
}

/// A body that notes whether it waits for the peer.
pub(crate) struct Watched<B> {
    body: Pin<Box<B>>,
    stalls: Stalls,
    number: u64,
}

impl Stalls {
    /// Ends when a response has waited for too long.
    pub(crate) async fn is_stalled(&self) {
        loop {
            sleep(PAUSE).await;
            if self.waiting().since.values().any(|since| since.elapsed() >= TAKEN_WITHIN) {
                return;
            }
        }
    }

    pub(crate) fn watch<B: Body>(&self, body: B) -> Watched<B> {
        let mut waiting = self.waiting();
        let number = waiting.next;
        waiting.next += 1;
        waiting.since.insert(number, Instant::now());
        Watched { body: Box::pin(body), stalls: self.clone(), number }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = self.body.as_mut().poll_frame(context);
        let mut waiting = self.stalls.waiting();
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            waiting.since.insert(self.number, Instant::now());
        } else {
            // It waits for its source, or is over.
            waiting.since.remove(&self.number);
        }
        drop(waiting);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        self.stalls.waiting().since.remove(&self.number);
    }
}
