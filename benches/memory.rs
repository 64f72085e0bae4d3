//! Bytes that a cached tile really takes, against what `tesela_cache_bytes` says, and whether a
//! cache that is in use keeps to its budget.
//!
//! Each case fills a cache in a process of its own and compares the growth of resident memory
//! with the growth of the gauge, or replays requests and compares it with the budget. Linux only.

#[path = "support/random.rs"]
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod random;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use random::Random;
use tesela::cache::{CachedTile, Generations, Key, Member, Stamp, TileCache};
use tesela::metrics::Metrics;
use tesela::tile::TileCoord;

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tiles and bytes of each. With 240,000 the shards' hash tables have just grown.
const CASES: [(u32, usize); 10] = [
    (200_000, 0),
    (240_000, 0),
    (200_000, 1_000),
    (200_000, 1_024),
    (200_000, 2_500),
    (100_000, 7_000),
    (50_000, 12_000),
    (30_000, 30_000),
    (20_000, 70_000),
    (5_000, 200_000),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, child, count, size] = args.as_slice()
        && child == "fill"
    {
        return fill(count.parse().expect("a number"), size.parse().expect("a number"));
    }
    if let [_, child] = args.as_slice()
        && child == "replay"
    {
        return replay();
    }
    // `cargo test --benches` passes no such flag and must be quick.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    println!("tiles    bytes each  gauge/tile  resident/tile  gauge/resident  overhead/tile");
    let program = std::env::current_exe().expect("this program");
    for (count, size) in CASES {
        run(&program, &["fill", &count.to_string(), &size.to_string()]);
    }
    run(&program, &["replay"]);
}

fn run(program: &Path, args: &[&str]) {
    let status = Command::new(program).args(args).status().expect("this program runs");
    assert!(status.success());
}

fn fill(count: u32, size: usize) {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let cache = TileCache::new(4_000_000_000, metrics.clone());
    let stamp = Stamp::now(&Generations::default().members([Member {
        layer: 7,
        margin: 0.0,
        zooms: [0, 24],
    }]));
    let hour = Duration::from_secs(3_600);
    let before = resident();
    for n in 0..count {
        let made = tile(n, size);
        // As the engine does: the waiting requests keep the other one until they are answered.
        cache.insert(
            Key::new(7, TileCoord::new(24, n, n / 2).expect("a tile"), false),
            made.clone(),
            hour,
            &stamp,
        );
    }
    std::thread::sleep(Duration::from_millis(200));
    let each = |bytes: i64| bytes as f64 / f64::from(count);
    let (held, gauge) = (each(resident() - before), each(metrics.cache_bytes.get()));
    assert_eq!(metrics.cache_entries.get(), i64::from(count), "nothing was dropped");
    println!(
        "{count:<7}  {size:>10}  {gauge:>10.1}  {held:>13.1}  {:>14.3}  {:>13.1}",
        gauge / held,
        held - size as f64,
    );
    drop(cache);
}

/// Tiles of the replay, of which a fifth fit, and requests for them.
const TILES: usize = 200_000;
const FIT: u64 = 5;
const REQUESTS: usize = 1_000_000;

/// Requests of which the k-th tile gets about 1/k as many as the first; a miss puts it in.
fn replay() {
    let mut random = Random::new(5);
    // Half of them below 6 KB; 0.5 to 200 KB.
    let mut size = || (6_000.0 * (1.3 * random.bell()).exp()).clamp(500.0, 200_000.0) as usize;
    let sizes: Vec<_> = (0..TILES).map(|_| size()).collect();
    let total: usize = sizes.iter().sum();
    let budget = total as u64 / FIT;
    let requests: Vec<_> = (0..REQUESTS).map(|_| random.zipf(TILES)).collect();
    let ideal = ideal_hits(&requests, &sizes, budget);
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let cache = TileCache::new(budget, metrics.clone());
    let stamp = Stamp::now(&Generations::default().members([Member {
        layer: 7,
        margin: 0.0,
        zooms: [0, 24],
    }]));
    let before = resident();
    let (mut hits, mut most) = (0, 0);
    for (n, &tile) in requests.iter().enumerate() {
        hits += usize::from(request(&cache, tile as u32, sizes[tile], &stamp));
        if n % 10_000 == 0 {
            most = most.max(resident() - before);
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    let part = |bytes: i64| bytes as f64 / budget as f64;
    let ratio = |hits: usize| hits as f64 / REQUESTS as f64;
    println!(
        "\nreplay of {REQUESTS} requests for {TILES} tiles of {:.0} MB, budget {:.0} MB, {} shards:\n\
         resident {:.3} of the budget at the end, {:.3} at most; gauge {:.3}; \
         hits {:.4}, with an ideal LRU {:.4}: {:.4} of it",
        total as f64 / 1e6,
        budget as f64 / 1e6,
        cache.shards(),
        part(resident() - before),
        part(most),
        part(metrics.cache_bytes.get()),
        ratio(hits),
        ratio(ideal),
        hits as f64 / ideal as f64,
    );
}

/// Whether the tile was there.
fn request(cache: &TileCache, n: u32, size: usize, stamp: &Stamp) -> bool {
    let key = Key::new(7, TileCoord::new(24, n, n / 2).expect("a tile"), false);
    if cache.get(&key, Instant::now()).is_some() {
        return true;
    }
    cache.insert(key, tile(n, size), Duration::from_secs(3_600), stamp);
    false
}

/// Hits of a single list in the order of use that holds nothing but the tiles' own bytes.
fn ideal_hits(requests: &[usize], sizes: &[usize], budget: u64) -> usize {
    let (mut held, mut bytes) = (LruCache::unbounded(), 0);
    let mut hit = |tile: &&usize| {
        if held.get(*tile).is_some() {
            return true;
        }
        held.put(**tile, ());
        bytes += sizes[**tile] as u64;
        while bytes > budget
            && let Some((dropped, ())) = held.pop_lru()
        {
            bytes -= sizes[dropped] as u64;
        }
        false
    };
    requests.iter().filter(|tile| hit(tile)).count()
}

/// As `engine::flight` makes it.
fn tile(n: u32, size: usize) -> CachedTile {
    let etag = format!("\"{n:032x}-1-gz\"");
    CachedTile::new(etag.as_bytes(), b"", &vec![1; size])
}

/// Resident anonymous memory of this process.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
    line.trim().trim_end_matches(" kB").parse::<i64>().expect("a number") * 1024
}
