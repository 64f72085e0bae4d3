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
        state.write_u128(self.tileset);
        state.write_u64(self.place());
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

    /// All but the tileset: 24 bits each for column and row, 5 for the zoom.
    fn place(&self) -> u64 {
        let Self { tile, encoding, unbounded, .. } = *self;
        let place = u64::from(tile.x()) << 34 | u64::from(tile.y()) << 9 | u64::from(tile.z()) << 4;
        place | (encoding as u64) << 1 | u64::from(unbounded)
    }

    /// A number that is spread evenly, in no way that a client can foresee as long as `seeds` are
    /// secret. Far cheaper than the hash, which has more to withstand: with this one somebody
    /// could at worst fill a shard.
    pub(super) fn spread(&self, seeds: [u64; 2]) -> u64 {
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            (product as u64) ^ (product >> 64) as u64
        };
        let tileset = fold(self.tileset as u64 ^ seeds[0], (self.tileset >> 64) as u64 ^ seeds[1]);
        fold(tileset ^ self.place(), seeds[0] | 1)
    }

    /// Whether clients can make up any number of such tilesets.
    pub(super) fn is_unbounded(&self) -> bool {
        self.unbounded
    }
}
