//! From a row's coordinates to a tile's grid.

use super::mercator::{self, HALF_WORLD};
use super::shape::{Bounds, Point};
use super::{Crs, TileCoord};

/// Coordinates are held to this, far outside any tile, so that arithmetic on them stays finite.
const FAR: f64 = 1e30;

/// The grid of one tile: x to the right, y down, origin in the tile's north-west corner.
///
/// Positions are computed on the whole world's grid and only then moved to the tile (a whole
/// number of units): two tiles that share a vertex get the same position for it and snap it to
/// the same grid point.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    crs: Crs,
    /// Grid units per metre.
    scale: f64,
    /// The tile's corner on the world's grid.
    corner: Point,
}

impl Grid {
    /// The grid that divides the side of `tile` into `extent` units.
    pub fn new(tile: TileCoord, extent: u32, crs: Crs) -> Self {
        let extent = f64::from(extent);
        let scale = extent * f64::from(1u32 << tile.z()) / (2.0 * HALF_WORLD);
        Self { crs, scale, corner: [f64::from(tile.x()) * extent, f64::from(tile.y()) * extent] }
    }

    /// Where a coordinate lies, in grid units.
    #[inline]
    pub fn place(&self, [x, y]: Point) -> Point {
        match self.crs {
            Crs::WebMercator => self.place_metres(x, y),
            Crs::Wgs84 => {
                let (x, y) = mercator::project(x, y);
                self.place_metres(x, y)
            }
        }
    }

    /// Where a rectangle lies; its corners swap because y points down.
    pub fn place_bounds(&self, bounds: &Bounds) -> Bounds {
        let ([left, bottom], [right, top]) = (self.place(bounds.min), self.place(bounds.max));
        Bounds { min: [left, top], max: [right, bottom] }
    }

    /// [`place`](Self::place) for many points; replaces what is in `out`.
    pub fn place_all(&self, points: &[Point], out: &mut Vec<Point>) {
        out.clear();
        match self.crs {
            Crs::WebMercator => out.extend(points.iter().map(|&[x, y]| self.place_metres(x, y))),
            Crs::Wgs84 => out.extend(points.iter().map(|&point| self.place(point))),
        }
    }

    #[inline]
    fn place_metres(&self, x: f64, y: f64) -> Point {
        [
            ((x + HALF_WORLD) * self.scale - self.corner[0]).clamp(-FAR, FAR),
            ((HALF_WORLD - y) * self.scale - self.corner[1]).clamp(-FAR, FAR),
        ]
    }
}
