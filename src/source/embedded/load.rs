//! From a file to its layers in memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytesize::ByteSize;
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use super::batch::{Batch, Flaw};
use super::chunks::{Broken, Chunk, Splitter};
use super::geojson;
use super::store::Store;
use crate::tile::Crs;

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 20;

/// Features that can't be read whose reasons are kept.
const TOLD: usize = 5;

/// How files are read.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// A feature that can't be read is an error.
    pub strict: bool,
    /// Bytes that the features of a file may take.
    pub memory_limit: ByteSize,
    pub progress: &'a dyn Progress,
}

/// Is told how much of a file was read.
pub trait Progress: Sync {
    /// So many bytes will be read in all.
    fn expect(&self, _bytes: u64) {}

    /// So many more were.
    fn advance(&self, bytes: u64);

    /// Nothing more will be read.
    fn finish(&self) {}
}

/// Nobody looks.
impl Progress for () {
    fn advance(&self, _: u64) {}
}

/// A layer that a file contains.
#[derive(Clone, Debug)]
pub struct Contained {
    /// `None` where the file is the layer.
    pub name: Option<String>,
    pub store: Arc<Store>,
}

/// What was read of a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub layers: Vec<Contained>,
    /// Of all bytes of the file.
    pub digest: u128,
    /// Features that couldn't be read.
    pub skipped: u64,
    /// Why, of the first few: with the file, the place and the feature's number.
    pub flaws: Vec<String>,
}

/// Why a file can't be served. The text names the file and says what to do.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{file} can't be read: {cause}")]
    Io { file: String, cause: io::Error },
    #[error("{file}: {reason}")]
    Broken { file: String, reason: String },
    #[error("{file} has no feature that can be read; the first: {flaw}")]
    NoneGood { file: String, flaw: String },
    #[error("{skipped} features can't be read; the first: {flaw}")]
    Strict { skipped: u64, flaw: String },
    #[error(
        "{file} is in {system}, and files can be in WGS 84 (EPSG:4326) and Web Mercator (EPSG:3857): \
         convert it with\n    ogr2ogr -t_srs EPSG:4326 {converted} {file}"
    )]
    System { file: String, system: String, converted: String },
    #[error(
        "{file} takes more than files.memory_limit, {limit}: raise that, or load the file into PostGIS \
         and serve it from there:\n    ogr2ogr -f PostgreSQL \"PG:host=… dbname=…\" {file} \
         -nln {table} -lco GEOMETRY_NAME=geom"
    )]
    TooLarge { file: String, limit: ByteSize, table: String },
    #[error("{file} is no file that Tesela reads: {expected}")]
    Unknown { file: String, expected: String },
}

/// Endings of files that can be read, without their dots.
const GEOJSON: [&str; 6] = ["geojson", "geojsonl", "geojsons", "ndjson", "jsonl", "json"];

/// Whether a file's name ends as those do that can be read.
pub fn is_readable(path: &Path) -> bool {
    format(path).is_some()
}

#[derive(Clone, Copy)]
enum Format {
    GeoJson,
}

fn format(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    GEOJSON.contains(&ending.as_str()).then_some(Format::GeoJson)
}

/// Reads a file.
///
/// # Errors
/// It can't be read or is too large; or with `strict` a part of it.
pub fn load(path: &Path, options: LoadOptions<'_>) -> Result<Loaded, LoadError> {
    let file = Subject { path: path.to_owned(), options };
    let loaded = match format(path) {
        Some(Format::GeoJson) => file.geojson(),
        None => Err(LoadError::Unknown {
            file: file.name(),
            expected: format!("expected a name that ends in .{}", GEOJSON.join(", .")),
        }),
    }?;
    file.judge(loaded)
}

/// A file while it is read.
pub(super) struct Subject<'a> {
    path: PathBuf,
    pub(super) options: LoadOptions<'a>,
}

impl Subject<'_> {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn broken(&self, reason: impl Into<String>) -> LoadError {
        LoadError::Broken { file: self.name(), reason: reason.into() }
    }

    pub(super) fn too_large(&self) -> LoadError {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        LoadError::TooLarge {
            file: self.name(),
            limit: self.options.memory_limit,
            table: stem.to_lowercase(),
        }
    }

    pub(super) fn other_system(&self, system: String) -> LoadError {
        let ending = self.path.extension().unwrap_or_default();
        let converted = self.path.with_extension(format!("4326.{}", ending.display()));
        LoadError::System { file: self.name(), system, converted: converted.display().to_string() }
    }

    fn io(&self, cause: io::Error) -> LoadError {
        LoadError::Io { file: self.name(), cause }
    }

    /// What is left out is an error if that is all, or if nothing may be.
    fn judge(&self, loaded: Loaded) -> Result<Loaded, LoadError> {
        let Some(flaw) = loaded.flaws.first().cloned() else { return Ok(loaded) };
        if loaded.layers.iter().all(|layer| layer.store.is_empty()) {
            return Err(LoadError::NoneGood { file: self.name(), flaw });
        }
        match self.options.strict {
            true => Err(LoadError::Strict { skipped: loaded.skipped, flaw }),
            false => Ok(loaded),
        }
    }

    /// One thread reads the file and takes it apart, others read its features.
    fn geojson(&self) -> Result<Loaded, LoadError> {
        let mut file = File::open(&self.path).map_err(|cause| self.io(cause))?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (sender, receiver) = sync_channel(2 * threads);
        let (receiver, used) = (Mutex::new(receiver), AtomicU64::new(0));
        let (digest, batches) = thread::scope(|scope| {
            let read = || self.features(&receiver, &used);
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(read)).collect();
            // The sender goes with the call, and then the workers end.
            let digest = self.split(&mut file, sender, &used);
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
        let store = Store::new(batches).map_err(|_| self.too_large())?;
        let layers = vec![Contained { name: None, store: Arc::new(store) }];
        Ok(Loaded { layers, digest, skipped, flaws })
    }

    /// Sends the file's features in chunks. Returns the digest of the file.
    fn split(
        &self,
        file: &mut File,
        chunks: SyncSender<(Chunk, Crs)>,
        used: &AtomicU64,
    ) -> Result<u128, LoadError> {
        let (mut splitter, mut digest) = (Splitter::default(), Xxh3::new());
        let mut block = vec![0; BLOCK];
        let mut crs = None;
        loop {
            let length = file.read(&mut block).map_err(|cause| self.io(cause))?;
            let bytes = &block[..length];
            digest.update(bytes);
            self.options.progress.advance(length as u64);
            splitter.push(bytes).map_err(|broken| self.at(&broken))?;
            for (offset, members) in std::mem::take(&mut splitter.members) {
                self.system(offset, &members, &mut crs)?;
            }
            let limit = self.options.memory_limit.as_u64();
            if used.load(Ordering::Relaxed).max(splitter.held() as u64) > limit {
                return Err(self.too_large());
            }
            if let Some(chunk) = splitter.chunk(length == 0) {
                // What comes first decides, and a collection says it at its beginning.
                let crs = *crs.get_or_insert(Crs::Wgs84);
                if chunks.send((chunk, crs)).is_err() {
                    break;
                }
            }
            if length == 0 {
                break;
            }
        }
        splitter.end().map_err(|broken| self.at(&broken))?;
        if splitter.is_unused() {
            return Err(self.broken("it holds no GeoJSON"));
        }
        Ok(digest.digest128())
    }

    /// Takes note of the reference system that a collection names.
    fn system(&self, offset: u64, members: &[u8], crs: &mut Option<Crs>) -> Result<(), LoadError> {
        let members: serde_json::Value = serde_json::from_slice(members).map_err(|error| {
            self.broken(format!("byte {offset}: what surrounds its features is no JSON: {error}"))
        })?;
        match geojson::system(&members) {
            Ok(None) => Ok(()),
            Ok(Some(named)) if crs.is_none_or(|known| known == named) => {
                *crs = Some(named);
                Ok(())
            }
            Ok(Some(_)) => {
                Err(self.other_system("a system that is named behind its features".into()))
            }
            Err(system) => Err(self.other_system(system)),
        }
    }

    fn at(&self, Broken { offset, reason }: &Broken) -> LoadError {
        self.broken(format!("byte {offset}: {reason}"))
    }

    /// Reads the features of chunks until there are no more.
    fn features(&self, chunks: &Mutex<Receiver<(Chunk, Crs)>>, used: &AtomicU64) -> Vec<ReadChunk> {
        let mut all = Vec::new();
        let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok((chunk, crs)) = next() {
            let read = ReadChunk::new(&chunk, crs);
            used.fetch_add(read.batch.bytes() as u64, Ordering::Relaxed);
            all.push(read);
        }
        all
    }
}

/// The features of a chunk.
struct ReadChunk {
    first: u64,
    batch: Batch,
    skipped: u64,
    flaws: Vec<Flaw>,
}

impl ReadChunk {
    fn new(chunk: &Chunk, crs: Crs) -> Self {
        let mut batch = Batch::default();
        let (mut skipped, mut flaws) = (0, Vec::new());
        for (number, unit) in (chunk.first..).zip(&chunk.units) {
            if let Err(flaw) = geojson::read(&chunk.bytes[unit.clone()], crs, &mut batch) {
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
