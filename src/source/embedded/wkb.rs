//! Geometries in well-known binary (OGC 06-103r4 section 8.2).

use super::batch::{Batch, Flaw};
use crate::tile::{Crs, EwkbError, Shape, read_ewkb};

/// How curves become something that can be drawn.
pub(super) const LINEARISE: &str =
    "curves can't be drawn: convert them with ogr2ogr -nlt CONVERT_TO_LINEAR";

/// Gives the feature that is being read a geometry. `shape` is a buffer.
pub(super) fn draw(
    bytes: &[u8],
    crs: Crs,
    shape: &mut Shape,
    batch: &mut Batch,
) -> Result<(), Flaw> {
    read_ewkb(bytes, shape).map_err(|error| match error {
        EwkbError::Malformed(_) if is_curve(bytes) => LINEARISE.to_owned(),
        EwkbError::Malformed(reason) => format!("its geometry is no well-known binary: {reason}"),
        EwkbError::NotFinite => error.to_string(),
    })?;
    let Some(kind) = shape.kind() else { return Ok(()) };
    let parts = shape.parts().iter();
    parts
        .map(|part| (part.hole, shape.points(part)))
        .try_for_each(|(hole, points)| batch.part(kind, hole, crs, points.iter().copied()))
}

/// Whether the outermost type is one of curves or has them as members.
fn is_curve(bytes: &[u8]) -> bool {
    let code = match bytes {
        [0, code @ ..] => code.first_chunk().map(|code| u32::from_be_bytes(*code)),
        [_, code @ ..] => code.first_chunk().map(|code| u32::from_le_bytes(*code)),
        [] => None,
    };
    code.is_some_and(|code| matches!((code & 0x0fff_ffff) % 1000, 8..=14))
}
