//! From settings and what the databases hold to a [`Catalog`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use geo::Rect;
use xxhash_rust::xxh3::xxh3_128;

use super::names::{self, Candidate};
use super::{
    Catalog, Disabled, Layer, LayerSettings, NamedSource, OnLayerError, Part, Tileset,
    TilesetSettings, same_name,
};
use crate::source::SourceLayer;
use crate::source::postgis::{
    Column, ColumnKind, Inventory, Mismatch, Publish, SpatialTable, TableLayer,
};
use crate::tile::LayerSpec;

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
    /// Data versions that databases have told, by layer.
    pub versions: &'a BTreeMap<String, String>,
}

impl Builder<'_> {
    /// The catalogue. What doesn't match the databases is in its
    /// [`disabled`](Catalog::disabled) list.
    pub fn build(&self) -> Catalog {
        let mut catalog = Catalog::default();
        let mut bound = HashSet::new();
        for (id, settings) in self.layers {
            match self.configured_layer(id, settings, &mut bound) {
                Ok(layer) => publish(&mut catalog, layer),
                Err(reason) => {
                    catalog.disabled.insert(id.clone(), reason);
                }
            }
        }
        self.publish_tables(&mut catalog, &bound);
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
        let mut members: Vec<Arc<Layer>> = Vec::with_capacity(settings.layers.len());
        for name in &settings.layers {
            if self.tilesets.contains_key(name) {
                return Err(Disabled::both(format!(
                    "{name:?} is a tileset, and a tileset holds layers only"
                )));
            }
            if let Some(member) = catalog.disabled.get(name) {
                return Err(member.of_member(name));
            }
            let layer = catalog.single(name).map_err(|error| Disabled::both(error.to_string()))?;
            // An alias may name a layer that is there already.
            let new = layer.members.iter().filter(|layer| members.iter().all(|m| m.id != layer.id));
            let new: Vec<_> = new.cloned().collect();
            members.extend(new);
        }
        if let Some((a, b)) = same_name(&members) {
            return Err(Disabled::both(format!(
                "layers {a:?} and {b:?} have the same name inside a tile; give one another \
                 layer_name"
            )));
        }
        let mut tileset = Tileset::new(id.to_owned(), members);
        tileset.description.clone_from(&settings.description);
        if settings.on_layer_error == OnLayerError::Omit {
            tileset.omit_failing();
        }
        tileset.attribution = settings.attribution.clone().or_else(|| joined_attribution(&tileset));
        Ok(tileset)
    }

    fn configured_layer<'s>(
        &'s self,
        id: &str,
        settings: &LayerSettings,
        bound: &mut HashSet<ColumnId<'s>>,
    ) -> Result<Layer, Disabled> {
        let database = self.database(settings.database.as_deref()).map_err(Disabled::both)?;
        let Tables::Known(inventory) = &database.tables else {
            let name = &*database.source.name;
            return Err(Disabled::both(format!("database {name:?} can't be reached")));
        };
        let mut parts = Vec::new();
        for source in settings.sources(id) {
            let part = if source.sql.is_some() {
                let (query, table) = inventory.find_query(&source.name, &source.table)?;
                let layer = TableLayer::of_query(inventory, query, table, &source.table)?;
                Prepared { zooms: source.zooms, table, queried: true, layer }
            } else {
                let table = inventory.find(&source.table)?;
                // A table for some zooms only may still be published as a whole.
                if source.name == id {
                    bound.insert(column_id(database, table));
                }
                let layer = TableLayer::new(inventory, table, &source.table)?;
                Prepared { zooms: source.zooms, table, queried: false, layer }
            };
            parts.push(part);
        }
        let mut layer = layer(id, settings, database, parts);
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

    /// Publishes the tables that no configured layer has, as far as their database says so.
    fn publish_tables(&self, catalog: &mut Catalog, bound: &HashSet<ColumnId<'_>>) {
        let found: Vec<_> = self
            .databases
            .iter()
            .flat_map(|database| published_tables(database).map(move |table| (database, table)))
            .collect();
        let candidates: Vec<_> =
            found.iter().map(|(database, table)| candidate(database, table)).collect();
        let configured: HashSet<_> =
            self.layers.keys().chain(self.tilesets.keys()).cloned().collect();
        let ids = names::assign(&candidates, &configured);
        for ((database, table), id) in found.iter().zip(ids) {
            let Tables::Known(inventory) = &database.tables else { continue };
            if !bound.contains(&column_id(database, table)) {
                let settings = LayerSettings::for_table(
                    &database.source.name,
                    table.qualified(),
                    &table.geometry.name,
                );
                for source in settings.sources(&id) {
                    match TableLayer::new(inventory, table, &source.table) {
                        Ok(layer) => {
                            let zooms = source.zooms;
                            let part = Prepared { zooms, table, queried: false, layer };
                            publish(catalog, self::layer(&id, &settings, database, vec![part]));
                        }
                        Err(reason) => {
                            catalog.disabled.insert(id.clone(), reason.into());
                        }
                    }
                }
            }
        }
        self.add_aliases(catalog, &found, &candidates);
    }

    /// `schema.table` answers with the first layer made of the table.
    fn add_aliases(
        &self,
        catalog: &mut Catalog,
        found: &[(&Database, &SpatialTable)],
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
        for ((database, table), candidate) in found.iter().zip(candidates) {
            let alias = candidate.alias();
            let taken = self.layers.contains_key(&alias) || self.tilesets.contains_key(&alias);
            let target = first.get(&(database.source.name.clone(), table.qualified()));
            if let (Some(target), false) = (target, taken) {
                catalog.aliases.entry(alias).or_insert_with(|| target.clone());
            }
        }
    }
}

/// A geometry column: database, schema, table, column.
type ColumnId<'a> = (&'a str, &'a str, &'a str, &'a str);

fn column_id<'a>(database: &'a Database, table: &'a SpatialTable) -> ColumnId<'a> {
    (&database.source.name, &table.schema, &table.name, &table.geometry.name)
}

fn candidate<'a>(database: &'a Database, table: &'a SpatialTable) -> Candidate<'a> {
    let (database, schema, table, column) = column_id(database, table);
    Candidate { database, schema, table, column }
}

fn published_tables(database: &Database) -> impl Iterator<Item = &SpatialTable> {
    let tables = match (&database.publish, &database.tables) {
        (Some(_), Tables::Known(inventory)) => inventory.tables.as_slice(),
        _ => &[],
    };
    let schemas = database.publish.as_ref().and_then(|publish| publish.schemas.as_ref());
    tables.iter().filter(move |table| schemas.is_none_or(|list| list.contains(&table.schema)))
}

/// Schemas that are to be published and hold nothing that can be.
fn empty_schemas(database: &Database) -> Vec<String> {
    let (Some(Publish { schemas: Some(schemas) }), Tables::Known(inventory)) =
        (&database.publish, &database.tables)
    else {
        return Vec::new();
    };
    let has_table = |schema: &&String| inventory.tables.iter().any(|t| t.schema == **schema);
    let name = &*database.source.name;
    schemas
        .iter()
        .filter(|schema| !has_table(schema))
        .map(|schema| {
            format!(
                "databases.{name}.publish: schema {schema:?} has no table that can be published"
            )
        })
        .collect()
}

impl Disabled {
    /// A reason that everyone may know.
    fn both(reason: String) -> Self {
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

/// A part of a layer that its database has agreed to.
struct Prepared<'a> {
    zooms: RangeInclusive<u8>,
    table: &'a SpatialTable,
    queried: bool,
    layer: TableLayer,
}

fn layer(
    id: &str,
    settings: &LayerSettings,
    database: &Database,
    prepared: Vec<Prepared<'_>>,
) -> Layer {
    let mut fields: Vec<(String, &'static str)> = Vec::new();
    for field in prepared.iter().flat_map(|part| part.layer.columns()).map(field) {
        if !fields.iter().any(|(name, _)| *name == field.0) {
            fields.push(field);
        }
    }
    let comment = prepared.first().and_then(|part| part.table.comment.clone());
    // Of all parts, or of none.
    let found = prepared.iter().map(|part| part.table.bounds).reduce(|all, next| {
        let (all, next) = (all?, next?);
        Some(Rect::new(
            (all.min().x.min(next.min().x), all.min().y.min(next.min().y)),
            (all.max().x.max(next.max().x), all.max().y.max(next.max().y)),
        ))
    });
    let found = found.flatten();
    let bounds = settings.bounds.map(|[w, s, e, n]| Rect::new((w, s), (e, n))).or(found);
    let first = prepared.iter().map(|part| *part.zooms.start()).min().unwrap_or(0);
    let last = prepared.iter().map(|part| *part.zooms.end()).max().unwrap_or(0);
    // What is left out below the last zoom isn't at the last that there is.
    let (min_zoom, max_zoom) = (settings.min_zoom.max(first), settings.max_zoom.min(last));
    let settings = &LayerSettings { min_zoom, max_zoom, ..settings.clone() };
    let name = settings.layer_name.clone().unwrap_or_else(|| id.to_owned());
    let parts: Vec<Part> = prepared.into_iter().map(|one| part(&name, settings, one)).collect();
    Layer {
        id: id.to_owned(),
        description: settings.description.clone().or(comment),
        attribution: settings.attribution.clone(),
        min_zoom,
        max_zoom,
        bounds,
        fields,
        freshness: settings.freshness(),
        zoom_freshness: settings.zoom_freshness(),
        data_version: settings.data_version.clone(),
        identity: identity(database, settings, &parts),
        large_ids_reported: AtomicBool::new(false),
        truncations_reported: AtomicU64::new(0),
        database: database.source.clone(),
        name,
        parts,
    }
}

fn part(name: &str, settings: &LayerSettings, prepared: Prepared<'_>) -> Part {
    let Prepared { zooms, table, queried, layer } = prepared;
    let query = SourceLayer::Postgis(layer);
    let spec = LayerSpec {
        name: name.to_owned(),
        keys: query.keys(),
        crs: query.crs(),
        extent: settings.extent,
        buffer: settings.buffer,
        levels: settings.levels(),
    };
    let geometry = table.geometry.name.clone();
    let table = if queried { "its sql".to_owned() } else { table.qualified() };
    Part { zooms, table, geometry, query, spec }
}

fn field(column: &Column) -> (String, &'static str) {
    let kind = match column.kind {
        ColumnKind::Bool => "Boolean",
        ColumnKind::Int | ColumnKind::Float | ColumnKind::Numeric => "Number",
        ColumnKind::Time | ColumnKind::Text => "String",
    };
    (column.name.clone(), kind)
}

/// Digest of all that decides what the layer's tiles hold.
fn identity(database: &Database, settings: &LayerSettings, parts: &[Part]) -> u128 {
    let zooms = (settings.min_zoom, settings.max_zoom);
    let part = |part: &Part| format!("{:?}", (&part.zooms, &part.spec, part.query.definition()));
    let parts: Vec<String> = parts.iter().map(part).collect();
    xxh3_128(format!("{:?}", (&*database.source.name, zooms, parts)).as_bytes())
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
