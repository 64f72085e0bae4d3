//! The inventory: the catalogues' answer, completed by looking at some rows.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use geo::Rect;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use super::catalogue::{Found, postgis, relations};
use super::filter::{ewkb_multipoint, ewkb_points, finite_bounds, grid_of, mercator_to_degrees};
use super::inventory::{Inventory, Relation, SpatialTable};
use super::sql::quote;

/// Tables looked at at once; their statements are pipelined on one connection.
const AT_ONCE: usize = 16;
/// Rows that a column without a type modifier is judged by.
const SAMPLE: u32 = 1000;
/// Up to this many rows and pages, bounds are exact.
const SMALL_ROWS: u64 = 10_000;
const SMALL_PAGES: i64 = 1_000;
/// When to stop looking: slow views may be many.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that can be published; `None` when the database has no PostGIS.
pub(super) async fn inventory(
    client: &Client,
    schemas: Option<&[String]>,
) -> Result<Option<Inventory>, Error> {
    let Some((postgis_schema, postgis_version)) = postgis(client).await? else {
        return Ok(None);
    };
    let found = relations(client, &postgis_schema, schemas).await?;
    let look = Look { client, postgis: quote(&postgis_schema), until: Instant::now() + PATIENCE };
    // A table that is being altered keeps its unknowns.
    client.batch_execute("SET lock_timeout = '300ms'").await?;
    let tables = stream::iter(found).map(|found| look.complete(found)).buffered(AT_ONCE);
    let tables = tables.collect().await;
    client.batch_execute("RESET lock_timeout").await?;
    Ok(Some(Inventory { postgis_schema, postgis_version, tables }))
}

/// Looks at rows. Whatever fails (a foreign server that is down, a view that divides by zero)
/// leaves its answer unknown and the rest of the inventory as it is.
struct Look<'a> {
    client: &'a Client,
    /// PostGIS' schema, quoted.
    postgis: String,
    until: Instant,
}

impl Look<'_> {
    async fn complete(&self, found: Found) -> SpatialTable {
        let mut table = found.table;
        if table.geometry.srid.is_none() || table.geometry.geography && is_untyped(&table) {
            self.sample(&mut table).await;
        }
        table.bounds = self.bounds(&table, found.pages).await;
        table
    }

    /// SRID and type from some rows.
    async fn sample(&self, table: &mut SpatialTable) {
        table.geometry.sampled = true;
        let schema = &self.postgis;
        let sql = format!(
            "SELECT DISTINCT {schema}.ST_SRID(g)::pg_catalog.int4, \
             {schema}.GeometryType(g)::pg_catalog.text \
             FROM (SELECT {}::{schema}.geometry AS g FROM {} WHERE {} IS NOT NULL LIMIT {SAMPLE}) \
             AS rows",
            quote(&table.geometry.name),
            table.qualified(),
            quote(&table.geometry.name),
        );
        let Some(rows) = self.tolerant(&sql, &[], table).await else { return };
        let mut srids: Vec<i32> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
        srids.sort_unstable();
        srids.dedup();
        let mut types: Vec<String> = rows.iter().filter_map(|row| row.try_get(1).ok()).collect();
        types.sort_unstable();
        types.dedup();
        if let ([only], true) = (types.as_slice(), is_untyped(table)) {
            only.trim_end_matches(['Z', 'M']).clone_into(&mut table.geometry.geometry_type);
        }
        if !table.geometry.geography {
            table.geometry.srid = if let [only] = srids.as_slice() { Some(*only) } else { None };
            if srids.len() > 1 {
                table.geometry.mixed_srids = srids;
            }
        }
    }

    async fn bounds(&self, table: &SpatialTable, pages: i64) -> Option<Rect<f64>> {
        let srid = table.geometry.srid.filter(|srid| *srid != 0)?;
        let small = table.estimated_rows.is_none_or(|rows| rows <= SMALL_ROWS);
        let extent = match table.relation {
            Relation::View => return None,
            // Reading a table of unknown size from another server may take any time.
            Relation::ForeignTable if table.estimated_rows.is_none() => return None,
            _ if small && pages <= SMALL_PAGES => self.exact_extent(table).await,
            _ => self.estimated_extent(table).await,
        }?;
        self.to_degrees(extent, srid, table).await
    }

    /// The extent of all rows, unless there turn out to be many.
    async fn exact_extent(&self, table: &SpatialTable) -> Option<Rect<f64>> {
        let schema = &self.postgis;
        let sql = format!(
            "SELECT {schema}.ST_XMin(e), {schema}.ST_YMin(e), {schema}.ST_XMax(e), \
             {schema}.ST_YMax(e), n FROM (SELECT {schema}.ST_Extent(g)::{schema}.box3d AS e, \
             pg_catalog.count(*) AS n \
             FROM (SELECT {}::{schema}.geometry AS g FROM {} LIMIT {}) AS rows) AS extent",
            quote(&table.geometry.name),
            table.qualified(),
            SMALL_ROWS + 1,
        );
        let rows = self.tolerant(&sql, &[], table).await?;
        let row = rows.first()?;
        let count: i64 = row.try_get(4).ok()?;
        if count > SMALL_ROWS as i64 { None } else { rect(row) }
    }

    /// What the planner's statistics say. Those of geography are about a sphere in space.
    async fn estimated_extent(&self, table: &SpatialTable) -> Option<Rect<f64>> {
        if table.geometry.geography {
            return None;
        }
        let schema = &self.postgis;
        let sql = format!(
            "SELECT {schema}.ST_XMin(e), {schema}.ST_YMin(e), {schema}.ST_XMax(e), \
             {schema}.ST_YMax(e) FROM (SELECT \
             {schema}.ST_EstimatedExtent($1, $2, $3)::{schema}.box3d AS e OFFSET 0) AS extent"
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
            (&table.schema, Type::TEXT),
            (&table.name, Type::TEXT),
            (&table.geometry.name, Type::TEXT),
        ];
        let rows = self.tolerant(&sql, &parameters, table).await?;
        rect(rows.first()?)
    }

    async fn to_degrees(
        &self,
        extent: Rect<f64>,
        srid: i32,
        table: &SpatialTable,
    ) -> Option<Rect<f64>> {
        let degrees = match srid {
            4326 => extent,
            3857 => mercator_to_degrees(extent),
            _ => {
                let schema = &self.postgis;
                let grid = ewkb_multipoint(srid, &grid_of(extent, 16, |x, y| (x, y)));
                let sql = format!(
                    "SELECT {schema}.ST_Transform($1::pg_catalog.bytea::{schema}.geometry, 4326)\
                     ::pg_catalog.bytea"
                );
                let rows = self.tolerant(&sql, &[(&grid, Type::BYTEA)], table).await?;
                let points: Vec<u8> = rows.first()?.try_get(0).ok()?;
                finite_bounds(&ewkb_points(&points)?)?
            }
        };
        let lon = |lon: f64| lon.clamp(-180.0, 180.0);
        let lat = |lat: f64| lat.clamp(-90.0, 90.0);
        Some(Rect::new(
            (lon(degrees.min().x), lat(degrees.min().y)),
            (lon(degrees.max().x), lat(degrees.max().y)),
        ))
    }

    async fn tolerant(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        table: &SpatialTable,
    ) -> Option<Vec<tokio_postgres::Row>> {
        if Instant::now() > self.until {
            return None;
        }
        match self.client.query_typed(sql, parameters).await {
            Ok(rows) => Some(rows),
            Err(error) => {
                let reason = super::error::describe(&error);
                tracing::debug!(table = table.qualified(), reason, "can't look at the rows");
                None
            }
        }
    }
}

fn is_untyped(table: &SpatialTable) -> bool {
    table.geometry.geometry_type == "GEOMETRY"
}

fn rect(row: &tokio_postgres::Row) -> Option<Rect<f64>> {
    let number = |column: usize| row.try_get::<_, Option<f64>>(column).ok().flatten();
    finite_bounds(&[(number(0)?, number(1)?), (number(2)?, number(3)?)])
}
