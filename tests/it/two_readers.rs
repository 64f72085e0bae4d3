//! Tiles are read by two readers, and what they don't agree on fails the test.

use crate::support::server::Response;
use crate::support::tile::decode;

/// Section 4.3.2 of MVT 2.1: MoveTo and LineTo, once each and twice.
const MOVE: u8 = 0x09;
const MOVE_TWICE: u8 = 0x11;
const LINE: u8 = 0x0a;

const LINE_STRING: u64 = 2;

/// A field of Protocol Buffers whose content is bytes or another message.
fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

fn varint(field: u8, mut value: u64) -> Vec<u8> {
    let mut out = vec![field << 3];
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn feature(kind: u64, geometry: &[u8]) -> Vec<u8> {
    bytes(2, &[bytes(2, &[0, 0]), varint(3, kind), bytes(4, geometry)].concat())
}

/// A tile with one layer, whose features may have one property.
fn layer(name: &str, feature: &[u8], value: &[u8]) -> Vec<u8> {
    let name = bytes(1, name.as_bytes());
    let (key, value) = (bytes(3, b"key"), bytes(4, value));
    bytes(3, &[&*varint(15, 2), &name, feature, &key, &value].concat())
}

fn line() -> Vec<u8> {
    feature(LINE_STRING, &[MOVE, 4, 4, LINE, 8, 0])
}

/// What the test says that decodes `mvt`.
fn complaint(mvt: Vec<u8>) -> String {
    let panic = std::panic::catch_unwind(|| decode(&mvt)).err().expect("the readers agree");
    *panic.downcast::<String>().unwrap()
}

#[test]
fn numbers_and_texts_of_every_size_are_the_same_to_both() {
    let text = |text: &str| bytes(1, text.as_bytes());
    let double = |value: f64| [&[3 << 3 | 1][..], &value.to_le_bytes()].concat();
    let float = |value: f32| [&[2 << 3 | 5][..], &value.to_le_bytes()].concat();
    let mut values = vec![text(""), text("\"\\\u{1f}\u{7f}\u{2028}"), text("Straße 道路 🛣 𝔸")];
    values.extend([0.0, -0.0, 0.1, -1e300, f64::MIN_POSITIVE, 2f64.powi(53), 1e15].map(double));
    values.extend([0.1, -0.0, f32::MAX, 16_777_216.0].map(float));
    for value in [0, 1, 2, 1 << 32, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, u64::MAX - 1, u64::MAX] {
        values.extend([4, 5, 6].map(|field| varint(field, value)));
        let feature = bytes(2, &[varint(1, value), varint(3, 1), bytes(4, &[MOVE, 4, 4])].concat());
        assert_eq!(decode(&layer("ids", &feature, &text("")))[0].features[0].id, Some(value));
    }
    values.extend([0, 1].map(|flag| varint(7, flag)));
    for value in values {
        decode(&layer("layer", &line(), &value));
    }
}

#[test]
fn layers_and_keys_in_any_order_are_the_same_to_both() {
    let value = varint(7, 1);
    let layers = ["b", "10", "9", "\u{ffff}", "🛣", "a", "__proto__"];
    let layers: Vec<_> = layers.iter().flat_map(|name| layer(name, &line(), &value)).collect();
    assert_eq!(decode(&layers).len(), 7);
}

#[test]
fn a_tile_that_they_see_differently_is_reported() {
    let value = varint(7, 1);
    let two_moves = feature(LINE_STRING, &[MOVE_TWICE, 4, 4, 8, 0, LINE, 2, 2]);
    let complaint = complaint(layer("roads", &two_moves, &value));
    let expected =
        ["vector-tile: 2 2", "mvt-reader: 2 2,6 2,7 3", "layer \"roads\" version 2 extent 4096"];
    for part in expected {
        assert!(complaint.contains(part), "{complaint}");
    }
}

#[test]
fn a_layer_that_only_one_of_them_sees_is_reported() {
    let value = varint(7, 1);
    let twice = [layer("roads", &line(), &value), layer("roads", &line(), &value)].concat();
    assert!(complaint(twice).contains("vector-tile: (the end)"));
    let empty = layer("roads", &[], &value);
    assert!(complaint(empty).contains("vector-tile: (the end)"));
}

#[test]
fn a_tile_that_only_the_second_refuses_is_reported() {
    let complaint = complaint(layer("roads", &line(), &[]));
    assert!(complaint.contains("vector-tile: error: unknown feature value"), "{complaint}");
}

#[test]
fn answers_with_a_tile_are_looked_at_and_others_are_not() {
    let answer = |status, kind: &str| Response {
        status,
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body: layer("roads", &line(), &[]),
    };
    let mvt = "application/vnd.mapbox-vector-tile";
    assert!(std::panic::catch_unwind(|| answer(200, mvt).check_tile()).is_err());
    answer(200, "application/json").check_tile();
    answer(404, mvt).check_tile();
}
