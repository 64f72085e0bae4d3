//! All layers of one tile over one connection.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::{future, stream};
use parking_lot::Mutex;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row};

use super::connection::{Connection, Parameter, Prepared};
use super::error::is_transform_failure;
use super::filter::{self, Filter};
use super::rows::{RowFeature, raw};
use super::sql::Rows;
use super::table::{Area, TableLayer, Transform};
use crate::source::{LayerRequest, SourceLayer, TileSink};

/// Geometries on their way through the database at once when they are transformed one by one.
const TRANSFORMS_AT_ONCE: usize = 64;

/// The sink, shared by the layers' streams. Locked for one row at a time, by one task: never
/// contended.
pub(super) struct SharedSink<'a> {
    sink: Mutex<(&'a mut dyn TileSink, u64)>,
}

impl<'a> SharedSink<'a> {
    pub(super) fn new(sink: &'a mut dyn TileSink) -> Self {
        Self { sink: Mutex::new((sink, 0)) }
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.sink.lock().1
    }

    fn feature(&self, index: usize, feature: &RowFeature<'_>) {
        let mut sink = self.sink.lock();
        sink.0.feature(index, feature);
        sink.1 += 1;
    }

    fn untransformable(&self, index: usize) {
        let mut sink = self.sink.lock();
        sink.0.untransformable(index);
        sink.1 += 1;
    }
}

/// Sends every layer's statement at once and takes their rows as they come. All streams run to
/// their end even if one fails, so that the connection can be used again.
pub(super) async fn fetch(
    connection: &Connection,
    requests: &[LayerRequest<'_>],
    sink: &SharedSink<'_>,
) -> Result<(), Error> {
    let layers = requests.iter().enumerate().map(|(index, request)| {
        let SourceLayer::Postgis(table) = request.layer;
        Layer { connection, table, request, index, sink }.fetch()
    });
    // Each stream must be polled while the others wait: the driver reads no further as long as
    // one of them leaves its rows.
    future::join_all(layers).await.into_iter().collect()
}

/// One layer of the tile.
struct Layer<'a, 's> {
    connection: &'a Connection,
    table: &'a TableLayer,
    request: &'a LayerRequest<'a>,
    index: usize,
    sink: &'a SharedSink<'s>,
}

impl Layer<'_, '_> {
    async fn fetch(self) -> Result<(), Error> {
        let filter = self.filter().await?;
        match &self.table.transform {
            None => self.stream(&self.table.rows, &filter).await,
            Some(transform) => self.transformed(transform, &filter).await,
        }
    }

    async fn filter(&self) -> Result<Filter, Error> {
        let there_and_back = match &self.table.area {
            Area::Mercator => return Ok(filter::mercator(self.request)),
            Area::Degrees => return Ok(filter::degrees(self.request)),
            Area::Geography { srid } => return Ok(filter::geography(self.request, *srid)),
            Area::Transformed { there_and_back } => there_and_back,
        };
        let grid = filter::grid(self.request);
        let points = filter::ewkb_multipoint(4326, &grid);
        let mut filter = Filter::None;
        let parameters: [Parameter<'_>; 1] = [(&points, Type::BYTEA)];
        let transformed = self.connection.rows(there_and_back, &parameters, |row, _| {
            if let (Some(there), Some(back)) = (raw(&row, 0), raw(&row, 1)) {
                filter = filter::transformed(&grid, there, back);
            }
        });
        match transformed.await {
            // The tile reaches beyond what the rows' system can express.
            Err(error) if is_transform_failure(&error) => Ok(Filter::None),
            Err(error) => Err(error),
            Ok(()) => Ok(filter),
        }
    }

    /// Rows that need nothing more from the database.
    async fn stream(&self, rows: &Rows, filter: &Filter) -> Result<(), Error> {
        self.run(rows, filter, |row, prepared| {
            let feature = RowFeature { row: &row, decoders: &prepared.decoders, geometry: None };
            self.sink.feature(self.index, &feature);
        })
        .await
    }

    /// Rows that the database transforms. One that can't be ends the statement after any number
    /// of others, so they are kept back until all have come.
    async fn transformed(&self, transform: &Transform, filter: &Filter) -> Result<(), Error> {
        let mut kept = Vec::new();
        let done = self
            .run(&self.table.rows, filter, |row, prepared| kept.push((row, prepared.clone())))
            .await;
        match done {
            Ok(()) => {
                for (row, prepared) in &kept {
                    let feature = RowFeature { row, decoders: &prepared.decoders, geometry: None };
                    self.sink.feature(self.index, &feature);
                }
                Ok(())
            }
            Err(error) if is_transform_failure(&error) => {
                drop(kept);
                self.one_by_one(transform, filter).await
            }
            Err(error) => Err(error),
        }
    }

    /// The slow way around a row that can't be transformed: it alone is left out.
    async fn one_by_one(&self, transform: &Transform, filter: &Filter) -> Result<(), Error> {
        let mut kept: Vec<(Row, Arc<Prepared>)> = Vec::new();
        self.run(&transform.plain, filter, |row, prepared| kept.push((row, prepared.clone())))
            .await?;
        let geometries: Vec<_> =
            kept.iter().map(|(row, _)| self.geometry_in_degrees(transform, row)).collect();
        let mut geometries = stream::iter(geometries).buffered(TRANSFORMS_AT_ONCE);
        let mut failure = None;
        for (row, prepared) in &kept {
            match geometries.next().await {
                Some(Ok(geometry)) => {
                    let geometry = geometry.as_deref();
                    let feature = RowFeature { row, decoders: &prepared.decoders, geometry };
                    self.sink.feature(self.index, &feature);
                }
                Some(Err(error)) if is_transform_failure(&error) => {
                    self.sink.untransformable(self.index);
                }
                Some(Err(error)) => failure = failure.or(Some(error)),
                None => break,
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn geometry_in_degrees(
        &self,
        transform: &Transform,
        row: &Row,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(geometry) = raw(row, 1) else { return Ok(None) };
        self.connection.bytes(&transform.one, &[(&geometry, Type::BYTEA)]).await
    }

    async fn run(
        &self,
        rows: &Rows,
        filter: &Filter,
        each: impl FnMut(Row, &Arc<Prepared>),
    ) -> Result<(), Error> {
        match filter {
            Filter::None => self.connection.rows(&rows.all, &[], each).await,
            Filter::Envelope(edges) => {
                let parameters: [Parameter<'_>; 4] =
                    std::array::from_fn(|edge| (&edges[edge] as _, Type::FLOAT8));
                self.connection.rows(&rows.within, &parameters, each).await
            }
            Filter::Polygon(ewkb) => {
                self.connection.rows(&rows.within, &[(ewkb, Type::BYTEA)], each).await
            }
        }
    }
}
