//! The sharded LRU: `lru` shards behind mutexes, with a budget in bytes.
//!
//! ```text
//!   shard   | main: real tiles ............................... | confined |
//!                                            four fifths at least    ad-hoc composites
//!                                                                    and empty tiles
//! ```
//!
//! Clients can ask for any number of composites and of empty tiles. Those take a fifth at most and
//! then push each other out. What they don't take, others do.

use std::hash::{BuildHasher, RandomState};
use std::mem::size_of;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;

use super::generation::{Members, Stamp};
use super::{CachedTile, Key};
use crate::metrics::Metrics;

/// A shard holds at least this much, so that large tiles fit.
const SHARD_BYTES: u64 = 8_000_000;
const MAX_SHARDS: u64 = 64;

/// The part of the budget that confined tiles may take.
const CONFINED: u64 = 5;

/// Bytes that an entry takes besides its tile: the list node (key, entry and two links), the
/// reference count that the first clone of a `Bytes` makes, and its slot in the hash table (17
/// bytes for each bucket, of which 7/16 to 7/8 are in use, and as much in tables outgrown).
const OVERHEAD: usize = NODE + 32 + 45;
const NODE: usize = (size_of::<Key>() + size_of::<Entry>() + 16).next_multiple_of(16);

struct Entry {
    tile: CachedTile,
    members: Arc<Members>,
    /// Nanoseconds from the cache's start. An `Instant` takes twice as much.
    expires: u64,
}

/// What the allocator takes for `len` bytes. mimalloc has four sizes to each power of two, and as
/// many blocks of one size as fit in a page. Where tiles come and go, a twentieth of the blocks
/// wait for a tile of their size.
fn allocated(len: usize) -> usize {
    let block = len.max(1).next_multiple_of((len.next_power_of_two() / 8).max(16));
    let page = match block {
        0..=8_192 => 65_536,
        8_193..=131_072 => 524_288,
        131_073..=1_048_576 => 4_194_304 - 65_536,
        // A page of its own.
        _ => block,
    };
    let share = page / (page / block);
    share + share / 20
}

/// Tiles in the order of their use, and the bytes that they take.
struct Segment {
    tiles: LruCache<Key, Entry, RandomState>,
    bytes: u64,
}

impl Segment {
    fn new(hasher: RandomState) -> Self {
        Self { tiles: LruCache::unbounded_with_hasher(hasher), bytes: 0 }
    }

    fn weight(key: &Key, entry: &Entry) -> u64 {
        // Tilesets that were configured share their list with all their tiles.
        let members = if key.is_unbounded() { entry.members.size() } else { 0 };
        (OVERHEAD + allocated(entry.tile.len()) + members) as u64
    }

    fn put(&mut self, key: Key, entry: Entry, dropped: &mut Vec<Entry>) {
        self.remove(&key, dropped);
        self.bytes += Self::weight(&key, &entry);
        self.tiles.put(key, entry);
    }

    fn remove(&mut self, key: &Key, dropped: &mut Vec<Entry>) {
        if let Some(old) = self.tiles.pop(key) {
            self.bytes -= Self::weight(key, &old);
            dropped.push(old);
        }
    }

    /// Drops the least recently used tiles until no more than `bytes` are left.
    fn shrink(&mut self, bytes: u64, dropped: &mut Vec<Entry>) -> u64 {
        let before = self.tiles.len();
        while self.bytes > bytes
            && let Some((key, old)) = self.tiles.pop_lru()
        {
            self.bytes -= Self::weight(&key, &old);
            dropped.push(old);
        }
        (before - self.tiles.len()) as u64
    }

    fn sweep(&mut self, covers: &impl Fn(&Key, &Members) -> bool, dropped: &mut Vec<Entry>) {
        let covered = |(key, entry): (&Key, &Entry)| covers(key, &entry.members).then_some(*key);
        let keys: Vec<Key> = self.tiles.iter().filter_map(covered).collect();
        keys.iter().for_each(|key| self.remove(key, dropped));
    }
}

struct Shard {
    main: Segment,
    confined: Segment,
}

impl Shard {
    fn get(&mut self, key: &Key) -> Option<&Entry> {
        let main = if key.is_unbounded() { None } else { self.main.tiles.get(key) };
        main.or_else(|| self.confined.tiles.get(key))
    }

    /// Whether the entry is there now; the others that had to go are in `dropped`.
    fn put(&mut self, key: Key, entry: Entry, budget: u64, dropped: &mut Vec<Entry>) -> Put {
        let confined = key.is_unbounded() || entry.tile.is_empty();
        let room = if confined { budget / CONFINED } else { budget };
        // Under this key the other segment may still have what the tile was before.
        self.main.remove(&key, dropped);
        self.confined.remove(&key, dropped);
        if Segment::weight(&key, &entry) > room {
            return Put { kept: false, evicted: 0 };
        }
        let segment = if confined { &mut self.confined } else { &mut self.main };
        segment.put(key, entry, dropped);
        let evicted = self.confined.shrink(budget / CONFINED, dropped);
        let evicted = evicted + self.main.shrink(budget - self.confined.bytes, dropped);
        Put { kept: true, evicted }
    }

    /// Bytes and tiles.
    fn held(&self) -> (u64, u64) {
        let tiles = self.main.tiles.len() + self.confined.tiles.len();
        (self.main.bytes + self.confined.bytes, tiles as u64)
    }
}

struct Put {
    kept: bool,
    evicted: u64,
}

/// A tile that was found, and whether its time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub tile: CachedTile,
    pub age: Age,
}

/// A tile's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It has this much left.
    Fresh(Duration),
    /// It was over this long ago.
    Stale(Duration),
}

/// What became of a tile that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Yes,
    /// There is no room for it, or no time: the cache is off, the tile is larger than a shard, or
    /// tiles like it aren't kept.
    No,
    /// What it shows was purged since it was read.
    Outdated,
}

/// What a sweep has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub tiles: u64,
    pub bytes: u64,
}

/// Finished tiles by key, least recently used ones dropped first.
pub struct TileCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// What picks a key's shard depends on them.
    seeds: [u64; 2],
    shard_budget: u64,
    start: Instant,
    metrics: Arc<Metrics>,
}

impl TileCache {
    /// A cache that holds up to `budget` bytes, keys and bookkeeping included; none with 0.
    pub fn new(budget: u64, metrics: Arc<Metrics>) -> Self {
        let count = (budget / SHARD_BYTES).clamp(1, MAX_SHARDS);
        let hasher = RandomState::new();
        let segment = || Segment::new(hasher.clone());
        let shard = || Mutex::new(Shard { main: segment(), confined: segment() });
        Self {
            shards: (0..count).map(|_| shard()).collect(),
            shard_budget: budget / count,
            start: Instant::now(),
            seeds: [0, 1].map(|n: u64| hasher.hash_one(n)),
            hasher,
            metrics,
        }
    }

    /// The tile under `key`, whether or not its time is over.
    pub fn get(&self, key: &Key, now: Instant) -> Option<Found> {
        let now = self.nanoseconds(now);
        let mut shard = self.shard(key).lock();
        let entry = shard.get(key)?;
        let age = match entry.expires.checked_sub(now) {
            Some(left) => Age::Fresh(Duration::from_nanos(left)),
            None => Age::Stale(Duration::from_nanos(now - entry.expires)),
        };
        Some(Found { tile: entry.tile.clone(), age })
    }

    /// Keeps a tile for about `ttl`, dropping others to make room. `stamp` is from before it was
    /// read.
    pub fn insert(&self, key: Key, tile: CachedTile, ttl: Duration, stamp: &Stamp) -> Kept {
        let expires = self.expiry(&key, Instant::now(), ttl);
        let entry = Entry { tile, members: stamp.members().clone(), expires };
        let mut dropped = Vec::new();
        let mut shard = self.shard(&key).lock();
        // Under the lock: a purge that comes after this sweeps the shard, and finds the tile.
        if !stamp.is_current() {
            drop(shard);
            self.metrics.cache_outdated.inc();
            return Kept::Outdated;
        }
        if self.shard_budget == 0 || ttl.is_zero() {
            return Kept::No;
        }
        let before = shard.held();
        let put = shard.put(key, entry, self.shard_budget, &mut dropped);
        let after = shard.held();
        // Freeing large blobs can wait until others may use the shard.
        drop(shard);
        drop(dropped);
        self.count(before, after);
        self.metrics.cache_evictions.inc_by(put.evicted);
        if !put.kept {
            self.metrics.cache_too_large.inc();
        }
        if put.kept { Kept::Yes } else { Kept::No }
    }

    /// Drops the tiles that `covers` says yes to. Whoever purges raises the generations of what
    /// it covers before.
    pub fn sweep(&self, covers: impl Fn(&Key, &Members) -> bool) -> Swept {
        let mut swept = Swept::default();
        for shard in &self.shards {
            let mut dropped = Vec::new();
            let mut shard = shard.lock();
            let before = shard.held();
            shard.main.sweep(&covers, &mut dropped);
            shard.confined.sweep(&covers, &mut dropped);
            let after = shard.held();
            drop(shard);
            self.count(before, after);
            swept.bytes += before.0 - after.0;
            swept.tiles += before.1 - after.1;
        }
        self.metrics.cache_purged.inc_by(swept.tiles);
        swept
    }

    /// Bytes that it may hold.
    pub fn budget(&self) -> u64 {
        self.shard_budget * self.shards.len() as u64
    }

    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    fn count(&self, before: (u64, u64), after: (u64, u64)) {
        self.metrics.cache_bytes.add(signed(after.0) - signed(before.0));
        self.metrics.cache_entries.add(signed(after.1) - signed(before.1));
    }

    /// Up to a tenth early, so that tiles made together aren't made again together.
    fn expiry(&self, key: &Key, now: Instant, ttl: Duration) -> u64 {
        let now = self.nanoseconds(now);
        let ttl = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX);
        let early =
            (ttl / 10).checked_add(1).map_or(0, |most| self.hasher.hash_one((key, now)) % most);
        now.saturating_add(ttl - early)
    }

    /// Since the start; u64 holds 584 years of them.
    fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    fn shard(&self, key: &Key) -> &Mutex<Shard> {
        // The upper half scaled to the number of shards.
        let upper = key.spread(self.seeds) >> 32;
        &self.shards[((upper * self.shards.len() as u64) >> 32) as usize]
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
