//! The server as its users see it: cold tiles against `ST_AsMVT`, time to the first tile, resident
//! memory. Warm hits are in `hit.rs`.
//!
//! Needs `TESELA_TEST_DATABASE_URL` of a server on this machine. With `-- cold` or `-- start` only
//! that part runs.

#[path = "../tests/it/support/database.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod database;
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod support {
    pub mod data;
    pub mod load;
    pub mod process;
    pub mod tables;
}

use std::time::Duration;

use database::Database;
use support::process::{Postgres, Process};
use support::{data, load, tables};

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const COLD_ROUNDS: usize = 3;
const COLD_TILES: usize = 500;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --benches` passes no such flag and must be quick.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    let only: Vec<_> = args.iter().filter(|arg| ["cold", "start"].contains(&&***arg)).collect();
    let wanted = |part: &str| only.is_empty() || only.iter().any(|only| *only == part);
    if wanted("cold") {
        let database = Database::new();
        data::load(&mut database.client());
        cold(&database);
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
