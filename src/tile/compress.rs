//! gzip for finished tiles and the digest that becomes their ETag.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};

/// libdeflate's level, of 0 to 12.
const LEVEL: i32 = 6;

thread_local! {
    /// Half a megabyte of tables, which take longer to set up than a small tile to compress.
    static COMPRESSOR: RefCell<Compressor> =
        RefCell::new(Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default()));
}

/// Compresses a finished tile. The header's mtime is 0, so that equal tiles are equal bytes.
pub fn gzip(tile: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let mut out = vec![0; compressor.gzip_compress_bound(tile.len())];
        // It fails only for want of space, and there is as much as it says it needs.
        let length = compressor.gzip_compress(tile, &mut out).unwrap_or_default();
        out.truncate(length);
        out
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
