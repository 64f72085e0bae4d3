//! Features read by all cores: one thread takes a file apart, others read its features.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::batch::{Batch, Flaw};
use super::load::{Contained, LoadError, Loaded, Subject, TOLD};
use super::store::Store;

/// Bytes of features that are read together.
pub(super) const CHUNK: usize = 4 << 20;

/// Features in the bytes of the file.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Where each is in `bytes`.
    pub(super) units: Vec<Range<usize>>,
    /// Of the first byte in the file.
    pub(super) offset: u64,
    /// Number of the first feature in the file, from 1.
    pub(super) first: u64,
}

/// Where chunks are sent. What goes with each, `C`, is the same for all its features.
pub(super) struct Outlet<'u, C> {
    chunks: SyncSender<(Chunk, C)>,
    /// The buffers of chunks that have been read.
    returned: Receiver<Vec<u8>>,
    used: &'u AtomicU64,
}

impl<C> Outlet<'_, C> {
    /// False if nobody reads them any more.
    pub(super) fn send(&self, chunk: Chunk, with: C) -> bool {
        self.chunks.send((chunk, with)).is_ok()
    }

    /// A buffer that nobody needs any more, with nothing in it: new ones would have to be zeroed by the
    /// system, which takes longer than what is done with them.
    pub(super) fn spare(&self) -> Option<Vec<u8>> {
        let mut spare = self.returned.try_recv().ok()?;
        spare.clear();
        Some(spare)
    }

    /// About how many bytes the features take that have been read.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// How the features of a file become those of a batch.
pub(super) trait ReadFeature<C>: Sync {
    /// A batch that has nothing yet.
    fn batch(&self) -> Batch {
        Batch::default()
    }

    /// Reads a feature's bytes into the batch.
    ///
    /// # Errors
    /// Why it can't be used. The batch is as it was.
    fn read(&self, bytes: &[u8], with: &C, batch: &mut Batch) -> Result<(), Flaw>;
}

impl Subject<'_> {
    /// Reads the only layer of the file: `split` sends its features and returns the digest.
    pub(super) fn in_parallel<C: Send>(
        &self,
        reader: &impl ReadFeature<C>,
        split: impl FnOnce(Outlet<'_, C>) -> Result<u128, LoadError>,
    ) -> Result<Loaded, LoadError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (chunks, receiver) = sync_channel(2 * threads);
        let (give_back, returned) = channel();
        let (receiver, used) = (Mutex::new(receiver), AtomicU64::new(0));
        let (digest, batches) = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let (receiver, used, give_back) = (&receiver, &used, give_back.clone());
                    scope.spawn(move || features(reader, receiver, used, &give_back))
                })
                .collect();
            // The outlet goes with the call, and then the workers end.
            let digest = split(Outlet { chunks, returned, used: &used });
            let found = workers.into_iter().map(|worker| worker.join());
            let found: Result<Vec<_>, _> = found.collect();
            // A worker that panics has a defect that no file should hide.
            let found = found.map_err(|_| self.broken("reading it was aborted by a defect"));
            (digest, found)
        });
        let (digest, mut batches) = (digest?, batches?.into_iter().flatten().collect::<Vec<_>>());
        // In the order of the file, so that nothing depends on which thread was first.
        batches.sort_by_key(|read| read.first);
        let skipped = batches.iter().map(|read| read.skipped).sum();
        let flaws = batches.iter_mut().flat_map(|read| std::mem::take(&mut read.flaws));
        let flaws = flaws.take(TOLD).map(|flaw| format!("{}: {flaw}", self.name())).collect();
        let batches = batches.into_iter().map(|read| read.batch).collect();
        let store = Store::new(batches).map_err(|what| self.too_many(what))?;
        let layers = vec![Contained { name: None, store: Arc::new(store) }];
        Ok(Loaded { layers, digest, skipped, flaws, left_out: Vec::new() })
    }
}

/// Reads the features of chunks until there are no more.
fn features<C>(
    reader: &impl ReadFeature<C>,
    chunks: &Mutex<Receiver<(Chunk, C)>>,
    used: &AtomicU64,
    give_back: &Sender<Vec<u8>>,
) -> Vec<ReadChunk> {
    let mut all = Vec::new();
    let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok((chunk, with)) = next() {
        let read = ReadChunk::new(reader, &chunk, &with);
        used.fetch_add(read.batch.bytes() as u64, Ordering::Relaxed);
        // Nobody takes it once the whole file has been taken apart.
        let _ = give_back.send(chunk.bytes);
        all.push(read);
    }
    all
}

/// The features of a chunk.
struct ReadChunk {
    first: u64,
    batch: Batch,
    skipped: u64,
    flaws: Vec<Flaw>,
}

impl ReadChunk {
    fn new<C>(reader: &impl ReadFeature<C>, chunk: &Chunk, with: &C) -> Self {
        let mut batch = reader.batch();
        let (mut skipped, mut flaws) = (0, Vec::new());
        for (number, unit) in (chunk.first..).zip(&chunk.units) {
            if let Err(flaw) = reader.read(&chunk.bytes[unit.clone()], with, &mut batch) {
                skipped += 1;
                if flaws.len() < TOLD {
                    let byte = chunk.offset + unit.start as u64;
                    flaws.push(format!("byte {byte}, feature {number}: {flaw}"));
                }
            }
        }
        batch.seal();
        Self { first: chunk.first, batch, skipped, flaws }
    }
}
