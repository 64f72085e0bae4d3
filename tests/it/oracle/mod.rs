//! Tiles against PostGIS' own `ST_AsMVT(ST_AsMVTGeom(…))`.
//!
//! For every fixture table, over a spread of zooms: the same features with the same properties,
//! and the same geometry in the same place, within one grid unit per vertex. What may differ is
//! listed in [`compare`] and [`shapes`], each with its reason.

mod compare;
mod outline;
mod shapes;
mod truth;

use std::collections::HashSet;
use std::fmt::Write;

use compare::compare;
use postgres::Client;
use truth::{Table, tables, truth};

use crate::support::database::Database;
use crate::support::files::Folder;
use crate::support::server::Server;
use crate::support::tile::{Layer, decode};

const ZOOMS: [u8; 9] = [0, 1, 2, 4, 7, 10, 13, 18, 24];

/// Those of the other encoder, whose truth is nearly the same query.
const FEW_ZOOMS: [u8; 3] = [0, 4, 13];

/// Tables that are compared in every kind of spatial reference system.
const SHAPES: [&str; 6] = [
    "public.countries",
    "public.countries_10m",
    "public.cities",
    "odd.geometry_types",
    "odd.tile_borders",
    "odd.numerics",
];

/// Tables that have no truth to compare with: they can't be served, or PostGIS can't tile them.
const EXCLUDED: [&str; 6] = [
    // No SRID to be learned, and several of them.
    "untyped_empty",
    "srid_mixed",
    // Reading it is an error.
    "a_matview_unfilled",
    // PostGIS puts rows with infinite coordinates into tiles or fails on them.
    "not_finite",
    // ST_AsMVTGeom has no surfaces and triangles.
    "surfaces",
    // In degrees, a polygon around the pole has its edge at the antimeridian, not its inside.
    "srid_3031",
];

/// Tables that the box of a query doesn't find as a table's own does.
const EXCLUDED_FROM_QUERIES: [&str; 3] = [
    // Boxes have an SRID, and these rows none.
    "srid_0",
    // Boxes end at the antimeridian, so that they can be transformed.
    "antimeridian",
    // Their edges are great circles, and boxes lie in the plane.
    "geography_long_edges",
];

/// Tables that a file in degrees can't hold as they are.
const EXCLUDED_FROM_FILES: [&str; 5] = [
    // GeoJSON has no triangles, and PostGIS writes no collections of collections.
    "geometry_types",
    "geometry_types_3857",
    "geometry_types_4326",
    "geometry_types_6933",
    "geometry_types_geography",
];

/// What layers are made of, and who makes their tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rows,
    ByTheDatabase,
    Queries,
    Functions,
    Files,
}

#[test]
fn every_fixture_table_has_the_tiles_that_postgis_makes() {
    compare_all(Kind::Rows, &ZOOMS, (500, 5_000));
}

#[test]
fn tiles_made_by_the_database_are_those_that_postgis_makes_too() {
    compare_all(Kind::ByTheDatabase, &FEW_ZOOMS, (200, 2_000));
}

#[test]
fn queries_have_the_tiles_of_the_tables_that_they_read() {
    compare_all(Kind::Queries, &FEW_ZOOMS, (200, 2_000));
}

#[test]
fn functions_have_the_tiles_of_the_tables_that_they_read() {
    compare_all(Kind::Functions, &FEW_ZOOMS, (200, 2_000));
}

#[test]
fn files_have_the_tiles_that_postgis_makes_of_their_features() {
    compare_all(Kind::Files, &FEW_ZOOMS, (200, 2_000));
}

/// A database with every fixture.
fn filled() -> Database {
    let database = Database::with_world();
    database.execute(include_str!("../../fixtures/odd.sql"));
    database.execute(&variants());
    database.execute("ANALYZE");
    database
}

/// Compares every table's tiles, of which there are at least so many with so many features.
fn compare_all(kind: Kind, zooms: &[u8], least: (usize, usize)) {
    let database = filled();
    let all = tables(&mut database.client());
    let served = all.iter().filter(|table| {
        let (name, is_query) = (table.name.as_str(), kind == Kind::Queries);
        let is_file = kind == Kind::Files;
        !(EXCLUDED.contains(&name)
            || is_query && EXCLUDED_FROM_QUERIES.contains(&name)
            || is_file && EXCLUDED_FROM_FILES.contains(&name))
    });
    let served: Vec<_> = served.collect();
    assert!(served.len() > 60, "only {} tables found", served.len());
    let folder = Folder::new();
    let toml = match kind {
        Kind::Files => files(&mut database.client(), &served, &folder),
        _ => configuration(&database, &served, kind),
    };
    let server = Server::configured(&toml);
    assert_eq!(server.get("/catalog").json()["disabled"], serde_json::json!({}));
    let mut client = database.client();
    let (mut tiles, mut features) = (0, 0);
    let mut wrong = Vec::new();
    for (number, table) in served.iter().enumerate() {
        let repaired = repaired(&mut client, table);
        for coord in truth::interesting_tiles(&mut client, table, zooms) {
            let (z, x, y) = coord;
            let path = format!("/layer{number}/{z}/{x}/{y}");
            let ours = server.tile(&path);
            let theirs = decode(&truth(&mut client, table, coord));
            let context = format!("{kind:?}, {}.{} ({path})", table.name, table.geometry);
            check_encoding(&ours, &context);
            tiles += 1;
            features += ours.iter().map(|layer| layer.features.len()).sum::<usize>();
            wrong.extend(
                compare(table, &repaired, &ours, &theirs)
                    .into_iter()
                    .map(|w| format!("{context}: {w}")),
            );
        }
    }
    println!("{kind:?}: {tiles} tiles, {features} features compared");
    assert!(tiles > least.0 && features > least.1, "{tiles} tiles with {features} features");
    let shown = wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differences:\n{shown}", wrong.len());
}

/// Rows of which `ST_AsMVTGeom` makes something else than what they are.
fn repaired(client: &mut Client, table: &Table) -> HashSet<u64> {
    // It repairs invalid polygons, at times to nothing.
    let mut ids = truth::invalid_ids(client, table);
    if table.name == "repeated_points" {
        // It takes a line there and back for one without length.
        ids.insert(6);
    }
    ids
}

/// SQL that copies each of [`SHAPES`] to Web Mercator, degrees, an equal-area projection of the
/// whole world, and geography.
fn variants() -> String {
    let mut sql = "CREATE SCHEMA variants;".to_owned();
    for shape in SHAPES {
        let (_, name) = shape.split_once('.').unwrap();
        for kind in ["3857", "4326", "6933", "geography"] {
            let (column, value) = match kind {
                "geography" => {
                    ("geography(Geometry, 4326)".to_owned(), "4326)::geography".to_owned())
                }
                srid => (format!("geometry(Geometry, {srid})"), format!("{srid})")),
            };
            let _ = write!(
                sql,
                "CREATE TABLE variants.{name}_{kind} AS SELECT * FROM {shape}
                 -- Neither projection reaches the poles.
                 WHERE ST_YMin(ST_Transform(geom, 4326)) > -85;
                 ALTER TABLE variants.{name}_{kind} ADD PRIMARY KEY (id),
                 ALTER geom TYPE {column} USING ST_Transform(geom, {value};
                 CREATE INDEX ON variants.{name}_{kind} USING gist (geom);"
            );
        }
    }
    sql
}

fn configuration(database: &Database, tables: &[&Table], kind: Kind) -> String {
    let mut client = database.client();
    let mut toml = format!("[databases.main]\nurl = \"{}\"\n", database.url);
    let encoder = if kind == Kind::ByTheDatabase { "postgis" } else { "rows" };
    for (number, table) in tables.iter().enumerate() {
        let _ = write!(
            toml,
            "[layers.layer{number}]\n{}geometry = {}\nmax_zoom = 24\nsimplify = 0\nmin_size = 0\n\
             encoder = \"{encoder}\"\n",
            source(&mut client, number, table, kind),
            toml_text(&table.geometry),
        );
        if table.name == "srid_0" {
            toml.push_str("srid = 4326\n");
        }
    }
    toml
}

/// The tables as files, and layers of those.
fn files(client: &mut Client, tables: &[&Table], folder: &Folder) -> String {
    let mut toml = String::new();
    for (number, table) in tables.iter().enumerate() {
        let path = folder.write(&format!("layer{number}.geojson"), truth::geojson(client, table));
        let _ = write!(
            toml,
            "[layers.layer{number}]\nfile = \"{path}\"\nmax_zoom = 24\nsimplify = 0\nmin_size = 0\n"
        );
    }
    toml
}

/// The layer's source, and what of it no query and no function tells.
fn source(client: &mut Client, number: usize, table: &Table, kind: Kind) -> String {
    let name = table.sql_name();
    let source = match kind {
        Kind::Rows | Kind::ByTheDatabase => return format!("table = {}\n", toml_text(&name)),
        Kind::Queries => {
            let sql = format!("SELECT * FROM {name} WHERE {} && {{bbox}}", table.planar());
            format!("sql = {}\n", toml_text(&sql))
        }
        Kind::Functions => {
            let create = format!(
                "CREATE FUNCTION public.rows{number}(z int, x int, y int) RETURNS SETOF {name}
                 LANGUAGE sql STABLE AS $f$ SELECT * FROM {name} $f$"
            );
            client.batch_execute(&create).unwrap();
            format!("function = \"public.rows{number}\"\n")
        }
        Kind::Files => unreachable!("files have no database"),
    };
    let id = table.id.as_ref().map(|id| format!("id = {}\n", toml_text(id)));
    let srid = format!("SELECT ST_SRID({}) FROM {name} LIMIT 1", table.planar());
    let srid = client.query_opt(&srid, &[]).unwrap().and_then(|row| row.get::<_, Option<i32>>(0));
    let srid = srid.filter(|srid| *srid != 0).map(|srid| format!("srid = {srid}\n"));
    source + &id.unwrap_or_default() + &srid.unwrap_or_default()
}

fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What holds for every tile, whatever PostGIS makes of it.
fn check_encoding(layers: &[Layer], path: &str) {
    for layer in layers {
        assert_eq!(layer.extent, 4096, "{path}");
        assert!(!layer.features.is_empty(), "{path}: an empty layer");
        for feature in &layer.features {
            assert!(feature.coords().next().is_some(), "{path}: a feature without geometry");
            for coord in feature.coords() {
                let inside = |v: f64| (-64.0..=4160.0).contains(&v);
                assert!(inside(coord.x) && inside(coord.y), "{path}: {coord:?} outside the buffer");
            }
            for polygon in &feature.polygons {
                // MVT 2.1 section 4.3.3.3, with y down: the outer ring's surveyor's area is
                // positive, those of its holes negative.
                assert!(surveyor_area(polygon.exterior()) > 0.0, "{path}: an outer ring's winding");
                for hole in polygon.interiors() {
                    assert!(surveyor_area(hole) < 0.0, "{path}: a hole's winding");
                }
            }
            for line in feature.lines.iter().chain(feature.rings()) {
                assert!(line.0.len() >= 2, "{path}: a line of one point");
                let repeated = line.0.windows(2).any(|pair| pair[0] == pair[1]);
                assert!(!repeated, "{path}: a segment of no length in {line:?}");
            }
        }
    }
}

fn surveyor_area(ring: &geo::LineString<f64>) -> f64 {
    ring.lines().map(|line| line.start.x * line.end.y - line.end.x * line.start.y).sum::<f64>()
        / 2.0
}
