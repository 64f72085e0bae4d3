//! Cutting geometries to the buffered tile, on the world's grid and before they are snapped.
//!
//! ```text
//!   low   line            line   high
//!      ┌───┬─────────────────┬───┐ low      bounds decide first:
//!   ·  │   ╎   ┌─A─┐       ╱╲╎   │            A  inside: taken whole, no vertex is looked at
//!  B   ├╌╌╌┼╌╌╌└───┘╌╌╌╌╌╌╱╌╌●╌╌╌┤ line       B  outside: gone, no vertex is even projected
//!   ·  │   ╎            ╱   ╎╲ C │  ╱╲        C  across: cut
//!      │   ╎           ╱    ╎ ╲  │ ╱  ╲
//!      ├╌╌╌┼╌╌╌╌╌╌╌╌╌╌●╌╌╌╌╌┼╌╌●╌┤╱╌╌╌╌   lines: C leaves and returns, so it becomes two parts
//!      └───┴─────────╱──────┴───╲┘        polygons: one side after the other (Sutherland and
//!                                  high   Hodgman 1974); edges that then overlap lie on the box
//! ```
//!
//! The lines are where the neighbours' boxes end. An edge gets a vertex (●) where it crosses one,
//! computed from its two ends alone, just as the neighbour cuts it there: so between the lines,
//! where both tiles draw, both draw the same, however the cuts are rounded.

use super::shape::{Bounds, Point};

/// The square that is kept, its borders included, and the lines across it.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    low: Point,
    high: Point,
    /// Where boxes of neighbours end inside this one, on each axis.
    lines: [Vec<f64>; 2],
}

/// How a rectangle lies to a [`Window`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Inside,
    Outside,
    /// Across a border or a line.
    Across,
}

impl Window {
    /// A tile of `extent` units with `buffer` more on each side, its corner at `corner` on the
    /// world's grid.
    pub fn new(corner: Point, extent: u32, buffer: u32) -> Self {
        let [extent_units, buffer_units] = [extent, buffer].map(f64::from);
        let lines = if buffer > extent { Vec::new() } else { lines(extent, buffer) };
        Self {
            low: corner.map(|at| at - buffer_units),
            high: corner.map(|at| at + extent_units + buffer_units),
            lines: corner.map(|at| {
                let inner = lines.iter().skip(1).take(lines.len().saturating_sub(2));
                inner.map(|line| at + f64::from(*line)).collect()
            }),
        }
    }

    #[inline]
    pub fn contains(&self, [x, y]: Point) -> bool {
        x >= self.low[0] && x <= self.high[0] && y >= self.low[1] && y <= self.high[1]
    }

    pub fn relation(&self, bounds: &Bounds) -> Relation {
        let Bounds { min, max } = *bounds;
        if (0..2).any(|axis| min[axis] > self.high[axis] || max[axis] < self.low[axis]) {
            return Relation::Outside;
        }
        let crosses = |axis: usize| {
            self.lines[axis].iter().any(|line| min[axis] < *line && max[axis] > *line)
        };
        match self.contains(min) && self.contains(max) && !crosses(0) && !crosses(1) {
            true => Relation::Inside,
            false => Relation::Across,
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
            self.crossings(from, to, false, visit);
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
            let (low, high) = (self.low[axis], self.high[axis]);
            let run = to[axis] - from[axis];
            let (least, most) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
            if most < low || least > high {
                return None;
            }
            if run == 0.0 {
                continue;
            }
            let (near, far) = if run > 0.0 { (low, high) } else { (high, low) };
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
        [x.clamp(self.low[0], self.high[0]), y.clamp(self.low[1], self.high[1])]
    }

    /// Appends the points in the window at which the edge crosses a line, or also a border, in
    /// the order of the edge.
    #[inline]
    fn crossings(&self, from: Point, to: Point, borders: bool, out: &mut Vec<Point>) {
        let start = out.len();
        for axis in 0..2 {
            let own = [self.low[axis], self.high[axis]];
            let borders = if borders { &own[..] } else { &[] };
            for &line in self.lines[axis].iter().chain(borders) {
                if (from[axis] < line) == (to[axis] < line) || from[axis] == line {
                    continue;
                }
                let point = cut(from, to, axis, line);
                if self.contains(point) && point != from && point != to {
                    out.push(point);
                }
            }
        }
        if out.len() > start + 1 {
            let run = [to[0] - from[0], to[1] - from[1]];
            let major = usize::from(run[0].abs() < run[1].abs());
            out[start..].sort_by(|a, b| a[major].total_cmp(&b[major]));
            if run[major] < 0.0 {
                out[start..].reverse();
            }
        }
    }

    /// Cuts a ring in place; `spare` is scratch. Sides that `bounds` does not reach over are
    /// skipped. What is left may run along the window's border and have no area.
    pub fn ring(&self, ring: &mut Vec<Point>, bounds: &Bounds, spare: &mut Vec<Point>) {
        self.split(ring, spare);
        std::mem::swap(ring, spare);
        for axis in 0..2 {
            let (low, high) = (self.low[axis], self.high[axis]);
            if bounds.min[axis] < low {
                cut_ring(ring, axis, low, |v| v >= low, spare);
                std::mem::swap(ring, spare);
            }
            if bounds.max[axis] > high {
                cut_ring(ring, axis, high, |v| v <= high, spare);
                std::mem::swap(ring, spare);
            }
        }
    }

    /// The ring with a vertex wherever it crosses a line or a border. Then the cuts at one border
    /// can't move those at the next, as they would if an edge was cut twice.
    fn split(&self, ring: &[Point], out: &mut Vec<Point>) {
        out.clear();
        let Some(&last) = ring.last() else { return };
        let mut previous = last;
        for &point in ring {
            let beyond = |axis: usize| {
                let (a, b) = (previous[axis], point[axis]);
                (a < self.low[axis] && b < self.low[axis])
                    || (a > self.high[axis] && b > self.high[axis])
            };
            if !beyond(0) && !beyond(1) {
                self.crossings(previous, point, true, out);
            }
            out.push(point);
            previous = point;
        }
    }
}

/// The coordinates, in a tile's own grid units, at which its box and those of its neighbours
/// begin and end, as far as they lie in its own box; in ascending order.
pub fn lines(extent: u32, buffer: u32) -> Vec<i32> {
    let (extent, buffer) = (extent as i32, buffer as i32);
    let ends = (-2..=3).flat_map(|tile| [tile * extent - buffer, tile * extent + buffer]);
    let mut lines: Vec<_> =
        ends.filter(|line| (-buffer..=extent + buffer).contains(line)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
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
            let border = cut(previous, point, axis, side);
            if border != previous && border != point {
                out.push(border);
            }
        }
        if inside {
            out.push(point);
        }
        (previous, was_inside) = (point, inside);
    }
}

/// Where a segment meets `side` on `axis`. The same for both directions, so that neighbours with
/// a common edge are cut at a common point; an end that lies there is that point.
#[inline]
fn cut(a: Point, b: Point, axis: usize, side: f64) -> Point {
    let (a, b) = if a[axis] <= b[axis] { (a, b) } else { (b, a) };
    if a[axis] == side {
        return a;
    }
    if b[axis] == side {
        return b;
    }
    let other = 1 - axis;
    let t = (side - a[axis]) / (b[axis] - a[axis]);
    let mut point = [side; 2];
    // Where the ends lie far apart, rounding would put the point beyond the nearer one.
    let (least, most) = (a[other].min(b[other]), a[other].max(b[other]));
    point[other] = (a[other] + t * (b[other] - a[other])).clamp(least, most);
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From -10 to 110, without lines.
    const WINDOW: Window =
        Window { low: [-10.0; 2], high: [110.0; 2], lines: [Vec::new(), Vec::new()] };

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

    #[test]
    fn lines_are_where_the_boxes_of_neighbours_end() {
        assert_eq!(lines(4096, 64), [-64, 64, 4032, 4160]);
        assert_eq!(lines(4096, 0), [0, 4096]);
        assert_eq!(lines(4096, 2048), [-2048, 2048, 6144]);
        assert_eq!(lines(100, 80), [-80, -20, 20, 80, 120, 180]);
        let window = Window::new([4096.0, 0.0], 4096, 64);
        assert_eq!(window.lines, [[4160.0, 8128.0], [64.0, 4032.0]]);
        assert_eq!((window.low, window.high), ([4032.0, -64.0], [8256.0, 4160.0]));
    }

    #[test]
    fn an_edge_has_a_vertex_on_every_line_that_it_crosses() {
        let window = Window::new([0.0, 0.0], 100, 10);
        let mut visit = Vec::new();
        let mut seen = Vec::new();
        window.line(&[[0.0, 0.0], [100.0, 50.0]], &mut visit, |v| seen = v.to_vec());
        assert_eq!(seen, [[0.0, 0.0], [10.0, 5.0], [20.0, 10.0], [90.0, 45.0], [100.0, 50.0]]);
        window.line(&[[100.0, 50.0], [0.0, 0.0]], &mut visit, |v| seen = v.to_vec());
        assert_eq!(seen, [[100.0, 50.0], [90.0, 45.0], [20.0, 10.0], [10.0, 5.0], [0.0, 0.0]]);
    }

    #[test]
    fn two_tiles_cut_an_edge_at_the_same_points() {
        let (a, b) = ([37.7, 13.1], [163.2, 41.9]);
        let (left, right) = (Window::new([0.0, 0.0], 100, 10), Window::new([100.0, 0.0], 100, 10));
        let visit = |window: &Window, points: &[Point]| {
            let mut out = Vec::new();
            window.line(points, &mut Vec::new(), |visit| out.extend_from_slice(visit));
            out.retain(|point| (90.0..=110.0).contains(&point[0]));
            out
        };
        let shared = visit(&left, &[a, b]);
        assert_eq!(shared.len(), 2);
        assert_eq!(shared, visit(&right, &[a, b]));
        let mut turned = visit(&right, &[b, a]);
        turned.reverse();
        assert_eq!(shared, turned);
    }
}
