//! Loads that failed a moment ago, so that they aren't tried again at once.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;

use super::Key;

/// Failures remembered at most; with more keys failing, the oldest are tried again early.
const MOST: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// What failed, and until when that counts.
pub struct Failures<E> {
    known: Mutex<LruCache<Key, (E, Instant)>>,
    ttl: Duration,
}

impl<E: Clone> Failures<E> {
    /// Remembers each failure for `ttl`; none with zero.
    pub fn new(ttl: Duration) -> Self {
        Self { known: Mutex::new(LruCache::new(MOST)), ttl }
    }

    pub fn insert(&self, key: Key, error: E) {
        if let (false, Some(until)) = (self.ttl.is_zero(), Instant::now().checked_add(self.ttl)) {
            self.known.lock().put(key, (error, until));
        }
    }

    /// The failure of `key`, if it is still recent.
    pub fn recent(&self, key: &Key) -> Option<E> {
        let mut known = self.known.lock();
        let (error, until) = known.get(key)?;
        if *until > Instant::now() {
            return Some(error.clone());
        }
        known.pop(key);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::TileCoord;

    fn key(n: u32) -> Key {
        Key::new(1, TileCoord::new(20, n, 0).unwrap(), false)
    }

    #[test]
    fn a_failure_is_remembered_for_its_time_only() {
        let failures = Failures::new(Duration::from_millis(50));
        failures.insert(key(1), "down");
        assert_eq!(failures.recent(&key(1)), Some("down"));
        assert_eq!(failures.recent(&key(2)), None);
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(failures.recent(&key(1)), None);
        let none = Failures::new(Duration::ZERO);
        none.insert(key(1), "down");
        assert_eq!(none.recent(&key(1)), None);
    }

    #[test]
    fn no_more_failures_are_remembered_than_there_is_room_for() {
        let failures = Failures::new(Duration::from_secs(60));
        (0..10_000).for_each(|n| failures.insert(key(n), n));
        assert_eq!(failures.known.lock().len(), MOST.get());
        assert_eq!(failures.recent(&key(9_999)), Some(9_999));
    }
}
