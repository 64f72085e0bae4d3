//! gzip for finished tiles and the digest that becomes their ETag.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};

/// libdeflate's level, of 0 to 12.
const LEVEL: i32 = 4;

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
    use std::io::Read;

    let mut tile = Vec::with_capacity(gzip.len() * 3);
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut tile)?;
    Ok(tile)
}

/// Seedless 128-bit digest of an uncompressed tile: equal tiles have equal digests on every
/// server.
pub fn digest(tile: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(tile)
}
