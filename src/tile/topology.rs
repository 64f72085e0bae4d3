//! Where the rings of a layer pass, and where they meet.
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

use super::quantize::GridPoint;

/// Coordinates are held to 16 bits, so that a point is half a word.
const BIAS: i32 = 1 << 14;
const JUNCTION: u64 = 1 << 31;

/// Vertices with a digest of their neighbours: an open-addressed table, empty slots are 0.
#[derive(Debug, Default)]
pub struct Passages {
    /// The point in the upper half, the digest in 31 bits, and whether digests differed once.
    slots: Vec<u64>,
    count: usize,
}

impl Passages {
    pub fn clear(&mut self) {
        if self.count > 0 {
            self.slots.fill(0);
            self.count = 0;
        }
    }

    /// Bytes that there is room for.
    pub fn capacity(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    /// A ring passes `point` on its way from one neighbour to the other.
    pub fn add(&mut self, point: GridPoint, neighbours: [GridPoint; 2]) {
        if (self.count + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let at = self.find(key(point));
        if self.slots[at] == 0 {
            self.slots[at] = u64::from(key(point)) << 32 | digest(neighbours);
            self.count += 1;
        } else {
            self.meet(at, neighbours);
        }
    }

    /// The same, but only if it is known that another passes there.
    pub fn touch(&mut self, point: GridPoint, neighbours: [GridPoint; 2]) {
        if self.count > 0 {
            let at = self.find(key(point));
            if self.slots[at] != 0 {
                self.meet(at, neighbours);
            }
        }
    }

    fn meet(&mut self, at: usize, neighbours: [GridPoint; 2]) {
        if (self.slots[at] ^ digest(neighbours)) & (JUNCTION - 1) != 0 {
            self.slots[at] |= JUNCTION;
        }
    }

    /// Whether rings with different neighbours meet at `point`.
    pub fn is_junction(&self, point: GridPoint) -> bool {
        self.count > 0 && self.slots[self.find(key(point))] & JUNCTION != 0
    }

    /// The slot that holds `key`, or the empty one where it belongs.
    #[inline]
    fn find(&self, key: u32) -> usize {
        find(&self.slots, key, |slot| (slot >> 32) as u32)
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 4).max(1 << 10);
        let old = std::mem::replace(&mut self.slots, vec![0; size]);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let at = self.find((slot >> 32) as u32);
            self.slots[at] = slot;
        }
    }
}

/// A set of points.
#[derive(Debug, Default)]
pub struct Places {
    slots: Vec<u32>,
}

impl Places {
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn clear(&mut self) {
        self.slots.clear();
    }

    /// Holds these points and no others.
    pub fn replace(&mut self, points: impl ExactSizeIterator<Item = GridPoint>) {
        let size = (points.len() * 2).next_power_of_two();
        self.slots.clear();
        self.slots.resize(size, 0);
        for point in points {
            let key = key(point);
            let at = find(&self.slots, key, |slot| slot);
            self.slots[at] = key;
        }
    }

    /// Bytes that there is room for.
    pub fn capacity(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    #[inline]
    pub fn contain(&self, point: GridPoint) -> bool {
        let key = key(point);
        !self.slots.is_empty() && self.slots[find(&self.slots, key, |slot| slot)] == key
    }
}

/// Linear probing; there is always an empty slot.
#[inline]
fn find<S: Copy>(slots: &[S], key: u32, key_of: impl Fn(S) -> u32) -> usize {
    let mask = slots.len() - 1;
    // Fibonacci hashing of squares of 4 by 4 points. Rings come and are asked for point by point:
    // what lies in one square lies in one cache line or two, and heavy tiles are mostly waiting
    // for memory otherwise.
    let (square, place) = (key >> 2 & 0x3FFF_3FFF, key >> 14 & 0xC | key & 0x3);
    let hash = (u64::from(square).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
    let mut at = (hash << 4 | place as usize) & mask;
    while key_of(slots[at]) != 0 && key_of(slots[at]) != key {
        at = (at + 1) & mask;
    }
    at
}

/// Never 0, since biased coordinates are positive.
#[inline]
fn key([x, y]: GridPoint) -> u32 {
    let biased = |v: i32| (v + BIAS + 1) as u32 & 0xFFFF;
    biased(x) << 16 | biased(y)
}

/// The same for both orders of the neighbours. One pair of pairs in two thousand million shares
/// a digest, which would move the end of a border by no more than the tolerance.
#[inline]
fn digest([a, b]: [GridPoint; 2]) -> u64 {
    let mix = |point| u64::from(key(point)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let sum = mix(a).wrapping_add(mix(b));
    (sum ^ (sum >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vertex_with_other_neighbours_is_a_junction() {
        let mut passages = Passages::default();
        passages.add([5, 5], [[0, 0], [9, 9]]);
        passages.add([6, 6], [[5, 5], [9, 9]]);
        passages.add([5, 5], [[9, 9], [0, 0]]);
        passages.touch([7, 7], [[0, 0], [1, 1]]);
        assert!(!passages.is_junction([5, 5]) && !passages.is_junction([7, 7]));
        passages.touch([5, 5], [[0, 0], [9, 8]]);
        assert!(passages.is_junction([5, 5]));
        assert!(!passages.is_junction([6, 6]));
    }

    #[test]
    fn what_is_known_survives_growth() {
        let point = |i: i32| [i - 16_384, i * i % 4001];
        let mut passages = Passages::default();
        for i in 0..30_000 {
            passages.add(point(i), [point(i + 1), point(i + 2)]);
            if i % 7 == 0 {
                passages.add(point(i), [point(i + 1), point(i + 3)]);
            }
        }
        assert!((0..30_000).all(|i| passages.is_junction(point(i)) == (i % 7 == 0)));
    }

    #[test]
    fn places_are_those_that_were_given() {
        let point = |i: i32| [i * 13 - 16_384, i * i % 4001];
        let mut places = Places::default();
        places.replace((0..3).map(|i| [i, i]));
        places.replace((0..2000).map(point));
        assert!((0..2000).all(|i| places.contain(point(i))));
        assert!(!places.contain([1, 1]) && !Places::default().contain([1, 1]));
    }
}
