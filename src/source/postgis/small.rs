//! Rows that are too small for a zoom: left out by the database where that pays.

use super::sql::quote;
use crate::source::LayerRequest;
use crate::tile::mercator::HALF_WORLD;

/// Stored bytes up to which a look at a geometry's box costs no more than the row itself: longer
/// ones may lie elsewhere.
const INLINE: usize = 2000;

/// Conditions that rows aren't small: `$9` is the least width, `$10` the least height. They may
/// keep some that are, and never drop one that isn't: boxes are stored a little too large.
#[derive(Clone, Debug)]
pub(super) struct NotSmall {
    /// By the box of each row.
    pub(super) all: String,
    /// Only of rows that are looked at for little; the others may be small. Which ones they are
    /// depends on how well they compress.
    pub(super) cheap: String,
}

/// `mixed` columns may hold points, which are never small.
pub(super) fn not_small(postgis: &str, column: &str, mixed: bool) -> NotSmall {
    let schema = quote(postgis);
    let edge = |name: &str| format!("{schema}.{name}({column}::{schema}.box2d::{schema}.box3d)");
    let [west, south, east, north] = ["ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax"].map(edge);
    // Asked last, so only of what is small.
    let points = match mixed {
        true => format!(
            " OR {schema}.GeometryType({column}) IN ('POINT', 'MULTIPOINT', 'GEOMETRYCOLLECTION')"
        ),
        false => String::new(),
    };
    let all = format!("({east} - {west} >= $9 OR {north} - {south} >= $10{points})");
    let cheap = format!("(pg_catalog.pg_column_size({column}) > {INLINE} OR {all})");
    NotSmall { all, cheap }
}

/// The size below which a row is small, in metres of Web Mercator.
pub(super) fn min_metres(request: &LayerRequest<'_>) -> f64 {
    let size = request.spec.levels.at(request.tile.z()).min_size;
    size * request.tile.size() / f64::from(request.spec.extent.max(1))
}

/// Sizes below which a row of EPSG:3857 is small for sure.
pub(super) fn mercator(request: &LayerRequest<'_>) -> [f64; 2] {
    [careful(min_metres(request)); 2]
}

/// The same for EPSG:4326, in degrees. `south` and `north` are the buffered tile's.
pub(super) fn degrees(request: &LayerRequest<'_>, south: f64, north: f64) -> [f64; 2] {
    let [width, _] = mercator(request).map(|metres| metres / HALF_WORLD * 180.0);
    // A small row in the tile lies within its own size of it. The further from the equator, the
    // more units to a degree of latitude.
    let latitude = south.abs().max(north.abs()) + width;
    let height = width * latitude.min(90.0).to_radians().cos().max(0.0);
    [width, careful(height)]
}

/// Rounded down.
fn careful(size: f64) -> f64 {
    size * (1.0 - 1e-9)
}

/// Whether an EWKB geometry of lines or polygons is small; `None` where the database would keep
/// it in any case.
pub(super) fn is_small(ewkb: &[u8], [width, height]: [f64; 2]) -> bool {
    if ewkb.len() > INLINE {
        return false;
    }
    let mut reader = Reader { bytes: ewkb, bounds: None };
    let known = reader.geometry(0).is_some();
    let Some([west, south, east, north]) = reader.bounds else { return false };
    known && east - west < width && north - south < height
}

struct Reader<'a> {
    bytes: &'a [u8],
    bounds: Option<[f64; 4]>,
}

impl Reader<'_> {
    /// `None` for points and what isn't little-endian EWKB of lines or polygons.
    fn geometry(&mut self, depth: u8) -> Option<()> {
        let (&order, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let kind = self.number()?;
        if order != 1 || depth > 1 {
            return None;
        }
        if kind & 0x2000_0000 != 0 {
            self.number()?;
        }
        let dimensions = 2 + (kind >> 31) + (kind >> 30 & 1);
        match kind & 0xff {
            2 => self.points(dimensions),
            3 => (0..self.number()?).try_for_each(|_| self.points(dimensions)),
            5 | 6 => (0..self.number()?).try_for_each(|_| self.geometry(depth + 1)),
            _ => None,
        }
    }

    fn points(&mut self, dimensions: u32) -> Option<()> {
        for _ in 0..self.number()? {
            let (point, rest) = self.bytes.split_at_checked(8 * dimensions as usize)?;
            self.bytes = rest;
            let coordinate = |bytes: &[u8]| Some(f64::from_le_bytes(bytes.try_into().ok()?));
            let (x, y) = (coordinate(&point[..8])?, coordinate(&point[8..16])?);
            let [west, south, east, north] = self.bounds.unwrap_or([x, y, x, y]);
            self.bounds = Some([west.min(x), south.min(y), east.max(x), north.max(y)]);
        }
        Some(())
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u32::from_le_bytes(*number))
    }
}
