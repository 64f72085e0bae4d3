//! The area of a tile in each kind of spatial reference system, as an index can use it.

use geo::{Coord, Rect};

use crate::source::LayerRequest;
use crate::tile::mercator::{MAX_LATITUDE, unproject};

/// What restricts a layer's rows to a tile.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// All rows: right for every tile, if slow.
    Everything,
    /// No row can show in the tile.
    Nothing,
    /// An envelope in the rows' own system: west, south, east, north.
    Envelope([f64; 4]),
    /// A polygon on the sphere, as EWKB.
    Polygon(Vec<u8>),
}

/// Rounding errors of the projections at the filter's edges, as a part of the tile's side.
const ROUNDING: f64 = 1e-9;

/// The area from which rows are wanted, in Web Mercator metres.
fn area(request: &LayerRequest<'_>) -> Rect<f64> {
    let bounds = request.tile.buffered_bounds(request.spec.extent.max(1), request.spec.buffer);
    let margin = request.tile.size() * ROUNDING;
    let shift = Coord { x: margin, y: margin };
    Rect::new(bounds.min() - shift, bounds.max() + shift)
}

/// The same in degrees.
pub(super) fn area_in_degrees(request: &LayerRequest<'_>) -> Rect<f64> {
    let area = area(request);
    let (west, south) = unproject(area.min().x, area.min().y);
    let (east, north) = unproject(area.max().x, area.max().y);
    // Tiles end at 85.05°, so a row nearer to a pole shows only in a buffer, and there all
    // rows from `MAX_LATITUDE` to the pole are drawn at `MAX_LATITUDE`.
    let south = if south <= -MAX_LATITUDE { -90.0 } else { south };
    let north = if north >= MAX_LATITUDE { 90.0 } else { north };
    Rect::new(Coord { x: west, y: south }, Coord { x: east, y: north })
}

fn envelope(rect: Rect<f64>) -> Filter {
    Filter::Envelope([rect.min().x, rect.min().y, rect.max().x, rect.max().y])
}

/// For geometry in EPSG:3857.
pub(super) fn mercator(request: &LayerRequest<'_>) -> Filter {
    envelope(area(request))
}

/// For geometry in EPSG:4326.
pub(super) fn degrees(request: &LayerRequest<'_>) -> Filter {
    envelope(area_in_degrees(request))
}

/// For geography. Its index holds boxes around the points of a sphere, in which a polygon
/// across the antimeridian is like any other; only one as wide as a hemisphere has no inside.
///
/// ```text
///        great circle between two corners: bulges towards the pole, out of or into the tile
///       .-´ ` -.
///      +--------+   parallel: the tile's edge
/// ```
pub(super) fn geography(request: &LayerRequest<'_>, srid: i32) -> Filter {
    const EDGE: u32 = 16;
    let area = area_in_degrees(request);
    if area.width() > 90.0 {
        return Filter::Everything;
    }
    // With 16 chords to an edge a great circle leaves the parallel by less than 1/4096 of the
    // tile's width.
    let margin = area.width() / 1000.0;
    let (west, east) = (area.min().x - margin, area.max().x + margin);
    let (south, north) = ((area.min().y - margin).max(-90.0), (area.max().y + margin).min(90.0));
    let along =
        |from: f64, to: f64, step: u32| from + (to - from) * f64::from(step) / f64::from(EDGE);
    let mut ring = Vec::with_capacity(4 * EDGE as usize + 1);
    ring.extend((0..EDGE).map(|step| (along(west, east, step), south)));
    ring.extend((0..EDGE).map(|step| (east, along(south, north, step))));
    ring.extend((0..EDGE).map(|step| (along(east, west, step), north)));
    ring.extend((0..=EDGE).map(|step| (west, along(north, south, step))));
    for point in &mut ring {
        point.0 = wrap(point.0);
    }
    Filter::Polygon(ewkb_polygon(srid, &ring))
}

/// The longitude in −180…180.
fn wrap(lon: f64) -> f64 {
    if (-180.0..=180.0).contains(&lon) { lon } else { (lon + 180.0).rem_euclid(360.0) - 180.0 }
}

/// Steps of a grid along the side of a tile that is small on the globe.
const STEPS: u32 = 4;

/// Points all over a tile's area in degrees: chords of an edge are short enough for the margin of
/// [`transformed`] at any zoom.
pub(super) fn grid(request: &LayerRequest<'_>) -> Vec<(f64, f64)> {
    /// Rows come with longitudes in −180…180 and aren't wrapped, so that a buffer beyond holds
    /// none. At the very edge projections may choose the other side.
    const EDGE: f64 = 180.0 - 1e-9;
    let steps = if request.tile.z() < NARROW_FROM { 16 } else { STEPS };
    let area = area(request);
    grid_of(area, steps, |x, y| {
        let (lon, lat) = unproject(x, y);
        (lon.clamp(-EDGE, EDGE), lat)
    })
}

/// A grid of `steps` + 1 points to each side of `area`.
pub(super) fn grid_of(
    area: Rect<f64>,
    steps: u32,
    place: impl Fn(f64, f64) -> (f64, f64),
) -> Vec<(f64, f64)> {
    let part = |step: u32| f64::from(step) / f64::from(steps);
    let points = (0..=steps).flat_map(|row| (0..=steps).map(move |column| (column, row)));
    points
        .map(|(column, row)| {
            let x = area.min().x + area.width() * part(column);
            let y = area.min().y + area.height() * part(row);
            place(x, y)
        })
        .collect()
}

/// A point in the rows' system and that again in degrees; `None` where it can't be expressed.
pub(super) type Trip = Option<[(f64, f64); 2]>;

/// The trips of points from two MULTIPOINTs in EWKB.
pub(super) fn trips(there: &[u8], back: &[u8]) -> Vec<Trip> {
    match (ewkb_points(there), ewkb_points(back)) {
        (Some(there), Some(back)) if there.len() == back.len() => {
            there.into_iter().zip(back).map(|(there, back)| Some([there, back])).collect()
        }
        _ => Vec::new(),
    }
}

/// From this zoom on, a tile that its rows' system doesn't reach wholly is no reason to read
/// the whole table.
pub(super) const NARROW_FROM: u8 = 6;

/// The envelope of a tile's grid after its trip into the rows' system. Where points don't come
/// back to where they were, the system doesn't reach that far.
///
/// If none comes back, nothing of that system is in the tile: coordinates that show there would
/// transform to a point of the tile, and that point back to them.
pub(super) fn transformed(z: u8, grid: &[(f64, f64)], trips: &[Trip]) -> Filter {
    if trips.len() != grid.len() {
        return Filter::Everything;
    }
    let extent = finite_bounds(grid).map_or(0.0, |grid| grid.height());
    // Inverse projections are exact to centimetres; what doesn't come back misses by more.
    let tolerance = extent / 100.0 + 1e-4;
    let mut error = 0.0f64;
    let mut reached = Vec::with_capacity(grid.len());
    for (from, trip) in grid.iter().zip(trips) {
        let Some([there, to]) = *trip else { continue };
        let lon = (from.0 - to.0).rem_euclid(360.0);
        let miss = lon.min(360.0 - lon).max((from.1 - to.1).abs());
        if miss <= tolerance && there.0.is_finite() && there.1.is_finite() {
            error = error.max(miss);
            reached.push(there);
        }
    }
    let all = reached.len() == grid.len();
    if !all && z < NARROW_FROM {
        return Filter::Everything;
    }
    let Some(bounds) = finite_bounds(&reached) else { return Filter::Nothing };
    let size = bounds.width().max(bounds.height());
    let margin = match (all, size > 0.0) {
        // Sixteen chords of a full circle stay within 1 % of its width.
        (true, _) => (0.05 + 2.0 * error / extent.max(f64::MIN_POSITIVE)) * size,
        // Two neighbours show how long a step is, and the tile is `STEPS` long.
        (false, true) => f64::from(STEPS) * size,
        // A lone point shows nothing.
        (false, false) => return Filter::Everything,
    };
    let shift = Coord { x: margin, y: margin };
    envelope(Rect::new(bounds.min() - shift, bounds.max() + shift))
}

/// The points' bounds, unless there are none or one isn't finite.
pub(super) fn finite_bounds(points: &[(f64, f64)]) -> Option<Rect<f64>> {
    let first = points.first()?;
    let mut bounds = [first.0, first.1, first.0, first.1];
    for &(x, y) in points {
        if !x.is_finite() || !y.is_finite() {
            return None;
        }
        bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
    }
    Some(Rect::new((bounds[0], bounds[1]), (bounds[2], bounds[3])))
}

/// Degrees of the projected bounds of a Web Mercator rectangle; used for a layer's bounds.
pub(super) fn mercator_to_degrees(rect: Rect<f64>) -> Rect<f64> {
    Rect::new(unproject(rect.min().x, rect.min().y), unproject(rect.max().x, rect.max().y))
}

const POINT: u32 = 1;
const POLYGON: u32 = 3;
const MULTIPOINT: u32 = 4;
const HAS_SRID: u32 = 0x2000_0000;

fn ewkb_header(kind: u32, srid: i32, count: usize) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend((kind | HAS_SRID).to_le_bytes());
    bytes.extend(srid.to_le_bytes());
    bytes.extend((count as u32).to_le_bytes());
    bytes
}

fn ewkb_polygon(srid: i32, ring: &[(f64, f64)]) -> Vec<u8> {
    let mut bytes = ewkb_header(POLYGON, srid, 1);
    bytes.extend((ring.len() as u32).to_le_bytes());
    for (x, y) in ring {
        bytes.extend(x.to_le_bytes());
        bytes.extend(y.to_le_bytes());
    }
    bytes
}

/// A MULTIPOINT.
pub(super) fn ewkb_multipoint(srid: i32, points: &[(f64, f64)]) -> Vec<u8> {
    let mut bytes = ewkb_header(MULTIPOINT, srid, points.len());
    for (x, y) in points {
        bytes.push(1);
        bytes.extend(POINT.to_le_bytes());
        bytes.extend(x.to_le_bytes());
        bytes.extend(y.to_le_bytes());
    }
    bytes
}

/// The points of a two-dimensional MULTIPOINT in the server's own byte order, little-endian
/// wherever PostGIS runs today; `None` for anything else.
pub(super) fn ewkb_points(bytes: &[u8]) -> Option<Vec<(f64, f64)>> {
    const POINT_SIZE: usize = 21;
    let (&order, rest) = bytes.split_first()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let kind = u32::from_le_bytes(*kind);
    let skipped = if kind & HAS_SRID == 0 { 4 } else { 8 };
    let points = rest.get(skipped..)?;
    if order != 1 || kind & !HAS_SRID != MULTIPOINT || points.len() % POINT_SIZE != 0 {
        return None;
    }
    let number = |bytes: &[u8]| Some(f64::from_le_bytes(bytes.try_into().ok()?));
    points
        .chunks(POINT_SIZE)
        .map(|point| Some((number(&point[5..13])?, number(&point[13..])?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipoints_survive_ewkb() {
        let points = vec![(1.5, -2.5), (3.0, 4.0)];
        assert_eq!(ewkb_points(&ewkb_multipoint(4326, &points)), Some(points));
        assert_eq!(ewkb_points(&[]), None);
        assert_eq!(ewkb_points(&ewkb_polygon(4326, &[(0.0, 0.0)])), None);
    }

    #[test]
    fn a_grid_has_its_corners_and_its_inside() {
        let area = Rect::new((0.0, 10.0), (4.0, 14.0));
        let grid = grid_of(area, 4, |x, y| (x, y));
        assert_eq!(grid.len(), 25);
        for point in [(0.0, 10.0), (4.0, 14.0), (2.0, 12.0), (0.0, 12.0)] {
            assert!(grid.contains(&point), "{point:?}");
        }
    }

    #[test]
    fn points_that_do_not_come_back_widen_the_filter_or_leave_none() {
        let grid = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let there = [(500.0, 600.0), (700.0, 600.0), (700.0, 900.0)];
        let back = |lons: [f64; 3]| -> Vec<Trip> {
            (0..3).map(|i| Some([there[i], (lons[i], grid[i].1)])).collect()
        };
        let envelope = |lons, z| match transformed(z, &grid, &back(lons)) {
            Filter::Envelope(edges) => edges,
            filter => panic!("{filter:?}"),
        };
        assert_eq!(envelope([0.0, 10.0, 10.0], 0), [485.0, 585.0, 715.0, 915.0]);
        assert_eq!(envelope([0.0, 370.0, 10.0], 0), [485.0, 585.0, 715.0, 915.0]);
        assert_eq!(envelope([0.0, 10.0, 20.0], 6), [-300.0, -200.0, 1500.0, 1400.0]);
        let filter = |lons, z| transformed(z, &grid, &back(lons));
        assert_eq!(filter([0.0, 10.0, 20.0], 5), Filter::Everything);
        assert_eq!(filter([1.0, 11.0, 10.0], 6), Filter::Everything);
        assert_eq!(filter([1.0, 11.0, 11.0], 6), Filter::Nothing);
        let unreached: [Trip; 3] = [None, Some([(f64::INFINITY, 0.0), grid[1]]), None];
        assert_eq!(transformed(6, &grid, &unreached), Filter::Nothing);
        assert_eq!(transformed(5, &grid, &unreached), Filter::Everything);
        assert_eq!(transformed(6, &grid, &[]), Filter::Everything);
        assert!(trips(&[], &[]).is_empty());
    }

    #[test]
    fn longitudes_wrap_at_the_antimeridian() {
        assert_eq!(wrap(180.0), 180.0);
        assert_eq!(wrap(-180.0), -180.0);
        assert_eq!(wrap(181.0), -179.0);
        assert_eq!(wrap(-190.5), 169.5);
    }
}
