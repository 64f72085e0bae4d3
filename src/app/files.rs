//! The configured files: read at the start, and again when they change.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytesize::ByteSize;
use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use tracing::{info, warn};

use crate::catalog::{File, NamedSource};
use crate::config::Settings;
use crate::source::embedded::{
    self, EmbeddedSource, LoadError, LoadOptions, Loaded, Progress, endings, is_readable,
};

/// How often files are looked at. One that is being written is read once it was the same twice.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Why files can't be served.
#[derive(Debug, Error)]
pub enum FilesError {
    #[error(
        "there is no file {0:?}; a source is a file, a folder, or a database's postgres:// URL"
    )]
    Missing(String),
    #[error("folder {folder:?} can't be read: {cause}")]
    Folder { folder: String, cause: std::io::Error },
    #[error("{folder:?} holds no file that Tesela reads; those of a folder end in {endings}")]
    Empty { folder: String, endings: String },
    #[error("{pattern:?} is no pattern of file names: {cause}")]
    Pattern { pattern: String, cause: glob::PatternError },
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// All files of the configuration.
pub struct Files {
    source: NamedSource,
    memory_limit: ByteSize,
    /// Where more files may turn up.
    publish: Vec<String>,
    entries: RwLock<Vec<Arc<Entry>>>,
    /// Files that aren't among the entries, as they were at the last look.
    new: Mutex<HashMap<String, Newcomer>>,
}

/// A file that turned up.
struct Newcomer {
    seen: Stamp,
    /// It was read, and can't be used.
    refused: bool,
}

struct Entry {
    path: String,
    publish: bool,
    state: Mutex<State>,
}

struct State {
    loaded: Loaded,
    /// Of what was read last, whether it could be used or not.
    read: Option<Stamp>,
    /// Of the last look.
    seen: Option<Stamp>,
}

/// Tells versions of a file apart without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    file: Option<u64>,
}

impl Stamp {
    /// `None` while there is no file.
    fn of(path: &str) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let (modified, length) = (metadata.modified().ok(), metadata.len());
        Some(Self { modified, length, file: inode(&metadata) })
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(metadata))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Option<u64> {
    None
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
        let paths = paths(settings)?;
        let length = |path: &String| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        progress.expect(paths.iter().map(|(path, _)| length(path)).sum());
        let memory_limit = settings.files.memory_limit;
        let options = LoadOptions { strict, memory_limit, progress };
        let entries = paths.into_iter().map(|(path, publish)| {
            let (read, started) = (Stamp::of(&path), Instant::now());
            let loaded = embedded::load(Path::new(&path), options)?;
            let state = Mutex::new(State { loaded, seen: read.clone(), read });
            Ok((Arc::new(Entry { path, publish, state }), started.elapsed()))
        });
        let entries = entries.collect::<Result<Vec<_>, FilesError>>();
        progress.finish();
        let entries = entries?.into_iter().map(|(entry, took)| {
            report(&entry.path, &entry.state.lock().loaded, took);
            entry
        });
        let entries = RwLock::new(entries.collect());
        let source = Arc::new(EmbeddedSource::default());
        let source = NamedSource { name: embedded::NAME.into(), source };
        let (publish, new) = (settings.files.publish.clone(), Mutex::default());
        Ok(Self { source, memory_limit, publish, entries, new })
    }

    /// What they hold now.
    pub fn current(&self) -> Vec<File> {
        let file = |entry: &Arc<Entry>| File {
            source: self.source.clone(),
            path: entry.path.clone(),
            publish: entry.publish,
            loaded: entry.state.lock().loaded.clone(),
        };
        self.entries.read().iter().map(file).collect()
    }

    /// Keeps looking at the files and for more of them, and calls `publish` when one was read. One
    /// that can't be used leaves the old one in its place.
    pub async fn watch(self: Arc<Self>, publish: impl Fn()) {
        while !self.publish.is_empty() || !self.entries.read().is_empty() {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let files = self.clone();
            // Disks are slow, and files are large.
            let changed = tokio::task::spawn_blocking(move || files.look()).await;
            if changed.unwrap_or_default() {
                publish();
            }
        }
    }

    /// Whether any file was read, anew or for the first time.
    fn look(&self) -> bool {
        let options = LoadOptions { strict: false, memory_limit: self.memory_limit, progress: &() };
        let entries = self.entries.read().clone();
        let changed = entries.iter().filter(|entry| entry.is_changed());
        let read: Vec<bool> = changed.map(|entry| entry.read_again(options)).collect();
        let found = self.publish.iter().flat_map(|source| expanded(source).unwrap_or_default());
        let new = found.filter(|path| entries.iter().all(|entry| entry.path != *path));
        let added: Vec<bool> = new.map(|path| self.add(path, options)).collect();
        read.contains(&true) || added.contains(&true)
    }

    /// Reads a file that turned up, once nobody writes it any more. Returns whether it is served.
    fn add(&self, path: String, options: LoadOptions<'_>) -> bool {
        let Some(seen) = Stamp::of(&path) else { return false };
        let mut new = self.new.lock();
        let before = new.insert(path.clone(), Newcomer { seen: seen.clone(), refused: false });
        let is_known = before.filter(|before| before.seen == seen);
        let Some(Newcomer { refused, .. }) = is_known else { return false };
        if refused {
            new.insert(path, Newcomer { seen, refused });
            return false;
        }
        let started = Instant::now();
        match embedded::load(Path::new(&path), options) {
            Ok(loaded) => {
                report(&path, &loaded, started.elapsed());
                new.remove(&path);
                let (read, seen) = (Some(seen.clone()), Some(seen));
                let state = Mutex::new(State { loaded, read, seen });
                self.entries.write().push(Arc::new(Entry { path, publish: true, state }));
                true
            }
            Err(error) => {
                warn!(file = path, error = error.to_string(), "a new file can't be used");
                new.insert(path, Newcomer { seen, refused: true });
                false
            }
        }
    }
}

impl Entry {
    /// Whether there is another version, which nobody is writing at the moment.
    fn is_changed(&self) -> bool {
        let now = Stamp::of(&self.path);
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.seen, now.clone());
        if now.is_none() && before.is_some() {
            warn!(file = self.path, "the file is gone; what was read of it is still served");
        }
        now.is_some() && now == before && now != state.read
    }

    fn read_again(&self, options: LoadOptions<'_>) -> bool {
        let stamp = Stamp::of(&self.path);
        // A broken one isn't tried again until it changes.
        self.state.lock().read.clone_from(&stamp);
        let started = Instant::now();
        match embedded::load(Path::new(&self.path), options) {
            // It may have been written in between.
            Ok(_) if Stamp::of(&self.path) != stamp => false,
            Ok(loaded) => {
                report(&self.path, &loaded, started.elapsed());
                let mut state = self.state.lock();
                let is_new = state.loaded.digest != loaded.digest;
                state.loaded = loaded;
                is_new
            }
            Err(error) => {
                let (file, error) = (&self.path, error.to_string());
                warn!(file, error, "the changed file can't be used; the old one is still served");
                false
            }
        }
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
            info!(file = path, "{} features have no geometry", store.without_place());
        }
    }
}

/// All files that the settings name, each once, and whether its layers are published as they are.
fn paths(settings: &Settings) -> Result<Vec<(String, bool)>, FilesError> {
    let mut paths: Vec<(String, bool)> = Vec::new();
    for source in &settings.files.publish {
        for path in expanded(source)? {
            if !paths.iter().any(|(known, _)| *known == path) {
                paths.push((path, true));
            }
        }
    }
    for path in settings.layers.values().flat_map(|layer| layer.files()) {
        if !Path::new(path).is_file() {
            return Err(FilesError::Missing(path.clone()));
        }
        if !paths.iter().any(|(known, _)| known == path) {
            paths.push((path.clone(), false));
        }
    }
    Ok(paths)
}

/// The files that a path means: its own, a folder's, or those that a pattern fits.
fn expanded(source: &str) -> Result<Vec<String>, FilesError> {
    let path = Path::new(source);
    if path.is_file() {
        return Ok(vec![source.to_owned()]);
    }
    let found: Vec<_> = if path.is_dir() {
        let failed = |cause| FilesError::Folder { folder: source.to_owned(), cause };
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let entries: Result<Vec<_>, _> = entries.map(|entry| Ok(entry?.path())).collect();
        entries.map_err(failed)?
    } else {
        let failed = |cause| FilesError::Pattern { pattern: source.to_owned(), cause };
        let has_pattern = source.contains(['*', '?', '[']);
        let found = glob::glob(source).map_err(failed)?;
        let found: Vec<_> = found.filter_map(Result::ok).collect();
        if found.is_empty() && !has_pattern {
            return Err(FilesError::Missing(source.to_owned()));
        }
        found
    };
    let is_wanted = |path: &Path| is_readable(path) && path.is_file() && !is_plain_json(path);
    let mut found: Vec<String> = (found.iter().filter(|path| is_wanted(path)))
        .filter_map(|path| Some(path.to_str()?.to_owned()))
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        let endings = endings().filter(|ending| ending != ".json").collect::<Vec<_>>().join(", ");
        return Err(FilesError::Empty { folder: source.to_owned(), endings });
    }
    Ok(found)
}

/// Most files that end so are something else: they are only read if they are named.
fn is_plain_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}
