//! The server as its users see it: warm hits against a bare actix handler, cold tiles against
//! `ST_AsMVT`, time to the first tile, resident memory.
//!
//! Needs `TESELA_TEST_DATABASE_URL` of a server on this machine, and `wrk`. With `-- warm`,
//! `-- cold` or `-- start` only that part runs.

#[path = "../tests/it/support/database.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod database;
mod support {
    pub mod bare;
    pub mod data;
    pub mod load;
    pub mod process;
    pub mod tables;
}

use std::time::Duration;

use database::Database;
use support::load::{self, Warm};
use support::process::{self, Postgres, Process};
use support::{bare, data, tables};

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const COLD_ROUNDS: usize = 3;
const COLD_TILES: usize = 500;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, command, address, url] = args.as_slice()
        && command == "bare"
    {
        return bare::serve(address, url);
    }
    // `cargo test --benches` passes no such flag and must be quick.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    let only: Vec<_> =
        args.iter().filter(|arg| ["warm", "cold", "start"].contains(&&***arg)).collect();
    let wanted = |part: &str| only.is_empty() || only.iter().any(|only| *only == part);
    if wanted("warm") || wanted("cold") {
        let database = Database::new();
        data::load(&mut database.client());
        if wanted("warm") {
            warm(&database.url);
        }
        if wanted("cold") {
            cold(&database);
        }
    }
    if wanted("start") {
        start(200);
        start(5_000);
    }
}

fn configuration(url: &str, cache: &str) -> String {
    format!(
        "[databases.main]\nurl = '{url}'\npublish = {{}}\n[cache]\nmemory = '{cache}'\nttl = '1h'\n\
         [tilesets.basemap]\nlayers = ['points_3857', 'lines_4326', 'polygons_3857']\n"
    )
}

fn warm(url: &str) {
    let tesela = Process::tesela(&configuration(url, "512MB"));
    let layers: Vec<_> = data::LAYERS.to_vec();
    drop(tesela.wait());
    let agent = process::agent();
    // Any tile: the server has started once it answers.
    process::get(&agent, &tesela.url("/countries/0/0/0"));
    println!("resident after the first tile: {:.1} MB\n", tesela.resident());
    let near = |names: &[&str], bytes: usize| {
        let candidates = names.iter().flat_map(|name| {
            let tiles = (7..13).filter_map(|z| data::tiles(z, 8).into_iter().nth(7));
            tiles.map(move |(z, x, y)| format!("/{name}/{z}/{x}/{y}"))
        });
        let size = |path: &String| process::get(&agent, &tesela.url(path)).body.len();
        candidates.min_by_key(|path| size(path).abs_diff(bytes)).expect("a tile")
    };
    let small = near(&layers, 7_000);
    let cases = [
        ("small", small.clone()),
        ("large", near(&layers, 70_000)),
        ("tileset of three", near(&["basemap"], 20_000)),
        ("ad-hoc composite", near(&["points_3857,lines_4326,polygons_3857"], 20_000)),
    ];
    println!(
        "| warm hit | bytes | Tesela/s | bare/s | ratio | Tesela µs CPU | bare µs CPU | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut hit = None;
    for (name, path) in &cases {
        let bytes = process::get(&agent, &tesela.url(path)).body.len();
        let bare = Process::bare(&tesela.url(path));
        let (a, b) =
            alternate(|| load::warm(&tesela, path, None), || load::warm(&bare, path, None));
        println!("| {name} | {bytes} | {} |", ratios(&a, &b));
        hit.get_or_insert(a);
    }
    let etag = process::get(&agent, &tesela.url(&small)).headers;
    let etag = etag.into_iter().find(|(name, _)| name == "etag").expect("an ETag").1;
    let (not_modified, hit) = alternate(
        || load::warm(&tesela, &small, Some(&etag)),
        || load::warm(&tesela, &small, None),
    );
    println!("\n| | | 304/s | hit/s | ratio | 304 µs CPU | hit µs CPU | ratio |");
    println!("|---|---|---|---|---|---|---|---|");
    println!("| 304 against the small hit | 0 | {} |", ratios(&not_modified, &hit));
    println!("\nresident at the end: {:.1} MB\n", tesela.resident());
}

/// Both by turns, so that what else the machine does meets both; the first of the two changes.
fn alternate(a: impl Fn() -> Warm, b: impl Fn() -> Warm) -> (Vec<Warm>, Vec<Warm>) {
    let round = |round: usize| {
        if round.is_multiple_of(2) {
            let first = a();
            return (first, b());
        }
        let first = b();
        (a(), first)
    };
    (0..ROUNDS).map(round).unzip()
}

/// Medians of both and of the rounds' ratios.
fn ratios(a: &[Warm], b: &[Warm]) -> String {
    let of = |of: fn(&Warm) -> f64| {
        let median_of = |all: &[Warm]| median(all.iter().map(of));
        let ratio = median(a.iter().zip(b).map(|(a, b)| of(a) / of(b)));
        (median_of(a), median_of(b), ratio)
    };
    let ((a_rate, b_rate, rate), (a_cpu, b_cpu, cpu)) = (of(|w| w.per_second), of(|w| w.micros));
    format!("{a_rate:.0} | {b_rate:.0} | {rate:.3} | {a_cpu:.2} | {b_cpu:.2} | {cpu:.3}")
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn cold(database: &Database) {
    // Without a cache every tile is a cold one, however often it is asked for.
    let tesela = Process::tesela(&configuration(&database.url, "0"));
    drop(tesela.wait());
    let mut client = database.client();
    let backend = client.query_one("SELECT pg_backend_pid()", &[]).expect("a backend").get(0);
    let postgres = Postgres::of(backend);
    let database_cpu = || postgres.as_ref().map_or(Duration::ZERO, Postgres::cpu);
    let tiles = data::tiles(9, COLD_TILES);
    println!("{} tiles, 4 connections; CPU in ms per tile", tiles.len());
    println!("{COLD_HEADER}");
    let (mut speedups, mut savings) = (Vec::new(), Vec::new());
    for layer in data::LAYERS {
        let http = || load::cold_http(&tesela, layer, &tiles);
        let sql = || load::cold_sql(&database.url, layer, &tiles);
        // Fills the connections' statement caches and PostgreSQL's buffers.
        http();
        sql();
        let measure = |work: &dyn Fn() -> load::Cold| {
            let (of_database, of_tesela) = (database_cpu(), tesela.cpu());
            let done = work();
            let count = tiles.len() as f64;
            let millis = |cpu: Duration| cpu.as_secs_f64() * 1e3 / count;
            Round {
                kilobytes: done.bytes as f64 / 1e3 / count,
                per_second: count / done.elapsed.as_secs_f64(),
                database: millis(database_cpu() - of_database),
                tesela: millis(tesela.cpu() - of_tesela),
            }
        };
        let rounds: Vec<_> = (0..COLD_ROUNDS).map(|_| (measure(&http), measure(&sql))).collect();
        let of = |value: &dyn Fn(&(Round, Round)) -> f64| median(rounds.iter().map(value));
        let speedup = of(&|(http, sql)| http.per_second / sql.per_second);
        let saving = of(&|(http, sql)| http.database / sql.database);
        println!(
            "| {layer} | {:.1} | {:.1} | {:.0} | {:.0} | {speedup:.2} | {:.2} | {:.2} | {saving:.2} | {:.2} |",
            of(&|(http, _)| http.kilobytes),
            of(&|(_, sql)| sql.kilobytes),
            of(&|(http, _)| http.per_second),
            of(&|(_, sql)| sql.per_second),
            of(&|(http, _)| http.database),
            of(&|(_, sql)| sql.database),
            of(&|(http, _)| http.tesela),
        );
        speedups.push(speedup);
        savings.push(saving);
    }
    let (speedup, saving) = (geometric_mean(&speedups), geometric_mean(&savings));
    println!("| geometric mean | | | | | {speedup:.2} | | | {saving:.2} | |\n");
}

const COLD_HEADER: &str = "\
| layer | KB | KB by SQL | tiles/s | by SQL | ratio | database CPU | by SQL | ratio | Tesela's CPU |
|---|---|---|---|---|---|---|---|---|---|";

/// What a pass over all tiles came to, per tile.
struct Round {
    kilobytes: f64,
    per_second: f64,
    database: f64,
    tesela: f64,
}

fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

fn start(count: u32) {
    let database = Database::new();
    tables::create(&mut database.client(), count);
    let configuration = format!("[databases.main]\nurl = '{}'\npublish = {{}}\n", database.url);
    let mut times = Vec::new();
    let (mut first, mut idle) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let tesela = Process::tesela(&configuration);
        times.push(tesela.first_answer("/spatial_0000/0/0/0").as_secs_f64() * 1e3);
        first = tesela.resident();
        std::thread::sleep(Duration::from_secs(1));
        idle = tesela.resident();
    }
    let listed: Vec<_> = times.iter().map(|time| format!("{time:.0}")).collect();
    println!(
        "{count} published tables: first tile {:.0} ms after the start (rounds: {}); resident then \
         {first:.1} MB, a second later {idle:.1} MB",
        median(times.iter().copied()),
        listed.join(", "),
    );
}
