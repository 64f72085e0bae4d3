//! Geometries as GeoPackages have them (section 2.1.3): a header, then well-known binary.
//!
//! ```text
//!   "GP" │ version │ flags │ srs_id │ envelope        │ well-known binary
//!   2      1         1       4        0, 32, 48 or 64
//! ```

use crate::source::embedded::batch::{Batch, Flaw};
use crate::source::embedded::wkb;
use crate::tile::{Crs, Shape};

const LITTLE_ENDIAN: u8 = 1;
const EMPTY: u8 = 1 << 4;
const EXTENDED: u8 = 1 << 5;

/// Gives the feature that is being read the geometry of a layer whose `srs_id` is `srs`.
pub(super) fn draw(
    bytes: &[u8],
    (srs, crs): (i64, Crs),
    shape: &mut Shape,
    batch: &mut Batch,
) -> Result<(), Flaw> {
    let (header, rest) = bytes.split_first_chunk::<8>().ok_or(NO_HEADER)?;
    let [b'G', b'P', _, flags, own @ ..] = *header else { return Err(NO_HEADER.to_owned()) };
    let own = match flags & LITTLE_ENDIAN {
        0 => i32::from_be_bytes(own),
        _ => i32::from_le_bytes(own),
    };
    // Some writers leave it undefined.
    if own > 0 && srs > 0 && i64::from(own) != srs {
        return Err(format!("its geometry has the srs_id {own}, its layer {srs}"));
    }
    let envelope = match flags >> 1 & 7 {
        0 => 0,
        1 => 32,
        2 | 3 => 48,
        4 => 64,
        _ => return Err("the envelope of its geometry is of no known kind".to_owned()),
    };
    if flags & EXTENDED != 0 {
        return Err("its geometry is of a kind that an extension has added".to_owned());
    }
    if flags & EMPTY != 0 {
        return Ok(());
    }
    let geometry = rest.get(envelope..).ok_or("its geometry ends in its envelope")?;
    wkb::draw(geometry, crs, shape, batch)
}

const NO_HEADER: &str = "its geometry doesn't start as one of a GeoPackage";
