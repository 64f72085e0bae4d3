//! Multipolygons that are far too large for one row: coasts with thousands of islands and lakes.

use std::f64::consts::PI;

use super::random::Random;
use super::rows::{Point, Row, Rows, WEB_MERCATOR};
use super::shapes;

/// Vertices, about, and the middle, in the empty parts of the world around the country.
const ROWS: [(usize, Point); 4] = [
    (1_400_000, [-4_000_000.0, 5_500_000.0]),
    (700_000, [-4_200_000.0, 2_500_000.0]),
    (300_000, [1_000_000.0, 8_700_000.0]),
    (120_000, [-1_500_000.0, 8_000_000.0]),
];
/// Of the main land, in units of Web Mercator.
const RADIUS: f64 = 400_000.0;

pub fn rows() -> Rows {
    let mut random = Random::new(7);
    let mut rows = Rows::default();
    for (number, (vertices, centre)) in ROWS.into_iter().enumerate() {
        let polygons = archipelago(&mut random, centre, vertices);
        let name = format!("Archipelago {number}");
        let row = Row::default().bigint(number as i64 + 1).text(Some(&name));
        rows.push(centre, row.multi_polygon(WEB_MERCATOR, &polygons));
    }
    rows
}

/// Two fifths of the vertices are one main land with lakes; the rest are islands around it.
fn archipelago(random: &mut Random, centre: Point, vertices: usize) -> Vec<Vec<Vec<Point>>> {
    let levels = (vertices as f64 * 0.45).log2() as u32;
    let mut land = vec![shapes::coast(random, centre, RADIUS, levels)];
    let mut count = land[0].len();
    for number in 0..150 {
        let (at, room) = spiral(centre, 0.5 * RADIUS, 0.0, 150, number);
        let levels = 5 + random.zipf(5) as u32;
        let mut lake = shapes::coast(random, at, room * 0.3, levels);
        lake.reverse();
        count += lake.len();
        land.push(lake);
    }
    let mut polygons = vec![land];
    // An island has about 256 vertices.
    let islands = (vertices - count) / 256;
    for number in 0..islands {
        let (at, room) = spiral(centre, 2.4 * RADIUS, 1.5 * RADIUS, islands, number);
        let levels = 6 + random.zipf(6) as u32;
        let size = room * 0.3 * f64::from(levels) / 12.0;
        polygons.push(vec![shapes::coast(random, at, size, levels)]);
    }
    polygons
}

/// The n-th of `count` places that fill the ring between two distances evenly, and how far apart
/// they are.
fn spiral(centre: Point, outer: f64, inner: f64, count: usize, n: usize) -> (Point, f64) {
    let area = (outer * outer - inner * inner) / count as f64;
    let distance = (inner * inner + area * (n as f64 + 0.5)).sqrt();
    let angle = n as f64 * 2.399_963_229_728_653;
    let at = [centre[0] + distance * angle.cos(), centre[1] + distance * angle.sin()];
    (at, (PI * area).sqrt())
}
