//! Where the rings of a layer meet.
//!
//! A vertex at which every ring that passes has the same two neighbours lies inside a border;
//! one where they differ is a junction, and a border ends there:
//!
//! ```text
//!        a   b            at j the rings A, B and C have the neighbours {a, b}, {b, c}, {c, a}:
//!      A  \ /  B          a junction. At b, A and B have the same two: inside their border.
//!          j
//!      C   │
//!          c
//! ```

use super::quantize::{GridPoint, Vertex};

/// Coordinates are held to 18 bits, so that a point and what is known of it are one word.
const BIAS: i32 = 1 << 16;
const BITS: u32 = 18;
/// The lower bits of a slot: a digest of the neighbours, and whether they differed once.
const DIGEST_BITS: u32 = 27;
const JUNCTION: u64 = 1 << DIGEST_BITS;

/// The vertices of all rings of a layer: an open-addressed table, empty slots are 0.
#[derive(Debug, Default)]
pub struct Topology {
    slots: Vec<u64>,
    count: usize,
}

impl Topology {
    /// Adds a ring, open and without repeated vertices. Coordinates are within 2¹⁶ units of the
    /// tile.
    pub fn ring(&mut self, ring: &[Vertex]) {
        let needed = (self.count + ring.len()) * 2;
        if needed > self.slots.len() {
            self.grow(needed.next_power_of_two().max(1 << 10));
        }
        let [first, .., last] = ring else { return };
        let mut previous = last.at;
        for (index, vertex) in ring.iter().enumerate() {
            let next = ring.get(index + 1).unwrap_or(first);
            self.visit(vertex.at, digest(previous, next.at));
            previous = vertex.at;
        }
    }

    fn visit(&mut self, point: GridPoint, digest: u64) {
        let key = key(point);
        let at = self.find(key);
        let slot = &mut self.slots[at];
        if *slot == 0 {
            *slot = key << (DIGEST_BITS + 1) | digest;
            self.count += 1;
        } else if (*slot ^ digest) & (JUNCTION - 1) != 0 {
            *slot |= JUNCTION;
        }
    }

    /// Whether rings with different neighbours meet at `point`.
    pub fn is_junction(&self, point: GridPoint) -> bool {
        !self.slots.is_empty() && self.slots[self.find(key(point))] & JUNCTION != 0
    }

    /// Whether a ring has a vertex at `point`.
    pub fn has(&self, point: GridPoint) -> bool {
        !self.slots.is_empty() && self.slots[self.find(key(point))] != 0
    }

    /// The slot that holds `key`, or the empty one where it belongs.
    #[inline]
    fn find(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: neighbouring points land far apart.
        let mut at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        while self.slots[at] != 0 && self.slots[at] >> (DIGEST_BITS + 1) != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self, size: usize) {
        let old = std::mem::replace(&mut self.slots, vec![0; size]);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let at = self.find(slot >> (DIGEST_BITS + 1));
            self.slots[at] = slot;
        }
    }
}

/// Never 0, since biased coordinates are positive.
#[inline]
fn key([x, y]: GridPoint) -> u64 {
    let biased = |v: i32| u64::from((v + BIAS + 1) as u32) & ((1 << BITS) - 1);
    biased(x) << BITS | biased(y)
}

/// The same for both orders of the neighbours. Two pairs in a hundred million share one, which
/// would cost a junction its place by less than the tolerance.
#[inline]
fn digest(a: GridPoint, b: GridPoint) -> u64 {
    let mix = |point| key(point).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let sum = mix(a).wrapping_add(mix(b));
    (sum ^ (sum >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - DIGEST_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertices(points: &[GridPoint]) -> Vec<Vertex> {
        points.iter().map(|&at| Vertex { at, offset: [0.0; 2] }).collect()
    }

    #[test]
    fn rings_that_share_a_border_meet_at_its_ends_only() {
        let left = [[0, 0], [10, 0], [11, 5], [10, 10], [0, 10]];
        let right = [[10, 10], [11, 5], [10, 0], [20, 0], [20, 10]];
        let mut topology = Topology::default();
        topology.ring(&vertices(&left));
        assert!(left.iter().all(|point| topology.has(*point) && !topology.is_junction(*point)));
        topology.ring(&vertices(&right));
        let junctions: Vec<_> =
            left.iter().chain(&right).filter(|point| topology.is_junction(**point)).collect();
        assert_eq!(junctions, [&[10, 0], &[10, 10], &[10, 10], &[10, 0]]);
        assert!(!topology.has([5, 5]) && !topology.is_junction([5, 5]));
    }

    #[test]
    fn a_ring_that_touches_itself_has_a_junction_there() {
        let mut topology = Topology::default();
        topology.ring(&vertices(&[[0, 0], [5, 5], [9, 0], [9, 9], [5, 5], [0, 9]]));
        assert!(topology.is_junction([5, 5]));
        assert!(!topology.is_junction([9, 9]));
    }

    #[test]
    fn what_is_known_survives_growth() {
        let mut topology = Topology::default();
        let ring: Vec<GridPoint> = (0..3000).map(|i| [i, i * i % 4001]).collect();
        topology.ring(&vertices(&ring));
        topology.ring(&vertices(&[[7, 49], [70000, -60000], [-65536, 131072]]));
        topology.ring(&vertices(&ring));
        for point in &ring {
            assert!(topology.has(*point));
            assert_eq!(topology.is_junction(*point), *point == [7, 49], "{point:?}");
        }
        assert!(topology.has([-65536, 131072]));
    }
}
