//! What a source hands to the tile engine: borrowed rows.

use super::ewkb::{self, EwkbError};
use super::shape::Shape;

/// Coordinate system of a row's coordinates. Any other is transformed by the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crs {
    /// EPSG:3857, metres.
    WebMercator,
    /// EPSG:4326, degrees, longitude first.
    Wgs84,
}

/// A property's value, in the types of MVT 2.1 section 4.1 that Tesela writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Bool(bool),
    /// Written as `sint_value`.
    Int(i64),
    /// Written as `double_value`; NaN and infinities are left out of the tile.
    Double(f64),
    Text(&'a str),
}

/// A row, borrowed from the source while it is added to a tile.
pub trait Feature {
    /// The row's id; a negative one is not written.
    fn id(&self) -> Option<i64>;

    /// The geometry as (E)WKB in the layer's [`Crs`]; `None` for NULL.
    fn geometry(&self) -> Option<&[u8]>;

    /// Replaces what is in `shape` by the geometry. What is in memory decoded needs no EWKB.
    ///
    /// # Errors
    /// It is none that can be drawn.
    fn shape(&self, shape: &mut Shape) -> Result<(), EwkbError> {
        match self.geometry() {
            Some(bytes) => ewkb::read(bytes, shape),
            None => {
                shape.clear();
                Ok(())
            }
        }
    }

    /// The geometry may be only what the source left of a larger one, so that its size says
    /// nothing.
    fn is_part(&self) -> bool {
        false
    }

    /// Appends bytes that compare as the row's place in the layer's own order does; nothing for a
    /// layer without one. Only called for rows that leave something in the tile.
    fn rank(&self, _key: &mut Vec<u8>) {}

    /// Calls `visit` with each property that is not NULL: its index in
    /// [`LayerSpec::keys`](super::LayerSpec::keys) and its value. Only called for rows that
    /// leave something in the tile.
    fn properties(&self, visit: &mut dyn FnMut(usize, Value<'_>));
}
