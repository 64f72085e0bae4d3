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

/// Progress in a file that is not read from front to back: by what its features take, and what is
/// left of the file at the end.
pub(super) struct Steps<'a> {
    progress: &'a dyn Progress,
    left: u64,
    /// What hasn't been told yet: there are many features in a file.
    untold: u64,
}

impl Steps<'_> {
    pub(super) fn advance(&mut self, bytes: u64) {
        self.untold = self.untold.saturating_add(bytes).min(self.left);
        if self.untold >= BLOCK as u64 {
            self.tell();
        }
    }

    /// The file is read.
    pub(super) fn finish(mut self) {
        self.untold = self.left;
        self.tell();
    }

    fn tell(&mut self) {
        self.progress.advance(self.untold);
        self.left -= std::mem::take(&mut self.untold);
    }
}

impl<'a> Subject<'a> {
    /// The digest of all bytes, for files that are not read from front to back, and how to tell of
    /// their progress.
    pub(super) fn digest(&self) -> Result<(u128, Steps<'a>), LoadError> {
        let mut file = self.open()?;
        file.progress = &();
        let (mut block, mut left) = (vec![0; BLOCK], 0);
        loop {
            match file.read(&mut block).map_err(|cause| self.io(cause))? {
                0 => break,
                length => left += length as u64,
            }
        }
        Ok((file.digest(), Steps { progress: self.options.progress, left, untold: 0 }))
    }
}
