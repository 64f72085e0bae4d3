//! Tiles of any origin, as files and servers have them: packed or not, or something else.

use std::io::{self, Read};

use thiserror::Error;

use super::Encoding;

/// A window of the size that decoders have to be able to handle (RFC 8878 section 3.1.1.1.2).
const ZSTD_WINDOW_LOG: u32 = 23;

/// The tile inside, and what it was packed in, the outermost first.
#[derive(Debug, PartialEq, Eq)]
pub struct Unpacked {
    pub tile: Vec<u8>,
    pub packed: Vec<&'static str>,
}

/// Why there is no tile inside.
#[derive(Debug, Error)]
pub enum UnpackError {
    #[error("this is {0}, not a vector tile")]
    NotATile(&'static str),
    #[error("the tile has more than {0} bytes when unpacked")]
    TooLarge(usize),
    #[error("what is packed with {coding} can't be unpacked: {cause}")]
    Damaged { coding: &'static str, cause: io::Error },
}

/// How often a tile may be packed: twice is a mistake that servers make.
const MAX_LAYERS: usize = 2;

/// Unpacks what is packed. Gzip and zstd are known by their first bytes; `coding` says what nothing
/// tells, such as `br`. At most `limit` bytes come out.
///
/// # Errors
/// It is damaged, too large, or obviously something else.
pub fn unpack(
    bytes: Vec<u8>,
    coding: Option<Encoding>,
    limit: usize,
) -> Result<Unpacked, UnpackError> {
    let out = peeled(bytes, coding, limit)?;
    match something_else(&out.tile) {
        Some(what) => Err(UnpackError::NotATile(what)),
        None => Ok(out),
    }
}

/// The same for what isn't a tile, such as TileJSON.
///
/// # Errors
/// It is damaged or too large.
pub fn unpack_text(
    bytes: Vec<u8>,
    coding: Option<Encoding>,
    limit: usize,
) -> Result<Vec<u8>, UnpackError> {
    peeled(bytes, coding, limit).map(|out| out.tile)
}

fn peeled(bytes: Vec<u8>, coding: Option<Encoding>, limit: usize) -> Result<Unpacked, UnpackError> {
    let mut out = Unpacked { tile: bytes, packed: Vec::new() };
    if coding == Some(Encoding::Brotli) {
        let reader = brotli::Decompressor::new(&out.tile[..], 4_096);
        out.tile = read("br", reader, limit)?;
        out.packed.push("br");
    }
    while out.packed.len() < MAX_LAYERS {
        let tile = &out.tile[..];
        let (coding, inner) = match tile {
            [0x1f, 0x8b, ..] => {
                ("gzip", read("gzip", flate2::read::MultiGzDecoder::new(tile), limit)?)
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", unzstd(tile, limit)?),
            _ => break,
        };
        out.tile = inner;
        out.packed.push(coding);
    }
    if out.tile.len() > limit { Err(UnpackError::TooLarge(limit)) } else { Ok(out) }
}

fn unzstd(bytes: &[u8], limit: usize) -> Result<Vec<u8>, UnpackError> {
    let damaged = |cause| UnpackError::Damaged { coding: "zstd", cause };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(damaged)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(damaged)?;
    read("zstd", decoder, limit)
}

fn read(coding: &'static str, reader: impl Read, limit: usize) -> Result<Vec<u8>, UnpackError> {
    let mut out = Vec::new();
    let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let done = reader.take(more).read_to_end(&mut out);
    done.map_err(|cause| UnpackError::Damaged { coding, cause })?;
    if out.len() > limit { Err(UnpackError::TooLarge(limit)) } else { Ok(out) }
}

/// What is found where a tile should be. None of them begins as a tile does.
fn something_else(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.trim_ascii_start();
    match text {
        [b'<', ..] => Some("HTML or XML"),
        [b'{' | b'[', ..] => Some("JSON"),
        _ if bytes.starts_with(b"\x89PNG") => Some("a PNG image"),
        _ if bytes.starts_with(&[0xff, 0xd8, 0xff]) => Some("a JPEG image"),
        _ if bytes.starts_with(b"RIFF") => Some("a WebP image"),
        _ if bytes.starts_with(b"SQLite format 3") => Some("an SQLite file, such as MBTiles"),
        _ if bytes.starts_with(b"PMTiles") => Some("a PMTiles archive"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::compress;

    const LIMIT: usize = 1 << 20;

    fn tile() -> Vec<u8> {
        [&[0x1a, 0x90, 0x4e][..], &[7; 10_000]].concat()
    }

    #[test]
    fn tiles_come_out_of_whatever_they_are_packed_in() {
        let gzip = compress::gzip(&tile());
        let recoded = |encoding| compress::recode(&gzip, encoding).unwrap();
        let cases = [
            (tile(), None, vec![]),
            (gzip.clone(), Some(Encoding::Gzip), vec!["gzip"]),
            (compress::gzip(&gzip), None, vec!["gzip", "gzip"]),
            (recoded(Encoding::Zstd), None, vec!["zstd"]),
            (recoded(Encoding::Brotli), Some(Encoding::Brotli), vec!["br"]),
            (Vec::new(), None, vec![]),
        ];
        for (bytes, coding, packed) in cases {
            let empty = bytes.is_empty();
            let out = unpack(bytes, coding, LIMIT).unwrap();
            assert_eq!(out.packed, packed);
            assert!(out.tile == if empty { Vec::new() } else { tile() }, "{packed:?}");
        }
    }

    #[test]
    fn bombs_burst_at_the_limit() {
        let zeros = compress::gzip(&vec![0; 8 << 20]);
        for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Brotli] {
            let bomb = compress::recode(&zeros, encoding).unwrap();
            assert!(bomb.len() < LIMIT / 10);
            let coding = Some(encoding);
            let found = unpack(bomb, coding, LIMIT);
            assert!(matches!(found, Err(UnpackError::TooLarge(LIMIT))), "{encoding:?}");
        }
        // No more is read than has to be: this one has no end.
        let found = read("gzip", std::io::repeat(0), LIMIT);
        assert!(matches!(found, Err(UnpackError::TooLarge(LIMIT))));
        // A bomb in a bomb.
        let found = unpack(compress::gzip(&zeros), None, LIMIT);
        assert!(matches!(found, Err(UnpackError::TooLarge(LIMIT))), "{found:?}");
        assert!(unpack(vec![0x1a; LIMIT + 1], None, LIMIT).is_err());
    }

    #[test]
    fn what_is_damaged_or_no_tile_says_so() {
        let mut gzip = compress::gzip(&tile());
        gzip.truncate(gzip.len() / 2);
        let error = unpack(gzip, None, LIMIT).unwrap_err().to_string();
        assert!(error.contains("gzip"), "{error}");
        for (bytes, what) in [
            (&b"\n<!doctype html>"[..], "HTML"),
            (b"{\"tilejson\":\"3.0.0\"}", "JSON"),
            (b"\x89PNG\r\n", "PNG"),
            (b"SQLite format 3\0", "MBTiles"),
        ] {
            let error = unpack(bytes.to_vec(), None, LIMIT).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            // Servers pack their error pages too.
            let error = unpack(compress::gzip(bytes), None, LIMIT).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
