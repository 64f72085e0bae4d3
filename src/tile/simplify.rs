//! Leaving out vertices that hardly bend a line.
//!
//! Ramer (1972), Douglas and Peucker (1973), between vertices that always stay:
//!
//! ```text
//!      ●───────────╌╌╌╌╌╌╌╌╌╌╌─╮     ● stays: an end, a sharp corner, a junction of rings, or a
//!       ╲__·    ·___        ╱  ╎       place on a line where a neighbour's box ends (see `clip`)
//!           `╶─╴`  `──o───´    ╎     o stays: the furthest from the chord ●●, beyond the tolerance
//!                              ●     · goes
//! ```
//!
//! The chord lies on the grid, where it will be drawn; the vertices are measured where they were
//! before snapping. So what goes was no further than the tolerance from what is drawn instead,
//! and the stairs that snapping makes of a slope go as the straight line that they were.
//!
//! What decides is the vertices between two that stay, and nothing of it depends on the direction
//! in which they are passed. All rings that share them, in all tiles that see them, therefore
//! leave out the same ones. Lines have no junctions: those that share a stretch with the same ends
//! do so too, others may differ by the tolerance.

use super::clip;
use super::polygons::LazyPlaces;
use super::quantize::{GridPoint, Vertex};
use super::topology::Places;

/// Longest run that is looked at for vertices that it would jump over; longer ones are divided
/// first. The look takes the square of a run's length where it is full of its own vertices.
const LONGEST_RUN: usize = 256;

/// Simplifies the lines and rings of one layer of one tile.
#[derive(Debug)]
pub struct Simplifier {
    /// The square of the tolerance.
    limit: f64,
    lines: Lines,
    /// Of each vertex, whether it stays.
    keep: Vec<bool>,
    runs: Vec<(usize, usize)>,
}

impl Simplifier {
    /// For a tile's grid; `tolerance` in its units.
    pub fn new(tolerance: f64, extent: u32, buffer: u32) -> Self {
        let lines = Lines::new(extent, buffer);
        Self { limit: tolerance * tolerance, lines, keep: Vec::new(), runs: Vec::new() }
    }

    /// Replaces what is in `out` by what stays of a line. Its ends stay.
    pub fn line(&mut self, line: &[Vertex], out: &mut Vec<GridPoint>) {
        let mut keep = std::mem::take(&mut self.keep);
        keep.clear();
        keep.push(true);
        keep.extend(line.windows(3).map(|at| self.stays(at[0].at, at[1].at, at[2].at)));
        keep.push(true);
        keep.truncate(line.len());
        self.keep = keep;
        self.simplify(line, None, out);
    }

    /// Whether a vertex stays whatever comes before and after its neighbours: it lies on a line,
    /// or is so sharp a corner that no chord past it could replace it.
    #[inline]
    pub fn stays(&self, before: GridPoint, at: GridPoint, after: GridPoint) -> bool {
        let chord = Chord::new(before, after);
        chord.distance(at.map(f64::from)) > 4.0 * self.limit * chord.scale || self.lines.contain(at)
    }

    /// Replaces what is in `out` by what stays of an open ring: the vertices for which `stays` is
    /// set, and those that are needed between them. The ring may start elsewhere afterwards, and
    /// may collapse. `places` are the vertices of all rings.
    pub fn ring(
        &mut self,
        ring: &mut Vec<Vertex>,
        stays: &[bool],
        places: &mut LazyPlaces<'_>,
        out: &mut Vec<GridPoint>,
    ) {
        out.clear();
        let first = stays.iter().position(|stays| *stays);
        // A ring without such a vertex starts at one that all its copies agree on.
        let least = || ring.iter().enumerate().min_by_key(|(_, vertex)| vertex.at);
        let Some(start) = first.or_else(|| least().map(|(index, _)| index)) else { return };
        ring.rotate_left(start);
        ring.push(ring[0]);
        self.keep.clear();
        self.keep.extend_from_slice(stays);
        self.keep.rotate_left(start);
        self.keep.push(true);
        self.simplify(ring, Some(places), out);
        out.pop();
    }

    /// Adds to `keep` what has to stay between the ends and the vertices that it holds already.
    fn simplify(
        &mut self,
        chain: &[Vertex],
        mut places: Option<&mut LazyPlaces<'_>>,
        out: &mut Vec<GridPoint>,
    ) {
        let Some(last) = chain.len().checked_sub(1) else { return out.clear() };
        (self.keep[0], self.keep[last]) = (true, true);
        let mut from = 0;
        while from < last {
            let rest = &self.keep[from + 1..];
            let to = from + 1 + rest.iter().position(|stays| *stays).unwrap_or_default();
            self.run(chain, from, to, places.as_deref_mut());
            from = to;
        }
        let kept = chain.iter().zip(&self.keep).filter(|(_, keep)| **keep);
        out.clear();
        out.extend(kept.map(|(vertex, _)| vertex.at));
        // A loop that returned to where it began may be gone.
        out.dedup();
    }

    /// Marks what stays between `from` and `to`.
    fn run(
        &mut self,
        chain: &[Vertex],
        from: usize,
        to: usize,
        mut places: Option<&mut LazyPlaces<'_>>,
    ) {
        self.runs.push((from, to));
        while let Some((from, to)) = self.runs.pop() {
            if to < from + 2 {
                continue;
            }
            let chord = Chord::new(chain[from].at, chain[to].at);
            let (furthest, distance) = chord.furthest(&chain[from + 1..to]);
            let furthest = from + 1 + furthest;
            let goes = distance <= self.limit * chord.scale
                && places
                    .as_mut()
                    .is_none_or(|places| self.is_free(&chain[from..=to], &chord, places.get()));
            if !goes {
                self.keep[furthest] = true;
                self.runs.extend([(from, furthest), (furthest, to)]);
            }
        }
    }

    /// Whether no vertex but the run's own lies so near the chord that the run may have passed
    /// it on the other side.
    fn is_free(&self, run: &[Vertex], chord: &Chord, places: &Places) -> bool {
        if run.len() > LONGEST_RUN {
            return false;
        }
        let region = self.lines.region(run);
        let strays = run.iter().map(|vertex| chord.distance(vertex.at.map(f64::from)));
        let farthest = strays.fold(0.0, f64::max);
        let limit = farthest / chord.scale;
        let reach = limit.sqrt() as i32;
        let [a, c] = [chord.a, chord.c];
        let major = usize::from((c[0] - a[0]).abs() < (c[1] - a[1]).abs());
        let minor = 1 - major;
        let length = f64::from(c[major] - a[major]);
        let slope = if length == 0.0 { 0.0 } else { f64::from(c[minor] - a[minor]) / length };
        // Along the minor axis it's further to the edge of the strip than perpendicularly.
        let width = (limit * (1.0 + slope * slope)).sqrt();
        let (first, last) = (a[major].min(c[major]), a[major].max(c[major]));
        for at in first - reach..=last + reach {
            let middle = f64::from(a[minor]) + slope * f64::from(at - a[major]);
            for across in (middle - width).ceil() as i32..=(middle + width).floor() as i32 {
                let point = if major == 0 { [at, across] } else { [across, at] };
                if places.contain(point)
                    && chord.distance(point.map(f64::from)) <= farthest
                    // The run can't have passed what lies beyond a line, and not all tiles know
                    // of the same vertices there.
                    && (0..2).all(|axis| point[axis] > region[axis][0] && point[axis] < region[axis][1])
                    && run.iter().all(|vertex| vertex.at != point)
                {
                    return false;
                }
            }
        }
        true
    }
}

/// Where boxes of tiles end, see [`clip::lines`].
#[derive(Debug)]
struct Lines {
    all: Vec<i32>,
    /// The widest gap between two of them: nearly all vertices lie there.
    gap: [i32; 2],
}

impl Lines {
    fn new(extent: u32, buffer: u32) -> Self {
        let all = clip::lines(extent, buffer);
        let widest = all.windows(2).max_by_key(|pair| pair[1] - pair[0]);
        let gap = widest.map_or([0, 0], |pair| [pair[0], pair[1]]);
        Self { all, gap }
    }

    /// The lines on both axes between which all of a run lies.
    fn region(&self, run: &[Vertex]) -> [[i32; 2]; 2] {
        [0, 1].map(|axis| {
            let places = run.iter().map(|vertex| vertex.at[axis]);
            let (low, high) = places.fold((i32::MAX, i32::MIN), |(l, h), v| (l.min(v), h.max(v)));
            let below = self.all.iter().rev().find(|line| **line <= low);
            let above = self.all.iter().find(|line| **line >= high);
            [*below.unwrap_or(&i32::MIN), *above.unwrap_or(&i32::MAX)]
        })
    }

    #[inline]
    fn contain(&self, [x, y]: GridPoint) -> bool {
        let [low, high] = self.gap;
        let is_clear = x > low && x < high && y > low && y < high;
        !is_clear && (self.all.contains(&x) || self.all.contains(&y))
    }
}

/// The segment that is to replace a run, its ends in an order of their own.
struct Chord {
    a: GridPoint,
    c: GridPoint,
    step: [f64; 2],
    /// The square of its length; 1 where that is 0.
    scale: f64,
}

impl Chord {
    fn new(a: GridPoint, c: GridPoint) -> Self {
        let (a, c) = if a <= c { (a, c) } else { (c, a) };
        let step = [f64::from(c[0] - a[0]), f64::from(c[1] - a[1])];
        Self { a, c, step, scale: (step[0] * step[0] + step[1] * step[1]).max(1.0) }
    }

    /// The square of a point's distance, times `scale`.
    #[inline]
    fn distance(&self, point: [f64; 2]) -> f64 {
        let from = |end: GridPoint| [point[0] - f64::from(end[0]), point[1] - f64::from(end[1])];
        let [x, y] = from(self.a);
        let along = x * self.step[0] + y * self.step[1];
        if along > 0.0 && along < self.scale {
            let across = x * self.step[1] - y * self.step[0];
            return across * across;
        }
        let [x, y] = if along <= 0.0 { [x, y] } else { from(self.c) };
        (x * x + y * y) * self.scale
    }

    /// The vertex that was furthest away, and its [`distance`](Self::distance). Among several it's the
    /// least by its place on the grid.
    fn furthest(&self, vertices: &[Vertex]) -> (usize, f64) {
        let mut best = (0, -1.0);
        for (index, Vertex { at, offset }) in vertices.iter().enumerate() {
            let exact = [0, 1].map(|axis| f64::from(at[axis]) + f64::from(offset[axis]));
            let distance = self.distance(exact);
            if distance > best.1 || (distance == best.1 && *at < vertices[best.0].at) {
                best = (index, distance);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::super::polygons::Polygons;
    use super::super::quantize::Role;
    use super::*;

    fn line(tolerance: f64, points: &[GridPoint]) -> Vec<GridPoint> {
        let mut out = Vec::new();
        Simplifier::new(tolerance, 4096, 64).line(&vertices(points), &mut out);
        out
    }

    fn vertices(points: &[GridPoint]) -> Vec<Vertex> {
        points.iter().map(|&at| Vertex { at, offset: [0.0; 2] }).collect()
    }

    fn rings(tolerance: f64, rings: &[&[GridPoint]]) -> Vec<Vec<GridPoint>> {
        let mut simplifier = Simplifier::new(tolerance, 4096, 64);
        let mut polygons = Polygons::default();
        rings.iter().for_each(|ring| polygons.ring(&vertices(ring), Role::Outer, &simplifier));
        polygons.settle();
        (0..rings.len()).map(|ring| polygons.simplified(ring, &mut simplifier).to_vec()).collect()
    }

    #[test]
    fn vertices_within_the_tolerance_go() {
        let bent = [[100, 100], [104, 101], [107, 102], [110, 103]];
        assert_eq!(line(0.5, &bent), [[100, 100], [110, 103]]);
        let corner = [[100, 100], [105, 100], [105, 105]];
        assert_eq!(line(0.5, &corner), corner);
        assert_eq!(line(4.0, &corner), [[100, 100], [105, 105]]);
    }

    #[test]
    fn the_stairs_of_a_slope_are_straight() {
        let slope: Vec<_> = (0..300)
            .map(|i| {
                let exact = [200.0 + f64::from(i), 300.2 + 0.3 * f64::from(i)];
                let at = exact.map(|v| (v + 0.5_f64).floor());
                let offset = [(exact[0] - at[0]) as f32, (exact[1] - at[1]) as f32];
                Vertex { at: at.map(|v| v as i32), offset }
            })
            .collect();
        let mut out = Vec::new();
        Simplifier::new(0.5, 4096, 64).line(&slope, &mut out);
        assert_eq!(out, [[200, 300], [499, 390]]);
    }

    #[test]
    fn a_line_that_turns_back_keeps_its_turning_point() {
        let hook = [[100, 100], [120, 100], [101, 100]];
        assert_eq!(line(0.5, &hook), hook);
    }

    #[test]
    fn direction_does_not_show() {
        let at = |i: i32| [100 + i, 1000 + ((f64::from(i) / 9.0).sin() * 6.0) as i32];
        let wave: Vec<_> = (0..400).map(at).collect();
        for tolerance in [0.5, 1.0, 3.0] {
            let there = line(tolerance, &wave);
            let mut back: Vec<_> = wave.iter().rev().copied().collect();
            back = line(tolerance, &back);
            back.reverse();
            assert_eq!(there, back);
            assert!(there.len() < 150);
        }
    }

    #[test]
    fn places_where_a_neighbours_box_ends_stay() {
        let row: Vec<_> = (4020..4050).map(|x| [x, 200]).collect();
        assert_eq!(line(0.5, &row), [[4020, 200], [4032, 200], [4049, 200]]);
    }

    #[test]
    fn a_common_border_is_the_same_on_both_sides_up_to_its_ends() {
        let border: Vec<_> = (0..200).map(|i| [500 + i % 3, 300 + i]).collect();
        let left: Vec<_> = border.iter().copied().chain([[400, 499], [400, 300]]).collect();
        let mut right: Vec<_> = border.iter().rev().copied().chain([[700, 300]]).collect();
        right.rotate_left(50);
        for tolerance in [0.5, 1.5, 5.0] {
            let both = rings(tolerance, &[&left, &right]);
            let shared = |ring: &[GridPoint]| {
                let mut shared: Vec<_> =
                    ring.iter().filter(|point| border.contains(point)).copied().collect();
                shared.sort_unstable();
                shared
            };
            assert_eq!(shared(&both[0]), shared(&both[1]));
            assert!(shared(&both[0]).contains(&border[0]), "its ends stay");
            assert!(shared(&both[0]).contains(&border[199]), "its ends stay");
        }
        assert!(rings(5.0, &[&left, &right])[0].len() < 10);
    }

    #[test]
    fn an_island_fits_its_hole_wherever_both_start() {
        let island: Vec<GridPoint> = (0..60)
            .map(|i| {
                let angle = f64::from(i) / 60.0 * std::f64::consts::TAU;
                [1000 + (angle.cos() * 20.0) as i32, 1000 + (angle.sin() * 20.0) as i32]
            })
            .collect();
        let mut island = island;
        island.dedup();
        let mut hole: Vec<_> = island.iter().rev().copied().collect();
        hole.rotate_left(17);
        let mut both = rings(1.0, &[&island, &hole]);
        both.iter_mut().for_each(|ring| ring.sort_unstable());
        assert_eq!(both[0], both[1]);
        assert!(both[0].len() < island.len());
    }

    #[test]
    fn a_run_stays_where_it_would_jump_over_a_vertex() {
        // The tip of the second ring lies between the first ring's run and its chord.
        let first = [[500, 500], [507, 503], [514, 510], [514, 600], [500, 600]];
        let run = |tip: GridPoint| {
            let second = [tip, [520, 480], [521, 490]];
            rings(2.0, &[&first, &second]).remove(0)
        };
        assert!(!run([600, 490]).contains(&[507, 503]));
        assert!(run([507, 504]).contains(&[507, 503]));
    }
}
