//! How far vertices stray from lines.

use std::collections::HashSet;

use geo::{Coord, Distance, Euclidean, Line, LineString};

/// Lines or rings that vertices can be measured against.
pub struct Outline {
    vertices: HashSet<[i64; 2]>,
    segments: Vec<Line<f64>>,
}

impl Outline {
    pub fn new<'a>(lines: impl Iterator<Item = &'a LineString<f64>>) -> Self {
        let (mut vertices, mut segments) = (HashSet::new(), Vec::new());
        for line in lines {
            vertices.extend(line.coords().map(|coord| cell(*coord)));
            segments.extend(line.lines());
        }
        Self { vertices, segments }
    }

    /// Whether there is a segment no further away than `allowed`.
    pub fn is_near(&self, coord: Coord<f64>, allowed: f64) -> bool {
        // Nearly always there is a vertex in the same place, even of tens of thousands: only the
        // others are worth a look at every segment.
        let at = |line: &Line<f64>| Euclidean.distance(&geo::Point(coord), line) <= allowed;
        self.vertices.contains(&cell(coord)) || self.segments.iter().any(at)
    }
}

fn cell(coord: Coord<f64>) -> [i64; 2] {
    [coord.x as i64, coord.y as i64]
}
