//! What the log says of tiles that couldn't be made.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use tracing::{error, warn};
use xxhash_rust::xxh3::xxh3_64;

use super::{TileError, TileErrorKind};
use crate::tile::TileCoord;

/// A database that is down or busy fails every tile, and so does a query that is wrong: one line a
/// second says enough.
const INTERVAL: Duration = Duration::from_secs(1);

/// Different failures that are remembered.
const FAILURES: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Lines in an interval, however many different failures there are: some quote what clients send.
const MOST_LINES: u32 = 20;

/// Logs failures, but not each of a flood.
pub struct FailureLog(Mutex<Recent>);

struct Recent {
    /// By the digest of its text: when the last line was written, and how often it failed since.
    failures: LruCache<u64, (Instant, u64)>,
    /// Since when lines are counted, and how many there are.
    lines: (Instant, u32),
}

impl Default for FailureLog {
    fn default() -> Self {
        let lines = (Instant::now(), 0);
        Self(Mutex::new(Recent { failures: LruCache::new(FAILURES), lines }))
    }
}

impl FailureLog {
    /// Logs that a tile failed; called once for each tile, not for each request that waits for it.
    pub fn failed(&self, tileset: &str, tile: TileCoord, cause: &TileError) {
        let Some(unlogged) = self.0.lock().due(&cause.to_string(), Instant::now()) else { return };
        match cause.kind() {
            TileErrorKind::Query | TileErrorKind::Aborted => {
                error!(tileset, %tile, error = %cause, unlogged, "no tile");
            }
            TileErrorKind::Unavailable | TileErrorKind::Timeout => {
                warn!(tileset, %tile, error = %cause, unlogged, "no tile");
            }
        }
    }

    /// Logs that a feature couldn't be looked up.
    pub fn feature_failed(&self, layer: &str, id: i64, cause: &TileError) {
        let Some(unlogged) = self.0.lock().due(&cause.to_string(), Instant::now()) else { return };
        match cause.kind() {
            TileErrorKind::Query | TileErrorKind::Aborted => {
                error!(layer, id, error = %cause, unlogged, "no feature");
            }
            TileErrorKind::Unavailable | TileErrorKind::Timeout => {
                warn!(layer, id, error = %cause, unlogged, "no feature");
            }
        }
    }
}

impl Recent {
    /// How often this failure was not logged since it was last, if a line is due `now`.
    fn due(&mut self, text: &str, now: Instant) -> Option<u64> {
        let key = xxh3_64(text.as_bytes());
        let last = self.failures.get_mut(&key);
        if let Some((_, unlogged)) = last.filter(|(at, _)| now.duration_since(*at) < INTERVAL) {
            *unlogged += 1;
            return None;
        }
        if now.duration_since(self.lines.0) >= INTERVAL {
            self.lines = (now, 0);
        }
        self.lines.1 += 1;
        if self.lines.1 > MOST_LINES {
            return None;
        }
        Some(self.failures.put(key, (now, 0)).map_or(0, |(_, unlogged)| unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_one_line_a_second_with_their_number() {
        let mut recent = FailureLog::default().0.into_inner();
        let start = Instant::now();
        assert_eq!(recent.due("down", start), Some(0));
        for n in 1..100 {
            assert_eq!(recent.due("down", start + Duration::from_millis(5 * n)), None);
        }
        assert_eq!(recent.due("wrong", start), Some(0), "another one is told at once");
        assert_eq!(recent.due("down", start + Duration::from_millis(1500)), Some(99));
        assert_eq!(recent.due("down", start + Duration::from_secs(9)), Some(0));
    }

    #[test]
    fn failures_that_all_differ_are_no_flood_either() {
        let mut recent = FailureLog::default().0.into_inner();
        let start = Instant::now();
        let lines = |recent: &mut Recent, now| {
            (0..5_000).filter(|n| recent.due(&format!("no number: {n}"), now).is_some()).count()
        };
        assert_eq!(lines(&mut recent, start), MOST_LINES as usize);
        assert_eq!(lines(&mut recent, start + Duration::from_millis(1100)), MOST_LINES as usize);
    }
}
