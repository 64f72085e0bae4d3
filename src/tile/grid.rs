//! From a row's coordinates to the grid of the whole world, and from there to a tile's.

use super::mercator::{self, HALF_WORLD};
use super::quantize::{Vertex, push};
use super::shape::{Bounds, Point};
use super::{Crs, TileCoord};

/// Coordinates are held to this, far outside any tile, so that arithmetic on them stays finite.
const FAR: f64 = 1e30;

/// The grid of one tile: x to the right, y down, origin in the tile's north-west corner.
///
/// Positions are those of the whole world's grid, and stay so until a point is snapped: whatever
/// is decided about a vertex before, all tiles that see it decide the same, to the last bit.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    crs: Crs,
    /// Grid units per metre.
    scale: f64,
    /// The tile's corner on the world's grid.
    corner: [i64; 2],
}

impl Grid {
    /// The grid that divides the side of `tile` into `extent` units.
    pub fn new(tile: TileCoord, extent: u32, crs: Crs) -> Self {
        let scale = f64::from(extent) * f64::from(1u32 << tile.z()) / (2.0 * HALF_WORLD);
        let corner = [tile.x(), tile.y()].map(|index| i64::from(index) * i64::from(extent));
        Self { crs, scale, corner }
    }

    /// The tile's north-west corner on the world's grid.
    pub fn corner(&self) -> Point {
        self.corner.map(|units| units as f64)
    }

    /// The nearest point of the tile's grid; halves go up on both axes, so that all tiles agree.
    /// Only for positions in and around the tile.
    #[inline]
    pub fn snap(&self, [x, y]: Point) -> Vertex {
        // Truncation rounds down only what is positive, and is cheaper than `floor`.
        const SHIFT: i64 = 1 << 20;
        let nearest = |v: f64| (v + (SHIFT as f64 + 0.5)) as i64 - SHIFT;
        let (column, row) = (nearest(x), nearest(y));
        Vertex {
            at: [(column - self.corner[0]) as i32, (row - self.corner[1]) as i32],
            offset: [(x - column as f64) as f32, (y - row as f64) as f32],
        }
    }

    /// Where a coordinate lies on the world's grid.
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

    /// Snaps coordinates that are all in the tile's box; replaces what is in `out`.
    pub fn snap_all(&self, points: &[Point], out: &mut Vec<Vertex>) {
        out.clear();
        out.reserve(points.len());
        match self.crs {
            Crs::WebMercator => {
                points.iter().for_each(|&[x, y]| push(out, self.snap(self.place_metres(x, y))));
            }
            Crs::Wgs84 => points.iter().for_each(|&p| push(out, self.snap(self.place(p)))),
        }
    }

    #[inline]
    fn place_metres(&self, x: f64, y: f64) -> Point {
        [
            ((x + HALF_WORLD) * self.scale).clamp(-FAR, FAR),
            ((HALF_WORLD - y) * self.scale).clamp(-FAR, FAR),
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
            assert_eq!(left.place(point), right.place(point));
            let ([a, b], [c, d]) =
                (left.snap(left.place(point)).at, right.snap(right.place(point)).at);
            assert_eq!((a - 4096, b), (c, d));
        }
    }

    #[test]
    fn halves_go_up_on_both_sides_of_zero() {
        let grid = grid(1, 0, 0, Crs::WebMercator);
        assert_eq!(grid.snap([0.5, -0.5]).at, [1, 0]);
        assert_eq!(grid.snap([-1.5, 1.49]).at, [-1, 1]);
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
