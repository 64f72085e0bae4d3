//! What holds for every tile, whatever the rows: tested with generated rows.

use std::f64::consts::TAU;
use std::slice::from_ref;

use geo::{Area, BooleanOps, Euclidean, Length};
use mvt_reader::Reader;
use proptest::prelude::*;

use super::quantize::doubled_area;
use super::shape::Shape;
use super::testing::*;
use super::{Crs, LayerSpec, Level, Levels, ewkb};

const TILE: (u8, u32, u32) = (14, 8000, 6000);

/// Coordinates in grid units: mostly in and around the tile, at times on the border of the box,
/// at times absurd.
fn coordinate() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -200.0..4300.0,
        4 => -20_000.0..20_000.0,
        2 => (-3i32..4).prop_map(|i| f64::from(i) * 2112.0 - 64.0),
        2 => (0i32..12).prop_map(|i| f64::from(i) / 2.0),
        1 => any::<f64>().prop_filter("finite", |v| v.is_finite()),
    ]
}

fn path(most: usize) -> impl Strategy<Value = Vec<P>> {
    prop::collection::vec((coordinate(), coordinate()), 0..most)
        .prop_map(|points| points.into_iter().map(|point| metres(TILE, point)).collect())
}

fn geometry() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        path(2).prop_map(|points| points.first().map_or(point(0.0, 0.0), |p| point(p.0, p.1))),
        path(12).prop_map(|points| line(&points)),
        prop::collection::vec(path(12), 0..4)
            .prop_map(|rings| { polygon(&rings.iter().map(Vec::as_slice).collect::<Vec<_>>()) }),
    ];
    prop_oneof![
        3 => leaf.clone(),
        1 => prop::collection::vec(path(1), 0..9).prop_map(|points| {
            let all: Vec<_> = points.iter().flatten().map(|p| point(p.0, p.1)).collect();
            collection(4, &all)
        }),
        1 => prop::collection::vec(path(9), 0..5).prop_map(|lines| {
            collection(5, &lines.iter().map(|points| line(points)).collect::<Vec<_>>())
        }),
        1 => prop::collection::vec(leaf, 0..5).prop_map(|members| collection(7, &members)),
    ]
}

/// A layer's grid and what it leaves out.
fn any_spec() -> impl Strategy<Value = LayerSpec> {
    let grid = prop_oneof![
        4 => Just((4096u32, 64u32)),
        1 => (prop_oneof![Just(256u32), Just(512), Just(8192)], prop_oneof![Just(0u32), Just(8), Just(256)]),
        1 => Just((16_384, 16_384)),
    ];
    let simplify = prop_oneof![2 => Just(0.0), 2 => Just(0.5), 1 => Just(3.0), 1 => Just(50.0)];
    (grid, simplify, prop_oneof![Just(0.0), Just(20.0)]).prop_map(
        |((extent, buffer), simplify, min_size)| {
            let level = Level { simplify, min_size, ..Level::default() };
            let levels = Levels::new(level, 24, vec![]);
            LayerSpec { extent, buffer, levels, ..spec(Crs::WebMercator) }
        },
    )
}

fn value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        any::<bool>().prop_map(Owned::Bool),
        (-3i64..3).prop_map(Owned::Int),
        prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), Just(1.5)].prop_map(Owned::Double),
        "[ab]{0,2}".prop_map(Owned::Text),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    let values = prop::collection::btree_map(0usize..3, value(), 0..3);
    (prop::option::of(-1i64..4), geometry(), values).prop_map(|(id, geometry, values)| Row {
        id,
        geometry: Some(geometry),
        values: values.into_iter().collect(),
        rank: Vec::new(),
    })
}

/// A polygon without self-intersections: one radius per direction around a centre.
fn star() -> impl Strategy<Value = Vec<P>> {
    let radii = prop::collection::vec(50.0..6000.0f64, 3..40);
    (-1000.0..5000.0f64, -1000.0..5000.0f64, radii).prop_map(|(x, y, radii)| {
        let step = TAU / radii.len() as f64;
        let at = |(i, radius): (usize, &f64)| {
            let angle = step * i as f64;
            (x + radius * angle.cos(), y + radius * angle.sin())
        };
        radii.iter().enumerate().map(at).collect()
    })
}

fn geo_polygon(rings: &[Vec<P>]) -> geo::Polygon {
    let mut rings = rings.iter().map(|ring| geo::LineString::from(ring.clone()));
    geo::Polygon::new(rings.next().unwrap(), rings.collect())
}

fn the_box() -> geo::Polygon {
    geo::Rect::new((-64.0, -64.0), (4160.0, 4160.0)).to_polygon()
}

fn tile_of(wkb: Vec<u8>) -> Vec<u8> {
    build(&spec(Crs::WebMercator), TILE, &[row(wkb)]).0
}

fn place(points: &[P]) -> Vec<P> {
    points.iter().map(|&point| metres(TILE, point)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ewkb::read(&bytes, &mut Shape::default());
    }

    #[test]
    fn damaged_geometries_never_panic(
        mut bytes in geometry(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        for crs in [Crs::Wgs84, Crs::WebMercator] {
            decode(&build(&spec(crs), TILE, &[row(bytes.clone())]).0);
        }
    }

    #[test]
    fn every_tile_is_valid_and_inside_its_box(
        rows in prop::collection::vec(any_row(), 0..6),
        spec in any_spec(),
    ) {
        let (tile, stats) = build(&spec, TILE, &rows);
        let features = decode(&tile);
        prop_assert_eq!(features.len() as u64, stats.features);
        let all = [
            stats.features, stats.clipped, stats.empty, stats.not_finite, stats.malformed, stats.small,
        ];
        prop_assert_eq!(all.iter().sum::<u64>(), rows.len() as u64);
        let (extent, buffer) = (spec.extent as i32, spec.buffer as i32);
        for point in features.iter().flat_map(|feature| &feature.parts).flatten() {
            prop_assert!(point.iter().all(|v| (-buffer..=extent + buffer).contains(v)), "{:?}", point);
        }
    }

    #[test]
    fn a_tile_of_a_tile_is_the_same(rows in prop::collection::vec(any_row(), 1..4)) {
        let spec = spec(Crs::WebMercator);
        let mut once = decode(&build(&spec, TILE, &rows).0);
        // What lies on the border may be a hair beyond it, once it has been metres.
        let inner = |p: &[i32; 2]| p.iter().all(|v| (-63..4160).contains(v));
        once.retain(|feature| feature.parts.iter().flatten().all(inner));
        let again: Vec<Row> = once.iter().map(|feature| Row {
            id: feature.id.map(|id| id as i64),
            geometry: Some(wkb(feature)),
            ..Row::default()
        }).collect();
        let twice = decode(&build(&spec, TILE, &again).0);
        let shapes = |features: &[Decoded]| -> Vec<_> {
            let mut shapes: Vec<_> =
                features.iter().map(|f| (f.id, f.kind, f.parts.clone())).collect();
            // Cutting may start a ring elsewhere.
            for ring in shapes.iter_mut().filter(|f| f.1 == 3).flat_map(|f| &mut f.2) {
                let least = (0..ring.len()).min_by_key(|i| ring[*i]).unwrap();
                ring.rotate_left(least);
            }
            shapes.sort();
            shapes
        };
        prop_assert_eq!(shapes(&once), shapes(&twice));
    }

    #[test]
    fn lines_are_as_long_as_what_the_box_leaves_of_them(
        path in prop::collection::vec((-9_000.0..13_000.0, -9_000.0..13_000.0), 2..20),
    ) {
        let placed = place(&path);
        let whole = geo::MultiLineString::new(vec![geo::LineString::from(path.clone())]);
        let expected = Euclidean.length(&the_box().clip(&whole, false));
        let tile = decode(&tile_of(line(&placed)));
        let drawn: f64 = tile.iter().flat_map(|f| &f.parts).map(|part| {
            let at = |p: &[i32; 2]| (f64::from(p[0]), f64::from(p[1]));
            Euclidean.length(&geo::LineString::from(part.iter().map(at).collect::<Vec<_>>()))
        }).sum();
        // Each edge may lose or gain a unit and a half at its ends, and has four crossings at most.
        let allowed = 1.5 * 5.0 * path.len() as f64;
        prop_assert!((drawn - expected).abs() <= allowed, "{} instead of {}", drawn, expected);
    }

    #[test]
    fn arrival_order_does_not_show(
        rows in prop::collection::vec(any_row(), 0..8),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut turned = rows.clone();
        turned.rotate_left(seed.index(rows.len() + 1).min(rows.len()));
        let spec = spec(Crs::WebMercator);
        let expected = build(&spec, TILE, &rows).0;
        prop_assert_eq!(&build(&spec, TILE, &turned).0, &expected);
        turned.reverse();
        prop_assert_eq!(&build(&spec, TILE, &turned).0, &expected);
    }

    #[test]
    fn another_reader_sees_the_same(rows in prop::collection::vec(any_row(), 1..6)) {
        let tile = build(&spec(Crs::WebMercator), TILE, &rows).0;
        prop_assume!(!tile.is_empty());
        let ours = decode(&tile);
        let theirs = Reader::new(tile).unwrap().get_features_as::<i32>(0).unwrap();
        prop_assert_eq!(theirs.len(), ours.len());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            prop_assert_eq!(theirs.id, ours.id);
            prop_assert_eq!(theirs.properties.as_ref().map_or(0, |p| p.len()), ours.tags.len());
            prop_assert_eq!(parts_of(&theirs.geometry), ours.parts.clone());
        }
    }

    #[test]
    fn polygons_cover_what_the_box_leaves_of_them(ring in star()) {
        let expected = geo_polygon(from_ref(&ring)).intersection(&the_box());
        let tile = decode(&tile_of(polygon(&[&place(&ring)])));
        let area: i64 = tile.iter().flat_map(|f| &f.parts).map(|part| doubled_area(part)).sum();
        let outline: f64 = expected.iter().map(|p| Euclidean.length(p.exterior())).sum();
        let difference = (area as f64 / 2.0 - expected.unsigned_area()).abs();
        prop_assert!(difference <= outline * 0.75 + 4.0, "{} of {}", difference, outline);
    }

    #[test]
    fn holes_are_left_out_of_what_polygons_cover(ring in star(), size in 0.1..0.9f64) {
        // The same star, smaller: inside for sure.
        let (n, centre) = (ring.len() as f64, centre(&ring));
        prop_assume!(n > 3.0);
        let shrink = |&(x, y): &P| {
            (centre.0 + (x - centre.0) * size, centre.1 + (y - centre.1) * size)
        };
        let hole: Vec<_> = ring.iter().map(shrink).collect();
        let shape = geo_polygon(from_ref(&ring)).difference(&geo_polygon(from_ref(&hole)));
        let expected = shape.intersection(&the_box());
        let tile = decode(&tile_of(polygon(&[&place(&ring), &place(&hole)])));
        let area: i64 = tile.iter().flat_map(|f| &f.parts).map(|part| doubled_area(part)).sum();
        let outline: f64 = expected
            .iter()
            .flat_map(|p| p.interiors().iter().chain([p.exterior()]))
            .map(|ring| Euclidean.length(ring))
            .sum();
        let difference = (area as f64 / 2.0 - expected.unsigned_area()).abs();
        prop_assert!(difference <= outline * 0.75 + 4.0, "{} of {}", difference, outline);
    }

    #[test]
    fn every_zoom_and_extent_holds_together(
        z in 0u8..=24,
        column in any::<prop::sample::Index>(),
        extent in prop_oneof![Just(0u32), Just(1), Just(256), Just(4096), Just(1 << 20), any::<u32>()],
        buffer in prop_oneof![Just(0u32), Just(64), any::<u32>()],
        wkb in geometry(),
    ) {
        let x = column.index(1 << z) as u32;
        let spec = LayerSpec { extent, buffer, ..spec(Crs::Wgs84) };
        let (_, stats) = build(&spec, (z, x, x), &[row(wkb)]);
        prop_assert!(stats.malformed == 0 && stats.features <= 1);
    }
}

/// The point that [`star`] drew its corners around: where its first two spokes meet.
fn centre(ring: &[P]) -> P {
    let step = TAU / ring.len() as f64;
    // Spoke 0 points along x, so the centre has the first corner's y; spoke 1 rises by `step`.
    let y = ring[0].1;
    (ring[1].0 - (ring[1].1 - y) / step.tan(), y)
}

/// A decoded feature as a row's geometry.
fn wkb(feature: &Decoded) -> Vec<u8> {
    let place = |part: &Vec<[i32; 2]>| -> Vec<P> {
        part.iter().map(|p| metres(TILE, (f64::from(p[0]), f64::from(p[1])))).collect()
    };
    let parts: Vec<Vec<P>> = feature.parts.iter().map(place).collect();
    match feature.kind {
        1 => collection(4, &parts.iter().map(|p| point(p[0].0, p[0].1)).collect::<Vec<_>>()),
        2 => collection(5, &parts.iter().map(|part| line(part)).collect::<Vec<_>>()),
        _ => {
            let mut polygons: Vec<Vec<&[P]>> = Vec::new();
            for (part, placed) in feature.parts.iter().zip(&parts) {
                match polygons.last_mut() {
                    Some(rings) if doubled_area(part) < 0 => rings.push(placed),
                    _ => polygons.push(vec![placed]),
                }
            }
            collection(6, &polygons.iter().map(|rings| polygon(rings)).collect::<Vec<_>>())
        }
    }
}

fn parts_of(geometry: &geo::Geometry<i32>) -> Vec<Vec<[i32; 2]>> {
    let all = |line: &geo::LineString<i32>| line.0.iter().map(|c| [c.x, c.y]).collect::<Vec<_>>();
    match geometry {
        geo::Geometry::MultiPoint(points) => points.iter().map(|p| vec![[p.x(), p.y()]]).collect(),
        geo::Geometry::LineString(line) => vec![all(line)],
        geo::Geometry::MultiLineString(lines) => lines.iter().map(all).collect(),
        geo::Geometry::MultiPolygon(polygons) => polygons
            .iter()
            .flat_map(|polygon| [polygon.exterior()].into_iter().chain(polygon.interiors()))
            .map(|ring| {
                let mut ring = all(ring);
                assert_eq!(ring.pop().as_ref(), ring.first(), "closed");
                ring
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}
