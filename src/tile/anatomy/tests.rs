use geo::CoordsIter;
use mvt_reader::Reader;
use proptest::prelude::*;

use super::*;
use crate::tile::encode::varint;
use crate::tile::testing::{
    Owned, Row, build, collection, line, metres, point, polygon, row, spec, square,
};
use crate::tile::{Crs, LayerSpec};

const TILE: (u8, u32, u32) = (14, 8000, 6000);

fn at(x: f64, y: f64) -> (f64, f64) {
    metres(TILE, (x, y))
}

fn placed<const N: usize>(points: [(f64, f64); N]) -> [(f64, f64); N] {
    points.map(|(x, y)| at(x, y))
}

/// Points, lines and polygons with a hole, in two layers, some without id.
fn tile() -> Vec<u8> {
    let outer = placed(square(100.0, 100.0, 500.0));
    let hole = placed(square(200.0, 200.0, 100.0));
    let mut rows = vec![
        row(polygon(&[&outer, &hole])),
        row(line(&placed([(0.0, 0.0), (50.0, 90.0), (700.0, 20.0)]))),
        row(collection(
            5,
            &[line(&placed([(9.0, 9.0), (10.0, 90.0)])), line(&placed([(20.0, 9.0), (1.0, 9.0)]))],
        )),
    ];
    rows.extend((0..40).map(|n| row(point(at(f64::from(n) * 50.0, 70.0).0, at(0.0, 70.0).1))));
    let rows: Vec<Row> = rows
        .into_iter()
        .enumerate()
        .map(|(n, row)| Row {
            id: (n % 5 != 0).then_some(n as i64),
            values: vec![
                (0, Owned::Text(format!("a name that is long, number {n}"))),
                (1, Owned::Int(n as i64 % 3)),
                (2, Owned::Bool(n % 2 == 0)),
            ],
            ..row
        })
        .collect();
    let one = spec(Crs::WebMercator);
    let two = LayerSpec { name: "other".into(), extent: 512, ..one.clone() };
    [build(&one, TILE, &rows).0, build(&two, TILE, &rows[..10]).0].concat()
}

#[test]
fn counts_are_those_of_an_independent_reader() {
    let tile = tile();
    let found = anatomy(&tile).unwrap();
    let reader = Reader::new(tile.clone()).unwrap();
    let layers = reader.get_layer_metadata().unwrap();
    assert_eq!(found.layers.len(), 2);
    for (ours, theirs) in found.layers.iter().zip(layers) {
        assert_eq!((&ours.name, ours.extent), (&theirs.name, theirs.extent));
        assert_eq!(ours.version, u64::from(theirs.version));
        assert_eq!(ours.features as usize, theirs.feature_count);
        let features = reader.get_features(theirs.layer_index).unwrap();
        let (mut kinds, mut vertices) = ([0; 3], 0);
        for feature in &features {
            vertices += feature.geometry.coords_count();
            match &feature.geometry {
                geo::Geometry::Point(_) | geo::Geometry::MultiPoint(_) => kinds[0] += 1,
                geo::Geometry::LineString(_) | geo::Geometry::MultiLineString(_) => kinds[1] += 1,
                geo::Geometry::MultiPolygon(polygons) => {
                    kinds[2] += 1;
                    vertices -= polygons.iter().map(|p| 1 + p.interiors().len()).sum::<usize>();
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!([ours.points, ours.lines, ours.polygons], kinds);
        assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
        assert_eq!(ours.vertices as usize, vertices);
        let without = features.iter().filter(|feature| feature.id.is_none()).count();
        assert_eq!(ours.faults, Faults { without_id: without as u64, ..Faults::default() });
        for property in &ours.properties {
            let values = |feature: &mvt_reader::feature::Feature<f32>| {
                let all = feature.properties.as_ref()?;
                all.get(&property.key).map(|value| format!("{value:?}"))
            };
            let mut values: Vec<_> = features.iter().filter_map(values).collect();
            assert_eq!(property.features as usize, values.len());
            values.sort();
            values.dedup();
            assert_eq!(property.values, values.len(), "{}", property.key);
        }
    }
}

#[test]
fn bytes_add_up() {
    let tile = tile();
    let found = anatomy(&tile).unwrap();
    assert_eq!(found.bytes, tile.len());
    assert_eq!(found.gzip, compress::gzip(&tile).len());
    assert_eq!(found.layers.iter().map(|layer| layer.bytes).sum::<usize>(), tile.len());
    for layer in &found.layers {
        assert!(layer.gzip > 0 && layer.gzip < layer.bytes, "{layer:?}");
        // Names of keys and their values are all that this layer's writer puts there.
        let keys: usize = layer.properties.iter().map(|p| p.key.len() + 2).sum();
        assert_eq!(layer.key_bytes, keys);
        let properties: usize = layer.properties.iter().map(|p| p.bytes).sum();
        // Of each feature's tags, two bytes are the field's key and its length.
        let tags = layer.tag_bytes - 2 * layer.features as usize;
        assert_eq!(properties, layer.key_bytes + layer.value_bytes + tags);
        assert!(layer.other_bytes < layer.bytes / 3, "{layer:?}");
    }
}

#[test]
fn the_heaviest_come_first_and_can_be_told_apart() {
    let found = anatomy(&tile()).unwrap();
    assert_eq!(found.heaviest_features.len(), HEAVIEST);
    assert!(found.heaviest_features.is_sorted_by(|a, b| a.bytes >= b.bytes));
    let heaviest = &found.heaviest_features[0];
    assert_eq!((heaviest.kind, heaviest.vertices, heaviest.id), ("polygon", 8, None));
    let name = ("a".to_owned(), "a name that is long, number 0".to_owned());
    assert_eq!(heaviest.property, Some(name));
    let properties = &found.heaviest_properties;
    assert_eq!(properties.len(), 6);
    assert_eq!((&*properties[0].layer, &*properties[0].key), ("layer", "a"));
    assert_eq!((properties[0].features, properties[0].values), (43, 43));
    assert!(properties[0].bytes > 43 * 30);
    let flag = properties.iter().find(|p| p.layer == "layer" && p.key == "c").unwrap();
    assert_eq!((flag.features, flag.values), (43, 2));
}

#[test]
fn the_heaviest_are_found_wherever_they_stand() {
    let lines = |lengths: &[i64]| {
        let rows: Vec<Row> = lengths
            .iter()
            .enumerate()
            .map(|(n, length)| {
                // Away from where neighbours reach to, which would add vertices.
                let place =
                    |step: i64| at(200.0 + 9.0 * step as f64, 200.0 + 90.0 * (step % 2) as f64);
                let zigzag = (0..*length).map(place);
                Row { id: Some(n as i64 + 1), ..row(line(&zigzag.collect::<Vec<_>>())) }
            })
            .collect();
        build(&spec(Crs::WebMercator), TILE, &rows).0
    };
    let lengths: Vec<i64> = (2..=41).collect();
    let most: Vec<u64> = (32..=41).rev().collect();
    for lengths in [lengths.clone(), lengths.into_iter().rev().collect()] {
        let found = anatomy(&lines(&lengths)).unwrap().heaviest_features;
        assert_eq!(found.iter().map(|feature| feature.vertices).collect::<Vec<_>>(), most);
        for feature in found {
            assert_eq!(lengths[feature.index as usize] as u64, feature.vertices);
            assert_eq!(feature.id, Some(feature.index + 1));
        }
    }
}

fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, number << 3 | 2);
    varint(&mut out, content.len() as u64);
    [&out, content].concat()
}

fn packed(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| varint(&mut out, *number));
    out
}

/// A tile of one feature of the type, without id.
fn one(kind: u8, geometry: &[u64], tags: &[u64]) -> Vec<u8> {
    let feature = [field(2, &packed(tags)), vec![3 << 3, kind], field(4, &packed(geometry))];
    let value = field(1, b"text");
    let layer = [field(1, b"one"), field(2, &feature.concat()), field(3, b"key"), field(4, &value)];
    field(3, &layer.concat())
}

#[test]
fn features_that_break_the_specification_are_counted() {
    let zigzag = |value: i64| ((value << 1) ^ (value >> 63)) as u64;
    let (right, left, down, up) = (zigzag(9), zigzag(-9), zigzag(9), zigzag(-9));
    let outer = [9, 0, 0, 26, right, 0, 0, down, left, 0, 15];
    let hole = [9, 0, 0, 26, 0, down, right, 0, 0, up, 15];
    let faults = |kind, geometry: &[u64], tags: &[u64]| {
        let found = anatomy(&one(kind, geometry, tags)).unwrap();
        assert_eq!(found.features(), 1);
        Faults { without_id: 0, ..found.layers[0].faults }
    };
    let none = Faults::default();
    assert_eq!(faults(3, &outer, &[0, 0]), none);
    let bad_rings = Faults { bad_rings: 1, ..none };
    assert_eq!(faults(3, &hole, &[]), bad_rings, "begins with a hole");
    assert_eq!(faults(3, &outer[..10], &[]), bad_rings, "open");
    assert_eq!(faults(3, &[&outer[..10], &outer[..]].concat(), &[]), bad_rings, "one is open");
    assert_eq!(faults(3, &[9, 0, 0, 18, right, 0, left, 0, 15], &[]), bad_rings, "no area");
    assert_eq!(faults(3, &[&outer[..], &hole[..]].concat(), &[]), none, "a hole behind it");
    assert_eq!(faults(2, &outer[..10], &[]), none, "lines aren't closed");
    let bad_geometry = Faults { bad_geometry: 1, ..none };
    for commands in [&[11, 0, 0][..], &[17, 0, 0], &[], &[9, 1 << 33, 0]] {
        assert_eq!(faults(1, commands, &[]), bad_geometry, "{commands:?}");
    }
    assert_eq!(faults(4, &[9, 0, 0], &[]), bad_geometry, "no such type");
    let bad_tags = Faults { bad_tags: 1, ..none };
    for tags in [&[0][..], &[1, 0], &[0, 1], &[0, 1 << 40]] {
        assert_eq!(faults(1, &[9, 0, 0], tags), bad_tags, "{tags:?}");
    }
    let far_outside = Faults { far_outside: 1, ..none };
    assert_eq!(faults(1, &[9, zigzag(8193), 0], &[]), far_outside);
    assert_eq!(faults(1, &[9, 0, zigzag(-4097)], &[]), far_outside);
    assert_eq!(faults(1, &[9, zigzag(8192), zigzag(-4096)], &[]), none);
}

#[test]
fn values_that_are_there_twice_count_once_with_all_their_bytes() {
    let value = field(4, &field(1, b"text"));
    let feature =
        |value| field(2, &[field(2, &[0, value]), vec![3 << 3, 1], field(4, &[9, 0, 0])].concat());
    let layer =
        [field(1, b"one"), feature(0), feature(1), field(3, b"key"), value.clone(), value.clone()];
    let found = anatomy(&field(3, &layer.concat())).unwrap();
    let property = &found.heaviest_properties[0];
    assert_eq!((property.features, property.values, found.layers[0].values), (2, 1, 1));
    assert_eq!(property.bytes, "key".len() + 2 + 2 * value.len() + 4);
}

#[test]
fn what_is_no_tile_says_where_and_why() {
    assert_eq!(anatomy(&[]), Ok(Anatomy::default()));
    let cases = [
        (field(3, &[]), 2, "without a name"),
        (vec![0x1a, 0x05, 0x0a], 2, "longer than what is left"),
        (vec![0x1a], 1, "doesn't end"),
        (vec![0x1b], 0, "wire type"),
        (b"hello, world".to_vec(), 0, "4.1"),
        (field(3, &field(1, b"a")).into_iter().chain([0x18, 1]).collect(), 6, "no message"),
        (vec![0xff; 20], 0, "doesn't end"),
    ];
    for (bytes, at, why) in cases {
        let error = anatomy(&bytes).unwrap_err();
        assert!(error.at == at && error.reason.contains(why), "{error}: {bytes:?}");
    }
    let extended = [tile(), field(16, b"an extension")].concat();
    assert_eq!(anatomy(&extended).unwrap().layers.len(), 2);
}

#[test]
fn tiles_beyond_all_bounds_are_refused() {
    let name = field(1, b"a");
    let of = |number: u64, count: usize| {
        field(3, &[&name[..], &field(number, b"").repeat(count)].concat())
    };
    for (tile, why) in [
        (of(4, MAX_VALUES + 1), "values"),
        (of(3, MAX_KEYS + 1), "keys"),
        (of(3, MAX_KEYS / 2 + 1).repeat(2), "keys"),
        (field(3, &name).repeat(MAX_LAYERS + 1), "layers"),
        (vec![0x1a; MAX_BYTES + 1], "64 MB"),
    ] {
        let error = anatomy(&tile).unwrap_err();
        assert!(error.reason.contains(why), "{why}: {error}");
    }
    assert!(anatomy(&of(4, MAX_VALUES)).is_ok());
    assert!(anatomy(&of(3, MAX_KEYS)).is_ok());
}

proptest! {
    #[test]
    fn no_truncation_panics(cut in 0usize..2_000) {
        let tile = tile();
        let cut = cut % tile.len();
        let boundary = anatomy(&tile).unwrap().layers[0].bytes;
        prop_assert_eq!(anatomy(&tile[..cut]).is_ok(), cut == 0 || cut == boundary);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = anatomy(&bytes);
        let layer = field(3, &[field(1, b"x"), bytes].concat());
        let _ = anatomy(&layer);
    }

    #[test]
    fn no_damage_panics(damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let mut tile = tile();
        for (at, byte) in damage {
            let length = tile.len();
            tile[at % length] = byte;
        }
        if let Ok(found) = anatomy(&tile) {
            prop_assert_eq!(found.bytes, tile.len());
            prop_assert!(found.layers.iter().all(|layer| layer.other_bytes <= layer.bytes));
        }
    }
}
