//! The read path: resolve, look up, and on a miss one flight that fetches, encodes, compresses.
//!
//! Requests arrive on actix workers. They only look up and wait: every fetch and every encoding
//! runs on the application's own runtime.

mod error;
mod flight;
mod log;
mod truncation;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::runtime::Handle;

pub use error::{TileError, TileErrorKind};
pub use flight::Timing;
use log::FailureLog;

use crate::cache::{self, Aborted, CachedTile, Joined, Key, SingleFlight, TileCache};
use crate::catalog::{Catalog, Lifetimes, Tileset};
use crate::metrics::{LayerMetrics, Metrics};
use crate::tile::{TileCoord, compress};

/// The value that everyone who waits for a tile gets.
type Loaded = Result<Made, Arc<TileError>>;

/// A tile that was just made.
#[derive(Clone, Debug)]
struct Made {
    tile: CachedTile,
    timing: Timing,
    stored: bool,
}

/// A tile and where it came from.
#[derive(Clone, Debug)]
pub struct Answer {
    pub tile: CachedTile,
    pub origin: Origin,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Memory.
    Hit,
    /// Made for this request.
    Miss {
        timing: Timing,
        /// Whether it was small enough to be kept.
        stored: bool,
    },
    /// Made for another request that was already waiting.
    Collapsed,
}

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    pub cache: cache::Settings,
    /// Longest time to make a tile, waiting included.
    pub request_timeout: Duration,
}

/// Answers tiles.
pub struct Engine {
    published: ArcSwap<Published>,
    cache: Arc<TileCache>,
    flights: SingleFlight<Loaded>,
    settings: EngineSettings,
    metrics: Arc<Metrics>,
    runtime: Handle,
    log: Arc<FailureLog>,
}

/// What is published, swapped as one.
#[derive(Default)]
struct Published {
    catalog: Arc<Catalog>,
    /// By layer id.
    counters: HashMap<String, LayerMetrics>,
}

impl Engine {
    /// An engine that publishes nothing yet and works on `runtime`, which has to be a
    /// multi-thread one.
    pub fn new(settings: EngineSettings, metrics: Arc<Metrics>, runtime: Handle) -> Self {
        let budget = settings.cache.memory.as_u64();
        Self {
            published: ArcSwap::default(),
            cache: Arc::new(TileCache::new(budget, metrics.clone())),
            flights: SingleFlight::new(runtime.clone()),
            settings,
            metrics,
            runtime,
            log: Arc::default(),
        }
    }

    /// What is published now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.published.load().catalog.clone()
    }

    /// Publishes another catalogue. Tiles of unchanged layers stay in the cache.
    pub fn publish(&self, catalog: Catalog) {
        let layers = catalog.tilesets().flat_map(|tileset| &tileset.members);
        let counters =
            layers.map(|layer| (layer.id.clone(), self.metrics.layers.layer(&layer.id))).collect();
        self.published.store(Arc::new(Published { catalog: Arc::new(catalog), counters }));
    }

    /// How long a tileset's tiles may be kept.
    pub fn lifetimes(&self, tileset: &Tileset) -> Lifetimes {
        let cache::Settings { ttl, max_age, s_maxage, .. } = self.settings.cache;
        tileset.lifetimes(Lifetimes { ttl, max_age, s_maxage })
    }

    /// Status of an answer without features: 204 or 200.
    pub fn empty_tile_status(&self) -> u16 {
        self.settings.cache.empty_tile
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The tile from memory, or made now.
    ///
    /// # Errors
    /// It couldn't be made: see [`TileError`].
    pub async fn tile(
        &self,
        tileset: &Arc<Tileset>,
        coord: TileCoord,
    ) -> Result<Answer, Arc<TileError>> {
        let key = Key::new(tileset.identity, coord);
        if let Some((tile, _)) = self.cache.get(&key, Instant::now()) {
            self.metrics.cache_hits.inc();
            return Ok(Answer { tile, origin: Origin::Hit });
        }
        let recheck = || {
            let (tile, _) = self.cache.get(&key, Instant::now())?;
            Some(Ok(Made { tile, timing: Timing::default(), stored: true }))
        };
        let load = || self.load(tileset.clone(), coord, key);
        let ticket = match self.flights.join(key, recheck, load) {
            Joined::Ready(made) => {
                self.metrics.cache_hits.inc();
                return made.map(|made| Answer { tile: made.tile, origin: Origin::Hit });
            }
            Joined::Waiting(ticket) => ticket,
        };
        let leader = ticket.leader;
        let counter =
            if leader { &self.metrics.cache_misses } else { &self.metrics.cache_collapsed };
        counter.inc();
        let made = ticket.wait().await.map_err(|_| Arc::new(TileError::aborted()))??;
        let Made { tile, timing, stored } = made;
        let origin = if leader { Origin::Miss { timing, stored } } else { Origin::Collapsed };
        Ok(Answer { tile, origin })
    }

    /// The tile's bytes without compression.
    ///
    /// # Errors
    /// The server is stopping.
    pub async fn decoded(&self, tile: &CachedTile) -> Result<Bytes, Aborted> {
        let gzip = tile.gzip.clone();
        let decode = move || compress::gunzip(&gzip).map(Bytes::from);
        // Heavy tiles take a millisecond: not on a worker that answers hits.
        match self.runtime.spawn_blocking(decode).await {
            Ok(Ok(bytes)) => Ok(bytes),
            _ => Err(Aborted),
        }
    }

    /// Makes the tile and keeps it.
    fn load(
        &self,
        tileset: Arc<Tileset>,
        coord: TileCoord,
        key: Key,
    ) -> impl Future<Output = Loaded> + Send + 'static {
        let cache = self.cache.clone();
        let metrics = self.metrics.clone();
        let timeout = self.settings.request_timeout;
        let ttl = self.lifetimes(&tileset).ttl;
        let (published, log) = (self.published.load_full(), self.log.clone());
        async move {
            let counters = |layer: &str| published.counters.get(layer).cloned();
            let made = flight::make(&tileset, coord, timeout, &metrics, counters).await;
            // Logged once for each tile, not for each request that waits for it.
            let mut made = made.map_err(|error| {
                log.failed(&tileset.id, coord, &error);
                Arc::new(error)
            })?;
            if let Some(expires) = Instant::now().checked_add(ttl) {
                made.stored = cache.insert(key, made.tile.clone(), expires);
            }
            Ok(made)
        }
    }
}
