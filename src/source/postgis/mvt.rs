//! `encoder = "postgis"`: a layer's tiles made by `ST_AsMVT`, with what Tesela's own would hold.

use std::sync::Arc;

use super::connection::Parameter;
use super::inventory::{Column, ColumnKind};
use super::rank::Key;
use super::small::min_metres;
use super::sql::{Shape, literal, quote, unused_name};
use super::statement::{From, Limit, Values, Wanted, float};
use crate::source::LayerRequest;
use crate::tile::mercator::MAX_LATITUDE;

/// The parts of a layer's query.
#[derive(Clone, Debug)]
pub(super) struct Mvt {
    /// PostGIS' schema, quoted.
    schema: String,
    from: From,
    /// The name that the id has in the query, and the id.
    id: Option<(String, String)>,
    /// The properties with their names, each with a comma behind it.
    tags: String,
    /// Names of the rows' geometry in degrees, in metres and in the tile.
    degrees: Option<String>,
    mercator: String,
    placed: String,
    /// The name of a feature, which no column may have.
    feature: String,
    /// The geometry as it is told to these.
    geometry: String,
    to_mercator: String,
    /// What features are ordered by.
    order: String,
}

/// How many [`Numbers`] and sizes a query has.
const NUMBERS: usize = 7;

/// The numbers of a query besides the filter's.
#[derive(Debug)]
pub(super) struct Numbers {
    /// West, south, east and north.
    tile: [f64; 4],
    min_size: f64,
}

impl Numbers {
    pub(super) fn new(request: &LayerRequest<'_>) -> Self {
        let bounds = request.tile.bounds();
        let (min, max) = (bounds.min(), bounds.max());
        Self { tile: [min.x, min.y, max.x, max.y], min_size: min_metres(request) }
    }
}

impl Mvt {
    pub(super) fn new(shape: &Shape<'_>) -> Self {
        let schema = quote(shape.postgis);
        let mut taken: Vec<String> = shape.columns.iter().map(|one| quote(&one.name)).collect();
        taken.extend(shape.order.iter().map(|key| key.column().to_owned()));
        taken.extend([shape.geometry].into_iter().chain(shape.id).map(quote));
        let name = |name| quote(&unused_name(&taken, name));
        let in_metres = shape.srid == 3857 && !shape.geography;
        let [degrees, placed, id] = ["degrees", "placed", "id"].map(name);
        let geometry = match (in_metres, shape.is_known()) {
            (true, _) => shape.plain(),
            (false, true) => with_srid(&schema, shape.plain(), shape.row_srid == 4326),
            (false, false) => shape.to_degrees(&shape.plain()),
        };
        let to_mercator = match in_metres {
            true => finite(&schema, &quote(shape.geometry), &geometry),
            false => from_degrees(&schema, &degrees),
        };
        let id = shape.id.map(|column| {
            let column = format!("tesela.{}", quote(column));
            (id, format!("CASE WHEN {column} >= 0 THEN {column}::pg_catalog.int8 END"))
        });
        Self {
            from: shape.from(),
            tags: tags(shape.columns, &name("texts")),
            degrees: (!in_metres).then_some(degrees),
            mercator: name("metres"),
            feature: name("feature"),
            order: order(shape, id.as_ref().map(|(_, id)| id.as_str()), &placed),
            schema,
            id,
            placed,
            geometry,
            to_mercator,
        }
    }

    /// The query of a tile: its bytes and, with a limit, whether there were more rows.
    pub(super) fn sql(
        &self,
        request: &LayerRequest<'_>,
        values: &Values<'_>,
        wanted: Wanted,
    ) -> Arc<str> {
        let Self { schema, tags, mercator, placed, feature, from, order, .. } = self;
        let (extent, buffer) = (request.spec.extent, request.spec.buffer);
        let first = values.of_from(&self.from).len() + 1;
        let number = |index: usize| format!("${}", first + index);
        let corner = |x, y| format!("{schema}.ST_MakePoint({}, {})", number(x), number(y));
        let tile = format!("{schema}.ST_MakeBox2D({}, {})", corner(0, 1), corner(2, 3));
        let condition_of_rows = from.condition(values, wanted, first - 1 + NUMBERS);
        let rows = self.in_metres(&self.rows(&condition_of_rows, wanted));
        let condition = self.not_small(&number(6));
        let (id, id_name) = match &self.id {
            Some((name, id)) => (format!("{id} AS {name}, "), format!(", {}", text(name))),
            None => Default::default(),
        };
        let (with, more) = match wanted.limit.rows() {
            None => Default::default(),
            Some(rows) => (
                format!("WITH {} ", from.materialized(&condition_of_rows)),
                format!(", (SELECT pg_catalog.count(*) > {rows} FROM tesela)"),
            ),
        };
        // The last LIMIT keeps the planner from putting features together in parallel, in any order.
        format!(
            "{with}SELECT {schema}.ST_AsMVT({feature}, {}, {extent}, {}{id_name}){more} \
             FROM (SELECT {id}{tags}{placed} \
             FROM (SELECT *, {schema}.ST_AsMVTGeom({mercator}, {tile}, {extent}, {buffer}, true) \
             AS {placed} FROM {rows} AS tesela WHERE {condition} OFFSET 0) AS tesela \
             WHERE {placed} IS NOT NULL ORDER BY {order} LIMIT {}) AS {feature}",
            literal(&request.spec.name),
            text(placed),
            i64::MAX,
        )
        .into()
    }

    /// The values for it.
    pub(super) fn values<'a>(
        &self,
        values: &'a Values<'_>,
        numbers: &'a Numbers,
    ) -> Vec<Parameter<'a>> {
        let mut all = values.of_from(&self.from);
        let numbers_of =
            [numbers.tile.as_slice(), &values.sizes, std::slice::from_ref(&numbers.min_size)];
        all.extend(numbers_of.into_iter().flatten().map(float));
        all.extend(values.given.literals());
        all
    }

    fn rows(&self, condition: &str, wanted: Wanted) -> String {
        let from = &self.from;
        match wanted.limit {
            Limit::None => format!("(SELECT {} FROM {}{condition})", from.columns, from.table),
            Limit::Any(rows) | Limit::First(rows) => from.first(rows.into()),
        }
    }

    /// The rows with their geometry in Web Mercator. Each step is made once, hence OFFSET.
    fn in_metres(&self, rows: &str) -> String {
        let Self { geometry, mercator, to_mercator, .. } = self;
        let rows = match &self.degrees {
            Some(degrees) => {
                format!("(SELECT *, {geometry} AS {degrees} FROM {rows} AS tesela OFFSET 0)")
            }
            None => rows.to_owned(),
        };
        format!("(SELECT *, {to_mercator} AS {mercator} FROM {rows} AS tesela OFFSET 0)")
    }

    fn not_small(&self, least: &str) -> String {
        let Self { schema, mercator, .. } = self;
        let edge = |name| format!("{schema}.{name}({mercator}::{schema}.box3d)");
        let [west, south, east, north] = ["ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax"].map(edge);
        format!(
            "({least} <= 0 OR {east} - {west} >= {least} OR {north} - {south} >= {least} \
             OR {schema}.ST_Dimension({mercator}) = 0)"
        )
    }
}

/// The name of a column as a value.
fn text(quoted: &str) -> String {
    literal(&quoted[1..quoted.len() - 1].replace("\"\"", "\""))
}

fn with_srid(schema: &str, geometry: String, has: bool) -> String {
    // A third coordinate that is no number would spoil the others.
    let flat = format!("{schema}.ST_Force2D({geometry})");
    if has { flat } else { format!("{schema}.ST_SetSRID({flat}, 4326)") }
}

/// The geometry, unless its column reaches into infinity.
fn finite(schema: &str, column: &str, geometry: &str) -> String {
    format!("CASE WHEN {} THEN {geometry} END", within(schema, column, 1e30, 1e30, 3857))
}

/// Whether a geometry lies between −x, −y and x, y.
fn within(schema: &str, geometry: &str, x: f64, y: f64, srid: i32) -> String {
    let envelope = format!("{schema}.ST_MakeEnvelope(-{x:?}, -{y:?}, {x:?}, {y:?}, {srid})");
    format!("{geometry} OPERATOR({schema}.@) {envelope}")
}

/// Degrees in Web Mercator, cut off at [`MAX_LATITUDE`]. Longitudes are made smaller meanwhile if
/// there are any beyond 180°, since PROJ brings each back by itself, which tears polygons apart.
fn from_degrees(schema: &str, degrees: &str) -> String {
    let inside = |x, y| within(schema, degrees, x, y, 4326);
    let corner = |sign| format!("{schema}.ST_MakePoint({sign}720, {sign}{MAX_LATITUDE:?})");
    let cut = format!(
        "{schema}.ST_ClipByBox2D({degrees}, {schema}.ST_MakeBox2D({}, {}))",
        corner("-"),
        corner(""),
    );
    let scaled = |degrees: &str| {
        format!(
            "{schema}.ST_Scale({schema}.ST_Transform({schema}.ST_Scale({degrees}, 0.25, 1), 3857), \
             4, 1)"
        )
    };
    format!(
        "CASE WHEN {} THEN {schema}.ST_Transform({degrees}, 3857) WHEN {} THEN {} WHEN {} THEN {} END",
        inside(180.0, MAX_LATITUDE),
        inside(720.0, MAX_LATITUDE),
        scaled(degrees),
        inside(1e30, 1e30),
        scaled(&cut),
    )
}

/// The layer's order, then the id, then what else tells features apart.
fn order(shape: &Shape<'_>, id: Option<&str>, placed: &str) -> String {
    let mut items: Vec<String> = shape.order.iter().map(Key::sql).collect();
    items.extend(id.map(str::to_owned));
    if !shape.unique {
        items.push(format!("tesela.{placed}::pg_catalog.bytea"));
        items.extend(shape.all_columns());
    }
    items.join(", ")
}

/// The columns as Tesela itself writes them.
fn tags(columns: &[Column], texts: &str) -> String {
    let mut tags = String::new();
    let mut inexact = Vec::new();
    for column in columns {
        let name = quote(&column.name);
        tags.push_str(&format!("{} AS {name}, ", tag(column)));
        if column.kind == ColumnKind::Numeric {
            let value = format!("CASE WHEN NOT {} THEN {name}::pg_catalog.text END", exact(&name));
            inexact.push(format!("{}, {value}", literal(&column.name)));
        }
    }
    // ST_AsMVT makes a tag of each key of a jsonb value, whose column's name doesn't show: a way
    // to have numbers and texts under one key.
    let objects: Vec<String> = inexact.chunks(KEYS).map(object).collect();
    if !objects.is_empty() {
        tags.push_str(&format!("{} AS {texts}, ", objects.join(" || ")));
    }
    tags
}

/// Keys of one object: a function takes 100 arguments at most.
const KEYS: usize = 40;

fn object(items: &[String]) -> String {
    format!("pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object({}))", items.join(", "))
}

const NO_NUMBERS: &str = "('NaN', 'Infinity', '-Infinity')";

fn tag(column: &Column) -> String {
    let name = quote(&column.name);
    match column.kind {
        ColumnKind::Bool => format!("{name}::pg_catalog.bool"),
        ColumnKind::Int => format!("{name}::pg_catalog.int8"),
        // Adding zero turns -0.0 into 0.0.
        ColumnKind::Float => format!(
            "CASE WHEN {name}::pg_catalog.float8 NOT IN {NO_NUMBERS} \
             THEN {name}::pg_catalog.float8 + 0.0 END"
        ),
        ColumnKind::Numeric => {
            format!("CASE WHEN {} THEN {name}::pg_catalog.float8 END", exact(&name))
        }
        ColumnKind::Time => time(column, &name),
        ColumnKind::Text => format!("{name}::pg_catalog.text"),
    }
}

/// Whether a numeric is the very number that its double prints as; NULL if it is none.
fn exact(name: &str) -> String {
    format!(
        "CASE WHEN {name}::pg_catalog.text IN {NO_NUMBERS} THEN NULL WHEN {name} = 0 THEN true \
         WHEN pg_catalog.abs({name}) NOT BETWEEN 1e-300 AND 1e300 THEN false \
         ELSE {name}::pg_catalog.float8::pg_catalog.text::pg_catalog.numeric = {name} END"
    )
}

/// RFC 3339 in UTC, which has four digits for a year and no sign; 1 BC is year 0000.
fn time(column: &Column, name: &str) -> String {
    use tokio_postgres::types::Type;
    let fraction = |text: String| format!("pg_catalog.rtrim(pg_catalog.rtrim({text}, '0'), '.')");
    let dated = |moment: &str, rest: &str| {
        let year = format!("EXTRACT(year FROM {moment})");
        format!(
            "CASE WHEN pg_catalog.isfinite({moment}) AND {year} BETWEEN -1 AND 9999 \
             THEN pg_catalog.lpad(GREATEST({year}, 0)::pg_catalog.int4::pg_catalog.text, 4, '0') \
             || {rest} END"
        )
    };
    match Type::from_oid(column.base) {
        Some(Type::DATE) => dated(name, &format!("pg_catalog.to_char({name}, '-MM-DD')")),
        Some(Type::TIME) => fraction(format!("pg_catalog.to_char({name}, 'HH24:MI:SS.US')")),
        other => {
            let moment = match other {
                Some(Type::TIMESTAMPTZ) => format!("({name} AT TIME ZONE 'UTC')"),
                _ => name.to_owned(),
            };
            let text =
                fraction(format!("pg_catalog.to_char({moment}, '-MM-DD\"T\"HH24:MI:SS.US')"));
            dated(&moment, &format!("{text} || 'Z'"))
        }
    }
}
