//! Ten thousand random interleavings of reads, inserts and purges on the real cache.
//!
//! Tilesets show layers at columns of one zoom. A cell is a layer at a column; its number is raised
//! when its rows change. A tile's body is the numbers of its cells at the time of the read, so that
//! it tells how old it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{CachedTile, Generations, Kept, Key, Member, Members, Stamp, TileCache};
use crate::metrics::Metrics;
use crate::tile::TileCoord;

const LAYERS: u128 = 3;
const COLUMNS: u32 = 4;
const HOUR: Duration = Duration::from_secs(3_600);

/// xorshift64*, seeded for each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// A read under way.
struct Read {
    tileset: usize,
    column: u32,
    stamp: Stamp,
    /// Once it has looked.
    body: Option<Vec<u8>>,
}

/// A purge under way: what it covers, and whether it has raised the generation yet.
struct Purge {
    layer: u128,
    columns: std::ops::Range<u32>,
    raised: bool,
    /// The cells' numbers when it began: nothing older may be left when it is answered.
    wanted: Vec<u8>,
}

struct World {
    cache: TileCache,
    generations: Generations,
    tilesets: Vec<(Vec<u128>, Arc<Members>)>,
    cells: HashMap<(u128, u32), u8>,
    reads: Vec<Read>,
    purges: Vec<Purge>,
    answered: usize,
    /// Oldest number of each cell that may be seen.
    oldest: HashMap<(u128, u32), u8>,
}

fn member(layer: u128) -> Member {
    Member { layer, margin: 0.0, zooms: [0, 24] }
}

impl World {
    fn new() -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let generations = Generations::default();
        let shown = [vec![0], vec![1], vec![2], vec![0, 1], vec![1, 2], vec![0, 1, 2]];
        let members = |layers: Vec<u128>| {
            let members = generations.members(layers.iter().map(|layer| member(*layer)));
            (layers, members)
        };
        let tilesets = shown.map(members).into();
        Self {
            cache: TileCache::new(100_000_000, metrics),
            generations,
            tilesets,
            cells: HashMap::new(),
            reads: Vec::new(),
            purges: Vec::new(),
            answered: 0,
            oldest: HashMap::new(),
        }
    }

    fn key(tileset: usize, column: u32) -> Key {
        // Some of them are of those that clients make up.
        Key::new(tileset as u128, TileCoord::new(2, column, 0).unwrap(), tileset > 3)
    }

    fn body(&self, tileset: usize, column: u32) -> Vec<u8> {
        let cell = |layer: &u128| self.cells.get(&(*layer, column)).copied().unwrap_or(0);
        self.tilesets[tileset].0.iter().map(cell).collect()
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(8) {
            0 | 1 => self.begin_read(random),
            2 | 3 if !self.reads.is_empty() => self.look(random),
            4 | 5 if !self.reads.is_empty() => self.insert(random),
            6 => self.change(random),
            7 if !self.purges.is_empty() => self.go_on_purging(random),
            _ => {}
        }
        self.check();
    }

    fn begin_read(&mut self, random: &mut Random) {
        let tileset = random.below(self.tilesets.len() as u64) as usize;
        let column = random.below(COLUMNS.into()) as u32;
        let stamp = Stamp::now(&self.tilesets[tileset].1);
        self.reads.push(Read { tileset, column, stamp, body: None });
    }

    fn look(&mut self, random: &mut Random) {
        let index = random.below(self.reads.len() as u64) as usize;
        let body = self.body(self.reads[index].tileset, self.reads[index].column);
        self.reads[index].body.get_or_insert(body);
    }

    fn insert(&mut self, random: &mut Random) {
        let index = random.below(self.reads.len() as u64) as usize;
        if self.reads[index].body.is_some() {
            let Read { tileset, column, stamp, body } = self.reads.swap_remove(index);
            let tile = CachedTile::new(b"\"x-gz\"", b"", &body.unwrap());
            let kept = self.cache.insert(Self::key(tileset, column), tile, HOUR, &stamp);
            assert_ne!(kept, Kept::No);
        }
    }

    /// Rows of a layer change at some columns, and a purge for that begins.
    fn change(&mut self, random: &mut Random) {
        let layer = u128::from(random.below(LAYERS as u64));
        let first = random.below(COLUMNS.into()) as u32;
        let columns = first..first + 1 + random.below((COLUMNS - first).into()) as u32;
        for column in columns.clone() {
            *self.cells.entry((layer, column)).or_default() += 1;
        }
        let wanted = columns.clone().map(|column| self.cells[&(layer, column)]).collect();
        self.purges.push(Purge { layer, columns, raised: false, wanted });
    }

    fn go_on_purging(&mut self, random: &mut Random) {
        let index = random.below(self.purges.len() as u64) as usize;
        if !self.purges[index].raised {
            self.generations.of(self.purges[index].layer).advance();
            self.purges[index].raised = true;
            return;
        }
        let Purge { layer, columns, wanted, .. } = self.purges.swap_remove(index);
        let before = self.held();
        self.cache
            .sweep(|key, members| members.contains(layer) && columns.contains(&key.tile().x()));
        let after = self.held();
        self.answered += 1;
        for ((tileset, column), body) in before {
            let covered = self.tilesets[tileset].0.contains(&layer) && columns.contains(&column);
            let is_left = after.get(&(tileset, column)) == Some(&body);
            assert_eq!(is_left, !covered, "tileset {tileset}, column {column}");
        }
        for (column, wanted) in columns.zip(wanted) {
            let oldest = self.oldest.entry((layer, column)).or_default();
            *oldest = (*oldest).max(wanted);
        }
    }

    fn held(&self) -> HashMap<(usize, u32), Vec<u8>> {
        let all = (0..self.tilesets.len()).flat_map(|t| (0..COLUMNS).map(move |c| (t, c)));
        all.filter_map(|(tileset, column)| {
            let found = self.cache.get(&Self::key(tileset, column), Instant::now())?;
            Some(((tileset, column), found.tile.body().to_vec()))
        })
        .collect()
    }

    /// Nothing is held that is older than what the last answered purge was for.
    fn check(&self) {
        for ((tileset, column), body) in self.held() {
            for (layer, number) in self.tilesets[tileset].0.iter().zip(body) {
                let oldest = self.oldest.get(&(*layer, column)).copied().unwrap_or(0);
                assert!(number >= oldest, "layer {layer}, column {column}: {number} < {oldest}");
            }
        }
    }
}

#[test]
fn nothing_stale_survives_and_nothing_else_goes_in_ten_thousand_interleavings() {
    let mut answered = 0;
    for seed in 1..=10_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut world = World::new();
        (0..40).for_each(|_| world.step(&mut random));
        answered += world.answered;
    }
    assert!(answered > 10_000, "only {answered} purges were answered");
}

#[test]
fn threads_that_read_while_others_purge_leave_nothing_stale() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let metrics = Arc::new(Metrics::new().unwrap());
    let (cache, generations) = (TileCache::new(100_000_000, metrics), Generations::default());
    let members = generations.members([member(1)]);
    let truth = AtomicU64::new(0);
    let body = |number: u64| CachedTile::new(b"\"x-gz\"", b"", &number.to_le_bytes());
    let number = |tile: &CachedTile| u64::from_le_bytes(tile.body()[..].try_into().unwrap());
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for reader in 0..3_u32 {
            let (cache, members, truth, done) = (&cache, &members, &truth, &done);
            scope.spawn(move || {
                let mut column = reader;
                while done.load(Ordering::SeqCst) == 0 {
                    column = (column + 1) % 4;
                    let stamp = Stamp::now(members);
                    let read = truth.load(Ordering::SeqCst);
                    std::thread::yield_now();
                    cache.insert(World::key(0, column), body(read), HOUR, &stamp);
                }
            });
        }
        let stale = (1..=3_000).find_map(|change| {
            truth.store(change, Ordering::SeqCst);
            generations.of(1).advance();
            cache.sweep(|_, _| true);
            let found = (0..4).filter_map(|c| cache.get(&World::key(0, c), Instant::now()));
            let old = found.map(|found| number(&found.tile)).find(|number| *number != change);
            old.map(|old| (old, change))
        });
        done.store(1, Ordering::SeqCst);
        assert_eq!(stale, None);
    });
}
