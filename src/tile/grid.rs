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

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(z: u8, x: u32, y: u32, crs: Crs) -> Grid {
        Grid::new(TileCoord::new(z, x, y).unwrap(), 4096, crs)
    }

    #[test]
    fn the_world_fills_the_tile_of_zoom_0() {
        let world = grid(0, 0, 0, Crs::Wgs84);
        let [x, y] = world.place([-180.0, 85.051_128_779_806_6]);
        assert!(x.abs() < 1e-6 && y.abs() < 1e-6);
        let [x, y] = world.place([180.0, 0.0]);
        assert!((x - 4096.0).abs() < 1e-6 && (y - 2048.0).abs() < 1e-6);
        assert!((world.place([190.0, 0.0])[0] - 4209.8).abs() < 0.1, "not wrapped");
    }

    #[test]
    fn neighbours_agree_on_every_shared_vertex_at_zoom_24() {
        let (x, y) = (9_000_000, 5_500_000);
        let (left, right) = (grid(24, x, y, Crs::Wgs84), grid(24, x + 1, y, Crs::Wgs84));
        for step in 0..1000 {
            let lon = f64::from(x + 1) / f64::from(1 << 24) * 360.0 - 180.0;
            let point = [lon + f64::from(step - 500) * 1e-10, 50.123];
            let ([a, b], [c, d]) = (left.place(point), right.place(point));
            assert_eq!((a - 4096.0, b), (c, d));
            assert_eq!((a + 0.5).floor() - 4096.0, (c + 0.5).floor());
        }
    }

    #[test]
    fn bounds_are_those_of_the_placed_points() {
        for crs in [Crs::Wgs84, Crs::WebMercator] {
            let grid = grid(3, 2, 5, crs);
            let mut placed = Vec::new();
            grid.place_all(&[[-30.0, 10.0], [20.0, -95.0]], &mut placed);
            let bounds = grid.place_bounds(&Bounds { min: [-30.0, -95.0], max: [20.0, 10.0] });
            assert_eq!(bounds, Bounds { min: placed[0], max: placed[1] });
        }
    }

    #[test]
    fn positions_stay_finite() {
        let [x, y] = grid(24, 0, 0, Crs::WebMercator).place([f64::MAX, f64::MIN]);
        assert!(x.is_finite() && y.is_finite());
    }
}
