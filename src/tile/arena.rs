//! The features of one layer as they arrive, and the order in which they are written.

use std::cmp::Ordering;

use super::Value;
use super::quantize::{GridPoint, Mark, Snapped};
use super::shape::Kind;

/// Features kept back to back: one row costs no allocation of its own.
#[derive(Debug, Default)]
pub struct Arena {
    pub snapped: Snapped,
    rows: Vec<Row>,
    tags: Vec<Tag>,
    texts: String,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    id: Option<u64>,
    kind: Kind,
    from: Mark,
    to: Mark,
    tags: (usize, usize),
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    key: usize,
    value: Stored,
}

/// A [`Value`] whose text lies in [`Arena::texts`] and whose number is kept as bits, which
/// compare and are equal exactly when their encodings are.
#[derive(Clone, Copy, Debug)]
enum Stored {
    Bool(bool),
    Int(i64),
    Double(u64),
    Text(usize, usize),
}

/// One feature, ready to be written.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub id: Option<u64>,
    pub kind: Kind,
    pub points: &'a [GridPoint],
    /// Number of points of each part.
    pub parts: &'a [usize],
    arena: &'a Arena,
    tags: &'a [Tag],
}

impl Arena {
    /// Makes a feature of what was snapped since `from`; its tags follow.
    pub fn push(&mut self, id: Option<u64>, kind: Kind, from: Mark) {
        let tags = self.tags.len();
        self.rows.push(Row { id, kind, from, to: self.snapped.mark(), tags: (tags, tags) });
    }

    /// Tags the newest feature. NaN and infinities are left out: few readers survive them.
    pub fn tag(&mut self, key: usize, value: Value<'_>) {
        let Some(row) = self.rows.last_mut() else { return };
        let value = match value {
            Value::Bool(value) => Stored::Bool(value),
            Value::Int(value) => Stored::Int(value),
            // Adding zero turns -0.0 into 0.0.
            Value::Double(value) if value.is_finite() => Stored::Double((value + 0.0).to_bits()),
            Value::Double(_) => return,
            Value::Text(text) => {
                let start = self.texts.len();
                self.texts.push_str(text);
                Stored::Text(start, self.texts.len())
            }
        };
        self.tags.push(Tag { key, value });
        row.tags.1 = self.tags.len();
    }

    /// Rows in an order that depends on what they are and not on when they came: by id, those
    /// without one last, and among equals by geometry and tags.
    pub fn ordered(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        let mut handles: Vec<_> =
            (0..self.rows.len()).map(|row| (self.sort_key(row), row)).collect();
        handles.sort_unstable_by(|(key_a, a), (key_b, b)| {
            key_a.cmp(key_b).then_with(|| self.entry(*a).compare(&self.entry(*b)))
        });
        handles.into_iter().map(|(_, row)| self.entry(row))
    }

    /// Decides most comparisons without a look at the rows: the id, or the first point.
    fn sort_key(&self, row: usize) -> (bool, u64) {
        match (self.rows[row].id, self.entry(row).points) {
            (Some(id), _) => (false, id),
            (None, [[x, y], ..]) => (true, u64::from(*x as u32) << 32 | u64::from(*y as u32)),
            (None, []) => (true, 0),
        }
    }

    fn entry(&self, row: usize) -> Entry<'_> {
        let Row { id, kind, from, to, tags } = self.rows[row];
        let (points, parts) = self.snapped.between(from, to);
        Entry { id, kind, points, parts, arena: self, tags: &self.tags[tags.0..tags.1] }
    }

    fn value(&self, stored: Stored) -> Value<'_> {
        match stored {
            Stored::Bool(value) => Value::Bool(value),
            Stored::Int(value) => Value::Int(value),
            Stored::Double(bits) => Value::Double(f64::from_bits(bits)),
            Stored::Text(start, end) => Value::Text(&self.texts[start..end]),
        }
    }
}

impl<'a> Entry<'a> {
    /// Key index and value of each tag, in the order they were given.
    pub fn tags(&self) -> impl Iterator<Item = (usize, Value<'a>)> {
        self.tags.iter().map(|tag| (tag.key, self.arena.value(tag.value)))
    }

    fn compare(&self, other: &Self) -> Ordering {
        (self.kind, self.points, self.parts)
            .cmp(&(other.kind, other.points, other.parts))
            .then_with(|| self.tags().map(rank).cmp(other.tags().map(rank)))
    }
}

/// Any total order on values will do.
fn rank((key, value): (usize, Value<'_>)) -> (usize, u8, u64, &str) {
    match value {
        Value::Bool(value) => (key, 0, u64::from(value), ""),
        Value::Int(value) => (key, 1, value as u64, ""),
        Value::Double(value) => (key, 2, value.to_bits(), ""),
        Value::Text(text) => (key, 3, 0, text),
    }
}
