//! The configured databases: what they hold, and whether they answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::AppError;
use super::files::Files;
use super::versions::Versions;
use crate::catalog::{self, Catalog, NamedSource, Tables};
use crate::config::Settings;
use crate::engine::Engine;
use crate::http::DatabaseHealth;
use crate::metrics::{Metrics, PoolSample};
use crate::source::postgis::{Inventory, PostgisSource, Publish, QuerySettings, WantedFunctions};
use crate::source::{Deadline, SourceError};

/// How often a database is asked whether it answers.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// Longest time between two tries to look at tables that couldn't be looked at.
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);

/// Databases beyond this many share a series in the metrics.
const MAX_POOL_LABELS: usize = 200;

/// All databases of the configuration, and its files beside them.
pub struct Databases {
    entries: Vec<Arc<Entry>>,
    files: Arc<Files>,
    /// The first catalogue is published, so that every change makes another.
    started: AtomicBool,
    publishing: Mutex<()>,
}

struct Entry {
    name: Arc<str>,
    source: Arc<PostgisSource>,
    publish: Option<Publish>,
    queries: Vec<QuerySettings>,
    functions: WantedFunctions,
    versions: Versions,
    status: Mutex<Status>,
}

struct Status {
    tables: Tables,
    reachable: bool,
    /// What the log said last, so that it is not repeated for as long as nothing changes.
    logged: Option<String>,
    /// When the tables were read, and how long to wait before they are read again if some
    /// couldn't be looked at.
    read_at: Instant,
    patience: Duration,
}

/// The queries of the layers that are in `database`.
fn queries(settings: &Settings, database: &str) -> Vec<QuerySettings> {
    let here = settings.layers_in(database);
    here.flat_map(|(id, layer)| layer.query_settings(id)).collect()
}

/// The functions that they name.
fn functions(settings: &Settings, database: &str) -> Vec<(String, Option<i32>)> {
    settings.layers_in(database).flat_map(|(id, layer)| layer.functions(id)).collect()
}

impl Databases {
    /// Sets up the pools. Nothing connects yet.
    ///
    /// # Errors
    /// A URL or its TLS settings can't be used.
    pub fn new(settings: &Settings, files: Files) -> Result<Self, AppError> {
        let entries = settings.databases.iter().map(|(name, database)| {
            database.url.parse().map_err(|cause| AppError::Url { name: name.clone(), cause })?;
            let status = Status {
                tables: Tables::Unreachable,
                reachable: false,
                logged: None,
                read_at: Instant::now(),
                patience: WATCH_INTERVAL,
            };
            Ok(Arc::new(Entry {
                name: name.as_str().into(),
                source: Arc::new(PostgisSource::new(name, database)?),
                publish: database.publish.clone(),
                queries: queries(settings, name),
                functions: WantedFunctions {
                    named: functions(settings, name),
                    publish: database.publish.clone(),
                },
                versions: Versions::new(settings, name),
                status: Mutex::new(status),
            }))
        });
        Ok(Self {
            entries: entries.collect::<Result<_, AppError>>()?,
            files: Arc::new(files),
            started: AtomicBool::new(false),
            publishing: Mutex::default(),
        })
    }

    /// Asks every database what it holds, all at once, and builds the catalogue of that.
    pub async fn load(&self, settings: &Settings) -> Catalog {
        join_all(self.entries.iter().map(|entry| entry.read_all())).await;
        self.catalog(settings)
    }

    /// Names of the databases with what is known of each.
    pub fn tables(&self) -> BTreeMap<&str, (Tables, &PostgisSource)> {
        let of = |entry: &Arc<Entry>| entry.status.lock().tables.clone();
        self.entries.iter().map(|entry| (&*entry.name, (of(entry), &*entry.source))).collect()
    }

    /// Names of the databases that can't be reached.
    pub fn unreachable(&self) -> Vec<&str> {
        let down = |entry: &&Arc<Entry>| !entry.status.lock().reachable;
        self.entries.iter().filter(down).map(|entry| &*entry.name).collect()
    }

    /// Layers whose `version_sql` doesn't work, with the reason.
    pub fn version_failures(&self) -> Vec<(String, String)> {
        self.entries.iter().flat_map(|entry| entry.versions.failures()).collect()
    }

    fn catalog(&self, settings: &Settings) -> Catalog {
        let database = |entry: &Arc<Entry>| catalog::Database {
            source: NamedSource { name: entry.name.clone(), source: entry.source.clone() },
            publish: entry.publish.clone(),
            tables: entry.status.lock().tables.clone(),
        };
        let databases: Vec<_> = self.entries.iter().map(database).collect();
        let versions = self.entries.iter().flat_map(|entry| entry.versions.known()).collect();
        let builder = catalog::Builder {
            databases: &databases,
            layers: &settings.layers,
            tilesets: &settings.tilesets,
            files: &self.files.current(),
            versions: &versions,
        };
        builder.build()
    }

    /// Starts a task for each database that reads what it holds and then keeps asking, so that a
    /// slow one holds up no other. The future ends when each was tried once.
    pub fn watch(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        settings: &Arc<Settings>,
        runtime: &Handle,
    ) -> impl Future<Output = ()> + use<> {
        let tried: Vec<_> = self
            .entries
            .iter()
            .map(|entry| {
                let (all, engine, settings) = (self.clone(), engine.clone(), settings.clone());
                let entry = entry.clone();
                let (tried, wait) = oneshot::channel::<()>();
                runtime.spawn(async move {
                    let found = entry.read_all().await;
                    if found && all.started.load(Ordering::SeqCst) {
                        all.publish(&engine, &settings);
                    }
                    drop(tried);
                    let publish = || all.publish(&engine, &settings);
                    let interval = settings.cache.version_interval;
                    tokio::join!(
                        entry.watch_tables(publish),
                        entry.watch_versions(interval, publish)
                    );
                });
                wait
            })
            .collect();
        if settings.files.watch {
            let (all, engine, settings) = (self.clone(), engine.clone(), settings.clone());
            let files = self.files.clone();
            runtime.spawn(files.watch(move || all.publish(&engine, &settings)));
        }
        async move {
            // A channel that closes is the sign; nothing is sent.
            let _ = join_all(tried).await;
        }
    }

    /// Publishes the catalogue of what is known now; from here on every change does.
    pub fn publish(&self, engine: &Engine, settings: &Settings) {
        let is_first = !self.started.swap(true, Ordering::SeqCst);
        // Of two at once, the one that knows more must come last.
        let _one_by_one = self.publishing.lock();
        let next = self.catalog(settings);
        if !is_first {
            report_losses(&engine.catalog(), &next);
        }
        engine.publish(next);
    }

    /// For `/health/ready`.
    pub fn health(&self, required: &[String]) -> Vec<DatabaseHealth> {
        self.entries
            .iter()
            .map(|entry| DatabaseHealth {
                name: entry.name.to_string(),
                reachable: entry.status.lock().reachable,
                required: required.iter().any(|name| **name == *entry.name),
            })
            .collect()
    }

    /// Brings the pools' metrics up to date.
    pub fn sample(&self, metrics: &Metrics) {
        let mut other = PoolSample::default();
        for (index, entry) in self.entries.iter().enumerate() {
            let state = entry.source.pool_state();
            if index < MAX_POOL_LABELS {
                let sample = PoolSample {
                    connections: state.connections,
                    idle: state.idle,
                    waiting: state.waiting,
                    timeouts: state.timeouts,
                };
                metrics.set_pool(&entry.name, sample);
            } else {
                other.connections += state.connections;
                other.idle += state.idle;
                other.waiting += state.waiting;
                other.timeouts += state.timeouts;
            }
        }
        if self.entries.len() > MAX_POOL_LABELS {
            metrics.set_pool("_other", other);
        }
    }
}

/// Logs what was served and isn't any more.
fn report_losses(before: &Catalog, next: &Catalog) {
    let has = |catalog: &Catalog, id: &str| catalog.tilesets().any(|tileset| tileset.id == id);
    for (id, disabled) in next.disabled() {
        if has(before, id) {
            warn!(layer = id, reason = disabled.detail, "disabled");
        }
    }
    for tileset in before.tilesets() {
        if !has(next, &tileset.id) && !next.disabled().contains_key(&tileset.id) {
            warn!(layer = tileset.id, "not published any more");
        }
    }
}

impl Entry {
    /// Reads what the database holds and the versions of it. Returns whether the first worked.
    async fn read_all(&self) -> bool {
        let found = self.read_tables().await;
        if found && !self.versions.is_empty() {
            self.versions.read(&self.source).await;
        }
        found
    }

    /// Keeps asking for signs of life, and calls `publish` when there are other tables.
    async fn watch_tables(&self, publish: impl Fn()) {
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            if self.check().await {
                publish();
            }
        }
    }

    /// Keeps asking for versions, and calls `publish` when one has changed.
    async fn watch_versions(&self, interval: Duration, publish: impl Fn()) {
        while !self.versions.is_empty() {
            let soon = interval.min(WATCH_INTERVAL);
            let wait = if self.versions.is_incomplete() { soon } else { interval };
            tokio::time::sleep(wait).await;
            let is_known = matches!(self.status.lock().tables, Tables::Known(_));
            if is_known && self.versions.read(&self.source).await {
                publish();
            }
        }
    }

    async fn inventory(&self) -> Result<Inventory, SourceError> {
        let mut inventory = self.source.inventory(None).await?;
        self.source.describe(&mut inventory, &self.queries, &self.functions).await?;
        Ok(inventory)
    }

    /// Reads what the database holds. Returns whether that worked.
    async fn read_tables(&self) -> bool {
        match self.inventory().await {
            Ok(inventory) => {
                let (database, tables) = (&*self.name, inventory.tables.len());
                info!(database, tables, postgis = inventory.postgis_version, "connected");
                let tables = Tables::Known(Arc::new(inventory));
                let mut status = self.status.lock();
                let patience = status.patience;
                let read_at = Instant::now();
                *status = Status { tables, reachable: true, logged: None, read_at, patience };
                true
            }
            Err(error) => {
                self.failed(&error, "can't read what the database holds");
                false
            }
        }
    }

    /// Asks for a sign of life. Returns whether the database's tables are known only now.
    async fn check(&self) -> bool {
        if matches!(self.status.lock().tables, Tables::Unreachable) {
            return self.read_all().await;
        }
        if self.source.is_busy() {
            // All connections are at work: a sign of life would only wait behind them.
            return false;
        }
        if self.is_to_be_read_again() {
            return self.read_tables().await;
        }
        match self.source.ping(Deadline::after(WATCH_INTERVAL)).await {
            Ok(()) => {
                let mut status = self.status.lock();
                if !std::mem::replace(&mut status.reachable, true) {
                    status.logged = None;
                    info!(database = &*self.name, "answers again");
                }
            }
            Err(error) => self.failed(&error, "the database doesn't answer"),
        }
        false
    }

    /// Whether some tables couldn't be looked at and it is time for another try. Each try takes
    /// longer to come: what is slow stays slow.
    fn is_to_be_read_again(&self) -> bool {
        let mut status = self.status.lock();
        let incomplete = matches!(&status.tables, Tables::Known(tables) if tables.is_incomplete());
        if !incomplete || status.read_at.elapsed() < status.patience {
            return false;
        }
        status.patience = (status.patience * 2).min(LONGEST_PATIENCE);
        true
    }

    fn failed(&self, error: &SourceError, what: &str) {
        let mut status = self.status.lock();
        status.reachable = false;
        let text = error.to_string();
        if status.logged.as_ref() != Some(&text) {
            warn!(error = text, "{what}");
            status.logged = Some(text);
        }
    }
}
