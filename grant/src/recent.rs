//! What was learnt moments ago, for a few seconds and in a bounded space.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use quick_cache::sync::Cache;

/// SHA-256 over the parts that an answer depends on: of one size however long they are.
pub(crate) type Key = [u8; 32];

/// How long a refusal is remembered: a client that is put right is served within this time.
pub(crate) const REFUSALS_LAST: Duration = Duration::from_secs(5);
/// Refusals of one kind that are remembered.
pub(crate) const MAX_REFUSALS: usize = 10_000;

/// Remembers values for a time.
pub(crate) struct Recent<V> {
    entries: Cache<Key, Entry<V>>,
    lifetime: Duration,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    /// By the wall clock, which runs on while a Lambda is frozen.
    since: SystemTime,
}

impl<V: Clone> Recent<V> {
    /// For at most so many values; those that are used least make room.
    pub(crate) fn new(lifetime: Duration, capacity: usize) -> Self {
        Self { entries: Cache::new(capacity), lifetime }
    }

    /// The value, unless it is too old. One from the future is, too: the clock was set back.
    pub(crate) fn get(&self, key: &Key, now: SystemTime) -> Option<V> {
        let entry = self.entries.get(key)?;
        let age = now.duration_since(entry.since).ok()?;
        (age < self.lifetime).then_some(entry.value)
    }

    pub(crate) fn insert(&self, key: Key, value: V, now: SystemTime) {
        self.entries.insert(key, Entry { value, since: now });
    }
}

/// No two lists of parts have the same key: each part is preceded by its length.
pub(crate) fn hash_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Key {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut key = Key::default();
    key.copy_from_slice(context.finish().as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + seconds)
    }

    #[test]
    fn a_value_is_forgotten_in_time() {
        let recent = Recent::new(Duration::from_secs(5), 10);
        let (a, b) = (hash_of(["a"]), hash_of(["b"]));
        recent.insert(a, 1, at(10));
        assert_eq!(recent.get(&a, at(10)), Some(1));
        assert_eq!(recent.get(&a, at(14)), Some(1));
        assert_eq!(recent.get(&a, at(15)), None);
        assert_eq!(recent.get(&a, at(9)), None, "a clock that was set back must not prolong it");
        assert_eq!(recent.get(&b, at(10)), None);
        recent.insert(a, 2, at(20));
        assert_eq!(recent.get(&a, at(20)), Some(2));
    }

    #[test]
    fn the_space_is_bounded() {
        const CAPACITY: usize = 1_000;
        let recent = Recent::new(Duration::from_secs(5), CAPACITY);
        for number in 0..3 * CAPACITY {
            recent.insert(hash_of([number.to_string().as_str()]), number, at(0));
            assert!(recent.entries.len() <= CAPACITY, "{}", recent.entries.len());
        }
        let held =
            (0..3 * CAPACITY).filter(|number| recent.get(&hash_of([number.to_string().as_str()]), at(1)).is_some());
        assert!(held.count() > CAPACITY / 2);
    }

    #[test]
    fn parts_cannot_be_split_in_another_way() {
        let lists: [&[&str]; 8] = [&[], &[""], &["", ""], &["ab"], &["a", "b"], &["ab", ""], &["", "ab"], &["a\0b"]];
        let keys: std::collections::BTreeSet<_> = lists.map(|list| hash_of(list.iter().copied())).into();
        assert_eq!(keys.len(), lists.len());
    }
}
