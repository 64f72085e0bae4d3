//! A file's features as a layer: the checks of its settings, and what a tile takes of them.

use std::sync::Arc;

use super::batch::Types;
use super::importance::{Importance, needed};
use super::mismatch::Mismatch;
use super::rank::Key;
use super::store::{Column, Store};
use crate::query::{Arguments, Filter, Kind, Predicate};
use crate::source::parse_order;
use crate::source::postgis::{TableSettings, closest, list};
use crate::tile::{EwkbError, Feature, Shape, Value};

/// The part of `simplify` that vertices may be away from what is drawn without them, so that they
/// are passed over before they are placed on a tile's grid.
const PASSED_OVER: f64 = 0.25;

/// A layer of a file, ready to be asked for tiles.
#[derive(Debug)]
pub struct EmbeddedLayer {
    pub(super) store: Arc<Store>,
    /// Names of the properties in tiles, with their types.
    properties: Vec<(String, Types)>,
    /// For each column its place among the properties.
    slots: Vec<Option<usize>>,
    /// The column that ids come from; those of the file when absent.
    id: Option<usize>,
    pub(super) order: Vec<Key>,
    own: Option<Predicate>,
    details: Vec<String>,
    filterable: Vec<(String, Kind)>,
    definition: String,
}

impl EmbeddedLayer {
    /// Prepares what was read of `file` as `settings` want it for the layer `id`. `digest` is that of
    /// the file: tiles of another version of it are others.
    ///
    /// # Errors
    /// The settings don't match the file.
    pub fn new(
        id: &str,
        (file, digest): (&str, u128),
        store: Arc<Store>,
        settings: &TableSettings,
    ) -> Result<Self, Mismatch> {
        let names = Names { file, columns: store.columns() };
        let id_column = settings.id.as_deref().map(|name| names.integer(name)).transpose()?;
        let chosen = match &settings.properties {
            Some(wanted) => {
                let mut chosen = Vec::new();
                for name in wanted {
                    let column = names.find(name)?;
                    chosen.extend((!chosen.contains(&column)).then_some(column));
                }
                chosen
            }
            None => (0..store.columns().len()).filter(|place| Some(*place) != id_column).collect(),
        };
        let mut slots = vec![None; store.columns().len()];
        chosen.iter().enumerate().for_each(|(slot, column)| slots[*column] = Some(slot));
        let (own, text) = names.filter(settings.filter.as_deref())?;
        let filterable = settings.allow_filter.iter().map(|name| names.filterable(name));
        let details = settings.details.iter();
        details
            .clone()
            .filter(|name| *name != GEOMETRY)
            .try_for_each(|name| names.find(name).map(drop))?;
        if !settings.details.is_empty() && id_column.is_none() && !store.has_ids() {
            return Err(Mismatch::DetailsWithoutId { file: file.to_owned() });
        }
        let order = names.order(settings.order_by.as_deref())?;
        let property = |column: &usize| {
            let Column { name, types } = &store.columns()[*column];
            (name.clone(), *types)
        };
        let properties: Vec<_> = chosen.iter().map(property).collect();
        Ok(Self {
            // The file's name, not its path, which may be another on each server.
            definition: format!(
                "{id} of {:?} {digest:032x}; id {id_column:?}; {properties:?}; order {order:?}; filter {text:?}",
                std::path::Path::new(file).file_name(),
            ),
            filterable: filterable.collect::<Result<_, _>>()?,
            details: details.cloned().collect(),
            id: id_column,
            properties,
            slots,
            order,
            own,
            store,
        })
    }

    /// Names of the properties.
    pub fn keys(&self) -> Vec<String> {
        self.properties.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Names of the properties with their types for TileJSON.
    pub fn fields(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.properties.iter().map(|(name, types)| {
            let kind = match kind(*types) {
                Kind::Bool => "Boolean",
                Kind::Number => "Number",
                Kind::Text | Kind::Time => "String",
            };
            (name.clone(), kind)
        })
    }

    /// What the features draw, if that is the same for all.
    pub fn kind(&self) -> Option<crate::tile::Kind> {
        self.store.kind()
    }

    /// West, south, east, north in degrees; `None` without features.
    pub fn degrees(&self) -> Option<[f64; 4]> {
        self.store.degrees()
    }

    /// Properties that requests may filter by, and what their values are.
    pub fn filterable(&self) -> &[(String, Kind)] {
        &self.filterable
    }

    /// Whether there is more to be told of a feature than its tile has.
    pub fn has_details(&self) -> bool {
        !self.details.is_empty()
    }

    /// The property that features get their ids from.
    pub fn id_column(&self) -> Option<&str> {
        Some(&self.store.columns()[self.id?].name)
    }

    /// A text that changes whenever the same features could come out differently.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// What features need to be true of, the settings' and the request's.
    pub(super) fn predicates(&self, arguments: &Arguments) -> [Option<Predicate>; 2] {
        let asked = arguments.filter.as_ref().map(|filter| predicate(&self.store, filter));
        [self.own.clone(), asked]
    }

    /// Whether a feature is selected.
    pub(super) fn is_wanted(&self, feature: usize, predicates: &[Option<Predicate>; 2]) -> bool {
        let store = &self.store;
        let mut value = |column| store.tag(feature, column).map(|code| store.values().scalar(code));
        predicates.iter().flatten().all(|predicate| predicate.selects(&mut value))
    }

    pub(super) fn id(&self, feature: usize) -> Option<i64> {
        match self.id {
            Some(column) => match self.store.values().get(self.store.tag(feature, column)?) {
                Value::Int(id) => Some(id),
                _ => None,
            },
            None => self.store.id(feature).and_then(|id| i64::try_from(id).ok()),
        }
    }

    /// What a feature's details have: the names, and whether the geometry is among them.
    pub(super) fn details(&self) -> (impl Iterator<Item = &String>, bool) {
        let names = self.details.iter().filter(|name| *name != GEOMETRY);
        (names, self.details.iter().any(|name| name == GEOMETRY))
    }
}

/// The name that the geometry has among `details`.
const GEOMETRY: &str = "geometry";

/// What a property's values are to a filter.
fn kind(types: Types) -> Kind {
    match types {
        Types { texts: true, times: true, bools: false, ints: false, doubles: false } => Kind::Time,
        Types { texts: true, .. } => Kind::Text,
        Types { bools: true, ints: false, doubles: false, .. } => Kind::Bool,
        Types { bools: false, .. } => Kind::Number,
        Types { .. } => Kind::Text,
    }
}

fn predicate(store: &Store, filter: &Filter) -> Predicate {
    filter.predicate(&|name| store.columns().iter().position(|column| column.name == name))
}

/// Finds the properties that settings name.
struct Names<'a> {
    file: &'a str,
    columns: &'a [Column],
}

impl Names<'_> {
    fn find(&self, name: &str) -> Result<usize, Mismatch> {
        let place = self.columns.iter().position(|column| column.name == name);
        place.ok_or_else(|| {
            let names = || self.columns.iter().map(|column| column.name.as_str());
            let suggestion = match closest(names(), name) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.columns.is_empty() => "they have none at all".to_owned(),
                None => format!("there are {}", list(names())),
            };
            Mismatch::NoProperty { file: self.file.to_owned(), name: name.to_owned(), suggestion }
        })
    }

    fn integer(&self, name: &str) -> Result<usize, Mismatch> {
        let column = self.find(name)?;
        let types = self.columns[column].types;
        match types == (Types { ints: true, ..Types::default() }) {
            true => Ok(column),
            false => {
                Err(Mismatch::IdNotInteger { file: self.file.to_owned(), name: name.to_owned() })
            }
        }
    }

    fn filterable(&self, name: &str) -> Result<(String, Kind), Mismatch> {
        self.find(name).map(|column| (name.to_owned(), kind(self.columns[column].types)))
    }

    /// The layer's own filter, ready, and as a text.
    fn filter(&self, text: Option<&str>) -> Result<(Option<Predicate>, Option<String>), Mismatch> {
        let Some(text) = text else { return Ok((None, None)) };
        let bad =
            |error: crate::query::FilterError| Mismatch::BadFilter { reason: error.to_string() };
        let filter = Filter::read(text).map_err(bad)?;
        filter.properties().into_iter().try_for_each(|name| self.find(name).map(drop))?;
        let kind_of = |name: &str| self.filterable(name).ok().map(|(_, kind)| kind);
        let filter = filter.typed(&kind_of).map_err(bad)?;
        let place = |name: &str| self.columns.iter().position(|column| column.name == name);
        Ok((Some(filter.predicate(&place)), Some(filter.canonical())))
    }

    fn order(&self, text: Option<&str>) -> Result<Vec<Key>, Mismatch> {
        let order = text.map(parse_order).transpose();
        let order = order.map_err(|reason| Mismatch::MalformedOrder { reason })?;
        let key = |order: &crate::source::OrderBy| {
            let column = self.find(&order.column)?;
            let types = self.columns[column].types;
            Ok(Key::new(order, column, types))
        };
        order.iter().flatten().map(key).collect()
    }
}

/// A feature on its way into a tile.
pub(super) struct Row<'a> {
    pub(super) layer: &'a EmbeddedLayer,
    pub(super) feature: usize,
    /// What its vertices need to matter.
    pub(super) needed: Importance,
}

/// What vertices need to matter in tiles that are simplified by `units` of `metres` each.
pub(super) fn needed_at(units: f64, metres: f64) -> Importance {
    if units > 0.0 { needed(PASSED_OVER * units * metres) } else { 0 }
}

impl Feature for Row<'_> {
    fn id(&self) -> Option<i64> {
        self.layer.id(self.feature)
    }

    fn geometry(&self) -> Option<&[u8]> {
        None
    }

    fn shape(&self, shape: &mut Shape) -> Result<(), EwkbError> {
        self.layer.store.draw(self.feature, self.needed, shape);
        Ok(())
    }

    fn rank(&self, rank: &mut Vec<u8>) {
        let EmbeddedLayer { order, store, .. } = self.layer;
        order.iter().for_each(|key| key.append(store, self.feature, rank));
    }

    fn properties(&self, visit: &mut dyn FnMut(usize, Value<'_>)) {
        let EmbeddedLayer { store, slots, .. } = self.layer;
        for (column, code) in store.tags(self.feature) {
            if let Some(slot) = slots[column] {
                visit(slot, store.values().get(code));
            }
        }
    }
}
