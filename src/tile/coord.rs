//! Tile coordinates of the XYZ scheme and the area of Web Mercator that each covers.

use geo::{Coord, Rect};

use super::mercator::HALF_WORLD;

/// Deepest zoom that can be asked for; one grid unit of a 4096 tile is then 0.6 mm.
pub const MAX_ZOOM: u8 = 24;

/// One tile of the XYZ scheme: row 0 is the northernmost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileCoord {
    z: u8,
    x: u32,
    y: u32,
}

impl TileCoord {
    /// The tile at column `x` and row `y` of zoom `z`; `None` outside the zoom's range.
    pub fn new(z: u8, x: u32, y: u32) -> Option<Self> {
        (z <= MAX_ZOOM && x >> z == 0 && y >> z == 0).then_some(Self { z, x, y })
    }

    /// Zoom level, 0 to [`MAX_ZOOM`].
    pub fn z(self) -> u8 {
        self.z
    }

    /// Column, counted from the antimeridian eastwards.
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row, counted from the north.
    pub fn y(self) -> u32 {
        self.y
    }

    /// Side length in Web Mercator metres.
    pub fn size(self) -> f64 {
        2.0 * HALF_WORLD / f64::from(1u32 << self.z)
    }

    /// The area that the tile covers, in Web Mercator metres.
    pub fn bounds(self) -> Rect<f64> {
        self.buffered_bounds(1, 0)
    }

    /// [`bounds`](Self::bounds) grown on each side by `buffer` units of a grid that divides the
    /// tile's side into `extent` units.
    pub fn buffered_bounds(self, extent: u32, buffer: u32) -> Rect<f64> {
        let size = self.size();
        let margin = size * f64::from(buffer) / f64::from(extent);
        let west = f64::from(self.x) * size - HALF_WORLD;
        let north = HALF_WORLD - f64::from(self.y) * size;
        Rect::new(
            Coord { x: west - margin, y: north - size - margin },
            Coord { x: west + size + margin, y: north + margin },
        )
    }
}

impl std::fmt::Display for TileCoord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.z, self.x, self.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_outside_the_zoom_are_refused() {
        assert!(TileCoord::new(0, 0, 0).is_some());
        assert!(TileCoord::new(0, 1, 0).is_none());
        assert!(TileCoord::new(3, 7, 8).is_none());
        assert!(TileCoord::new(24, (1 << 24) - 1, 0).is_some());
        assert!(TileCoord::new(25, 0, 0).is_none());
    }

    #[test]
    fn neighbours_share_their_border_exactly() {
        let left = TileCoord::new(24, 1_234_567, 7_654_321).unwrap().bounds();
        let right = TileCoord::new(24, 1_234_568, 7_654_321).unwrap().bounds();
        assert_eq!(left.max().x, right.min().x);
        assert_eq!(left.max().y, right.max().y);
    }

    #[test]
    fn the_buffer_is_in_grid_units() {
        let tile = TileCoord::new(1, 1, 0).unwrap();
        let grown = tile.buffered_bounds(4096, 64);
        let margin = tile.size() / 64.0;
        assert_eq!(grown.min().x, -margin);
        assert_eq!(grown.min().y, -margin);
        assert_eq!(grown.max().y, HALF_WORLD + margin);
    }
}
