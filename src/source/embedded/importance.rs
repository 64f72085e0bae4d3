//! How much each vertex of lines and borders matters, found out once when a file is loaded.
//!
//! A vertex' importance is the tolerance up to which Ramer, Douglas and Peucker's method keeps
//! it, in metres of Web Mercator. Tiles of low zooms then pass over most vertices without placing
//! them on their grid. As in `tile/simplify.rs`, rings are divided where they meet others, and
//! nothing depends on the direction in which a border is passed: all rings that share one agree
//! about its vertices.

use crate::tile::Point;

/// A tolerance on a scale of eighths of an octave; 255 is above all others.
pub(super) type Importance = u8;

/// What is always kept.
pub(super) const ALWAYS: Importance = u8::MAX;

/// Metres of the scale's beginning.
const LEAST: f64 = 1e-4;
const STEPS: f64 = 8.0;

/// Longer runs are divided first, so that the time is bounded by this times the vertices.
const LONGEST_RUN: usize = 1 << 11;

/// The importance that vertices need to be kept at a tolerance in metres: what has less is nearer
/// to what is drawn than the tolerance.
pub(super) fn needed(tolerance: f64) -> Importance {
    step(tolerance).floor().clamp(0.0, f64::from(ALWAYS)) as u8
}

fn of(distance: f64) -> Importance {
    step(distance).ceil().clamp(0.0, f64::from(ALWAYS - 1)) as u8
}

fn step(metres: f64) -> f64 {
    STEPS * (metres / LEAST).log2()
}

/// Where rings meet: vertices with a digest of their neighbours. An open-addressed table, empty slots
/// are 0.
///
/// Of a vertex 32 bits of a hash are kept. Two that have the same count as one, which makes a junction
/// where there is none: for all rings that pass there, so that they still agree.
#[derive(Debug)]
pub(super) struct Junctions {
    /// The hash in the upper half, the digest in 31 bits, and whether digests differed once.
    slots: Vec<u64>,
}

/// Set once digests differed.
const JUNCTION: u64 = 1 << 31;

impl Junctions {
    /// For rings of so many vertices in all.
    pub(super) fn new(vertices: usize) -> Self {
        let size = if vertices == 0 { 0 } else { (vertices + vertices / 2).next_power_of_two() };
        Self { slots: vec![0; size] }
    }

    /// Notes where a closed ring passes.
    pub(super) fn add(&mut self, ring: &[Point]) {
        let ring = open(ring);
        let (Some(first), Some(last)) = (ring.first(), ring.last()) else { return };
        let (mut before, mut at) = (hash(*last), hash(*first));
        for next in ring.iter().skip(1).chain([first]) {
            let next = hash(*next);
            self.pass(at, before.wrapping_add(next));
            (before, at) = (at, next);
        }
    }

    /// `digest` is the same for both directions.
    fn pass(&mut self, vertex: u64, digest: u64) {
        let digest = (digest ^ digest >> 32) & (JUNCTION - 1);
        let place = self.find(vertex);
        let slot = &mut self.slots[place];
        match *slot {
            0 => *slot = key(vertex) | digest,
            known if (known ^ digest) & (JUNCTION - 1) != 0 => *slot |= JUNCTION,
            _ => {}
        }
    }

    fn is_junction(&self, point: Point) -> bool {
        !self.slots.is_empty() && self.slots[self.find(hash(point))] & JUNCTION != 0
    }

    /// The slot that holds the vertex, or the empty one where it belongs. There are such, since the
    /// table is larger than what it is for.
    fn find(&self, vertex: u64) -> usize {
        let (mask, key) = (self.slots.len() - 1, key(vertex));
        let mut place = vertex as usize & mask;
        while self.slots[place] != 0 && (self.slots[place] ^ key) >> 32 != 0 {
            place = (place + 1) & mask;
        }
        place
    }
}

/// Never 0, as empty slots are.
fn key(vertex: u64) -> u64 {
    (vertex | 1 << 63) & !0xffff_ffff
}

fn hash([x, y]: Point) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    // Adding zero makes one of the two zeros.
    let mixed = (x + 0.0).to_bits().wrapping_mul(FACTOR).rotate_left(29) ^ (y + 0.0).to_bits();
    let mixed = (mixed ^ mixed >> 31).wrapping_mul(FACTOR);
    mixed ^ mixed >> 32
}

/// A ring without the repetition of its first vertex.
fn open(ring: &[Point]) -> &[Point] {
    match ring {
        [first, rest @ .., last] if first == last && !rest.is_empty() => &ring[..ring.len() - 1],
        ring => ring,
    }
}

/// Finds importances; holds what it needs for that.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    runs: Vec<(usize, usize, f64)>,
    turned: Vec<Point>,
    found: Vec<Importance>,
}

impl Ranking {
    /// Of a line's vertices, of which `out` has as many. Its ends always stay.
    pub(super) fn line(&mut self, line: &[Point], out: &mut [Importance]) {
        self.chain(line, out, |_| false);
    }

    /// Of a closed ring's vertices, of which `out` has as many.
    pub(super) fn ring(&mut self, ring: &[Point], junctions: &Junctions, out: &mut [Importance]) {
        let bare = open(ring);
        let first = bare.iter().position(|point| junctions.is_junction(*point));
        // A ring that meets no other starts where all its copies do.
        let least = || (0..bare.len()).min_by(|a, b| order(bare[*a], bare[*b]));
        let Some(start) = first.or_else(least) else { return };
        self.turned.clear();
        self.turned.extend(bare[start..].iter().chain(&bare[..=start]));
        self.found.clear();
        self.found.resize(self.turned.len(), 0);
        let (turned, mut found) =
            (std::mem::take(&mut self.turned), std::mem::take(&mut self.found));
        self.chain(&turned, &mut found, |point| junctions.is_junction(point));
        let place = |place: usize| (place + bare.len() - start) % bare.len();
        for (at, out) in out.iter_mut().enumerate() {
            *out = found[place(at % bare.len())];
        }
        (self.turned, self.found) = (turned, found);
    }

    /// Ends and what `stays` are there always, others by their distance from what is drawn
    /// without them.
    fn chain(&mut self, chain: &[Point], found: &mut [Importance], stays: impl Fn(Point) -> bool) {
        let Some(last) = chain.len().checked_sub(1) else { return };
        (found[0], found[last]) = (ALWAYS, ALWAYS);
        let mut from = 0;
        for to in 1..=last {
            if to == last || stays(chain[to]) {
                found[to] = ALWAYS;
                self.divide(chain, found, from, to);
                from = to;
            }
        }
    }

    /// Divides long runs at their middle vertices: with an even number between there are two.
    fn divide(&mut self, chain: &[Point], found: &mut [Importance], from: usize, to: usize) {
        if to - from <= LONGEST_RUN {
            return self.run(chain, found, from, to);
        }
        let (low, high) = (from + (to - from) / 2, from + (to - from).div_ceil(2));
        (found[low], found[high]) = (ALWAYS, ALWAYS);
        self.divide(chain, found, from, low);
        self.divide(chain, found, high, to);
    }

    fn run(&mut self, chain: &[Point], found: &mut [Importance], from: usize, to: usize) {
        self.runs.push((from, to, f64::INFINITY));
        while let Some((from, to, most)) = self.runs.pop() {
            if to < from + 2 {
                continue;
            }
            let (furthest, distance) = furthest(&chain[from..=to]);
            let furthest = from + furthest;
            // What is within a run that goes can't stay.
            let distance = distance.min(most);
            found[furthest] = of(distance);
            self.runs.extend([(from, furthest, distance), (furthest, to, distance)]);
        }
    }
}

fn order(a: Point, b: Point) -> std::cmp::Ordering {
    a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
}

/// The vertex between the ends that is furthest from the segment between them, and how far. Among
/// several it is the least by its place.
fn furthest(run: &[Point]) -> (usize, f64) {
    let (first, last) = (run[0], run[run.len() - 1]);
    let (a, c) = if order(first, last).is_le() { (first, last) } else { (last, first) };
    let step = [c[0] - a[0], c[1] - a[1]];
    let square = step[0] * step[0] + step[1] * step[1];
    let mut best = (1, -1.0);
    for (place, point) in run.iter().enumerate().take(run.len() - 1).skip(1) {
        let [x, y] = [point[0] - a[0], point[1] - a[1]];
        let along = if square > 0.0 { (x * step[0] + y * step[1]) / square } else { 0.0 };
        let along = along.clamp(0.0, 1.0);
        let [x, y] = [x - along * step[0], y - along * step[1]];
        let distance = x * x + y * y;
        if distance > best.1 || (distance == best.1 && order(*point, run[best.0]).is_lt()) {
            best = (place, distance);
        }
    }
    (best.0, best.1.sqrt())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn bits(point: Point) -> [u64; 2] {
        point.map(f64::to_bits)
    }

    fn line(points: &[Point]) -> Vec<Importance> {
        let mut out = vec![0; points.len()];
        Ranking::default().line(points, &mut out);
        out
    }

    #[test]
    fn a_vertex_matters_as_much_as_it_is_away_from_what_is_drawn_without_it() {
        let found = line(&[[0.0, 0.0], [50.0, 8.0], [100.0, 0.0]]);
        assert_eq!((found[0], found[2]), (ALWAYS, ALWAYS));
        assert!(found[1] >= needed(8.0), "kept at a tolerance that it is not within");
        assert!(found[1] < needed(8.0 * 1.2), "gone at a larger one");
    }

    #[test]
    fn what_is_between_two_that_go_goes_too() {
        let found = line(&[[0.0, 0.0], [40.0, 4.0], [45.0, -30.0], [50.0, 3.0], [100.0, 0.0]]);
        assert!(found[1] <= found[2] && found[3] <= found[2]);
    }

    #[test]
    fn no_vertex_that_goes_is_further_away_than_the_tolerance() {
        let mut state = 3u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(u32::MAX)
        };
        let points: Vec<Point> =
            (0..40_000).map(|i| [f64::from(i) * 10.0 + random(), random() * 1_000.0]).collect();
        let found = line(&points);
        for tolerance in [0.5, 5.0, 70.0] {
            let kept: Vec<usize> =
                (0..points.len()).filter(|i| found[*i] >= needed(tolerance)).collect();
            for pair in kept.windows(2) {
                let run = &points[pair[0]..=pair[1]];
                assert!(run.len() < 3 || furthest(run).1 <= tolerance, "{tolerance}");
            }
            assert!(kept.len() < points.len() || tolerance < 1.0);
        }
    }

    /// Two rings with a common border, one of which passes it the other way round.
    #[test]
    fn rings_agree_about_the_border_that_they_share() {
        let border: Vec<Point> =
            (0..200).map(|i| [f64::from(i * i % 17), f64::from(i) * 3.0]).collect();
        let mut west = vec![[-500.0, 0.0]];
        west.extend(&border);
        west.extend([[-500.0, 597.0], [-500.0, 0.0]]);
        let mut east: Vec<Point> = border.iter().rev().copied().collect();
        east.extend([[500.0, 0.0], [500.0, 597.0], border[199]]);
        let mut junctions = Junctions::new(2_000);
        junctions.add(&west);
        junctions.add(&east);
        let of = |ring: &[Point]| {
            let mut out = vec![0; ring.len()];
            Ranking::default().ring(ring, &junctions, &mut out);
            assert_eq!(out.len(), ring.len());
            ring.iter().map(|p| bits(*p)).zip(out).collect::<HashMap<_, _>>()
        };
        let (west, east) = (of(&west), of(&east));
        for point in &border {
            assert_eq!(west[&bits(*point)], east[&bits(*point)], "{point:?}");
        }
        assert_eq!(west[&bits(border[0])], ALWAYS, "they part here");
        assert!(border[1..199].iter().any(|point| west[&bits(*point)] < ALWAYS));
    }

    #[test]
    fn a_ring_alone_does_not_depend_on_where_it_starts() {
        let ring: Vec<Point> = (0..90)
            .map(|i| {
                let angle = f64::from(i) / 90.0 * std::f64::consts::TAU;
                let radius = 100.0 + f64::from(i * 7 % 11);
                [radius * angle.cos(), radius * angle.sin()]
            })
            .collect();
        let of = |turn: usize| {
            let mut turned = ring.clone();
            turned.rotate_left(turn);
            turned.push(turned[0]);
            let mut out = vec![0; turned.len()];
            Ranking::default().ring(&turned, &Junctions::new(2_000), &mut out);
            assert_eq!(out[0], out[90], "the closing vertex is the first one");
            turned.iter().map(|p| bits(*p)).zip(out).collect::<HashMap<_, _>>()
        };
        assert_eq!(of(0), of(31));
    }

    #[test]
    fn rings_of_any_length_are_ranked() {
        for length in 0..6 {
            let ring: Vec<Point> = (0..length).map(|i| [f64::from(i % 3), 1.0]).collect();
            let mut out = vec![0; ring.len()];
            let mut junctions = Junctions::new(2_000);
            junctions.add(&ring);
            Ranking::default().ring(&ring, &junctions, &mut out);
            assert_eq!(out.len(), ring.len());
        }
    }
}
