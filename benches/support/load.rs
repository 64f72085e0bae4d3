//! Load on a server and what came of it.

use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use tesela::tile::compress;

use super::data;
use super::process::Process;

type Tile = (u8, u32, u32);

/// Connections that ask for cold tiles.
const COLD_CONNECTIONS: usize = 4;

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
