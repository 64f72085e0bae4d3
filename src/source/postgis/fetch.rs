//! All layers of one tile over one connection.

use futures_util::future;
use parking_lot::Mutex;
use tokio_postgres::{Error, Row};

use super::area::Area;
use super::connection::Connection;
use super::error::is_transform_failure;
use super::filter::Filter;
use super::hints;
use super::mvt::{Mvt, Numbers};
use super::one_by_one::{OneByOne, one_by_one};
use super::rows::{RowFeature, raw};
use super::small::is_small;
use super::statement::{Limit, Values, Wanted};
use super::table::TableLayer;
use super::values::Decoder;
use crate::source::{LayerRequest, SourceLayer, TileSink};
use crate::tile::{Level, Truncation};

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

    pub(super) fn encoded(&self, index: usize, layer: &[u8], tag: Option<&[u8]>) {
        let mut sink = self.sink.lock();
        if !layer.is_empty() {
            sink.0.encoded(index, layer, tag);
            sink.1 += 1;
        }
    }

    pub(super) fn truncated(&self, index: usize, reason: Truncation) {
        self.sink.lock().0.truncated(index, reason);
    }

    pub(super) fn untransformable(&self, index: usize) {
        let mut sink = self.sink.lock();
        sink.0.untransformable(index);
        sink.1 += 1;
    }
}

/// Sends every layer's statement at once and takes their rows as they come. All streams run to
/// their end even if one fails, so that the connection can be used again. The inner error says what
/// is wrong with what a function has given.
pub(super) async fn fetch(
    connection: &mut Connection,
    requests: &[LayerRequest<'_>],
    sink: &SharedSink<'_>,
) -> Result<Result<(), String>, Error> {
    let shared = &*connection;
    let layers = requests.iter().enumerate().map(|(index, request)| async move {
        match request.layer {
            SourceLayer::Postgis(table) => {
                Layer { connection: shared, table, request, index, sink }.fetch().await
            }
            SourceLayer::PostgisTiles(function) => {
                let fetched = function.fetch(shared, request, index, sink).await?;
                Ok(fetched.map_or_else(End::Wrong, |()| End::Complete))
            }
            SourceLayer::Embedded(_) => Ok(End::Wrong("a file's layer is none of it".to_owned())),
        }
    });
    // Each stream must be polled while the others wait: the driver reads no further as long as
    // one of them leaves its rows.
    let ends: Result<Vec<End<'_>>, Error> = future::join_all(layers).await.into_iter().collect();
    for (index, (end, request)) in ends?.into_iter().zip(requests).enumerate() {
        match (end, request.layer) {
            (End::Wrong(reason), _) => return Ok(Err(reason)),
            (End::Untransformable(values, wanted), SourceLayer::Postgis(table)) => {
                let Some(transform) = &table.transform else { continue };
                let (values, order) = (&values, &table.order);
                let layer = OneByOne { transform, values, wanted, order, index };
                one_by_one(connection, layer, sink).await?;
            }
            _ => {}
        }
    }
    Ok(Ok(()))
}

/// How a layer's stream ended.
enum End<'a> {
    Complete,
    /// With something that is no tile.
    Wrong(String),
    /// There are more rows than wanted. The sink has none of them, here and below.
    TooMany,
    /// There are rows that should have been cut.
    Large,
    /// At a row that can't be transformed.
    Untransformable(Box<Values<'a>>, Wanted),
}

/// One layer of the tile.
struct Layer<'a, 'c, 's> {
    connection: &'c Connection,
    table: &'a TableLayer,
    request: &'a LayerRequest<'a>,
    index: usize,
    sink: &'c SharedSink<'s>,
}

impl<'a> Layer<'a, '_, '_> {
    async fn fetch(self) -> Result<End<'a>, Error> {
        let Self { connection, table, request, .. } = self;
        let values = Area { connection, table, request }.values().await?;
        if values.filter == Filter::Nothing {
            return Ok(End::Complete);
        }
        let mut wanted = self.wanted();
        if let Some(mvt) = &self.table.mvt {
            return self.encoded(mvt, values, wanted).await;
        }
        loop {
            // What is learned here changes how the next one is asked.
            match self.stream(&values, wanted).await? {
                // That was to learn how many rows are small.
                End::TooMany if self.level().max_features.is_none() => {
                    wanted = Wanted { limit: Limit::None, ..self.wanted() };
                }
                End::TooMany => {
                    self.table.hints.set_overflowed(self.request.tile.z());
                    wanted = wanted.in_order();
                }
                End::Large => self.table.hints.set_large(),
                end => return Ok(end),
            }
        }
    }

    /// Rows are only put in order once there were too many at this zoom: most tiles of most
    /// layers are far from their budget.
    fn wanted(&self) -> Wanted {
        let (z, hints) = (self.request.tile.z(), &self.table.hints);
        let level = self.level();
        let can_be_small = level.min_size > 0.0 && self.table.rows.from.not_small.is_some();
        match level.max_features {
            None => {
                // Beside what ST_AsMVT costs, a look at a row is nothing.
                let pays = self.table.mvt.is_some() || hints.mostly_small(z);
                // The first heavy tile of a zoom isn't read whole before that is known.
                let learns = can_be_small && !pays && hints.wants_sizes(z);
                let limit = if learns { Limit::Any(hints::SAMPLE) } else { Limit::None };
                Wanted { not_small: can_be_small && pays, limit }
            }
            // Rows that are left out don't count, whatever is known of the zoom.
            Some(rows) if hints.overflowed(z) => {
                Wanted { not_small: can_be_small, limit: Limit::First(rows) }
            }
            Some(rows) => Wanted { not_small: can_be_small, limit: Limit::Any(rows) },
        }
    }

    /// The statement is one that a client has thought up: kept, such ones would drive out those that
    /// come again.
    fn is_rare(&self) -> bool {
        self.request.arguments.filter.is_some()
    }

    fn level(&self) -> Level {
        self.request.spec.levels.at(self.request.tile.z())
    }

    /// Sends the rows of a query to the sink.
    async fn stream(&self, values: &Values<'a>, wanted: Wanted) -> Result<End<'a>, Error> {
        let rows = self.table.rows_now();
        let most = wanted.limit.rows().unwrap_or(u64::MAX);
        let (mut came, mut sent, mut large) = (0, 0, false);
        let each = |row: Row, decoders: &[Decoder]| {
            came += 1;
            large |= self.table.is_unexpectedly_large(rows, raw(&row, 1));
            // A row that is cut may have its box in the tile and nothing else.
            if large || came > most || rows.cut && raw(&row, 1).is_none() {
                return;
            }
            self.look_at_size(&row, values, wanted);
            let order = &self.table.order;
            let feature = RowFeature { row: &row, decoders, geometry: None, order, cut: rows.cut };
            self.sink.feature(self.index, &feature);
            sent += 1;
        };
        let sql = rows.sql(values, wanted);
        let parameters = values.of(rows, wanted);
        let done = match self.is_rare() {
            true => self.connection.rows_once(&sql, &parameters, each).await,
            false => self.connection.rows(&sql, &parameters, each).await,
        };
        match done {
            // A row that can't be transformed ends the statement after any number of others.
            Err(error) if self.table.transform.is_some() && is_transform_failure(&error) => {
                self.sink.restart(self.index, sent);
                return Ok(End::Untransformable(values.clone().into(), wanted.in_order()));
            }
            done => done?,
        }
        if large {
            self.sink.restart(self.index, sent);
            return Ok(End::Large);
        }
        match wanted.limit {
            Limit::Any(_) if came > most => {
                self.sink.restart(self.index, sent);
                return Ok(End::TooMany);
            }
            Limit::First(_) if came > most => {
                self.sink.truncated(self.index, Truncation::MaxFeatures);
            }
            _ => {}
        }
        Ok(End::Complete)
    }

    /// Has the database make the layer.
    async fn encoded(
        &self,
        mvt: &Mvt,
        values: Values<'a>,
        wanted: Wanted,
    ) -> Result<End<'a>, Error> {
        let sql = mvt.sql(self.request, &values, wanted);
        let numbers = Numbers::new(self.request);
        let each = |row: Row, _: &[Decoder]| {
            let more = wanted.limit != Limit::None && raw(&row, 1) == Some(&[1]);
            self.sink.encoded(self.index, raw(&row, 0).unwrap_or_default(), None);
            if more {
                self.sink.truncated(self.index, Truncation::MaxFeatures);
            }
        };
        let parameters = mvt.values(&values, &numbers);
        let done = match self.is_rare() {
            true => self.connection.rows_once(&sql, &parameters, each).await,
            false => self.connection.rows(&sql, &parameters, each).await,
        };
        drop(parameters);
        match done {
            // The rows that can be transformed come one by one.
            Err(error) if self.table.transform.is_some() && is_transform_failure(&error) => {
                Ok(End::Untransformable(values.into(), wanted.in_order()))
            }
            done => done.map(|()| End::Complete),
        }
    }

    /// Learns how many rows of the zoom are small, from the first few hundred.
    fn look_at_size(&self, row: &Row, values: &Values<'_>, wanted: Wanted) {
        let z = self.request.tile.z();
        let can_be_small = values.sizes[0] > 0.0 && self.table.rows.from.not_small.is_some();
        if can_be_small && !wanted.not_small && self.table.hints.wants_sizes(z) {
            let small = raw(row, 1).is_some_and(|ewkb| is_small(ewkb, values.sizes));
            self.table.hints.add_size(z, small);
        }
    }
}
