//! How much of a layer's rows is left in tiles of each zoom.

use std::ops::RangeInclusive;

/// What is left out of a layer's tiles at one zoom; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Grid units that a line or border may be away from where it was; 0 keeps every corner that
    /// the grid can tell apart.
    pub simplify: f64,
    /// Lines and polygons that are smaller than this in both directions are left out: grid units,
    /// 0 for none.
    pub min_size: f64,
    /// Rows that a tile takes at most; all of them when absent.
    pub max_features: Option<u32>,
    /// Bytes of the layer in a tile at most, uncompressed; as many as there are when absent.
    pub max_tile_bytes: Option<u64>,
}

/// The [`Level`] of every zoom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels {
    general: Level,
    /// From this zoom on, clients stretch tiles: these keep every detail.
    full_detail: u8,
    own: Vec<(RangeInclusive<u8>, Level)>,
}

impl Levels {
    /// `general` for every zoom, without `simplify` and `min_size` from `full_detail` on; the
    /// zooms in `own` have levels of their own.
    pub fn new(general: Level, full_detail: u8, own: Vec<(RangeInclusive<u8>, Level)>) -> Self {
        Self { general, full_detail, own }
    }

    /// The level of zoom `z`.
    pub fn at(&self, z: u8) -> Level {
        if let Some((_, level)) = self.own.iter().find(|(zooms, _)| zooms.contains(&z)) {
            return *level;
        }
        match z < self.full_detail {
            true => self.general,
            false => Level { simplify: 0.0, min_size: 0.0, ..self.general },
        }
    }
}

/// Why a layer of a tile is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truncation {
    /// [`Level::max_features`].
    MaxFeatures,
    /// [`Level::max_tile_bytes`].
    MaxTileBytes,
    /// It couldn't be read, and the tileset goes on without.
    Failed,
}

impl Truncation {
    /// What headers and metrics say; of a budget its setting's name.
    pub fn label(self) -> &'static str {
        match self {
            Self::MaxFeatures => "max_features",
            Self::MaxTileBytes => "max_tile_bytes",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_stay_at_the_last_zoom_unless_it_says_otherwise() {
        let general =
            Level { simplify: 0.5, min_size: 1.0, max_features: Some(9), ..Level::default() };
        let coarse = Level { simplify: 4.0, ..general };
        let levels = Levels::new(general, 14, vec![(3..=5, coarse)]);
        assert_eq!((levels.at(2), levels.at(5), levels.at(6)), (general, coarse, general));
        let full = Level { max_features: Some(9), ..Level::default() };
        assert_eq!((levels.at(14), levels.at(20)), (full, full));
        assert_eq!(Levels::new(general, 14, vec![(14..=14, coarse)]).at(14), coarse);
    }
}
