//! Three caches under one interface.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use tesela::cache::{CachedTile, Generations, Key, Member, Stamp, TileCache};
use tesela::metrics::Metrics;
use tesela::tile::TileCoord;

const HOUR: Duration = Duration::from_secs(3_600);

/// Bytes that an entry is taken to need besides its body, by the caches that don't know.
const BESIDES: usize = 256;

pub fn key(n: u32) -> Key {
    Key::new(7, TileCoord::new(24, n, n / 2).expect("a tile"), false)
}

pub fn tile(n: u32, bytes: usize) -> CachedTile {
    let etag = format!("\"{n:032x}-1-gz\"");
    let tile = CachedTile::new(etag.as_bytes(), b"", &vec![1; bytes]);
    // The first clone of a `Bytes` is dearer than those that follow.
    drop(tile.clone());
    tile
}

pub trait Cache: Sync {
    /// With a budget in bytes, expected to hold so many tiles.
    fn new(budget: u64, tiles: usize) -> Self;
    fn get(&self, key: &Key) -> Option<CachedTile>;
    fn insert(&self, key: Key, tile: CachedTile);
    /// Brings what is done in the background to an end.
    fn settle(&self) {}
}

pub struct Tesela {
    cache: TileCache,
    stamp: Stamp,
    now: Instant,
}

impl Cache for Tesela {
    fn new(budget: u64, _: usize) -> Self {
        let metrics = Metrics::new().expect("metrics");
        Self {
            cache: TileCache::new(budget, Arc::new(metrics)),
            stamp: Stamp::now(&Generations::default().members([Member {
                layer: 7,
                margin: 0.0,
                zooms: [0, 24],
            }])),
            now: Instant::now(),
        }
    }

    fn get(&self, key: &Key) -> Option<CachedTile> {
        Some(self.cache.get(key, self.now)?.tile)
    }

    fn insert(&self, key: Key, tile: CachedTile) {
        self.cache.insert(key, tile, HOUR, &self.stamp);
    }
}

impl Cache for moka::sync::Cache<Key, CachedTile> {
    fn new(budget: u64, _: usize) -> Self {
        let weigh = |_: &Key, tile: &CachedTile| (tile.body().len() + BESIDES) as u32;
        Self::builder().max_capacity(budget).weigher(weigh).build()
    }

    fn get(&self, key: &Key) -> Option<CachedTile> {
        Self::get(self, key)
    }

    fn insert(&self, key: Key, tile: CachedTile) {
        Self::insert(self, key, tile);
    }

    fn settle(&self) {
        self.run_pending_tasks();
    }
}

#[derive(Clone)]
pub struct Bytes;

impl Weighter<Key, CachedTile> for Bytes {
    fn weight(&self, _: &Key, tile: &CachedTile) -> u64 {
        (tile.body().len() + BESIDES) as u64
    }
}

/// With SipHash, as the two others.
pub type Quick = quick_cache::sync::Cache<Key, CachedTile, Bytes, RandomState>;

impl Cache for Quick {
    fn new(budget: u64, tiles: usize) -> Self {
        let life = quick_cache::sync::DefaultLifecycle::default();
        Self::with(tiles, budget, Bytes, RandomState::new(), life)
    }

    fn get(&self, key: &Key) -> Option<CachedTile> {
        Self::get(self, key)
    }

    fn insert(&self, key: Key, tile: CachedTile) {
        Self::insert(self, key, tile);
    }
}

/// One mutex around a map, for comparison: knows neither age nor order of use.
pub struct Map(parking_lot::Mutex<std::collections::HashMap<Key, CachedTile>>);

impl Cache for Map {
    fn new(_: u64, _: usize) -> Self {
        Self(parking_lot::Mutex::default())
    }

    fn get(&self, key: &Key) -> Option<CachedTile> {
        self.0.lock().get(key).cloned()
    }

    fn insert(&self, key: Key, tile: CachedTile) {
        self.0.lock().insert(key, tile);
    }
}
