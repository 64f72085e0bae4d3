//! Forms of a tile beside gzip: br, zstd, and none at all.
//!
//! They are kept beside the gzip form, under its key with the encoding in place of gzip, and are
//! only looked at once that form is at hand: one that was made of another tile has another digest
//! in its entity tag.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus::IntCounter;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::xxh3_64;

use crate::cache::{Aborted, CachedTile, Joined, Key, SingleFlight, Stamp, TileCache};
use crate::tile::{Encoding, compress};

type Recoded = Result<CachedTile, Aborted>;

/// A form that is wanted of a tile.
pub(super) struct Wanted<'a> {
    /// The gzip form.
    pub(super) tile: &'a CachedTile,
    pub(super) encoding: Encoding,
    pub(super) key: Key,
    pub(super) stamp: Stamp,
    pub(super) ttl: Duration,
}

/// Forms that are being made, by key and digest of the tile.
pub(super) struct Flights {
    flights: SingleFlight<(Key, u64), Recoded>,
    made: IntCounter,
}

impl Flights {
    pub(super) fn new(runtime: Handle, made: IntCounter) -> Self {
        Self { flights: SingleFlight::new(runtime), made }
    }

    pub(super) async fn get(
        &self,
        cache: &Arc<TileCache>,
        runtime: &Handle,
        wanted: Wanted<'_>,
    ) -> Recoded {
        let Wanted { tile, encoding, key, stamp, ttl } = wanted;
        let etag = tag(&tile.etag(), encoding);
        let kept = || {
            let found = cache.get(&key, Instant::now())?.tile;
            (found.etag() == etag).then_some(found)
        };
        if let Some(found) = kept() {
            return Ok(found);
        }
        let load = || {
            self.made.inc();
            let (cache, tile, etag) = (cache.clone(), tile.clone(), etag.clone());
            // Heavy tiles take milliseconds: not on a thread that others wait for.
            let make = runtime.spawn_blocking(move || {
                let body = compress::recode(&tile.body(), encoding).map_err(|_| Aborted)?;
                let note = tile.truncated().unwrap_or_default();
                let made = CachedTile::new(&etag, &note, &body);
                if !ttl.is_zero() {
                    cache.insert(key, made.clone(), ttl, &stamp);
                }
                Ok(made)
            });
            async move { make.await.unwrap_or(Err(Aborted)) }
        };
        match self.flights.join((key, xxh3_64(&etag)), || kept().map(Ok), load) {
            Joined::Ready(found) => found,
            Joined::Waiting(ticket) => ticket.wait().await?,
        }
    }
}

/// The entity tag of a form of the tile whose gzip form has `gzip`: each has one of its own
/// (RFC 9110 section 8.8.3.3).
pub fn tag(gzip: &Bytes, encoding: Encoding) -> Bytes {
    match (encoding, gzip.strip_suffix(b"-gz\"")) {
        (Encoding::Gzip, _) | (_, None) => gzip.clone(),
        (_, Some(stem)) => [stem, b"-", encoding.suffix().as_bytes(), b"\""].concat().into(),
    }
}
