//! The configured files: read at the start, and again when they change.

mod paths;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use tracing::{info, warn};

use self::paths::Wanted;
use self::watch::{Newcomer, Stamp};
use crate::catalog::{File, LayerSettings, NamedSource};
use crate::config::Settings;
use crate::source::embedded::{self, EmbeddedSource, LoadError, LoadOptions, Loaded, Progress};

/// Why files can't be served.
#[derive(Debug, Error)]
pub enum FilesError {
    #[error(
        "there is no file {0:?}; a source is a file, a folder, or a database's postgres:// URL"
    )]
    Missing(String),
    #[error("layers.{layer}.file: there is no file {path:?}, or it can't be seen")]
    MissingOfLayer { layer: String, path: String },
    #[error("{0:?} is a pipe or a device; only files can be read again when they change")]
    Special(String),
    #[error("folder {folder:?} can't be read: {cause}")]
    Folder { folder: String, cause: std::io::Error },
    #[error("{folder:?} holds no file that Tesela reads; those of a folder end in {endings}")]
    Empty { folder: String, endings: String },
    #[error("{pattern:?} fits no file that Tesela reads; those that it fits end in {endings}")]
    NoneFits { pattern: String, endings: String },
    #[error("{pattern:?} is no pattern of file names: {cause}")]
    Pattern { pattern: String, cause: glob::PatternError },
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// All files of the configuration.
pub struct Files {
    source: NamedSource,
    strict: bool,
    memory_limit: ByteSize,
    /// Where more files may turn up.
    publish: Vec<String>,
    /// The layers that are made of files.
    layers: BTreeMap<String, LayerSettings>,
    entries: RwLock<Vec<Arc<Entry>>>,
    /// Files that aren't among the entries, as they were at the last look.
    new: Mutex<HashMap<String, Newcomer>>,
}

/// A file, whatever it is called.
struct Entry {
    wanted: Wanted,
    state: Mutex<State>,
}

struct State {
    loaded: Loaded,
    /// Of what was read last, whether it could be used or not.
    read: Option<Stamp>,
    /// Of the last look.
    seen: Option<Stamp>,
}

impl Files {
    /// Reads all files, which takes a while.
    ///
    /// # Errors
    /// One isn't there, can't be read, or takes too much memory; or with `strict` a feature of it
    /// can't be read.
    pub fn load(
        settings: &Settings,
        strict: bool,
        progress: &dyn Progress,
    ) -> Result<Self, FilesError> {
        let all = paths::wanted(settings)?;
        let length = |path: &str| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        progress.expect(all.iter().map(|wanted| length(wanted.path())).sum());
        let memory_limit = settings.files.memory_limit;
        let options = LoadOptions { strict, memory_limit, progress };
        let entries = all.into_iter().map(|wanted| {
            let (read, started) = (Stamp::of(wanted.path()), Instant::now());
            let loaded = embedded::load(Path::new(wanted.path()), options)?;
            let state = Mutex::new(State { loaded, seen: read.clone(), read });
            Ok((Arc::new(Entry { wanted, state }), started.elapsed()))
        });
        let entries = entries.collect::<Result<Vec<_>, FilesError>>();
        progress.finish();
        let entries = entries?.into_iter().map(|(entry, took)| {
            report(entry.wanted.path(), &entry.state.lock().loaded, took);
            entry
        });
        let of_files = |layer: &&LayerSettings| layer.files().next().is_some();
        let layers = settings.layers.iter().filter(|(_, layer)| of_files(layer));
        Ok(Self {
            source: NamedSource {
                name: embedded::NAME.into(),
                source: Arc::new(EmbeddedSource::default()),
            },
            strict,
            memory_limit,
            publish: settings.files.publish.clone(),
            layers: layers.map(|(id, layer)| (id.clone(), layer.clone())).collect(),
            entries: RwLock::new(entries.collect()),
            new: Mutex::default(),
        })
    }

    /// What they hold now.
    pub fn current(&self) -> Vec<File> {
        let file = |entry: &Arc<Entry>| self.file(entry, entry.state.lock().loaded.clone());
        self.entries.read().iter().map(file).collect()
    }

    fn file(&self, entry: &Entry, loaded: Loaded) -> File {
        let (names, publish) = (entry.wanted.names.clone(), entry.wanted.publish);
        File { source: self.source.clone(), names, publish, loaded }
    }

    /// What of the files couldn't be read, a text for each that has such.
    pub fn flaws(&self) -> Vec<String> {
        let of = |file: File| {
            let skipped = file.loaded.skipped;
            let skipped = (skipped > 0).then(|| {
                format!("{}: {skipped} features can't be read; the log says why", file.path())
            });
            skipped.into_iter().chain(file.loaded.left_out)
        };
        self.current().into_iter().flat_map(of).collect()
    }
}

/// Logs what was read of a file.
fn report(path: &str, loaded: &Loaded, took: Duration) {
    for flaw in &loaded.flaws {
        warn!("skipped: {flaw}");
    }
    let more = loaded.skipped - loaded.flaws.len() as u64;
    if more > 0 {
        warn!(file = path, "skipped {more} more features that can't be read");
    }
    for reason in &loaded.left_out {
        warn!("left out: {reason}");
    }
    for layer in &loaded.layers {
        let store = &layer.store;
        let (features, vertices) = (store.len(), store.vertices());
        let memory = ByteSize::b(store.bytes() as u64).to_string();
        let seconds = format!("{:.1}", took.as_secs_f64());
        match &layer.name {
            Some(layer) => info!(file = path, layer, features, vertices, memory, seconds, "loaded"),
            None => info!(file = path, features, vertices, memory, seconds, "loaded"),
        }
        if store.without_place() > 0 {
            let count = store.without_place();
            info!(file = path, count, "features without a geometry");
        }
    }
}
