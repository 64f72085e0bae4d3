//! What a finished tile is kept under.

use std::hash::{Hash, Hasher};

use crate::tile::{Encoding, TileCoord};

/// Key of a tile: fixed size, copied, never allocated.
///
/// `tileset` is a digest of the tileset's identity and definition, so that a changed definition
/// never finds a tile of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    tileset: u128,
    tile: TileCoord,
    encoding: Encoding,
    unbounded: bool,
}

impl Hash for Key {
    /// All fields in two words: hashing them one by one takes twice as long.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { tileset, tile, encoding, unbounded } = *self;
        // 24 bits each for column and row, 5 for the zoom.
        let place = u64::from(tile.x()) << 34 | u64::from(tile.y()) << 9 | u64::from(tile.z()) << 4;
        state.write_u128(tileset);
        state.write_u64(place | (encoding as u64) << 1 | u64::from(unbounded));
    }
}

impl Key {
    /// Key of the gzip form. `unbounded` says that clients can make up any number of such
    /// tilesets: together they may take only a part of the cache.
    pub fn new(tileset: u128, tile: TileCoord, unbounded: bool) -> Self {
        Self { tileset, tile, encoding: Encoding::Gzip, unbounded }
    }

    /// Key of the same tile in another encoding.
    pub fn encoded(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    pub fn tile(&self) -> TileCoord {
        self.tile
    }

    /// Whether clients can make up any number of such tilesets.
    pub(super) fn is_unbounded(&self) -> bool {
        self.unbounded
    }

    /// Whether the tile belongs to those that may take only a part of the cache: what clients can
    /// make up, and what is made again in no time from the form beside it.
    pub(super) fn is_confined(&self) -> bool {
        self.unbounded || self.encoding == Encoding::Identity
    }
}
