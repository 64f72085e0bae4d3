//! Layers made of a query.

use crate::support::database::Database;
use crate::support::eventually;
use crate::support::server::{ConfigFile, Response, Server, run};
use crate::support::tile::Property;

/// What the catalogue says of a layer with this SQL, and what `check` does.
fn refused(database: &Database, sql: &str, more: &str) -> (String, String) {
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.bad]\nsql = '''{sql}'''\n{more}\n",
        database.url
    );
    let file = ConfigFile::new(&toml);
    let check = run(&["check", "--config", &file.path]);
    assert_eq!(check.status.code(), Some(1), "{sql}");
    let server = Server::configured(&toml);
    assert_eq!(server.get("/bad/0/0/0").status, 503, "{sql}");
    let catalog = server.get("/catalog").json();
    let public = catalog["disabled"]["bad"]["reason"].as_str().unwrap().to_owned();
    (public, String::from_utf8(check.stdout).unwrap())
}

#[test]
fn a_query_gives_the_tiles_of_the_table_that_it_reads() {
    let database = Database::with_world();
    database.execute(
        "CREATE TABLE metres AS SELECT id, name, ST_Transform(geom, 3857) AS geom FROM cities;
         CREATE TABLE utm AS SELECT id, name, ST_Transform(geom, 32633) AS geom FROM cities
         WHERE ST_X(geom) BETWEEN 10 AND 20;
         CREATE INDEX ON metres USING gist (geom); CREATE INDEX ON utm USING gist (geom);
         ANALYZE",
    );
    let mut layers = String::new();
    for (table, srid) in [("countries", 4326), ("cities", 4326), ("metres", 3857), ("utm", 32633)] {
        for encoder in ["rows", "postgis"] {
            let same = format!(
                "srid = {srid}\nid = \"id\"\nproperties = [\"name\"]\nlayer_name = \"same\"\n\
                 encoder = \"{encoder}\"\nmax_features = 2000\n"
            );
            let same = if encoder == "rows" { same } else { same + "min_size = 0\n" };
            layers += &format!(
                "[layers.{table}_{encoder}]\ntable = \"{table}\"\n{same}\
                 [layers.{table}_{encoder}_sql]\n\
                 sql = \"SELECT * FROM {table} WHERE geom && {{bbox}} -- {{x}}\"\n{same}"
            );
        }
    }
    let server = Server::of(&database, &layers);
    assert_eq!(server.get("/catalog").json()["disabled"], serde_json::json!({}));
    for table in ["countries", "cities", "metres", "utm"] {
        for encoder in ["rows", "postgis"] {
            for tile in ["0/0/0", "3/4/2", "6/34/21", "6/33/22", "10/550/336", "7/127/64"] {
                let of_table = server.gzip(&format!("/{table}_{encoder}/{tile}"));
                let of_query = server.gzip(&format!("/{table}_{encoder}_sql/{tile}"));
                assert!(of_table.status < 300, "{table} {tile}: {}", of_table.text());
                assert_eq!(of_query.status, of_table.status, "{table} {encoder} {tile}");
                assert!(of_query.mvt() == of_table.mvt(), "{table} {encoder} {tile} differs");
                let truncated = |answer: &Response| {
                    Some(answer.header("tesela-truncated")?.replace("_sql;", ";"))
                };
                assert_eq!(truncated(&of_query), truncated(&of_table));
            }
        }
    }
}

#[test]
fn tokens_are_the_values_of_the_tile() {
    let database = Database::with_world();
    let sql = "SELECT ST_Centroid({tile_bbox}) AS geom, {zoom} AS z, {x} AS x, {y} AS y, \
               round({pixel_width}::numeric, 3) AS pixel_width, \
               round({scale_denominator}::numeric, 1) AS scale_denominator, \
               ST_XMin({bbox}) < ST_XMin({tile_bbox}) AS is_buffered, \
               '{zoom}' AS text, $q$ {x}$q$ AS dollars, 1 AS \"{y}\" /* {zoom} */";
    let server = Server::of(&database, &format!("[layers.a]\nsql = '''{sql}'''\nsrid = 3857\n"));
    let layers = server.tile("/a/3/5/2");
    let feature = &layers[0].features[0];
    let property = |name: &str| feature.properties[name].clone();
    assert_eq!([property("z"), property("x"), property("y")], [3, 5, 2].map(Property::Int));
    // 40,075,016.69 m / 8 tiles / 256 pixels, and that by 0.28 mm.
    assert_eq!(property("pixel_width"), Property::Double(19_567.879));
    assert_eq!(property("scale_denominator"), Property::Double(69_885_283.0));
    assert_eq!(property("is_buffered"), Property::Bool(true));
    assert_eq!(property("text"), Property::Text("{zoom}".into()));
    assert_eq!(property("dollars"), Property::Text(" {x}".into()));
    assert_eq!(property("{y}"), Property::Int(1));
    assert_eq!(feature.points[0], geo::Coord { x: 2048.0, y: 2048.0 });
}

#[test]
fn an_order_of_the_query_is_the_order_of_the_features() {
    let database = Database::with_world();
    let server = Server::of(
        &database,
        "[layers.down]\nsql = \"SELECT * FROM cities WHERE geom && {bbox} ORDER BY id DESC\"\n\
         id = \"id\"\nmax_features = 10\n\
         [layers.up]\nsql = \"SELECT * FROM cities WHERE geom && {bbox}\"\nid = \"id\"\n",
    );
    let ids = |layer: &str| -> Vec<u64> {
        let layers = server.tile(&format!("/{layer}/0/0/0"));
        layers[0].features.iter().map(|feature| feature.id.unwrap()).collect()
    };
    let (down, up) = (ids("down"), ids("up"));
    let last: Vec<u64> = up.iter().rev().take(10).copied().collect();
    assert_eq!(down, last, "the first ten in its order");
    let names = server.tile("/down/0/0/0")[0].features[0].properties.clone();
    assert!(!names.keys().any(|name| name.contains("tesela")), "{names:?}");
}

#[test]
fn queries_that_can_not_be_layers_are_refused_with_the_reason() {
    let database = Database::with_world();
    for (sql, more, what) in [
        ("SELECT * FROM cities", "", "it has no {bbox}"),
        ("SELECT * FROM cities WHERE geom && {box}", "", "{box} is no token"),
        ("SELECT id FROM cities WHERE geom && {bbox}", "", "it has no geometry column, only `id`"),
        ("SELECT * FROM cities WHERE geom && {bbox}; DELETE FROM cities", "", "second statement"),
        ("SELECT * FROM cities WHERE geom && {bbox}) q; DROP TABLE cities; --", "", "a ) without"),
        (
            "WITH gone AS (DELETE FROM cities RETURNING *) SELECT * FROM gone WHERE geom && {bbox}",
            "",
            "WITH clause containing a data-modifying statement",
        ),
        (
            "SELECT * FROM cities WHERE geom && {bbox} FOR UPDATE",
            "",
            "cannot execute SELECT FOR UPDATE in a read-only transaction",
        ),
        ("DELETE FROM cities WHERE geom && {bbox} RETURNING *", "", "syntax error"),
        (
            "SELECT geom AS a, geom AS a FROM cities WHERE geom && {bbox}",
            "",
            "two columns named `a`",
        ),
        ("SELECT geom AS a, geom AS b FROM cities WHERE geom && {bbox}", "", "set `geometry`"),
        ("SELECT * FROM nowhere WHERE geom && {bbox}", "srid = 4326", "\"nowhere\" does not exist"),
        (
            "SELECT ST_SetSRID(geom, 0) AS g FROM cities WHERE geom && {bbox}",
            "",
            "reference system of `bad` is unknown",
        ),
        ("SELECT * FROM cities WHERE geom && {bbox}", "srid = 3857", "does not match"),
        ("SELECT * FROM cities WHERE geom && {bbox}", "id = \"nmae\"", "nmae"),
    ] {
        let (public, detail) = refused(&database, sql, more);
        assert!(detail.contains(what), "{sql}\n{detail}");
        assert!(!public.contains("cities") && !public.contains("nowhere"), "{public}");
    }
    let left = database.client().query_one("SELECT count(*) FROM cities", &[]).unwrap();
    assert!(left.get::<_, i64>(0) > 1000, "nothing was executed");
}

#[test]
fn a_write_hidden_in_a_function_does_not_happen() {
    let database = Database::with_world();
    database.execute(
        "CREATE FUNCTION emptied() RETURNS int LANGUAGE sql VOLATILE AS
         $$ DELETE FROM cities; SELECT 1 $$",
    );
    let sql = "SELECT c.*, emptied() AS n FROM countries c WHERE geom && {bbox}";
    let server = Server::of(&database, &format!("[layers.a]\nsql = \"{sql}\"\n"));
    assert_eq!(server.gzip("/a/0/0/0").status, 500);
    let left = database.client().query_one("SELECT count(*) FROM cities", &[]).unwrap();
    assert!(left.get::<_, i64>(0) > 1000);
}

#[test]
fn a_table_and_a_query_at_once_or_neither_are_mistakes_in_the_file() {
    for (layer, what) in [
        ("table = \"a\"\nsql = \"SELECT {bbox}\"", "layers.a.sql: expected table or sql, not both"),
        ("srid = 3857", "layers.a.table: missing, expected table, sql, function or file"),
        ("sql = \" \"", "layers.a.sql: expected a string that isn't empty"),
    ] {
        let toml = format!(
            "[databases.main]\nurl = \"postgres://x@127.0.0.1:1/d\"\n[layers.a]\n{layer}\n"
        );
        let file = ConfigFile::new(&toml);
        let output = run(&["check", "--config", &file.path]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(what), "{layer}: {text}");
    }
}

#[test]
fn what_a_query_reads_may_change_under_it() {
    let database = Database::with_world();
    let server = Server::of(
        &database,
        "[cache]\nmemory = \"0\"\n\
         [layers.a]\nsql = \"SELECT id, name, geom FROM cities WHERE geom && {bbox}\"\nid = \"id\"\n",
    );
    assert_eq!(server.gzip("/a/0/0/0").status, 200);
    database.execute("ALTER TABLE cities ALTER COLUMN name TYPE varchar(200)");
    eventually("it is prepared anew", || server.gzip("/a/0/0/0").status == 200);
    database.execute("ALTER TABLE cities RENAME COLUMN name TO label");
    assert_eq!(server.gzip("/a/0/0/0").status, 500);
}

#[test]
fn a_query_may_give_geography() {
    let database = Database::with_world();
    database.execute(
        "CREATE TABLE globe AS SELECT id, name, geom::geography AS geom FROM cities;
         CREATE INDEX ON globe USING gist ((geom::geometry)); ANALYZE",
    );
    let sql = "SELECT id, geom FROM globe WHERE geom::geometry && {bbox}";
    let server = Server::of(
        &database,
        &format!(
            "[layers.a]\nsql = \"{sql}\"\nid = \"id\"\nlayer_name = \"x\"\n\
             [layers.b]\ntable = \"globe\"\nid = \"id\"\nproperties = []\nlayer_name = \"x\"\n"
        ),
    );
    for tile in ["0/0/0", "3/4/2", "6/33/22"] {
        let (query, table) = (format!("/a/{tile}"), format!("/b/{tile}"));
        assert!(server.gzip(&query).mvt() == server.gzip(&table).mvt(), "{tile}");
    }
}

#[test]
fn boxes_can_be_transformed_at_every_zoom() {
    let database = Database::with_world();
    database
        .execute("CREATE TABLE metres AS SELECT id, ST_Transform(geom, 3857) AS geom FROM cities");
    let server = Server::of(
        &database,
        "[layers.a]\nsrid = 4326\nid = \"id\"\nsql = \"SELECT id, ST_Transform(geom, 4326) AS geom \
         FROM metres WHERE geom && ST_Transform({bbox}, 3857)\"\n\
         [layers.b]\nsrid = 3857\nid = \"id\"\nsql = \"SELECT id, ST_Transform(geom, 3857) AS geom \
         FROM cities WHERE geom && ST_Transform({bbox}, 4326)\"\n\
         [layers.c]\nsrid = 32633\nid = \"id\"\nsql = \"SELECT id, ST_Transform(geom, 32633) AS geom \
         FROM cities WHERE ST_X(geom) BETWEEN 9 AND 21 AND ST_Intersects(ST_Transform(geom, 32633), {bbox})\"\n",
    );
    for layer in ["a", "b", "c"] {
        for tile in ["0/0/0", "1/1/0", "3/4/2", "6/34/21"] {
            let answer = server.gzip(&format!("/{layer}/{tile}"));
            assert_eq!(answer.status, 200, "{layer}/{tile}: {}", answer.text());
        }
    }
    assert_eq!(server.gzip("/a/3/3/7").status, 204, "at the pole");
}

#[test]
fn zooms_have_sources_of_their_own_under_one_layer_name() {
    let database = Database::with_world();
    let server = Server::of(
        &database,
        "[layers.places]\nid = \"id\"\n\
         [[layers.places.zooms]]\nzooms = [1, 2]\ntable = \"countries\"\nproperties = [\"name\"]\n\
         [[layers.places.zooms]]\nzooms = [4, 6]\nproperties = [\"id\"]\n\
         sql = \"SELECT id, geom FROM cities WHERE geom && {bbox} AND id % 2 = 0\"\n\
         [layers.plain]\ntable = \"countries\"\nid = \"id\"\nproperties = [\"name\"]\n\
         [tilesets.both]\nlayers = [\"places\", \"plain\"]\n",
    );
    let low = server.tile("/places/1/1/0");
    assert_eq!((low[0].name.as_str(), low.len()), ("places", 1));
    assert!(low[0].features.iter().all(|feature| !feature.polygons.is_empty()));
    assert!(low[0].features[0].properties.contains_key("name"));
    let high = server.tile("/places/4/8/5");
    assert_eq!(high[0].name, "places");
    assert!(high[0].features.iter().all(|f| f.points.len() == 1 && f.id.unwrap() % 2 == 0));
    // Between them it is empty, and before and after them there is none.
    assert_eq!(server.gzip("/places/3/4/2").status, 204);
    assert_eq!(server.gzip("/both/3/4/2").status, 200);
    for tile in ["0/0/0", "7/64/40"] {
        assert_eq!(server.gzip(&format!("/places/{tile}")).status, 404);
    }
    let json = server.get("/places").json();
    assert_eq!((&json["minzoom"], &json["maxzoom"]), (&1.into(), &6.into()));
    let fields = &json["vector_layers"][0]["fields"];
    assert_eq!((&fields["name"], &fields["id"]), (&"String".into(), &"Number".into()));
    // A purge of it covers all its sources.
    assert_eq!(server.purge(r#"{"layer": "places"}"#).json()["tiles"], 4);
}

#[test]
fn check_tells_of_zooms_without_a_source() {
    let database = Database::with_world();
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.a]\nid = \"id\"\n\
         [[layers.a.zooms]]\nzooms = [1, 2]\ntable = \"countries\"\n\
         [[layers.a.zooms]]\nzooms = [5, 6]\ntable = \"cities\"\n\
         [[layers.a.zooms]]\nzooms = [8, 9]\nsql = \"SELECT * FROM gone WHERE geom && {{bbox}}\"\n",
        database.url
    );
    let broken = ConfigFile::new(&toml);
    let output = run(&["check", "--config", &broken.path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a  DISABLED: its `sql` can't be used:"), "{text}");
    let file = ConfigFile::new(&toml.replace("gone", "cities"));
    let output = run(&["check", "--config", &file.path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let gaps = "warning: no table, sql or function at zoom 3, 4, 7: its tiles are empty there";
    assert!(text.contains(gaps), "{text}");
}
