//! The sharded LRU: `lru` shards behind mutexes, with a budget in bytes.

use std::hash::{BuildHasher, RandomState};
use std::mem::size_of;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;

use super::Key;
use crate::metrics::Metrics;

/// A shard holds at least this much, so that large tiles fit.
const SHARD_BYTES: u64 = 8_000_000;
const MAX_SHARDS: u64 = 64;

/// Bytes that an entry takes besides its blob and tag: the list node (key, entry and two links),
/// its slot in the hash table (two pointers and a control byte at a load of 7/8 at most, 7/16
/// right after a growth), and the two reference counts that cloning the blob and the tag makes.
const OVERHEAD: usize = NODE + 26 + 2 * 32;
const NODE: usize = size_of::<Key>() + size_of::<Entry>() + 16;
/// Bytes that a note takes besides its text: two counts beside the `Bytes`, and its own count.
const NOTE_OVERHEAD: usize = size_of::<Bytes>() + 16 + 32;

/// A finished tile. Cloning copies no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedTile {
    /// gzip; empty for a tile without features.
    pub gzip: Bytes,
    /// Strong entity tag of the gzip encoding with its quotes, as in the `ETag` header.
    pub etag: Bytes,
    /// What the tile lacks, as the `Tesela-Truncated` header says it. Few tiles lack anything, so
    /// it is only a pointer.
    pub truncated: Option<Arc<Bytes>>,
}

impl CachedTile {
    /// Whether the tile has no features.
    pub fn is_empty(&self) -> bool {
        self.gzip.is_empty()
    }
}

struct Entry {
    tile: CachedTile,
    /// Nanoseconds from the cache's start. An `Instant` takes twice as much, and with one the list
    /// node would no longer fit the allocator's class of 128 bytes.
    expires: u64,
}

impl Entry {
    fn weight(&self) -> u64 {
        let note = |text: &Arc<Bytes>| NOTE_OVERHEAD + allocated(text.len());
        let note = self.tile.truncated.as_ref().map_or(0, note);
        let bytes = allocated(self.tile.gzip.len()) + allocated(self.tile.etag.len());
        (OVERHEAD + bytes + note) as u64
    }
}

/// What the allocator takes for `len` bytes: mimalloc has four sizes to each power of two.
fn allocated(len: usize) -> usize {
    let step = (len.next_power_of_two() / 8).max(8);
    len.next_multiple_of(step)
}

struct Shard {
    tiles: LruCache<Key, Entry, RandomState>,
    bytes: u64,
}

/// Finished tiles by key, least recently used ones dropped first.
pub struct TileCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    shard_budget: u64,
    start: Instant,
    metrics: Arc<Metrics>,
}

impl TileCache {
    /// A cache that holds up to `budget` bytes, keys and bookkeeping included; none with 0.
    pub fn new(budget: u64, metrics: Arc<Metrics>) -> Self {
        let count = (budget / SHARD_BYTES).clamp(1, MAX_SHARDS);
        // One hasher for all shards: the upper bits pick the shard, the lower ones the bucket.
        let hasher = RandomState::new();
        let shard = || Shard { tiles: LruCache::unbounded_with_hasher(hasher.clone()), bytes: 0 };
        Self {
            shards: (0..count).map(|_| Mutex::new(shard())).collect(),
            shard_budget: budget / count,
            start: Instant::now(),
            hasher,
            metrics,
        }
    }

    /// The tile under `key` with the time that it has left, unless its time is over.
    pub fn get(&self, key: &Key, now: Instant) -> Option<(CachedTile, Duration)> {
        let now = self.nanoseconds(now);
        let mut shard = self.shard(key).lock();
        let entry = shard.tiles.get(key)?;
        let left = entry.expires.checked_sub(now)?;
        Some((entry.tile.clone(), Duration::from_nanos(left)))
    }

    /// Keeps a tile until `expires`, dropping others to make room, and returns whether it does:
    /// one that is larger than a shard is not kept.
    pub fn insert(&self, key: Key, tile: CachedTile, expires: Instant) -> bool {
        if self.shard_budget == 0 {
            return false;
        }
        let entry = Entry { tile, expires: self.nanoseconds(expires) };
        let weight = entry.weight();
        let mut dropped = Vec::new();
        let mut shard = self.shard(&key).lock();
        if weight > self.shard_budget {
            let old = shard.tiles.pop(&key);
            let freed = old.as_ref().map_or(0, Entry::weight);
            shard.bytes -= freed;
            drop(shard);
            self.metrics.cache_bytes.sub(signed(freed));
            self.metrics.cache_entries.sub(i64::from(old.is_some()));
            self.metrics.cache_too_large.inc();
            return false;
        }
        let (bytes_before, count_before) = (shard.bytes, shard.tiles.len());
        if let Some(old) = shard.tiles.put(key, entry) {
            shard.bytes -= old.weight();
            dropped.push(old);
        }
        shard.bytes += weight;
        let mut evicted = 0;
        while shard.bytes > self.shard_budget
            && let Some((_, old)) = shard.tiles.pop_lru()
        {
            shard.bytes -= old.weight();
            dropped.push(old);
            evicted += 1;
        }
        let bytes = signed(shard.bytes) - signed(bytes_before);
        let count = signed(shard.tiles.len() as u64) - signed(count_before as u64);
        // Freeing large blobs can wait until others may use the shard.
        drop(shard);
        drop(dropped);
        self.metrics.cache_evictions.inc_by(evicted);
        self.metrics.cache_bytes.add(bytes);
        self.metrics.cache_entries.add(count);
        true
    }

    /// Since the start; u64 holds 584 years of them.
    fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    fn shard(&self, key: &Key) -> &Mutex<Shard> {
        let hash = self.hasher.hash_one(key);
        &self.shards[((hash >> 32) % self.shards.len() as u64) as usize]
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::TileCoord;

    fn metrics() -> Arc<Metrics> {
        Arc::new(Metrics::new().unwrap())
    }

    fn key(n: u32) -> Key {
        Key::new(7, TileCoord::new(24, n, 0).unwrap())
    }

    fn tile(bytes: usize) -> CachedTile {
        let etag = Bytes::from_static(b"\"x-gz\"");
        CachedTile { gzip: vec![1; bytes].into(), etag, truncated: None }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_tile_is_found_until_its_time_is_over() {
        let cache = TileCache::new(1_000_000, metrics());
        let now = Instant::now();
        cache.insert(key(1), tile(10), now + Duration::from_secs(5));
        let (found, left) = cache.get(&key(1), now + Duration::from_secs(2)).unwrap();
        assert_eq!(found, tile(10));
        assert_eq!(left, Duration::from_secs(3));
        assert!(cache.get(&key(1), now + Duration::from_secs(6)).is_none());
        assert!(cache.get(&key(2), now).is_none());
    }

    #[test]
    fn the_budget_counts_keys_and_empty_tiles() {
        let metrics = metrics();
        let cache = TileCache::new(100_000, metrics.clone());
        for n in 0..10_000 {
            cache.insert(key(n), tile(0), soon());
        }
        let bytes = metrics.cache_bytes.get();
        assert!((90_000..=100_000).contains(&bytes), "{bytes} bytes held");
        assert!(metrics.cache_entries.get() < 1_000);
        assert!(metrics.cache_evictions.get() > 9_000);
    }

    #[test]
    fn the_least_recently_used_tile_goes_first() {
        let cache = TileCache::new(4_000, metrics());
        cache.insert(key(1), tile(1_200), soon());
        cache.insert(key(2), tile(1_200), soon());
        assert!(cache.get(&key(1), Instant::now()).is_some());
        cache.insert(key(3), tile(1_200), soon());
        assert!(cache.get(&key(1), Instant::now()).is_some());
        assert!(cache.get(&key(2), Instant::now()).is_none());
    }

    #[test]
    fn a_tile_larger_than_a_shard_is_counted_and_pushes_nothing_out() {
        let metrics = metrics();
        let cache = TileCache::new(4_000, metrics.clone());
        cache.insert(key(1), tile(100), soon());
        assert!(!cache.insert(key(2), tile(5_000), soon()));
        assert!(cache.get(&key(1), Instant::now()).is_some());
        assert!(cache.get(&key(2), Instant::now()).is_none());
        assert_eq!(metrics.cache_too_large.get(), 1);
        assert!(!cache.insert(key(1), tile(5_000), soon()));
        assert!(cache.get(&key(1), Instant::now()).is_none(), "what it replaces is gone");
        assert_eq!((metrics.cache_bytes.get(), metrics.cache_entries.get()), (0, 0));
    }

    #[test]
    fn replacing_a_tile_frees_the_old_one() {
        let metrics = metrics();
        let cache = TileCache::new(1_000_000, metrics.clone());
        cache.insert(key(1), tile(1_000), soon());
        let before = metrics.cache_bytes.get();
        cache.insert(key(1), tile(2_000), soon());
        assert_eq!(metrics.cache_bytes.get(), before + 1_024);
        assert_eq!(metrics.cache_entries.get(), 1);
    }

    #[test]
    fn what_a_tile_lacks_is_kept_with_it_and_counted() {
        let metrics = metrics();
        let cache = TileCache::new(1_000_000, metrics.clone());
        cache.insert(key(1), tile(1_000), soon());
        let before = metrics.cache_bytes.get();
        let note = Arc::new(Bytes::from_static(&[b'x'; 64]));
        let truncated = CachedTile { truncated: Some(note), ..tile(1_000) };
        cache.insert(key(1), truncated.clone(), soon());
        assert_eq!(cache.get(&key(1), Instant::now()).map(|(tile, _)| tile), Some(truncated));
        assert_eq!(metrics.cache_bytes.get(), before + 64 + 80);
        cache.insert(key(1), tile(1_000), soon());
        assert_eq!(metrics.cache_bytes.get(), before);
    }

    #[test]
    fn a_list_node_fills_its_allocation() {
        assert_eq!((NODE, allocated(NODE)), (128, 128));
    }

    #[test]
    fn blobs_are_counted_with_what_the_allocator_adds() {
        let sizes = [0, 1, 8, 41, 1_000, 1_024, 1_025, 70_000];
        assert_eq!(sizes.map(allocated), [0, 8, 8, 48, 1_024, 1_024, 1_280, 81_920]);
    }

    #[test]
    fn no_memory_means_nothing_is_kept() {
        let cache = TileCache::new(0, metrics());
        assert!(!cache.insert(key(1), tile(0), soon()));
        assert!(cache.get(&key(1), Instant::now()).is_none());
    }
}
