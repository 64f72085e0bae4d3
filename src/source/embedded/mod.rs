//! Files in memory: no database needed.
//!
//! Readers fill batches (`batch`), which become a [`Store`]: flat arrays of coordinates,
//! properties and boxes (`store`, `values`, `tree`). An [`EmbeddedLayer`] is a store with a layer's
//! settings; its features go through the same sink as a database's rows.

mod batch;
mod bytes;
mod chunks;
mod feature;
mod fetch;
mod flatgeobuf;
mod geojson;
mod geopackage;
mod geoparquet;
mod importance;
mod layer;
mod load;
mod mismatch;
mod parallel;
mod rank;
mod settings;
mod store;
mod systems;
mod tags;
#[cfg(test)]
mod tests;
mod times;
mod tree;
mod values;
mod wkb;

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

pub use layer::EmbeddedLayer;
pub use load::{Contained, LoadError, LoadOptions, Loaded, Progress, endings, is_readable, load};
pub use mismatch::Mismatch;
pub use settings::Settings;
pub use store::Store;

use self::fetch::{Found, TooLate, is_heavy};
use super::{
    Deadline, FeatureRequest, FetchStats, LayerRequest, Source, SourceError, SourceLayer, TileSink,
};

/// What logs and metrics call the files, as if they were a database. No database can have the name.
pub const NAME: &str = "(files)";

/// All files. Their features are in the layers.
pub struct EmbeddedSource {
    /// One for each core: tiles are made one after the other, not all at once and none in time.
    cores: Semaphore,
}

impl Default for EmbeddedSource {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self { cores: Semaphore::new(cores) }
    }
}

impl Source for EmbeddedSource {
    fn fetch<'a>(
        &'a self,
        requests: &'a [LayerRequest<'a>],
        sink: &'a mut dyn TileSink,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<FetchStats, SourceError>> {
        Box::pin(async move {
            let started = Instant::now();
            let core = timeout_at(deadline.instant(), self.cores.acquire()).await;
            let _core = core.map_err(|_| too_late())?;
            let queue = started.elapsed();
            let started = Instant::now();
            let rows = fetch(requests, sink, deadline).map_err(|TooLate| too_late())?;
            Ok(FetchStats { queue, db: started.elapsed(), rows })
        })
    }

    fn feature<'a>(
        &'a self,
        request: FeatureRequest<'a>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, SourceError>> {
        Box::pin(async move {
            let SourceLayer::Embedded(layer) = request.layer else { return Ok(None) };
            let core = timeout_at(deadline.instant(), self.cores.acquire()).await;
            let _core = core.map_err(|_| too_late())?;
            let found = || feature::feature(layer, &request, deadline);
            tokio::task::block_in_place(found).map_err(|TooLate| too_late())
        })
    }
}

/// Fills the sink and counts the features.
fn fetch(
    requests: &[LayerRequest<'_>],
    sink: &mut dyn TileSink,
    deadline: Deadline,
) -> Result<u64, TooLate> {
    let layers = requests.iter().enumerate().filter_map(|(index, request)| match request.layer {
        SourceLayer::Embedded(layer) => Some((index, layer, request)),
        _ => None,
    });
    let heavy = layers.clone().any(|(_, layer, request)| is_heavy(layer, request));
    let fill = || {
        let mut rows = 0;
        for (index, layer, request) in layers {
            let found = Found::new(layer, request, deadline)?;
            found.send(index, sink, deadline)?;
            rows += found.len() as u64;
        }
        Ok(rows)
    };
    if heavy { tokio::task::block_in_place(fill) } else { fill() }
}

fn too_late() -> SourceError {
    SourceError::Timeout {
        database: NAME.to_owned(),
        reason: "its time was up before the last feature".to_owned(),
    }
}
