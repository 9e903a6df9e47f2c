//! A future beside another one in the same task, polled when something woke it and not whenever the task is woken.
//!
//! A connection's task is woken five times for each request, by its sockets. What can end the connection (its deadlines, room
//! for others, the server's stop) has nothing to say then, and polling it each time cost a tenth of the request.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) struct Aside<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
}

struct Bell {
    has_rung: AtomicBool,
    /// The task's.
    task: Mutex<Waker>,
}

impl<F: Future> Aside<F> {
    pub(crate) fn new(future: F) -> Self {
        let bell = Arc::new(Bell { has_rung: AtomicBool::new(true), task: Mutex::new(Waker::noop().clone()) });
        Self { future: Box::pin(future), waker: Waker::from(Arc::clone(&bell)), bell }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.wake();
    }
}

impl<F: Future> Future for Aside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Before the look at the bell: who rings it later wakes this task.
        self.bell.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(context.waker());
        if !self.bell.has_rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let Self { future, waker, .. } = &mut *self;
        future.as_mut().poll(&mut Context::from_waker(waker))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    /// Polled as often as it was woken, and once at the beginning; and whoever waits for it is woken as well.
    #[tokio::test]
    async fn it_is_polled_when_it_was_woken() {
        let (bell, polls) = (Notify::new(), AtomicUsize::new(0));
        let mut rung = Box::pin(async {
            for _ in 0..3 {
                bell.notified().await;
            }
        });
        let mut aside = Aside::new(poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            rung.as_mut().poll(context)
        }));
        let mut poll = || Pin::new(&mut aside).poll(&mut Context::from_waker(Waker::noop()));
        for _ in 0..10 {
            assert!(poll().is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        for expected in 2..4 {
            bell.notify_one();
            assert!(poll().is_pending() && poll().is_pending());
            assert_eq!(polls.load(Ordering::Relaxed), expected);
        }
        let ringing = async {
            tokio::task::yield_now().await;
            bell.notify_one();
        };
        tokio::join!(aside, ringing);
        assert_eq!(polls.load(Ordering::Relaxed), 4);
    }
}
