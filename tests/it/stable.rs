//! The same data gives the same bytes and tags, whatever order the rows lie in.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::support::database::Database;
use crate::support::server::Server;

/// Rows with and without ids, many of them alike, in an order that `$BY` decides.
const TABLES: &str = "
    CREATE TABLE points (kind text, n int, geom geometry(Point, 4326));
    CREATE TABLE lines (id int PRIMARY KEY, kind text, rank numeric, geom geometry(LineString, 3857));
    CREATE TABLE areas (id int, kind text, geom geometry(Geometry, 3857));
    CREATE TABLE far (kind text, geom geometry(Point, 32633));
    INSERT INTO points SELECT 'k' || i % 5, i % 3, ST_SetSRID(ST_MakePoint(i % 40, i % 40), 4326)
      FROM generate_series(1, 700) i ORDER BY $BY;
    INSERT INTO lines SELECT i, 'k' || i % 5, nullif(i % 7, 3) / 2.0, ST_SetSRID(ST_MakeLine(
        ST_MakePoint(i % 20 * 1e5, 1e6), ST_MakePoint(i % 20 * 1e5 + i % 9 * 1e4, 2e6)), 3857)
      FROM generate_series(1, 700) i ORDER BY $BY;
    INSERT INTO areas SELECT i % 50 - 10, 'k' || i % 5, ST_MakeEnvelope(i % 30 * 1e5, 1e6,
        i % 30 * 1e5 + (1 + i % 9) * 1e4, 2e6, 3857)
      FROM generate_series(1, 700) i ORDER BY $BY;
    INSERT INTO far SELECT 'k' || i % 5, ST_SetSRID(ST_MakePoint(4e5 + i % 30 * 1e3,
        CASE WHEN i % 50 = 0 THEN 1e30 ELSE 5e6 + i % 11 END), 32633)
      FROM generate_series(1, 700) i ORDER BY $BY;
    CREATE INDEX points_geom ON points USING gist (geom);
    CREATE INDEX lines_geom ON lines USING gist (geom);
    CREATE INDEX areas_geom ON areas USING gist (geom);
    ANALYZE";

fn filled(by: &str) -> Database {
    let database = Database::new();
    database.execute(&TABLES.replace("$BY", by));
    database
}

/// A server with each table under every combination of settings, and the layers' names.
fn served(database: &Database) -> (Server, Vec<String>) {
    let mut toml = format!("[databases.main]\nurl = \"{}\"\n", database.url);
    let mut names = Vec::new();
    for encoder in ["rows", "postgis"] {
        for table in ["points", "lines", "areas", "far"] {
            for (order, order_by) in [("free", ""), ("ordered", "order_by = \"kind DESC\"")] {
                for (budget, limit) in [("whole", ""), ("limited", "max_features = 123")] {
                    let name = format!("{table}-{encoder}-{order}-{budget}");
                    let id = if table == "areas" { "id = \"id\"" } else { "" };
                    let _ = write!(
                        toml,
                        "[layers.{name}]\ntable = \"{table}\"\nencoder = \"{encoder}\"\n\
                         {id}\n{order_by}\n{limit}\n"
                    );
                    names.push(name);
                }
            }
        }
    }
    names.push(
        "lines-rows-free-whole,areas-postgis-ordered-limited,points-rows-free-limited".into(),
    );
    (Server::configured(&toml), names)
}

/// Bytes and tag of every layer's tiles.
fn tiles(database: &Database) -> BTreeMap<String, (Vec<u8>, String)> {
    let (server, names) = served(database);
    let mut tiles = BTreeMap::new();
    // The first tile's overflow changes how the second one is asked for.
    for tile in ["2/2/1", "2/1/1", "0/0/0"] {
        for name in &names {
            let path = format!("/{name}/{tile}");
            let answer = server.request("GET", &path, &[("accept-encoding", "gzip")]);
            if answer.status == 200 {
                let limited = name.contains("limited") && tile == "2/2/1";
                assert_eq!(
                    answer.header("tesela-truncated").is_some(),
                    limited || tile == "0/0/0" && name.contains("limited"),
                    "{path}"
                );
                tiles.insert(path, (answer.mvt(), answer.header("etag").unwrap().to_owned()));
            }
        }
    }
    assert!(tiles.len() >= 2 * names.len(), "{} tiles", tiles.len());
    tiles
}

#[track_caller]
fn assert_same(a: &BTreeMap<String, (Vec<u8>, String)>, b: &BTreeMap<String, (Vec<u8>, String)>) {
    assert!(a.keys().eq(b.keys()));
    let differ: Vec<_> = a.keys().filter(|path| a[*path] != b[*path]).collect();
    assert!(differ.is_empty(), "not the same bytes or tag: {differ:#?}");
}

#[test]
fn tiles_are_the_same_bytes_on_every_server_and_after_the_table_was_rewritten() {
    let database = filled("i");
    let first = tiles(&database);
    assert_same(&first, &tiles(&database));
    assert_same(&first, &tiles(&filled("-i")));
    assert_same(&first, &tiles(&filled("md5(i::text)")));
    // Rewritten rows lie in another order, and free space is used first.
    database.execute(
        "UPDATE points SET n = n WHERE n = 1; UPDATE lines SET kind = kind WHERE id % 3 = 0;
         UPDATE areas SET id = id WHERE id % 3 = 0; UPDATE far SET kind = kind WHERE kind = 'k2'",
    );
    database.execute("VACUUM FULL points");
    database.execute("CLUSTER lines USING lines_geom");
    database.execute("CLUSTER areas USING areas_geom");
    database.execute("VACUUM FULL ANALYZE far");
    assert_same(&first, &tiles(&database));
}
