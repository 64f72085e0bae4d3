//! The TOML file and the environment, merged and validated.
//!
//! The file is parsed into a tree that remembers lines (`tree`); the environment is merged
//! into that tree (`env`), entry by entry it becomes [`Settings`], and what types can't say is
//! checked last (`validate`). All that is wrong is reported at once, in words of our own
//! (`hints`), since those of a parser quote the values, passwords included.

mod env;
mod error;
mod hints;
mod names;
mod path;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod urls;
mod validate;

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::DeValue;

use crate::source::{embedded, postgis};
use crate::{cache, catalog, http};

pub use error::{Errors, Problem};
use path::Path;
use tree::Document;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub server: http::Settings,
    pub cache: cache::Settings,
    pub files: embedded::Settings,
    pub databases: BTreeMap<String, postgis::Settings>,
    pub layers: BTreeMap<String, catalog::LayerSettings>,
    pub tilesets: BTreeMap<String, catalog::TilesetSettings>,
}

impl Settings {
    /// The layers that are in `database`, by id.
    pub fn layers_in(
        &self,
        database: &str,
    ) -> impl Iterator<Item = (&String, &catalog::LayerSettings)> {
        let only = self.databases.len() == 1;
        let is_here = move |name: &Option<String>| name.as_deref().map_or(only, |n| n == database);
        let of_files = |layer: &catalog::LayerSettings| layer.files().next().is_some();
        self.layers.iter().filter(move |(_, layer)| is_here(&layer.database) && !of_files(layer))
    }
}

/// The fields of [`Settings`].
const SECTIONS: [&str; 6] = ["server", "cache", "files", "databases", "layers", "tilesets"];

/// Reads the file, if any, and the process's environment.
pub fn load(path: Option<&std::path::Path>) -> Result<Settings, Errors> {
    // A value that isn't Unicode is no setting; `${NAME}` reports it as not set.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let Some(path) = path else { return load_from(None, &env) };
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => {
            let mut settings = load_from(Some((&name, &text)), &env)?;
            validate::resolve(&mut settings, path);
            Ok(settings)
        }
        Err(error) => Err(Errors::new(vec![Problem {
            offset: 0,
            place: name,
            path: String::new(),
            message: format!("cannot be read: {error}"),
            example: None,
        }])),
    }
}

/// Reads a file's text, given with the name to call it in messages, and an environment.
pub fn load_from(
    file: Option<(&str, &str)>,
    env: &BTreeMap<String, String>,
) -> Result<Settings, Errors> {
    let (name, text) = file.unwrap_or(("configuration", ""));
    let mut document = Document::parse(name, text).map_err(Errors::new)?;
    // In this order a variable stands in for a value of the file that can't be had.
    env::overrides(&mut document, env);
    env::substitute(&mut document, env);
    let mut settings = read(&mut document);
    validate::validate(&settings, &mut document);
    if !document.problems.is_empty() {
        return Err(Errors::new(document.problems));
    }
    if let Some(url) = &mut settings.server.public_url {
        url.truncate(url.trim_end_matches('/').len());
    }
    Ok(settings)
}

/// What of the tree could be read; the rest is among the document's problems.
fn read(document: &mut Document<'_>) -> Settings {
    for key in document.keys(&Path::default()) {
        if !SECTIONS.contains(&key.as_str()) {
            document.unknown_key(&Path::of([&key]), &SECTIONS);
        }
    }
    Settings {
        server: document.read(&Path::of(["server"])).unwrap_or_default(),
        cache: document.read(&Path::of(["cache"])).unwrap_or_default(),
        files: document.read(&Path::of(["files"])).unwrap_or_default(),
        databases: named(document, "databases"),
        layers: named(document, "layers"),
        tilesets: named(document, "tilesets"),
    }
}

/// Entry by entry, so that one that is wrong doesn't hide what is wrong with the next.
fn named<T: DeserializeOwned>(document: &mut Document<'_>, section: &str) -> BTreeMap<String, T> {
    let path = Path::of([section]);
    if !matches!(document.get(&path), None | Some(DeValue::Table(_))) {
        let message = format!("expected a table for each name, got {}", document.shown(&path));
        document.report(&path, message, hints::example_line(&path.key("any")));
        document.reject(&path);
    }
    let names = document.keys(&path);
    names
        .into_iter()
        .filter_map(|name| Some((name.clone(), document.read(&path.key(&name))?)))
        .collect()
}
