//! Asking for tiles and what it costs.

use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::agree::Features;
use super::ask::Target;
use super::process::{self, Postgres};
use super::tiles::Tile;

/// A server, and how to read its processor time.
pub struct Side {
    pub target: Target,
    pub pid: Option<u32>,
}

/// What one pass over some tiles came to.
#[derive(Clone, Default)]
pub struct Pass {
    pub tiles: usize,
    pub elapsed: Duration,
    /// Milliseconds of each tile.
    pub latencies: Vec<f64>,
    pub bytes: usize,
    pub database: Duration,
    pub server: Duration,
}

impl Pass {
    pub fn add(&mut self, other: &Self) {
        self.tiles += other.tiles;
        self.elapsed += other.elapsed;
        self.latencies.extend(&other.latencies);
        self.bytes += other.bytes;
        self.database += other.database;
        self.server += other.server;
    }

    pub fn per_second(&self) -> f64 {
        self.tiles as f64 / self.elapsed.as_secs_f64()
    }

    pub fn kilobytes(&self) -> f64 {
        self.bytes as f64 / 1e3 / self.tiles as f64
    }

    /// Milliseconds of the database's processor time per tile.
    pub fn database(&self) -> f64 {
        self.database.as_secs_f64() * 1e3 / self.tiles as f64
    }

    /// Of the server and the database.
    pub fn all(&self) -> f64 {
        self.database() + self.server()
    }

    pub fn server(&self) -> f64 {
        self.server.as_secs_f64() * 1e3 / self.tiles as f64
    }
}

/// Asks for every tile once.
pub fn pass(
    side: &Side,
    postgres: &Postgres,
    layer: &str,
    tiles: &[Tile],
    connections: usize,
) -> Pass {
    let ask = || ask(side, layer, tiles, connections, |_, _| ());
    measured(postgres, side.pid, tiles, ask)
}

/// What `ask` costs, which asks for every tile once.
pub fn measured(
    postgres: &Postgres,
    server: Option<u32>,
    tiles: &[Tile],
    ask: impl FnOnce() -> Vec<Answer<()>>,
) -> Pass {
    let server = || server.and_then(process::own_cpu).unwrap_or_default();
    let (database_before, server_before) = (postgres.cpu(), server());
    let started = Instant::now();
    let answers = ask();
    Pass {
        tiles: tiles.len(),
        elapsed: started.elapsed(),
        latencies: answers.iter().map(|answer| answer.millis).collect(),
        bytes: answers.iter().map(|answer| answer.bytes).sum(),
        database: postgres.cpu() - database_before,
        server: server() - server_before,
    }
}

/// Asks for every tile once, unmeasured, and decodes it: its features. Fills the servers'
/// prepared statements and PostgreSQL's buffers too.
pub fn features(side: &Side, layer: &str, tiles: &[Tile], connections: usize) -> Vec<Features> {
    let look = |body: &[u8], gzip| {
        if gzip { Features::of(gunzip(body)) } else { Features::of(body.to_vec()) }
    };
    let answers = ask(side, layer, tiles, connections, look);
    answers.into_iter().map(|answer| answer.found).collect()
}

pub struct Answer<T> {
    pub millis: f64,
    pub bytes: usize,
    pub found: T,
}

/// Over that many connections.
fn ask<T: Send>(
    side: &Side,
    layer: &str,
    tiles: &[Tile],
    connections: usize,
    look: impl Fn(&[u8], bool) -> T + Sync,
) -> Vec<Answer<T>> {
    let worker = |_| {
        let (mut connection, mut body, look) = (side.target.connect(), Vec::new(), &look);
        move |tile| {
            let started = Instant::now();
            let gzip = connection.tile(layer, tile, &mut body);
            let millis = started.elapsed().as_secs_f64() * 1e3;
            Answer { millis, bytes: body.len(), found: look(&body, gzip) }
        }
    };
    share(tiles, (0..connections.min(tiles.len())).map(worker).collect())
}

/// Hands the tiles out to the workers; the answers are in the tiles' order.
pub fn share<T: Send>(
    tiles: &[Tile],
    workers: Vec<impl FnMut(Tile) -> Answer<T> + Send>,
) -> Vec<Answer<T>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(tiles.len()));
    std::thread::scope(|scope| {
        for mut worker in workers {
            let (next, answers) = (&next, &answers);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(tile) = tiles.get(number) else { return };
                    let answer = worker(*tile);
                    answers.lock().expect("no panic").push((number, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().expect("no panic");
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

pub fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut tile = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut tile).expect("gzip");
    tile
}

/// One tile's bytes, uncompressed.
pub fn tile(side: &Side, layer: &str, tile: Tile) -> Vec<u8> {
    let mut body = Vec::new();
    let gzip = side.target.connect().tile(layer, tile, &mut body);
    if gzip { gunzip(&body) } else { body }
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}
