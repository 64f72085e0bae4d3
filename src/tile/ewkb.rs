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

#[cfg(test)]
mod tests {
    use super::super::shape::Bounds;
    use super::super::testing::{collection, header, line, point, polygon, square};
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Shape, EwkbError> {
        let mut shape = Shape::default();
        read(bytes, &mut shape).map(|()| shape)
    }

    fn is_malformed(bytes: &[u8]) -> bool {
        matches!(decode(bytes), Err(EwkbError::Malformed(_)))
    }

    fn lengths(shape: &Shape) -> Vec<usize> {
        shape.parts().iter().map(|part| part.end - part.start).collect()
    }

    #[test]
    fn both_byte_orders_read_the_same() {
        let mut big = vec![0];
        big.extend(1u32.to_be_bytes());
        big.extend(1.5f64.to_be_bytes());
        big.extend((-2.5f64).to_be_bytes());
        for bytes in [big, point(1.5, -2.5)] {
            let shape = decode(&bytes).unwrap();
            assert_eq!(shape.points(&shape.parts()[0]), [[1.5, -2.5]]);
        }
    }

    #[test]
    fn z_m_and_srid_are_skipped_in_both_dialects() {
        let (srid, z, m) = (HAS_SRID, HAS_Z, HAS_M);
        let codes = [(z, 1), (m, 1), (z | m, 2), (srid, 0), (srid | z | m, 2)];
        for (code, extra) in codes.into_iter().chain([(1000, 1), (2000, 1), (3000, 2)]) {
            let mut bytes = header(2 + code);
            if code & srid != 0 {
                bytes.extend(3857u32.to_le_bytes());
            }
            bytes.extend(2u32.to_le_bytes());
            for [x, y] in [[1.0f64, 2.0], [3.0, 4.0]] {
                bytes.extend([x.to_le_bytes(), y.to_le_bytes()].concat());
                (0..extra).for_each(|_| bytes.extend(f64::NAN.to_le_bytes()));
            }
            let shape = decode(&bytes).unwrap();
            assert_eq!(shape.points(&shape.parts()[0]), [[1.0, 2.0], [3.0, 4.0]]);
        }
    }

    #[test]
    fn every_type_of_area_is_polygons() {
        let ring = square(0.0, 0.0, 1.0);
        let mut triangle = polygon(&[&ring[..3]]);
        triangle[1] = 17;
        let tin = collection(16, &[triangle.clone(), triangle.clone()]);
        let members = [polygon(&[&ring, &ring]), polygon(&[&ring])];
        for (bytes, parts) in [
            (triangle, vec![4]),
            (tin, vec![4, 4]),
            (collection(15, &members), vec![5, 5, 5]),
            (collection(6, &members), vec![5, 5, 5]),
        ] {
            let shape = decode(&bytes).unwrap();
            assert_eq!(shape.kind(), Some(Kind::Polygons));
            assert_eq!(lengths(&shape), parts);
        }
    }

    #[test]
    fn points_of_a_row_share_a_part() {
        let shape = decode(&collection(4, &[point(1.0, 2.0), point(3.0, 0.0)])).unwrap();
        assert_eq!(shape.parts().len(), 1);
        assert_eq!(shape.parts()[0].bounds, Bounds { min: [1.0, 0.0], max: [3.0, 2.0] });
    }

    #[test]
    fn a_mixed_collection_keeps_its_highest_dimension() {
        let lines = collection(5, &[line(&[(0.0, 0.0), (1.0, 1.0)])]);
        let members = [point(0.0, 0.0), lines, point(1.0, 1.0), polygon(&[])];
        let shape = decode(&collection(7, &[collection(7, &members)])).unwrap();
        assert_eq!((shape.kind(), lengths(&shape)), (Some(Kind::Lines), vec![2]));
    }

    #[test]
    fn empty_geometries_of_all_types_are_empty() {
        let nan = point(f64::NAN, f64::NAN);
        let nowhere = polygon(&[&[], &square(0.0, 0.0, 1.0)]);
        let mut all: Vec<_> = (2..=7).chain(15..=17).map(|code| collection(code, &[])).collect();
        all.extend([nan.clone(), collection(4, &[nan]), nowhere]);
        for bytes in all {
            assert_eq!(decode(&bytes).unwrap().kind(), None, "{bytes:?}");
        }
    }

    #[test]
    fn coordinates_that_are_no_numbers_are_told_from_broken_bytes() {
        let inf = f64::INFINITY;
        for bytes in [
            point(f64::NAN, 1.0),
            point(1.0, -inf),
            line(&[(0.0, 0.0), (f64::NAN, f64::NAN)]),
            collection(7, &[polygon(&[&square(0.0, 0.0, 1.0)]), point(inf, 0.0)]),
        ] {
            assert_eq!(decode(&bytes).unwrap_err(), EwkbError::NotFinite);
        }
    }

    #[test]
    fn broken_bytes_are_malformed() {
        let whole = polygon(&[&square(0.0, 0.0, 1.0)]);
        for length in 0..whole.len() {
            assert!(is_malformed(&whole[..length]), "{length} bytes");
        }
        assert!(is_malformed(&[whole, vec![0]].concat()), "bytes left over");
        assert!(is_malformed(&[2, 1, 0, 0, 0]), "byte order");
        for code in [0, 8, 9, 10, 11, 12, 18, 4001, 0x0FFF_FFFF] {
            assert!(is_malformed(&collection(code, &[])), "type {code}");
        }
        assert!(is_malformed(&collection(4, &[line(&[])])), "a line among points");
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused_before_anything_is_reserved() {
        for code in [2, 3, 4, 5, 6, 7, 15, 16, 17] {
            let mut bytes = header(code);
            bytes.extend(u32::MAX.to_le_bytes());
            assert!(is_malformed(&bytes), "type {code}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| (0..depth).fold(point(1.0, 1.0), |inner, _| collection(7, &[inner]));
        assert!(decode(&nested(MAX_DEPTH)).is_ok());
        assert!(is_malformed(&nested(MAX_DEPTH + 1)));
        let open: Vec<u8> = [header(7), vec![1, 0, 0, 0]].concat().repeat(1_000_000);
        assert!(is_malformed(&open));
    }
}
