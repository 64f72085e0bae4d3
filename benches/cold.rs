//! Cold tiles over HTTP: rows to the server against `ST_AsMVT` in the database, over a country of
//! about two million features that this makes itself. `-- --help` lists the options.
//!
//! Needs `TESELA_TEST_DATABASE_URL` of a server on this machine. The servers run without a tile
//! cache; PostgreSQL's buffers and the servers' statements are warm: the first pass over each list
//! of tiles is not measured but decoded and compared.

#[path = "support/process.rs"]
#[allow(dead_code, reason = "shared with the other benchmark")]
pub(crate) mod process;
#[path = "cold"]
mod parts {
    pub mod ask;
    pub mod city;
    pub mod dataset;
    pub mod islands;
    pub mod layers;
    pub mod measure;
    pub mod options;
    pub mod random;
    pub mod report;
    pub mod rows;
    pub mod shapes;
    pub mod tiles;
    pub mod words;

    pub(crate) use super::process;
}

use parts::ask::Target;
use parts::dataset::Dataset;
use parts::layers;
use parts::measure::Side;
use parts::options::{HELP, Options};
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
}

fn compare(dataset: &Dataset, postgres: &Postgres, options: &Options) {
    let encoders = match options.against {
        Some(_) => &options.encoders[..1],
        None => &options.encoders[..],
    };
    let teselas: Vec<_> = encoders.iter().map(|name| tesela(dataset, name, options)).collect();
    let mut sides: Vec<_> = encoders.iter().zip(&teselas).map(side).collect();
    if let Some(url) = &options.against {
        sides.push(Side { target: Target::other(url), pid: options.pid });
    }
    println!(
        "{} connections, {} rounds by turns, medians; CPU in ms per tile; rows: {}\n",
        options.connections, options.rounds, options.rows
    );
    layers::run(dataset, &sides, postgres, options);
}

fn side((encoder, process): (&String, &Process)) -> Side {
    Side { target: Target::tesela(encoder, &process.address), pid: Some(process.pid()) }
}

/// A server of its own for each encoder: all else is equal, and its processor time is its own.
fn tesela(dataset: &Dataset, encoder: &str, options: &Options) -> Process {
    let mut toml = format!(
        "[server]\nrequest_timeout = '5m'\n[cache]\nmemory = '0'\n\
         [databases.main]\nurl = '{}'\nacquire_timeout = '5m'\nstatement_timeout = '5m'\n",
        dataset.url
    );
    for layer in dataset.layers(options) {
        toml += &format!("[layers.{}]\ntable = 'public.{0}'\n", layer.name);
        if encoder != "rows" {
            toml += &format!("encoder = '{encoder}'\n");
        }
        for line in &options.settings {
            toml += &format!("{line}\n");
        }
    }
    let process = Process::tesela(&toml);
    drop(process.wait());
    process
}
