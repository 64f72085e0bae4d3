//! Tiles of features in memory against those of the same rows from elsewhere.

use std::sync::Arc;

use super::batch::Batch;
use super::importance::ALWAYS;
use super::layer::{EmbeddedLayer, Row as Stored, needed_at};
use super::store::Store;
use crate::source::postgis::{Encoder, TableSettings};
use crate::tile::coverage::{PLACES, along_box, counties, overlap_is_equal, steps, tile_at};
use crate::tile::testing::{Decoded, Row, build, decode, spec};
use crate::tile::{
    Crs, Feature, LayerBuilder, LayerSpec, Level, Levels, Shape, TileCoord, read_ewkb,
};

/// The rows' geometries and ids, in several batches.
fn store(rows: &[Row]) -> Arc<Store> {
    let batches = rows.chunks(100).map(|rows| {
        let (mut batch, mut shape) = (Batch::default(), Shape::default());
        for row in rows {
            read_ewkb(row.geometry().unwrap(), &mut shape).unwrap();
            for part in shape.parts() {
                let points = shape.points(part).iter().copied();
                batch.part(shape.kind().unwrap(), part.hole, Crs::Wgs84, points).unwrap();
            }
            batch.finish(row.id.map(i64::cast_unsigned));
        }
        batch.seal();
        batch
    });
    Arc::new(Store::new(batches.collect()).unwrap())
}

fn layer(store: Arc<Store>) -> EmbeddedLayer {
    let settings = TableSettings {
        table: "t".to_owned(),
        geometry: None,
        srid: None,
        id: None,
        properties: None,
        order_by: None,
        encoder: Encoder::Rows,
        filter: None,
        allow_filter: Vec::new(),
        details: Vec::new(),
        params: Default::default(),
    };
    EmbeddedLayer::new("layer", ("t.geojson", 0), store, &settings).unwrap()
}

fn simplified(tolerance: f64) -> LayerSpec {
    let level = Level { simplify: tolerance, ..Level::default() };
    let levels = Levels::new(level, 24, vec![]);
    LayerSpec { levels, keys: vec![], ..spec(Crs::WebMercator) }
}

/// The tile, and how many vertices were handed to its builder.
fn tile(layer: &EmbeddedLayer, spec: &LayerSpec, (z, x, y): (u8, u32, u32)) -> (Vec<u8>, usize) {
    let coord = TileCoord::new(z, x, y).unwrap();
    let needed = needed_at(spec.levels.at(z).simplify, coord.size() / f64::from(spec.extent));
    let mut builder = LayerBuilder::new(spec, coord);
    let (mut vertices, mut shape) = (0, Shape::default());
    for feature in 0..layer.store.len() {
        let row = Stored { layer, feature, needed };
        row.shape(&mut shape).unwrap();
        vertices += shape.parts().iter().map(|part| part.end - part.start).sum::<usize>();
        builder.add(&row);
    }
    (builder.finish().0, vertices)
}

#[test]
fn without_simplification_tiles_are_those_of_rows_byte_for_byte() {
    let rows = counties();
    let layer = layer(store(&rows));
    let of_rows = LayerSpec { crs: Crs::Wgs84, ..simplified(0.0) };
    for (z, (lon, lat)) in [0, 7, 12].into_iter().zip(PLACES) {
        let at = tile_at(z, lon, lat);
        let (ours, vertices) = tile(&layer, &simplified(0.0), at);
        assert!(ours == build(&of_rows, at, &rows).0, "{at:?}");
        assert_eq!(vertices, layer.store.vertices());
    }
}

/// As `tile/coverage.rs` has it for rows: whatever is passed over, both sides of a border pass
/// over it.
#[test]
fn neighbours_have_their_borders_in_common_whatever_is_passed_over() {
    let rows = counties();
    let layer = layer(store(&rows));
    for (tolerance, most) in [(0.5, 99), (4.0, 85)] {
        let spec = simplified(tolerance);
        let (mut borders, mut fewest) = (0, usize::MAX);
        for z in [1, 4, 6] {
            for (lon, lat) in &PLACES[..2] {
                let at = tile_at(z, *lon, *lat);
                let (bytes, vertices) = tile(&layer, &spec, at);
                fewest = fewest.min(vertices);
                for (step, count) in steps(&decode(&bytes)) {
                    borders += 1;
                    assert!(
                        count % 2 == 0 || along_box(&step),
                        "{at:?}, simplify {tolerance}: {step:?} is drawn {count} times"
                    );
                }
            }
        }
        println!("simplify {tolerance}: {fewest} of {} vertices", layer.store.vertices());
        assert!(borders > 5_000 && fewest * 100 < most * layer.store.vertices());
    }
}

#[test]
fn tiles_agree_where_they_overlap_whatever_is_passed_over() {
    let layer = layer(store(&counties()));
    for tolerance in [0.5, 4.0] {
        let spec = simplified(tolerance);
        let decoded = |at| -> Vec<Decoded> { decode(&tile(&layer, &spec, at).0) };
        let mut compared = 0;
        for z in [3, 6] {
            for (lon, lat) in &PLACES[..2] {
                let (z, x, y) = tile_at(z, *lon, *lat);
                let here = decoded((z, x, y));
                for (right, down) in [(1, 0), (0, 1)] {
                    let there = decoded((z, x + right, y + down));
                    compared += overlap_is_equal(&here, &there, right as i32, down as i32);
                }
            }
        }
        assert!(compared > 500, "{compared} steps compared");
    }
}

#[test]
fn what_always_stays_is_enough_for_a_shape() {
    let layer = layer(store(&counties()));
    let mut shape = Shape::default();
    for feature in 0..layer.store.len() {
        layer.store.draw(feature, ALWAYS, &mut shape);
        assert!(shape.parts().iter().all(|part| part.end > part.start), "ends always stay");
    }
}
