//! The same layer by way of the `mvt` crate: what the writer in `encode` is tested against, and
//! with the feature `mvt-encoder` what makes the tiles, for comparison.

use mvt::{GeomData, GeomEncoder, GeomType, Tile};

use super::arena::{Arena, Row};
#[cfg(feature = "mvt-encoder")]
use super::encode::{self, Encoding};
use super::quantize::GridPoint;
use super::shape::Kind;
use super::{LayerSpec, Value};

/// [`encode::layer_within`], but by way of `mvt` where no limit can be hit.
#[cfg(feature = "mvt-encoder")]
pub fn layer_within(
    spec: &LayerSpec,
    arena: &Arena,
    encoding: &mut Encoding,
    rows: &[u32],
    limit: usize,
) -> (Vec<u8>, usize) {
    match layer(spec, arena, rows) {
        Ok(bytes) if bytes.len() <= limit => (bytes, rows.len()),
        _ => encode::layer_within(spec, arena, encoding, rows, limit),
    }
}

/// The MVT `Tile` message that holds only this layer, features in the order of `rows`.
///
/// # Errors
/// The crate's own, none of which this input can cause.
pub fn layer(spec: &LayerSpec, arena: &Arena, rows: &[u32]) -> Result<Vec<u8>, mvt::Error> {
    let mut tile = Tile::new(spec.extent);
    let mut layer = tile.create_layer(&spec.name);
    for row in rows {
        let row = arena.row(*row);
        let mut feature = layer.into_feature(geometry(row, arena)?);
        if let Some(id) = row.id {
            feature.set_id(id);
        }
        for &(key, value) in arena.tags(row) {
            let Some(key) = spec.keys.get(key as usize) else { continue };
            match arena.values.value(value) {
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

fn geometry(row: &Row, arena: &Arena) -> Result<GeomData, mvt::Error> {
    let parts = arena.commands.parts(arena.geometry(row));
    let mut encoder = GeomEncoder::new(match row.kind {
        Kind::Points => GeomType::Point,
        Kind::Lines => GeomType::Linestring,
        Kind::Polygons => GeomType::Polygon,
    });
    let mut cursor: Option<GridPoint> = None;
    for part in &parts {
        // Version 0.15 leaves a MoveTo out when a part starts where the last one ended. A ring can
        // start one vertex later; a line can't, and becomes one with the line before it.
        let skip = usize::from(row.kind == Kind::Polygons && part.first() == cursor.as_ref());
        for &[x, y] in part.iter().cycle().skip(skip).take(part.len()) {
            encoder.add_point(x, y)?;
            cursor = Some([x, y]);
        }
        if row.kind != Kind::Points {
            encoder.complete_geom()?;
        }
    }
    encoder.encode()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Crs, LayerBuilder, TileCoord};

    #[test]
    fn both_writers_make_the_same_of_a_layer() {
        let tile = (14, 8000, 6000);
        let place = |points: &[P]| points.iter().map(|&p| metres(tile, p)).collect::<Vec<_>>();
        let values = vec![
            (0, Owned::Text("ä".into())),
            (1, Owned::Int(-7)),
            (2, Owned::Double(0.5)),
            (1, Owned::Bool(true)),
        ];
        let shapes = [
            polygon(&[&place(&square(10.0, 10.0, 90.0)), &place(&square(20.0, 20.0, 9.0))]),
            collection(
                5,
                &[
                    line(&place(&[(0.0, 0.0), (9.0, 50.0), (70.0, 3.0)])),
                    line(&place(&[(5.0, 5.0), (90.0, 50.0)])),
                ],
            ),
            collection(4, &[point(metres(tile, (5.0, 6.0)).0, metres(tile, (5.0, 6.0)).1)]),
        ];
        let spec = spec(Crs::WebMercator);
        let coord = TileCoord::new(tile.0, tile.1, tile.2).unwrap();
        let mut builder = LayerBuilder::new(&spec, coord);
        for (id, shape) in (1..).zip(shapes) {
            builder.add(&Row { id: Some(id), values: values.clone(), ..row(shape) });
        }
        let theirs = builder.by_mvt();
        let ours = builder.finish().0;
        assert_eq!(decode(&ours).len(), 3);
        assert_eq!(decode(&ours), decode(&theirs));
    }
}
