//! The bytes of a file, each read once: hashed and counted on their way.

use std::fs::File;
use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

use super::load::{LoadError, Progress, Subject};

/// Bytes that are read at a time.
pub(super) const BLOCK: usize = 1 << 20;

/// A file that is read from its first byte to its last.
pub(super) struct Hashed<'a> {
    file: File,
    digest: Xxh3,
    progress: &'a dyn Progress,
}

impl<'a> Hashed<'a> {
    pub(super) fn new(file: File, progress: &'a dyn Progress) -> Self {
        Self { file, digest: Xxh3::new(), progress }
    }

    /// Of what has been read.
    pub(super) fn digest(&self) -> u128 {
        self.digest.digest128()
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.digest.update(&buffer[..length]);
        self.progress.advance(length as u64);
        Ok(length)
    }
}

impl Subject<'_> {
    /// The digest of all bytes, for files that are not read from front to back.
    pub(super) fn digest(&self) -> Result<u128, LoadError> {
        let mut file = self.open()?;
        let mut block = vec![0; BLOCK];
        while file.read(&mut block).map_err(|cause| self.io(cause))? > 0 {}
        Ok(file.digest())
    }
}
