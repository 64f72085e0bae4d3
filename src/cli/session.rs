//! Sources as `serve` has them, asked from the command line: one layer after the other, and nothing
//! is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use serde::Serialize;
use tokio::runtime::Runtime;
use tracing::warn;

use super::{CommandError, load, progress, sources};
use crate::app::{self, Databases, Files};
use crate::catalog::{Layer, LookupError};
use crate::engine::{Engine, EngineSettings, Origin, TileErrorKind, TileRequest, Timing};
use crate::metrics::Metrics;
use crate::tile::{TileCoord, compress};

/// Most names that an error lists.
const LISTED: usize = 20;

/// An engine, with what it publishes.
pub struct Session {
    engine: Arc<Engine>,
    databases: Databases,
    runtime: Runtime,
}

/// A layer of a tile, made for this one time.
#[derive(Debug)]
pub struct Made {
    /// Uncompressed.
    pub tile: Vec<u8>,
    pub cost: Cost,
}

/// What it took.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    pub layer: String,
    /// From the first question to the finished tile, without the wait for a connection.
    #[serde(rename = "ms", serialize_with = "as_millis")]
    pub time: Duration,
    /// Of that, until the last row came.
    #[serde(rename = "db_ms", serialize_with = "as_millis")]
    pub db: Duration,
    /// The wait for a connection; the first one is opened then.
    #[serde(rename = "queue_ms", serialize_with = "as_millis")]
    pub queue: Duration,
    /// Rows that came; nobody knows where the database makes the tile.
    pub rows: Option<u64>,
    /// As in `Tesela-Truncated`.
    pub truncated: Option<String>,
}

fn as_millis<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e3)
}

/// Why a layer's tile couldn't be made.
#[derive(Debug)]
pub struct Failed {
    pub reason: String,
    /// The database is down: others of it needn't be tried.
    pub is_unavailable: bool,
}

impl Session {
    /// Opens the sources, and what the configuration has besides.
    ///
    /// # Errors
    /// There are none, or the settings can't be used.
    pub fn open(config: Option<&Path>, sources: &[String]) -> Result<Self, CommandError> {
        let mut settings = load(config)?;
        sources::add(&mut settings, sources)?;
        if !sources::has_any(&settings) {
            return Err("there is no source to ask: give one, such as city.geojson or \
                        postgres://user:password@host/database, or --config FILE"
                .into());
        }
        // Each tile is made anew.
        settings.cache.memory = ByteSize::b(0);
        let files = Files::load(&settings, false, &progress::Bar::new())?;
        let runtime = app::runtime()?;
        let engine_settings = EngineSettings {
            cache: settings.cache.clone(),
            request_timeout: settings.server.request_timeout,
        };
        let metrics = Arc::new(Metrics::new()?);
        let engine = Arc::new(Engine::new(engine_settings, metrics, runtime.handle().clone()));
        let databases = runtime.block_on(async {
            let databases = Databases::new(&settings, files)?;
            engine.publish(databases.load(&settings).await);
            Ok::<_, CommandError>(databases)
        })?;
        Ok(Self { engine, databases, runtime })
    }

    /// The layers of these names, of which each may be a tileset's; all that there are if there is
    /// no name.
    ///
    /// # Errors
    /// A name has none, or a database that may have it can't be reached.
    pub fn layers(&self, names: &[String]) -> Result<Vec<Arc<Layer>>, CommandError> {
        if names.is_empty() {
            self.check_databases()?;
        }
        let catalog = self.engine.catalog();
        for (layer, disabled) in catalog.disabled().iter().filter(|_| names.is_empty()) {
            warn!(layer, reason = disabled.detail, "disabled");
        }
        let tilesets = match names {
            [] => Ok(catalog.tilesets().cloned().collect::<Vec<_>>()),
            names => names.iter().map(|name| catalog.lookup(name)).collect(),
        };
        let tilesets = tilesets.map_err(|error| self.explain(error))?;
        let mut layers: Vec<Arc<Layer>> = Vec::new();
        for layer in tilesets.iter().flat_map(|tileset| &tileset.members) {
            if layers.iter().all(|other| other.id != layer.id) {
                layers.push(layer.clone());
            }
        }
        match layers.is_empty() {
            true => Err("nothing is published; `tesela check` says what was found and why".into()),
            false => Ok(layers),
        }
    }

    fn check_databases(&self) -> Result<(), CommandError> {
        match self.databases.unreachable().as_slice() {
            [] => Ok(()),
            names => {
                Err(format!("can't reach database {}; the log above says why", names.join(", "))
                    .into())
            }
        }
    }

    /// What a name's error means to someone who has no `/catalog` to look at.
    fn explain(&self, error: LookupError) -> CommandError {
        let catalog = self.engine.catalog();
        match &error {
            LookupError::Unknown(name) => {
                let ids: Vec<&str> = catalog.tilesets().map(|tileset| &*tileset.id).collect();
                let more = if ids.len() > LISTED { ", …" } else { "" };
                let list = ids[..ids.len().min(LISTED)].join(", ");
                format!("there is no layer or tileset {name:?}; there are: {list}{more}").into()
            }
            LookupError::Disabled(name) => {
                let detail = catalog.disabled().get(name).map(|disabled| &*disabled.detail);
                format!("layer {name:?} is disabled: {}", detail.unwrap_or("see tesela check"))
                    .into()
            }
            LookupError::NotYetKnown(_) => {
                self.check_databases().err().unwrap_or_else(|| error.into())
            }
            _ => error.into(),
        }
    }

    /// Makes a layer of a tile. `query` is what a URL would have behind its `?`.
    ///
    /// # Errors
    /// The source fails, or the query can't be answered.
    pub fn tile(&self, layer: &Layer, coord: TileCoord, query: &str) -> Result<Made, Failed> {
        let failed = |reason: String| Failed { reason, is_unavailable: false };
        let served = self.engine.lookup(&layer.id).map_err(|e| failed(e.to_string()))?;
        let asked = served.asked(query).map_err(|error| failed(error.to_string()))?;
        let request = TileRequest { served, coord, asked };
        let started = Instant::now();
        let answer = self.runtime.block_on(self.engine.tile(&request));
        let elapsed = started.elapsed();
        let (answer, _) = answer.map_err(|error| Failed {
            reason: error.to_string(),
            is_unavailable: error.kind() == TileErrorKind::Unavailable,
        })?;
        let timing = match answer.origin {
            Origin::Miss { timing, .. } => timing,
            _ => Timing::default(),
        };
        let counted = layer.at(coord.z()).is_some_and(|part| !part.query.makes_tiles());
        let truncated = answer.tile.truncated();
        let cost = Cost {
            layer: layer.id.clone(),
            time: elapsed.saturating_sub(timing.queue),
            db: timing.db,
            queue: timing.queue,
            rows: counted.then_some(timing.rows),
            truncated: truncated.map(|note| reasons(&String::from_utf8_lossy(&note))),
        };
        let body = answer.tile.body();
        let tile = if body.is_empty() { Vec::new() } else { unpacked(&body)? };
        Ok(Made { tile, cost })
    }
}

fn unpacked(gzip: &[u8]) -> Result<Vec<u8>, Failed> {
    let tile = compress::gunzip(gzip);
    tile.map_err(|error| Failed { reason: error.to_string(), is_unavailable: false })
}

/// Reasons of a `Tesela-Truncated` header that is about one layer: `roads;max_features` and so on.
fn reasons(note: &str) -> String {
    let reasons = note.split(", ").map(|cut| cut.rsplit(';').next().unwrap_or(cut));
    reasons.collect::<Vec<_>>().join(", ")
}
