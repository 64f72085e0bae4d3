//! Features to the bytes of an MVT layer; the only file that knows the `mvt` crate.
//!
//! Section numbers are those of the Mapbox Vector Tile Specification 2.1.

use mvt::{GeomData, GeomEncoder, GeomType, Tile};

use super::arena::Entry;
use super::quantize::GridPoint;
use super::shape::Kind;
use super::{LayerSpec, Value};

/// The MVT `Tile` message that holds only this layer, features in the order of `entries`.
///
/// # Errors
/// The crate's own, none of which this input can cause: a coordinate that is not a number, or
/// layers of one tile that disagree.
pub(super) fn layer<'a>(
    spec: &LayerSpec,
    entries: impl Iterator<Item = Entry<'a>>,
) -> Result<Vec<u8>, mvt::Error> {
    let mut tile = Tile::new(spec.extent);
    let mut layer = tile.create_layer(&spec.name);
    let mut parts = Vec::new();
    for entry in entries {
        split(&entry, &mut parts);
        let mut feature = layer.into_feature(geometry(entry.kind, &mut parts)?);
        if let Some(id) = entry.id {
            feature.set_id(id);
        }
        for (key, value) in entry.tags() {
            let Some(key) = spec.keys.get(key) else { continue };
            match value {
                Value::Bool(value) => feature.add_tag_bool(key, value),
                Value::Int(value) => feature.add_tag_sint(key, value),
                Value::Double(value) => feature.add_tag_double(key, value),
                Value::Text(text) => feature.add_tag_string(key, text),
            }
        }
        layer = feature.into_layer();
    }
    tile.add_layer(layer)?;
    tile.to_bytes()
}

/// Points at the parts of an entry; replaces what is in `parts`.
fn split<'a>(entry: &Entry<'a>, parts: &mut Vec<&'a [GridPoint]>) {
    parts.clear();
    let mut rest = entry.points;
    for &length in entry.parts {
        let (part, after) = rest.split_at(length.min(rest.len()));
        parts.push(part);
        rest = after;
    }
}

fn geometry(kind: Kind, parts: &mut [&[GridPoint]]) -> Result<GeomData, mvt::Error> {
    match kind {
        Kind::Points => points(parts),
        Kind::Lines => lines(parts),
        Kind::Polygons => rings(parts),
    }
}

/// Section 4.3.4.2: one MoveTo for all points.
fn points(parts: &[&[GridPoint]]) -> Result<GeomData, mvt::Error> {
    let mut encoder = GeomEncoder::new(GeomType::Point);
    for &[x, y] in parts.iter().copied().flatten() {
        encoder.add_point(x, y)?;
    }
    encoder.encode()
}

/// Section 4.3.4.3: a MoveTo for each line. `mvt` 0.15 leaves it out when a line starts on the
/// last point of the one before it. The lines of a feature have no order, so written backwards
/// most chains of lines have no such place; where they still do, the two become one line: the
/// same drawing, and valid.
fn lines(parts: &mut [&[GridPoint]]) -> Result<GeomData, mvt::Error> {
    let continues = |a: &[GridPoint], b: &[GridPoint]| a.last() == b.first();
    if parts.windows(2).any(|pair| continues(pair[0], pair[1]))
        && !parts.windows(2).any(|pair| continues(pair[1], pair[0]))
    {
        parts.reverse();
    }
    let mut encoder = GeomEncoder::new(GeomType::Linestring);
    for (i, part) in parts.iter().enumerate() {
        for &[x, y] in *part {
            encoder.add_point(x, y)?;
        }
        if parts.get(i + 1).is_none_or(|next| !continues(part, next)) {
            encoder.complete_geom()?;
        }
    }
    encoder.encode()
}

/// Section 4.3.4.4: MoveTo, LineTo, ClosePath for each ring. `mvt` 0.15 leaves the MoveTo out
/// when a ring starts on the last point of the one before it: such a ring starts one further on.
fn rings(parts: &[&[GridPoint]]) -> Result<GeomData, mvt::Error> {
    let mut encoder = GeomEncoder::new(GeomType::Polygon);
    let mut cursor = None;
    for ring in parts {
        let skip = usize::from(ring.first() == cursor);
        for &[x, y] in ring.iter().cycle().skip(skip).take(ring.len()) {
            encoder.add_point(x, y)?;
        }
        encoder.complete_geom()?;
        cursor = if skip == 1 { ring.first() } else { ring.last() };
    }
    encoder.encode()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{P, build, collection, decode, line, metres, polygon, row, spec};
    use super::super::{Crs, quantize::GridPoint};

    const TILE: (u8, u32, u32) = (14, 8000, 6000);

    fn placed(points: &[P]) -> Vec<P> {
        points.iter().map(|&point| metres(TILE, point)).collect()
    }

    fn parts_of(wkb: Vec<u8>) -> Vec<Vec<GridPoint>> {
        let (tile, _) = build(&spec(Crs::WebMercator), TILE, &[row(wkb)]);
        decode(&tile).remove(0).parts
    }

    fn lines(parts: &[&[P]]) -> Vec<Vec<GridPoint>> {
        let members: Vec<_> = parts.iter().map(|part| line(&placed(part))).collect();
        parts_of(collection(5, &members))
    }

    #[test]
    fn lines_that_follow_each_other_stay_lines_of_their_own() {
        let parts = lines(&[
            &[(0.0, 0.0), (10.0, 10.0)],
            &[(10.0, 10.0), (20.0, 0.0)],
            &[(20.0, 0.0), (30.0, 5.0)],
        ]);
        assert_eq!(
            parts,
            [vec![[20, 0], [30, 5]], vec![[10, 10], [20, 0]], vec![[0, 0], [10, 10]]]
        );
    }

    #[test]
    fn lines_that_go_back_and_forth_become_one_that_draws_the_same() {
        let parts = lines(&[&[(0.0, 0.0), (10.0, 10.0)], &[(10.0, 10.0), (0.0, 0.0)]]);
        assert_eq!(parts, [[[0, 0], [10, 10], [0, 0]]]);
    }

    #[test]
    fn lines_apart_keep_their_order() {
        let parts = lines(&[&[(0.0, 0.0), (10.0, 10.0)], &[(11.0, 10.0), (0.0, 0.0)]]);
        assert_eq!(parts, [[[0, 0], [10, 10]], [[11, 10], [0, 0]]]);
    }

    #[test]
    fn a_ring_that_starts_where_the_last_one_ended_starts_one_further_on() {
        let first = placed(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]);
        let second = placed(&[(10.0, 10.0), (20.0, 10.0), (20.0, 20.0)]);
        let third = placed(&[(10.0, 10.0), (10.0, 20.0), (0.0, 20.0)]);
        let parts = parts_of(collection(6, &[first, second, third].map(|ring| polygon(&[&ring]))));
        assert_eq!(
            parts,
            [
                [[0, 0], [10, 0], [10, 10]],
                [[20, 10], [20, 20], [10, 10]],
                [[10, 20], [0, 20], [10, 10]],
            ]
        );
    }

    #[test]
    fn a_hole_that_starts_where_its_outer_ring_ended_is_complete() {
        let outer = placed(&[(0.0, 0.0), (50.0, 0.0), (50.0, 50.0), (0.0, 50.0)]);
        let hole = placed(&[(0.0, 50.0), (20.0, 40.0), (10.0, 20.0)]);
        let parts = parts_of(polygon(&[&outer, &hole]));
        assert_eq!(parts[1], [[20, 40], [10, 20], [0, 50]]);
    }
}
