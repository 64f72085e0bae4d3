//! Tables, views and their kin in a PostGIS database.

mod inventory;
mod settings;

pub use inventory::{Column, ColumnKind, GeometryColumn, Inventory, Relation, SpatialTable};
pub use settings::{DatabaseUrl, Publish, Settings, TableSettings};

use futures_util::future::BoxFuture;

use super::{Deadline, FetchStats, LayerRequest, Source, SourceError, TileSink};
use crate::tile::Crs;

/// A table with one of its geometry columns, ready to be asked for tiles.
#[derive(Debug)]
pub struct TableLayer {}

#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Mismatch;
impl Inventory {
    pub fn find(&self, _: &TableSettings) -> Result<&SpatialTable, Mismatch> {
        Err(Mismatch)
    }
}
impl SpatialTable {
    pub fn qualified(&self) -> String {
        String::new()
    }
}
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolState {
    pub connections: u32,
    pub idle: u32,
    pub waiting: u64,
    pub max: u32,
    pub timeouts: u64,
}
impl PostgisSource {
    pub fn name(&self) -> &str {
        ""
    }
    pub fn pool_state(&self) -> PoolState {
        PoolState::default()
    }
    pub async fn ping(&self, _: Deadline) -> Result<(), SourceError> {
        Ok(())
    }
    pub async fn largest_row(&self, _: &SpatialTable) -> Result<Option<u64>, SourceError> {
        Ok(None)
    }
}
impl TableLayer {
    pub fn new(_: &Inventory, _: &SpatialTable, _: &TableSettings) -> Result<Self, Mismatch> {
        Err(Mismatch)
    }
    pub fn columns(&self) -> &[Column] {
        &[]
    }
    pub fn id_column(&self) -> Option<&str> {
        None
    }
    pub fn crs(&self) -> Crs {
        Crs::WebMercator
    }
    pub fn keys(&self) -> Vec<String> {
        Vec::new()
    }
    pub fn definition(&self) -> String {
        String::new()
    }
}

/// A PostGIS database with its connection pool.
pub struct PostgisSource {}

impl PostgisSource {
    /// Sets up the pool; connects only when the first query needs it.
    ///
    /// # Errors
    /// The URL or its TLS settings can't be used.
    pub fn new(_name: &str, _settings: &Settings) -> Result<Self, SourceError> {
        Ok(Self {})
    }

    /// Everything with a geometry or geography column outside the system schemas, or in
    /// `schemas` only, that the connected role may read.
    ///
    /// # Errors
    /// The database can't be reached or has no PostGIS.
    pub async fn inventory(&self, _schemas: Option<&[String]>) -> Result<Inventory, SourceError> {
        Ok(Inventory::default())
    }
}

impl Source for PostgisSource {
    fn fetch<'a>(
        &'a self,
        _requests: &'a [LayerRequest<'a>],
        _sink: &'a mut dyn TileSink,
        _deadline: Deadline,
    ) -> BoxFuture<'a, Result<FetchStats, SourceError>> {
        Box::pin(async { Ok(FetchStats::default()) })
    }
}
