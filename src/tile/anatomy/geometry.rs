//! Geometry commands, counted and checked (MVT 2.1 section 4.3).

use super::wire::varint;

/// What a geometry consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub vertices: u64,
    /// There is a vertex more than a tile's side beyond the tile.
    pub is_far: bool,
    /// A ring isn't closed, has no area, or the first one isn't an outer one.
    pub has_bad_rings: bool,
}

/// Section 4.3.4.
const POLYGON: u64 = 3;

const MOVE_TO: u64 = 1;
const LINE_TO: u64 = 2;
const CLOSE_PATH: u64 = 7;

/// Reads the commands of a feature of the given type; `None` where the bytes are none.
pub fn shape(mut commands: &[u8], kind: u64, extent: u32) -> Option<Shape> {
    let mut walk = Walk::new(kind, extent);
    while !commands.is_empty() {
        let command = varint(&mut commands)?;
        let (id, count) = (command & 7, command >> 3);
        match id {
            MOVE_TO | LINE_TO => {
                // Each takes two bytes at least, so that the count can't keep this busy.
                for _ in 0..count {
                    let step = [step(&mut commands)?, step(&mut commands)?];
                    walk.go(step, id == MOVE_TO);
                }
            }
            CLOSE_PATH if count == 1 => walk.close(),
            _ => return None,
        }
    }
    Some(walk.end())
}

/// Section 4.3.2: a zigzag-encoded number of 32 bits.
fn step(commands: &mut &[u8]) -> Option<i64> {
    let value = i64::from(u32::try_from(varint(commands)?).ok()?);
    Some((value >> 1) ^ -(value & 1))
}

struct Walk {
    shape: Shape,
    is_polygon: bool,
    extent: i64,
    at: [i64; 2],
    start: [i64; 2],
    /// Twice the area of the ring so far.
    area: i128,
    is_open: bool,
    rings: u64,
}

impl Walk {
    fn new(kind: u64, extent: u32) -> Self {
        Self {
            shape: Shape::default(),
            is_polygon: kind == POLYGON,
            extent: extent.into(),
            at: [0; 2],
            start: [0; 2],
            area: 0,
            is_open: false,
            rings: 0,
        }
    }

    fn go(&mut self, step: [i64; 2], moves: bool) {
        let before = self.at;
        // A tile has too few bytes for steps of 32 bits to add up to 64.
        self.at = [before[0].saturating_add(step[0]), before[1].saturating_add(step[1])];
        let far = |value: &i64| *value < -self.extent || *value > 2 * self.extent;
        self.shape.is_far |= self.at.iter().any(far);
        self.shape.vertices += 1;
        if moves {
            self.shape.has_bad_rings |= self.is_open && self.is_polygon;
            (self.start, self.area, self.is_open) = (self.at, 0, true);
        } else {
            self.area = self.area.saturating_add(cross(before, self.at));
        }
    }

    /// Section 4.3.4.4: an outer ring's area is positive, and the first ring is one.
    fn close(&mut self) {
        let area = self.area.saturating_add(cross(self.at, self.start));
        let is_first = self.rings == 0;
        self.shape.has_bad_rings |= !self.is_open || area == 0 || is_first && area < 0;
        self.is_open = false;
        self.rings += 1;
    }

    fn end(self) -> Shape {
        let has_bad_rings = self.is_polygon && (self.shape.has_bad_rings || self.is_open);
        Shape { has_bad_rings, ..self.shape }
    }
}

fn cross(a: [i64; 2], b: [i64; 2]) -> i128 {
    i128::from(a[0]) * i128::from(b[1]) - i128::from(b[0]) * i128::from(a[1])
}
