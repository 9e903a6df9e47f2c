//! When a request came, how long there is for it, and whether its caller still waits.

use std::future::pending;
use std::time::{Instant, SystemTime};

use tokio::sync::watch;

/// What surrounds a request.
#[derive(Debug, Clone)]
pub struct Call {
    /// When its first bytes were read, or its event was taken.
    pub arrived: Instant,
    /// When Lambda ends the process, if it is one of Lambda's.
    pub deadline: Option<SystemTime>,
    /// Whether its caller still waits.
    pub presence: Presence,
}

/// Whether a caller still waits. Only a connection of plain HTTP can tell.
#[derive(Debug, Clone, Default)]
pub struct Presence(Option<watch::Receiver<()>>);

/// To be held for as long as the caller waits.
pub(crate) struct Held {
    _sender: watch::Sender<()>,
}

impl Call {
    /// A request that arrives now, from a caller that waits whatever happens.
    #[must_use]
    pub fn now(deadline: Option<SystemTime>) -> Self {
        Self { arrived: Instant::now(), deadline, presence: Presence::default() }
    }
}

impl Presence {
    /// Lasts as long as what is returned beside it.
    pub(crate) fn held() -> (Self, Held) {
        let (sender, receiver) = watch::channel(());
        (Self(Some(receiver)), Held { _sender: sender })
    }

    /// Returns when the caller has gone away.
    pub async fn lost(&self) {
        match self.0.clone() {
            // Nothing is ever sent: a change is the sender's end.
            Some(mut receiver) => while receiver.changed().await.is_ok() {},
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_caller_is_lost_with_what_it_holds() {
        let (presence, held) = Presence::held();
        let lost = tokio::spawn(async move { presence.lost().await });
        tokio::task::yield_now().await;
        assert!(!lost.is_finished());
        drop(held);
        lost.await.unwrap();
    }
}
