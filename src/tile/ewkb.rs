//! Reader for the geometries of PostGIS: EWKB, ISO WKB and any mixture of the two.
//!
//! Bytes are hostile until proven otherwise: counts are held against the bytes that are left
//! before anything is reserved or repeated, nesting is bounded, and nothing panics.
//!
//! Source: PostGIS `doc/ZMSgeoms.txt` (flags) and OGC 06-103r4 section 8.2 (codes).

use super::shape::{Kind, Point, Shape};

const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SRID: u32 = 0x2000_0000;
const FLAGS: u32 = HAS_Z | HAS_M | HAS_SRID | 0x1000_0000;

/// PostGIS itself reads no deeper, so nothing deeper can come out of it.
const MAX_DEPTH: u32 = 200;

/// Byte order and type: the least that a member of a collection takes.
const HEADER: usize = 5;

const POINT: u32 = 1;
const LINE_STRING: u32 = 2;
const POLYGON: u32 = 3;
const MULTI_POINT: u32 = 4;
const MULTI_LINE_STRING: u32 = 5;
const MULTI_POLYGON: u32 = 6;
const COLLECTION: u32 = 7;
const POLYHEDRAL_SURFACE: u32 = 15;
const TIN: u32 = 16;
const TRIANGLE: u32 = 17;

/// Why a row's bytes are not a geometry that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EwkbError {
    #[error("malformed EWKB: {0}")]
    Malformed(&'static str),
    #[error("a coordinate is NaN or infinite")]
    NotFinite,
}

/// Decodes `bytes` into `shape`, replacing what was there. Z and M are dropped, an SRID is
/// ignored, and a mixed collection keeps its highest dimension.
///
/// # Errors
/// [`EwkbError::NotFinite`] for a NaN or infinite X or Y (but `POINT EMPTY`, which WKB spells as
/// two NaNs, is empty); [`EwkbError::Malformed`] for anything else that is not a geometry, which
/// includes curves: sources linearise them.
pub fn read(bytes: &[u8], shape: &mut Shape) -> Result<(), EwkbError> {
    shape.clear();
    let mut reader = Reader { rest: bytes };
    reader.geometry(shape, None, 0)?;
    if reader.rest.is_empty() { Ok(()) } else { Err(EwkbError::Malformed("bytes left over")) }
}

struct Reader<'a> {
    rest: &'a [u8],
}

struct Header {
    little_endian: bool,
    code: u32,
    /// Bytes per vertex.
    stride: usize,
}

impl<'a> Reader<'a> {
    fn geometry(
        &mut self,
        shape: &mut Shape,
        only: Option<u32>,
        depth: u32,
    ) -> Result<(), EwkbError> {
        if depth > MAX_DEPTH {
            return Err(EwkbError::Malformed("nested too deeply"));
        }
        let header = self.header()?;
        if only.is_some_and(|code| code != header.code) {
            return Err(EwkbError::Malformed("a member of the wrong type"));
        }
        let members = match header.code {
            POINT => return self.point(&header, shape),
            LINE_STRING => return self.line(&header, shape),
            POLYGON | TRIANGLE => return self.polygon(&header, shape),
            MULTI_POINT => Some(POINT),
            MULTI_LINE_STRING => Some(LINE_STRING),
            MULTI_POLYGON | POLYHEDRAL_SURFACE => Some(POLYGON),
            TIN => Some(TRIANGLE),
            COLLECTION => None,
            _ => return Err(EwkbError::Malformed("unknown geometry type")),
        };
        for _ in 0..self.count(&header, HEADER)? {
            self.geometry(shape, members, depth + 1)?;
        }
        Ok(())
    }

    fn header(&mut self) -> Result<Header, EwkbError> {
        let little_endian = match self.take(1)? {
            [0] => false,
            [1] => true,
            _ => return Err(EwkbError::Malformed("unknown byte order")),
        };
        let word = self.u32(little_endian)?;
        let (iso, code) = ((word & !FLAGS) / 1000, (word & !FLAGS) % 1000);
        if iso > 3 {
            return Err(EwkbError::Malformed("unknown geometry type"));
        }
        let has_z = word & HAS_Z != 0 || iso == 1 || iso == 3;
        let has_m = word & HAS_M != 0 || iso == 2 || iso == 3;
        if word & HAS_SRID != 0 {
            self.u32(little_endian)?;
        }
        Ok(Header {
            little_endian,
            code,
            stride: 16 + 8 * usize::from(has_z) + 8 * usize::from(has_m),
        })
    }

    fn point(&mut self, header: &Header, shape: &mut Shape) -> Result<(), EwkbError> {
        let rest = self.rest;
        if self.vertices(header, 1)?.all(|[x, y]| x.is_nan() && y.is_nan()) {
            return Ok(());
        }
        finite(shape.push(Kind::Points, false, Reader { rest }.vertices(header, 1)?))
    }

    fn line(&mut self, header: &Header, shape: &mut Shape) -> Result<(), EwkbError> {
        match self.count(header, header.stride)? {
            0 => Ok(()),
            count => finite(shape.push(Kind::Lines, false, self.vertices(header, count)?)),
        }
    }

    /// The first ring is the outer one, whatever its orientation; without it the polygon is empty.
    fn polygon(&mut self, header: &Header, shape: &mut Shape) -> Result<(), EwkbError> {
        let mut has_outer = true;
        for ring in 0..self.count(header, size_of::<u32>())? {
            let count = self.count(header, header.stride)?;
            has_outer &= ring > 0 || count > 0;
            let vertices = self.vertices(header, count)?;
            if has_outer && count > 0 {
                finite(shape.push(Kind::Polygons, ring > 0, vertices))?;
            }
        }
        Ok(())
    }

    /// A count of things that take at least `size` bytes each, all of which must still fit.
    fn count(&mut self, header: &Header, size: usize) -> Result<usize, EwkbError> {
        let count = self.u32(header.little_endian)? as usize;
        if count > self.rest.len() / size {
            return Err(EwkbError::Malformed("a count exceeds the bytes that are left"));
        }
        Ok(count)
    }

    fn vertices(
        &mut self,
        header: &Header,
        count: usize,
    ) -> Result<impl Iterator<Item = Point> + use<'a>, EwkbError> {
        let little_endian = header.little_endian;
        let read = move |bytes: [u8; 8]| {
            if little_endian { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) }
        };
        let bytes = self.take(count * header.stride)?;
        Ok(bytes.chunks_exact(header.stride).map(move |vertex| match vertex.as_chunks().0 {
            [x, y, ..] => [read(*x), read(*y)],
            _ => [f64::NAN; 2],
        }))
    }

    fn u32(&mut self, little_endian: bool) -> Result<u32, EwkbError> {
        let bytes = self.take(4)?.first_chunk().copied().unwrap_or_default();
        Ok(if little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], EwkbError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(EwkbError::Malformed("ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }
}

fn finite(is_finite: bool) -> Result<(), EwkbError> {
    if is_finite { Ok(()) } else { Err(EwkbError::NotFinite) }
}
