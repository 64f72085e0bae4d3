//! Rows in, Mapbox Vector Tiles out: projection, clipping, snapping, encoding, compression.
//!
//! Pure: nothing here waits, reads a clock or knows where a row comes from.

mod arena;
pub mod clip;
pub mod compress;
pub mod coord;
pub mod encode;
pub mod ewkb;
pub mod feature;
pub mod grid;
pub mod level;
pub mod mercator;
pub mod pipeline;
#[cfg(test)]
mod properties;
pub mod quantize;
pub mod shape;
#[cfg(test)]
mod testing;

pub use coord::{MAX_ZOOM, TileCoord};
pub use feature::{Crs, Feature, Value};
pub use level::{Level, Levels, Truncation};
pub use pipeline::{LayerBuilder, LayerSpec, LayerStats, MAX_EXACT_ID};
