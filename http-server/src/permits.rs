//! How many connections there may be at once, all together and of one source, so that nobody keeps out the others.
//!
//! A connection waits until it has sent a whole request, with its body. When there is no room, the oldest one that still
//! waits makes room: first among those of the same source, then among those of the source that holds the most. Where others
//! queue for room, a new connection is left in peace for a moment, or the next in the queue would end it before its request
//! is read. A peer that stands for many callers, a proxy, may have all the connections that there are.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Pause between two looks for room. Thousands of connections end and begin to wait meanwhile.
const ROOM_PAUSE: Duration = Duration::from_millis(5);

/// Who opens connections, as far as it can be determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A user of this machine.
    User(u32),
    /// Another machine, or a user of this one whose id cannot be determined.
    Address(IpAddr),
    Unknown,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(uid) => write!(formatter, "the user with id {uid}"),
            Self::Address(address) => write!(formatter, "{address}"),
            Self::Unknown => formatter.write_str("an unknown peer"),
        }
    }
}

/// The permits of a server.
pub(crate) struct Permits(Arc<Mutex<Table>>);

struct Table {
    max: usize,
    max_of_source: usize,
    undisturbed: Duration,
    next_id: u64,
    /// Those of each source that has one, in the order in which they came.
    sources: HashMap<Source, BTreeMap<u64, Arc<Connection>>>,
    held: usize,
}

/// What its permit and the table know of a connection. A request changes this alone, and not the table of all connections.
struct Connection {
    state: Mutex<State>,
    make_room: Notify,
}

struct State {
    is_waiting: bool,
    /// It has to make room, and is no longer in the table.
    must_go: bool,
    /// Until then it makes no room.
    undisturbed_until: Option<Instant>,
}

/// The right to hold one connection, given back when dropped.
pub(crate) struct Permit {
    table: Arc<Mutex<Table>>,
    source: Source,
    id: u64,
    connection: Arc<Connection>,
    cut_short: Notify,
    /// Another connection had to make room for this one.
    pub(crate) is_scarce: bool,
}

impl Permits {
    /// `undisturbed`: for so long a new connection makes no room, so that one of a long queue can send its request.
    pub(crate) fn new(max: usize, max_of_source: usize, undisturbed: Duration) -> Self {
        let sources = HashMap::new();
        Self(Arc::new(Mutex::new(Table { max, max_of_source, undisturbed, next_id: 0, sources, held: 0 })))
    }

    /// `None`: there is no room, and no connection that could make any. `is_proxy`: the source stands for many callers.
    pub(crate) fn grant(&self, source: Source, is_proxy: bool) -> Option<Permit> {
        let mut table = lock(&self.0);
        let share_is_full = !is_proxy && table.held_by(source) >= table.max_of_source;
        let is_scarce = share_is_full || table.held >= table.max;
        if is_scarce {
            let among = if share_is_full { source } else { table.greediest()? };
            table.make_room(among)?;
        }
        let id = table.next_id;
        table.next_id += 1;
        let undisturbed_until = Some(Instant::now() + table.undisturbed);
        let state = Mutex::new(State { is_waiting: true, must_go: false, undisturbed_until });
        let connection = Arc::new(Connection { state, make_room: Notify::new() });
        table.sources.entry(source).or_default().insert(id, Arc::clone(&connection));
        table.held += 1;
        Some(Permit { table: Arc::clone(&self.0), source, id, connection, cut_short: Notify::new(), is_scarce })
    }
}

impl Permits {
    /// Waits until a connection ends, or can make room.
    pub(crate) async fn wait_for_room(&self, source: Source, is_proxy: bool) -> Permit {
        loop {
            if let Some(permit) = self.grant(source, is_proxy) {
                return permit;
            }
            tokio::time::sleep(ROOM_PAUSE).await;
        }
    }
}

impl Permit {
    /// Ends when the connection has to make room for another.
    pub(crate) async fn must_make_room(&self) {
        self.connection.make_room.notified().await;
    }

    /// A whole request is there: until it is answered, the connection makes room for no other.
    pub(crate) fn request_is_whole(&self) {
        self.set_waiting(false);
    }

    pub(crate) fn request_ends(&self) {
        self.set_waiting(true);
    }

    /// The connection has to make room, and whoever reads a request's body has to stop.
    pub(crate) fn cut_short(&self) {
        self.cut_short.notify_one();
    }

    pub(crate) async fn is_cut_short(&self) {
        self.cut_short.notified().await;
    }

    /// Whether the connection's request is not whole, or not there; also after it had to make room.
    pub(crate) fn is_waiting(&self) -> bool {
        let state = lock(&self.connection.state);
        state.must_go || state.is_waiting
    }

    fn set_waiting(&self, is_waiting: bool) {
        let mut state = lock(&self.connection.state);
        state.is_waiting = is_waiting;
        state.undisturbed_until = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.table).remove(self.source, self.id);
    }
}

impl Connection {
    fn may_go(&self, now: Instant) -> bool {
        lock(&self.state).may_go(now)
    }

    /// Whether it makes room: a request that is whole at the same moment comes before or after.
    fn goes(&self, now: Instant) -> bool {
        let mut state = lock(&self.state);
        state.must_go = state.may_go(now);
        state.must_go
    }
}

impl State {
    fn may_go(&self, now: Instant) -> bool {
        self.is_waiting && self.undisturbed_until.is_none_or(|until| until <= now)
    }
}

impl Table {
    fn held_by(&self, source: Source) -> usize {
        self.sources.get(&source).map_or(0, BTreeMap::len)
    }

    /// A source without connections is forgotten, since there may be any number of them.
    fn remove(&mut self, source: Source, id: u64) -> Option<Arc<Connection>> {
        let connections = self.sources.get_mut(&source)?;
        let removed = connections.remove(&id)?;
        if connections.is_empty() {
            self.sources.remove(&source);
        }
        self.held -= 1;
        Some(removed)
    }

    /// Takes the permit of one connection that waits, and tells it.
    fn make_room(&mut self, among: Source) -> Option<()> {
        let now = Instant::now();
        let id = self.sources.get(&among)?.iter().find(|(_, connection)| connection.goes(now)).map(|(id, _)| *id)?;
        self.remove(among, id)?.make_room.notify_one();
        Some(())
    }

    /// Who holds the most connections, among those who have one that waits.
    fn greediest(&self) -> Option<Source> {
        let now = Instant::now();
        let waiting = self.sources.iter().filter(|(_, held)| held.values().any(|connection| connection.may_go(now)));
        waiting.max_by_key(|(_, held)| held.len()).map(|(source, _)| *source)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: Source = Source::User(1);
    const GOOD: Source = Source::User(2);

    fn has_to_go(permit: &Permit) -> bool {
        let waker = std::task::Waker::noop();
        std::pin::pin!(permit.must_make_room()).poll(&mut std::task::Context::from_waker(waker)).is_ready()
    }

    #[test]
    fn one_source_makes_room_for_itself_and_never_takes_it_from_others() {
        let permits = Permits::new(10, 6, Duration::ZERO);
        let good: Vec<_> = (0..2).map(|_| permits.grant(GOOD, false).unwrap()).collect();
        let hostile: Vec<_> = (0..3000).map(|_| permits.grant(HOSTILE, false).unwrap()).collect();
        assert!(good.iter().all(|permit| !has_to_go(permit)));
        let left: Vec<_> = hostile.iter().map(has_to_go).collect();
        assert!(left[..2994].iter().all(|gone| *gone) && left[2994..].iter().all(|gone| !gone), "the oldest ones go");
        assert!(!permits.grant(GOOD, false).unwrap().is_scarce);
    }

    #[test]
    fn the_greediest_makes_room_when_all_is_taken() {
        let permits = Permits::new(10, 6, Duration::ZERO);
        let hostile: Vec<_> = (0..6).map(|_| permits.grant(HOSTILE, false).unwrap()).collect();
        let others: Vec<_> = (10..14).map(|uid| permits.grant(Source::User(uid), false).unwrap()).collect();
        let newcomer = permits.grant(GOOD, false).unwrap();
        assert!(newcomer.is_scarce && has_to_go(&hostile[0]) && !has_to_go(&newcomer));
        assert!(others.iter().all(|permit| !has_to_go(permit)));
    }

    #[test]
    fn a_request_under_way_is_let_finish() {
        let permits = Permits::new(4, 2, Duration::ZERO);
        let mut busy: Vec<_> = (0..2).map(|_| permits.grant(HOSTILE, false).unwrap()).collect();
        busy.iter().for_each(Permit::request_is_whole);
        assert!(permits.grant(HOSTILE, false).is_none());
        assert!(busy.iter().all(|permit| !has_to_go(permit)));
        permits.grant(GOOD, false).unwrap();
        drop(busy.pop());
        let _another = permits.grant(HOSTILE, false).unwrap();
        busy[0].request_ends();
        assert!(permits.grant(HOSTILE, false).is_some() && has_to_go(&busy[0]), "it is idle again");
    }

    #[test]
    fn a_new_connection_is_left_in_peace_for_a_while() {
        let permits = Permits::new(2, 2, Duration::from_secs(3600));
        let new = [GOOD, HOSTILE].map(|source| permits.grant(source, false).unwrap());
        assert!(permits.grant(GOOD, false).is_none() && new.iter().all(|permit| !has_to_go(permit)));
        new[1].request_is_whole();
        new[1].request_ends();
        assert!(permits.grant(GOOD, false).is_some() && has_to_go(&new[1]), "it has had its turn");
    }

    #[test]
    fn a_proxy_may_have_all_that_others_leave() {
        let permits = Permits::new(10, 3, Duration::ZERO);
        let proxy: Vec<_> = (0..12).map(|_| permits.grant(GOOD, true).unwrap()).collect();
        assert_eq!(proxy.iter().filter(|permit| has_to_go(permit)).count(), 2);
        let others: Vec<_> = (0..9).map(|_| permits.grant(HOSTILE, false).unwrap()).collect();
        assert_eq!(others.iter().filter(|permit| !has_to_go(permit)).count(), 3);
    }

    #[test]
    fn what_has_ended_is_not_counted_and_not_remembered() {
        let permits = Permits::new(4, 2, Duration::ZERO);
        for uid in 0..1000 {
            let held: Vec<_> = (0..3).map(|_| permits.grant(Source::User(uid), false).unwrap()).collect();
            assert!(has_to_go(&held[0]) && held[0].is_waiting());
            assert_eq!(lock(&permits.0).held, 2, "one made room");
        }
        let table = lock(&permits.0);
        assert!(table.held == 0 && table.sources.is_empty());
    }
}
