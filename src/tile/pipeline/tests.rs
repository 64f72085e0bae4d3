use super::*;
use crate::tile::Crs;
use crate::tile::testing::*;

const Z0: (u8, u32, u32) = (0, 0, 0);
const BOX: [[i32; 2]; 4] = [[-64, -64], [4160, -64], [4160, 4160], [-64, 4160]];

/// Builds a tile of one row whose coordinates are the tile's grid units.
fn tile_of(wkb: impl Fn(&dyn Fn(&[P]) -> Vec<P>) -> Vec<u8>) -> (Vec<Decoded>, LayerStats) {
    let tile = (14, 8000, 6000);
    let place = move |points: &[P]| points.iter().map(|&point| metres(tile, point)).collect();
    let (bytes, stats) = build(&spec(Crs::WebMercator), tile, &[row(wkb(&place))]);
    (decode(&bytes), stats)
}

fn sorted(ring: &[[i32; 2]]) -> Vec<[i32; 2]> {
    let mut ring = ring.to_vec();
    ring.sort_unstable();
    ring
}

#[test]
fn rows_are_counted_by_what_became_of_them() {
    let large = Row { id: Some(i64::MAX), ..row(point(1.0, 1.0)) };
    let rows = [
        row(point(0.0, 0.0)),
        large,
        Row::default(),
        row(point(f64::NAN, f64::NAN)),
        row(point(f64::INFINITY, 0.0)),
        row(vec![1, 2, 3]),
        row(point(0.0, 40e6)),
    ];
    let (_, stats) = build(&spec(Crs::WebMercator), Z0, &rows);
    let expected = LayerStats {
        features: 2,
        empty: 2,
        not_finite: 1,
        malformed: 1,
        clipped: 1,
        large_ids: 1,
        ..LayerStats::default()
    };
    assert_eq!(stats, expected);
}

#[test]
fn a_tile_without_features_is_no_bytes() {
    assert!(build(&spec(Crs::Wgs84), Z0, &[row(point(0.0, 89.0))]).0.is_empty());
}

#[test]
fn the_antimeridian_reaches_into_the_buffer_and_no_further() {
    let lons = [-180.0, 180.0, 185.0, -185.0, 190.0, 540.0];
    let rows: Vec<_> = lons.map(|lon| row(point(lon, 0.0))).into();
    let (bytes, stats) = build(&spec(Crs::Wgs84), Z0, &rows);
    let mut xs: Vec<_> = decode(&bytes).iter().map(|feature| feature.parts[0][0][0]).collect();
    xs.sort_unstable();
    assert_eq!(xs, [-57, 0, 4096, 4153]);
    assert_eq!(stats.clipped, 2);
}

#[test]
fn a_line_over_the_antimeridian_is_cut_and_not_wrapped() {
    let (bytes, _) = build(&spec(Crs::Wgs84), Z0, &[row(line(&[(170.0, 0.0), (200.0, 0.0)]))]);
    assert_eq!(decode(&bytes)[0].parts, [[[3982, 2048], [4160, 2048]]]);
}

#[test]
fn antarctica_draws_to_the_border_of_the_world() {
    let shore = [(-180.0, -90.0), (-180.0, -70.0), (180.0, -70.0), (180.0, -90.0)];
    let (bytes, _) = build(&spec(Crs::Wgs84), Z0, &[row(polygon(&[&shore]))]);
    let ring = &decode(&bytes)[0].parts[0];
    assert_eq!(sorted(ring), [[0, 3179], [0, 4160], [4096, 3179], [4096, 4160]]);
}

#[test]
fn zoom_24_tells_millimetres_apart() {
    let tile = (24, 9_000_000, 5_500_000);
    let rows = [(1.0, 2.0), (2.0, 2.0), (4095.0, 4096.0)]
        .map(|at| metres(tile, at))
        .map(|(x, y)| row(point(x, y)));
    let (bytes, _) = build(&spec(Crs::WebMercator), tile, &rows);
    let points: Vec<_> = decode(&bytes).iter().map(|feature| feature.parts[0][0]).collect();
    assert_eq!(points, [[1, 2], [2, 2], [4095, 4096]]);
}

#[test]
fn a_polygon_around_the_tile_becomes_the_box() {
    let (tile, _) = tile_of(|place| polygon(&[&place(&square(-9e3, -9e3, 20e3))]));
    assert_eq!(sorted(&tile[0].parts[0]), sorted(&BOX));
}

#[test]
fn a_tile_inside_a_hole_is_empty() {
    let (tile, stats) = tile_of(|place| {
        polygon(&[&place(&square(-9e3, -9e3, 20e3)), &place(&square(-5e3, -5e3, 12e3))])
    });
    assert_eq!((tile, stats.clipped), (vec![], 1));
}

#[test]
fn a_hole_in_one_lobe_of_a_ring_that_crosses_itself_leaves_the_rest() {
    // Lobes of 40 by 40 and 42 by 42: their areas all but cancel each other.
    let bow = [(100.0, 100.0), (140.0, 140.0), (182.0, 182.0), (182.0, 98.0), (100.0, 180.0)];
    let (tile, _) = tile_of(|place| polygon(&[&place(&bow), &place(&square(170.0, 130.0, 9.0))]));
    assert_eq!(tile[0].parts.len(), 2);
}

#[test]
fn a_polygon_that_only_passes_around_a_corner_leaves_nothing() {
    // An L whose bounds cover the tile's corner while its area does not.
    let l = [(-500.0, -500.0), (900.0, -500.0), (900.0, -400.0), (-400.0, -400.0)];
    let l = [&l[..], &[(-400.0, 900.0), (-500.0, 900.0)]].concat();
    let (tile, stats) = tile_of(|place| polygon(&[&place(&l)]));
    assert_eq!((tile, stats.clipped), (vec![], 1));
}

#[test]
fn a_polygon_open_around_the_tile_leaves_no_edges_on_the_box() {
    // A clamp around the tile that is inside it nowhere.
    let clamp = [
        (-900.0, -900.0),
        (5000.0, -900.0),
        (5000.0, -800.0),
        (-800.0, -800.0),
        (-800.0, 4900.0),
        (5000.0, 4900.0),
        (5000.0, 5000.0),
        (-900.0, 5000.0),
    ];
    let (tile, _) = tile_of(|place| polygon(&[&place(&clamp)]));
    assert_eq!(tile, []);
}

#[test]
fn holes_follow_their_outer_ring() {
    let (tile, _) = tile_of(|place| {
        let speck = polygon(&[&place(&square(9.0, 9.0, 0.3)), &place(&square(50.0, 50.0, 5.0))]);
        let kept = polygon(&[
            &place(&square(100.0, 100.0, 50.0)),
            &place(&square(110.0, 110.0, 0.2)),
            &place(&square(120.0, 120.0, 10.0)),
        ]);
        collection(6, &[speck, kept])
    });
    let areas: Vec<_> =
        tile[0].parts.iter().map(|ring| crate::tile::quantize::doubled_area(ring)).collect();
    assert_eq!(areas, [5000, -200]);
}

#[test]
fn properties_keep_their_types() {
    let values = vec![
        (0, Owned::Text("ä".into())),
        (1, Owned::Int(-7)),
        (2, Owned::Double(-0.0)),
        (2, Owned::Double(f64::NAN)),
        (1, Owned::Double(f64::INFINITY)),
        (9, Owned::Bool(true)),
    ];
    let row = Row { id: Some(5), values, ..row(point(0.0, 0.0)) };
    let flag = Row { id: Some(-1), values: vec![(0, Owned::Bool(true))], ..row.clone() };
    let features = decode(&build(&spec(Crs::Wgs84), Z0, &[flag, row]).0);
    let tag = |key: &str, value| (key.to_owned(), value);
    assert_eq!(
        features[0].tags,
        [tag("a", Owned::Text("ä".into())), tag("b", Owned::Int(-7)), tag("c", Owned::Double(0.0))]
    );
    assert_eq!(features[0].id, Some(5));
    assert_eq!((features[1].id, &features[1].tags[..]), (None, &[tag("a", Owned::Bool(true))][..]));
}

#[test]
fn properties_are_read_only_of_rows_that_leave_something() {
    struct Gone;
    impl Feature for Gone {
        fn id(&self) -> Option<i64> {
            None
        }
        fn geometry(&self) -> Option<&[u8]> {
            None
        }
        fn properties(&self, _: &mut dyn FnMut(usize, crate::tile::Value<'_>)) {
            panic!("not asked for");
        }
    }
    let spec = spec(Crs::Wgs84);
    LayerBuilder::new(&spec, TileCoord::new(0, 0, 0).unwrap()).add(&Gone);
}

#[test]
fn layers_can_be_concatenated() {
    let one = spec(Crs::Wgs84);
    let two = LayerSpec { name: "other".into(), ..one.clone() };
    let rows = [row(point(0.0, 0.0))];
    let both = [build(&one, Z0, &rows).0, build(&two, Z0, &rows).0].concat();
    let reader = mvt_reader::Reader::new(both).unwrap();
    assert_eq!(reader.get_layer_names().unwrap(), ["layer", "other"]);
}
