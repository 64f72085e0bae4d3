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

impl TableLayer {
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
