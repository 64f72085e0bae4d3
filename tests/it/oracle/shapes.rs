//! Two shapes of one row: whether they lie in the same place.
//!
//! Both sides snap every vertex to the grid, half a unit off at most on each axis. PostGIS does
//! that in another order (it snaps before it clips) and decides halves by another rule, so one
//! vertex may lie a unit apart on each axis: √2. It also drops vertices within half a unit of the
//! one before, and repairs what snapping made overlap or thinner than a unit. Nothing else may
//! differ; what is allowed below is made of these.

use geo::{
    Area, BooleanOps, BoundingRect, Coord, Euclidean, Length, LineString, MultiPolygon, Polygon,
};

use super::outline::Outline;
use crate::support::tile::Feature;

/// How far a vertex may be from the other shape's border: √2, see above.
const NEAR: f64 = 1.5;

/// Cuts lie anywhere along the box's border when the line meets it at a small angle: snapping
/// moves the line a unit, but the cut any distance. Vertices so close to it aren't compared.
const MARGIN: f64 = 2.0;

/// A vertex where a neighbour's box ends lies within half a unit of the true edge, of which theirs
/// may be as far as ends that were moved a unit each make it.
const ON_LINE: f64 = 2.0;

/// Border of the largest spike or island that only one has.
const SPIKE: f64 = 32.0;

/// Differences that nothing explains.
pub fn shapes_differ(ours: &Feature, theirs: &Feature) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(points_differ(ours, theirs));
    lines_differ(ours, theirs, &mut wrong);
    polygons_differ(ours, theirs, &mut wrong);
    wrong
}

/// Points agree within a unit, but for those whose rounding decides whether they are inside.
fn points_differ(ours: &Feature, theirs: &Feature) -> Option<String> {
    let inner = |feature: &Feature| {
        let inside = feature.points.iter().filter(|point| !at_box_edge(**point, 1.0));
        let mut points: Vec<_> = inside.map(|p| (p.x as i64, p.y as i64)).collect();
        points.sort_unstable();
        // Points of one feature that share a place are one point for us.
        points.dedup();
        points
    };
    let (a, b) = (inner(ours), inner(theirs));
    let near =
        |(a, b): (&(i64, i64), &(i64, i64))| (a.0 - b.0).abs() <= 1 && (a.1 - b.1).abs() <= 1;
    let same = a.len() == b.len() && a.iter().zip(&b).all(near);
    (!same).then(|| format!("points {a:?} instead of {b:?}"))
}

/// Every vertex is where the other has its line, and the length is the same: a line that runs
/// twice over one place has no vertex that strays.
fn lines_differ(ours: &Feature, theirs: &Feature, wrong: &mut Vec<String>) {
    let [our_lines, their_lines] = [ours, theirs].map(|f| f.lines.iter().collect::<Vec<_>>());
    let strays = strays(&our_lines, &their_lines);
    if let Some(stray) = strays.first() {
        wrong.push(format!("{} vertices of lines stray, as {stray:?}", strays.len()));
    }
    let (a, b) = (ours.length(), theirs.length());
    let vertices = |feature: &Feature| feature.lines.iter().map(|line| line.0.len()).sum::<usize>();
    // A vertex moves a unit: so does the length, if the line is straight. Where it winds, moves
    // lengthen as often as they shorten, and a unit for each of a thousand vertices would allow
    // any length; 2 % of it is twice what is seen.
    let per_vertex = vertices(ours).min(vertices(theirs)) as f64;
    // Ends that were cut off slide along the box's border, see `MARGIN`.
    let lines = ours.lines.iter().flat_map(|line| line.coords());
    let cuts = lines.filter(|vertex| at_box_edge(**vertex, MARGIN)).count() as f64;
    let allowed = per_vertex.min((0.02 * b).max(2.0)) + 2.0 * cuts;
    if (a - b).abs() > allowed {
        wrong.push(format!("length {a} instead of {b} (allowed: {allowed})"));
    }
}

/// What only one of the two covers is nowhere wider than a unit, and altogether no more than
/// half a unit along the whole border; and every vertex is where the other has its border.
///
/// The bounding boxes agree then too: their sides go through vertices.
fn polygons_differ(ours: &Feature, theirs: &Feature, wrong: &mut Vec<String>) {
    let (a, b) = (MultiPolygon(ours.polygons.clone()), MultiPolygon(theirs.polygons.clone()));
    if a == b {
        return;
    }
    let only_one = a.xor(&b);
    if let Some(piece) = only_one.iter().find(|piece| !is_thin(piece)) {
        let (place, area) = (piece.bounding_rect(), piece.unsigned_area());
        wrong.push(format!("only one covers an area of {area} in {place:?}"));
    }
    // A border moves a whole unit only if all of its vertices lie halfway between grid points,
    // and then only half of it moves outward: half a unit along all of it is twice what is
    // seen but for such. This is 1 % of the area if that is 100 units wide, less of a larger one.
    let allowed = 1.0 + ours.perimeter().max(theirs.perimeter()) / 2.0;
    let area = only_one.unsigned_area();
    if area > allowed {
        wrong.push(format!("{area} of {} is covered by one (allowed: {allowed})", theirs.area()));
    }
    let spikes: Vec<_> = only_one.iter().filter(|piece| perimeter(piece) <= SPIKE).collect();
    // A whole island may be longer: repair drops it if it is thinner than a unit on average.
    let thin = |part: &&Polygon<f64>| part.unsigned_area() <= perimeter(part) / 2.0;
    let islands = a.iter().chain(b.iter()).filter(thin);
    let spikes = Outline::new(spikes.into_iter().chain(islands).map(|piece| piece.exterior()));
    // Necks that snapping closed are ways there and back in our rings: they border on no area.
    let [ours, theirs] = [a, b].map(|shape| shape.union(&MultiPolygon(Vec::new())));
    let mut strays = strays(&rings(&ours), &rings(&theirs));
    // Repair cuts off spikes and islands that are no wider than a unit.
    strays.retain(|stray| !spikes.is_near(*stray, 0.01));
    if let Some(stray) = strays.first() {
        wrong.push(format!("{} vertices of rings stray, as {stray:?}", strays.len()));
    }
}

/// Vertices of each that are far from the other.
fn strays(ours: &[&LineString<f64>], theirs: &[&LineString<f64>]) -> Vec<Coord<f64>> {
    let one_way = |from: &[&LineString<f64>], to: &[&LineString<f64>]| {
        let to = Outline::new(to.iter().copied());
        let vertices = from.iter().flat_map(|line| line.coords().copied());
        let inner = vertices.filter(|vertex| !at_box_edge(*vertex, MARGIN));
        inner.filter(|vertex| !to.is_near(*vertex, allowed(*vertex))).collect::<Vec<_>>()
    };
    [one_way(ours, theirs), one_way(theirs, ours)].concat()
}

fn rings(shape: &MultiPolygon<f64>) -> Vec<&LineString<f64>> {
    shape.iter().flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors())).collect()
}

/// Whether a polygon is a unit wide at most, on average.
pub fn is_thin(polygon: &Polygon<f64>) -> bool {
    polygon.unsigned_area() <= perimeter(polygon) / 2.0
}

fn perimeter(polygon: &Polygon<f64>) -> f64 {
    let holes = polygon.interiors().iter().map(|ring| Euclidean.length(ring)).sum::<f64>();
    Euclidean.length(polygon.exterior()) + holes
}

/// Whether a coordinate is within `margin` of the buffered box's border.
fn allowed(vertex: Coord<f64>) -> f64 {
    let on_line = [vertex.x, vertex.y].iter().any(|v| [64.0, 4032.0].contains(v));
    if on_line { ON_LINE } else { NEAR }
}

pub fn at_box_edge(coord: Coord<f64>, margin: f64) -> bool {
    let near = |v: f64| v <= margin - 64.0 || v >= 4160.0 - margin;
    near(coord.x) || near(coord.y)
}
