//! From settings and what the databases hold to a [`Catalog`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::files::{self, File};
use super::names::{self, Candidate};
use super::prepare::{Origin, layer, prepare};
use super::{
    Catalog, Disabled, Layer, LayerSettings, NamedSource, OnLayerError, Tileset, TilesetSettings,
    same_name,
};
use crate::query::Params;
use crate::source::postgis::{Inventory, Mismatch, Publish};

/// A database with what is known of it.
pub struct Database {
    pub source: NamedSource,
    pub publish: Option<Publish>,
    pub tables: Tables,
}

/// What a database holds.
#[derive(Clone)]
pub enum Tables {
    Known(Arc<Inventory>),
    /// It couldn't be asked. The reason is in the log, not in public answers.
    Unreachable,
}

/// Joins settings and databases.
pub struct Builder<'a> {
    pub databases: &'a [Database],
    pub layers: &'a BTreeMap<String, LayerSettings>,
    pub tilesets: &'a BTreeMap<String, TilesetSettings>,
    pub files: &'a [File],
    /// Data versions that databases have told, by layer.
    pub versions: &'a BTreeMap<String, String>,
}

impl Builder<'_> {
    /// The catalogue. What doesn't match the databases is in its
    /// [`disabled`](Catalog::disabled) list.
    pub fn build(&self) -> Catalog {
        let mut catalog = Catalog::default();
        let mut bound = Bound::default();
        for (id, settings) in self.layers {
            let layer = self.configured_layer(id, settings, &mut bound);
            publish_or_disable(&mut catalog, id, layer);
        }
        self.publish_found(&mut catalog, &bound);
        // Looked up before any is added: a tileset holds layers, not tilesets.
        let tilesets: Vec<_> =
            self.tilesets.iter().map(|(id, s)| (id, self.tileset(&catalog, id, s))).collect();
        for (id, tileset) in tilesets {
            match tileset {
                Ok(tileset) => {
                    catalog.tilesets.insert(id.clone(), Arc::new(tileset));
                }
                Err(reason) => {
                    catalog.disabled.insert(id.clone(), reason);
                }
            }
        }
        catalog.warnings = self.databases.iter().flat_map(empty_schemas).collect();
        let layers =
            self.layers.keys().filter_map(|id| Some(&catalog.tilesets.get(id)?.members[0]));
        let unused: Vec<String> = layers.flat_map(|layer| unused_params(layer)).collect();
        catalog.warnings.extend(unused);
        catalog.incomplete = self.databases.iter().any(|database| {
            database.publish.is_some() && matches!(database.tables, Tables::Unreachable)
        });
        catalog
    }

    fn tileset(
        &self,
        catalog: &Catalog,
        id: &str,
        settings: &TilesetSettings,
    ) -> Result<Tileset, Disabled> {
        let omits = settings.on_layer_error == OnLayerError::Omit;
        let mut members: Vec<Arc<Layer>> = Vec::with_capacity(settings.layers.len());
        let mut missing: Vec<(&String, &Disabled)> = Vec::new();
        for name in &settings.layers {
            if self.tilesets.contains_key(name) {
                return Err(Disabled::both(format!(
                    "{name:?} is a tileset, and a tileset holds layers only"
                )));
            }
            if let Some(member) = catalog.disabled.get(name) {
                missing.push((name, member));
                continue;
            }
            let layer = catalog.single(name).map_err(|error| Disabled::both(error.to_string()))?;
            // An alias may name a layer that is there already.
            let new = layer.members.iter().filter(|layer| members.iter().all(|m| m.id != layer.id));
            let new: Vec<_> = new.cloned().collect();
            members.extend(new);
        }
        if let (Some((name, member)), true) = (missing.first(), !omits || members.is_empty()) {
            return Err(member.of_member(name));
        }
        if let Some((a, b)) = same_name(&members) {
            return Err(Disabled::both(format!(
                "layers {a:?} and {b:?} have the same name inside a tile; give one another \
                 layer_name"
            )));
        }
        let mut tileset = Tileset::new(id.to_owned(), members);
        tileset.description.clone_from(&settings.description);
        tileset.lack(missing.into_iter().map(|(name, _)| name.clone()).collect());
        if omits {
            tileset.omit_failing();
        }
        tileset.attribution = settings.attribution.clone().or_else(|| joined_attribution(&tileset));
        Ok(tileset)
    }

    fn configured_layer<'s>(
        &'s self,
        id: &str,
        settings: &LayerSettings,
        bound: &mut Bound<'s>,
    ) -> Result<Layer, Disabled> {
        if settings.files().next().is_some() {
            return files::configured(self.files, id, settings, &mut bound.files);
        }
        let database = self.database(settings.database.as_deref()).map_err(Disabled::both)?;
        let Tables::Known(inventory) = &database.tables else {
            let name = &*database.source.name;
            return Err(Disabled::both(format!("database {name:?} can't be reached")));
        };
        let mut parts = Vec::new();
        for source in settings.sources(id) {
            // A table for some zooms only may still be published as a whole.
            let whole = source.name == id;
            let part = prepare(inventory, &source, settings)?;
            let origin = part.origin.filter(|_| whole);
            bound.origins.extend(origin.map(|origin| (database.name(), origin)));
            parts.push(part);
        }
        let params = Params::new(&settings.params);
        let params = params.map_err(|(name, mistake)| {
            Disabled::both(format!("its parameter {name:?}: {mistake}"))
        })?;
        let mut layer = layer(id, settings, &database.source, (parts, params))?;
        if let Some(version) = self.versions.get(id) {
            layer.data_version = Some(version.clone());
        }
        Ok(layer)
    }

    fn database(&self, name: Option<&str>) -> Result<&Database, String> {
        match (name, self.databases) {
            (Some(name), all) => all
                .iter()
                .find(|database| &*database.source.name == name)
                .ok_or_else(|| format!("there is no database {name:?}")),
            (None, [only]) => Ok(only),
            (None, _) => Err("there are several databases: say which with database = \"…\"".into()),
        }
    }

    /// Publishes the tables, functions and files that no configured layer has, as far as settings
    /// say so.
    fn publish_found(&self, catalog: &mut Catalog, bound: &Bound<'_>) {
        let found: Vec<_> = self
            .databases
            .iter()
            .flat_map(|database| published(database).map(move |origin| (database, origin)))
            .collect();
        let mut candidates: Vec<_> =
            found.iter().map(|(database, origin)| origin.candidate(database.name())).collect();
        let in_files: Vec<_> = self.files.iter().flat_map(File::published).collect();
        candidates.extend(in_files.iter().map(|(file, contained)| file.candidate(contained)));
        let configured: HashSet<_> =
            self.layers.keys().chain(self.tilesets.keys()).cloned().collect();
        let ids = names::assign(&candidates, &configured);
        let (ids, ids_in_files) = ids.split_at(found.len());
        for ((database, origin), id) in found.iter().zip(ids) {
            if !bound.origins.contains(&(database.name(), *origin)) {
                publish_or_disable(catalog, id, found_layer(id, database, *origin));
            }
        }
        for ((file, contained), id) in in_files.into_iter().zip(ids_in_files) {
            if !bound.files.contains(&(file.path(), contained.name.as_deref())) {
                publish_or_disable(catalog, id, files::found(id, file, contained));
            }
        }
        self.add_aliases(catalog, &found, &candidates);
    }

    /// `schema.table` answers with the first layer made of the table.
    fn add_aliases(
        &self,
        catalog: &mut Catalog,
        found: &[(&Database, Origin<'_>)],
        candidates: &[Candidate<'_>],
    ) {
        let mut first = HashMap::new();
        for tileset in catalog.tilesets.values() {
            let layer = &tileset.members[0];
            if let [part] = layer.parts.as_slice() {
                let table = (layer.database.name.clone(), part.table.clone());
                first.entry(table).or_insert_with(|| tileset.clone());
            }
        }
        for ((database, origin), candidate) in found.iter().zip(candidates) {
            let alias = candidate.alias();
            let taken = self.layers.contains_key(&alias) || self.tilesets.contains_key(&alias);
            let target = first.get(&(database.source.name.clone(), origin.shown()));
            if let (Some(target), false) = (target, taken) {
                catalog.aliases.entry(alias).or_insert_with(|| target.clone());
            }
        }
    }
}

/// What configured layers have.
#[derive(Default)]
struct Bound<'a> {
    origins: HashSet<(&'a str, Origin<'a>)>,
    files: files::Taken<'a>,
}

/// The layer of something that nobody has configured.
fn found_layer(id: &str, database: &Database, origin: Origin<'_>) -> Result<Layer, Disabled> {
    let Tables::Known(inventory) = &database.tables else {
        return Err(Disabled::both("its database can't be reached".to_owned()));
    };
    let settings = origin.settings(database.name());
    let prepared = settings.sources(id).into_iter();
    let prepared: Result<Vec<_>, _> =
        prepared.map(|source| prepare(inventory, &source, &settings)).collect();
    layer(id, &settings, &database.source, (prepared?, Params::default()))
}

fn publish_or_disable(catalog: &mut Catalog, id: &str, layer: Result<Layer, Disabled>) {
    match layer {
        Ok(layer) => publish(catalog, layer),
        Err(reason) => {
            catalog.disabled.insert(id.to_owned(), reason);
        }
    }
}

/// What a database publishes: its tables first, which win where an alias means both.
fn published(database: &Database) -> impl Iterator<Item = Origin<'_>> {
    let (tables, functions) = match (&database.publish, &database.tables) {
        (Some(_), Tables::Known(inventory)) => {
            (inventory.tables.as_slice(), inventory.functions.as_slice())
        }
        _ => Default::default(),
    };
    let schemas = database.publish.as_ref().and_then(|publish| publish.schemas.as_ref());
    let is_wanted = move |schema: &String| schemas.is_none_or(|list| list.contains(schema));
    let tables = tables.iter().filter(move |table| is_wanted(&table.schema)).map(Origin::Table);
    let functions = functions
        .iter()
        .filter(move |function| function.is_named && is_wanted(&function.schema))
        .map(Origin::Function);
    tables.chain(functions)
}

/// Schemas that are to be published and hold nothing that can be.
fn empty_schemas(database: &Database) -> Vec<String> {
    let (Some(Publish { schemas: Some(schemas) }), Tables::Known(inventory)) =
        (&database.publish, &database.tables)
    else {
        return Vec::new();
    };
    let has_table = |schema: &&String| {
        inventory.tables.iter().any(|table| table.schema == **schema)
            || inventory.functions.iter().any(|one| one.is_named && one.schema == **schema)
    };
    let name = &*database.source.name;
    schemas
        .iter()
        .filter(|schema| !has_table(schema))
        .map(|schema| {
            format!(
                "databases.{name}.publish: schema {schema:?} has no table or function that can be published"
            )
        })
        .collect()
}

fn unused_params(layer: &Layer) -> impl Iterator<Item = String> {
    layer.unused_params.iter().map(|name| {
        format!("layers.{}.params.{name}: neither sql nor a function takes it", layer.id)
    })
}

impl Database {
    pub(super) fn name(&self) -> &str {
        &self.source.name
    }
}

impl Disabled {
    /// A reason that everyone may know.
    pub(super) fn both(reason: String) -> Self {
        Self { detail: reason.clone(), reason }
    }

    /// Why a tileset with this layer can't be served either.
    fn of_member(&self, name: &str) -> Self {
        let of = |text: &str| format!("its layer {name:?} is disabled: {text}");
        Self { reason: of(&self.reason), detail: of(&self.detail) }
    }
}

impl From<Mismatch> for Disabled {
    fn from(mismatch: Mismatch) -> Self {
        Self { reason: mismatch.public(), detail: mismatch.to_string() }
    }
}

fn publish(catalog: &mut Catalog, layer: Layer) {
    let mut tileset = Tileset::new(layer.id.clone(), vec![Arc::new(layer)]);
    tileset.description.clone_from(&tileset.members[0].description);
    tileset.attribution.clone_from(&tileset.members[0].attribution);
    catalog.tilesets.insert(tileset.id.clone(), Arc::new(tileset));
}

/// The members' attributions, each once.
pub(super) fn joined_attribution(tileset: &Tileset) -> Option<String> {
    let mut texts: Vec<&str> = Vec::new();
    for text in tileset.members.iter().filter_map(|layer| layer.attribution.as_deref()) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}
