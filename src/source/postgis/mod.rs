//! Tables, views and their kin in a PostGIS database.

mod area;
mod bind;
mod catalogue;
mod columns;
mod condition;
mod connection;
mod describe;
mod details;
mod discover;
mod distant;
mod error;
mod fetch;
mod filter;
mod function;
mod functions;
mod hints;
mod inventory;
mod look;
mod mismatch;
mod mvt;
mod names;
mod numeric;
mod one_by_one;
mod pool;
mod query;
mod rank;
mod rows;
mod settings;
mod small;
mod sql;
mod statement;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod tls;
mod url;
mod values;

pub use function::FunctionLayer;
pub use functions::{Function, WantedFunctions};
pub use inventory::{Column, ColumnKind, GeometryColumn, Inventory, Relation, SpatialTable};
pub use mismatch::Mismatch;
pub(super) use names::{closest, list};
pub use names::{of_query, parse_table_name};
pub use pool::PoolState;
pub use query::{Query, QuerySettings};
pub use settings::{DatabaseUrl, Encoder, Publish, Settings, TableSettings};
pub use table::TableLayer;
pub use url::{InvalidUrl, Target, TlsMode};

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::time::{timeout, timeout_at};

use tokio_postgres::Row;

use self::details::Details;
use self::fetch::SharedSink;
use self::pool::{Checkout, Pool};
use self::values::Decoder;
use super::{
    Deadline, FeatureRequest, FetchStats, LayerRequest, Source, SourceError, SourceLayer, TileSink,
};

/// Longest wait for what no request waits for. Only a network that swallows packets takes as
/// long: statements end by `statement_timeout`.
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostGIS database with its connection pool.
pub struct PostgisSource {
    name: String,
    settings: Settings,
    pool: Pool,
}

impl PostgisSource {
    /// Sets up the pool; connects only when the first query needs it.
    ///
    /// # Errors
    /// The URL or its TLS settings can't be used.
    pub fn new(name: &str, settings: &Settings) -> Result<Self, SourceError> {
        let unusable =
            |reason: String| SourceError::Unavailable { database: name.to_owned(), reason };
        let target = settings.url.parse().map_err(|error| unusable(error.to_string()))?;
        let tls = tls::connector(&target).map_err(unusable)?;
        let mut config = target.config;
        config.options(startup_options(config.get_options(), settings));
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(settings.acquire_timeout);
        }
        if config.get_application_name().is_none() {
            config.application_name("tesela");
        }
        let pool = Pool::new(name, settings, config, tls);
        Ok(Self { name: name.to_owned(), settings: settings.clone(), pool })
    }

    /// The name under `[databases]`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the connection pool is doing.
    pub fn pool_state(&self) -> PoolState {
        self.pool.state()
    }

    /// Every connection that the pool may open is in use: a query that finds none free says
    /// nothing about the database.
    pub fn is_busy(&self) -> bool {
        self.pool.is_busy()
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// The database can't be reached, or didn't answer by `deadline`.
    pub async fn ping(&self, deadline: Deadline) -> Result<(), SourceError> {
        let connection = self.pool.checkout(deadline).await?;
        let pinged = timeout_at(deadline.instant(), connection.client().check_connection()).await;
        let result = pinged.map_err(|_| self.too_late())?;
        connection.finish(&result);
        result.map_err(|error| self.classify(&error))
    }

    /// Size in bytes, as stored, of the largest geometry among some thousand rows; `None` for a
    /// table without rows.
    ///
    /// # Errors
    /// The database can't be reached, or the table can't be read.
    pub async fn largest_row(&self, table: &SpatialTable) -> Result<Option<u64>, SourceError> {
        const SAMPLE: u64 = 10_000;
        let sample = match (table.relation, table.estimated_rows) {
            (Relation::Table | Relation::MaterializedView, Some(rows)) if rows > 2 * SAMPLE => {
                format!(" TABLESAMPLE SYSTEM ({})", 100.0 * SAMPLE as f64 / rows as f64)
            }
            _ => String::new(),
        };
        let geometry = sql::quote(&table.geometry.name);
        let sql = format!(
            "SELECT pg_catalog.max(pg_catalog.pg_column_size(g))::pg_catalog.int8 \
             FROM (SELECT {geometry} AS g FROM {}{sample} LIMIT {SAMPLE}) AS rows",
            table.qualified(),
        );
        let connection = self.checkout().await?;
        let row = timeout(PATIENCE, connection.client().query_typed_one(&sql, &[])).await;
        let row = row.map_err(|_| self.too_late())?;
        connection.finish(&row);
        let size = row.and_then(|row| row.try_get::<_, Option<i64>>(0));
        let size = size.map_err(|error| self.classify(&error))?;
        Ok(size.and_then(|size| u64::try_from(size).ok()))
    }

    /// The one value of a query, as text.
    ///
    /// # Errors
    /// The database can't be reached, or the query doesn't give one row with one value.
    pub async fn version(&self, query: &str) -> Result<String, SourceError> {
        let query = query.trim().trim_end_matches(';');
        // On lines of its own, since it may end in a comment. The database sees to it that it has one
        // column and no second row.
        let sql = format!("SELECT (\n{query}\n)::pg_catalog.text");
        let connection = self.checkout().await?;
        let row = timeout(PATIENCE, connection.client().query_typed_one(&sql, &[])).await;
        connection.cleanse();
        let row = row.map_err(|_| self.too_late())?;
        connection.finish(&row);
        let value = row.and_then(|row| row.try_get::<_, Option<String>>(0));
        let value = value.map_err(|error| self.classify(&error))?;
        value.ok_or_else(|| SourceError::Query {
            database: self.name.clone(),
            reason: "it gives no row, or NULL".to_owned(),
        })
    }

    /// A connection for work that no request waits for.
    async fn checkout(&self) -> Result<Checkout<'_>, SourceError> {
        self.pool.checkout(Deadline::after(self.settings.acquire_timeout * 2)).await
    }

    async fn try_fetch(
        &self,
        requests: &[LayerRequest<'_>],
        sink: &SharedSink<'_>,
        deadline: Deadline,
        stats: &mut FetchStats,
    ) -> Result<Result<(), tokio_postgres::Error>, SourceError> {
        let started = Instant::now();
        let connection = self.pool.checkout(deadline).await;
        stats.queue += started.elapsed();
        let mut connection = connection?;
        let started = Instant::now();
        let fetched =
            timeout_at(deadline.instant(), fetch::fetch(&mut connection, requests, sink)).await;
        if requests.iter().any(|request| request.layer.runs_sql_of_its_own()) {
            connection.cleanse();
        }
        stats.db += started.elapsed();
        stats.rows = sink.rows();
        let fetched = fetched.map_err(|_| self.too_late())?;
        connection.finish(&fetched);
        match fetched {
            Ok(Err(reason)) => Err(SourceError::Query { database: self.name.clone(), reason }),
            fetched => Ok(fetched.map(|_| ())),
        }
    }

    /// As [`Source::feature`]; the inner error is the driver's.
    async fn try_feature(
        &self,
        request: &FeatureRequest<'_>,
        deadline: Deadline,
    ) -> Result<Result<Option<Vec<u8>>, tokio_postgres::Error>, SourceError> {
        let SourceLayer::Postgis(table) = request.layer else { return Ok(Ok(None)) };
        let Some(details) = &table.details else { return Ok(Ok(None)) };
        let given = table.given(request.arguments);
        let values = Details::values(&table.system, request, given);
        let connection = self.pool.checkout(deadline).await?;
        let mut feature = None;
        let asked = async {
            for with_geometry in [true, false] {
                let (sql, parameters) = details.query(&values, &request.id, with_geometry);
                let each =
                    |row: Row, _: &[Decoder]| feature = Some(details.feature(request.id, &row));
                let asked = match request.arguments.filter {
                    Some(_) => connection.rows_once(&sql, &parameters, each).await,
                    None => connection.rows(&sql, &parameters, each).await,
                };
                match asked {
                    Err(error)
                        if with_geometry
                            && details.has_geometry()
                            && error::is_transform_failure(&error) => {}
                    asked => return asked,
                }
            }
            Ok(())
        };
        let asked = timeout_at(deadline.instant(), asked).await;
        if request.layer.runs_sql_of_its_own() {
            connection.cleanse();
        }
        let asked = asked.map_err(|_| self.too_late())?;
        connection.finish(&asked);
        Ok(asked.map(|()| feature))
    }

    fn too_late(&self) -> SourceError {
        SourceError::Timeout {
            database: self.name.clone(),
            reason: "its time was up before the last row".to_owned(),
        }
    }

    fn classify(&self, error: &tokio_postgres::Error) -> SourceError {
        error::classify(&self.name, error)
    }
}

/// Settings that every session starts with; those of the URL come first, so that it can't undo
/// these. Text output must not depend on the server's own time zone and date style.
fn startup_options(of_url: Option<&str>, settings: &Settings) -> String {
    format!(
        "{} -c default_transaction_read_only=on -c statement_timeout={} -c jit=off \
         -c standard_conforming_strings=on -c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1",
        of_url.unwrap_or_default(),
        settings.statement_timeout.as_millis(),
    )
    .trim_start()
    .to_owned()
}

impl Source for PostgisSource {
    fn fetch<'a>(
        &'a self,
        requests: &'a [LayerRequest<'a>],
        sink: &'a mut dyn TileSink,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<FetchStats, SourceError>> {
        Box::pin(async move {
            let mut stats = FetchStats::default();
            let sink = SharedSink::new(sink);
            let fetched = match self.try_fetch(requests, &sink, deadline, &mut stats).await? {
                // The server was restarted since the connection was last used.
                Err(error) if error::is_disconnected(&error) && sink.rows() == 0 => {
                    self.try_fetch(requests, &sink, deadline, &mut stats).await?
                }
                fetched => fetched,
            };
            fetched.map_err(|error| self.classify(&error))?;
            Ok(stats)
        })
    }

    fn feature<'a>(
        &'a self,
        request: FeatureRequest<'a>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, SourceError>> {
        Box::pin(async move {
            let asked = match self.try_feature(&request, deadline).await? {
                Err(error) if error::is_disconnected(&error) => {
                    self.try_feature(&request, deadline).await?
                }
                asked => asked,
            };
            asked.map_err(|error| self.classify(&error))
        })
    }
}
