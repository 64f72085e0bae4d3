//! Which files settings mean.

use std::path::{Path, PathBuf};

use super::FilesError;
use crate::config::Settings;
use crate::source::embedded::{endings, is_readable};

/// A file that the settings mean.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// How the settings spell it; never empty.
    pub(super) names: Vec<String>,
    /// Without links and detours.
    pub(super) whole: PathBuf,
    /// Its layers are published as they are.
    pub(super) publish: bool,
}

impl Wanted {
    pub(super) fn new(name: String, publish: bool) -> Self {
        Self { whole: whole(&name), names: vec![name], publish }
    }

    pub(super) fn path(&self) -> &str {
        &self.names[0]
    }

    /// Whether this is its path without links and detours.
    pub(super) fn is_at(&self, whole: &Path) -> bool {
        self.whole == whole
    }
}

/// The path without links and detours; as it is if there is no such file.
pub(super) fn whole(name: &str) -> PathBuf {
    std::fs::canonicalize(name).unwrap_or_else(|_| name.into())
}

/// All files that the settings name, each once, however it is spelled.
pub(super) fn wanted(settings: &Settings) -> Result<Vec<Wanted>, FilesError> {
    let mut all: Vec<Wanted> = Vec::new();
    let mut add = |name: String, publish: bool| {
        let wanted = Wanted::new(name.clone(), publish);
        match all.iter_mut().find(|one| one.is_at(&wanted.whole)) {
            Some(known) => {
                if !known.names.contains(&name) {
                    known.names.push(name);
                }
            }
            None => all.push(wanted),
        }
    };
    for source in &settings.files.publish {
        expanded(source)?.into_iter().for_each(|path| add(path, true));
    }
    for (id, layer) in &settings.layers {
        for path in layer.files() {
            if !Path::new(path).is_file() {
                let (layer, path) = (id.clone(), path.clone());
                return Err(FilesError::MissingOfLayer { layer, path });
            }
            add(path.clone(), false);
        }
    }
    Ok(all)
}

/// The files that a path means: its own, a folder's, or those that a pattern fits.
pub(super) fn expanded(source: &str) -> Result<Vec<String>, FilesError> {
    let path = Path::new(source);
    if path.is_file() {
        return Ok(vec![source.to_owned()]);
    }
    if path.exists() && !path.is_dir() {
        return Err(FilesError::Special(source.to_owned()));
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
    let is_wanted = |path: &Path| {
        is_readable(path) && path.is_file() && !is_plain_json(path) && !is_hidden(path)
    };
    let mut found: Vec<String> = (found.iter().filter(|path| is_wanted(path)))
        .filter_map(|path| Some(path.to_str()?.to_owned()))
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        let endings = endings().filter(|ending| ending != ".json").collect::<Vec<_>>().join(", ");
        return Err(match path.is_dir() {
            true => FilesError::Empty { folder: source.to_owned(), endings },
            false => FilesError::NoneFits { pattern: source.to_owned(), endings },
        });
    }
    Ok(found)
}

/// What systems put beside files, such as `._roads.geojson`.
fn is_hidden(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with('.'))
}

/// Most files that end so are something else: they are only read if they are named.
fn is_plain_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}
