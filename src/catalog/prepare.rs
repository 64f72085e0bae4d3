//! From one layer's settings and what its database holds to a [`Layer`].

use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64};

use geo::Rect;
use xxhash_rust::xxh3::xxh3_128;

use super::names::Candidate;
use super::{Disabled, GeometryType, Layer, LayerSettings, NamedSource, Part, SourceSettings};
use crate::query::{Arguments, Kind, Params};
use crate::source::SourceLayer;
use crate::source::embedded::EmbeddedLayer;
use crate::source::postgis::{
    self, Column, ColumnKind, Function, FunctionLayer, Inventory, Mismatch, SpatialTable,
    TableLayer, TableSettings,
};
use crate::tile::LayerSpec;

/// Something in a database that a layer can be made of without a query of its own.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// A table with one of its geometries.
    Table(&'a SpatialTable),
    Function(&'a Function),
}

impl<'a> Origin<'a> {
    /// Schema, name, and what tells it from others of that name.
    fn id(&self) -> (&'a str, &'a str, &'a str) {
        match *self {
            Self::Table(table) => (&table.schema, &table.name, &table.geometry.name),
            Self::Function(function) => (&function.schema, &function.name, &function.suffix),
        }
    }

    pub(super) fn candidate(&self, database: &'a str) -> Candidate<'a> {
        let (schema, table, column) = self.id();
        Candidate { database, schema, table, column }
    }

    /// As SQL writes it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Table(table) => table.qualified(),
            Self::Function(function) => function.signature(),
        }
    }

    /// Those of a layer that is published without any.
    pub(super) fn settings(&self, database: &str) -> LayerSettings {
        let shown = self.shown();
        match self {
            Self::Table(table) => LayerSettings::for_table(database, shown, &table.geometry.name),
            Self::Function(_) => LayerSettings::for_function(database, shown),
        }
    }
}

impl PartialEq for Origin<'_> {
    fn eq(&self, other: &Self) -> bool {
        matches!(self, Self::Table(_)) == matches!(other, Self::Table(_)) && self.id() == other.id()
    }
}

impl Eq for Origin<'_> {}

impl Hash for Origin<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

/// A part of a layer that its database has agreed to.
pub(super) struct Prepared<'a> {
    pub(super) origin: Option<Origin<'a>>,
    zooms: RangeInclusive<u8>,
    /// For people.
    shown: String,
    /// Its columns, unless it gives finished tiles.
    table: Option<&'a SpatialTable>,
    layer: SourceLayer,
}

impl Prepared<'_> {
    /// A part that comes from a file.
    pub(super) fn of_file(zooms: RangeInclusive<u8>, shown: String, layer: EmbeddedLayer) -> Self {
        let layer = SourceLayer::Embedded(layer.into());
        Self { origin: None, zooms, shown, table: None, layer }
    }

    fn bounds(&self) -> Option<Rect<f64>> {
        match (&self.layer, self.table) {
            (SourceLayer::Embedded(layer), _) => {
                layer.degrees().map(|[w, s, e, n]| Rect::new((w, s), (e, n)))
            }
            (_, table) => table?.bounds,
        }
    }
}

/// Where rows come from at some zooms.
///
/// # Errors
/// The settings don't match the database.
pub(super) fn prepare<'a>(
    inventory: &'a Inventory,
    source: &SourceSettings,
    settings: &LayerSettings,
) -> Result<Prepared<'a>, Mismatch> {
    let SourceSettings { name, zooms, sql, function, table: wanted, .. } = source;
    let zooms = zooms.clone();
    if let Some(function) = function {
        let function = inventory.find_function(function)?;
        function.is_callable()?;
        let (origin, shown) = (Some(Origin::Function(function)), function.signature());
        if function.gives_tiles() {
            not_of_tiles(function, source, settings)?;
            let layer = SourceLayer::PostgisTiles(FunctionLayer::new(function, &wanted.params));
            return Ok(Prepared { origin, zooms, shown, table: None, layer });
        }
        let rows = function.rows().ok_or_else(|| Mismatch::UndescribedQuery {
            layer: name.clone(),
            reason: "its function has not been described yet".to_owned(),
        })?;
        let (query, table) = postgis::of_query(rows, wanted)?;
        let wanted = &TableSettings { details: Vec::new(), ..wanted.clone() };
        let layer = TableLayer::of_query(inventory, query, table, wanted)?;
        let layer = SourceLayer::Postgis(layer.into());
        return Ok(Prepared { origin, zooms, shown, table: Some(table), layer });
    }
    if sql.is_some() {
        let (query, table) = inventory.find_query(name, wanted)?;
        let layer = TableLayer::of_query(inventory, query, table, wanted)?;
        let layer = SourceLayer::Postgis(layer.into());
        let shown = "its sql".to_owned();
        return Ok(Prepared { origin: None, zooms, shown, table: Some(table), layer });
    }
    let table = inventory.find(wanted)?;
    let layer = SourceLayer::Postgis(TableLayer::new(inventory, table, wanted)?.into());
    let origin = Some(Origin::Table(table));
    Ok(Prepared { origin, zooms, shown: table.qualified(), table: Some(table), layer })
}

/// What would be passed over is refused, unless it is for other zooms. Filters are in any case: without
/// them there would be more to see.
fn not_of_tiles(
    function: &Function,
    source: &SourceSettings,
    settings: &LayerSettings,
) -> Result<(), Mismatch> {
    let wanted = &source.table;
    let filters = [
        (wanted.filter.is_some(), "`filter`"),
        (!wanted.allow_filter.is_empty(), "`allow_filter`"),
    ];
    let others = [
        (wanted.geometry.is_some(), "`geometry`"),
        (wanted.srid.is_some(), "`srid`"),
        (wanted.id.is_some(), "`id`"),
        (wanted.properties.is_some(), "`properties`"),
        (!wanted.details.is_empty(), "`details`"),
        (wanted.order_by.is_some(), "`order_by`"),
        (settings.max_features.is_some(), "`max_features`"),
        (settings.max_tile_bytes.is_some(), "`max_tile_bytes`"),
    ];
    let is_alone = settings.sources(&source.name).len() == 1;
    let mut refused = filters.into_iter().chain(others.into_iter().filter(|_| is_alone));
    match refused.find(|(is_set, _)| *is_set) {
        Some((_, what)) => Err(Mismatch::NotOfTiles { function: function.signature(), what }),
        None => Ok(()),
    }
}

/// Details are looked up without a tile, and functions only know what is in one.
fn has_details(settings: &LayerSettings, prepared: &[Prepared<'_>]) -> Result<(), Disabled> {
    let found = prepared.iter().any(|part| part.layer.has_details());
    if settings.details.is_empty() || found {
        return Ok(());
    }
    Err(Disabled::both(
        "details can only be had of a table or of sql, not of a function".to_owned(),
    ))
}

/// The layer of its parts.
///
/// # Errors
/// The parts don't agree on what requests may filter by, or there are no details to be had.
pub(super) fn layer(
    id: &str,
    settings: &LayerSettings,
    source: &NamedSource,
    (prepared, params): (Vec<Prepared<'_>>, Params),
) -> Result<Layer, Disabled> {
    let filterable = filterable(settings, &prepared)?;
    has_details(settings, &prepared)?;
    let fields = fields(&prepared);
    let geometry_type = geometry_type(&prepared);
    let comment = prepared.first().and_then(|part| match part.origin {
        Some(Origin::Function(function)) => function.comment.clone(),
        _ => part.table?.comment.clone(),
    });
    let bounds = settings.bounds.map(|[w, s, e, n]| Rect::new((w, s), (e, n)));
    let bounds = bounds.or_else(|| found_bounds(&prepared));
    let first = prepared.iter().map(|part| *part.zooms.start()).min().unwrap_or(0);
    let last = prepared.iter().map(|part| *part.zooms.end()).max().unwrap_or(0);
    // What is left out below the last zoom isn't at the last that there is.
    let (min_zoom, max_zoom) = (settings.min_zoom.max(first), settings.max_zoom.min(last));
    let settings = &LayerSettings { min_zoom, max_zoom, ..settings.clone() };
    let name = settings.layer_name.clone().unwrap_or_else(|| id.to_owned());
    let parts: Vec<Part> = prepared.into_iter().map(|one| part(&name, settings, one)).collect();
    let unused = params
        .iter()
        .enumerate()
        .filter(|(place, _)| parts.iter().all(|part| !part.query.uses_param(*place)));
    Ok(Layer {
        id: id.to_owned(),
        description: settings.description.clone().or(comment),
        attribution: settings.attribution.clone(),
        min_zoom,
        max_zoom,
        bounds,
        geometry_type,
        fields,
        freshness: settings.freshness(),
        zoom_freshness: settings.zoom_freshness(),
        data_version: settings.data_version.clone(),
        identity: identity(source, settings, (&parts, &params)),
        large_ids_reported: AtomicBool::new(false),
        truncations_reported: AtomicU64::new(0),
        database: source.clone(),
        answers: match (filterable.is_empty(), settings.details.is_empty()) {
            (true, true) => String::new(),
            _ => format!("{:?}", (&filterable, &settings.details)),
        },
        defaults: Arguments::new(&params, params.defaults(), None),
        unused_params: unused.map(|(_, param)| param.name.clone()).collect(),
        params,
        filterable,
        name,
        parts,
    })
}

/// What requests may filter by. One filter has to be right at all zooms.
fn filterable(
    settings: &LayerSettings,
    prepared: &[Prepared<'_>],
) -> Result<Vec<(String, Kind)>, Disabled> {
    let mut all: Vec<Vec<(String, Kind)>> = Vec::new();
    for part in prepared {
        match &part.layer {
            SourceLayer::Postgis(layer) => all.push(layer.filterable(&settings.allow_filter)),
            SourceLayer::PostgisTiles(_) => {}
            SourceLayer::Embedded(layer) => all.push(layer.filterable().to_vec()),
        }
    }
    let Some((first, rest)) = all.split_first() else { return Ok(Vec::new()) };
    if rest.iter().any(|other| other != first) {
        let reason = "its allow_filter names columns that aren't of the same kind at all zooms";
        return Err(Disabled::both(reason.to_owned()));
    }
    Ok(first.clone())
}

/// Properties of all parts.
fn fields(prepared: &[Prepared<'_>]) -> Vec<(String, &'static str)> {
    let mut fields: Vec<(String, &'static str)> = Vec::new();
    for part in prepared {
        let own: Vec<_> = match &part.layer {
            SourceLayer::Postgis(layer) => layer.columns().iter().map(field).collect(),
            SourceLayer::PostgisTiles(_) => continue,
            SourceLayer::Embedded(layer) => layer.fields().collect(),
        };
        for field in own {
            if !fields.iter().any(|(name, _)| *name == field.0) {
                fields.push(field);
            }
        }
    }
    fields
}

/// The one that all parts declare. What was only sampled may have others further down.
fn geometry_type(prepared: &[Prepared<'_>]) -> Option<GeometryType> {
    GeometryType::common(prepared.iter().map(|part| {
        if let SourceLayer::Embedded(layer) = &part.layer {
            return layer.kind().map(GeometryType::from);
        }
        let geometry = &part.table?.geometry;
        if geometry.sampled { None } else { GeometryType::of_postgis(&geometry.geometry_type) }
    }))
}

/// Of all parts, or of none.
fn found_bounds(prepared: &[Prepared<'_>]) -> Option<Rect<f64>> {
    let all = prepared.iter().map(Prepared::bounds);
    let joined = all.reduce(|all, next| {
        let (all, next) = (all?, next?);
        Some(Rect::new(
            (all.min().x.min(next.min().x), all.min().y.min(next.min().y)),
            (all.max().x.max(next.max().x), all.max().y.max(next.max().y)),
        ))
    });
    joined.flatten()
}

fn part(name: &str, settings: &LayerSettings, prepared: Prepared<'_>) -> Part {
    let Prepared { zooms, shown, table, layer: query, .. } = prepared;
    let spec = LayerSpec {
        name: name.to_owned(),
        keys: query.keys(),
        crs: query.crs(),
        extent: settings.extent,
        buffer: settings.buffer,
        levels: settings.levels(),
    };
    let geometry = table.map(|table| table.geometry.name.clone());
    Part { zooms, table: shown, geometry: geometry.unwrap_or_default(), query, spec }
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
fn identity(
    source: &NamedSource,
    settings: &LayerSettings,
    (parts, params): (&[Part], &Params),
) -> u128 {
    let zooms = (settings.min_zoom, settings.max_zoom);
    let part = |part: &Part| format!("{:?}", (&part.zooms, &part.spec, part.query.definition()));
    let parts: Vec<String> = parts.iter().map(part).collect();
    // Tiles of the defaults have no other sign of them.
    let params = if params.is_empty() { String::new() } else { format!("{params:?}") };
    xxh3_128(format!("{:?}", (&source.name, zooms, parts, params)).as_bytes())
}
