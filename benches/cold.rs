//! Cold tiles over HTTP: rows to the server against `ST_AsMVT` in the database, over a country of
//! about two million features that this makes itself. `-- --help` lists the options.
//!
//! Needs `TESELA_TEST_DATABASE_URL` of a server on this machine, which nothing else may use
//! meanwhile. The servers run without a tile cache and are warmed up with other tiles than the
//! measured ones; those, and afterwards some of the measured ones, are decoded and compared. What
//! is printed to stdout is Markdown for `RESULTS.md`.

#[path = "support/process.rs"]
#[allow(dead_code, reason = "shared with the other benchmark")]
pub(crate) mod process;
#[path = "cold"]
mod parts {
    pub mod agree;
    pub mod ask;
    pub mod city;
    pub mod control;
    pub mod counties;
    pub mod dataset;
    pub mod export;
    pub mod growth;
    pub mod islands;
    pub mod layers;
    pub mod measure;
    pub mod options;
    #[path = "../support/random.rs"]
    pub mod random;
    pub mod report;
    pub mod rows;
    pub mod shapes;
    pub mod splits;
    pub mod tiles;
    pub mod words;

    pub(crate) use super::process;
}

use parts::ask::Target;
use parts::dataset::Dataset;
use parts::export::Files;
use parts::measure::Side;
use parts::options::{HELP, Options};
use parts::{growth, layers, splits};
use process::{Postgres, Process};

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // `cargo test --benches` passes no such flag and must be quick.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    if std::env::args().any(|arg| arg == "--help") {
        return println!("{HELP}");
    }
    let options = Options::parse(std::env::args().skip(1)).unwrap_or_else(|error| {
        eprintln!("{error}\n\n{HELP}");
        std::process::exit(2);
    });
    let dataset = Dataset::open(&options);
    let backend = dataset.client().query_one("SELECT pg_backend_pid()", &[]);
    let postgres = Postgres::of(backend.expect("a backend").get(0));
    let postgres = postgres.expect("the database server runs on this machine");
    if options.wants_part("layers") {
        compare(&dataset, &postgres, &options);
    }
    if options.wants_part("growth") {
        growth::prepare(&dataset);
        let rows = tesela(&dataset, "rows", &growth::layers(), &options);
        growth::run(&dataset, &side((&"rows".to_owned(), &rows)), &postgres, &options);
    }
    if options.wants_part("splits") {
        let names = ["points_3857", "lines_3857", "polygons_3857"].map(str::to_owned);
        let rows = tesela(&dataset, "rows", &names, &options);
        splits::run(&dataset, &side((&"rows".to_owned(), &rows)), &options);
    }
}

fn compare(dataset: &Dataset, postgres: &Postgres, options: &Options) {
    let encoders = match options.against {
        Some(_) => &options.encoders[..1],
        None => &options.encoders[..],
    };
    let names: Vec<_> = dataset.layers(options).into_iter().map(|layer| layer.name).collect();
    let start = |encoder: &String| tesela(dataset, encoder, &names, options);
    let teselas: Vec<_> = encoders.iter().map(start).collect();
    let mut sides: Vec<_> = encoders.iter().zip(&teselas).map(side).collect();
    if let Some(url) = &options.against {
        sides.push(Side { target: Target::other(url), pid: options.pid });
    }
    let report = layers::run(dataset, &sides, postgres, options);
    println!("{}\n{report}", header(dataset, options));
}

/// What was run and what was warm.
fn header(dataset: &Dataset, options: &Options) -> String {
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let sql = "SELECT current_setting('server_version'), postgis_lib_version(),
                 current_setting('shared_buffers')";
    let row = dataset.client().query_one(sql, &[]).expect("versions");
    let [postgres, postgis, buffers]: [String; 3] = std::array::from_fn(|index| row.get(index));
    format!(
        "## Cold tiles: `scripts/bench --bench cold -- {}`\n\n\
         {} connections, {} rounds by turns, medians; {} rows in the city's tables; PostgreSQL \
         {postgres}, PostGIS {postgis}, `shared_buffers` {buffers}.\n\n{WARM}\n",
        args.join(" "),
        options.connections,
        options.rounds,
        options.rows,
    )
}

const WARM: &str = "\
Warm, before the first round: the servers' connections and prepared statements, and what they have
learnt about each zoom (how many rows are small, whether there are too many), all of it from the
“others before”: other tiles of the same zooms and places, each asked for once and not measured;
PostgreSQL's buffers and the kernel's page cache, with what these tiles touched. Low zooms have few
tiles: where the layer has one only, it is measured and nothing is learnt before. Not warm: any of
the measured tiles. Tile caches are off, each tile is asked for once a round, and every round after
the first finds in the buffers what the one before has read there. Each side begins in some rounds.";

fn side((encoder, process): (&String, &Process)) -> Side {
    Side { target: Target::tesela(encoder, &process.address), pid: Some(process.pid()) }
}

/// A server of its own for each encoder: all else is equal, and its processor time is its own.
fn tesela(dataset: &Dataset, encoder: &str, layers: &[String], options: &Options) -> Process {
    let mut toml = format!(
        "[server]\nrequest_timeout = '5m'\n[cache]\nmemory = '0'\n\
         [databases.main]\nurl = '{}'\nacquire_timeout = '5m'\nstatement_timeout = '5m'\n",
        dataset.url
    );
    let files = Files::new();
    for layer in layers {
        if encoder == "files" {
            let path = files.geojson(dataset, layer);
            toml += &format!("[layers.{layer}]\nfile = '{}'\n", path.display());
        } else {
            toml += &format!("[layers.{layer}]\ntable = 'public.{layer}'\n");
        }
        if encoder != "rows" && encoder != "files" {
            toml += &format!("encoder = '{encoder}'\n");
        }
        for line in &options.settings {
            toml += &format!("{line}\n");
        }
    }
    let process = Process::tesela(&toml);
    // Files are in memory from then on.
    drop(process.wait());
    process
}
