//! The tile cache: hits, misses, evictions, alone and with two threads at once.
//!
//! For comparison the same get from a `HashMap` behind one mutex, which knows neither age nor
//! order of use, and from a cache so small that it is a single shard. All hold the same tiles.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use parking_lot::Mutex;
use tesela::cache::{CachedTile, Generations, Key, Stamp, TileCache};
use tesela::metrics::Metrics;
use tesela::tile::TileCoord;

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HOUR: Duration = Duration::from_secs(3_600);
const TILES: u32 = 5_000;
const TILE_BYTES: usize = 1_000;
/// Just too small for a second shard.
const ONE_SHARD: u64 = 15_999_999;
/// The default, with as many shards as there can be.
const MANY_SHARDS: u64 = 512_000_000;

fn key(n: u32) -> Key {
    Key::new(7, TileCoord::new(24, n, n / 2).expect("a tile"), false)
}

fn tile() -> CachedTile {
    let etag = format!("\"{:032x}-1-gz\"", 7);
    CachedTile::new(etag.as_bytes(), b"", &[1; TILE_BYTES])
}

fn filled(budget: u64) -> TileCache {
    let metrics = Metrics::new().expect("metrics");
    let cache = TileCache::new(budget, Arc::new(metrics));
    let stamp = Stamp::now(&Generations::default().members([7], 0.0));
    (0..TILES).for_each(|n| _ = cache.insert(key(n), tile(), HOUR, &stamp));
    // The first clone of a `Bytes` is dearer than those that follow.
    (0..TILES).for_each(|n| assert!(cache.get(&key(n), Instant::now()).is_some()));
    cache
}

type Map = Mutex<HashMap<Key, CachedTile>>;

fn map() -> Map {
    let map: HashMap<_, _> = (0..TILES).map(|n| (key(n), tile())).collect();
    map.values().for_each(|tile| drop(tile.clone()));
    Mutex::new(map)
}

/// Visits the tiles in an order that no prefetcher foresees.
struct Visit(u32);

impl Visit {
    fn next(&mut self) -> Key {
        self.0 = (self.0 + 2_017) % TILES;
        key(self.0)
    }
}

/// Two threads that each do `work` as often as asked; the time until both are done.
fn together(times: u64, work: impl Fn(&mut Visit) + Sync) -> Duration {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        let threads = [0, TILES / 2].map(|start| {
            let (work, barrier) = (&work, &barrier);
            scope.spawn(move || {
                let mut visit = Visit(start);
                barrier.wait();
                (0..times).for_each(|_| work(&mut visit));
            })
        });
        barrier.wait();
        let started = Instant::now();
        for thread in threads {
            thread.join().expect("no panic");
        }
        started.elapsed()
    })
}

fn get(c: &mut Criterion) {
    let (many, one, map) = (filled(MANY_SHARDS), filled(ONE_SHARD), map());
    let now = Instant::now();
    let from_cache = |cache: &TileCache, visit: &mut Visit| {
        drop(black_box(cache.get(&visit.next(), now)));
    };
    let from_map = |visit: &mut Visit| drop(black_box(map.lock().get(&visit.next()).cloned()));
    let mut group = c.benchmark_group("hit");
    let mut visit = Visit(0);
    group.bench_function("cache", |b| b.iter(|| from_cache(&many, &mut visit)));
    group.bench_function("one shard", |b| b.iter(|| from_cache(&one, &mut visit)));
    group.bench_function("map", |b| b.iter(|| from_map(&mut visit)));
    group.finish();
    let mut group = c.benchmark_group("hit, two threads");
    group.bench_function("cache", |b| b.iter_custom(|n| together(n, |v| from_cache(&many, v))));
    group.bench_function("one shard", |b| b.iter_custom(|n| together(n, |v| from_cache(&one, v))));
    group.bench_function("map", |b| b.iter_custom(|n| together(n, from_map)));
    group.finish();
    let absent = |n: &mut u32| {
        *n = (*n + 1) % TILES;
        key(TILES + *n)
    };
    let mut n = 0;
    let mut group = c.benchmark_group("miss");
    group.bench_function("cache", |b| b.iter(|| many.get(&absent(&mut n), now).is_some()));
    group.bench_function("map", |b| b.iter(|| map.lock().get(&absent(&mut n)).is_some()));
    group.finish();
}

fn insert(c: &mut Criterion) {
    let cache = filled(ONE_SHARD);
    let stamp = Stamp::now(&Generations::default().members([7], 0.0));
    let mut n = 0;
    let mut next = || {
        n = (n + 1) % (1 << 24);
        key(n)
    };
    // Fills the budget first, so that every insert measured drops a tile.
    (0..4 * TILES).for_each(|_| _ = cache.insert(next(), tile(), HOUR, &stamp));
    let mut group = c.benchmark_group("insert");
    group.bench_function("cache, with an eviction", |b| {
        b.iter(|| cache.insert(next(), tile(), HOUR, &stamp));
    });
    group.bench_function("making the tile alone", |b| b.iter(|| drop(black_box(tile()))));
    group.finish();
}

criterion_group!(benches, get, insert);
criterion_main!(benches);
