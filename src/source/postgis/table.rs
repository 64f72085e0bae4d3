//! A table as a layer: the checks against the database and the SQL that comes out.

use std::sync::Arc;

use super::condition::{self, Given};
use super::details::{Detail, Details};
use super::distant::may_be_large;
use super::hints::Hints;
use super::inventory::{Column, ColumnKind, GeometryColumn, Inventory, SpatialTable};
use super::mismatch::Mismatch;
use super::mvt::Mvt;
use super::names::{closest, list, position};
use super::order::parse_order;
use super::query::Query;
use super::rank::Key;
use super::sql::{Shape, qualify, quote, there_and_back, unused_name};
use super::statement::{Rows, Values, Wanted};
use super::template::Template;
use super::{Encoder, TableSettings};
use crate::query::{Arguments, Filter, FilterError, Kind, Params};
use crate::tile::Crs;

/// A table with one of its geometry columns, ready to be asked for tiles.
#[derive(Debug)]
pub struct TableLayer {
    crs: Crs,
    columns: Vec<Column>,
    id: Option<String>,
    definition: String,
    /// What `order_by` says.
    pub(super) order: Vec<Key>,
    pub(super) hints: Hints,
    pub(super) rows: Rows,
    /// The same, but large rows are cut; only where there can be such.
    cut: Option<Rows>,
    /// Where the database makes the tiles.
    pub(super) mvt: Option<Mvt>,
    pub(super) system: System,
    /// Only where the database has to transform.
    pub(super) transform: Option<Transform>,
    pub(super) details: Option<Details>,
    /// Which rows there are at all.
    filter: Option<Filter>,
    /// Columns that filters are about, the settings' and requests'.
    filtered: Vec<Column>,
    params: Params,
}

/// How a tile's area is told to the table's index.
#[derive(Debug)]
pub(super) enum System {
    Mercator,
    Degrees,
    /// An envelope in another system, found by this statement.
    Transformed {
        there_and_back: Arc<str>,
    },
    Geography {
        srid: i32,
    },
}

/// What replaces the layer's rows when one of them can't be transformed.
#[derive(Debug)]
pub(super) struct Transform {
    /// The rows as they are.
    pub(super) plain: Rows,
    /// Transforms some of their geometries.
    pub(super) some: Arc<str>,
}

impl SpatialTable {
    /// `"schema"."table"`.
    pub fn qualified(&self) -> String {
        qualify(&self.schema, &self.name)
    }
}

impl TableLayer {
    /// Prepares `table` as `settings` want it.
    ///
    /// # Errors
    /// A column isn't there or has the wrong type, or the spatial reference system is unknown.
    pub fn new(
        inventory: &Inventory,
        table: &SpatialTable,
        settings: &TableSettings,
    ) -> Result<Self, Mismatch> {
        Self::with(inventory, table, settings, None)
    }

    /// Prepares the layer's own `query`, which gives the columns of `table`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_query(
        inventory: &Inventory,
        query: &Query,
        table: &SpatialTable,
        settings: &TableSettings,
    ) -> Result<Self, Mismatch> {
        Self::with(inventory, table, settings, Some(&query.template))
    }

    fn with(
        inventory: &Inventory,
        table: &SpatialTable,
        settings: &TableSettings,
        template: Option<&Template>,
    ) -> Result<Self, Mismatch> {
        let srid = srid(table, settings)?;
        let known = srid == 3857 || srid == 4326;
        if !known && !inventory.srids.is_empty() && !inventory.srids.contains(&srid) {
            return Err(Mismatch::UnknownSystem { table: settings.table.clone(), srid });
        }
        let id = id_column(table, settings)?;
        let columns = properties(table, settings, id.as_deref())?;
        let mut order = order(table, settings)?;
        let from = match template {
            None => table.qualified(),
            Some(template) => {
                let number = (template.ordered && order.is_empty()).then(|| number_of(table));
                order.extend(number.as_deref().map(Key::of_number));
                template.from(&inventory.postgis_schema, srid, number.as_deref())
            }
        };
        let shape = Shape {
            postgis: &inventory.postgis_schema,
            table: &from,
            queried: template.is_some(),
            geometry: &table.geometry.name,
            geography: table.geometry.geography,
            points: holds_points_only(&table.geometry),
            srid,
            row_srid: if table.geometry.srid == Some(0) { 0 } else { srid },
            curves: !table.geometry.geography && can_hold_curves(&table.geometry),
            lines_or_polygons: holds_lines_or_polygons_only(&table.geometry),
            id: id.as_deref(),
            unique: id.is_some() && id == table.primary_key,
            columns: &columns,
            order: &order,
        };
        let rows = if known { shape.plain_rows() } else { shape.degree_rows() };
        let cut = shape.cut_rows();
        let transform = (!known)
            .then(|| Transform { plain: shape.plain_rows(), some: shape.some_in_degrees() });
        let system = match srid {
            // A query gets a box, and casts it itself.
            _ if table.geometry.geography && template.is_some() => System::Degrees,
            srid if table.geometry.geography => System::Geography { srid },
            3857 => System::Mercator,
            4326 => System::Degrees,
            _ => {
                // The grid is transformed to the layer's system; the envelope made of it has
                // the SRID of the rows.
                System::Transformed { there_and_back: there_and_back(shape.postgis, srid) }
            }
        };
        let crs = if srid == 3857 { Crs::WebMercator } else { Crs::Wgs84 };
        let mvt = (settings.encoder == Encoder::Postgis).then(|| Mvt::new(&shape));
        // Whether rows are large yet decides nothing about the tiles.
        let definition = definition(cut.as_ref().unwrap_or(&rows), mvt.as_ref(), srid, &columns);
        let hints = Hints::new(table.long_values);
        let details = match details(table, settings)?.as_slice() {
            [] => None,
            details => {
                let query = template.map(|query| query.open(&inventory.postgis_schema, srid));
                let from = query.as_deref().unwrap_or(&from);
                let name = &settings.table;
                Some(
                    Details::new(&shape, from, details)
                        .ok_or_else(|| Mismatch::DetailsWithoutId { table: name.clone() })?,
                )
            }
        };
        let filter = settings.filter.as_deref().map(Filter::read).transpose();
        let filter = filter.map_err(bad_filter)?;
        let filtered = filtered(table, settings, filter.as_ref())?;
        let filter = filter.map(|filter| checked(filter, &filtered)).transpose()?;
        let filter_text = filter.as_ref().map(Filter::canonical).unwrap_or_default();
        Ok(Self {
            crs,
            definition: format!("{definition}; {filter_text}"),
            order,
            hints,
            rows,
            cut,
            mvt,
            system,
            transform,
            details,
            filter,
            filtered,
            params: settings.params.clone(),
            columns,
            id,
        })
    }

    /// What the layer itself and a request add to queries.
    pub(super) fn given<'a>(&'a self, arguments: &'a Arguments) -> Given<'a> {
        Given {
            declared: Some(&self.params),
            values: &arguments.values,
            json: Some(&arguments.json),
            columns: &self.filtered,
            conditions: [&self.filter, &arguments.filter]
                .map(|filter| filter.as_ref().map(Filter::condition)),
        }
    }

    /// The columns that requests may filter by, and what their values are.
    pub fn filterable(&self, allowed: &[String]) -> Vec<(String, Kind)> {
        let names = allowed.iter().filter_map(|name| {
            let index = position(self.filtered.iter().map(|column| column.name.as_str()), name)?;
            Some((name.clone(), condition::kind(&self.filtered[index])))
        });
        names.collect()
    }

    /// Whether there is more to be told of a feature than its tile has.
    pub fn has_details(&self) -> bool {
        self.details.is_some()
    }

    /// The rows as they are asked for now.
    pub(super) fn rows_now(&self) -> &Rows {
        self.cut.as_ref().filter(|_| self.hints.large()).unwrap_or(&self.rows)
    }

    /// A row that came whole would have been asked for otherwise had it been known.
    pub(super) fn is_unexpectedly_large(&self, rows: &Rows, ewkb: Option<&[u8]>) -> bool {
        !rows.cut && self.cut.is_some() && ewkb.is_some_and(may_be_large)
    }

    /// Coordinate system of the rows' geometry.
    pub fn crs(&self) -> Crs {
        self.crs
    }

    /// Names of the properties.
    pub fn keys(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// A text that changes whenever the same rows could come out differently.
    pub fn definition(&self) -> String {
        self.definition.clone()
    }

    /// The properties, in the order of [`keys`](Self::keys).
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column that features get their ids from.
    pub fn id_column(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

fn definition(rows: &Rows, mvt: Option<&Mvt>, srid: i32, columns: &[Column]) -> String {
    let values = Values::of_example(Given::default());
    let sql = rows.sql(&values, Wanted::default());
    // The order is all that it doesn't show.
    let mut text = format!("srid {srid}; {sql}; {}; {mvt:?}", rows.from.first);
    for column in columns {
        text.push_str(&format!("; {}", column.type_name));
    }
    text
}

fn srid(table: &SpatialTable, settings: &TableSettings) -> Result<i32, Mismatch> {
    let name = || settings.table.clone();
    if table.geometry.mixed_srids.len() > 1 {
        let found: Vec<String> =
            table.geometry.mixed_srids.iter().map(ToString::to_string).collect();
        return Err(Mismatch::MixedSrids { table: name(), found: found.join(", ") });
    }
    match (settings.srid, table.geometry.srid) {
        (Some(srid), _) if srid <= 0 => Err(Mismatch::InvalidSrid { srid }),
        (Some(srid), Some(found)) if found != 0 && found != srid => {
            Err(Mismatch::OtherSrid { table: name(), srid, found })
        }
        (Some(srid), _) => Ok(srid),
        (None, Some(srid)) if srid != 0 => Ok(srid),
        (None, _) if table.geometry.unlooked.is_some() => Err(Mismatch::Unlooked {
            table: name(),
            reason: table.geometry.unlooked.clone().unwrap_or_default(),
        }),
        (None, _) => Err(Mismatch::UnknownSrid { table: name() }),
    }
}

fn id_column(table: &SpatialTable, settings: &TableSettings) -> Result<Option<String>, Mismatch> {
    let Some(wanted) = &settings.id else { return Ok(table.primary_key.clone()) };
    let column = column(table, settings, wanted)?;
    if column.kind != ColumnKind::Int {
        return Err(Mismatch::IdNotInteger {
            table: settings.table.clone(),
            column: column.name.clone(),
            type_name: column.type_name.clone(),
        });
    }
    Ok(Some(column.name.clone()))
}

fn properties(
    table: &SpatialTable,
    settings: &TableSettings,
    id: Option<&str>,
) -> Result<Vec<Column>, Mismatch> {
    let Some(wanted) = &settings.properties else {
        let published = table.columns.iter().filter(|column| Some(column.name.as_str()) != id);
        return Ok(published.filter(|column| !is_opaque(column)).cloned().collect());
    };
    let mut columns: Vec<Column> = Vec::new();
    for name in wanted {
        let column = column(table, settings, name)?;
        // A tile's layer has each key once.
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    Ok(columns)
}

/// The columns that filters are about.
fn filtered(
    table: &SpatialTable,
    settings: &TableSettings,
    filter: Option<&Filter>,
) -> Result<Vec<Column>, Mismatch> {
    let mut names: Vec<&str> = settings.allow_filter.iter().map(String::as_str).collect();
    names.extend(filter.into_iter().flat_map(Filter::properties));
    let mut columns: Vec<Column> = Vec::new();
    for name in names {
        let column = column(table, settings, name)?;
        // Requests have to spell the name, so there is one spelling.
        if column.name != name {
            return Err(Mismatch::NoColumn {
                table: settings.table.clone(),
                column: name.to_owned(),
                suggestion: format!("did you mean `{}`?", column.name),
            });
        }
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    Ok(columns)
}

/// The layer's own filter with its columns' types.
fn checked(filter: Filter, columns: &[Column]) -> Result<Filter, Mismatch> {
    let kind = |name: &str| columns.iter().find(|column| column.name == name).map(condition::kind);
    filter.typed(&kind).map_err(bad_filter)
}

fn bad_filter(error: FilterError) -> Mismatch {
    Mismatch::BadFilter { reason: error.to_string() }
}

/// The columns that a feature has beside its tile; the geometry may be one of them.
fn details<'a>(
    table: &'a SpatialTable,
    settings: &TableSettings,
) -> Result<Vec<Detail<'a>>, Mismatch> {
    let detail = |name: &String| {
        let geometry = position([table.geometry.name.as_str()].into_iter(), name);
        match geometry {
            Some(_) => Ok(Detail::Geometry),
            None => column(table, settings, name).map(Detail::Column),
        }
    };
    settings.details.iter().map(detail).collect()
}

/// Types that are properties only when named: as text they are long and mean nothing.
fn is_opaque(column: &Column) -> bool {
    matches!(column.type_name.as_str(), "bytea" | "tsvector" | "bytea[]" | "tsvector[]")
}

fn column<'a>(
    table: &'a SpatialTable,
    settings: &TableSettings,
    wanted: &str,
) -> Result<&'a Column, Mismatch> {
    let names = table.columns.iter().map(|column| column.name.as_str());
    if let Some(index) = position(names.clone(), wanted) {
        return Ok(&table.columns[index]);
    }
    let geometries = table.geometries.iter().map(String::as_str);
    if position(geometries, wanted).is_some() {
        let (table, column) = (settings.table.clone(), wanted.to_owned());
        return Err(Mismatch::GeometryProperty { table, column });
    }
    let suggestion = match closest(names.clone(), wanted) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", list(names)),
    };
    Err(Mismatch::NoColumn { table: settings.table.clone(), column: wanted.to_owned(), suggestion })
}

/// A sample of rows says nothing of the others.
fn can_hold_curves(geometry: &GeometryColumn) -> bool {
    let holds = matches!(
        geometry.geometry_type.as_str(),
        "GEOMETRY"
            | "GEOMETRYCOLLECTION"
            | "CURVEPOLYGON"
            | "COMPOUNDCURVE"
            | "CIRCULARSTRING"
            | "MULTICURVE"
            | "MULTISURFACE"
    );
    geometry.sampled || holds
}

fn order(table: &SpatialTable, settings: &TableSettings) -> Result<Vec<Key>, Mismatch> {
    let Some(text) = &settings.order_by else { return Ok(Vec::new()) };
    let order = parse_order(text).map_err(|reason| Mismatch::MalformedOrder { reason })?;
    let key = |order: &super::order::OrderBy| {
        let column = column(table, settings, &order.column)?;
        Key::new(order, column).ok_or_else(|| Mismatch::NoOrder {
            table: settings.table.clone(),
            column: column.name.clone(),
            type_name: column.type_name.clone(),
        })
    };
    order.iter().map(key).collect()
}

/// A name for the number of a row that no column has.
fn number_of(table: &SpatialTable) -> String {
    let columns = table.columns.iter().map(|column| &column.name).chain(&table.geometries);
    let taken: Vec<String> = columns.map(|name| quote(name)).collect();
    unused_name(&taken, "tesela_number")
}

fn holds_lines_or_polygons_only(geometry: &GeometryColumn) -> bool {
    let kind = geometry.geometry_type.trim_start_matches("MULTI");
    !geometry.sampled && matches!(kind, "LINESTRING" | "POLYGON")
}

fn holds_points_only(geometry: &GeometryColumn) -> bool {
    !geometry.sampled && matches!(geometry.geometry_type.as_str(), "POINT" | "MULTIPOINT")
}
