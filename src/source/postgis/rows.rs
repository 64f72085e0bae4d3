//! Rows of the wire as [`Feature`]s.

use tokio_postgres::Row;

use super::rank::Key;
use super::values::{Decoder, Raw};
use crate::tile::{Feature, Value};

/// A row of `id, geometry, properties…, order…`, and whether it is a large one.
pub(super) struct RowFeature<'a> {
    pub(super) row: &'a Row,
    /// Of all columns from the properties on.
    pub(super) decoders: &'a [Decoder],
    /// The geometry where it isn't the row's own.
    pub(super) geometry: Option<&'a [u8]>,
    pub(super) order: &'a [Key],
    /// Large rows are cut, and the last column says which ones are large.
    pub(super) cut: bool,
}

impl RowFeature<'_> {
    /// Of properties.
    fn count(&self) -> usize {
        self.decoders.len().saturating_sub(self.order.len() + usize::from(self.cut))
    }
}

/// A column's bytes; `None` for NULL.
pub(super) fn raw(row: &Row, column: usize) -> Option<&[u8]> {
    row.try_get::<_, Option<Raw<'_>>>(column).ok().flatten().map(|raw| raw.0)
}

impl Feature for RowFeature<'_> {
    fn id(&self) -> Option<i64> {
        raw(self.row, 0)?.try_into().ok().map(i64::from_be_bytes)
    }

    fn geometry(&self) -> Option<&[u8]> {
        self.geometry.or_else(|| raw(self.row, 1))
    }

    fn is_part(&self) -> bool {
        self.cut && raw(self.row, self.decoders.len() + 1) == Some(&[1])
    }

    fn rank(&self, rank: &mut Vec<u8>) {
        for (key, column) in self.order.iter().zip(2 + self.count()..) {
            key.append(raw(self.row, column), rank);
        }
    }

    fn properties(&self, visit: &mut dyn FnMut(usize, Value<'_>)) {
        for (index, decoder) in self.decoders[..self.count()].iter().enumerate() {
            if let Some(bytes) = raw(self.row, index + 2) {
                decoder.decode(bytes, &mut |value| visit(index, value));
            }
        }
    }
}
