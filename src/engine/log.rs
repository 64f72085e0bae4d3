//! What the log says of tiles that couldn't be made.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use tracing::{error, warn};

use super::{TileError, TileErrorKind};
use crate::tile::TileCoord;

/// A database that is down or busy fails every tile, and so does a query that is wrong: one line a
/// second says enough.
const INTERVAL: Duration = Duration::from_secs(1);

/// Tilesets whose queries have failed lately; clients can put any number of them together.
const TILESETS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Logs failures, but not each of a flood.
pub struct FailureLog {
    /// Of databases that don't answer.
    database: Mutex<Option<Recent>>,
    /// Of queries, by tileset.
    queries: Mutex<LruCache<String, Recent>>,
}

/// When the last line was written, and the failures since that were not.
type Recent = (Instant, u64);

impl Default for FailureLog {
    fn default() -> Self {
        Self { database: Mutex::default(), queries: Mutex::new(LruCache::new(TILESETS)) }
    }
}

impl FailureLog {
    /// Logs that a tile failed; called once for each tile, not for each request that waits for it.
    pub fn failed(&self, tileset: &str, tile: TileCoord, cause: &TileError) {
        let Some(unlogged) = self.due(tileset, cause.kind()) else { return };
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
        let Some(unlogged) = self.due(layer, cause.kind()) else { return };
        match cause.kind() {
            TileErrorKind::Query | TileErrorKind::Aborted => {
                error!(layer, id, error = %cause, unlogged, "no feature");
            }
            TileErrorKind::Unavailable | TileErrorKind::Timeout => {
                warn!(layer, id, error = %cause, unlogged, "no feature");
            }
        }
    }

    /// The failures of its like that were not logged since the last line, if another one is due.
    fn due(&self, tileset: &str, kind: TileErrorKind) -> Option<u64> {
        let now = Instant::now();
        match kind {
            TileErrorKind::Unavailable | TileErrorKind::Timeout => {
                due(self.database.lock().get_or_insert((now, 0)), now)
            }
            TileErrorKind::Query | TileErrorKind::Aborted => {
                let mut queries = self.queries.lock();
                due(queries.get_or_insert_mut(tileset.to_owned(), || (now, 0)), now)
            }
        }
    }
}

/// What `recent` has not logged, if a line is due `now`; the first is at once.
fn due(recent: &mut Recent, now: Instant) -> Option<u64> {
    let (last, unlogged) = recent;
    if *last != now && now.duration_since(*last) < INTERVAL {
        *unlogged += 1;
        return None;
    }
    Some(std::mem::replace(recent, (now, 0)).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_one_line_a_second_with_their_number() {
        let start = Instant::now();
        let mut recent = (start, 0);
        assert_eq!(due(&mut recent, start), Some(0));
        for n in 1..100 {
            assert_eq!(due(&mut recent, start + Duration::from_millis(5 * n)), None);
        }
        assert_eq!(due(&mut recent, start + Duration::from_millis(1500)), Some(99));
        assert_eq!(due(&mut recent, start + Duration::from_secs(9)), Some(0));
    }

    #[test]
    fn each_tilesets_queries_are_logged_and_each_databases_silence_once() {
        let log = FailureLog::default();
        assert_eq!(log.due("a", TileErrorKind::Query), Some(0));
        assert_eq!(log.due("b", TileErrorKind::Query), Some(0));
        assert_eq!(log.due("a", TileErrorKind::Aborted), None);
        assert_eq!(log.due("a", TileErrorKind::Timeout), Some(0));
        assert_eq!(log.due("b", TileErrorKind::Unavailable), None);
    }
}
