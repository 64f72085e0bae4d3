//! The configured databases: what they hold, and whether they answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tracing::{info, warn};

use super::AppError;
use crate::catalog::{self, Catalog, NamedSource, Tables};
use crate::config::Settings;
use crate::engine::Engine;
use crate::http::DatabaseHealth;
use crate::metrics::{Metrics, PoolSample};
use crate::source::Deadline;
use crate::source::postgis::{PostgisSource, Publish};

/// How often databases are asked whether they answer.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// Databases beyond this many share a series in the metrics.
const MAX_POOL_LABELS: usize = 200;

/// All databases of the configuration.
pub struct Databases {
    entries: Vec<Entry>,
}

struct Entry {
    name: Arc<str>,
    source: Arc<PostgisSource>,
    publish: Option<Publish>,
    status: Mutex<Status>,
}

struct Status {
    tables: Tables,
    reachable: bool,
}

impl Databases {
    /// Sets up the pools. Nothing connects yet.
    ///
    /// # Errors
    /// A URL or its TLS settings can't be used.
    pub fn new(settings: &Settings) -> Result<Self, AppError> {
        let entries = settings.databases.iter().map(|(name, settings)| {
            settings.url.parse().map_err(|cause| AppError::Url { name: name.clone(), cause })?;
            Ok(Entry {
                name: name.as_str().into(),
                source: Arc::new(PostgisSource::new(name, settings)?),
                publish: settings.publish.clone(),
                status: Mutex::new(Status { tables: Tables::Unreachable, reachable: false }),
            })
        });
        Ok(Self { entries: entries.collect::<Result<_, AppError>>()? })
    }

    /// Asks every database what it holds, all at once, and builds the catalogue of that.
    pub async fn load(&self, settings: &Settings) -> Catalog {
        join_all(self.entries.iter().map(Entry::read_tables)).await;
        self.catalog(settings)
    }

    /// Names of the databases with what is known of each.
    pub fn tables(&self) -> BTreeMap<&str, (Tables, &PostgisSource)> {
        let of = |entry: &Entry| entry.status.lock().tables.clone();
        self.entries.iter().map(|entry| (&*entry.name, (of(entry), &*entry.source))).collect()
    }

    /// Names of the databases that can't be reached.
    pub fn unreachable(&self) -> Vec<&str> {
        let down = |entry: &&Entry| !entry.status.lock().reachable;
        self.entries.iter().filter(down).map(|entry| &*entry.name).collect()
    }

    fn catalog(&self, settings: &Settings) -> Catalog {
        let database = |entry: &Entry| catalog::Database {
            source: NamedSource { name: entry.name.clone(), source: entry.source.clone() },
            publish: entry.publish.clone(),
            tables: entry.status.lock().tables.clone(),
        };
        let databases: Vec<_> = self.entries.iter().map(database).collect();
        let builder = catalog::Builder {
            databases: &databases,
            layers: &settings.layers,
            tilesets: &settings.tilesets,
        };
        builder.build()
    }

    /// Keeps asking: a database that was down at the start is published once it is up.
    pub async fn watch(self: Arc<Self>, engine: Arc<Engine>, settings: Settings) {
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let found = join_all(self.entries.iter().map(Entry::check)).await;
            if found.contains(&true) {
                engine.publish(self.catalog(&settings));
            }
        }
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

impl Entry {
    /// Reads what the database holds. Returns whether that worked.
    async fn read_tables(&self) -> bool {
        match self.source.inventory(None).await {
            Ok(inventory) => {
                let (database, tables) = (&*self.name, inventory.tables.len());
                info!(database, tables, postgis = inventory.postgis_version, "connected");
                let tables = Tables::Known(Arc::new(inventory));
                *self.status.lock() = Status { tables, reachable: true };
                true
            }
            Err(error) => {
                warn!(%error, "can't read what the database holds");
                self.status.lock().reachable = false;
                false
            }
        }
    }

    /// Asks for a sign of life. Returns whether the database's tables are known only now.
    async fn check(&self) -> bool {
        if matches!(self.status.lock().tables, Tables::Unreachable) {
            return self.read_tables().await;
        }
        let answer = self.source.ping(Deadline::after(WATCH_INTERVAL)).await;
        let reachable = answer.is_ok();
        let was_reachable = std::mem::replace(&mut self.status.lock().reachable, reachable);
        match answer {
            Err(error) if was_reachable => warn!(%error, "a database stopped answering"),
            Ok(()) if !was_reachable => info!(database = &*self.name, "answers again"),
            _ => {}
        }
        false
    }
}
