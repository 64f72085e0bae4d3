//! Layers of files.

use std::collections::HashSet;
use std::path::Path;

use super::names::Candidate;
use super::prepare::{Prepared, layer};
use super::{Disabled, Layer, LayerSettings, NamedSource, SourceSettings};
use crate::query::Params;
use crate::source::embedded::{self, Contained, EmbeddedLayer, Loaded, Mismatch};

/// A file that was read.
#[derive(Clone)]
pub struct File {
    pub source: NamedSource,
    /// How the settings spell its path; never empty.
    pub names: Vec<String>,
    /// Layers of it that nobody has configured are published.
    pub publish: bool,
    pub loaded: Loaded,
}

/// Layers of files that are configured: paths, and names within.
pub(super) type Taken<'a> = HashSet<(&'a str, Option<&'a str>)>;

impl File {
    /// Its path.
    pub fn path(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Names of its layers, as they are before they have to be told from others.
    pub fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.loaded.layers.iter().map(|contained| self.candidate(contained).table)
    }

    /// Why a layer of files can't be served; `None` if it can.
    pub fn disabled(files: &[Self], id: &str, settings: &LayerSettings) -> Option<Disabled> {
        configured(files, id, settings, &mut Taken::new()).err()
    }

    /// The layers that are to be published, unless they are taken.
    pub(super) fn published(&self) -> impl Iterator<Item = (&Self, &Contained)> {
        let layers = self.loaded.layers.iter().filter(|_| self.publish);
        layers.map(move |contained| (self, contained))
    }

    /// What may become the layer's id: its own name or the file's, with that of what it is in before
    /// it, with the file's kind behind it.
    pub(super) fn candidate<'a>(&'a self, contained: &'a Contained) -> Candidate<'a> {
        let path = Path::new(self.path());
        let text = |part: Option<&'a std::ffi::OsStr>| part.and_then(|part| part.to_str());
        let stem = text(path.file_stem()).unwrap_or("file");
        let folder = text(path.parent().and_then(Path::file_name)).unwrap_or("file");
        let column = text(path.extension()).unwrap_or("file");
        let (schema, table) = match &contained.name {
            Some(name) => (stem, name.as_str()),
            None => (folder, stem),
        };
        Candidate { database: "file", schema, table, column }
    }

    fn find(&self, name: Option<&str>) -> Result<&Contained, Mismatch> {
        let layers = &self.loaded.layers;
        let names = layers.iter().filter_map(|layer| layer.name.as_deref());
        let choices =
            || names.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match (name, layers.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => {
                Err(Mismatch::AmbiguousLayer { file: self.path().to_owned(), choices: choices() })
            }
            (Some(_), [Contained { name: None, .. }]) => {
                Err(Mismatch::OneLayer { file: self.path().to_owned() })
            }
            (Some(name), _) => {
                let found = layers.iter().find(|layer| layer.name.as_deref() == Some(name));
                found.ok_or_else(|| Mismatch::NoLayer {
                    file: self.path().to_owned(),
                    layer: name.to_owned(),
                    choices: choices(),
                })
            }
        }
    }
}

/// A layer that is configured with files.
///
/// # Errors
/// Its settings don't match them.
pub(super) fn configured<'a>(
    files: &'a [File],
    id: &str,
    settings: &LayerSettings,
    taken: &mut Taken<'a>,
) -> Result<Layer, Disabled> {
    let (mut parts, mut versions, mut source) = (Vec::new(), Vec::new(), None);
    for SourceSettings { name, zooms, file, contained, table, .. } in settings.sources(id) {
        let found =
            file.as_ref().and_then(|path| files.iter().find(|file| file.names.contains(path)));
        let file =
            found.ok_or_else(|| Disabled::both(format!("its file, for {name}, isn't there")))?;
        let contained = file.find(contained.as_deref())?;
        if name == id {
            taken.insert((file.path(), contained.name.as_deref()));
        }
        let named = (file.path(), file.loaded.digest);
        let layer = EmbeddedLayer::new(&name, named, contained.store.clone(), &table)?;
        versions.push(file.loaded.digest);
        source = Some(&file.source);
        parts.push(Prepared::of_file(zooms, file.path().to_owned(), layer));
    }
    let source = source.ok_or_else(|| Disabled::both("it has no file".to_owned()))?;
    let mut layer = layer(id, settings, source, (parts, Params::default()))?;
    layer.data_version.get_or_insert_with(|| version(&versions));
    Ok(layer)
}

/// The layer of a file that nobody has configured.
///
/// # Errors
/// None that is known; settings of a layer that has none match every file.
pub(super) fn found(id: &str, file: &File, contained: &Contained) -> Result<Layer, Disabled> {
    let settings = LayerSettings::for_file(file.path().to_owned(), contained.name.clone());
    configured(std::slice::from_ref(file), id, &settings, &mut Taken::new())
}

/// What says that files hold something else: a digest of all their bytes.
fn version(digests: &[u128]) -> String {
    digests.iter().map(|digest| format!("{digest:032x}")).collect()
}

impl From<embedded::Mismatch> for Disabled {
    fn from(mismatch: embedded::Mismatch) -> Self {
        Self { reason: mismatch.public(), detail: mismatch.to_string() }
    }
}
