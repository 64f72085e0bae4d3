//! Points of the tile's grid, and throwing away what snapping to it made redundant.
//!
//! Section numbers are those of the Mapbox Vector Tile Specification 2.1. Coordinates are within
//! 2¹⁶ units, so that products of their differences fit into 64 bits with room to spare.

/// A point of the tile's grid.
pub type GridPoint = [i32; 2];

/// What a ring of a polygon is; it decides the winding (section 4.3.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Outer,
    Inner,
}

/// A vertex on the grid, and where it was before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vertex {
    pub at: GridPoint,
    /// From there to where it was, half a unit at most on each axis.
    pub offset: [f32; 2],
}

/// Appends a vertex. Of those that follow each other in one place (section 4.3.3.2: no
/// zero-length segments) one is kept, and it's the same one in both directions.
#[inline]
pub fn push(chain: &mut Vec<Vertex>, vertex: Vertex) {
    match chain.last_mut() {
        Some(last) if last.at == vertex.at => {
            if vertex.offset < last.offset {
                last.offset = vertex.offset;
            }
        }
        _ => chain.push(vertex),
    }
}

/// Removes the repetition of a ring's first vertex at its end.
pub fn open(ring: &mut Vec<Vertex>) {
    while let [first, .., last] = ring.as_mut_slice()
        && first.at == last.at
    {
        if last.offset < first.offset {
            first.offset = last.offset;
        }
        ring.pop();
    }
}

/// Sorts points and keeps each once: points of one feature have no order.
pub fn deduplicate(points: &mut Vec<GridPoint>) {
    points.sort_unstable();
    points.dedup();
}

/// Removes the points of a line that lie on the segment between their neighbours.
pub fn straighten(line: &mut Vec<GridPoint>) {
    let mut kept = 0;
    for index in 0..line.len() {
        let point = line[index];
        if kept >= 2 && is_between(line[kept - 2], line[kept - 1], point) {
            kept -= 1;
        }
        line[kept] = point;
        kept += 1;
    }
    line.truncate(kept);
}

/// Removes vertices of an open ring between collinear neighbours, and spikes: neither changes
/// the area.
pub fn corners(ring: &mut Vec<GridPoint>) {
    let mut kept = 0;
    for index in 0..ring.len() {
        let point = ring[index];
        while kept >= 2 && turn(ring[kept - 2], ring[kept - 1], point) == 0 {
            kept -= 1;
        }
        if kept == 0 || ring[kept - 1] != point {
            ring[kept] = point;
            kept += 1;
        }
    }
    ring.truncate(kept);
    close(ring);
}

/// Removes what [`corners`] would, where the end meets the start.
fn close(ring: &mut Vec<GridPoint>) {
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
    ring.truncate(end);
    ring.drain(..first);
}

/// Positive, negative or zero as the path a, b, c turns right (y points down), left or not.
#[inline]
fn turn(a: GridPoint, b: GridPoint, c: GridPoint) -> i64 {
    let [[ax, ay], [bx, by]] = [step(a, b), step(b, c)];
    ax * by - ay * bx
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
    ax * by == ay * bx && ax.signum() * bx.signum() >= 0 && ay.signum() * by.signum() >= 0
}

/// Twice the signed area of an open ring by the surveyor's formula; positive for an outer ring
/// (section 4.3.4.4).
pub fn doubled_area<P: Copy + Into<GridPoint>>(ring: &[P]) -> i64 {
    let Some(&last) = ring.last() else { return 0 };
    let mut previous = last.into();
    let mut sum = 0;
    for &point in ring {
        let point = point.into();
        let [[ax, ay], [bx, by]] = [previous, point].map(|p| p.map(i64::from));
        sum += ax * by - ay * bx;
        previous = point;
    }
    sum
}

/// Least and greatest coordinates on both axes; of at least one vertex.
pub fn bounds(chain: &[Vertex]) -> [GridPoint; 2] {
    let start = [[i32::MAX; 2], [i32::MIN; 2]];
    chain.iter().fold(start, |[low, high], Vertex { at: [x, y], .. }| {
        [[low[0].min(*x), low[1].min(*y)], [high[0].max(*x), high[1].max(*y)]]
    })
}

impl From<Vertex> for GridPoint {
    fn from(vertex: Vertex) -> Self {
        vertex.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[GridPoint]) -> Vec<GridPoint> {
        let mut line = points.to_vec();
        straighten(&mut line);
        line
    }

    #[test]
    fn of_vertices_in_one_place_the_same_one_is_kept_in_both_directions() {
        let vertex = |x, offset| Vertex { at: [x, 0], offset: [offset, 0.0] };
        let vertices =
            [vertex(0, 0.1), vertex(1, 0.2), vertex(1, -0.2), vertex(1, 0.4), vertex(0, 0.0)];
        let kept = |vertices: &mut dyn Iterator<Item = Vertex>| {
            let mut chain = Vec::new();
            vertices.for_each(|vertex| push(&mut chain, vertex));
            open(&mut chain);
            chain.sort_by_key(|vertex| vertex.at);
            chain
        };
        let expected = [vertex(0, 0.0), vertex(1, -0.2)];
        assert_eq!(kept(&mut vertices.into_iter()), expected);
        assert_eq!(kept(&mut vertices.into_iter().rev()), expected);
    }

    fn ring(points: &[GridPoint]) -> Vec<GridPoint> {
        let mut ring = points.to_vec();
        corners(&mut ring);
        ring
    }

    #[test]
    fn lines_lose_collinear_points() {
        let points = [[0, 0], [5, 5], [9, 9], [9, 12]];
        assert_eq!(line(&points), [[0, 0], [9, 9], [9, 12]]);
    }

    #[test]
    fn a_line_that_turns_back_keeps_its_turning_point() {
        assert_eq!(line(&[[0, 0], [9, 0], [3, 0]]), [[0, 0], [9, 0], [3, 0]]);
        assert_eq!(line(&[[0, 0], [9, 0], [0, 0]]), [[0, 0], [9, 0], [0, 0]]);
    }

    #[test]
    fn rings_lose_spikes_and_collinear_points_at_every_place() {
        let ring_with_extras =
            [[0, 0], [4, 0], [9, 0], [15, 0], [9, 0], [9, 9], [0, 9], [0, 20], [0, 3], [0, 0]];
        for turn in 0..ring_with_extras.len() {
            let mut points = ring_with_extras;
            points.rotate_left(turn);
            let mut corners = ring(&points);
            assert_eq!(doubled_area(&corners), 162);
            corners.sort_unstable();
            assert_eq!(corners, [[0, 0], [0, 9], [9, 0], [9, 9]], "turned by {turn}");
        }
    }

    #[test]
    fn rings_without_area_have_none() {
        let there_and_back = [[0, 0], [9, 0], [9, 9], [9, 0]];
        let eight = [[0, 0], [4, 4], [4, 0], [0, 4]];
        for points in [&there_and_back[..], &eight, &eight[..2], &[]] {
            assert_eq!(doubled_area(&ring(points)), 0);
        }
    }

    #[test]
    fn the_largest_grid_does_not_overflow() {
        let far = 1 << 18;
        let square = [[-far, -far], [far, -far], [far, far], [-far, far]];
        assert_eq!(doubled_area(&ring(&square)), 1 << 39);
    }
}
