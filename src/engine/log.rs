//! What the log says of tiles that couldn't be made.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{error, warn};

use super::{TileError, TileErrorKind};
use crate::tile::TileCoord;

/// A database that is down or busy fails every tile: one line a second says enough.
const INTERVAL: Duration = Duration::from_secs(1);

/// Logs failures, but not each of a flood.
#[derive(Default)]
pub struct FailureLog {
    /// When the last line was written, and the failures since that were not.
    recent: Mutex<Option<(Instant, u64)>>,
}

impl FailureLog {
    /// Logs that a tile failed; called once for each tile, not for each request that waits for it.
    pub fn failed(&self, tileset: &str, tile: TileCoord, cause: &TileError) {
        match (cause.kind(), self.due(cause.kind())) {
            (TileErrorKind::Query | TileErrorKind::Aborted, _) => {
                error!(tileset, %tile, error = %cause, "no tile");
            }
            (_, Some(more)) => warn!(tileset, %tile, error = %cause, unlogged = more, "no tile"),
            (_, None) => {}
        }
    }

    /// Logs that a feature couldn't be looked up.
    pub fn feature_failed(&self, layer: &str, id: i64, cause: &TileError) {
        match (cause.kind(), self.due(cause.kind())) {
            (TileErrorKind::Query | TileErrorKind::Aborted, _) => {
                error!(layer, id, error = %cause, "no feature");
            }
            (_, Some(more)) => warn!(layer, id, error = %cause, unlogged = more, "no feature"),
            (_, None) => {}
        }
    }

    /// The failures of databases that weren't logged since the last line, if another one is due.
    fn due(&self, kind: TileErrorKind) -> Option<u64> {
        match kind {
            TileErrorKind::Query | TileErrorKind::Aborted => None,
            TileErrorKind::Unavailable | TileErrorKind::Timeout => self.due_at(Instant::now()),
        }
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut recent = self.recent.lock();
        if let Some((last, unlogged)) = &mut *recent
            && now.duration_since(*last) < INTERVAL
        {
            *unlogged += 1;
            return None;
        }
        recent.replace((now, 0)).map_or(Some(0), |(_, unlogged)| Some(unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_one_line_a_second_with_their_number() {
        let log = FailureLog::default();
        let start = Instant::now();
        assert_eq!(log.due_at(start), Some(0));
        for _ in 0..99 {
            assert_eq!(log.due_at(start + Duration::from_millis(500)), None);
        }
        assert_eq!(log.due_at(start + Duration::from_millis(1500)), Some(99));
        assert_eq!(log.due_at(start + Duration::from_secs(9)), Some(0));
    }
}
