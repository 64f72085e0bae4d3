//! Geometries as the commands of section 4.3 of the Mapbox Vector Tile Specification 2.1.

use super::encode::varint;
use super::quantize::GridPoint;

/// Section 4.3.1: a command's id and how often it is repeated.
const MOVE_TO: u64 = 1;
const LINE_TO: u64 = 2;
const CLOSE_PATH: u8 = 7 | 1 << 3;

/// The geometries of a layer's features, one after the other, as the bytes of their packed
/// `geometry` fields.
#[derive(Debug, Default)]
pub struct Commands {
    bytes: Vec<u8>,
    /// Section 4.3.2: where the next command starts from.
    cursor: GridPoint,
}

/// A place in [`Commands`] that can be returned to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    length: usize,
    cursor: GridPoint,
}

impl Commands {
    /// Starts a feature's geometry.
    pub fn begin(&mut self) {
        self.cursor = [0, 0];
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends what is already encoded: a whole feature's geometry.
    pub fn append(&mut self, geometry: &[u8]) {
        self.bytes.extend_from_slice(geometry);
    }

    pub fn mark(&self) -> Mark {
        Mark { length: self.bytes.len(), cursor: self.cursor }
    }

    /// Forgets everything after `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.bytes.truncate(mark.length);
        self.cursor = mark.cursor;
    }

    /// Section 4.3.4.2: one MoveTo for all points of a feature.
    pub fn points(&mut self, points: &[GridPoint]) {
        if !points.is_empty() {
            self.command(MOVE_TO, points.len());
            self.steps(points.iter());
        }
    }

    /// Section 4.3.4.3: a MoveTo and LineTos. Of at least two points, none repeated.
    pub fn line(&mut self, points: &[GridPoint]) {
        if let Some((first, rest)) = points.split_first() {
            self.command(MOVE_TO, 1);
            self.step(*first);
            self.command(LINE_TO, rest.len());
            self.steps(rest.iter());
        }
    }

    /// Section 4.3.4.4: a MoveTo, LineTos and a ClosePath, which leaves the cursor where it is.
    /// Of at least three points.
    pub fn ring(&mut self, points: &[GridPoint], reversed: bool) {
        if let Some((first, rest)) = points.split_first() {
            self.command(MOVE_TO, 1);
            self.step(*first);
            self.command(LINE_TO, rest.len());
            match reversed {
                true => self.steps(rest.iter().rev()),
                false => self.steps(rest.iter()),
            }
            self.bytes.push(CLOSE_PATH);
        }
    }

    /// The parts of an encoded geometry; all points of a feature are one.
    #[cfg(any(test, feature = "mvt-encoder"))]
    pub fn parts(&self, mut geometry: &[u8]) -> Vec<Vec<GridPoint>> {
        let mut number = || {
            let (mut value, mut shift) = (0, 0);
            while let Some((byte, rest)) = geometry.split_first() {
                geometry = rest;
                value |= u64::from(byte & 0x7F) << shift;
                shift += 7;
                if *byte < 0x80 {
                    return Some(value);
                }
            }
            None
        };
        let signed = |value: u64| ((value >> 1) as i32) ^ -((value & 1) as i32);
        let (mut parts, mut at): (Vec<Vec<GridPoint>>, _) = (Vec::new(), [0, 0]);
        while let Some(command) = number() {
            if command & 7 == MOVE_TO {
                parts.push(Vec::new());
            }
            let count = if command & 7 == u64::from(CLOSE_PATH & 7) { 0 } else { command >> 3 };
            for _ in 0..count {
                let step = [number(), number()].map(|step| signed(step.unwrap_or_default()));
                at = [at[0] + step[0], at[1] + step[1]];
                parts.last_mut().into_iter().for_each(|part| part.push(at));
            }
        }
        parts
    }

    fn command(&mut self, id: u64, count: usize) {
        varint(&mut self.bytes, (count as u64) << 3 | id);
    }

    fn steps<'a>(&mut self, points: impl ExactSizeIterator<Item = &'a GridPoint>) {
        self.bytes.reserve(points.len() * 4);
        points.for_each(|point| self.step(*point));
    }

    /// Section 4.3.2: differences to the cursor, zigzag encoded.
    #[inline]
    fn step(&mut self, point: GridPoint) {
        let zigzag = |value: i32| u64::from(((value << 1) ^ (value >> 31)) as u32);
        let (x, y) = (zigzag(point[0] - self.cursor[0]), zigzag(point[1] - self.cursor[1]));
        match x | y {
            ..0x80 => self.bytes.extend_from_slice(&[x as u8, y as u8]),
            _ => {
                varint(&mut self.bytes, x);
                varint(&mut self.bytes, y);
            }
        }
        self.cursor = point;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of section 4.3.5 and its neighbours.

    #[test]
    fn points_share_a_move_to() {
        let mut commands = Commands::default();
        commands.begin();
        commands.points(&[[5, 7], [3, 2]]);
        assert_eq!(commands.bytes(), [17, 10, 14, 3, 9]);
    }

    #[test]
    fn lines_have_one_each() {
        let mut commands = Commands::default();
        commands.begin();
        commands.line(&[[2, 2], [2, 10], [10, 10]]);
        commands.line(&[[1, 1], [3, 5]]);
        assert_eq!(commands.bytes(), [9, 4, 4, 18, 0, 16, 16, 0, 9, 17, 17, 10, 4, 8]);
    }

    #[test]
    fn rings_are_closed_where_they_end() {
        let mut commands = Commands::default();
        commands.begin();
        commands.ring(&[[0, 0], [10, 0], [10, 10], [0, 10]], false);
        commands.ring(&[[11, 11], [20, 11], [20, 20], [11, 20]], false);
        commands.ring(&[[13, 13], [17, 13], [17, 17], [13, 17]], true);
        assert_eq!(
            commands.bytes(),
            [
                9, 0, 0, 26, 20, 0, 0, 20, 19, 0, 15, 9, 22, 2, 26, 18, 0, 0, 18, 17, 0, 15, 9, 4,
                13, 26, 0, 8, 8, 0, 0, 7, 15
            ]
        );
    }

    #[test]
    fn a_rewind_takes_the_cursor_along() {
        let mut commands = Commands::default();
        commands.begin();
        commands.line(&[[1, 1], [2, 2]]);
        let mark = commands.mark();
        commands.line(&[[300, 1], [2, -900]]);
        commands.rewind(mark);
        commands.line(&[[2, 3], [2, 4]]);
        assert_eq!(commands.bytes(), [9, 2, 2, 10, 2, 2, 9, 0, 2, 10, 0, 2]);
    }
}
