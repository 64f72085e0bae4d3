//! Rows that reach far beyond a tile are cut down in the database: a row of a million vertices
//! isn't sent for a tile that shows a hundred of them.
//!
//! ```text
//!     . - - - - - - - - - - - - - - - .
//!     '  seven tiles: a row inside of  '      a row that reaches further out is cut
//!     '  this comes whole      +----+  '      along the square around the tile, outside
//!     '                        |tile|  '      of where Tesela itself makes the cut
//!     '                        +----+  '
//! ```
//!
//! `ST_AsMVTGeom` makes that cut, on a grid so much finer than the tile's that its rounding
//! doesn't show: it is the fastest cut that PostGIS has, and right for invalid polygons too, of
//! which `ST_ClipByBox2D` may keep the outside. (A coordinate that is no number goes unnoticed if
//! it is cut off.) Its grid is the same for all tiles of a zoom, and
//! lies half a step off theirs, so that no vertex lands midway between two grid points.

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
/// `ST_AsMVTGeom` takes longest on what shows.
const NEAR: u32 = 3;

/// Grid units kept around the tile's own buffer.
const MARGIN: u32 = 16;

/// Steps that fit into the integers of `ST_AsMVTGeom`, to either side of the square.
const STEPS: &str = "2e9";

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
        Self::around(bounds, HALF_WORLD, unit / fineness(request.tile.z()))
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
        Self::around(bounds, 180.0, unit / fineness(request.tile.z()) / stretch)
    }

    /// The smallest square around `bounds` on the grid of `step` that begins half a step from the
    /// world's corner.
    fn around(bounds: Rect<f64>, half_world: f64, step: f64) -> Self {
        let column = ((bounds.min().x + half_world) / step).floor();
        let row = ((half_world - bounds.max().y) / step).floor();
        let cells = (bounds.width().max(bounds.height()) / step).ceil() + 2.0;
        Self {
            west: (column + 0.5) * step - half_world,
            north: half_world - (row + 0.5) * step,
            step,
            cells,
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &f64> {
        [&self.west, &self.north, &self.step, &self.cells].into_iter()
    }
}

/// Steps to a grid unit. The deeper the tile, the more of them to a row, and they are counted in
/// 32 bits; a unit is a centimetre or less where they are four.
fn fineness(z: u8) -> f64 {
    match z {
        0..14 => 64.0,
        14..18 => 16.0,
        _ => 4.0,
    }
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
         AND {column} OPERATOR({schema}.@) {schema}.ST_Expand({square}, $7 * {STEPS}) \
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
