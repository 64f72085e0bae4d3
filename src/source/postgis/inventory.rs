//! What a database holds that can be published.

use std::collections::{BTreeMap, HashSet};

use geo::Rect;

use super::functions::Function;
use super::mismatch::Mismatch;
use super::query::Query;

/// The answer to [`PostgisSource::inventory`](super::PostgisSource::inventory).
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Schema that PostGIS is installed in.
    pub postgis_schema: String,
    /// For example `3.3.2`.
    pub postgis_version: String,
    /// One entry for each geometry or geography column, ordered by schema, table, column.
    pub tables: Vec<SpatialTable>,
    /// Those of `spatial_ref_sys`; empty when it could not be read.
    pub srids: HashSet<i32>,
    /// The layers' own queries, or why they can't be used.
    pub queries: BTreeMap<String, Result<Query, Mismatch>>,
    /// Functions of tiles, ordered by schema and name.
    pub functions: Vec<Function>,
}

impl Inventory {
    /// Some rows could not be looked at: another inventory may know more.
    pub fn is_incomplete(&self) -> bool {
        let unlooked = |query: &Result<Query, Mismatch>| {
            matches!(query, Err(Mismatch::UndescribedQuery { .. }))
        };
        self.tables.iter().any(|table| table.geometry.unlooked.is_some())
            || self.queries.values().any(unlooked)
            || self.functions.iter().any(Function::is_incomplete)
    }
}

/// A table or its like, with one of its geometry columns.
#[derive(Clone, Debug)]
pub struct SpatialTable {
    pub schema: String,
    pub name: String,
    pub relation: Relation,
    pub comment: Option<String>,
    pub geometry: GeometryColumn,
    /// Every other column that can be a property, in table order.
    pub columns: Vec<Column>,
    /// Names of all geometry and geography columns.
    pub(super) geometries: Vec<String>,
    /// The column of a single-column integer primary key.
    pub primary_key: Option<String>,
    /// Values may be too long for their rows' pages; unknown, and `true`, for views and foreign
    /// tables.
    pub long_values: bool,
    /// The planner's row count, `None` when never analysed.
    pub estimated_rows: Option<u64>,
    /// Longitudes and latitudes that the geometry covers, as far as cheaply known.
    pub bounds: Option<Rect<f64>>,
}

impl SpatialTable {
    /// A table in `public` for tests that have no database: texts, `id` and `geom` in degrees.
    #[doc(hidden)]
    pub fn example(name: &str, columns: &[&str]) -> Self {
        let geometry = GeometryColumn {
            name: "geom".to_owned(),
            geography: false,
            srid: Some(4326),
            mixed_srids: Vec::new(),
            geometry_type: "GEOMETRY".to_owned(),
            sampled: false,
            indexed: true,
            unlooked: None,
        };
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            type_name: "text".to_owned(),
            kind: ColumnKind::Text,
            base: 25,
        };
        Self {
            schema: "public".to_owned(),
            name: name.to_owned(),
            relation: Relation::Table,
            comment: None,
            geometry,
            columns: columns.iter().map(column).collect(),
            geometries: vec!["geom".to_owned()],
            primary_key: None,
            estimated_rows: None,
            bounds: None,
            long_values: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Table,
    PartitionedTable,
    ForeignTable,
    View,
    MaterializedView,
}

#[derive(Clone, Debug)]
pub struct GeometryColumn {
    pub name: String,
    pub geography: bool,
    /// SRID of the column's values; 0 when they have none, `None` when it can't be told: no
    /// rows to sample, or rows of several.
    pub srid: Option<i32>,
    /// All SRIDs found, if a sample found several.
    pub mixed_srids: Vec<i32>,
    /// Upper-case OGC name such as `POINT` or `MULTIPOLYGON`; `GEOMETRY` when any is possible.
    pub geometry_type: String,
    /// SRID and type come from a sample of rows, not from the column's type modifier.
    pub sampled: bool,
    /// A GiST, SP-GiST or BRIN index leads with the column; always `false` for views.
    pub indexed: bool,
    /// Why no rows were looked at to learn the SRID, for example because another session had
    /// locked the table.
    pub unlooked: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// As `format_type` prints it, for example `character varying(20)`.
    pub type_name: String,
    pub kind: ColumnKind,
    /// OID of the type, of the base type for a domain.
    pub(super) base: u32,
}

/// What a column's values become in a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Bool,
    /// int2, int4, int8.
    Int,
    /// float4, float8.
    Float,
    Numeric,
    /// date, time, timestamp, timestamptz: RFC 3339 text.
    Time,
    /// Everything else, as text.
    Text,
}
