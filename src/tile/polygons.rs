//! Rings that wait for all others of their layer: only then is it known where they meet.

use super::commands::Commands;
use super::quantize::{self, GridPoint, Role, Vertex};
use super::simplify::Simplifier;
use super::topology::{Passages, Places};

/// The snapped rings of a layer's features.
#[derive(Debug, Default)]
pub struct Polygons {
    vertices: Vec<Vertex>,
    /// Of each vertex, whether it stays.
    stays: Vec<bool>,
    rings: Vec<Ring>,
    /// For each feature, where its rings end.
    features: Vec<usize>,
    /// The vertices that need not stay.
    passages: Passages,
    /// All vertices, once that is asked for.
    places: Places,
    ring: Vec<Vertex>,
    drawn: Vec<GridPoint>,
}

#[derive(Clone, Copy, Debug)]
struct Ring {
    start: usize,
    end: usize,
    /// `None` for one that isn't drawn.
    role: Option<Role>,
}

impl Polygons {
    pub fn clear(&mut self) {
        self.vertices.clear();
        self.stays.clear();
        self.rings.clear();
        self.features.clear();
        self.passages.clear();
        self.places.clear();
    }

    /// Bytes that there is room for.
    pub fn capacity(&self) -> usize {
        self.vertices.capacity() * (size_of::<Vertex>() + size_of::<bool>())
            + self.rings.capacity() * size_of::<Ring>()
            + self.features.capacity() * size_of::<usize>()
            + self.ring.capacity() * size_of::<Vertex>()
            + self.drawn.capacity() * size_of::<GridPoint>()
            + self.passages.capacity()
            + self.places.capacity()
    }

    /// About how many bytes of a tile the rings take.
    pub fn bytes(&self) -> usize {
        3 * self.vertices.len()
    }

    /// Rings so far.
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Whether any ring from the given one on is to be drawn.
    pub fn draws_since(&self, ring: usize) -> bool {
        self.rings[ring..].iter().any(|ring| ring.role.is_some())
    }

    /// Adds a ring, open and without repeated points, to the current feature. The first one of
    /// each polygon is an outer one.
    pub fn ring(&mut self, vertices: &[Vertex], role: Role, simplifier: &Simplifier) {
        let start = self.vertices.len();
        self.vertices.extend_from_slice(vertices);
        self.rings.push(Ring { start, end: self.vertices.len(), role: Some(role) });
        let passages = passages(vertices);
        self.stays
            .extend(passages.map(|(at, [before, after])| simplifier.stays(before, at, after)));
    }

    /// Adds a ring that has no area here and isn't drawn. In another tile it may have some, and
    /// meet its neighbours.
    pub fn flat(&mut self, vertices: &[Vertex], simplifier: &Simplifier) {
        self.ring(vertices, Role::Inner, simplifier);
        if let Some(ring) = self.rings.last_mut() {
            ring.role = None;
        }
    }

    /// Forgets all rings from the given one on.
    pub fn truncate(&mut self, ring: usize) {
        self.rings.truncate(ring);
        let length = self.rings.last().map_or(0, |ring| ring.end);
        self.vertices.truncate(length);
        self.stays.truncate(length);
    }

    /// The next ring belongs to another feature.
    pub fn close_feature(&mut self) {
        self.features.push(self.rings.len());
    }

    /// All rings are there: finds out where they meet. What meets others stays.
    pub fn settle(&mut self) {
        if !self.stays.contains(&false) {
            return;
        }
        for ring in &self.rings {
            let stays = &self.stays[ring.start..ring.end];
            let passages = passages(&self.vertices[ring.start..ring.end]).zip(stays);
            for ((at, neighbours), _) in passages.filter(|(_, stays)| !**stays) {
                self.passages.add(at, neighbours);
            }
        }
        for ring in &self.rings {
            let stays = &self.stays[ring.start..ring.end];
            let passages = passages(&self.vertices[ring.start..ring.end]).zip(stays);
            for ((at, neighbours), _) in passages.filter(|(_, stays)| **stays) {
                self.passages.touch(at, neighbours);
            }
        }
        for (vertex, stays) in self.vertices.iter().zip(&mut self.stays) {
            *stays = *stays || self.passages.is_junction(vertex.at);
        }
    }

    /// Simplifies the polygons of a feature and appends what is left of them.
    pub fn encode(&mut self, feature: usize, simplifier: &mut Simplifier, out: &mut Commands) {
        let first = if feature == 0 { 0 } else { self.features[feature - 1] };
        let mut has_outer = false;
        out.begin();
        for index in first..self.features[feature] {
            let Some(role) = self.rings[index].role else { continue };
            if role == Role::Inner && !has_outer {
                continue;
            }
            let drawn = self.simplified(index, simplifier);
            let area = quantize::doubled_area(drawn);
            if area != 0 {
                quantize::corners(drawn);
                out.ring(drawn, (area > 0) != (role == Role::Outer));
            }
            if role == Role::Outer {
                has_outer = area != 0;
            }
        }
    }

    /// What is left of a ring once all have settled.
    pub(super) fn simplified(
        &mut self,
        ring: usize,
        simplifier: &mut Simplifier,
    ) -> &mut Vec<GridPoint> {
        let Ring { start, end, .. } = self.rings[ring];
        let (vertices, stays) = (&self.vertices[start..end], &self.stays[start..end]);
        self.drawn.clear();
        if stays.iter().all(|stays| *stays) {
            self.drawn.extend(vertices.iter().map(|vertex| vertex.at));
        } else {
            self.ring.clear();
            self.ring.extend_from_slice(vertices);
            let mut places = LazyPlaces { set: &mut self.places, all: &self.vertices };
            simplifier.ring(&mut self.ring, stays, &mut places, &mut self.drawn);
        }
        &mut self.drawn
    }
}

/// The places of all vertices. Most layers of buildings never ask.
pub struct LazyPlaces<'a> {
    set: &'a mut Places,
    all: &'a [Vertex],
}

impl LazyPlaces<'_> {
    pub fn get(&mut self) -> &Places {
        if self.set.is_empty() {
            self.set.replace(self.all.iter().map(|vertex| vertex.at));
        }
        self.set
    }
}

/// Each vertex of an open ring with its two neighbours.
fn passages(ring: &[Vertex]) -> impl Iterator<Item = (GridPoint, [GridPoint; 2])> {
    let last = ring.len().saturating_sub(1);
    ring.iter().enumerate().map(move |(index, vertex)| {
        let before = if index == 0 { last } else { index - 1 };
        let after = if index == last { 0 } else { index + 1 };
        (vertex.at, [ring[before].at, ring[after].at])
    })
}
