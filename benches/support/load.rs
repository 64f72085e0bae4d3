//! Load on a server and what came of it.

use std::io::Read;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use tesela::tile::compress;

use super::data;
use super::process::Process;

type Tile = (u8, u32, u32);

/// Connections that ask for cold tiles.
const COLD_CONNECTIONS: usize = 4;

/// What `wrk` measured.
pub struct Warm {
    pub per_second: f64,
    /// Processor time of the server for each request, in microseconds.
    pub micros: f64,
}

/// Asks for one address over 16 connections for two seconds.
pub fn warm(server: &Process, path: &str, if_none_match: Option<&str>) -> Warm {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c16", "-d2s", "-H", "Accept-Encoding: gzip"]);
    if let Some(etag) = if_none_match {
        wrk.args(["-H", &format!("If-None-Match: {etag}")]);
    }
    let before = server.cpu();
    let output = wrk.arg(server.url(path)).output().expect("wrk is installed");
    let used = server.cpu() - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !text.contains("Non-2xx"), "wrk: {text}");
    let requests: f64 =
        number(&text, |line| line.trim().split_once(" requests in").map(|(n, _)| n));
    let per_second = number(&text, |line| line.strip_prefix("Requests/sec:"));
    Warm { per_second, micros: used.as_secs_f64() * 1e6 / requests }
}

fn number<'a>(text: &'a str, find: impl Fn(&'a str) -> Option<&'a str>) -> f64 {
    let found = text.lines().find_map(find).and_then(|text| text.trim().parse().ok());
    found.unwrap_or_else(|| panic!("wrk: {text}"))
}

/// Tiles made, their bytes and the time that all of them took.
pub struct Cold {
    pub bytes: u64,
    pub elapsed: Duration,
}

/// Asks the server for every tile once.
pub fn cold_http(server: &Process, layer: &str, tiles: &[Tile]) -> Cold {
    share(tiles, || {
        let agent = super::process::agent();
        move |(z, x, y)| {
            let url = server.url(&format!("/{layer}/{z}/{x}/{y}"));
            let answer = agent.get(&url).header("Accept-Encoding", "gzip").call();
            let mut body = Vec::new();
            let answer = answer.expect("an answer");
            answer.into_body().into_reader().read_to_end(&mut body).expect("a tile");
            body.len()
        }
    })
}

/// Asks the database for every tile once, and compresses it as a server would.
pub fn cold_sql(url: &str, layer: &str, tiles: &[Tile]) -> Cold {
    let sql = data::st_asmvt(layer);
    share(tiles, || {
        let mut client = Client::connect(url, NoTls).expect("the database");
        let types = [postgres::types::Type::INT4; 3];
        let statement = client.prepare_typed(&sql, &types).expect("ST_AsMVT");
        move |(z, x, y): Tile| {
            let row = client.query_one(&statement, &[&i32::from(z), &(x as i32), &(y as i32)]);
            compress::gzip(row.expect("a tile").get(0)).len()
        }
    })
}

/// Hands the tiles out to as many workers as there are connections.
fn share<W: FnMut(Tile) -> usize>(tiles: &[Tile], worker: impl Fn() -> W + Sync) -> Cold {
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..COLD_CONNECTIONS {
            scope.spawn(|| {
                let mut work = worker();
                while let Some(tile) = tiles.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bytes.fetch_add(work(*tile) as u64, Ordering::Relaxed);
                }
            });
        }
    });
    Cold { bytes: bytes.into_inner(), elapsed: started.elapsed() }
}
