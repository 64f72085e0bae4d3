//! A layer's own query, described by the database before it is ever asked for a tile.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Column as ResultColumn, Error};

use super::catalogue::{geometry, kind_of_column};
use super::condition::Given;
use super::error::{describe, is_interrupted};
use super::inventory::{Column, Relation, SpatialTable};
use super::mismatch::Mismatch;
use super::statement::Values;
use super::template::Template;
use crate::query::{Arguments, Params};

/// What a layer says of its query.
#[derive(Clone, Debug, PartialEq)]
pub struct QuerySettings {
    /// The layer's id.
    pub layer: String,
    pub sql: String,
    pub srid: Option<i32>,
    pub params: Params,
}

/// A query that the database takes, with what it gives.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) template: Template,
    /// One for each geometry among its columns.
    pub(super) tables: Vec<SpatialTable>,
}

/// Has the database describe and explain a query. No row of it is asked for.
///
/// # Errors
/// The connection is gone. The inner one: the query can't be a layer's.
pub(super) async fn described(
    client: &Client,
    postgis: &str,
    settings: &QuerySettings,
) -> Result<Result<Query, Mismatch>, Error> {
    let QuerySettings { layer, sql, srid, params } = settings;
    match Template::parse(sql, params) {
        Ok(template) => template_described(client, postgis, layer, template, (*srid, params)).await,
        Err(reason) => Ok(Err(Mismatch::BadQuery { layer: layer.clone(), reason })),
    }
}

/// The same with a query that is taken apart already.
pub(super) async fn template_described(
    client: &Client,
    postgis: &str,
    layer: &str,
    template: Template,
    (srid, params): (Option<i32>, &Params),
) -> Result<Result<Query, Mismatch>, Error> {
    let arguments = Arguments::new(params, params.defaults(), None);
    let given = Given {
        declared: Some(params),
        values: &arguments.values,
        json: Some(&arguments.json),
        ..Given::default()
    };
    let values = Values::of_example(given);
    let types: Vec<Type> = values.of_query().into_iter().map(|(_, kind)| kind).collect();
    let wrapped = |srid: i32| format!("SELECT * FROM {}", template.from(postgis, srid, None));
    let prepared = client.prepare_typed(&wrapped(srid.unwrap_or(0)), &types).await;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return refused(layer, error).map(Err),
    };
    let tables = match tables(layer, prepared.columns()) {
        Ok(tables) => tables,
        Err(mismatch) => return Ok(Err(mismatch)),
    };
    let srid = srid.or(tables.first().and_then(|table| table.geometry.srid));
    let sql = wrapped(srid.unwrap_or(0));
    match try_out(client, &sql, &values).await {
        Ok(()) => Ok(Ok(Query { template, tables })),
        Err(error) => refused(layer, error).map(Err),
    }
}

/// Plans the query, and begins it without asking for a row, in a transaction that can't write.
async fn try_out(client: &Client, sql: &str, values: &Values<'_>) -> Result<(), Error> {
    client.batch_execute("BEGIN READ ONLY").await?;
    let explain = client.query_typed(&format!("EXPLAIN {sql}"), &values.of_query()).await;
    let begin = match explain {
        Ok(_) => client.query_typed(&format!("{sql} LIMIT 0"), &values.of_query()).await,
        refused => refused,
    };
    client.batch_execute("ROLLBACK").await?;
    begin.map(|_| ())
}

/// What the server has said against it.
pub(super) fn refused(layer: &str, error: Error) -> Result<Mismatch, Error> {
    let (layer, reason) = (layer.to_owned(), describe(&error));
    match error.as_db_error() {
        None => Err(error),
        Some(_) if is_interrupted(&error) => Ok(Mismatch::UndescribedQuery { layer, reason }),
        Some(_) => Ok(Mismatch::BadQuery { layer, reason }),
    }
}

fn tables(layer: &str, columns: &[ResultColumn]) -> Result<Vec<SpatialTable>, Mismatch> {
    for (i, column) in columns.iter().enumerate() {
        if columns[..i].iter().any(|other| other.name() == column.name()) {
            let reason =
                format!("it has two columns named `{}`: rename one with AS", column.name());
            return Err(Mismatch::BadQuery { layer: layer.to_owned(), reason });
        }
    }
    let is_spatial =
        |column: &&ResultColumn| matches!(column.type_().name(), "geometry" | "geography");
    let spatial: Vec<&ResultColumn> = columns.iter().filter(is_spatial).collect();
    if spatial.is_empty() {
        let names: Vec<_> = columns.iter().map(|column| format!("`{}`", column.name())).collect();
        let reason = format!("it has no geometry column, only {}", names.join(", "));
        return Err(Mismatch::BadQuery { layer: layer.to_owned(), reason });
    }
    let geometries: Vec<String> = spatial.iter().map(|column| column.name().to_owned()).collect();
    let others: Vec<Column> = columns.iter().filter_map(property).collect();
    let table = |column: &&ResultColumn| SpatialTable {
        schema: String::new(),
        name: layer.to_owned(),
        relation: Relation::View,
        comment: None,
        geometry: geometry(column.name(), column.type_().name(), column.type_modifier(), false),
        columns: others.clone(),
        geometries: geometries.clone(),
        primary_key: None,
        long_values: true,
        estimated_rows: None,
        bounds: None,
    };
    Ok(spatial.iter().map(table).collect())
}

/// What of a query's columns can be a property.
fn property(column: &ResultColumn) -> Option<Column> {
    let type_name = match column.type_().name() {
        "geometry" | "geography" | "raster" => return None,
        "_geometry" | "_geography" | "_raster" => return None,
        "_bytea" => "bytea[]",
        "_tsvector" => "tsvector[]",
        name => name,
    };
    let base = column.type_().oid();
    let (name, type_name) = (column.name().to_owned(), type_name.to_owned());
    Some(Column { name, type_name, kind: kind_of_column(base), base })
}
