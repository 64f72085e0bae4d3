//! Where rows come from. A [`Source`] fills the layers of one tile in one go.

pub mod embedded;
mod order;
pub mod postgis;

use std::time::Duration;

use futures_util::future::BoxFuture;
pub use order::{OrderBy, parse_order};
use thiserror::Error;
use tokio::time::Instant;

use crate::query::Arguments;
use crate::tile::{Crs, Feature, LayerSpec, TileCoord, Truncation};

/// When an answer stops being of use; every wait of a fetch ends there.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    pub fn instant(self) -> Instant {
        self.0
    }

    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// A layer as its source prepared it, ready to be asked for a tile.
#[derive(Debug)]
pub enum SourceLayer {
    /// Rows of a table, of a query or of a function.
    Postgis(Box<postgis::TableLayer>),
    /// A function that gives finished tiles.
    PostgisTiles(postgis::FunctionLayer),
    /// Features of a file.
    Embedded(Box<embedded::EmbeddedLayer>),
}

impl SourceLayer {
    /// Coordinate system of the rows that [`Source::fetch`] yields.
    pub fn crs(&self) -> Crs {
        match self {
            Self::Postgis(layer) => layer.crs(),
            // There are no rows of it.
            Self::PostgisTiles(_) => Crs::WebMercator,
            Self::Embedded(_) => Crs::WebMercator,
        }
    }

    /// Property names in the order of [`Feature::properties`]' indices.
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::Postgis(layer) => layer.keys(),
            Self::PostgisTiles(_) => Vec::new(),
            Self::Embedded(layer) => layer.keys(),
        }
    }

    /// Whether there is more to be told of a feature than its tile has.
    pub fn has_details(&self) -> bool {
        match self {
            Self::Postgis(layer) => layer.has_details(),
            Self::PostgisTiles(_) => false,
            Self::Embedded(layer) => layer.has_details(),
        }
    }

    /// Whether tiles are made with SQL that somebody has written for it: that may change a session's
    /// settings.
    pub fn runs_sql_of_its_own(&self) -> bool {
        match self {
            Self::Postgis(layer) => layer.runs_sql_of_its_own(),
            Self::PostgisTiles(_) => true,
            Self::Embedded(_) => false,
        }
    }

    /// Whether the source makes the layer's tiles itself, so that nobody knows of how many rows.
    pub fn makes_tiles(&self) -> bool {
        matches!(self, Self::PostgisTiles(_))
            || matches!(self, Self::Postgis(layer) if layer.makes_tiles())
    }

    /// Whether a query or function takes the layer's parameter at this place.
    pub fn uses_param(&self, place: usize) -> bool {
        match self {
            Self::Postgis(layer) => layer.uses_param(place),
            Self::PostgisTiles(layer) => layer.takes_params(),
            Self::Embedded(_) => false,
        }
    }

    /// The column that features get their ids from.
    pub fn id_column(&self) -> Option<&str> {
        match self {
            Self::Postgis(layer) => layer.id_column(),
            Self::PostgisTiles(_) => None,
            Self::Embedded(layer) => layer.id_column(),
        }
    }

    /// A text that changes whenever the same tile could come out differently.
    pub fn definition(&self) -> String {
        match self {
            Self::Postgis(layer) => layer.definition(),
            Self::PostgisTiles(layer) => layer.definition(),
            Self::Embedded(layer) => layer.definition().to_owned(),
        }
    }
}

/// One layer of one tile.
#[derive(Clone, Copy, Debug)]
pub struct LayerRequest<'a> {
    pub layer: &'a SourceLayer,
    pub tile: TileCoord,
    /// The grid, what is wanted around the tile as well, what may be left out at its zoom.
    pub spec: &'a LayerSpec,
    /// What the request asks beside the tile.
    pub arguments: &'a Arguments,
}

/// One feature of a layer, by its id.
#[derive(Clone, Copy, Debug)]
pub struct FeatureRequest<'a> {
    pub layer: &'a SourceLayer,
    pub id: i64,
    /// The deepest zoom that shows it.
    pub zoom: u8,
    pub arguments: &'a Arguments,
}

/// Takes the rows of a fetch.
pub trait TileSink: Send {
    /// A row of the layer at `index` of the requests. Layers may interleave.
    fn feature(&mut self, index: usize, feature: &dyn Feature);

    /// That layer, finished by the source: an uncompressed MVT `Tile` message that holds only it,
    /// or nothing. It comes once, and no features of the layer come besides. `tag` is another one
    /// whenever the message is, where the source has such.
    fn encoded(&mut self, index: usize, layer: &[u8], tag: Option<&[u8]>);

    /// Not all of that layer's rows were sent.
    fn truncated(&mut self, index: usize, reason: Truncation);

    /// Forgets all rows of that layer so far: the source starts over with it.
    fn restart(&mut self, index: usize);

    /// A row of that layer which the source itself had to leave out, because its geometry can't
    /// be transformed to the layer's [`Crs`].
    fn untransformable(&mut self, index: usize);
}

/// What a fetch cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct FetchStats {
    /// Time until a connection was free.
    pub queue: Duration,
    /// Time from there to the last row, the sink's own work included.
    pub db: Duration,
    pub rows: u64,
}

/// Something that layers are read from.
pub trait Source: Send + Sync {
    /// Fills one tile's layers, all of which are this source's own.
    ///
    /// # Errors
    /// The first error of any of the layers; the sink is then incomplete.
    fn fetch<'a>(
        &'a self,
        requests: &'a [LayerRequest<'a>],
        sink: &'a mut dyn TileSink,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<FetchStats, SourceError>>;

    /// A feature with its layer's details as GeoJSON (RFC 7946 section 3.2); `None` if there is no
    /// such feature, or the layer has no details.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    fn feature<'a>(
        &'a self,
        request: FeatureRequest<'a>,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, SourceError>>;
}

/// Why a fetch failed. The texts are for logs: they name databases and may quote SQL.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The database can't serve now: no connection, out of resources, shutting down.
    #[error("database {database} is unavailable: {reason}")]
    Unavailable { database: String, reason: String },
    /// The statement or the wait for it took too long.
    #[error("database {database} did not answer in time: {reason}")]
    Timeout { database: String, reason: String },
    /// The layer's query is wrong.
    #[error("query failed in database {database}: {reason}")]
    Query { database: String, reason: String },
}
