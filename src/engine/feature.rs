//! A layer's feature by its id, as it is asked for on a click.

use std::sync::Arc;

use bytes::Bytes;

use super::asked::secret_digest;
use super::{Asked, Engine, Served, TileError};
use crate::cache::{Joined, SingleFlight};
use crate::source::{Deadline, FeatureRequest};
use crate::tile::compress;

/// What everyone gets who waits for a feature.
type Loaded = Result<Option<Feature>, Arc<TileError>>;

/// Features that are being read: by a digest of the layer, its version and what is asked of it; the id;
/// and the generation of what is read.
pub(super) type Flights = SingleFlight<(u128, i64, u64), Loaded>;

#[derive(Clone, Debug)]
pub(super) struct Feature {
    body: Bytes,
    etag: Bytes,
}

/// A feature that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// GeoJSON.
    pub body: Bytes,
    /// Strong, with its quotes.
    pub etag: Bytes,
    /// What it shows was purged while it was read.
    pub is_stale: bool,
}

impl Engine {
    /// A feature of a tileset that is one layer; `None` if there is no such feature, or the layer
    /// has no details. It is read anew each time, once for all who ask at the same time: caches in
    /// front keep it.
    ///
    /// # Errors
    /// It couldn't be read.
    pub async fn feature(
        &self,
        served: &Arc<Served>,
        asked: Option<Arc<Asked>>,
        id: i64,
    ) -> Result<Option<Found>, Arc<TileError>> {
        if served.tileset.members.len() != 1 || served.tileset.members[0].details().is_none() {
            return Ok(None);
        }
        let read = served.members.generation();
        let chosen = asked.as_ref().map_or(served.tileset.identity, |asked| asked.digest);
        let subject = secret_digest((chosen, &served.version, &served.tileset.members[0].id));
        let load = || self.read_feature(served.clone(), asked, id);
        let loaded = match self.features.join((subject, id, read), || None, load) {
            Joined::Ready(loaded) => loaded,
            Joined::Waiting(ticket) => {
                ticket.wait().await.unwrap_or_else(|_| Err(Arc::new(TileError::aborted())))
            }
        };
        let is_stale = !served.is_current(read);
        Ok(loaded?.map(|Feature { body, etag }| Found { body, etag, is_stale }))
    }

    /// On the application's own runtime, to which connections belong.
    fn read_feature(
        &self,
        served: Arc<Served>,
        asked: Option<Arc<Asked>>,
        id: i64,
    ) -> impl Future<Output = Loaded> + Send + 'static {
        let deadline = Deadline::after(self.settings.request_timeout);
        let (metrics, log) = (self.metrics.clone(), self.log.clone());
        async move {
            let layer = &served.tileset.members[0];
            let Some((zoom, part)) = layer.details() else { return Ok(None) };
            let request = FeatureRequest {
                layer: &part.query,
                id,
                zoom,
                arguments: asked.as_ref().map_or(&layer.defaults, |asked| asked.of(0)),
            };
            let found = layer.database.source.feature(request, deadline).await;
            let found = found.map_err(|error| {
                let error = TileError::from(error);
                metrics.count_query_error(error.kind().label());
                log.feature_failed(&layer.id, id, &error);
                Arc::new(error)
            });
            Ok(found?.map(|body| Feature {
                etag: format!("\"{:032x}\"", compress::digest(&body)).into(),
                body: body.into(),
            }))
        }
    }
}
