//! All layers of one tile over one connection.

use std::sync::Arc;

use futures_util::future;
use parking_lot::Mutex;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row};

use super::connection::{Connection, Prepared};
use super::distant::Cut;
use super::error::{is_transform_failure, is_unknown_system};
use super::filter::{self, Filter, Trip};
use super::one_by_one::one_by_one;
use super::rows::{RowFeature, raw};
use super::statement::Values;
use super::table::{Area, TableLayer};
use crate::source::{LayerRequest, SourceLayer, TileSink};

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

    pub(super) fn feature(&self, index: usize, feature: &RowFeature<'_>) {
        let mut sink = self.sink.lock();
        sink.0.feature(index, feature);
        sink.1 += 1;
    }

    /// Forgets a layer's rows, of which there were `rows`.
    fn restart(&self, index: usize, rows: u64) {
        let mut sink = self.sink.lock();
        sink.0.restart(index);
        sink.1 -= rows;
    }

    pub(super) fn untransformable(&self, index: usize) {
        let mut sink = self.sink.lock();
        sink.0.untransformable(index);
        sink.1 += 1;
    }
}

/// Sends every layer's statement at once and takes their rows as they come. All streams run to
/// their end even if one fails, so that the connection can be used again.
pub(super) async fn fetch(
    connection: &mut Connection,
    requests: &[LayerRequest<'_>],
    sink: &SharedSink<'_>,
) -> Result<(), Error> {
    let shared = &*connection;
    let layers = requests.iter().enumerate().map(|(index, request)| {
        let SourceLayer::Postgis(table) = request.layer;
        Layer { connection: shared, table, request, index, sink }.fetch()
    });
    // Each stream must be polled while the others wait: the driver reads no further as long as
    // one of them leaves its rows.
    let ends: Result<Vec<End>, Error> = future::join_all(layers).await.into_iter().collect();
    for (index, (end, request)) in ends?.into_iter().zip(requests).enumerate() {
        let SourceLayer::Postgis(table) = request.layer;
        if let (End::Untransformable(values), Some(transform)) = (end, &table.transform) {
            one_by_one(connection, transform, &values, index, sink).await?;
        }
    }
    Ok(())
}

/// How a layer's stream ended.
enum End {
    Complete,
    /// At a row that can't be transformed; the sink has none of the layer's rows.
    Untransformable(Values),
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
    async fn fetch(self) -> Result<End, Error> {
        let values = self.values().await?;
        if values.filter == Filter::Nothing {
            return Ok(End::Complete);
        }
        let rows = &self.table.rows;
        let mut sent = 0;
        let each = |row: Row, prepared: &Arc<Prepared>| {
            // The box of a large row is in the tile, and nothing else of it.
            if rows.cut && raw(&row, 1).is_none() {
                return;
            }
            let feature = RowFeature { row: &row, decoders: &prepared.decoders, geometry: None };
            self.sink.feature(self.index, &feature);
            sent += 1;
        };
        let sql = rows.under(&values.filter);
        let done = self.connection.rows(&sql, &values.of(rows), each).await;
        match done {
            // A row that can't be transformed ends the statement after any number of others.
            Err(error) if self.table.transform.is_some() && is_transform_failure(&error) => {
                self.sink.restart(self.index, sent);
                Ok(End::Untransformable(values))
            }
            done => done.map(|()| End::Complete),
        }
    }

    async fn values(&self) -> Result<Values, Error> {
        let filter = self.filter().await?;
        let cut = match &self.table.area {
            Area::Mercator => Cut::mercator(self.request),
            Area::Degrees => Cut::degrees(self.request, filter::area_in_degrees(self.request)),
            Area::Geography { .. } | Area::Transformed { .. } => Cut::default(),
        };
        Ok(Values { filter, cut })
    }

    async fn filter(&self) -> Result<Filter, Error> {
        let there_and_back = match &self.table.area {
            Area::Mercator => return Ok(filter::mercator(self.request)),
            Area::Degrees => return Ok(filter::degrees(self.request)),
            Area::Geography { srid } => return Ok(filter::geography(self.request, *srid)),
            Area::Transformed { there_and_back } => there_and_back,
        };
        let grid = filter::grid(self.request);
        let z = self.request.tile.z();
        match self.trips(there_and_back, &grid).await {
            Ok(trips) => Ok(filter::transformed(z, &grid, &trips)),
            Err(error) if is_unknown_system(&error) || !is_transform_failure(&error) => Err(error),
            Err(_) if z < filter::NARROW_FROM => Ok(Filter::Everything),
            // One point that the system can't express fails them all.
            Err(_) => {
                let alone = grid.iter().map(|point| async move {
                    let trip = self.trips(there_and_back, std::slice::from_ref(point)).await;
                    match trip {
                        Ok(trip) => Ok(trip.into_iter().next().flatten()),
                        Err(error) if is_transform_failure(&error) => Ok(None),
                        Err(error) => Err(error),
                    }
                });
                let trips: Result<Vec<Trip>, Error> =
                    future::join_all(alone).await.into_iter().collect();
                Ok(filter::transformed(z, &grid, &trips?))
            }
        }
    }

    /// Transforms points of the tile to the rows' system and back.
    async fn trips(&self, sql: &Arc<str>, grid: &[(f64, f64)]) -> Result<Vec<Trip>, Error> {
        let points = filter::ewkb_multipoint(4326, grid);
        let mut trips = Vec::new();
        let each = |row: Row, _: &Arc<Prepared>| {
            if let (Some(there), Some(back)) = (raw(&row, 0), raw(&row, 1)) {
                trips = filter::trips(there, back);
            }
        };
        self.connection.rows(sql, &[(&points, Type::BYTEA)], each).await?;
        Ok(trips)
    }
}
