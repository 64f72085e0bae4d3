//! Rows that reach far beyond a tile are cut down in the database: a row of a million vertices
//! isn't sent for a tile that shows a hundred of them.
//!
//! ```text
//!     . - - - - - - - - - - - - - - - .
//!     '  12 tiles on each side: a row  '      a row that reaches further out is cut
//!     '  inside comes whole    +----+  '      along the square around the tile, outside
//!     '                        |tile|  '      of where Tesela itself makes the cut
//!     '                        +----+  '
//! ```
//!
//! `ST_AsMVTGeom` makes that cut, on a grid of its own that is finer than the tile's: it is the
//! fastest cut that PostGIS has, and right for invalid polygons too, of which `ST_ClipByBox2D` may
//! keep the outside. (A coordinate that is no number goes unnoticed if it is cut off.) The grid is
//! the same for all tiles of a zoom, and lies half a step off theirs, so that no vertex lands
//! midway between two grid points; where there is room for one step to a unit, it is theirs.
//!
//! It isn't free of loss: vertices within half a fine step of the one before, or of the chord
//! between two others, are dropped. Where a border is shared with a row that isn't cut, the two
//! may be up to a unit apart in places: seldom where there are thousands of steps to a unit, more
//! often the deeper the tile, the fewer of them there is room for.

use geo::Rect;

use super::sql::quote;
use crate::source::LayerRequest;
use crate::tile::mercator::HALF_WORLD;

/// Bytes of a stored geometry from which a look at its reach pays. Cutting 160 kB takes about as
/// long as sending them; at 16 kB it takes longer.
const LARGE: u32 = 65_536;

/// Bytes of EWKB that every large row has: stored uncompressed, a ring takes three bytes more,
/// a row some forty.
const LARGE_EWKB: usize = LARGE as usize / 4 * 3;

/// Tiles beside the tile on each side. A row within them comes whole: most of it shows, and
/// `ST_AsMVTGeom` takes longest on what shows: seconds, where that is 100,000 vertices.
const NEAR: u32 = 12;

/// Grid units kept around the tile's own buffer.
const MARGIN: u32 = 16;

/// Steps that fit into the integers of `ST_AsMVTGeom` to either side of the square, which has a
/// tenth of a billion of them at most.
const STEPS: f64 = 2e9;

/// Steps to a unit at most: more would make no difference, and too many cells of a square.
const FINEST: f64 = 4096.0;

/// The square that large rows are cut along: `$5` to `$8` of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cut {
    west: f64,
    north: f64,
    /// Side of a cell of the fine grid.
    step: f64,
    /// Cells along the square's side.
    cells: f64,
}

impl Cut {
    /// For geometry in EPSG:3857.
    pub(super) fn mercator(request: &LayerRequest<'_>) -> Self {
        let spec = request.spec;
        let extent = spec.extent.max(1);
        let bounds = request.tile.buffered_bounds(extent, spec.buffer.saturating_add(MARGIN));
        let unit = request.tile.size() / f64::from(extent);
        Self::around(bounds, HALF_WORLD, unit, fineness(unit, HALF_WORLD, FINEST))
    }

    /// For geometry in EPSG:4326; `area` are the buffered tile's edges.
    pub(super) fn degrees(request: &LayerRequest<'_>, area: Rect<f64>) -> Self {
        let unit = request.tile.size() / f64::from(request.spec.extent.max(1));
        let unit = unit / HALF_WORLD * 180.0;
        let margin = unit * f64::from(MARGIN);
        let (min, max) = (area.min(), area.max());
        let bounds = Rect::new((min.x - margin, min.y - margin), (max.x + margin, max.y + margin));
        // A degree of latitude has more units the further from the equator. Powers of two, so
        // that nearly all neighbours have the same grid.
        let latitude = min.y.abs().max(max.y.abs()).min(85.06).to_radians();
        let stretch = (1.0 / latitude.cos()).log2().ceil().exp2();
        let steps = stretch * fineness(unit / stretch, 180.0, FINEST / stretch);
        Self::around(bounds, 180.0, unit, steps)
    }

    /// The smallest square around `bounds` on a grid of so many steps to a unit, which begins half
    /// a step from the world's corner.
    fn around(bounds: Rect<f64>, half_world: f64, unit: f64, steps: f64) -> Self {
        let step = unit / steps;
        // With a step to a unit it is the tile's own grid.
        let offset = if steps > 1.0 { 0.5 } else { 0.0 };
        let column = ((bounds.min().x + half_world) / step).floor();
        let row = ((half_world - bounds.max().y) / step).floor();
        let cells = (bounds.width().max(bounds.height()) / step).ceil() + 2.0;
        Self {
            west: (column + offset) * step - half_world,
            north: half_world - (row + offset) * step,
            step,
            cells,
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &f64> {
        [&self.west, &self.north, &self.step, &self.cells].into_iter()
    }
}

/// Steps to a unit: the largest power of two for which [`STEPS`] reach around the world, whichever
/// tile they begin at. In metres and with 4096 units to a tile, 4096 up to zoom 6, half as many at
/// each zoom from there, and one from zoom 18 on. From zoom 19 on they don't reach that far: rows
/// that reach further than `STEPS` units of the tile's own grid come whole.
fn fineness(unit: f64, half_world: f64, most: f64) -> f64 {
    /// More than the two halves, for what lies beyond the antimeridian.
    const HALVES: f64 = 2.05;
    (STEPS * unit / (HALVES * half_world)).log2().floor().exp2().clamp(1.0, most)
}

/// `whole`, unless the row is large and reaches far. `column` is the quoted geometry, `known`
/// says that it holds lines or polygons only.
pub(super) fn cut(postgis: &str, column: &str, whole: &str, srid: i32, known: bool) -> String {
    let schema = quote(postgis);
    let square = format!("{schema}.ST_MakeEnvelope($5, $6 - $7 * $8, $5 + $7 * $8, $6, {srid})");
    let corner = |x, y| format!("{schema}.ST_MakePoint({x}, {y})");
    let (low, high) = (corner("$5", "$6 - $7 * $8"), corner("$5 + $7 * $8", "$6"));
    // Surfaces and triangles can't be cut, collections would lose what they hold besides.
    let kind = match known {
        true => String::new(),
        false => format!(
            " AND {schema}.GeometryType({column}) \
             IN ('LINESTRING', 'MULTILINESTRING', 'POLYGON', 'MULTIPOLYGON')"
        ),
    };
    format!(
        "CASE WHEN {}{kind} \
         AND NOT {column} OPERATOR({schema}.@) {schema}.ST_Expand({square}, $7 * $8 * {NEAR}) \
         AND {column} OPERATOR({schema}.@) {schema}.ST_Expand({square}, $7 * {STEPS:e}) \
         THEN {schema}.ST_Affine({schema}.ST_AsMVTGeom({column}, \
         {schema}.ST_MakeBox2D({low}, {high}), $8::pg_catalog.int4, 0, true), \
         $7, 0, 0, -$7, $5, $6) ELSE {whole} END",
        is_large(column),
    )
}

/// Whether a row is large enough to be cut, wherever it reaches; `column` is the quoted geometry.
pub(super) fn is_large(column: &str) -> String {
    format!("pg_catalog.pg_column_size({column}) > {LARGE}")
}

/// Whether a row that came whole may be a large one.
pub(super) fn may_be_large(ewkb: &[u8]) -> bool {
    ewkb.len() > LARGE_EWKB
}

#[cfg(test)]
mod tests {
    use super::super::filter::area_in_degrees;
    use super::*;
    use crate::tile::{Crs, LayerSpec, Levels, TileCoord};

    /// Cuts of the north-western tile, one at the equator and one in the south-east, in metres and
    /// degrees, with the units' sizes and the world's.
    fn cuts(z: u8, extent: u32, buffer: u32) -> impl Iterator<Item = (Cut, f64, f64)> {
        let levels = Levels::default();
        let spec = LayerSpec {
            name: String::new(),
            keys: vec![],
            crs: Crs::Wgs84,
            extent,
            buffer,
            levels,
        };
        let table = crate::source::postgis::SpatialTable::example("t", &[]);
        let settings = crate::source::postgis::TableSettings::default();
        let layer = crate::source::postgis::TableLayer::new(&Default::default(), &table, &settings)
            .unwrap();
        let layer = crate::source::SourceLayer::Postgis(layer.into());
        let last = (1 << z) - 1;
        [0, last / 2, last].into_iter().flat_map(move |xy| {
            let tile = TileCoord::new(z, xy, xy).unwrap();
            let arguments = &Default::default();
            let request = LayerRequest { layer: &layer, tile, spec: &spec, arguments };
            let degrees = Cut::degrees(&request, area_in_degrees(&request));
            let unit = tile.size() / f64::from(extent);
            let unit_of_degrees = unit / HALF_WORLD * 180.0;
            [(Cut::mercator(&request), unit, 2.0 * HALF_WORLD), (degrees, unit_of_degrees, 360.0)]
        })
    }

    #[test]
    fn cuts_reach_around_the_world_unless_their_grid_is_the_tiles_own() {
        for (extent, buffer) in [(256, 0), (4096, 64), (8192, 8192)] {
            for z in 0..=24 {
                for (cut, unit, world) in cuts(z, extent, buffer) {
                    let steps = unit / cut.step;
                    let message = format!("{cut:?}, zoom {z}, {steps} steps of {extent}");
                    assert_eq!(steps.log2().fract(), 0.0, "{message}");
                    assert!((1.0..=4096.0).contains(&steps), "{message}");
                    // In 32 bits, whatever is let through.
                    assert!(STEPS + cut.cells < f64::from(i32::MAX), "{message}");
                    let reach = STEPS * cut.step;
                    // In degrees, as fine as that is from south to north.
                    assert!(reach > 1.02 * world || steps <= 16.0, "{message}");
                    assert!(reach < 2.1 * world || steps > 2047.0, "{message}");
                }
            }
        }
    }

    #[test]
    fn there_are_as_many_steps_to_a_unit_as_there_is_room_for() {
        let steps = |z| {
            let (cut, unit, _) = cuts(z, 4096, 64).next().unwrap();
            unit / cut.step
        };
        assert_eq!(
            [0, 6, 7, 8, 14, 17, 18, 24].map(steps),
            [4096.0, 4096.0, 2048.0, 1024.0, 16.0, 2.0, 1.0, 1.0]
        );
    }

    #[test]
    fn no_point_of_a_fine_grid_is_midway_between_two_of_the_tiles() {
        for z in 0..=24 {
            for (cut, unit, world) in cuts(z, 4096, 64) {
                let place = ((cut.west + world / 2.0) / unit).fract();
                let midway = (place - 0.5).abs();
                assert!(midway * unit > 0.4 * cut.step, "{cut:?}, zoom {z}");
            }
        }
    }
}
