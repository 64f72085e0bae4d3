//! The counties of the United States: a coverage, in which neighbours share their borders.

use std::collections::HashMap;

use serde::Deserialize;

use super::rows::{HALF_WORLD, Point, Row, Rows, WGS84};

/// Of TopoJSON: borders as arcs in whole steps, areas as rings of arcs.
#[derive(Deserialize)]
struct Topology {
    transform: Transform,
    objects: HashMap<String, Collection>,
    arcs: Vec<Vec<Point>>,
}

#[derive(Deserialize)]
struct Transform {
    scale: Point,
    translate: Point,
}

#[derive(Deserialize)]
struct Collection {
    geometries: Vec<Area>,
}

#[derive(Deserialize)]
struct Area {
    /// The county's number; the nation has none.
    id: Option<String>,
    #[serde(flatten)]
    arcs: Arcs,
}

/// Numbers of arcs; negative ones are `!number` backwards.
#[derive(Deserialize)]
#[serde(tag = "type", content = "arcs")]
enum Arcs {
    Polygon(Vec<Vec<i32>>),
    MultiPolygon(Vec<Vec<Vec<i32>>>),
}

/// Rows of id, name and geometry.
pub fn rows() -> Rows {
    let text = include_str!("../../tests/fixtures/us-counties.json");
    let mut topology: Topology = serde_json::from_str(text).expect("TopoJSON");
    topology.unpack();
    let mut rows = Rows::default();
    for county in &topology.objects["counties"].geometries {
        let number = county.id.as_deref().expect("every county has a number");
        let polygons = topology.polygons(&county.arcs);
        let Some(first) = polygons.first() else { continue };
        let row = Row::default()
            .bigint(number.parse().expect("digits"))
            .text(Some(&format!("County {number}")))
            .multi_polygon(WGS84, &polygons);
        // Any place will do to order rows by: degrees stretched to the world's square.
        rows.push(first[0][0].map(|degrees| degrees / 180.0 * HALF_WORLD), row);
    }
    assert!(rows.len() > 3000, "the counties are all there");
    rows
}

impl Topology {
    /// From steps to degrees.
    fn unpack(&mut self) {
        let Transform { scale, translate } = &self.transform;
        for arc in &mut self.arcs {
            let mut at = [0.0, 0.0];
            for point in arc {
                at = [at[0] + point[0], at[1] + point[1]];
                *point = [0, 1].map(|axis| at[axis] * scale[axis] + translate[axis]);
            }
        }
    }

    fn polygons(&self, arcs: &Arcs) -> Vec<Vec<Vec<Point>>> {
        let polygon = |rings: &Vec<Vec<i32>>| -> Vec<Vec<Point>> {
            rings.iter().map(|ring| self.ring(ring)).collect()
        };
        let mut polygons = match arcs {
            Arcs::Polygon(rings) => vec![polygon(rings)],
            Arcs::MultiPolygon(polygons) => polygons.iter().map(polygon).collect(),
        };
        // Whole steps have left some islands and holes, and one city, without an area.
        let has_area = |ring: &Vec<Point>| ring.len() > 2;
        polygons.retain(|rings| has_area(&rings[0]));
        polygons.iter_mut().for_each(|rings| rings.retain(has_area));
        polygons
    }

    /// Each arc begins where the last one ends. Without the point that closes the ring.
    fn ring(&self, numbers: &[i32]) -> Vec<Point> {
        let mut ring = Vec::new();
        for &number in numbers {
            let backwards = number < 0;
            let arc = &self.arcs[if backwards { !number } else { number } as usize];
            ring.pop();
            if backwards {
                ring.extend(arc.iter().rev());
            } else {
                ring.extend(arc);
            }
        }
        ring.pop();
        ring
    }
}
