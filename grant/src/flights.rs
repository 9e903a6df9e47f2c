//! Equal look-ups that come at the same time are made once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::recent::Key;

/// Look-ups under way, by what they look up. Nothing stays when nobody waits.
pub(crate) struct Flights<T> {
    under_way: Mutex<HashMap<Key, Flight<T>>>,
    /// Numbers arrivals and beginnings in their order.
    order: AtomicU64,
}

struct Flight<T> {
    last: Last<T>,
    callers: usize,
}

/// What the last look-up has found, and when it began. Who looks up holds it, and the others wait.
type Last<T> = Arc<tokio::sync::Mutex<Option<(u64, T)>>>;

/// A caller's place among those who wait for one key.
struct Place<'a, T> {
    flights: &'a Flights<T>,
    key: Key,
    last: Last<T>,
}

impl<T: Clone> Flights<T> {
    pub(crate) fn new() -> Self {
        Self { under_way: Mutex::default(), order: AtomicU64::new(0) }
    }

    /// What `look_up` finds, or what that of another caller has found if it began after this caller came: nobody is told
    /// what was true before it asked, so a client that was disabled is disabled for whoever comes afterwards.
    pub(crate) async fn share(&self, key: Key, look_up: impl Future<Output = T>) -> T {
        let arrived = self.next();
        let place = self.place(key);
        let mut last = place.last.lock().await;
        if let Some((began, found)) = &*last
            && *began > arrived
        {
            return found.clone();
        }
        let began = self.next();
        let found = look_up.await;
        *last = Some((began, found.clone()));
        found
    }

    fn next(&self) -> u64 {
        self.order.fetch_add(1, Ordering::Relaxed)
    }

    fn place(&self, key: Key) -> Place<'_, T> {
        let mut under_way = self.under_way();
        let flight = under_way.entry(key).or_insert_with(|| Flight { last: Arc::default(), callers: 0 });
        flight.callers += 1;
        Place { flights: self, key, last: Arc::clone(&flight.last) }
    }
}

impl<T> Flights<T> {
    fn under_way(&self) -> MutexGuard<'_, HashMap<Key, Flight<T>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        let mut under_way = self.flights.under_way();
        if let Some(flight) = under_way.get_mut(&self.key) {
            flight.callers -= 1;
            if flight.callers == 0 {
                under_way.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    /// A look-up that ends when told, and shows how many there were.
    #[derive(Default)]
    struct Source {
        begun: AtomicUsize,
        may_end: Notify,
    }

    impl Source {
        async fn look_up(&self) -> usize {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            self.may_end.notified().await;
            number
        }
    }

    fn flights() -> (Arc<Flights<usize>>, Arc<Source>) {
        (Arc::new(Flights::new()), Arc::default())
    }

    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn come(flights: &Arc<Flights<usize>>, source: &Arc<Source>, key: u8) -> tokio::task::JoinHandle<usize> {
        let (flights, source) = (Arc::clone(flights), Arc::clone(source));
        tokio::spawn(async move { flights.share([key; 32], source.look_up()).await })
    }

    #[tokio::test]
    async fn whoever_waits_shares_the_next_look_up() {
        let (flights, source) = flights();
        let first = come(&flights, &source, 1);
        settle().await;
        let others: Vec<_> = (0..100).map(|_| come(&flights, &source, 1)).collect();
        settle().await;
        assert_eq!(source.begun.load(Ordering::Relaxed), 1);
        source.may_end.notify_one();
        assert_eq!(first.await.unwrap(), 0);
        settle().await;
        // The one under way when they came began too early for them.
        assert_eq!(source.begun.load(Ordering::Relaxed), 2);
        source.may_end.notify_one();
        for other in others {
            assert_eq!(other.await.unwrap(), 1);
        }
        assert!(flights.under_way().is_empty());
    }

    #[tokio::test]
    async fn other_keys_wait_for_nobody_and_nothing_is_left() {
        let (flights, source) = flights();
        let callers: Vec<_> = (0..50).map(|key| come(&flights, &source, key)).collect();
        settle().await;
        assert_eq!(source.begun.load(Ordering::Relaxed), 50);
        for _ in 0..50 {
            source.may_end.notify_one();
            settle().await;
        }
        for caller in callers {
            caller.await.unwrap();
        }
        assert!(flights.under_way().is_empty());
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_takes_nobody_along() {
        let (flights, source) = flights();
        let first = come(&flights, &source, 1);
        settle().await;
        let second = come(&flights, &source, 1);
        settle().await;
        first.abort();
        assert!(first.await.is_err());
        settle().await;
        source.may_end.notify_one();
        assert_eq!(second.await.unwrap(), 1);
        assert!(flights.under_way().is_empty());
    }
}
