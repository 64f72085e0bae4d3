//! What is published, under which names.
//!
//! A [`Catalog`] never changes: a reload builds another and swaps it in.

mod build;
mod files;
mod layer;
mod names;
mod prepare;
mod row_source;
mod settings;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use build::{Builder, Database, Tables};
pub use files::File;
pub use layer::{Freshness, GeometryType, Layer, Lifetimes, NamedSource, Part, Tileset};
pub use names::{FORMATS, RESERVED, is_id_char};
pub use row_source::{RowSource, SourceSettings};
pub use settings::{
    DEFAULT_BUFFER, DEFAULT_EXTENT, DEFAULT_MAX_ZOOM, LayerSettings, OnLayerError, TilesetSettings,
    ZoomSettings,
};
use thiserror::Error;

/// Most layers in an ad-hoc composite.
pub const MAX_COMPOSITE: usize = 16;

/// Layers and tilesets by id.
#[derive(Default)]
pub struct Catalog {
    /// Under their ids, for listing.
    tilesets: BTreeMap<String, Arc<Tileset>>,
    /// Other names that answer too.
    aliases: HashMap<String, Arc<Tileset>>,
    disabled: BTreeMap<String, Disabled>,
    warnings: Vec<String>,
    /// A database that publishes its tables couldn't be asked for them yet.
    incomplete: bool,
}

/// Why something configured or found can't be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// For everyone: names nothing that isn't published.
    pub reason: String,
    /// For the operator: what to do about it.
    pub detail: String,
}

/// Longest part of a name that an error repeats.
const MAX_SHOWN: usize = 100;

/// Why a name has no tileset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LookupError {
    #[error("there is no layer or tileset {0:?}; /catalog lists what there is")]
    Unknown(String),
    /// It is configured, but can't be served: see `/catalog` for the reason.
    #[error("layer {0:?} is disabled; /catalog says why")]
    Disabled(String),
    /// It may be a table of a database that couldn't be asked yet.
    #[error("{0:?} is not known yet, because a database can't be reached")]
    NotYetKnown(String),
    #[error("a composite has at most {MAX_COMPOSITE} layers")]
    TooMany,
    #[error("layers {0:?} and {1:?} have the same name inside a tile, so they can't share one")]
    SameName(String, String),
}

impl Catalog {
    /// Everything that is published, by id.
    pub fn tilesets(&self) -> impl Iterator<Item = &Arc<Tileset>> {
        self.tilesets.values()
    }

    /// Other names under which tilesets answer.
    pub fn aliases(&self) -> impl Iterator<Item = (&String, &Arc<Tileset>)> {
        self.aliases.iter()
    }

    /// Ids of what is configured but can't be served, with the reason.
    pub fn disabled(&self) -> &BTreeMap<String, Disabled> {
        &self.disabled
    }

    /// What the operator should know about the settings.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The tileset that a URL's first segment names: one id, or several with commas between.
    ///
    /// # Errors
    /// See [`LookupError`].
    pub fn lookup(&self, name: &str) -> Result<Arc<Tileset>, LookupError> {
        if name.contains(',') { self.composite(name) } else { self.single(name).cloned() }
    }

    fn single(&self, name: &str) -> Result<&Arc<Tileset>, LookupError> {
        if let Some(tileset) = self.tilesets.get(name).or_else(|| self.aliases.get(name)) {
            return Ok(tileset);
        }
        if self.disabled.contains_key(name) {
            return Err(LookupError::Disabled(name.to_owned()));
        }
        let shown = name.chars().take(MAX_SHOWN).collect();
        Err(if self.incomplete {
            LookupError::NotYetKnown(shown)
        } else {
            LookupError::Unknown(shown)
        })
    }

    /// Sorted and without repetition, so that every spelling is one tile.
    fn composite(&self, name: &str) -> Result<Arc<Tileset>, LookupError> {
        if name.split(',').count() > MAX_COMPOSITE {
            return Err(LookupError::TooMany);
        }
        let mut members = Vec::new();
        for part in name.split(',') {
            let tileset = self.single(part)?;
            if !tileset.missing.is_empty() {
                return Err(LookupError::Disabled(part.to_owned()));
            }
            members.extend(tileset.members.iter().cloned());
        }
        members.sort_by(|a, b| a.id.cmp(&b.id));
        members.dedup_by(|a, b| a.id == b.id);
        if members.len() > MAX_COMPOSITE {
            return Err(LookupError::TooMany);
        }
        if let Some((a, b)) = same_name(&members) {
            return Err(LookupError::SameName(a, b));
        }
        let id = members.iter().map(|layer| layer.id.as_str()).collect::<Vec<_>>().join(",");
        let mut tileset = Tileset::new(id, members);
        tileset.attribution = build::joined_attribution(&tileset);
        tileset.ad_hoc = true;
        Ok(Arc::new(tileset))
    }
}

/// Two members whose layers would have one name in the tile, which MVT 2.1 section 4.1 forbids.
fn same_name(members: &[Arc<Layer>]) -> Option<(String, String)> {
    let mut seen = HashMap::new();
    members.iter().find_map(|layer| {
        let other = seen.insert(layer.name.as_str(), layer.id.as_str())?;
        Some((other.to_owned(), layer.id.clone()))
    })
}
