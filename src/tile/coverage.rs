//! What neighbours have in common stays common: tested on a real coverage, the counties of the
//! United States, and on generated lines across several tiles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use geo::Validation;

use proptest::prelude::*;
use serde::Deserialize;

use super::mercator::{HALF_WORLD, project};
use super::quantize::doubled_area;
use super::testing::*;
use super::{Crs, LayerSpec, Level, Levels};

#[derive(Deserialize)]
struct Topology {
    transform: Transform,
    objects: HashMap<String, Collection>,
    arcs: Vec<Vec<[f64; 2]>>,
}

#[derive(Deserialize)]
struct Transform {
    scale: [f64; 2],
    translate: [f64; 2],
}

#[derive(Deserialize)]
struct Collection {
    geometries: Vec<Geometry>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "arcs")]
enum Geometry {
    Polygon(Vec<Vec<i32>>),
    MultiPolygon(Vec<Vec<Vec<i32>>>),
}

/// The counties as rows, and the whole nation as one more, so that each arc is the border of two.
pub fn counties() -> Vec<Row> {
    let text = include_str!("../../tests/fixtures/us-counties.json");
    let topology: Topology = serde_json::from_str(text).unwrap();
    let Transform { scale, translate } = topology.transform;
    let arcs: Vec<Vec<P>> = topology
        .arcs
        .iter()
        .map(|arc| {
            let mut at = [0.0, 0.0];
            let points = arc.iter().map(|step| {
                at = [at[0] + step[0], at[1] + step[1]];
                (at[0] * scale[0] + translate[0], at[1] * scale[1] + translate[1])
            });
            points.collect()
        })
        .collect();
    let ring = |indices: &Vec<i32>| -> Vec<P> {
        let mut ring: Vec<P> = Vec::new();
        for &index in indices {
            let mut arc = arcs[if index < 0 { !index } else { index } as usize].clone();
            if index < 0 {
                arc.reverse();
            }
            ring.pop();
            ring.extend(arc);
        }
        // `polygon` closes rings.
        ring.pop();
        ring
    };
    let area = |rings: &Vec<Vec<i32>>| {
        let rings: Vec<Vec<P>> = rings.iter().map(ring).collect();
        polygon(&rings.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let geometries = ["counties", "nation"].map(|name| &topology.objects[name].geometries);
    (1..)
        .zip(geometries.into_iter().flatten())
        .map(|(id, geometry)| {
            let geometry = match geometry {
                Geometry::Polygon(rings) => area(rings),
                Geometry::MultiPolygon(all) => {
                    collection(6, &all.iter().map(area).collect::<Vec<_>>())
                }
            };
            Row { id: Some(id), ..row(geometry) }
        })
        .collect()
}

fn simplified(tolerance: f64) -> LayerSpec {
    let level = Level { simplify: tolerance, ..Level::default() };
    LayerSpec { levels: Levels::new(level, 24, vec![]), ..spec(Crs::Wgs84) }
}

/// The shortest steps between grid points that a tile's lines and borders are made of, without
/// direction, and how often each is drawn.
pub type Steps = BTreeMap<[[i32; 2]; 2], usize>;

pub fn steps(features: &[Decoded]) -> Steps {
    let mut steps = Steps::new();
    for feature in features {
        let closed = feature.kind == 3;
        for part in &feature.parts {
            let next = part.iter().skip(1).chain(closed.then_some(&part[0]));
            for (from, to) in part.iter().zip(next) {
                for step in divided(*from, *to) {
                    *steps.entry(step).or_default() += 1;
                }
            }
        }
    }
    steps
}

fn divided(from: [i32; 2], to: [i32; 2]) -> impl Iterator<Item = [[i32; 2]; 2]> {
    let run = [to[0] - from[0], to[1] - from[1]];
    let count = gcd(run[0].unsigned_abs(), run[1].unsigned_abs()).max(1) as i32;
    let at = move |i: i32| [from[0] + run[0] / count * i, from[1] + run[1] / count * i];
    (0..count).map(move |i| {
        let (a, b) = (at(i), at(i + 1));
        if a < b { [a, b] } else { [b, a] }
    })
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Steps that lie along a border of the box are the box's, not the rows'.
pub fn along_box(step: &[[i32; 2]; 2]) -> bool {
    let [a, b] = step;
    (0..2).any(|axis| a[axis] == b[axis] && [-64, 4160].contains(&a[axis]))
}

pub fn tile_at(z: u8, lon: f64, lat: f64) -> (u8, u32, u32) {
    let (x, y) = project(lon, lat);
    let size = 2.0 * HALF_WORLD / f64::from(1u32 << z);
    (z, ((x + HALF_WORLD) / size) as u32, ((HALF_WORLD - y) / size) as u32)
}

/// Near St. Louis, Washington, San Francisco and Anchorage.
pub const PLACES: [(f64, f64); 4] = [(-90.2, 38.6), (-77.0, 38.9), (-122.4, 37.8), (-149.9, 61.2)];

#[test]
fn neighbours_have_their_borders_in_common_in_every_tile() {
    let rows = counties();
    for tolerance in [0.5, 4.0] {
        let spec = simplified(tolerance);
        let (mut borders, mut drawn) = (0, 0);
        for z in [3, 5, 6, 7, 9] {
            for (lon, lat) in PLACES {
                let tile = tile_at(z, lon, lat);
                let features = decode(&build(&spec, tile, &rows).0);
                drawn += features.iter().flat_map(|f| &f.parts).map(Vec::len).sum::<usize>();
                for (step, count) in steps(&features) {
                    borders += 1;
                    assert!(
                        count % 2 == 0 || along_box(&step),
                        "{tile:?}, simplify {tolerance}: {step:?} is drawn {count} times"
                    );
                }
            }
        }
        println!("simplify {tolerance}: {drawn} vertices, {borders} steps of borders");
        assert!(borders > 10_000);
    }
}

#[test]
fn tiles_agree_where_they_overlap() {
    let rows = counties();
    for tolerance in [0.5, 4.0] {
        let spec = simplified(tolerance);
        let mut compared = 0;
        for z in [4, 6, 8] {
            for (lon, lat) in PLACES {
                let (z, x, y) = tile_at(z, lon, lat);
                let here = decode(&build(&spec, (z, x, y), &rows).0);
                for (right, down) in [(1, 0), (0, 1), (1, 1)] {
                    let there = decode(&build(&spec, (z, x + right, y + down), &rows).0);
                    compared += overlap_is_equal(&here, &there, right as i32, down as i32);
                }
            }
        }
        println!("simplify {tolerance}: {compared} steps compared");
        assert!(compared > 1_000);
    }
}

/// Compares what two tiles draw inside both boxes; the second is some tiles further right and
/// down. Returns the number of steps there.
pub fn overlap_is_equal(here: &[Decoded], there: &[Decoded], right: i32, down: i32) -> usize {
    let inside = |point: &[i32; 2]| {
        (0..2).all(|axis| {
            let shift = [right, down][axis] * 4096;
            (-64 + shift..=4160).contains(&point[axis])
        })
    };
    let edge = |step: &[[i32; 2]; 2]| {
        let [a, b] = step;
        (0..2).any(|axis| {
            let shift = [right, down][axis] * 4096;
            a[axis] == b[axis]
                && [-64 + shift, 4160, shift - 64, 4160 + shift, -64].contains(&a[axis])
        })
    };
    let there: Vec<Decoded> = there
        .iter()
        .cloned()
        .map(|mut feature| {
            for point in feature.parts.iter_mut().flatten() {
                *point = [point[0] + right * 4096, point[1] + down * 4096];
            }
            feature
        })
        .collect();
    let of = |features: &[Decoded]| -> BTreeMap<Option<u64>, Steps> {
        let mut all: BTreeMap<Option<u64>, Steps> = BTreeMap::new();
        for feature in features {
            let steps = steps(std::slice::from_ref(feature)).into_iter();
            let shared = steps.filter(|(step, _)| step.iter().all(inside) && !edge(step));
            all.entry(feature.id).or_default().extend(shared);
        }
        all.retain(|_, steps| !steps.is_empty());
        all
    };
    let (here, there) = (of(here), of(&there));
    for id in here.keys().chain(there.keys()) {
        assert_eq!(here.get(id), there.get(id), "feature {id:?}");
    }
    here.values().map(BTreeMap::len).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_across_tiles_meet_exactly(
        path in prop::collection::vec((-3000.0..8000.0f64, -3000.0..8000.0f64), 2..30),
        dense in prop::bool::ANY,
        tolerance in prop_oneof![Just(0.0), Just(0.5), Just(3.0)],
    ) {
        const TILE: (u8, u32, u32) = (14, 8000, 6000);
        let mut points = path;
        if dense {
            // A wandering line with steps of less than a unit up to some units.
            let mut at = (4000.0, 4000.0);
            points = points.iter().flat_map(|p| [(p.0 / 3000.0, p.1 / 3000.0); 9]).collect();
            for point in &mut points {
                at = (at.0 + point.0, at.1 + point.1 * 0.7);
                *point = at;
            }
        }
        let placed: Vec<P> = points.iter().map(|&point| metres(TILE, point)).collect();
        let rows = [Row { id: Some(1), ..row(line(&placed)) }];
        let spec = LayerSpec { crs: Crs::WebMercator, ..simplified(tolerance) };
        let tile = |right, down| {
            decode(&build(&spec, (TILE.0, TILE.1 + right, TILE.2 + down), &rows).0)
        };
        let here = tile(0, 0);
        for (right, down) in [(1u32, 0u32), (0, 1), (1, 1)] {
            overlap_is_equal(&here, &tile(right, down), right as i32, down as i32);
        }
    }
}

/// Polygons of a feature: an outer ring, by its winding, and the holes after it.
fn polygons(feature: &Decoded) -> Vec<geo::Polygon<f64>> {
    let line = |ring: &Vec<[i32; 2]>| {
        let at = |p: &[i32; 2]| (f64::from(p[0]), f64::from(p[1]));
        geo::LineString::from(ring.iter().map(at).collect::<Vec<_>>())
    };
    let mut polygons: Vec<geo::Polygon<f64>> = Vec::new();
    for ring in &feature.parts {
        match polygons.last_mut() {
            Some(polygon) if doubled_area(ring) < 0 => polygon.interiors_push(line(ring)),
            _ => polygons.push(geo::Polygon::new(line(ring), vec![])),
        }
    }
    polygons
}

#[test]
fn simplification_makes_no_polygon_cross_itself() {
    let rows = counties();
    let crossing = |tolerance: f64, tile| -> BTreeSet<u64> {
        let features = decode(&build(&simplified(tolerance), tile, &rows).0);
        let crosses = |feature: &&Decoded| !polygons(feature).iter().all(Validation::is_valid);
        // Nobody wants to wait for the nation.
        let small = features.iter().filter(|f| f.parts.iter().map(Vec::len).sum::<usize>() < 1000);
        small.filter(crosses).filter_map(|feature| feature.id).collect()
    };
    for (lon, lat) in PLACES {
        for z in [4, 7] {
            let tile = tile_at(z, lon, lat);
            let snapped = crossing(0.0, tile);
            for tolerance in [0.5, 3.0] {
                let new: Vec<_> = crossing(tolerance, tile).difference(&snapped).copied().collect();
                assert!(new.is_empty(), "{tile:?}, simplify {tolerance}: {new:?}");
            }
        }
    }
}
