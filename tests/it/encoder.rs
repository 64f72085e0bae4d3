//! `encoder = "postgis"`: the same features as Tesela's own, made by the database.

use crate::support::database::Database;
use crate::support::server::Server;
use crate::support::tile::{Feature, Property};

/// Serves a table as `rows` and as `postgis`.
fn both(database: &Database, table: &str, settings: &str) -> Server {
    let mut toml = format!("[databases.main]\nurl = \"{}\"\n", database.url);
    for encoder in ["rows", "postgis"] {
        toml += &format!(
            "[layers.{encoder}]\ntable = \"{table}\"\nencoder = \"{encoder}\"\n{settings}\n"
        );
    }
    Server::configured(&toml)
}

/// Features of a tile of both, in their order.
fn features(server: &Server, tile: &str) -> [Vec<Feature>; 2] {
    ["rows", "postgis"].map(|layer| {
        let layers = server.tile(&format!("/{layer}/{tile}"));
        assert!(layers.iter().all(|found| found.name == layer && found.extent == 4096));
        layers.into_iter().flat_map(|layer| layer.features).collect()
    })
}

fn ids(features: &[Feature]) -> Vec<Option<u64>> {
    features.iter().map(|feature| feature.id).collect()
}

#[test]
fn features_have_the_same_order_ids_and_properties() {
    let database = Database::new();
    database.execute(
        "CREATE TABLE t (id int, feature text, placed int, h float4, n numeric, ok bool, d date,
           tz timestamptz, js jsonb, geom geometry(Point, 3857));
         INSERT INTO t SELECT CASE WHEN i % 9 = 0 THEN -i WHEN i % 7 > 0 THEN i END, 'f' || i % 4,
           i % 5,
           (ARRAY['NaN', '-0', '1.5', 'Infinity', NULL])[1 + i % 5]::float4,
           (ARRAY['NaN', '1.25', '12345678901234567.89', '0', '1e400', '1e-400', '5', NULL])
             [1 + i % 8]::numeric,
           i % 2 = 0, CASE i % 3 WHEN 0 THEN 'infinity' WHEN 1 THEN '2026-02-03' END::date,
           '2026-01-02 03:04:05.6+02', '{\"a\": [1]}', ST_SetSRID(ST_MakePoint(i * 100, 0), 3857)
         FROM generate_series(1, 100) i",
    );
    for order in ["", "order_by = 'feature DESC, h, n DESC NULLS LAST, ok, d, tz'"] {
        let server = both(&database, "t", &format!("id = \"id\"\n{order}"));
        let [rows, postgis] = features(&server, "5/16/15");
        assert_eq!(rows.len(), 100);
        // Those without an id or order among themselves are in an order of each encoder's own.
        let told_apart = order.is_empty();
        for (a, b) in rows.iter().zip(&postgis).filter(|(a, _)| !told_apart || a.id.is_some()) {
            assert_eq!(a.id.is_some(), b.id.is_some(), "{order}");
            if told_apart {
                assert_eq!((a.id, &a.properties), (b.id, &b.properties));
            }
        }
        let all = |features: &[Feature]| {
            let mut all: Vec<_> =
                features.iter().map(|f| format!("{:?}{:?}", f.id, f.properties)).collect();
            all.sort();
            all
        };
        assert_eq!(all(&rows), all(&postgis), "{order}");
        let with_id = |features: &[Feature]| {
            features.iter().filter_map(|feature| feature.id).collect::<Vec<_>>()
        };
        assert_eq!(with_id(&rows), with_id(&postgis), "{order}");
        let text = Property::Text("12345678901234567.89".to_owned());
        assert!(postgis.iter().any(|feature| feature.properties.get("n") == Some(&text)));
        assert_eq!(server.get("/postgis/5/0/0").status, 204);
    }
}

#[test]
fn small_rows_and_those_out_of_budget_are_the_same_ones() {
    let database = Database::new();
    for (srid, settings) in [(3857, ""), (4326, ""), (3857, "max_features = 31")] {
        database.execute(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, geom geometry(Geometry, {srid}));
             INSERT INTO t SELECT i, ST_Transform(ST_MakeEnvelope(i * 1000, 6e6, i * 1000 + i * 11, 6e6 + i * 7, 3857), {srid})
               FROM generate_series(1, 100) i;
             INSERT INTO t SELECT -i + 1000, ST_Transform(ST_SetSRID(ST_MakePoint(i * 1000, 6e6), 3857), {srid})
               FROM generate_series(1, 10) i"
        ));
        let server = both(&database, "t", &format!("simplify = 0\n{settings}"));
        let [rows, postgis] = features(&server, "5/16/11");
        assert_eq!(ids(&rows), ids(&postgis), "{srid}, {settings}");
        // A unit is 305.7 m, and the row of that size has the number 28.
        let expected = if settings.is_empty() { 110 - 27 } else { 31 };
        assert_eq!(rows.len(), expected, "{srid}, {settings}");
    }
}

#[test]
fn rows_that_have_no_place_are_left_out_and_the_others_stay() {
    let database = Database::new();
    for (srid, x, bad) in [
        (3857, 1e6, "'Infinity', 0"),
        (4326, 9.0, "9, 'Infinity'"),
        (4326, 9.0, "'-Infinity', '-Infinity'"),
        (32632, 5e5, "1e30, 1e30"),
    ] {
        database.execute(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, geom geometry(Geometry, {srid}));
             INSERT INTO t VALUES (1, ST_SetSRID(ST_MakePoint({x}, 0), {srid})), (2, NULL),
               (3, ST_SetSRID(ST_MakePoint({bad}), {srid})), (4, ST_SetSRID(ST_MakeLine(
                 ST_MakePoint({bad}), ST_MakePoint({x}, 0)), {srid})),
               (5, ST_SetSRID('POINT EMPTY'::geometry, {srid}))"
        ));
        let server = both(&database, "t", "");
        let [rows, postgis] = features(&server, "0/0/0");
        assert_eq!((ids(&rows), ids(&postgis)), (vec![Some(1)], vec![Some(1)]), "{srid}, {bad}");
    }
}

#[test]
fn a_table_may_have_many_numeric_columns() {
    let database = Database::new();
    let columns: Vec<String> = (1..=60).map(|n| format!("n{n}")).collect();
    // Every third value is a number that no double is.
    let value = |n: usize| match n % 3 {
        0 => format!("12345678901234567.{n:02}"),
        _ => format!("{n}.5"),
    };
    let values: Vec<String> = (1..=60).map(value).collect();
    database.execute(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, {} numeric, geom geometry(Point, 3857));
         INSERT INTO t VALUES (1, {}, ST_SetSRID(ST_MakePoint(0, 0), 3857))",
        columns.join(" numeric, "),
        values.join(", "),
    ));
    let server = both(&database, "t", "");
    let [rows, postgis] = features(&server, "0/0/0");
    assert_eq!(rows[0].properties.len(), 60);
    assert_eq!(rows[0].properties, postgis[0].properties);
}
