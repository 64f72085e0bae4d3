//! A short look at a table's rows.

use geo::Rect;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::catalogue::Found;
use super::filter::{ewkb_multipoint, finite_bounds, grid_of, mercator_to_degrees};
use super::inventory::{Relation, SpatialTable};
use super::sql::{hex, literal, quote};

/// Rows that a column without a type modifier is judged by.
const SAMPLE: u32 = 1000;
/// Up to this many rows and bytes, bounds are exact.
const SMALL_ROWS: u64 = 10_000;
const SMALL_BYTES: u64 = 8 << 20;
const PAGE_BYTES: u64 = 8192;

/// Sent in one message with the statement that it limits. Such a message is one transaction,
/// whose end undoes the settings whatever happens, behind a transaction pooler too.
const LIMITS: &str = "SET LOCAL transaction_read_only = on; \
                      SET LOCAL statement_timeout = '500ms'; SET LOCAL lock_timeout = '300ms'; ";

/// What a sample of rows showed.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) srids: Vec<i32>,
    /// Without the suffixes for Z and M.
    pub(super) types: Vec<String>,
}

/// Looks at rows. What fails (a foreign server that is down, a view that divides by zero) says
/// why.
pub(super) struct Look<'a> {
    pub(super) client: &'a Client,
    /// PostGIS' schema, quoted.
    pub(super) postgis: String,
}

impl Look<'_> {
    /// SRIDs and types of some rows.
    pub(super) async fn sample(&self, table: &SpatialTable) -> Result<Sample, String> {
        self.sample_of(&table.qualified(), &table.geometry.name).await
    }

    /// The same of an item of FROM.
    pub(super) async fn sample_of(&self, from: &str, geometry: &str) -> Result<Sample, String> {
        let (schema, geometry) = (&self.postgis, quote(geometry));
        let sql = format!(
            "SELECT DISTINCT {schema}.ST_SRID(g), {schema}.GeometryType(g) \
             FROM (SELECT {geometry}::{schema}.geometry AS g FROM {from} \
             WHERE {geometry} IS NOT NULL LIMIT {SAMPLE}) AS rows",
        );
        let mut sample = Sample::default();
        for row in &self.rows(&sql).await? {
            sample.srids.extend(row.get(0).and_then(|srid| srid.parse::<i32>().ok()));
            sample.types.extend(row.get(1).map(|name| name.trim_end_matches(['Z', 'M']).into()));
        }
        sample.srids.sort_unstable();
        sample.srids.dedup();
        sample.types.sort_unstable();
        sample.types.dedup();
        Ok(sample)
    }

    /// All of `spatial_ref_sys`.
    pub(super) async fn srids(&self) -> Result<Vec<i32>, String> {
        let sql = format!("SELECT srid FROM {}.spatial_ref_sys", self.postgis);
        let rows = self.rows(&sql).await?;
        Ok(rows.iter().filter_map(|row| row.get(0)?.parse().ok()).collect())
    }

    /// Longitudes and latitudes that the rows cover, if that is known cheaply.
    pub(super) async fn bounds(&self, found: &Found) -> Result<Option<Rect<f64>>, String> {
        let table = &found.table;
        let Some(srid) = table.geometry.srid.filter(|srid| *srid != 0) else { return Ok(None) };
        let small = match table.relation {
            Relation::View => return Ok(None),
            // Reading a table of unknown size from another server may take any time.
            Relation::ForeignTable => table.estimated_rows.is_some_and(|rows| rows <= SMALL_ROWS),
            _ => {
                table.estimated_rows.is_none_or(|rows| rows <= SMALL_ROWS)
                    && found.pages <= (SMALL_BYTES / PAGE_BYTES) as i64
            }
        };
        let exact = if small { self.exact_extent(table).await? } else { None };
        let extent = match exact {
            // PostGIS reads it from the index. Without one it would be the planner's statistics,
            // which leave out what lies far from the rest; those of geography are about a
            // sphere in space.
            None if found.gist && !table.geometry.geography => self.index_extent(table).await?,
            exact => exact,
        };
        match extent {
            Some(extent) => self.to_degrees(extent, srid).await,
            None => Ok(None),
        }
    }

    /// The extent of all rows, unless there turn out to be many.
    async fn exact_extent(&self, table: &SpatialTable) -> Result<Option<Rect<f64>>, String> {
        let schema = &self.postgis;
        let sql = format!(
            "SELECT {}, n FROM (SELECT {schema}.ST_Extent(g)::{schema}.box3d AS e, \
             pg_catalog.count(*) AS n \
             FROM (SELECT {}::{schema}.geometry AS g FROM {}{} LIMIT {}) AS rows) AS extent",
            self.edges(),
            quote(&table.geometry.name),
            table.qualified(),
            if_small(table),
            SMALL_ROWS + 1,
        );
        let rows = self.rows(&sql).await?;
        let row = rows.first().filter(|row| {
            let count = row.get(4).and_then(|count| count.parse::<u64>().ok());
            count.is_some_and(|count| count <= SMALL_ROWS)
        });
        Ok(row.and_then(rect))
    }

    async fn index_extent(&self, table: &SpatialTable) -> Result<Option<Rect<f64>>, String> {
        let schema = &self.postgis;
        let sql = format!(
            "SELECT {} FROM (SELECT \
             {schema}.ST_EstimatedExtent({}, {}, {})::{schema}.box3d AS e OFFSET 0) AS extent",
            self.edges(),
            literal(&table.schema),
            literal(&table.name),
            literal(&table.geometry.name),
        );
        Ok(self.rows(&sql).await?.first().and_then(rect))
    }

    /// West, south, east and north of the box `e`.
    fn edges(&self) -> String {
        let schema = &self.postgis;
        ["ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax"]
            .map(|edge| format!("{schema}.{edge}(e)"))
            .join(", ")
    }

    async fn to_degrees(&self, extent: Rect<f64>, srid: i32) -> Result<Option<Rect<f64>>, String> {
        let degrees = match srid {
            4326 => Some(extent),
            3857 => Some(mercator_to_degrees(extent)),
            _ => {
                let schema = &self.postgis;
                let grid = ewkb_multipoint(srid, &grid_of(extent, 16, |x, y| (x, y)));
                let sql = format!(
                    "SELECT {} FROM (SELECT {schema}.ST_Transform({}::{schema}.geometry, 4326)\
                     ::{schema}.box3d AS e OFFSET 0) AS extent",
                    self.edges(),
                    hex(&grid),
                );
                self.rows(&sql).await?.first().and_then(rect)
            }
        };
        Ok(degrees.map(|degrees| {
            let lon = |lon: f64| lon.clamp(-180.0, 180.0);
            let lat = |lat: f64| lat.clamp(-90.0, 90.0);
            let (min, max) = (degrees.min(), degrees.max());
            Rect::new((lon(min.x), lat(min.y)), (lon(max.x), lat(max.y)))
        }))
    }

    async fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, String> {
        let messages = self.client.simple_query(&format!("{LIMITS}{sql}")).await;
        let messages = messages.map_err(|error| super::error::describe(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.collect())
    }
}

/// The condition that the table's files are small, decided before its first row is read: the
/// catalogues know sizes only as of the last ANALYZE.
fn if_small(table: &SpatialTable) -> String {
    let oid = format!("{}::pg_catalog.regclass", literal(&table.qualified()));
    let size = match table.relation {
        Relation::ForeignTable | Relation::View => return String::new(),
        Relation::PartitionedTable => format!(
            "SELECT pg_catalog.sum(pg_catalog.pg_table_size(relid)) \
             FROM pg_catalog.pg_partition_tree({oid})"
        ),
        Relation::Table | Relation::MaterializedView => {
            format!("SELECT pg_catalog.pg_table_size({oid})")
        }
    };
    format!(" WHERE ({size}) <= {SMALL_BYTES}")
}

fn rect(row: &SimpleQueryRow) -> Option<Rect<f64>> {
    let number = |column: usize| row.get(column)?.parse::<f64>().ok();
    finite_bounds(&[(number(0)?, number(1)?), (number(2)?, number(3)?)])
}
