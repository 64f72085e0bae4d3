//! Six tables of random shapes over eight degrees of Central Europe, and the tiles that cover it.

use postgres::Client;
use tesela::tile::mercator;

pub const LAYERS: [&str; 6] =
    ["points_3857", "points_4326", "lines_3857", "lines_4326", "polygons_3857", "polygons_4326"];

/// West, south, east, north.
const AREA: [f64; 4] = [0.0, 46.0, 8.0, 54.0];

pub fn load(client: &mut Client) {
    client.batch_execute(include_str!("../../tests/fixtures/world.sql")).expect("the fixtures");
    let line = "ST_MakeLine(ARRAY(SELECT ST_MakePoint(x + i * 0.002 * cos(n + i / 3.0), \
                y + i * 0.002 * sin(n + i / 5.0)) FROM generate_series(0, 9) i))";
    let polygon = "ST_MakePolygon(ST_MakeLine(ARRAY(SELECT ST_MakePoint(x + 0.001 * cos(i * pi() / 4), \
                   y + 0.001 * sin(i * pi() / 4)) FROM generate_series(0, 7) i) \
                   || ST_MakePoint(x + 0.001, y)))";
    for (name, kind, rows, shape) in [
        ("points", "Point", 200_000, "ST_MakePoint(x, y)"),
        ("lines", "LineString", 100_000, line),
        ("polygons", "Polygon", 100_000, polygon),
    ] {
        client.batch_execute(&tables(name, kind, rows, shape)).expect(name);
    }
    client.batch_execute("VACUUM ANALYZE").expect("VACUUM");
    client.batch_execute("CHECKPOINT").expect("CHECKPOINT");
}

fn tables(name: &str, kind: &str, rows: u32, shape: &str) -> String {
    let [west, south, east, north] = AREA;
    let (width, height) = (east - west, north - south);
    format!(
        "SELECT setseed(0.5);
         CREATE TABLE {name}_4326 (id integer PRIMARY KEY, name text, kind text, level integer,
           oneway boolean, width double precision, geom geometry({kind}, 4326))
           WITH (autovacuum_enabled = off);
         INSERT INTO {name}_4326
         SELECT n, 'Street ' || n % 900, (ARRAY['residential', 'service', 'track'])[1 + n % 3],
           n % 10, n % 2 = 0, n % 100 / 4.0, ST_SetSRID({shape}, 4326)
         FROM (SELECT n, {west} + {width} * random() AS x, {south} + {height} * random() AS y
               FROM generate_series(1, {rows}) n) AS places;
         CREATE TABLE {name}_3857 WITH (autovacuum_enabled = off) AS
         SELECT id, name, kind, level, oneway, width,
           ST_Transform(geom, 3857)::geometry({kind}, 3857) AS geom FROM {name}_4326;
         ALTER TABLE {name}_3857 ADD PRIMARY KEY (id);
         CREATE INDEX ON {name}_4326 USING gist (geom);
         CREATE INDEX ON {name}_3857 USING gist (geom)"
    )
}

/// Up to `count` tiles inside the area, from zoom `z` down.
pub fn tiles(z: u8, count: usize) -> Vec<(u8, u32, u32)> {
    let mut tiles: Vec<_> = (z..z + 4).flat_map(inside).collect();
    tiles.truncate(count);
    tiles
}

fn inside(z: u8) -> impl Iterator<Item = (u8, u32, u32)> {
    let size = 2.0 * mercator::HALF_WORLD / f64::from(1u32 << z);
    let tile = |lon: f64, lat: f64| {
        let (x, y) = mercator::project(lon, lat);
        let column = (x + mercator::HALF_WORLD) / size;
        let row = (mercator::HALF_WORLD - y) / size;
        (column as u32, row as u32)
    };
    let ((left, top), (right, bottom)) = (tile(AREA[0], AREA[3]), tile(AREA[2], AREA[1]));
    (left + 1..right).flat_map(move |x| (top + 1..bottom).map(move |y| (z, x, y)))
}

/// The same tile made by the database: `$1` to `$3` are z, x and y.
pub fn st_asmvt(layer: &str) -> String {
    let area = "ST_TileEnvelope($1, $2, $3, margin => 64.0 / 4096)";
    let (geometry, area) = if layer.ends_with("_4326") {
        ("ST_Transform(geom, 3857)", format!("ST_Transform({area}, 4326)"))
    } else {
        ("geom", area.to_owned())
    };
    format!(
        "SELECT ST_AsMVT(rows, '{layer}', 4096, 'geom', 'id') FROM (
           SELECT id, name, kind, level, oneway, width,
             ST_AsMVTGeom({geometry}, ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
           FROM {layer} WHERE geom && {area}) AS rows"
    )
}
