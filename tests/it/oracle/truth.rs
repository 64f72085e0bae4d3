//! What PostGIS itself makes of a table.

use std::collections::HashSet;

use postgres::Client;

/// Side of the square world in metres.
const WORLD: f64 = 40_075_016.685_578_49;

/// A geometry column with what the truth's SQL needs to know.
#[derive(Debug)]
pub struct Table {
    pub schema: String,
    pub name: String,
    pub geometry: String,
    is_geography: bool,
    pub id: Option<String>,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    /// `pg_type.typname` of the column's type, of the base type for a domain.
    type_name: String,
}

impl Table {
    pub fn sql_name(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    /// The geometry as one in the plane.
    pub fn planar(&self) -> String {
        let column = quoted(&self.geometry);
        if self.is_geography { format!("{column}::geometry") } else { column }
    }

    /// Columns whose numbers come as a double or as text, depending on the value.
    pub fn is_numeric(&self, column: &str) -> bool {
        self.columns.iter().any(|c| c.name == column && c.type_name == "numeric")
    }

    /// The rows with their geometry in Web Mercator.
    ///
    /// Latitudes stop at 89.9°, as Tesela's do: the poles have no place in Web Mercator. Degrees
    /// are scaled around the projection because PROJ wraps longitudes beyond 180°, which would
    /// tear a polygon apart that crosses the antimeridian. Edges of geography are great circles:
    /// they get a vertex every 100 km.
    fn rows(&self) -> String {
        let column = format!("t.{}", quoted(&self.geometry));
        let geometry = match self.is_geography {
            true => format!("ST_Segmentize({column}, 100000)::geometry"),
            false => format!("{column}::geometry"),
        };
        let known = format!(
            "CASE WHEN ST_SRID({geometry}) = 0 THEN ST_SetSRID({geometry}, 4326) ELSE {geometry} END"
        );
        let straight = format!("ST_Force2D(ST_CurveToLine({known}))");
        let columns: String = self.columns.iter().map(Column::select).collect();
        let id = self.id.as_ref().map_or("NULL::int8".to_owned(), |id| {
            format!("CASE WHEN t.{0} >= 0 THEN t.{0}::int8 END", quoted(id))
        });
        let degrees = "ST_Scale(ST_Transform(ST_Scale(CASE
                 WHEN ST_YMax(\"_g\") > 89.9 OR ST_YMin(\"_g\") < -89.9
                 THEN ST_Intersection(\"_g\", ST_MakeEnvelope(-1000, -89.9, 1000, 89.9, 4326))
                 ELSE \"_g\" END, 0.25, 1), 3857), 4, 1)";
        format!(
            "SELECT {id} AS \"_id\"{columns}, ST_IsValid(\"_g\") AS \"_valid\", \"_g\", CASE
                 WHEN ST_SRID(\"_g\") = 4326 THEN {degrees} ELSE ST_Transform(\"_g\", 3857)
                 END AS \"_geom\"
             FROM {} AS t, LATERAL (SELECT {straight} AS \"_g\" OFFSET 0) AS \"_straight\"
             WHERE NOT ST_IsEmpty(\"_g\")",
            self.sql_name(),
        )
    }
}

impl Column {
    /// The column with the casts of "Tile contents".
    fn select(&self) -> String {
        let column = format!("t.{}", quoted(&self.name));
        let fraction = |text: String| format!("rtrim(rtrim({text}, '0'), '.')");
        // RFC 3339 has four digits for a year and no sign; 1 BC is year 0000.
        let dated = |moment: &str, rest: String| {
            let year = format!("EXTRACT(year FROM {moment})");
            format!(
                "CASE WHEN isfinite({moment}) AND {year} BETWEEN -1 AND 9999
                 THEN lpad(greatest({year}, 0)::int::text, 4, '0') || {rest} END"
            )
        };
        let value = match self.type_name.as_str() {
            "bool" | "int2" | "int4" | "int8" => column,
            "float4" | "float8" => format!(
                "CASE WHEN {column}::float8 NOT IN ('NaN', 'Infinity', '-Infinity') THEN {column}::float8 END"
            ),
            "numeric" => format!(
                "CASE WHEN {column} NOT IN ('NaN', 'Infinity', '-Infinity') THEN {column}::text END"
            ),
            "date" => dated(&column, format!("to_char({column}, '-MM-DD')")),
            "time" => fraction(format!("to_char({column}, 'HH24:MI:SS.US')")),
            "timestamp" | "timestamptz" => {
                let utc = match self.type_name.as_str() {
                    "timestamptz" => format!("({column} AT TIME ZONE 'UTC')"),
                    _ => column,
                };
                let text = fraction(format!("to_char({utc}, '-MM-DD\"T\"HH24:MI:SS.US')"));
                dated(&utc, format!("{text} || 'Z'"))
            }
            _ => format!("{column}::text"),
        };
        format!(", {value} AS {}", quoted(&self.name))
    }
}

/// Every geometry and geography column of the fixture schemas.
pub fn tables(client: &mut Client) -> Vec<Table> {
    let columns = "
        SELECT n.nspname::text, c.relname::text, a.attname::text, c.oid, t.typname = 'geography'
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE n.nspname IN ('public', 'odd', 'odd2', 'variants') AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
          AND NOT c.relispartition AND t.typname IN ('geometry', 'geography')
        ORDER BY 1, 2, 3";
    let found = client.query(columns, &[]).unwrap();
    found
        .iter()
        .map(|row| {
            let oid: u32 = row.get(3);
            let id = primary_key(client, oid);
            Table {
                schema: row.get(0),
                name: row.get(1),
                geometry: row.get(2),
                is_geography: row.get(4),
                columns: properties(client, oid, id.as_deref()),
                id,
            }
        })
        .collect()
}

/// The single column of an integer primary key.
fn primary_key(client: &mut Client, table: u32) -> Option<String> {
    let sql = "
        SELECT a.attname::text FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = $1 AND i.indisprimary AND i.indnkeyatts = 1
          AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)";
    client.query_opt(sql, &[&table]).unwrap().map(|row| row.get(0))
}

fn properties(client: &mut Client, table: u32, id: Option<&str>) -> Vec<Column> {
    let sql = "
        WITH RECURSIVE base AS (
            SELECT a.attnum, a.attname::text AS name, t.oid, t.typtype, t.typbasetype, t.typname::text AS type_name
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT base.attnum, base.name, t.oid, t.typtype, t.typbasetype, t.typname::text
            FROM base JOIN pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd')
        SELECT name, type_name FROM base
        WHERE typtype <> 'd' AND type_name NOT IN ('geometry', 'geography', 'bytea', 'tsvector', 'raster')
        ORDER BY attnum";
    let rows = client.query(sql, &[&table]).unwrap();
    let column = |row: &postgres::Row| Column { name: row.get(0), type_name: row.get(1) };
    rows.iter().map(column).filter(|column| Some(column.name.as_str()) != id).collect()
}

/// Tiles that show some of the table's rows, and a neighbour that shows at most their buffer.
pub fn interesting_tiles(client: &mut Client, table: &Table, zooms: &[u8]) -> Vec<(u8, u32, u32)> {
    let sql = format!(
        "SELECT ST_X(p), ST_Y(p) FROM (
             SELECT ST_PointOnSurface(\"_geom\") AS p FROM ({}) AS rows ORDER BY \"_id\", 1) AS points
         WHERE NOT ST_IsEmpty(p)",
        table.rows(),
    );
    let points: Vec<(f64, f64)> =
        client.query(&sql, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    let some = points.iter().step_by((points.len() / 5).max(1));
    let mut tiles: Vec<_> = some
        .flat_map(|&(x, y)| {
            zooms.iter().flat_map(move |&z| {
                let count = 1u32 << z;
                let index = |v: f64| ((v / WORLD + 0.5) * f64::from(count)).floor();
                let clamp = |v: f64| v.clamp(0.0, f64::from(count - 1)) as u32;
                let (x, y) = (clamp(index(x)), clamp(index(-y)));
                [(z, x, y), (z, x.saturating_sub(1), y)]
            })
        })
        .collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// The rows as a FeatureCollection in degrees, with all their digits.
pub fn geojson(client: &mut Client, table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let sql = format!(
        "SELECT json_build_object('type', 'Feature', 'id', \"_id\",
             'geometry', ST_AsGeoJSON(ST_Transform(\"_g\", 4326), 15)::json,
             'properties', (SELECT row_to_json(own) FROM (SELECT {}) AS own))::text
         FROM ({}) AS rows",
        names.join(", "),
        table.rows(),
    );
    let rows = client.query(&sql, &[]).unwrap_or_else(|e| panic!("{}: {e:?}", table.name));
    let features: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}", features.join(",\n"))
}

/// The tile as `ST_AsMVT` makes it.
pub fn truth(client: &mut Client, table: &Table, (z, x, y): (u8, u32, u32)) -> Vec<u8> {
    let names: String =
        table.columns.iter().map(|column| format!(", {}", quoted(&column.name))).collect();
    // ST_TileEnvelope's own margin stops at the edge of the world.
    let margin = WORLD / f64::from(1u32 << z) * 64.0 / 4096.0;
    let sql = format!(
        "SELECT ST_AsMVT(\"_row\", 'layer', 4096, '_mvt', '_id') FROM (
             SELECT \"_id\"{names},
                    ST_AsMVTGeom(\"_geom\", ST_TileEnvelope({z}, {x}, {y}), 4096, 64, true) AS \"_mvt\"
             FROM ({}) AS rows
             WHERE \"_geom\" && ST_Expand(ST_TileEnvelope({z}, {x}, {y}), {margin})) AS \"_row\"
         WHERE \"_mvt\" IS NOT NULL",
        table.rows(),
    );
    client.query_one(&sql, &[]).unwrap_or_else(|e| panic!("{}: {e:?}", table.name)).get(0)
}

/// Ids of rows whose polygon is invalid.
pub fn invalid_ids(client: &mut Client, table: &Table) -> HashSet<u64> {
    let sql = format!(
        "SELECT \"_id\" FROM ({}) AS rows WHERE NOT \"_valid\" AND \"_id\" IS NOT NULL",
        table.rows(),
    );
    let rows = client.query(&sql, &[]).unwrap();
    rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
