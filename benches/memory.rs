//! Bytes that a cached tile really takes, against what `tesela_cache_bytes` says.
//!
//! Each case fills a cache in a process of its own and compares the growth of resident memory
//! with the growth of the gauge. Linux only.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tesela::cache::{CachedTile, Generations, Key, Stamp, TileCache};
use tesela::metrics::Metrics;
use tesela::tile::TileCoord;

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tiles and bytes of each. With 240,000 the shards' hash tables have just grown.
const CASES: [(u32, usize); 6] = [
    (200_000, 0),
    (240_000, 0),
    (200_000, 1_000),
    (200_000, 1_024),
    (100_000, 7_000),
    (20_000, 70_000),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, child, count, size] = args.as_slice()
        && child == "fill"
    {
        return fill(count.parse().expect("a number"), size.parse().expect("a number"));
    }
    // `cargo test --benches` passes no such flag and must be quick.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    println!("tiles    bytes each  gauge/tile  resident/tile  gauge/resident  overhead/tile");
    let program = std::env::current_exe().expect("this program");
    for (count, size) in CASES {
        let status = Command::new(&program)
            .args(["fill", &count.to_string(), &size.to_string()])
            .status()
            .expect("this program runs");
        assert!(status.success());
    }
}

fn fill(count: u32, size: usize) {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let cache = TileCache::new(4_000_000_000, metrics.clone());
    let stamp = Stamp::now(&Generations::default().members([7], 0.0));
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
