//! Reading what a database with 5,000 spatial tables holds.
//!
//! Needs `TESELA_TEST_DATABASE_URL`; with `-- --plan` it prints the catalogue query's plan.

#[path = "../tests/it/support/database.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod database;
#[path = "support/tables.rs"]
mod tables;

use std::time::{Duration, Instant};

use database::Database;
use postgres::Client;
use tesela::source::postgis::{Inventory, PostgisSource, Settings};

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TABLES: u32 = 5_000;
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` passes no such flag and must be quick.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let database = Database::new();
    let started = Instant::now();
    tables::create(&mut database.client(), TABLES);
    println!("{TABLES} tables made in {:.1} s", started.elapsed().as_secs_f64());
    let whole = rounds(|| {
        assert!(inventory(&database.url).tables.len() >= TABLES as usize);
    });
    let query = rounds(|| {
        let rows = database.client().query(catalogue_query(), &PARAMETERS).expect("the query");
        assert!(rows.len() >= TABLES as usize);
    });
    println!("milliseconds, each on a new connection   first   {ROUNDS} in order");
    print("whole inventory", &whole);
    print("catalogue query alone", &query);
    plan(&mut database.client());
}

const PARAMETERS: [&(dyn postgres::types::ToSql + Sync); 2] = [&"public", &None::<Vec<String>>];

/// The text of the query in the source: there is no other way to time it by itself.
fn catalogue_query() -> &'static str {
    let source = include_str!("../src/source/postgis/catalogue.rs");
    let text =
        source.split_once("const QUERY: &str = r\"").and_then(|(_, rest)| rest.split_once("\";"));
    text.expect("the catalogue query is a raw string named QUERY").0
}

fn inventory(url: &str) -> Inventory {
    let settings: Settings =
        serde_json::from_value(serde_json::json!({ "url": url })).expect("settings");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let source = PostgisSource::new("main", &settings).expect("a source");
        source.inventory(None).await.expect("an inventory")
    })
}

fn rounds(mut work: impl FnMut()) -> Vec<Duration> {
    let timed = |_| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    (0..ROUNDS).map(timed).collect()
}

fn print(what: &str, times: &[Duration]) {
    let millis = |time: &Duration| format!("{:>7.0}", time.as_secs_f64() * 1e3);
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let sorted: Vec<_> = sorted.iter().map(millis).collect();
    println!("{what:<38} {} {}", millis(&times[0]), sorted.join(""));
}

/// What the server says of the query itself.
fn plan(client: &mut Client) {
    let text = catalogue_query();
    client.batch_execute(&format!("PREPARE q (text, text[]) AS {text}")).expect("PREPARE");
    let rows = client.query("EXPLAIN (ANALYZE, COSTS OFF) EXECUTE q('public', NULL)", &[]);
    let whole = std::env::args().any(|arg| arg == "--plan");
    for row in rows.expect("EXPLAIN") {
        let line: String = row.get(0);
        if whole
            || ["Planning Time", "Execution Time", "JIT", "Timing:"]
                .iter()
                .any(|w| line.contains(w))
        {
            println!("{line}");
        }
    }
}
