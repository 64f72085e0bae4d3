//! Rows in, Mapbox Vector Tiles out: projection, clipping, snapping, encoding, compression.
//!
//! Pure: nothing here waits, reads a clock or knows where a row comes from.

pub mod anatomy;
mod arena;
mod clip;
mod commands;
pub mod compress;
pub mod coord;
#[cfg(test)]
pub(crate) mod coverage;
mod encode;
#[cfg(any(test, feature = "mvt-encoder"))]
mod encode_mvt;
mod ewkb;
mod feature;
mod grid;
mod intern;
mod layer;
mod level;
pub mod mercator;
mod pipeline;
mod polygons;
#[cfg(test)]
mod properties;
mod quantize;
mod scratch;
mod shape;
mod simplify;
#[cfg(test)]
pub(crate) mod testing;
mod topology;
pub mod unpack;

pub use compress::Encoding;
pub use coord::{MAX_ZOOM, TileCoord};
pub use ewkb::{EwkbError, read as read_ewkb};
pub use feature::{Crs, Feature, Value};
pub use layer::{LayerSpec, LayerStats, MAX_EXACT_ID, MAX_EXTENT};
pub use level::{Level, Levels, Truncation};
pub use pipeline::LayerBuilder;
pub use shape::{Bounds, Kind, Part, Point, Shape};

/// Changes when the bytes of a tile change without its rows or its definition changing, so that no
/// cache keeps serving the old ones under the same entity tag or version.
pub const FORMAT: &str = "2";
