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

/// Bytes and tags of some tiles of both tables of [`COASTS`].
fn coasts(server: &Server) -> Vec<(Vec<u8>, String)> {
    let layers = ["metres", "degrees", "limited"];
    let tiles = ["6/33/24", "9/266/197", "12/2133/1580", "14/8533/6321"];
    let paths = tiles.iter().flat_map(|tile| layers.map(|layer| format!("/{layer}/{tile}")));
    let tile = |path: String| {
        let answer = server.request("GET", &path, &[("accept-encoding", "gzip")]);
        assert_eq!(answer.status, 200, "{path}");
        (answer.mvt(), answer.header("etag").unwrap().to_owned())
    };
    paths.map(tile).collect()
}

/// Islands of 20,000 corners, stored in 320 kB, and small ones.
const COASTS: &str = "
    INSERT INTO metres
    SELECT k, ST_MakePolygon(ST_MakeLine(ST_SetSRID(ST_MakePoint(
        840000 + k * 3000 + r * cos(a), 4590000 + r * sin(a)), 3857) ORDER BY i))
    FROM generate_series(1, 4) k, LATERAL (SELECT i, a, CASE WHEN k % 2 = 0 THEN 3e5 ELSE 500 END
          * (1 + 0.1 * sin(50 * a) + 0.01 * sin(1700 * a)) AS r
        FROM (SELECT i, 2 * pi() * (i % n) / n AS a
          FROM (SELECT CASE WHEN k % 2 = 0 THEN 20000 ELSE 20 END AS n) corners,
            generate_series(0, n) i) angles) ring
    GROUP BY k;
    INSERT INTO degrees SELECT id, ST_Transform(geom, 4326) FROM metres";

#[test]
fn tiles_do_not_depend_on_what_the_server_saw_when_it_started() {
    let database = Database::new();
    for (table, srid) in [("metres", 3857), ("degrees", 4326)] {
        database.execute(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, geom geometry(Polygon, {srid}));
             ALTER TABLE {table} ALTER geom SET STORAGE EXTERNAL"
        ));
    }
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.metres]\ntable = \"metres\"\n\
         [layers.degrees]\ntable = \"degrees\"\n\
         [layers.limited]\ntable = \"degrees\"\nmax_features = 2\n",
        database.url,
    );
    let before = Server::configured(&toml);
    database.execute(COASTS);
    let after = Server::configured(&toml);
    assert!(coasts(&before) == coasts(&after), "not the same bytes or tags");
    // What the first server has learned holds for tiles that it has not been asked for.
    let other = ["/metres/13/4267/3160", "/degrees/13/4267/3160", "/limited/13/4267/3160"];
    for path in other {
        assert!(before.get(path).mvt() == after.get(path).mvt(), "{path}");
    }
}
