//! A finished tile.

use bytes::Bytes;

/// A finished tile in one encoding: entity tag, notes and body in one allocation. Cloning it and
/// taking its parts copies no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedTile {
    /// Tag, note and body, one after the other.
    bytes: Bytes,
    etag: u16,
    note: u16,
    partial: bool,
}

impl CachedTile {
    /// A tile of its body, empty for one without features; its strong entity tag with the
    /// quotes, as in the `ETag` header; and what it lacks, as in `Tesela-Truncated`, or nothing.
    ///
    /// # Panics
    /// The tag or the note has more than 65,535 bytes.
    pub fn new(etag: &[u8], note: &[u8], body: &[u8]) -> Self {
        // The budget counts lengths, so no capacity may hide behind them.
        let bytes = Bytes::from([etag, note, body].concat().into_boxed_slice());
        let length = |part: &[u8]| u16::try_from(part.len()).expect("a short header");
        Self { bytes, etag: length(etag), note: length(note), partial: false }
    }

    /// The same, lacking what couldn't be read: no tile for long.
    pub fn into_partial(self) -> Self {
        Self { partial: true, ..self }
    }

    /// Whether it lacks what couldn't be read.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// The body in the tile's encoding.
    pub fn body(&self) -> Bytes {
        self.bytes.slice(usize::from(self.etag) + usize::from(self.note)..)
    }

    /// Strong entity tag with its quotes.
    pub fn etag(&self) -> Bytes {
        self.bytes.slice(..usize::from(self.etag))
    }

    /// What the tile lacks, if anything.
    pub fn truncated(&self) -> Option<Bytes> {
        let start = usize::from(self.etag);
        (self.note > 0).then(|| self.bytes.slice(start..start + usize::from(self.note)))
    }

    /// Whether the tile has no features.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == usize::from(self.etag) + usize::from(self.note)
    }

    /// Bytes in all.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::CachedTile;

    #[test]
    fn a_tile_gives_back_its_parts() {
        let tile = CachedTile::new(b"\"1-gz\"", b"roads;max_features", b"body");
        assert_eq!(tile.etag(), &b"\"1-gz\""[..]);
        assert_eq!(tile.truncated().unwrap(), &b"roads;max_features"[..]);
        assert_eq!(tile.body(), &b"body"[..]);
        assert!(!tile.is_empty());
        let empty = CachedTile::new(b"\"1-gz\"", b"", b"");
        assert!(empty.is_empty() && empty.truncated().is_none() && empty.body().is_empty());
    }
}
