//! What the engine is doing, for operators.

use std::time::Duration;

use super::Engine;

/// A moment of the engine.
#[derive(Clone, Debug)]
pub struct Stats {
    pub uptime: Duration,
    /// Bytes that the cache may hold, and holds.
    pub cache_budget: u64,
    pub cache_bytes: i64,
    pub cache_tiles: i64,
    pub cache_shards: usize,
    pub hits: u64,
    pub stale: u64,
    pub misses: u64,
    pub collapsed: u64,
    pub evictions: u64,
    pub purged: u64,
    /// Tiles that are being made.
    pub flights: usize,
    pub layers: Vec<LayerState>,
}

/// A layer's state.
#[derive(Clone, Debug)]
pub struct LayerState {
    pub id: String,
    /// As in `?v=`.
    pub version: String,
    pub data_version: Option<String>,
    /// How often what was read of it became invalid: by purges and by new data versions.
    pub generation: u64,
}

impl Engine {
    pub fn stats(&self) -> Stats {
        let metrics = &self.metrics;
        let published = self.published.load();
        let layers = published.served().filter_map(|served| {
            let [layer] = served.tileset.members.as_slice() else { return None };
            (layer.id == served.tileset.id).then(|| LayerState {
                id: layer.id.clone(),
                version: served.version.clone(),
                data_version: layer.data_version.clone(),
                generation: served.members.generation(),
            })
        });
        Stats {
            uptime: self.started.elapsed(),
            cache_budget: self.cache.budget(),
            cache_bytes: metrics.cache_bytes.get(),
            cache_tiles: metrics.cache_entries.get(),
            cache_shards: self.cache.shards(),
            hits: metrics.cache_hits.get(),
            stale: metrics.cache_stale.get(),
            misses: metrics.cache_misses.get(),
            collapsed: metrics.cache_collapsed.get(),
            evictions: metrics.cache_evictions.get(),
            purged: metrics.cache_purged.get(),
            flights: self.flights.len(),
            layers: layers.collect(),
        }
    }
}
