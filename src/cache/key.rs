//! What a finished tile is kept under.

use crate::tile::TileCoord;

/// Key of a tile: fixed size, copied, never allocated.
///
/// `tileset` is a digest of the tileset's identity and definition, so that a changed definition
/// never finds a tile of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    tileset: u128,
    tile: TileCoord,
}

impl Key {
    pub fn new(tileset: u128, tile: TileCoord) -> Self {
        Self { tileset, tile }
    }
}
