//! What a layer may leave out, and that nobody has to guess that it did.

use std::fmt::Write;

use crate::support::database::Database;
use crate::support::eventually;
use crate::support::server::{ConfigFile, GZIP, Response, Server, run};
use crate::support::tile::{Feature, decode};

/// The tile that all rows are in; a grid unit is 611.5 m.
const TILE: &str = "4/8/7";

/// Twenty squares in [`TILE`], of which five are equally large, and two hundred points with long
/// names. Neither the squares' sizes nor their ranks have the order of their ids.
const DATA: &str = "
    CREATE TABLE blocks (id integer PRIMARY KEY, rank integer, geom geometry(Polygon, 3857));
    INSERT INTO blocks
    SELECT id, nullif(id * 7 % 20, 5),
        ST_MakeEnvelope(id * 90000, 90000, id * 90000 + size, 90000 + size, 3857)
    FROM generate_series(1, 20) id,
        LATERAL (SELECT 4000 * CASE WHEN id % 5 = 3 THEN 9 ELSE 1 + id * 3 % 20 END) s(size);
    CREATE TABLE pois (id integer PRIMARY KEY, name text, geom geometry(Point, 3857));
    INSERT INTO pois
    SELECT id, repeat(md5(id::text), 3), ST_SetSRID(ST_MakePoint(id * 9000, 900000), 3857)
    FROM generate_series(1, 200) id;
    ANALYZE";

/// A server for [`DATA`] with two layers, each with settings of its own.
fn served(blocks: &str, pois: &str) -> (Database, Server) {
    let database = Database::new();
    database.execute(DATA);
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.blocks]\ntable = \"blocks\"\n{blocks}\n\
         [layers.pois]\ntable = \"pois\"\n{pois}\n",
        database.url,
    );
    let server = Server::configured(&toml);
    (database, server)
}

fn features(answer: &Response) -> Vec<Feature> {
    decode(&answer.mvt()).into_iter().flat_map(|layer| layer.features).collect()
}

fn ids(answer: &Response) -> Vec<u64> {
    features(answer).iter().map(|feature| feature.id.unwrap()).collect()
}

fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}

/// The ids of a query's rows in its order.
fn expected(database: &Database, sql: &str) -> Vec<u64> {
    let rows = database.client().query(sql, &[]).unwrap();
    rows.iter().map(|row| row.get::<_, i32>(0) as u64).collect()
}

fn truncated(answer: &Response) -> Option<&str> {
    answer.header("tesela-truncated")
}

fn count(server: &Server, layer: &str, reason: &str) -> f64 {
    let labels = format!("{{layer=\"{layer}\",reason=\"{reason}\"}}");
    server.metric(&format!("tesela_layer_truncated_total{labels}"))
}

#[test]
fn the_first_of_the_order_stay() {
    for encoder in ["rows", "postgis"] {
        for order in ["rank DESC NULLS LAST", "rank", "\"rank\" DESC", "rank ASC NULLS FIRST"] {
            let layer =
                format!("encoder = \"{encoder}\"\nmax_features = 5\norder_by = '{order}'\n");
            let (database, server) = served(&layer, "");
            let answer = server.request("GET", &format!("/blocks/{TILE}"), &[GZIP]);
            let sql = format!("SELECT id FROM blocks ORDER BY {order}, id LIMIT 5");
            assert_eq!(ids(&answer), expected(&database, &sql), "{encoder}, {order}");
            assert_eq!(truncated(&answer), Some("blocks;max_features"), "{encoder}, {order}");
        }
    }
}

#[test]
fn the_largest_stay_when_there_is_no_order_and_of_equals_the_first_ids() {
    for encoder in ["rows", "postgis"] {
        for limit in [3, 10, 13] {
            let layer = format!("encoder = \"{encoder}\"\nmax_features = {limit}\n");
            let (database, server) = served(&layer, "max_features = 7");
            let answer = server.request("GET", &format!("/blocks/{TILE}"), &[GZIP]);
            let sql = format!(
                "SELECT id FROM (SELECT * FROM blocks ORDER BY ST_Area(geom) DESC, id \
                 LIMIT {limit}) b ORDER BY id"
            );
            let expected = expected(&database, &sql);
            assert_eq!(sorted(ids(&answer)), expected, "{encoder}, {limit}");
            let points = server.request("GET", &format!("/pois/{TILE}"), &[GZIP]);
            assert_eq!(ids(&points), [1, 2, 3, 4, 5, 6, 7], "points are all equal");
        }
    }
}

#[test]
fn a_layer_within_its_budgets_is_whole_and_nothing_is_said() {
    let (_database, server) =
        served("max_features = 20\nmax_tile_bytes = \"1MB\"", "max_features = 200");
    for (path, rows) in [("blocks", 20), ("pois", 200), ("blocks,pois", 220)] {
        let answer = server.request("GET", &format!("/{path}/{TILE}"), &[GZIP]);
        assert_eq!((features(&answer).len(), truncated(&answer)), (rows, None), "{path}");
    }
    for layer in ["blocks", "pois"] {
        assert_eq!(count(&server, layer, "max_features"), 0.0);
        assert_eq!(count(&server, layer, "max_tile_bytes"), 0.0);
    }
    assert!(!server.log().contains("features are missing"), "{}", server.log());
}

#[test]
fn a_layer_takes_no_more_bytes_than_it_may_and_keeps_the_first_of_the_order() {
    for (order, sql) in [
        ("", "SELECT id FROM pois ORDER BY id"),
        ("order_by = \"name DESC\"", "SELECT id FROM pois ORDER BY name DESC"),
    ] {
        let (database, server) = served("", &format!("max_tile_bytes = \"4KB\"\n{order}"));
        let answer = server.request("GET", &format!("/pois/{TILE}"), &[GZIP]);
        let (bytes, ids) = (answer.mvt().len(), ids(&answer));
        assert!((2_000..=4_000).contains(&bytes), "{bytes} bytes, neither too many nor too few");
        assert_eq!(ids, expected(&database, sql)[..ids.len()], "{order}");
        assert_eq!(truncated(&answer), Some("pois;max_tile_bytes"));
        assert_eq!(count(&server, "pois", "max_tile_bytes"), 1.0);
    }
}

#[test]
fn every_answer_with_a_truncated_tile_says_so() {
    let (_database, server) = served("", "max_features = 3");
    let path = format!("/pois/{TILE}");
    let cold = server.request("GET", &path, &[GZIP]);
    let etag = cold.header("etag").unwrap();
    for (method, headers, status, origin) in [
        ("GET", vec![GZIP], 200, "tesela; hit"),
        ("GET", vec![], 200, "tesela; hit"),
        ("HEAD", vec![GZIP], 200, "tesela; hit"),
        ("GET", vec![GZIP, ("if-none-match", etag)], 304, "tesela; hit"),
    ] {
        let answer = server.request(method, &path, &headers);
        assert_eq!((answer.status, answer.header("cache-status")), (status, Some(origin)));
        assert_eq!(truncated(&answer), Some("pois;max_features"), "{method} {headers:?}");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.split(", ").any(|name| name == "Tesela-Truncated"), "{exposed}");
    }
    assert_eq!(truncated(&cold), Some("pois;max_features"));
    assert_eq!(count(&server, "pois", "max_features"), 1.0, "tiles made, not answers");
}

#[test]
fn a_tileset_says_which_of_its_layers_lack_something_and_why() {
    let (_database, server) =
        served("max_features = 4", "max_features = 100\nmax_tile_bytes = \"2KB\"");
    let all = "blocks;max_features, pois;max_features, pois;max_tile_bytes";
    for path in ["blocks,pois", "pois,blocks"] {
        let answer = server.request("GET", &format!("/{path}/{TILE}"), &[GZIP]);
        assert_eq!(truncated(&answer), Some(all));
    }
    let counts = [("blocks", "max_features"), ("pois", "max_features"), ("pois", "max_tile_bytes")];
    assert_eq!(counts.map(|(layer, reason)| count(&server, layer, reason)), [1.0; 3]);
    assert_eq!(count(&server, "blocks", "max_tile_bytes"), 0.0);
}

#[test]
fn names_of_any_script_are_ascii_in_the_header() {
    let (_database, server) = served("", "[layers.\"道路\"]\ntable = \"blocks\"\nmax_features = 1");
    let answer = server.request("GET", &format!("/道路/{TILE}"), &[GZIP]);
    assert_eq!(truncated(&answer), Some("%E9%81%93%E8%B7%AF;max_features"));
}

#[test]
fn the_log_says_once_for_each_zoom_what_is_missing_where_and_what_to_do() {
    let (_database, server) = served("max_features = 2", "");
    // The same rows in six tiles of two zooms.
    for path in ["0/0/0", TILE, "4/8/7.mvt", "3/4/3", "2/2/1", "1/1/0"] {
        server.get(&format!("/blocks/{path}"));
    }
    server.get(&format!("/blocks,pois/{TILE}"));
    let lines = || -> Vec<String> {
        let log = server.log();
        log.lines().filter(|l| l.contains("features are missing")).map(str::to_owned).collect()
    };
    eventually("five zooms are logged", || lines().len() == 5);
    let line = lines().into_iter().find(|line| line.contains("tile=4/8/7")).unwrap();
    for part in ["WARN", "layer=\"blocks\"", "max_features", "limit=2", "order_by", "min_zoom"] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
    assert_eq!(count(&server, "blocks", "max_features"), 6.0, "every tile is counted");
}

#[test]
fn a_range_of_zooms_has_budgets_of_its_own() {
    let (_database, server) = served(
        "max_features = 12\n[[layers.blocks.zooms]]\nzooms = [1, 2]\nmax_features = 2\n\
         [[layers.blocks.zooms]]\nzooms = [3, 3]\nmax_features = 20\n",
        "",
    );
    let at = |path: &str| {
        let answer = server.request("GET", &format!("/blocks/{path}"), &[GZIP]);
        (features(&answer).len(), truncated(&answer).is_some())
    };
    assert_eq!(
        ["0/0/0", "1/1/0", "2/2/1", "3/4/3", TILE].map(at),
        [(12, true), (2, true), (2, true), (20, false), (12, true)]
    );
}

/// A line of 200 corners, 6 grid units of zoom 4 up and down, and a square of 40.
fn detailed(settings: &str) -> (Database, Server) {
    let database = Database::new();
    let mut corners = String::new();
    for n in 0..200 {
        let _ = write!(corners, ",{} {}", 30_000 + n * 9_000, 90_000 + n % 2 * 3_669);
    }
    database.execute(&format!(
        "CREATE TABLE shapes (id integer PRIMARY KEY, geom geometry(Geometry, 3857));
         INSERT INTO shapes VALUES
             (1, 'SRID=3857;LINESTRING({})'),
             (2, ST_MakeEnvelope(900000, 900000, 924460, 924460, 3857))",
        &corners[1..],
    ));
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.shapes]\ntable = \"shapes\"\n\
         simplify = 10\nmin_size = 50\nmax_zoom = 4\n{settings}",
        database.url
    );
    let server = Server::configured(&toml);
    (database, server)
}

/// The line's corners and the number of squares in a tile.
fn details(server: &Server, tile: &str) -> (usize, usize) {
    let answer = server.request("GET", &format!("/shapes/{tile}"), &[GZIP]);
    let features = features(&answer);
    let corners = features.iter().flat_map(|f| &f.lines).map(|line| line.0.len()).sum();
    (corners, features.iter().map(|feature| feature.polygons.len()).sum())
}

#[test]
fn details_are_left_out_below_the_last_zoom_only_and_no_budget_is_named() {
    let (_database, server) = detailed("");
    assert_eq!(details(&server, TILE), (200, 1));
    let (corners, squares) = details(&server, "3/4/3");
    assert!((2..20).contains(&corners), "{corners} corners");
    assert_eq!(squares, 0);
    assert_eq!(truncated(&server.get("/shapes/3/4/3")), None);
}

#[test]
fn details_are_left_out_at_the_last_zoom_if_a_range_says_so() {
    let (_database, server) = detailed(
        "[[layers.shapes.zooms]]\nzooms = [4, 4]\nsimplify = 10\n\
         [[layers.shapes.zooms]]\nzooms = [3, 3]\nsimplify = 0\nmin_size = 0\n",
    );
    let (corners, squares) = details(&server, TILE);
    assert!((2..20).contains(&corners), "{corners} corners");
    assert_eq!(squares, 1, "the range says nothing of min_size");
    // One more where the line crosses the end of a neighbour's box.
    assert_eq!(details(&server, "3/4/3"), (201, 1));
}

#[test]
fn mistakes_in_ranges_and_budgets_name_their_lines() {
    let file = ConfigFile::new(
        "[databases.main]\nurl = \"postgres://h/d\"\n[layers.roads]\ntable = \"roads\"\n\
         max_zoom = 9\norder_by = \"length(geom)\"\n[[layers.roads.zooms]]\nzooms = [8, 12]\n\
         max_features = 0\n",
    );
    let output = run(&["check", "--config", &file.path]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    for (line, what) in [
        (6, "layers.roads.order_by: expected columns"),
        (8, "layers.roads.zooms[0].zooms: expected zooms from the layer's min_zoom"),
        (9, "layers.roads.zooms[0].max_features: expected an integer from 1"),
    ] {
        let expected = format!("{}:{line}: {what}", file.path);
        assert!(text.contains(&expected), "{expected} is missing in:\n{text}");
    }
}
