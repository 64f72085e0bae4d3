//! The read path: resolve, look up, and on a miss one flight that fetches, encodes, compresses.
//!
//! Requests arrive on actix workers. They only look up and wait: every fetch and every encoding
//! runs on the application's own runtime.

mod answer;
mod asked;
mod encodings;
mod error;
mod feature;
mod flight;
mod log;
mod policy;
mod published;
mod purge;
mod slot;
mod stats;
#[cfg(test)]
mod tests;
mod truncation;

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use answer::Made;
pub use answer::{Answer, Origin};
use arc_swap::ArcSwap;
pub use asked::{AskError, Asked, TileRequest};
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::runtime::Handle;

pub use encodings::tag as entity_tag;
pub use error::{TileError, TileErrorKind};
pub use feature::Found;
pub use flight::Timing;
use log::FailureLog;
pub use policy::{Control, Policy};
use published::Published;
pub use published::{Pin, Served};
pub use purge::{Purge, PurgeError};
pub use stats::{LayerState, Stats};

pub use crate::cache::Swept;
use crate::cache::{
    self, Age, CachedTile, Failures, Generations, Joined, Kept, Key, SingleFlight, Stamp, TileCache,
};
use crate::catalog::{Catalog, Lifetimes, LookupError};
use crate::metrics::Metrics;
use crate::tile::Encoding;

/// The value that everyone who waits for a tile gets.
type Loaded = Result<Made, Arc<TileError>>;

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
    generations: Arc<Generations>,
    /// Digests of the definitions that layers have had, by id.
    definitions: Mutex<HashMap<String, HashSet<u128>>>,
    /// By key and by the generation of what is read: who comes after a purge doesn't join a read
    /// that began before it.
    flights: SingleFlight<(Key, u64), Loaded>,
    failures: Arc<Failures<Arc<TileError>>>,
    encodings: encodings::Flights,
    features: feature::Flights,
    settings: EngineSettings,
    metrics: Arc<Metrics>,
    runtime: Handle,
    log: Arc<FailureLog>,
    started: Instant,
}

/// What memory has of a tile.
enum Remembered {
    Usable(Answer),
    /// For when no new one can be made, with the time since its own was over.
    Old(CachedTile, Duration),
    Nothing,
}

impl Engine {
    /// An engine that publishes nothing yet and works on `runtime`, which has to be a
    /// multi-thread one.
    pub fn new(settings: EngineSettings, metrics: Arc<Metrics>, runtime: Handle) -> Self {
        let budget = settings.cache.memory.as_u64();
        let generations = Arc::<Generations>::default();
        let defaults = Self::default_lifetimes(&settings.cache);
        let (catalog, of_all) = (Catalog::default(), generations.clone());
        let nothing = Published::new(catalog, None, defaults, of_all, &metrics);
        Self {
            published: ArcSwap::from_pointee(nothing),
            cache: Arc::new(TileCache::new(budget, metrics.clone())),
            generations,
            definitions: Mutex::default(),
            flights: SingleFlight::new(runtime.clone()),
            failures: Arc::new(Failures::new(settings.cache.error_ttl)),
            encodings: encodings::Flights::new(runtime.clone(), metrics.cache_encoded.clone()),
            features: feature::Flights::new(runtime.clone()),
            settings,
            metrics,
            runtime,
            log: Arc::default(),
            started: Instant::now(),
        }
    }

    /// What is published now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.published.load().catalog.clone()
    }

    /// The tileset that a URL's first segment names, ready to be served.
    ///
    /// # Errors
    /// See [`LookupError`].
    pub fn lookup(&self, name: &str) -> Result<Arc<Served>, LookupError> {
        self.published.load().lookup(name)
    }

    /// As [`lookup`](Self::lookup), but only if nothing has to be prepared for it.
    pub fn ready(&self, name: &str) -> Option<Arc<Served>> {
        self.published.load().ready(name)
    }

    /// Publishes another catalogue. Tiles of unchanged layers stay in the cache; those of layers
    /// with another data version are purged first, those of other definitions afterwards.
    pub fn publish(&self, catalog: Catalog) {
        self.prepare(&catalog);
        let defaults = Self::default_lifetimes(&self.settings.cache);
        let generations = self.generations.clone();
        let before = self.published.load();
        let next = Published::new(catalog, Some(&before), defaults, generations, &self.metrics);
        drop(before);
        let catalog = next.catalog.clone();
        self.published.store(Arc::new(next));
        self.drop_replaced(&catalog);
        self.tidy();
    }

    fn default_lifetimes(settings: &cache::Settings) -> Lifetimes {
        Lifetimes {
            ttl: settings.ttl,
            max_age: settings.max_age,
            s_maxage: settings.s_maxage,
            stale_while_revalidate: settings.stale_while_revalidate,
            stale_if_error: settings.stale_if_error,
        }
    }

    /// How the cache is set up.
    pub fn cache_settings(&self) -> &cache::Settings {
        &self.settings.cache
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The tile from memory, if it is there and its time isn't over.
    pub fn hit(&self, request: &TileRequest, now: Instant) -> Option<Answer> {
        let found = self.cache.get(&request.key(), now)?;
        let Age::Fresh(_) = found.age else { return None };
        self.metrics.cache_hits.inc();
        Some(Answer::hit(found.tile))
    }

    /// The tile from memory, or made now; and the generation of what it shows, from before it was
    /// read.
    ///
    /// # Errors
    /// It couldn't be made, and memory has none that may stand in: see [`TileError`].
    pub async fn tile(&self, request: &TileRequest) -> Result<(Answer, u64), Arc<TileError>> {
        // Before memory is asked: what it has may be purged while a new one is made.
        let read = request.served.members.generation();
        self.answer(request, read).await.map(|answer| (answer, read))
    }

    async fn answer(&self, request: &TileRequest, read: u64) -> Result<Answer, Arc<TileError>> {
        let key = request.key();
        let old = match self.remembered(request, key) {
            Remembered::Usable(answer) => return Ok(answer),
            Remembered::Old(tile, over) => Some((tile, over)),
            Remembered::Nothing => None,
        };
        let made = self.made(request, key, old.is_some()).await;
        let is_whole = made.as_ref().is_ok_and(|answer| !answer.tile.is_partial());
        match old.filter(|_| !is_whole && request.served.is_current(read)) {
            Some((tile, over)) => Ok(self.stale(tile, over)),
            None => made,
        }
    }

    /// What memory has. A tile whose time is over is served for a while, and a new one made.
    fn remembered(&self, request: &TileRequest, key: Key) -> Remembered {
        let Some(found) = self.cache.get(&key, Instant::now()) else { return Remembered::Nothing };
        let over = match found.age {
            Age::Fresh(_) => {
                self.metrics.cache_hits.inc();
                return Remembered::Usable(Answer::hit(found.tile));
            }
            Age::Stale(_) if found.tile.is_partial() => return Remembered::Nothing,
            Age::Stale(over) => over,
        };
        let lifetimes = request.served.policy(request.coord.z()).lifetimes;
        if over <= lifetimes.stale_while_revalidate {
            if self.failures.recent(&key).is_none() {
                // It runs without anyone who waits; that it is under way already is as good.
                drop(self.join(request, key));
            }
            return Remembered::Usable(self.stale(found.tile, over));
        }
        match over <= lifetimes.stale_if_error {
            true => Remembered::Old(found.tile, over),
            false => Remembered::Nothing,
        }
    }

    fn stale(&self, tile: CachedTile, over: Duration) -> Answer {
        self.metrics.cache_stale.inc();
        Answer { tile, origin: Origin::Stale(over), is_stale: true }
    }

    /// The tile, made for this request or for another one at the same time. With an old one `at_hand`
    /// nobody waits for what failed a moment ago.
    async fn made(
        &self,
        request: &TileRequest,
        key: Key,
        at_hand: bool,
    ) -> Result<Answer, Arc<TileError>> {
        if let Some(error) = self.failures.recent(&key)
            && (at_hand || error.kind() == TileErrorKind::Unavailable)
        {
            return Err(error);
        }
        let ticket = match self.join(request, key) {
            Joined::Ready(made) => {
                self.metrics.cache_hits.inc();
                return made.map(|made| Answer::hit(made.tile));
            }
            Joined::Waiting(ticket) => ticket,
        };
        let leader = ticket.leader;
        let counter =
            if leader { &self.metrics.cache_misses } else { &self.metrics.cache_collapsed };
        counter.inc();
        let made = ticket.wait().await.map_err(|_| Arc::new(TileError::aborted()))??;
        let Made { tile, timing, kept } = made;
        let stored = kept == Kept::Yes;
        let origin = if leader { Origin::Miss { timing, stored } } else { Origin::Collapsed };
        let is_stale = tile.is_partial() || kept == Kept::Outdated;
        Ok(Answer { tile, origin, is_stale })
    }

    /// Joins the flight that makes the tile, or starts it.
    fn join(&self, request: &TileRequest, key: Key) -> Joined<Loaded> {
        // Before anything is read, and before the cache is looked at again.
        let stamp = Stamp::now(&request.served.members);
        let recheck = || {
            let found = self.cache.get(&key, Instant::now())?;
            let Age::Fresh(_) = found.age else { return None };
            let (tile, timing) = (found.tile, Timing::default());
            Some(Ok(Made { tile, timing, kept: Kept::Yes }))
        };
        let generation = stamp.generation();
        let load = || self.load(request.clone(), key, stamp);
        self.flights.join((key, generation), recheck, load)
    }

    /// Makes the tile and keeps it.
    fn load(
        &self,
        request: TileRequest,
        key: Key,
        stamp: Stamp,
    ) -> impl Future<Output = Loaded> + Send + 'static {
        let cache = self.cache.clone();
        let metrics = self.metrics.clone();
        let timeout = self.settings.request_timeout;
        let TileRequest { served, coord, .. } = &request;
        let Lifetimes { ttl, stale_if_error, .. } = served.policy(coord.z()).lifetimes;
        let error_ttl = self.settings.cache.error_ttl;
        let (published, log) = (self.published.load_full(), self.log.clone());
        let failures = self.failures.clone();
        async move {
            let counters = |layer: &str| published.counters.get(layer).cloned();
            let making = flight::make(&request, timeout, &metrics, counters);
            let made = AssertUnwindSafe(making).catch_unwind().await;
            let made = made.unwrap_or_else(|_| Err(TileError::aborted()));
            // Logged once for each tile, not for each request that waits for it.
            let made = made.map_err(|error| {
                log.failed(&request.served.tileset.id, request.coord, &error);
                let error = Arc::new(error);
                failures.insert(key, error.clone());
                error
            })?;
            let flight::Flown { tile, timing, failed } = made;
            failed.iter().for_each(|(layer, error)| log.failed(&layer.id, request.coord, error));
            if failed.is_empty() && request.served.tileset.missing.is_empty() {
                let kept = cache.insert(key, tile.clone(), ttl, &stamp);
                return Ok(Made { tile, timing, kept });
            }
            let tile = tile.into_partial();
            let kept = match failed.into_iter().next() {
                None => cache.insert(key, tile.clone(), ttl, &stamp),
                // What failed isn't tried again at once where there is something better.
                Some((_, error)) if stands_in(&cache, &key, stale_if_error) => {
                    failures.insert(key, Arc::new(error));
                    Kept::No
                }
                // Where there isn't, this stands in for as long.
                Some(_) => cache.insert(key, tile.clone(), error_ttl.min(ttl), &stamp),
            };
            Ok(Made { tile, timing, kept })
        }
    }

    /// The tile in the encoding, made at most once as long as memory holds it. `read` is the
    /// generation from before the tile was.
    ///
    /// # Errors
    /// The server is stopping.
    pub async fn encoded(
        &self,
        request: &TileRequest,
        answer: &Answer,
        read: u64,
        encoding: Encoding,
    ) -> Result<CachedTile, Arc<TileError>> {
        let tile = &answer.tile;
        if encoding == Encoding::Gzip || tile.is_empty() {
            return Ok(tile.clone());
        }
        let TileRequest { served, coord, .. } = request;
        let wanted = encodings::Wanted {
            tile,
            encoding,
            key: request.key().encoded(encoding),
            stamp: Stamp::at(&served.members, read),
            // What nobody should keep isn't kept here either.
            ttl: match answer.is_stale {
                true => Duration::ZERO,
                false => served.policy(coord.z()).lifetimes.ttl,
            },
        };
        let made = self.encodings.get(&self.cache, &self.runtime, wanted).await;
        made.map_err(|_| Arc::new(TileError::aborted()))
    }
}

/// Whether memory has a whole tile that may be served in place of one that lacks something.
fn stands_in(cache: &TileCache, key: &Key, stale_if_error: Duration) -> bool {
    let old = cache.get(key, Instant::now()).filter(|old| !old.tile.is_partial());
    old.is_some_and(|old| match old.age {
        Age::Fresh(_) => true,
        Age::Stale(over) => over <= stale_if_error,
    })
}
