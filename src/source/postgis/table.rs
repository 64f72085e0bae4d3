//! A table as a layer: the checks against the database and the SQL that comes out.

use std::sync::Arc;

use super::columns::{self, Filtering, id_column, order, properties};
use super::condition::Given;
use super::details::Details;
use super::distant::may_be_large;
use super::hints::Hints;
use super::inventory::{Column, GeometryColumn, Inventory, Relation, SpatialTable};
use super::mismatch::Mismatch;
use super::mvt::Mvt;
use super::query::Query;
use super::rank::Key;
use super::sql::{Shape, qualify, quote, there_and_back, unused_name};
use super::statement::{Rows, Values, Wanted};
use super::template::Template;
use super::{Encoder, TableSettings};
use crate::query::{Arguments, Filter, Kind, Params};
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
    filtering: Filtering,
    params: Params,
    /// Places of the parameters that the query takes.
    used: Vec<usize>,
    runs_sql: bool,
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

impl System {
    fn of(shape: &Shape<'_>) -> Self {
        match shape.srid {
            // A query gets a box, and casts it itself.
            _ if shape.geography && shape.queried => Self::Degrees,
            srid if shape.geography => Self::Geography { srid },
            3857 => Self::Mercator,
            4326 => Self::Degrees,
            // The grid is transformed to the layer's system; the envelope made of it has the SRID of
            // the rows.
            srid => Self::Transformed { there_and_back: there_and_back(shape.postgis, srid) },
        }
    }
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
        let known = is_known(inventory, srid, settings)?;
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
        let mvt = (settings.encoder == Encoder::Postgis).then(|| Mvt::new(&shape));
        let filtering = Filtering::new(table, settings)?;
        // Whether rows are large yet decides nothing about the tiles.
        let most = cut.as_ref().unwrap_or(&rows);
        let definition = definition(most, mvt.as_ref(), srid, (&columns, filtering.own.as_ref()));
        Ok(Self {
            crs: if srid == 3857 { Crs::WebMercator } else { Crs::Wgs84 },
            system: System::of(&shape),
            details: self::details(&shape, template, table, settings)?,
            hints: Hints::new(table.long_values),
            params: settings.params.clone(),
            used: template.map(|query| query.params(&settings.params)).unwrap_or_default(),
            runs_sql: template.is_some() || table.relation == Relation::View,
            definition,
            filtering,
            rows,
            cut,
            mvt,
            transform,
            order,
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
            columns: &self.filtering.columns,
            conditions: [&self.filtering.own, &arguments.filter]
                .map(|filter| filter.as_ref().map(Filter::condition)),
        }
    }

    /// The columns of `allowed`, by which requests may filter, and what their values are.
    pub fn filterable(&self, allowed: &[String]) -> Vec<(String, Kind)> {
        self.filtering.kinds(allowed)
    }

    /// Whether rows are made by SQL of somebody's: a query's, a function's, a view's.
    pub fn runs_sql_of_its_own(&self) -> bool {
        self.runs_sql
    }

    /// Whether the database makes its tiles.
    pub fn makes_tiles(&self) -> bool {
        self.mvt.is_some()
    }

    /// Whether the query takes the layer's parameter at this place.
    pub fn uses_param(&self, place: usize) -> bool {
        self.used.contains(&place)
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

/// How features are looked up, if there is more to be told of them.
fn details(
    shape: &Shape<'_>,
    template: Option<&Template>,
    table: &SpatialTable,
    settings: &TableSettings,
) -> Result<Option<Details>, Mismatch> {
    let details = columns::details(table, settings)?;
    if details.is_empty() {
        return Ok(None);
    }
    // The planner has to see the id's index behind the query.
    let query = template.map(|query| query.open(shape.postgis, shape.srid));
    let from = query.as_deref().unwrap_or(shape.table);
    let without_id = || Mismatch::DetailsWithoutId { table: settings.table.clone() };
    Details::new(shape, from, &details).map(Some).ok_or_else(without_id)
}

fn definition(
    rows: &Rows,
    mvt: Option<&Mvt>,
    srid: i32,
    (columns, filter): (&[Column], Option<&Filter>),
) -> String {
    let values = Values::of_example(Given::default());
    let sql = rows.sql(&values, Wanted::default());
    // The order is all that it doesn't show, and the filter.
    let mut text = format!("srid {srid}; {sql}; {}; {mvt:?}", rows.from.first);
    for column in columns {
        text.push_str(&format!("; {}", column.type_name));
    }
    text.push_str(&filter.map(|filter| format!("; {}", filter.canonical())).unwrap_or_default());
    text
}

/// Whether rows can be used without a transformation.
fn is_known(inventory: &Inventory, srid: i32, settings: &TableSettings) -> Result<bool, Mismatch> {
    let known = srid == 3857 || srid == 4326;
    match known || inventory.srids.is_empty() || inventory.srids.contains(&srid) {
        true => Ok(known),
        false => Err(Mismatch::UnknownSystem { table: settings.table.clone(), srid }),
    }
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
