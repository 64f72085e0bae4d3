//! One feature by its id, with more than its tile has, as GeoJSON (RFC 7946).

use std::sync::Arc;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::condition::Given;
use super::connection::Parameter;
use super::filter::Filter;
use super::inventory::Column;
use super::rows::raw;
use super::sql::{Shape, property, quote};
use super::statement::{TileValues, Values};
use super::table::System;
use super::values::Decoder;
use crate::source::FeatureRequest;
use crate::tile::{TileCoord, Value};

/// Digits of degrees: a centimetre. (RFC 7946 section 11.2 finds six enough for most.)
const DIGITS: u32 = 7;

/// Bytes of a stored geometry up to which a feature has it: more is nothing for a click, and would
/// take a hundred megabytes on its way.
const MAX_GEOMETRY: u32 = 1 << 20;

const NO_GEOMETRY: &str = "NULL::pg_catalog.text";

/// What is told of a feature.
#[derive(Clone, Copy, Debug)]
pub(super) enum Detail<'a> {
    Column(&'a Column),
    Geometry,
}

/// How a layer's features are looked up.
#[derive(Clone, Debug)]
pub(super) struct Details {
    /// The geometry, and the properties, each with a comma before it.
    geometry: String,
    properties: String,
    from: String,
    queried: bool,
    /// The id's column, quoted.
    id: String,
    names: Vec<String>,
}

impl Details {
    /// `None` for a layer without ids. `from` is the table, or the query in parentheses.
    pub(super) fn new(shape: &Shape<'_>, from: &str, details: &[Detail<'_>]) -> Option<Self> {
        let mut geometry = NO_GEOMETRY.to_owned();
        let (mut properties, mut names) = (String::new(), Vec::new());
        for detail in details {
            match detail {
                Detail::Geometry => geometry = format!("({})::pg_catalog.text", geojson(shape)),
                Detail::Column(column) => {
                    properties.push_str(", ");
                    properties.push_str(&value(column));
                    names.push(column.name.clone());
                }
            }
        }
        Some(Self {
            geometry,
            properties,
            from: from.to_owned(),
            queried: shape.queried,
            id: quote(shape.id?),
            names,
        })
    }

    /// Whether the geometry is told, which may be what fails.
    pub(super) fn has_geometry(&self) -> bool {
        self.geometry != NO_GEOMETRY
    }

    /// The values of the parameters that a query has whatever it is asked for. Boxes hold the world.
    pub(super) fn values<'a>(
        system: &System,
        request: &FeatureRequest<'_>,
        given: Given<'a>,
    ) -> Values<'a> {
        /// Beyond what rows of any system are within.
        const FAR: f64 = 1e8;
        let everywhere = Filter::Envelope([-FAR, -FAR, FAR, FAR]);
        let tile = TileCoord::new(request.zoom, 0, 0);
        let tile =
            tile.map(|tile| TileValues::new(tile, &everywhere, system.world()).of_the_world());
        let values = Values::with(everywhere, given);
        Values { tile: tile.unwrap_or_default(), ..values }
    }

    /// The query, and its parameters' values; perhaps without the geometry, which may be one that can't
    /// be transformed.
    pub(super) fn query<'a>(
        &self,
        values: &'a Values<'_>,
        id: &'a i64,
        with_geometry: bool,
    ) -> (Arc<str>, Vec<Parameter<'a>>) {
        let mut all = if self.queried { values.of_query() } else { Vec::new() };
        all.push((id, Type::INT8));
        let place = all.len();
        let condition = values.given.sql(place + 1);
        let condition = condition.map(|sql| format!(" AND {sql}")).unwrap_or_default();
        all.extend(values.given.literals());
        let Self { geometry, properties, from, id, .. } = self;
        let geometry = if with_geometry { geometry } else { NO_GEOMETRY };
        let sql = format!(
            "SELECT {geometry}{properties} FROM {from} WHERE {id} = ${place}{condition} LIMIT 1"
        );
        (sql.into(), all)
    }

    /// A row as a feature. What is JSON already is passed on as it is.
    pub(super) fn feature(&self, id: i64, row: &Row) -> Vec<u8> {
        let mut json = format!("{{\"type\":\"Feature\",\"id\":{id},\"geometry\":").into_bytes();
        json.extend(raw(row, 0).unwrap_or(b"null"));
        json.extend(b",\"properties\":{");
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            write_json(name, &mut json);
            json.push(b':');
            match raw(row, index + 1) {
                Some(bytes) => write_value(row.columns()[index + 1].type_(), bytes, &mut json),
                None => json.extend(b"null"),
            }
        }
        json.extend(b"}}");
        json
    }
}

/// The geometry in degrees, as GeoJSON asks (RFC 7946 section 4).
fn geojson(shape: &Shape<'_>) -> String {
    let degrees = match shape.geography || shape.row_srid == 4326 {
        true => shape.plain(),
        false => shape.to_degrees(&shape.plain()),
    };
    format!(
        "CASE WHEN pg_catalog.pg_column_size({}) <= {MAX_GEOMETRY} \
         THEN {}.ST_AsGeoJSON({degrees}, {DIGITS}, 0) END",
        quote(shape.geometry),
        quote(shape.postgis),
    )
}

/// Arrays as JSON, all else as in tiles.
fn value(column: &Column) -> String {
    match column.type_name.ends_with("[]") {
        true => format!("pg_catalog.to_json({})", quote(&column.name)),
        false => property(column),
    }
}

fn write_value(kind: &Type, bytes: &[u8], json: &mut Vec<u8>) {
    match *kind {
        Type::JSON => return json.extend(bytes),
        // A version number comes first.
        Type::JSONB => return json.extend(bytes.get(1..).unwrap_or(b"null")),
        _ => {}
    }
    let before = json.len();
    Decoder::of(kind).decode(bytes, &mut |value| match value {
        Value::Bool(value) => write_json(&value, json),
        Value::Int(number) => write_json(&number, json),
        // Without a place in JSON, NaN and the infinities become null.
        Value::Double(number) => write_json(&number, json),
        Value::Text(text) => write_json(text, json),
    });
    if json.len() == before {
        json.extend(b"null");
    }
}

fn write_json<T: Serialize + ?Sized>(value: &T, json: &mut Vec<u8>) {
    // Writing to a Vec can't fail, and these values have no keys that are no texts.
    let _ = serde_json::to_writer(json, value);
}
