//! Encodings of finished tiles, and the digest that becomes their ETag.

use std::cell::RefCell;
use std::io::Read;

use libdeflater::{CompressionLvl, Compressor};
use serde::Deserialize;

/// What a finished tile can be sent in: content codings of RFC 9110 section 8.4.1, RFC 7932 and
/// RFC 8878, and none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Encoding {
    #[serde(rename = "gzip")]
    Gzip,
    #[serde(rename = "br")]
    Brotli,
    #[serde(rename = "zstd")]
    Zstd,
    /// Never configured: it's there for those who accept nothing else.
    #[serde(skip)]
    Identity,
}

impl Encoding {
    /// Name of the content coding; none for identity.
    pub fn coding(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
            Self::Identity => None,
        }
    }

    /// Last part of the entity tag.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Brotli => "br",
            Self::Zstd => "zst",
            Self::Identity => "id",
        }
    }
}

/// libdeflate's level, of 0 to 12.
const LEVEL: i32 = 4;

/// Of 0 to 11. Below 5 it saves hardly more than gzip, from 7 on it takes longer for next to nothing
/// (benches/RESULTS.md).
const BROTLI_QUALITY: u32 = 5;
/// Of 1 to 22, on the same grounds.
const ZSTD_LEVEL: i32 = 9;

/// Room that a thread keeps for its next tile.
const KEPT_BYTES: usize = 1 << 20;

thread_local! {
    /// Half a megabyte of tables, which take longer to set up than a small tile to compress; and
    /// room for what comes out.
    static COMPRESSOR: RefCell<(Compressor, Vec<u8>)> = RefCell::new((
        Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default()),
        Vec::new(),
    ));
}

/// Compresses a finished tile. The header's mtime is 0, so that equal tiles are equal bytes.
pub fn gzip(tile: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|(compressor, out)| {
        let bound = compressor.gzip_compress_bound(tile.len());
        if out.len() < bound {
            out.resize(bound, 0);
        }
        // It fails only for want of space, and there is as much as it says it needs.
        let length = compressor.gzip_compress(tile, out).unwrap_or_default();
        let gzip = out[..length].to_vec();
        if out.len() > KEPT_BYTES {
            *out = Vec::new();
        }
        gzip
    })
}

/// Reverses [`gzip`].
///
/// # Errors
/// The bytes are not gzip.
pub fn gunzip(gzip: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tile = Vec::with_capacity(gzip.len() * 3);
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut tile)?;
    Ok(tile)
}

/// The tile in another encoding than the gzip form that it is given in.
///
/// # Errors
/// The bytes are not gzip.
pub fn recode(gzip: &[u8], encoding: Encoding) -> std::io::Result<Vec<u8>> {
    let tile = gunzip(gzip)?;
    match encoding {
        Encoding::Gzip => Ok(gzip.to_vec()),
        Encoding::Identity => Ok(tile),
        Encoding::Zstd => zstd::bulk::compress(&tile, ZSTD_LEVEL),
        Encoding::Brotli => {
            let mut out = Vec::with_capacity(gzip.len());
            // Quality, and log2 of the window: as much as such a tile can use.
            let window = (usize::BITS - tile.len().leading_zeros()).clamp(16, 22);
            let mut reader =
                brotli::CompressorReader::new(tile.as_slice(), 65_536, BROTLI_QUALITY, window);
            reader.read_to_end(&mut out)?;
            Ok(out)
        }
    }
}

/// Seedless 128-bit digest of an uncompressed tile: equal tiles have equal digests on every
/// server.
pub fn digest(tile: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(tile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_holds_the_same_tile() {
        let tile: Vec<u8> = (0..50_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let gzip = gzip(&tile);
        let brotli = recode(&gzip, Encoding::Brotli).unwrap();
        let mut plain = Vec::new();
        brotli::Decompressor::new(&brotli[..], 4_096).read_to_end(&mut plain).unwrap();
        assert!(plain == tile && brotli.len() < tile.len() / 2);
        let zstd = recode(&gzip, Encoding::Zstd).unwrap();
        assert!(zstd::decode_all(&zstd[..]).unwrap() == tile && zstd.len() < tile.len() / 2);
        assert!(recode(&gzip, Encoding::Identity).unwrap() == tile);
        assert!(recode(&gzip, Encoding::Gzip).unwrap() == gzip);
    }

    #[test]
    fn what_is_not_gzip_is_an_error() {
        assert!(recode(b"not gzip", Encoding::Identity).is_err());
    }
}
