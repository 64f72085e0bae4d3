//! Shapes that look like what is mapped in a town. Sizes are in units of Web Mercator.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::random::Random;
use super::rows::Point;

/// A metre on the ground, at the latitude of the data.
pub const METRE: f64 = 1.5;

/// A place and a direction, to draw in its own coordinates.
#[derive(Clone, Copy)]
pub struct Frame {
    origin: Point,
    cos: f64,
    sin: f64,
}

impl Frame {
    pub fn new(origin: Point, angle: f64) -> Self {
        Self { origin, cos: angle.cos(), sin: angle.sin() }
    }

    /// The same direction elsewhere.
    pub fn moved(&self, along: f64, left: f64) -> Self {
        Self { origin: self.at(along, left), ..*self }
    }

    /// Metres along the direction and to its left.
    pub fn at(&self, along: f64, left: f64) -> Point {
        let (along, left) = (along * METRE, left * METRE);
        [
            self.origin[0] + along * self.cos - left * self.sin,
            self.origin[1] + along * self.sin + left * self.cos,
        ]
    }
}

pub fn middle(points: &[Point]) -> Point {
    points[points.len() / 2]
}

/// A way whose direction changes slowly; `bend` is the most that its curvature changes a step.
pub fn curve(
    random: &mut Random,
    start: Point,
    mut angle: f64,
    steps: usize,
    metres: f64,
    bend: f64,
) -> Vec<Point> {
    let mut points = vec![start];
    let (mut at, mut turn) = (start, 0.0);
    for _ in 0..steps {
        turn = (turn + random.between(-bend, bend)).clamp(-0.5, 0.5);
        angle += turn;
        let step = metres * METRE * random.between(0.6, 1.4);
        at = [at[0] + step * angle.cos(), at[1] + step * angle.sin()];
        points.push(at);
    }
    points
}

/// From one place to another over many small detours.
pub fn wander(random: &mut Random, from: Point, to: Point, metres: f64) -> Vec<Point> {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let steps = (dx.hypot(dy) / (metres * METRE)).ceil().max(2.0) as usize;
    let waves: Vec<_> = (1..6)
        .map(|n| {
            (f64::from(n) * random.between(1.0, 3.0), random.between(-0.03, 0.03) / f64::from(n))
        })
        .collect();
    (0..=steps)
        .map(|step| {
            let t = step as f64 / steps as f64;
            let aside: f64 = waves.iter().map(|(wave, size)| size * (wave * TAU * t).sin()).sum();
            let aside = aside * (t * (1.0 - t) * 4.0).sqrt() + random.between(-2e-5, 2e-5);
            [from[0] + dx * t - dy * aside, from[1] + dy * t + dx * aside]
        })
        .collect()
}

/// The outline of a building about `width` by `depth` metres: a box, an L, a U, a T with a porch,
/// or something round.
pub fn footprint(random: &mut Random, frame: Frame, width: f64, depth: f64) -> Vec<Point> {
    let (w, d) = (width / 2.0, depth / 2.0);
    let (a, b) = (w * random.between(-0.4, 0.4), d * random.between(-0.4, 0.4));
    let corners: Vec<[f64; 2]> = match random.below(20) {
        0..=8 => vec![[-w, -d], [w, -d], [w, d], [-w, d]],
        9..=13 => vec![[-w, -d], [w, -d], [w, b], [a, b], [a, d], [-w, d]],
        14..=15 => {
            let (left, right) = (-w * 0.4, w * 0.4);
            vec![[-w, -d], [w, -d], [w, d], [right, d], [right, b], [left, b], [left, d], [-w, d]]
        }
        16..=17 => {
            let (porch, side) = (d * 1.2, w * 0.3);
            vec![
                [-w, -d],
                [-side, -d],
                [-side, -porch],
                [side, -porch],
                [side, -d],
                [w, -d],
                [w, b],
                [w * 1.1, b],
                [w * 1.1, d],
                [a, d],
                [a, d * 1.1],
                [-w, d * 1.1],
            ]
        }
        _ => {
            let count = 5 + random.below(8);
            let angle = |n: usize| TAU * n as f64 / count as f64;
            (0..count).map(|n| [w * angle(n).cos(), d * angle(n).sin()]).collect()
        }
    };
    corners.into_iter().map(|[x, y]| frame.at(x, y)).collect()
}

/// A whole block built around a yard: the outline and the hole.
pub fn courtyard(frame: Frame, width: f64, depth: f64) -> Vec<Vec<Point>> {
    let ring = |w: f64, d: f64, cut: f64| {
        let (w, d) = (w / 2.0, d / 2.0);
        let corners = [
            [-w + cut, -d],
            [w - cut, -d],
            [w, -d + cut],
            [w, d - cut],
            [w - cut, d],
            [-w + cut, d],
            [-w, d - cut],
            [-w, -d + cut],
        ];
        corners.map(|[x, y]| frame.at(x, y)).to_vec()
    };
    let mut yard = ring(width - 26.0, depth - 26.0, 1.0);
    yard.reverse();
    vec![ring(width, depth, 3.0), yard]
}

/// A coast around `centre`, rough at every scale. Each vertex lies in a direction of its own, so
/// that the ring can't cross itself.
pub fn coast(random: &mut Random, centre: Point, radius: f64, levels: u32) -> Vec<Point> {
    let count = 1usize << levels;
    let mut offsets = vec![0.0; count + 1];
    let (mut step, mut size) = (count, 0.9);
    while step > 1 {
        for at in (step / 2..count).step_by(step) {
            let sides = offsets[at - step / 2] + offsets[at + step / 2];
            offsets[at] = sides / 2.0 + random.between(-size, size);
        }
        (step, size) = (step / 2, size * 0.6);
    }
    (0..count)
        .map(|n| {
            let angle = TAU * n as f64 / count as f64 + FRAC_PI_2;
            let distance = radius * (1.0 + 0.4 * offsets[n].tanh());
            [centre[0] + distance * angle.cos(), centre[1] + distance * angle.sin()]
        })
        .collect()
}
