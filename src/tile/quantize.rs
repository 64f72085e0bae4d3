//! Snapping to the grid, and throwing away what snapping made redundant.
//!
//! Section numbers are those of the Mapbox Vector Tile Specification 2.1.

use std::collections::HashSet;

use super::shape::Point;

/// A point of the tile's grid.
pub type GridPoint = [i32; 2];

/// What a ring of a polygon is; it decides the winding (section 4.3.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Outer,
    Inner,
}

/// Snapped geometries of a layer, one after the other: parts and the points they are made of.
#[derive(Debug, Default)]
pub struct Snapped {
    points: Vec<GridPoint>,
    /// Number of points of each part.
    parts: Vec<usize>,
    seen: HashSet<GridPoint>,
}

/// A place in a [`Snapped`] that can be returned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub point: usize,
    pub part: usize,
}

impl Snapped {
    pub fn mark(&self) -> Mark {
        Mark { point: self.points.len(), part: self.parts.len() }
    }

    /// Forgets everything after `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.points.truncate(mark.point);
        self.parts.truncate(mark.part);
    }

    /// The points and the part lengths between two marks.
    pub fn between(&self, from: Mark, to: Mark) -> (&[GridPoint], &[usize]) {
        (&self.points[from.point..to.point], &self.parts[from.part..to.part])
    }

    /// Adds the points of one row as one part, each grid point once.
    pub fn points(&mut self, points: impl Iterator<Item = Point>) {
        let start = self.points.len();
        self.points.extend(points.map(snap));
        if self.points.len() > start + 1 {
            self.seen.clear();
            let mut kept = start;
            for i in start..self.points.len() {
                let point = self.points[i];
                if self.seen.insert(point) {
                    self.points[kept] = point;
                    kept += 1;
                }
            }
            self.points.truncate(kept);
        }
        self.close_part(start, 1);
    }

    /// Adds a line, unless it collapses to a point (section 4.3.4.3).
    pub fn line(&mut self, points: &[Point]) {
        let start = self.points.len();
        for &point in points {
            let point = snap(point);
            match self.points[start..] {
                // Section 4.3.3.2: no zero-length segments.
                [.., last] if last == point => continue,
                [.., before, last] if is_between(before, last, point) => {
                    self.points.pop();
                }
                _ => {}
            }
            self.points.push(point);
        }
        self.close_part(start, 2);
    }

    /// Adds a ring, open and wound by its role, and returns twice its area; `None` if it
    /// collapses. Vertices between collinear neighbours go, and so do spikes: neither changes
    /// the area.
    pub fn ring(&mut self, points: &[Point], role: Role) -> Option<u128> {
        let start = self.points.len();
        for &point in points {
            self.push_corner(start, snap(point));
        }
        self.close_ring(start);
        // Section 4.3.4.4: positive area by the surveyor's formula makes a ring an outer one.
        let area = doubled_area(&self.points[start..]);
        if area == 0 {
            self.points.truncate(start);
            return None;
        }
        if (area > 0) != (role == Role::Outer) {
            self.points[start..].reverse();
        }
        self.close_part(start, 3).then_some(area.unsigned_abs())
    }

    fn push_corner(&mut self, start: usize, point: GridPoint) {
        while let [.., before, last] = self.points[start..] {
            if turn(before, last, point) != 0 {
                break;
            }
            self.points.pop();
        }
        if self.points[start..].last() != Some(&point) {
            self.points.push(point);
        }
    }

    /// Removes what [`push_corner`](Self::push_corner) would, where the end meets the start.
    fn close_ring(&mut self, start: usize) {
        let ring = &self.points[start..];
        let (mut first, mut end) = (0, ring.len());
        while end - first >= 2 {
            if ring[first] == ring[end - 1] || {
                end - first >= 3 && turn(ring[end - 2], ring[end - 1], ring[first]) == 0
            } {
                end -= 1;
            } else if end - first >= 3 && turn(ring[end - 1], ring[first], ring[first + 1]) == 0 {
                first += 1;
            } else {
                break;
            }
        }
        self.points.truncate(start + end);
        self.points.drain(start..start + first);
    }

    /// Makes a part of the points since `start`, or forgets them if they are fewer than `least`.
    fn close_part(&mut self, start: usize, least: usize) -> bool {
        let length = self.points.len() - start;
        if length < least {
            self.points.truncate(start);
            return false;
        }
        self.parts.push(length);
        true
    }
}

/// The nearest grid point; halves go up on both axes, so that neighbouring tiles agree.
#[inline]
fn snap([x, y]: Point) -> GridPoint {
    [(x + 0.5).floor() as i32, (y + 0.5).floor() as i32]
}

/// Positive, negative or zero as the path a, b, c turns right (y points down), left or not.
#[inline]
fn turn(a: GridPoint, b: GridPoint, c: GridPoint) -> i128 {
    let [[ax, ay], [bx, by]] = [step(a, b), step(b, c)];
    i128::from(ax) * i128::from(by) - i128::from(ay) * i128::from(bx)
}

#[inline]
fn step(from: GridPoint, to: GridPoint) -> [i64; 2] {
    [i64::from(to[0]) - i64::from(from[0]), i64::from(to[1]) - i64::from(from[1])]
}

/// Whether `b` lies on the segment from `a` to `c`.
#[inline]
fn is_between(a: GridPoint, b: GridPoint, c: GridPoint) -> bool {
    let [[ax, ay], [bx, by]] = [step(a, b), step(b, c)];
    // Both steps go the same way on each axis, else the line turns back at `b`.
    turn(a, b, c) == 0 && ax.signum() * bx.signum() >= 0 && ay.signum() * by.signum() >= 0
}

/// Twice the signed area of an open ring by the surveyor's formula.
pub(super) fn doubled_area(ring: &[GridPoint]) -> i128 {
    let Some(&last) = ring.last() else { return 0 };
    let mut previous = last;
    let mut sum = 0;
    for &point in ring {
        let [[ax, ay], [bx, by]] = [previous, point].map(|p| p.map(i128::from));
        sum += ax * by - ay * bx;
        previous = point;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[Point]) -> Vec<GridPoint> {
        let mut snapped = Snapped::default();
        snapped.line(points);
        snapped.points
    }

    fn ring(points: &[Point], role: Role) -> Vec<GridPoint> {
        let mut snapped = Snapped::default();
        let area = snapped.ring(points, role);
        assert_eq!(area.is_some(), !snapped.parts.is_empty());
        snapped.points
    }

    #[test]
    fn halves_go_up_on_both_sides_of_zero() {
        assert_eq!(snap([0.5, -0.5]), [1, 0]);
        assert_eq!(snap([-1.5, 1.49]), [-1, 1]);
    }

    #[test]
    fn lines_lose_repeated_and_collinear_points() {
        let points = [[0.1, 0.0], [0.2, 0.0], [5.0, 5.0], [5.1, 5.0], [9.0, 9.0], [9.0, 12.0]];
        assert_eq!(line(&points), [[0, 0], [9, 9], [9, 12]]);
    }

    #[test]
    fn a_line_that_turns_back_keeps_its_turning_point() {
        assert_eq!(line(&[[0.0, 0.0], [9.0, 0.0], [3.0, 0.0]]), [[0, 0], [9, 0], [3, 0]]);
        assert_eq!(line(&[[0.0, 0.0], [9.0, 0.0], [0.0, 0.0]]), [[0, 0], [9, 0], [0, 0]]);
    }

    #[test]
    fn a_line_within_one_grid_cell_is_gone() {
        assert_eq!(line(&[[3.0, 3.0], [3.2, 3.1]]), Vec::<GridPoint>::new());
        assert_eq!(line(&[[3.0, 3.0]]), Vec::<GridPoint>::new());
    }

    #[test]
    fn points_of_a_row_are_kept_once() {
        let mut snapped = Snapped::default();
        snapped.points([[1.0, 1.0], [2.0, 2.0], [1.2, 0.9]].into_iter());
        assert_eq!((snapped.points, snapped.parts), (vec![[1, 1], [2, 2]], vec![2]));
    }

    #[test]
    fn the_role_decides_the_winding_and_not_the_input() {
        let mut square = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]];
        for _ in 0..2 {
            assert_eq!(doubled_area(&ring(&square, Role::Outer)), 162);
            assert_eq!(doubled_area(&ring(&square, Role::Inner)), -162);
            square.reverse();
        }
    }

    #[test]
    fn rings_lose_spikes_and_collinear_points_at_every_place() {
        let ring_with_extras = [
            [0.0, 0.0],
            [4.0, 0.0],
            [9.0, 0.0],
            [15.0, 0.0],
            [9.0, 0.0],
            [9.0, 9.0],
            [0.0, 9.0],
            [0.0, 20.0],
            [0.0, 3.0],
            [0.0, 0.0],
        ];
        for turn in 0..ring_with_extras.len() {
            let mut points = ring_with_extras;
            points.rotate_left(turn);
            let mut corners = ring(&points, Role::Outer);
            corners.sort_unstable();
            assert_eq!(corners, [[0, 0], [0, 9], [9, 0], [9, 9]], "turned by {turn}");
        }
    }

    #[test]
    fn rings_without_area_are_gone() {
        let there_and_back = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [9.0, 0.0]];
        let eight = [[0.0, 0.0], [4.0, 4.0], [4.0, 0.0], [0.0, 4.0]];
        for points in [&there_and_back[..], &eight, &eight[..2], &[]] {
            assert_eq!(ring(points, Role::Outer), Vec::<GridPoint>::new());
        }
    }

    #[test]
    fn the_largest_grid_does_not_overflow() {
        let far = f64::from(i32::MAX);
        let square = [[-far, -far], [far, -far], [far, far], [-far, far]];
        assert!(doubled_area(&ring(&square, Role::Outer)) > 1 << 64);
    }
}
