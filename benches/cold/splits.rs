//! Open choices of the engine, each alone: how to compress a finished tile, and whether a heavy
//! tile should be read over two connections.

use std::hint::black_box;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Statement};

use super::dataset::Dataset;
use super::measure::{self, Side, median};
use super::options::Options;
use super::rows::HALF_WORLD;
use super::tiles::{self, Tile};

const SUBJECTS: [&str; 3] = ["points", "lines", "polygons"];
/// Each of the gzip tiles is the largest of some at its zoom.
const ZOOMS: [u8; 3] = [9, 11, 14];
const CANDIDATES: usize = 12;
/// Time per tile and compressor. The fastest run counts: the others met something else.
const SPAN: Duration = Duration::from_millis(300);
/// What the small tiles are smaller than.
const SMALL: usize = 150_000;

pub fn run(dataset: &Dataset, side: &Side, options: &Options) {
    let mut client = dataset.client();
    let mut finished = Vec::new();
    for subject in SUBJECTS {
        let tiles = tiles::measured(&mut client, subject, options);
        for z in ZOOMS {
            let candidates = tiles.iter().filter(|tile| tile.0 == z).take(CANDIDATES);
            let layer = format!("{subject}_3857");
            let largest = candidates.map(|tile| measure::tile(side, &layer, *tile));
            finished.extend(largest.max_by_key(Vec::len));
        }
    }
    compressors(&finished);
    let tiles: Vec<_> = (4..=6)
        .flat_map(|z| {
            let whole = tiles::measured(&mut client, "lines", options);
            whole.into_iter().filter(move |tile| tile.0 == z).take(4)
        })
        .collect();
    connections(dataset, &tiles);
}

type Compress<'a> = Box<dyn FnMut(&[u8]) -> usize + 'a>;

fn compressors(tiles: &[Vec<u8>]) {
    let (small, large): (Vec<&[u8]>, Vec<&[u8]>) =
        tiles.iter().map(Vec::as_slice).partition(|tile| tile.len() < SMALL);
    let kilobytes =
        |tiles: &[&[u8]]| -> Vec<usize> { tiles.iter().map(|tile| tile.len() / 1000).collect() };
    println!(
        "\nsmall tiles of {:?} KB, large tiles of {:?} KB",
        kilobytes(&small),
        kilobytes(&large)
    );
    println!("| gzip | small: ms per MB | of the size | large: ms per MB | of the size |");
    println!("|---|---|---|---|---|");
    for level in [1, 2, 3, 4, 5, 6, 9] {
        let mut work: Compress = Box::new(move |tile| zlib(tile, level));
        let cells = [&small, &large].map(|tiles| cells(&mut work, tiles));
        println!("| flate2 (zlib-rs) {level} | {} | {} |", cells[0], cells[1]);
    }
    for level in [1, 2, 3, 4, 5, 6, 7, 9, 12] {
        let level_of = libdeflater::CompressionLvl::new(level).expect("a level");
        // Kept, as a server's thread would: it allocates some hundred KB.
        let mut compressor = libdeflater::Compressor::new(level_of);
        let mut work: Compress = Box::new(move |tile| {
            let mut out = vec![0; compressor.gzip_compress_bound(tile.len())];
            compressor.gzip_compress(tile, &mut out).expect("room for all")
        });
        let cells = [&small, &large].map(|tiles| cells(&mut work, tiles));
        println!("| libdeflate {level} | {} | {} |", cells[0], cells[1]);
    }
    others(&small, &large);
}

/// What a tile is made into that was made as gzip first.
fn others(small: &[&[u8]], large: &[&[u8]]) {
    for quality in [1, 3, 4, 5, 6, 7, 9] {
        let mut work: Compress = Box::new(move |tile| brotli(tile, quality));
        let cells = [small, large].map(|tiles| cells(&mut work, tiles));
        println!("| brotli {quality} | {} | {} |", cells[0], cells[1]);
    }
    for level in [1, 3, 6, 9, 12, 15] {
        let mut work: Compress =
            Box::new(move |tile| zstd::bulk::compress(tile, level).expect("compressed").len());
        let cells = [small, large].map(|tiles| cells(&mut work, tiles));
        println!("| zstd {level} | {} | {} |", cells[0], cells[1]);
    }
}

fn brotli(tile: &[u8], quality: u32) -> usize {
    let mut out = Vec::new();
    let mut reader = brotli::CompressorReader::new(tile, 65_536, quality, 22);
    std::io::Read::read_to_end(&mut reader, &mut out).expect("compressed");
    out.len()
}

/// As `tile::compress` does it.
fn zlib(tile: &[u8], level: u32) -> usize {
    let out = Vec::with_capacity(tile.len() / 2 + 64);
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
    encoder.write_all(tile).expect("writing to memory");
    encoder.finish().expect("writing to memory").len()
}

fn cells(work: &mut Compress, tiles: &[&[u8]]) -> String {
    let (mut millis, mut compressed) = (0.0, 0);
    let total: usize = tiles.iter().map(|tile| tile.len()).sum();
    for tile in tiles {
        compressed += work(tile);
        let (started, mut best) = (Instant::now(), Duration::MAX);
        while started.elapsed() < SPAN {
            let run = Instant::now();
            black_box(work(black_box(tile)));
            best = best.min(run.elapsed());
        }
        millis += best.as_secs_f64() * 1e3;
    }
    format!(
        "{:.1} | {:.1} %",
        millis * 1e6 / total as f64,
        compressed as f64 * 100.0 / total as f64
    )
}

/// West, south, east, north.
type Area = [f64; 4];

/// Drains the rows that touch the first area and not the second.
struct Reader {
    client: Client,
    statement: Statement,
}

impl Reader {
    fn new(dataset: &Dataset) -> Self {
        let mut client = dataset.client();
        let sql = "SELECT * FROM lines_3857 WHERE geom && ST_MakeEnvelope($1, $2, $3, $4, 3857)
                   AND NOT geom && ST_MakeEnvelope($5, $6, $7, $8, 3857)";
        let statement = client.prepare(sql).expect("a statement");
        Self { client, statement }
    }

    fn drain(&mut self, area: Area, without: Area) -> usize {
        let areas = [area, without].concat();
        let rows = self.client.query_raw(&self.statement, &areas);
        rows.expect("rows").count().expect("rows")
    }
}

/// Nothing touches this.
const NOWHERE: Area = [1e9, 1e9, 1e9, 1e9];

fn connections(dataset: &Dataset, tiles: &[Tile]) {
    println!("\nrows of lines_3857 drained, {} tiles of z4–6", tiles.len());
    println!(
        "| tiles at the same time | ms per tile, one connection | two, half each | ratio | tiles/s | two | ratio |"
    );
    println!("|---|---|---|---|---|---|---|");
    for load in [1, 4] {
        let rounds: Vec<[Drained; 2]> = (0..3)
            .map(|_| [false, true].map(|split| drain_all(dataset, tiles, load, split)))
            .collect();
        let of = |value: fn(&[Drained; 2]) -> f64| median(rounds.iter().map(value));
        println!(
            "| {load} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} | {:.2} |",
            of(|[one, _]| one.millis),
            of(|[_, two]| two.millis),
            of(|[one, two]| two.millis / one.millis),
            of(|[one, _]| one.per_second),
            of(|[_, two]| two.per_second),
            of(|[one, two]| two.per_second / one.per_second),
        );
    }
}

struct Drained {
    /// Of a tile, on average.
    millis: f64,
    per_second: f64,
}

fn drain_all(dataset: &Dataset, tiles: &[Tile], load: usize, split: bool) -> Drained {
    let mut readers: Vec<_> =
        (0..load).map(|_| [Reader::new(dataset), Reader::new(dataset)]).collect();
    let (next, micros) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for [first, second] in &mut readers {
            let (next, micros) = (&next, &micros);
            scope.spawn(move || {
                while let Some(tile) = tiles.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    black_box(drain(first, second, *tile, split));
                    let took = started.elapsed().as_micros() as usize;
                    micros.fetch_add(took, Ordering::Relaxed);
                }
            });
        }
    });
    let count = tiles.len() as f64;
    Drained {
        millis: micros.into_inner() as f64 / 1e3 / count,
        per_second: count / started.elapsed().as_secs_f64(),
    }
}

fn drain(first: &mut Reader, second: &mut Reader, (z, x, y): Tile, split: bool) -> usize {
    let size = 2.0 * HALF_WORLD / f64::from(1u32 << z);
    let (west, north) = (f64::from(x) * size - HALF_WORLD, HALF_WORLD - f64::from(y) * size);
    let (middle, east, south) = (west + size / 2.0, west + size, north - size);
    if !split {
        return first.drain([west, south, east, north], NOWHERE);
    }
    let left = [west, south, middle, north];
    std::thread::scope(|scope| {
        let right = scope.spawn(|| second.drain([middle, south, east, north], left));
        first.drain(left, NOWHERE) + right.join().expect("the other half")
    })
}
