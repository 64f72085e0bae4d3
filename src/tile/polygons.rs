//! Rings that wait for all others of their layer: only then is it known where they meet.

use super::commands::Commands;
use super::quantize::{self, GridPoint, Role, Vertex};
use super::simplify::Simplifier;
use super::topology::Topology;

/// The snapped rings of a layer's features.
#[derive(Debug, Default)]
pub struct Polygons {
    vertices: Vec<Vertex>,
    rings: Vec<Ring>,
    /// For each feature, where its rings end.
    features: Vec<usize>,
    topology: Topology,
    ring: Vec<Vertex>,
    drawn: Vec<GridPoint>,
}

#[derive(Clone, Copy, Debug)]
struct Ring {
    end: usize,
    role: Role,
}

impl Polygons {
    /// Rings so far.
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Adds a ring, open and without repeated points, to the current feature. The first one of
    /// each polygon is an outer one.
    pub fn ring(&mut self, vertices: &[Vertex], role: Role) {
        self.vertices.extend_from_slice(vertices);
        self.rings.push(Ring { end: self.vertices.len(), role });
        self.topology.ring(vertices);
    }

    /// Forgets all rings from the given one on.
    pub fn truncate(&mut self, ring: usize) {
        self.rings.truncate(ring);
        self.vertices.truncate(self.rings.last().map_or(0, |ring| ring.end));
    }

    /// The next ring belongs to another feature.
    pub fn close_feature(&mut self) {
        self.features.push(self.rings.len());
    }

    /// Simplifies the polygons of a feature and appends what is left of them.
    pub fn encode(&mut self, feature: usize, simplifier: &mut Simplifier, out: &mut Commands) {
        let first = if feature == 0 { 0 } else { self.features[feature - 1] };
        let mut has_outer = false;
        out.begin();
        for index in first..self.features[feature] {
            let Ring { end, role } = self.rings[index];
            let start = if index == 0 { 0 } else { self.rings[index - 1].end };
            if role == Role::Inner && !has_outer {
                continue;
            }
            self.ring.clear();
            self.ring.extend_from_slice(&self.vertices[start..end]);
            simplifier.ring(&mut self.ring, &self.topology, &mut self.drawn);
            let area = quantize::doubled_area(&self.drawn);
            if area != 0 {
                quantize::corners(&mut self.drawn);
                out.ring(&self.drawn, (area > 0) != (role == Role::Outer));
            }
            if role == Role::Outer {
                has_outer = area != 0;
            }
        }
    }
}
