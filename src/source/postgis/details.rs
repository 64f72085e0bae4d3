//! One feature by its id, with more than its tile has, as GeoJSON (RFC 7946).

use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};
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

/// What is told of a feature.
#[derive(Clone, Copy, Debug)]
pub(super) enum Detail<'a> {
    Column(&'a Column),
    Geometry,
}

/// How a layer's features are looked up.
#[derive(Clone, Debug)]
pub(super) struct Details {
    /// Geometry and properties, in this order.
    select: String,
    from: String,
    queried: bool,
    /// The id's column, quoted.
    id: String,
    names: Vec<String>,
}

impl Details {
    /// `None` for a layer without ids. `from` is the table, or the query in parentheses.
    pub(super) fn new(shape: &Shape<'_>, from: &str, details: &[Detail<'_>]) -> Option<Self> {
        let mut geometry = "NULL".to_owned();
        let (mut select, mut names) = (String::new(), Vec::new());
        for detail in details {
            match detail {
                Detail::Geometry => geometry = geojson(shape),
                Detail::Column(column) => {
                    select.push_str(", ");
                    select.push_str(&value(column));
                    names.push(column.name.clone());
                }
            }
        }
        Some(Self {
            select: format!("{geometry}::pg_catalog.text{select}"),
            from: from.to_owned(),
            queried: shape.queried,
            id: quote(shape.id?),
            names,
        })
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
        let tile = tile.map(|tile| TileValues::new(tile, &everywhere, system.world()));
        let values = Values::with(everywhere, given);
        Values { tile: tile.unwrap_or_default(), ..values }
    }

    /// The query, and its parameters' values.
    pub(super) fn query<'a>(
        &self,
        values: &'a Values<'_>,
        id: &'a i64,
    ) -> (Arc<str>, Vec<Parameter<'a>>) {
        let mut all = if self.queried { values.of_query() } else { Vec::new() };
        all.push((id, Type::INT8));
        let place = all.len();
        let condition = values.given.sql(place + 1);
        let condition = condition.map(|sql| format!(" AND {sql}")).unwrap_or_default();
        all.extend(values.given.literals());
        let Self { select, from, id, .. } = self;
        let sql = format!("SELECT {select} FROM {from} WHERE {id} = ${place}{condition} LIMIT 1");
        (sql.into(), all)
    }

    /// A row as a feature.
    pub(super) fn feature(&self, id: i64, row: &Row) -> Vec<u8> {
        let mut properties = Map::new();
        for (index, name) in self.names.iter().enumerate() {
            let kind = row.columns()[index + 1].type_();
            let value = raw(row, index + 1).map_or(Json::Null, |bytes| json(kind, bytes));
            properties.insert(name.clone(), value);
        }
        let geometry = raw(row, 0).and_then(|text| serde_json::from_slice(text).ok());
        let feature = serde_json::json!({
            "type": "Feature",
            "id": id,
            "geometry": geometry.unwrap_or(Json::Null),
            "properties": properties,
        });
        feature.to_string().into_bytes()
    }
}

/// The geometry in degrees, as GeoJSON asks (RFC 7946 section 4).
fn geojson(shape: &Shape<'_>) -> String {
    let degrees = match shape.geography || shape.row_srid == 4326 {
        true => shape.plain(),
        false => shape.to_degrees(&shape.plain()),
    };
    format!("{}.ST_AsGeoJSON({degrees}, {DIGITS}, 0)", quote(shape.postgis))
}

/// Arrays as JSON, all else as in tiles.
fn value(column: &Column) -> String {
    match column.type_name.ends_with("[]") {
        true => format!("pg_catalog.to_json({})", quote(&column.name)),
        false => property(column),
    }
}

fn json(kind: &Type, bytes: &[u8]) -> Json {
    let text = match *kind {
        Type::JSON => Some(bytes),
        // A version number comes first.
        Type::JSONB => bytes.get(1..),
        _ => None,
    };
    if let Some(text) = text {
        return serde_json::from_slice(text).unwrap_or(Json::Null);
    }
    let mut json = Json::Null;
    Decoder::of(kind).decode(bytes, &mut |value| {
        json = match value {
            Value::Bool(value) => value.into(),
            Value::Int(number) => number.into(),
            Value::Double(number) => Number::from_f64(number).map_or(Json::Null, Json::Number),
            Value::Text(text) => text.into(),
        }
    });
    json
}
