//! The features of one layer as they arrive, and the order in which they are written.

use std::cmp::Ordering;

use super::Value;
use super::commands::Commands;
use super::intern::Values;
use super::shape::Kind;

/// Features kept back to back: one row costs no allocation of its own.
#[derive(Debug, Default)]
pub struct Arena {
    pub commands: Commands,
    pub values: Values,
    pub ranks: Vec<u8>,
    /// The room of what a rewrite replaced.
    spare: Commands,
    rows: Vec<Row>,
    tags: Vec<Tag>,
}

/// One feature. Small, because they are written in another order than they came.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: Option<u64>,
    /// The larger side of the geometry's box, in grid units.
    pub size: f32,
    pub kind: Kind,
    /// Into [`Commands::bytes`].
    geometry: Span,
    rank: Span,
    tags: Span,
}

/// Start and end. More than 4 GB of a layer don't fit into a tile: see [`Arena::is_full`].
#[derive(Clone, Copy, Debug)]
struct Span(u32, u32);

impl Span {
    fn new(start: usize, end: usize) -> Self {
        Self(start as u32, end as u32)
    }

    fn of<T>(self, all: &[T]) -> &[T] {
        &all[self.0 as usize..self.1 as usize]
    }
}

/// Indices of a key and of a value.
pub type Tag = (u32, u32);

impl Arena {
    pub fn clear(&mut self) {
        self.commands.clear();
        self.values.clear();
        self.ranks.clear();
        self.rows.clear();
        self.tags.clear();
    }

    /// About how many bytes of a tile the features take.
    pub fn bytes(&self) -> usize {
        self.commands.len() + self.values.bytes() + 2 * self.tags.len()
    }

    /// Bytes that there is room for.
    pub fn capacity(&self) -> usize {
        self.commands.capacity()
            + self.spare.capacity()
            + self.values.capacity()
            + self.ranks.capacity()
            + self.rows.capacity() * size_of::<Row>()
            + self.tags.capacity() * size_of::<Tag>()
    }

    /// Makes a feature of the commands since `start`; its rank and tags follow.
    pub fn push(&mut self, id: Option<u64>, kind: Kind, size: f64, start: usize) {
        let (rank, tags) = (self.ranks.len(), self.tags.len());
        self.rows.push(Row {
            id,
            size: size as f32,
            kind,
            geometry: Span::new(start, self.commands.len()),
            rank: Span::new(rank, rank),
            tags: Span::new(tags, tags),
        });
    }

    /// Nothing more can be added: a buffer is about to outgrow what a [`Row`] can point at. The
    /// largest row that PostgreSQL has is 1 GB.
    pub fn is_full(&self) -> bool {
        let largest = self.commands.len().max(self.ranks.len()).max(self.tags.len());
        largest > (u32::MAX - (1 << 30)) as usize
    }

    /// What was appended to [`ranks`](Self::ranks) is the newest feature's.
    pub fn close_rank(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.rank.1 = self.ranks.len() as u32;
        }
    }

    /// Tags the newest feature. NaN and infinities are left out.
    pub fn tag(&mut self, key: usize, value: Value<'_>) {
        if let Some(row) = self.rows.last_mut()
            && let Some(value) = self.values.intern(value)
        {
            self.tags.push((key as u32, value));
            row.tags.1 = self.tags.len() as u32;
        }
    }

    /// Gives every feature another geometry: what `geometry` writes for the feature of that
    /// index. Features for which that is nothing are gone.
    pub fn rewrite(&mut self, mut geometry: impl FnMut(usize, &[u8], &mut Commands)) {
        std::mem::swap(&mut self.commands, &mut self.spare);
        self.commands.clear();
        let mut index = 0;
        self.rows.retain_mut(|row| {
            let start = self.commands.len();
            geometry(index, row.geometry.of(self.spare.bytes()), &mut self.commands);
            row.geometry = Span::new(start, self.commands.len());
            index += 1;
            self.commands.len() > start
        });
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn row(&self, index: u32) -> &Row {
        &self.rows[index as usize]
    }

    pub fn geometry(&self, row: &Row) -> &[u8] {
        row.geometry.of(self.commands.bytes())
    }

    /// Key and value of each tag, in the order they were given.
    pub fn tags(&self, row: &Row) -> &[Tag] {
        row.tags.of(&self.tags)
    }

    /// Whether the features have an order of the layer's own.
    pub fn is_ranked(&self) -> bool {
        !self.ranks.is_empty()
    }

    /// Rows in an order that depends on what they are and not on when they came: by rank, then
    /// id, those without one last, and among equals by geometry and tags.
    pub fn ordered(&self) -> Vec<u32> {
        let key = |row: &Row| match (row.rank.of(&self.ranks), row.id) {
            ([], Some(id)) => (false, id),
            ([], None) => (true, prefix(self.geometry(row))),
            (rank, _) => (false, prefix(rank)),
        };
        let mut handles: Vec<_> = (0u32..).zip(&self.rows).map(|(i, row)| (key(row), i)).collect();
        handles.sort_unstable_by(|(key_a, a), (key_b, b)| {
            key_a.cmp(key_b).then_with(|| self.compare(self.row(*a), self.row(*b)))
        });
        handles.into_iter().map(|(_, row)| row).collect()
    }

    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        a.rank
            .of(&self.ranks)
            .cmp(b.rank.of(&self.ranks))
            .then_with(|| (a.id.is_none(), a.id).cmp(&(b.id.is_none(), b.id)))
            .then_with(|| (self.geometry(a), a.kind).cmp(&(self.geometry(b), b.kind)))
            .then_with(|| {
                let shown = |&(key, value): &Tag| (key, self.values.get(value));
                self.tags(a).iter().map(shown).cmp(self.tags(b).iter().map(shown))
            })
    }
}

/// The first bytes as a number that compares as they do.
fn prefix(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = bytes.len().min(8);
    first[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(first)
}
