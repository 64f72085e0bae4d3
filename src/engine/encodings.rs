//! Forms of a tile beside gzip: br, zstd, and none at all.
//!
//! They are kept beside the gzip form, under its key with the encoding in place of gzip, and are
//! only looked at once that form is at hand: one that was made of another tile has another digest
//! in its entity tag.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus::IntCounter;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
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
    /// Compressors at work: as many as there are cores, since more take memory and no less time.
    at_work: Arc<Semaphore>,
    made: IntCounter,
}

impl Flights {
    pub(super) fn new(runtime: Handle, made: IntCounter) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let at_work = Arc::new(Semaphore::new(cores));
        Self { flights: SingleFlight::new(runtime), at_work, made }
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
            let (at_work, runtime) = (self.at_work.clone(), runtime.clone());
            let make = move || {
                let body = compress::recode(&tile.body(), encoding).map_err(|_| Aborted)?;
                let note = tile.truncated().unwrap_or_default();
                let made = CachedTile::new(&etag, &note, &body);
                cache.insert(key, made.clone(), ttl, &stamp);
                Ok(made)
            };
            async move {
                let _permit = at_work.acquire().await.map_err(|_| Aborted)?;
                // Heavy tiles take milliseconds: not on a thread that others wait for.
                runtime.spawn_blocking(make).await.unwrap_or(Err(Aborted))
            }
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
