//! Files that change, and files that turn up.

use std::collections::HashSet;
use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tracing::warn;

use super::paths::{Wanted, expanded, whole};
use super::{Entry, Files, State, report};
use crate::catalog::File;
use crate::source::embedded::{self, LoadOptions, Loaded};

/// How often files are looked at. One that is being written is read once it was the same twice.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Tells versions of a file apart without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// The file itself, and when anything about it changed last: seconds, nanoseconds.
    file: Option<[i64; 3]>,
    /// What SQLite has written beside a GeoPackage and not into it yet.
    beside: Option<(Option<SystemTime>, u64)>,
}

impl Stamp {
    /// `None` while there is no file.
    pub(super) fn of(path: &str) -> Option<Self> {
        // A pipe would have whoever reads it wait for ever.
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
        let beside = std::fs::metadata(format!("{path}-wal")).ok();
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            file: inode(&metadata),
            beside: beside.map(|beside| (beside.modified().ok(), beside.len())),
        })
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<[i64; 3]> {
    use std::os::unix::fs::MetadataExt;
    Some([metadata.ino().cast_signed(), metadata.ctime(), metadata.ctime_nsec()])
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Option<[i64; 3]> {
    None
}

/// A file that turned up.
pub(super) struct Newcomer {
    seen: Stamp,
    /// It was read, and can't be used.
    refused: bool,
}

impl Files {
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

    fn options(&self) -> LoadOptions<'static> {
        let (strict, memory_limit) = (self.strict, self.memory_limit);
        LoadOptions { strict, memory_limit, progress: &() }
    }

    /// Whether any file was read, anew or for the first time.
    fn look(&self) -> bool {
        let entries = self.entries.read().clone();
        let changed = entries.iter().filter(|entry| entry.is_changed());
        let read: Vec<bool> = changed.map(|entry| self.read_again(entry)).collect();
        let found = self.publish.iter().flat_map(|source| expanded(source).unwrap_or_default());
        // By their spelling first, since that takes no look at the disk.
        let names: HashSet<&String> = entries.iter().flat_map(|e| &e.wanted.names).collect();
        let others = found.filter(|path| !names.contains(path));
        let found: HashSet<String> = others
            .filter(|path| !entries.iter().any(|one| one.wanted.is_at(&whole(path))))
            .collect();
        self.new.lock().retain(|path, _| found.contains(path));
        let added: Vec<bool> = found.into_iter().map(|path| self.add(path)).collect();
        read.contains(&true) || added.contains(&true)
    }

    /// Reads a file that has changed. Returns whether another version is served now.
    fn read_again(&self, entry: &Entry) -> bool {
        let path = entry.wanted.path();
        let stamp = Stamp::of(path);
        // A broken one isn't tried again until it changes.
        entry.state.lock().read.clone_from(&stamp);
        let started = Instant::now();
        let refused = match embedded::load(Path::new(path), self.options()) {
            // It may have been written in between.
            Ok(_) if Stamp::of(path) != stamp => return false,
            Ok(loaded) if entry.state.lock().loaded.digest == loaded.digest => return false,
            Ok(loaded) => match self.objection(entry, &loaded) {
                None => {
                    report(path, &loaded, started.elapsed());
                    entry.state.lock().loaded = loaded;
                    return true;
                }
                Some(objection) => objection,
            },
            Err(error) => error.to_string(),
        };
        warn!(
            file = path,
            error = refused,
            "the changed file can't be used; the old one is still served"
        );
        false
    }

    /// Why a new version of a file would take a layer away.
    fn objection(&self, entry: &Entry, loaded: &Loaded) -> Option<String> {
        let before = self.current();
        let (old, new) =
            (self.file(entry, entry.state.lock().loaded.clone()), self.file(entry, loaded.clone()));
        let names: HashSet<&str> = new.layer_names().collect();
        let gone = old.layer_names().find(|name| entry.wanted.publish && !names.contains(name));
        if let Some(name) = gone {
            return Some(format!("it has no layer {name} any more: restart to serve what it has"));
        }
        let others = before.iter().filter(|file| file.publish && file.path() != old.path());
        let taken: HashSet<&str> = others.flat_map(File::layer_names).collect();
        let added = new.layer_names().filter(|name| old.layer_names().all(|known| known != *name));
        if let Some(name) =
            added.into_iter().find(|name| entry.wanted.publish && taken.contains(name))
        {
            return Some(has_namesake(name));
        }
        let mut after = before.clone();
        let changed = after.iter_mut().find(|file| file.path() == entry.wanted.path())?;
        changed.loaded = loaded.clone();
        self.layers.iter().find_map(|(id, settings)| {
            let disabled = File::disabled(&after, id, settings)?;
            let was_served = File::disabled(&before, id, settings).is_none();
            was_served.then(|| format!("layer {id}: {}", disabled.detail))
        })
    }

    /// Reads a file that turned up, once nobody writes it any more. Returns whether it is served.
    fn add(&self, path: String) -> bool {
        let Some(seen) = Stamp::of(&path) else { return false };
        let newcomer = Newcomer { seen: seen.clone(), refused: false };
        let before = self.new.lock().insert(path.clone(), newcomer);
        match before.filter(|before| before.seen == seen) {
            None => return false,
            Some(Newcomer { refused: true, .. }) => {
                self.new.lock().insert(path, Newcomer { seen, refused: true });
                return false;
            }
            Some(_) => {}
        }
        let started = Instant::now();
        let refused = match embedded::load(Path::new(&path), self.options()) {
            Ok(_) if Stamp::of(&path).as_ref() != Some(&seen) => return false,
            Ok(loaded) => {
                let wanted = Wanted::new(path.clone(), true);
                let state = State { loaded, read: Some(seen.clone()), seen: Some(seen.clone()) };
                let entry = Arc::new(Entry { wanted, state: Mutex::new(state) });
                match self.taken_name(&entry) {
                    None => {
                        report(&path, &entry.state.lock().loaded, started.elapsed());
                        self.entries.write().push(entry);
                        return true;
                    }
                    Some(name) => has_namesake(&name),
                }
            }
            Err(error) => error.to_string(),
        };
        warn!(file = path, error = refused, "a new file can't be used");
        self.new.lock().insert(path, Newcomer { seen, refused: true });
        false
    }

    /// A name that a new file's layer would have in common with one that is published.
    fn taken_name(&self, entry: &Entry) -> Option<String> {
        let new = self.file(entry, entry.state.lock().loaded.clone());
        let all = self.current();
        let taken: HashSet<&str> =
            all.iter().filter(|file| file.publish).flat_map(File::layer_names).collect();
        new.layer_names().find(|name| taken.contains(name)).map(str::to_owned)
    }
}

fn has_namesake(name: &str) -> String {
    format!(
        "there is a layer {name} already, whose name would become another: restart to serve both"
    )
}

impl Entry {
    /// Whether there is another version, which nobody is writing at the moment.
    fn is_changed(&self) -> bool {
        let path = self.wanted.path();
        let now = Stamp::of(path);
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.seen, now.clone());
        if now.is_none() && before.is_some() {
            warn!(file = path, "the file is gone; what was read of it is still served");
        }
        now.is_some() && now == before && now != state.read
    }
}
