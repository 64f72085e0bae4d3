//! Rows to tiles. The first bytes choose the tile and the layer, the rest is a row's geometry as
//! it is, or decides on several valid ones.

use super::bytes::Bytes;
use super::geometry::Place;
use super::reader;
use super::tile::testing::{Row, build, decode, row};
use super::tile::{Crs, LayerSpec, Level, Levels, TileCoord};

/// Bit of the first byte: the geometries are made, not taken.
const MADE: u8 = 1;
/// Bit of the first byte: Web Mercator, not degrees.
const METRES: u8 = 2;

/// Most rows that are made of one input.
const MAX_ROWS: usize = 6;

/// # Panics
/// The tile isn't what a tile has to be.
pub fn check(data: &[u8]) {
    let mut bytes = Bytes { rest: data };
    let flags = bytes.next();
    let tile = tile(&mut bytes);
    let spec = spec(flags, &mut bytes);
    let mut rows = vec![row(bytes.rest.to_vec())];
    if flags & MADE != 0 {
        rows = made(&mut bytes, &Place { tile, spec: &spec });
    }
    let coord = (tile.z(), tile.x(), tile.y());
    let (mvt, stats) = build(&spec, coord, &rows);

    let left_out = [stats.empty, stats.not_finite, stats.malformed, stats.clipped, stats.small];
    assert_eq!(stats.features + left_out.iter().sum::<u64>(), rows.len() as u64, "{stats:?}");
    assert!(stats.malformed == 0 || flags & MADE == 0, "a valid geometry was refused");
    assert_eq!(stats.truncated, None);

    // The strict reader panics on what the specification forbids.
    let features = decode(&mvt);
    assert_eq!(features.len() as u64, stats.features);
    let (low, high) = (-(spec.buffer as i32), (spec.extent + spec.buffer) as i32);
    for point in features.iter().flat_map(|feature| &feature.parts).flatten() {
        assert!(point.iter().all(|v| (low..=high).contains(v)), "{point:?} outside the buffer");
    }
    let theirs = reader::features(&mvt);
    assert_eq!(theirs.len(), features.len());
    for (theirs, ours) in theirs.iter().zip(&features) {
        assert_eq!((theirs.id, &reader::parts(&theirs.geometry)), (ours.id, &ours.parts));
    }

    rows.reverse();
    assert_eq!(build(&spec, coord, &rows).0, mvt, "the order of arrival shows");
}

fn tile(bytes: &mut Bytes<'_>) -> TileCoord {
    let z = bytes.below(25);
    let mut index = || (u32::from(bytes.wide()) << 8 | u32::from(bytes.next())) >> (24 - z);
    let (x, y) = (index(), index());
    TileCoord::new(z, x, y).expect("inside the zoom's range")
}

fn spec(flags: u8, bytes: &mut Bytes<'_>) -> LayerSpec {
    let extent = bytes.choose(&[4096, 256, 512, 8192]);
    let general = Level {
        simplify: bytes.choose(&[0.0, 0.5, 1.0, 16.0]),
        min_size: bytes.choose(&[0.0, 1.0, 64.0]),
        ..Level::default()
    };
    LayerSpec {
        name: "layer".to_owned(),
        keys: Vec::new(),
        crs: if flags & METRES != 0 { Crs::WebMercator } else { Crs::Wgs84 },
        extent,
        buffer: bytes.choose(&[extent / 64, 0, extent / 4, extent]),
        levels: Levels::new(general, 25, Vec::new()),
    }
}

fn made(bytes: &mut Bytes<'_>, place: &Place<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    while !bytes.rest.is_empty() && rows.len() < MAX_ROWS {
        // Negative: no id.
        let id = Some(i64::from(bytes.next() as i8));
        rows.push(Row { id, ..row(place.geometry(bytes, 3)) });
    }
    rows
}
