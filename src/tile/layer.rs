//! What a layer is and what became of its rows.

use super::{Crs, Levels, Truncation};

/// How the rows of one layer become features; the same for all its tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// Name of the layer in the tile.
    pub name: String,
    /// Property names, by the index that [`Feature::properties`] uses.
    pub keys: Vec<String>,
    pub crs: Crs,
    /// Grid units along a tile's side, up to [`MAX_EXTENT`].
    pub extent: u32,
    /// Grid units kept around the tile, up to the extent.
    pub buffer: u32,
    /// What is left out at each zoom.
    pub levels: Levels,
}

/// What went into one layer of one tile, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerStats {
    /// Features written.
    pub features: u64,
    /// Rows whose geometry was NULL or empty.
    pub empty: u64,
    /// Rows with a NaN or infinite coordinate.
    pub not_finite: u64,
    /// Rows whose bytes are not (E)WKB.
    pub malformed: u64,
    /// Rows with nothing left after clipping, snapping and simplifying.
    pub clipped: u64,
    /// Rows smaller than [`Level::min_size`].
    pub small: u64,
    /// Features with an id above [`MAX_EXACT_ID`].
    pub large_ids: u64,
    /// Why features were left out that the tile has a place for.
    pub truncated: Option<Truncation>,
}

/// Largest id that JavaScript clients read exactly: 2⁵³.
pub const MAX_EXACT_ID: u64 = 1 << 53;

/// Most grid units along a tile's side.
pub const MAX_EXTENT: u32 = 1 << 14;
