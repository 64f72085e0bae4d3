//! Tiles as `mvt-reader` sees them.

use geo::Geometry;
use mvt_reader::Reader;
use mvt_reader::feature::Feature;

/// The features of all layers.
pub fn features(tile: &[u8]) -> Vec<Feature<i32>> {
    let reader = Reader::new(tile.to_vec()).expect("a valid tile");
    let layers = reader.get_layer_metadata().expect("valid layers");
    let features = |layer| reader.get_features_as(layer).expect("valid features");
    layers.iter().flat_map(|layer| features(layer.layer_index)).collect()
}

/// The parts of a geometry in their order, rings without their closing point.
pub fn parts(geometry: &Geometry<i32>) -> Vec<Vec<[i32; 2]>> {
    let line = |line: &geo::LineString<i32>| line.0.iter().map(|c| [c.x, c.y]).collect::<Vec<_>>();
    match geometry {
        Geometry::MultiPoint(points) => points.iter().map(|p| vec![[p.x(), p.y()]]).collect(),
        Geometry::LineString(one) => vec![line(one)],
        Geometry::MultiLineString(lines) => lines.iter().map(line).collect(),
        Geometry::MultiPolygon(polygons) => polygons
            .iter()
            .flat_map(|polygon| [polygon.exterior()].into_iter().chain(polygon.interiors()))
            .map(|ring| {
                let mut ring = line(ring);
                assert_eq!(ring.pop().as_ref(), ring.first(), "a closed ring");
                ring
            })
            .collect(),
        other => panic!("no MVT geometry: {other:?}"),
    }
}
