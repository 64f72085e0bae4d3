//! A layer's feature by its id, as it is asked for on a click.

use std::sync::Arc;

use bytes::Bytes;

use super::{Asked, Engine, Served, TileError};
use crate::source::{Deadline, FeatureRequest};
use crate::tile::compress;

/// A feature, and the generation of what it shows.
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
    /// has no details. It is read anew each time: caches in front keep it.
    ///
    /// # Errors
    /// It couldn't be read.
    pub async fn feature(
        &self,
        served: &Arc<Served>,
        asked: Option<Arc<Asked>>,
        id: i64,
    ) -> Result<Option<Found>, TileError> {
        let [layer] = served.tileset.members.as_slice() else { return Ok(None) };
        if layer.details().is_none() {
            return Ok(None);
        }
        let (layer, timeout) = (layer.clone(), self.settings.request_timeout);
        let read = served.members.generation();
        // Connections belong to the application's own runtime.
        let reading = self.runtime.spawn(async move {
            let Some(part) = layer.details() else { return Ok(None) };
            let request = FeatureRequest {
                layer: &part.query,
                id,
                zoom: layer.max_zoom.min(*part.zooms.end()),
                arguments: asked.as_ref().map_or(&layer.defaults, |asked| asked.of(0)),
            };
            let deadline = Deadline::after(timeout);
            layer.database.source.feature(request, deadline).await.map_err(TileError::from)
        });
        let found = reading.await.unwrap_or_else(|_| Err(TileError::aborted()));
        let found = found.inspect_err(|error| {
            self.metrics.count_query_error(error.kind().label());
            self.log.feature_failed(&served.tileset.id, id, error);
        })?;
        Ok(found.map(|body| Found {
            etag: format!("\"{:032x}\"", compress::digest(&body)).into(),
            body: body.into(),
            is_stale: !served.is_current(read),
        }))
    }
}
