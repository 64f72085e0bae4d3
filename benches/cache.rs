//! The tile cache beside `moka` and `quick_cache`, which weigh their entries by bytes too: hits
//! alone, and a mix of hits, misses, inserts and evictions, on 1 to 16 threads.
//!
//! `-- rounds=9` measures more often. All go by turns, and each starts anew for every round.

#[path = "cache/caches.rs"]
mod caches;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod random;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use caches::{Cache, Map, Quick, Tesela, key, tile};
use random::Random;
use tesela::cache::CachedTile;

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Moka = moka::sync::Cache<tesela::cache::Key, CachedTile>;

const THREADS: [usize; 5] = [1, 2, 4, 8, 16];

/// Tiles that are hit, all of them in memory.
const HELD: u32 = 20_000;
const HELD_BYTES: usize = 1_000;
const HELD_BUDGET: u64 = 512_000_000;
const HITS: usize = 4_000_000;

/// Tiles of the mix, of which a fifth fit, and requests for them.
const MIXED: u32 = 100_000;
const FIT: u64 = 5;
const REQUESTS: usize = 2_000_000;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --benches` passes no such flag and must be quick.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    let rounds = args.iter().find_map(|arg| arg.strip_prefix("rounds="));
    let rounds = rounds.map_or(5, |rounds| rounds.parse().expect("a number of rounds"));
    println!(
        "| hits | Tesela | moka | quick_cache | map | Tesela ÷ moka | ÷ quick_cache | ÷ map |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for threads in THREADS {
        let measure = [hits::<Tesela>, hits::<Moka>, hits::<Quick>, hits::<Map>];
        row(threads, &by_turns(rounds, &measure.map(|hits| move || hits(threads))));
    }
    let mix = Mix::new();
    println!("\n| mix | Tesela | moka | quick_cache | Tesela ÷ moka | ÷ quick_cache |");
    println!("|---|---|---|---|---|---|");
    for threads in THREADS {
        let measure = [Mix::requests::<Tesela>, Mix::requests::<Moka>, Mix::requests::<Quick>];
        let mix = &mix;
        row(threads, &by_turns(rounds, &measure.map(|requests| move || requests(mix, threads))));
    }
}

/// What came of one round.
#[derive(Clone, Copy)]
struct Score {
    /// Millions of requests in a second, all threads together.
    millions: f64,
    /// The part of the requests that hit.
    hits: f64,
}

/// Medians over the rounds; every round begins with another one.
fn by_turns<F: Fn() -> Score>(rounds: usize, measure: &[F]) -> Vec<Score> {
    let mut scores = vec![Vec::new(); measure.len()];
    for round in 0..rounds {
        for n in (0..measure.len()).map(|n| (n + round) % measure.len()) {
            scores[n].push(measure[n]());
        }
    }
    let median = |scores: &Vec<Score>, of: fn(&Score) -> f64| {
        let mut values: Vec<_> = scores.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let both = |scores| Score {
        millions: median(scores, |score| score.millions),
        hits: median(scores, |score| score.hits),
    };
    scores.iter().map(both).collect()
}

fn row(threads: usize, scores: &[Score]) {
    let cell = |score: &Score| match score.hits < 1.0 {
        true => format!("{:.2} ({:.3})", score.millions, score.hits),
        false => format!("{:.2}", score.millions),
    };
    let cells: Vec<_> = scores.iter().map(cell).collect();
    let ratio = |score: &Score| format!("{:.2}", scores[0].millions / score.millions);
    let ratios: Vec<_> = scores[1..].iter().map(ratio).collect();
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    println!("| {threads} | {} | {} |", cells.join(" | "), ratios.join(" | "));
}

/// Threads that each do `work`, and get their number; the time until all are done.
fn together(threads: usize, work: impl Fn(usize) + Sync) -> Duration {
    let barrier = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let (work, barrier) = (&work, &barrier);
        let start = |n| {
            scope.spawn(move || {
                barrier.wait();
                work(n);
            })
        };
        let running: Vec<_> = (0..threads).map(start).collect();
        barrier.wait();
        let started = Instant::now();
        running.into_iter().for_each(|thread| thread.join().expect("no panic"));
        started.elapsed()
    })
}

fn hits<C: Cache>(threads: usize) -> Score {
    let cache = C::new(HELD_BUDGET, HELD as usize);
    (0..HELD).for_each(|n| cache.insert(key(n), tile(n, HELD_BYTES)));
    cache.settle();
    let elapsed = together(threads, |thread| {
        // An order that no prefetcher foresees.
        let mut n = thread as u32 * 1_237;
        for _ in 0..HITS / threads {
            n = (n + 7_919) % HELD;
            assert!(black_box(cache.get(&key(n))).is_some());
        }
    });
    Score { millions: HITS as f64 / elapsed.as_secs_f64() / 1e6, hits: 1.0 }
}

/// Tiles of many sizes, and who asks for them: the k-th about 1/k as often as the first. They are
/// there beforehand, so that no time goes into making them.
struct Mix {
    tiles: Vec<CachedTile>,
    order: Vec<u32>,
    budget: u64,
}

impl Mix {
    fn new() -> Self {
        let mut random = Random::new(3);
        let mut total = 0;
        let tiles: Vec<_> = (0..MIXED)
            .map(|n| {
                // Half of them below 2 KB, one in a thousand above 20.
                let bytes = (2_000.0 * (1.2 * random.bell()).exp()) as usize;
                total += bytes as u64;
                tile(n, bytes)
            })
            .collect();
        let order = (0..REQUESTS).map(|_| random.zipf(MIXED as usize) as u32).collect();
        Self { tiles, order, budget: total / FIT }
    }

    /// Every thread takes its part of the requests, after all of them were made once before.
    fn requests<C: Cache>(&self, threads: usize) -> Score {
        let cache = C::new(self.budget, self.tiles.len() / FIT as usize);
        self.order.iter().for_each(|n| _ = self.request(&cache, *n));
        cache.settle();
        let parts: Vec<_> = self.order.chunks(REQUESTS.div_ceil(threads)).collect();
        let hits = std::sync::atomic::AtomicUsize::new(0);
        let elapsed = together(threads, |thread| {
            let found = parts[thread].iter().filter(|n| self.request(&cache, **n)).count();
            hits.fetch_add(found, std::sync::atomic::Ordering::Relaxed);
        });
        Score {
            millions: REQUESTS as f64 / elapsed.as_secs_f64() / 1e6,
            hits: hits.into_inner() as f64 / REQUESTS as f64,
        }
    }

    /// Whether it hit. A miss puts the tile in.
    fn request<C: Cache>(&self, cache: &C, n: u32) -> bool {
        let hit = black_box(cache.get(&key(n))).is_some();
        if !hit {
            cache.insert(key(n), self.tiles[n as usize].clone());
        }
        hit
    }
}
