//! Cutting geometries to the buffered tile, in grid units before they are snapped.
//!
//! ```text
//!     low                 high          bounds decide first:
//!      ┌───────────────────┐ low          A  inside: taken whole, no vertex is looked at
//!   ·  │  ┌─A─┐      ╱╲    │              B  outside: gone, no vertex is even projected
//!  B   │  └───┘     ╱  ╲ C │  ╱╲          C  across: cut
//!   ·  │           ╱    ╲  │ ╱  ╲       lines: C leaves and returns, so it becomes two parts
//!      │          ╱      ╲ │╱    ╲      polygons: one side after the other (Sutherland and
//!      └─────────╱────────╲┼──────      Hodgman 1974); edges that then overlap lie on the box
//!                          high
//! ```

use super::shape::{Bounds, Point};

/// The square that is kept: both axes run from `low` to `high`, borders included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    low: f64,
    high: f64,
}

/// How a rectangle lies to a [`Window`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Inside,
    Outside,
    Across,
}

impl Window {
    /// A tile of `extent` units with `buffer` more on each side.
    pub fn new(extent: u32, buffer: u32) -> Self {
        Self { low: -f64::from(buffer), high: f64::from(extent) + f64::from(buffer) }
    }

    #[inline]
    pub fn contains(&self, [x, y]: Point) -> bool {
        x >= self.low && x <= self.high && y >= self.low && y <= self.high
    }

    pub fn relation(&self, bounds: &Bounds) -> Relation {
        let Bounds { min: [left, top], max: [right, bottom] } = *bounds;
        if self.contains(bounds.min) && self.contains(bounds.max) {
            Relation::Inside
        } else if left > self.high || top > self.high || right < self.low || bottom < self.low {
            Relation::Outside
        } else {
            Relation::Across
        }
    }

    /// Calls `keep` with each visit that the line pays to the window; `visit` is scratch.
    pub fn line(&self, points: &[Point], visit: &mut Vec<Point>, mut keep: impl FnMut(&[Point])) {
        visit.clear();
        for pair in points.windows(2) {
            let &[from, to] = pair else { continue };
            let Some((enter, leave)) = self.segment(from, to) else { continue };
            if visit.is_empty() {
                visit.push(enter);
            }
            visit.push(leave);
            if leave != to {
                keep(visit);
                visit.clear();
            }
        }
        if !visit.is_empty() {
            keep(visit);
        }
    }

    /// The part of a segment that lies in the window (Liang and Barsky 1984). Ends that are
    /// inside are returned as they are, others lie exactly on the side that they were cut at.
    fn segment(&self, from: Point, to: Point) -> Option<(Point, Point)> {
        if self.contains(from) && self.contains(to) {
            return Some((from, to));
        }
        let (mut first, mut last) = (0.0, 1.0);
        let (mut enter, mut leave) = (from, to);
        for axis in 0..2 {
            let run = to[axis] - from[axis];
            let (least, most) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
            if most < self.low || least > self.high {
                return None;
            }
            if run == 0.0 {
                continue;
            }
            let (near, far) = if run > 0.0 { (self.low, self.high) } else { (self.high, self.low) };
            // An end outside is always cut: far enough away, its `t` rounds to 0 or 1.
            let (t_near, t_far) = ((near - from[axis]) / run, (far - from[axis]) / run);
            if (near - from[axis]) * run > 0.0 && t_near >= first {
                (first, enter) = (t_near, self.pull_in(cut(from, to, axis, near)));
            }
            if (to[axis] - far) * run > 0.0 && t_far <= last {
                (last, leave) = (t_far, self.pull_in(cut(from, to, axis, far)));
            }
        }
        (first <= last).then_some((enter, leave))
    }

    /// Undoes the rounding that may have put a cut a hair outside.
    fn pull_in(&self, [x, y]: Point) -> Point {
        [x.clamp(self.low, self.high), y.clamp(self.low, self.high)]
    }

    /// Cuts a ring in place; `spare` is scratch. Sides that `bounds` does not reach over are
    /// skipped. What is left may run along the window's border and have no area.
    pub fn ring(&self, ring: &mut Vec<Point>, bounds: &Bounds, spare: &mut Vec<Point>) {
        for axis in 0..2 {
            if bounds.min[axis] < self.low {
                cut_ring(ring, axis, self.low, |v| v >= self.low, spare);
                std::mem::swap(ring, spare);
            }
            if bounds.max[axis] > self.high {
                cut_ring(ring, axis, self.high, |v| v <= self.high, spare);
                std::mem::swap(ring, spare);
            }
        }
    }
}

/// Keeps the half plane where `is_inside` holds for the coordinate on `axis`; its border is at
/// `side`.
fn cut_ring(
    ring: &[Point],
    axis: usize,
    side: f64,
    is_inside: impl Fn(f64) -> bool,
    out: &mut Vec<Point>,
) {
    out.clear();
    let Some(&last) = ring.last() else { return };
    let (mut previous, mut was_inside) = (last, is_inside(last[axis]));
    for &point in ring {
        let inside = is_inside(point[axis]);
        if inside != was_inside {
            out.push(cut(previous, point, axis, side));
        }
        if inside {
            out.push(point);
        }
        (previous, was_inside) = (point, inside);
    }
}

/// Where a segment meets `side` on `axis`. The same for both directions, so that neighbours with
/// a common edge are cut at a common point.
#[inline]
fn cut(a: Point, b: Point, axis: usize, side: f64) -> Point {
    let (a, b) = if a[axis] <= b[axis] { (a, b) } else { (b, a) };
    let other = 1 - axis;
    let t = (side - a[axis]) / (b[axis] - a[axis]);
    let mut point = [side; 2];
    point[other] = a[other] + t * (b[other] - a[other]);
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From -10 to 110.
    const WINDOW: Window = Window { low: -10.0, high: 110.0 };

    fn visits(points: &[Point]) -> Vec<Vec<Point>> {
        let mut out = Vec::new();
        WINDOW.line(points, &mut Vec::new(), |visit| out.push(visit.to_vec()));
        out
    }

    fn cut_to_window(ring: &[Point]) -> Vec<Point> {
        let mut bounds = Bounds::EMPTY;
        ring.iter().for_each(|&point| bounds.grow(point));
        let mut ring = ring.to_vec();
        WINDOW.ring(&mut ring, &bounds, &mut Vec::new());
        ring
    }

    #[test]
    fn bounds_decide_without_a_look_at_the_vertices() {
        let at = |x, y, side| Bounds { min: [x, y], max: [x + side, y + side] };
        assert_eq!(WINDOW.relation(&at(-10.0, -10.0, 120.0)), Relation::Inside);
        assert_eq!(WINDOW.relation(&at(111.0, 0.0, 5.0)), Relation::Outside);
        assert_eq!(WINDOW.relation(&at(0.0, -20.0, 9.0)), Relation::Outside);
        assert_eq!(WINDOW.relation(&at(0.0, 0.0, 111.0)), Relation::Across);
    }

    #[test]
    fn a_line_that_leaves_and_returns_becomes_two_parts() {
        let line = [[0.0, 0.0], [50.0, -40.0], [100.0, 0.0], [100.0, 50.0]];
        assert_eq!(
            visits(&line),
            [vec![[0.0, 0.0], [12.5, -10.0]], vec![[87.5, -10.0], [100.0, 0.0], [100.0, 50.0]]]
        );
    }

    #[test]
    fn a_segment_that_only_passes_through_is_kept_between_the_borders() {
        assert_eq!(visits(&[[-100.0, 20.0], [200.0, 20.0]]), [[[-10.0, 20.0], [110.0, 20.0]]]);
        assert_eq!(visits(&[[0.0, 130.0], [130.0, 0.0]]), [[[20.0, 110.0], [110.0, 20.0]]]);
        assert_eq!(visits(&[[80.0, 150.0], [150.0, 80.0]]), Vec::<Vec<Point>>::new());
    }

    #[test]
    fn a_line_along_the_border_is_inside() {
        let line = [[-10.0, -10.0], [110.0, -10.0]];
        assert_eq!(visits(&line), [line]);
    }

    #[test]
    fn huge_coordinates_are_cut_like_any_other() {
        let across = [[-10.0, 0.0], [110.0, 0.0]];
        assert_eq!(visits(&[[-1e30, 0.0], [1e30, 0.0]]), [across]);
        assert_eq!(visits(&[[-1e30, 0.0], [111.0, 0.0]]), [across]);
        assert_eq!(visits(&[[-11.0, 0.0], [1e30, 0.0]]), [across]);
        assert_eq!(visits(&[[0.0, -1e30], [0.0, -11.0]]), Vec::<Vec<Point>>::new());
        let ring = [[-1e30, -1e30], [1e30, -1e30], [1e30, 1e30], [-1e30, 1e30]];
        let cut = cut_to_window(&ring);
        assert!(cut.iter().all(|&point| WINDOW.contains(point)), "{cut:?}");
    }

    #[test]
    fn a_ring_around_the_window_becomes_the_window() {
        let ring = [[-50.0, -50.0], [150.0, -50.0], [150.0, 150.0], [-50.0, 150.0]];
        let mut cut = cut_to_window(&ring);
        cut.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(cut, [[-10.0, -10.0], [-10.0, 110.0], [110.0, -10.0], [110.0, 110.0]]);
    }

    #[test]
    fn a_ring_across_one_side_is_cut_there() {
        let ring = [[0.0, 0.0], [200.0, 0.0], [200.0, 50.0], [0.0, 50.0]];
        assert_eq!(cut_to_window(&ring), [[0.0, 0.0], [110.0, 0.0], [110.0, 50.0], [0.0, 50.0]]);
    }

    #[test]
    fn a_common_edge_is_cut_at_a_common_point() {
        let (a, b) = ([3.1, -97.7], [51.3, 60.1]);
        assert_eq!(cut(a, b, 1, -10.0), cut(b, a, 1, -10.0));
    }
}
