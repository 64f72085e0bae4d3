//! What the engine answers with.

use std::time::Duration;

use super::Timing;
use crate::cache::{CachedTile, Kept};

/// A tile that was just made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) tile: CachedTile,
    pub(super) timing: Timing,
    pub(super) kept: Kept,
}

/// A tile and where it came from.
#[derive(Clone, Debug)]
pub struct Answer {
    /// In gzip.
    pub tile: CachedTile,
    pub origin: Origin,
    /// Its time is over, what it shows was purged while it was made, or it lacks a layer that couldn't
    /// be read: nobody should keep it.
    pub is_stale: bool,
}

impl Answer {
    /// What memory has, and is as it should be, unless it lacks a layer.
    pub(super) fn hit(tile: CachedTile) -> Self {
        Self { is_stale: tile.is_partial(), tile, origin: Origin::Hit }
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Memory.
    Hit,
    /// Memory, though its time was over this long ago.
    Stale(Duration),
    /// Made for this request.
    Miss {
        timing: Timing,
        /// Whether it is kept.
        stored: bool,
    },
    /// Made for another request that was already waiting.
    Collapsed,
}
