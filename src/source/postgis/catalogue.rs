//! The one query over the system catalogues that finds everything with a geometry.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use super::inventory::{Column, ColumnKind, GeometryColumn, Relation, SpatialTable};

/// Where PostGIS is: its schema and version; `None` when the database has none.
pub(super) async fn postgis(client: &Client) -> Result<Option<(String, String)>, Error> {
    let sql = "SELECT n.nspname::pg_catalog.text, e.extversion \
               FROM pg_catalog.pg_extension e \
               JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
               WHERE e.extname = 'postgis'";
    let rows = client.query_typed(sql, &[]).await?;
    rows.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// A table as the catalogues know it, before any of its rows was looked at.
pub(super) struct Found {
    pub(super) table: SpatialTable,
    /// Pages on disk as of the last ANALYZE or VACUUM, long values included.
    pub(super) pages: i64,
    /// A GiST index leads with the geometry.
    pub(super) gist: bool,
}

/// `$1`: PostGIS' schema, `$2`: the schemas to look in, NULL for all.
const QUERY: &str = r"
WITH RECURSIVE domain AS (
  SELECT t.oid, t.typbasetype AS base, t.typtypmod AS typmod
  FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
  UNION ALL
  SELECT d.oid, t.typbasetype, t.typtypmod
  FROM domain d JOIN pg_catalog.pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
), base AS (
  SELECT d.oid, d.base, d.typmod FROM domain d
  JOIN pg_catalog.pg_type t ON t.oid = d.base WHERE t.typtype <> 'd'
), spatial AS (
  SELECT t.oid, t.typname FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname = $1 AND t.typname IN ('geometry', 'geography')
), spatial_type AS (
  SELECT s.oid, s.typname, -1 AS typmod FROM spatial s
  UNION ALL
  SELECT b.oid, s.typname, b.typmod FROM base b JOIN spatial s ON s.oid = b.base
), system_schema AS (
  SELECT e.extnamespace AS oid FROM pg_catalog.pg_extension e
  WHERE e.extname IN ('postgis_topology', 'postgis_tiger_geocoder')
  UNION ALL
  SELECT d.objid FROM pg_catalog.pg_depend d
  WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.deptype = 'e'
), relation AS (
  SELECT c.oid, c.relname, c.relkind, c.reltuples, c.reltoastrelid, c.relpages, c.relhassubclass,
    n.nspname,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND ($2::pg_catalog.text[] IS NULL OR n.nspname::pg_catalog.text = ANY ($2))
    AND n.oid NOT IN (SELECT s.oid FROM system_schema s)
    AND c.oid IN (
      SELECT a.attrelid FROM pg_catalog.pg_attribute a
      JOIN spatial_type s ON s.oid = a.atttypid WHERE a.attnum > 0 AND NOT a.attisdropped)
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objid = c.oid AND d.deptype = 'e')
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
)
SELECT r.nspname::pg_catalog.text, r.relname::pg_catalog.text, r.relkind::pg_catalog.text,
  pg_catalog.obj_description(r.oid, 'pg_class'),
  r.reltuples::pg_catalog.float8,
  r.relpages::pg_catalog.int8 + coalesce(toast.relpages, 0),
  columns.names, columns.types, columns.bases, columns.spatial, columns.typmods,
  columns.elements, key.name, spatial_index.names, spatial_index.gist,
  CASE WHEN r.relkind IN ('v', 'f') THEN true
    WHEN r.relkind = 'p' OR r.relhassubclass THEN EXISTS (
      WITH RECURSIVE part AS (
        SELECT r.oid
        UNION
        SELECT i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid)
      SELECT FROM part p JOIN pg_catalog.pg_class c ON c.oid = p.oid
      WHERE c.relkind = 'f' OR pg_catalog.pg_relation_size(c.reltoastrelid) > 0)
    -- Its file, since only VACUUM counts its pages.
    ELSE coalesce(pg_catalog.pg_relation_size(r.reltoastrelid) > 0, false) END
FROM relation r
LEFT JOIN pg_catalog.pg_class toast ON toast.oid = r.reltoastrelid
CROSS JOIN LATERAL (
  SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum) AS names,
    pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types,
    pg_catalog.array_agg(coalesce(b.base, a.atttypid)::pg_catalog.int8 ORDER BY a.attnum) AS bases,
    pg_catalog.array_agg(s.typname::pg_catalog.text ORDER BY a.attnum) AS spatial,
    pg_catalog.array_agg(
      CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE coalesce(s.typmod, -1) END
      ORDER BY a.attnum) AS typmods,
    pg_catalog.array_agg(coalesce(e.typname, t.typname)::pg_catalog.text ORDER BY a.attnum) AS elements
  FROM pg_catalog.pg_attribute a
  LEFT JOIN base b ON b.oid = a.atttypid
  LEFT JOIN spatial_type s ON s.oid = a.atttypid
  JOIN pg_catalog.pg_type t ON t.oid = coalesce(b.base, a.atttypid)
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
  WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND (r.readable OR pg_catalog.has_column_privilege(r.oid, a.attnum, 'SELECT'))
) columns
LEFT JOIN LATERAL (
  SELECT a.attname::pg_catalog.text AS name
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = r.oid AND i.indisprimary AND i.indnkeyatts = 1
) key ON true
LEFT JOIN LATERAL (
  SELECT pg_catalog.array_agg(a.attname::pg_catalog.text) AS names,
    pg_catalog.array_agg(a.attname::pg_catalog.text) FILTER (WHERE m.amname = 'gist') AS gist
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname IN ('gist', 'spgist', 'brin')
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = r.oid AND i.indisvalid AND i.indpred IS NULL
) spatial_index ON true
ORDER BY r.nspname, r.relname
";

/// Every relation with a geometry or geography column that the role may read, once for each.
pub(super) async fn relations(
    client: &Client,
    postgis_schema: &str,
    schemas: Option<&[String]>,
) -> Result<Vec<Found>, Error> {
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&postgis_schema, Type::TEXT), (&schemas, Type::TEXT_ARRAY)];
    let rows = client.query_typed(QUERY, &parameters).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        relation(row, &mut found)?;
    }
    found.sort_by(|a, b| key(&a.table).cmp(&key(&b.table)));
    Ok(found)
}

fn key(table: &SpatialTable) -> (&str, &str, &str) {
    (&table.schema, &table.name, &table.geometry.name)
}

/// A column with what the catalogues say about its type.
struct Attribute {
    column: Column,
    /// `geometry` or `geography`.
    spatial: Option<String>,
    typmod: i32,
    /// Name of the base type or, for an array, of its elements' type.
    element: String,
}

fn relation(row: &Row, found: &mut Vec<Found>) -> Result<(), Error> {
    let attributes = attributes(row)?;
    let tuples: f64 = row.try_get(4)?;
    let key: Option<String> = row.try_get(12)?;
    let indexed: Option<Vec<String>> = row.try_get(13)?;
    let indexed = indexed.unwrap_or_default();
    let gist: Option<Vec<String>> = row.try_get(14)?;
    let gist = gist.unwrap_or_default();
    let pages = row.try_get(5)?;
    let columns: Vec<Column> =
        attributes.iter().filter(|one| !is_excluded(one)).map(|one| one.column.clone()).collect();
    let geometries: Vec<String> = (attributes.iter())
        .filter(|one| one.spatial.is_some())
        .map(|one| one.column.name.clone())
        .collect();
    let primary_key = key.filter(|key| {
        columns.iter().any(|column| column.name == *key && column.kind == ColumnKind::Int)
    });
    for attribute in &attributes {
        let Some(spatial) = &attribute.spatial else { continue };
        let name = &attribute.column.name;
        let table = SpatialTable {
            schema: row.try_get(0)?,
            name: row.try_get(1)?,
            relation: kind_of_relation(row.try_get(2)?),
            comment: row.try_get(3)?,
            geometry: geometry(name, spatial, attribute.typmod, indexed.contains(name)),
            columns: columns.clone(),
            geometries: geometries.clone(),
            primary_key: primary_key.clone(),
            long_values: row.try_get(15)?,
            estimated_rows: estimated_rows(tuples, pages),
            bounds: None,
        };
        found.push(Found { table, pages, gist: gist.contains(name) });
    }
    Ok(())
}

/// Never analysed is −1, and on servers before 14 also 0 without a page.
fn estimated_rows(tuples: f64, pages: i64) -> Option<u64> {
    (tuples > 0.0 || tuples == 0.0 && pages > 0).then_some(tuples as u64)
}

fn attributes(row: &Row) -> Result<Vec<Attribute>, Error> {
    let names: Vec<String> = row.try_get::<_, Option<_>>(6)?.unwrap_or_default();
    let types: Vec<String> = row.try_get::<_, Option<_>>(7)?.unwrap_or_default();
    let bases: Vec<i64> = row.try_get::<_, Option<_>>(8)?.unwrap_or_default();
    let spatial: Vec<Option<String>> = row.try_get::<_, Option<_>>(9)?.unwrap_or_default();
    let typmods: Vec<i32> = row.try_get::<_, Option<_>>(10)?.unwrap_or_default();
    let elements: Vec<String> = row.try_get::<_, Option<_>>(11)?.unwrap_or_default();
    let rest = bases.into_iter().zip(spatial).zip(typmods).zip(elements);
    let all = names.into_iter().zip(types).zip(rest);
    Ok(all
        .map(|((name, type_name), (((base, spatial), typmod), element))| {
            let base = u32::try_from(base).unwrap_or_default();
            let column = Column { name, type_name, kind: kind_of_column(base), base };
            Attribute { column, spatial, typmod, element }
        })
        .collect())
}

/// Other geometries, rasters, and domains over binary data, which a tile can't show.
fn is_excluded(attribute: &Attribute) -> bool {
    let bytes = matches!(attribute.element.as_str(), "bytea" | "tsvector");
    let named = matches!(
        attribute.column.type_name.as_str(),
        "bytea" | "tsvector" | "bytea[]" | "tsvector[]"
    );
    attribute.spatial.is_some()
        || matches!(attribute.element.as_str(), "geometry" | "geography" | "raster")
        || (bytes && !named)
}

fn kind_of_relation(relkind: &str) -> Relation {
    match relkind {
        "p" => Relation::PartitionedTable,
        "f" => Relation::ForeignTable,
        "v" => Relation::View,
        "m" => Relation::MaterializedView,
        _ => Relation::Table,
    }
}

pub(super) fn kind_of_column(base: u32) -> ColumnKind {
    match Type::from_oid(base) {
        Some(Type::BOOL) => ColumnKind::Bool,
        Some(Type::INT2 | Type::INT4 | Type::INT8) => ColumnKind::Int,
        Some(Type::FLOAT4 | Type::FLOAT8) => ColumnKind::Float,
        Some(Type::NUMERIC) => ColumnKind::Numeric,
        Some(Type::DATE | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ) => ColumnKind::Time,
        _ => ColumnKind::Text,
    }
}

/// Reads PostGIS' type modifier: `0000 ssss ssss ssss ssss ssss tttt ttzm` in bits, SRID, type
/// and the two flags for Z and M (liblwgeom.h, `TYPMOD_GET_SRID` and its neighbours).
pub(super) fn geometry(name: &str, spatial: &str, typmod: i32, indexed: bool) -> GeometryColumn {
    const TYPES: [&str; 16] = [
        "GEOMETRY",
        "POINT",
        "LINESTRING",
        "POLYGON",
        "MULTIPOINT",
        "MULTILINESTRING",
        "MULTIPOLYGON",
        "GEOMETRYCOLLECTION",
        "CIRCULARSTRING",
        "COMPOUNDCURVE",
        "CURVEPOLYGON",
        "MULTICURVE",
        "MULTISURFACE",
        "POLYHEDRALSURFACE",
        "TRIANGLE",
        "TIN",
    ];
    let geography = spatial == "geography";
    let (srid, kind) = match typmod {
        ..0 => (0, 0),
        _ => (((typmod & 0x0FFF_FF00) - (typmod & 0x1000_0000)) >> 8, (typmod & 0xFC) >> 2),
    };
    let srid = if geography && srid == 0 { 4326 } else { srid };
    GeometryColumn {
        name: name.to_owned(),
        geography,
        // 0 in a modifier allows any.
        srid: (srid != 0).then_some(srid),
        mixed_srids: Vec::new(),
        geometry_type: TYPES.get(kind as usize).copied().unwrap_or("GEOMETRY").to_owned(),
        sampled: false,
        indexed,
        unlooked: None,
    }
}
