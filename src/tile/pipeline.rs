//! The steps from rows to one MVT layer: decode, project, clip, snap, encode.

use super::{Crs, Feature, TileCoord};

/// How the rows of one layer become features; the same for all its tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// Name of the layer in the tile.
    pub name: String,
    /// Property names, by the index that [`Feature::properties`] uses.
    pub keys: Vec<String>,
    pub crs: Crs,
    /// Grid units along a tile's side.
    pub extent: u32,
    /// Grid units kept around the tile.
    pub buffer: u32,
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
    /// Rows with nothing left after clipping and snapping.
    pub clipped: u64,
}

/// Collects the rows of one layer of one tile.
pub struct LayerBuilder<'s> {
    _spec: &'s LayerSpec,
    _tile: TileCoord,
    stats: LayerStats,
}

impl<'s> LayerBuilder<'s> {
    pub fn new(spec: &'s LayerSpec, tile: TileCoord) -> Self {
        Self { _spec: spec, _tile: tile, stats: LayerStats::default() }
    }

    /// Clips the row to the tile and keeps what is left of it.
    pub fn add(&mut self, _feature: &dyn Feature) {}

    /// The layer as the bytes of an MVT `Tile` message that holds only it (so that concatenated
    /// layers make a composite tile); empty when no feature is left.
    pub fn finish(self) -> (Vec<u8>, LayerStats) {
        (Vec::new(), self.stats)
    }
}
