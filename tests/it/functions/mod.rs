//! Layers made of functions.

mod trouble;

use serde_json::json;

use crate::support::database::Database;
use crate::support::server::{ConfigFile, GZIP, Server, run};
use crate::support::tile::Property;

/// The body of a function that makes tiles of the cities.
const TILE: &str = "SELECT ST_AsMVT(t, 'cities', 4096, 'geom', 'id') FROM (
  SELECT id, name, ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(z, x, y)) AS geom
  FROM cities WHERE geom && ST_Transform(ST_TileEnvelope(z, x, y), 4326) ORDER BY id) t";

/// That of one that gives them as rows.
const ROWS: &str = "SELECT * FROM cities
  WHERE geom && ST_Transform(ST_TileEnvelope(z, x, y, margin => 64.0 / 4096), 4326)";

/// A function with these arguments, result and query.
fn function(name: &str, arguments: &str, result: &str, query: &str) -> String {
    format!(
        "CREATE FUNCTION {name}({arguments}) RETURNS {result} LANGUAGE sql STABLE PARALLEL SAFE
         AS $f$ {query} $f$;"
    )
}

fn with_functions(functions: &[String]) -> Database {
    let database = Database::with_world();
    functions.iter().for_each(|function| database.execute(function));
    database
}

const ZXY: &str = "z int, x int, y int";

#[test]
fn functions_that_are_meant_as_tiles_are_found_and_others_are_not() {
    let database = with_functions(&[
        function("tiles", ZXY, "bytea", TILE),
        function("tiles8", "zoom smallint, x int, y bigint", "bytea", "SELECT ''::bytea"),
        function("tagged", ZXY, "TABLE(mvt bytea, key text)", &format!("SELECT ({TILE}), 'a'")),
        function("cities_of", ZXY, "SETOF cities", ROWS),
        function("columns", ZXY, "TABLE(id int, shape geometry)", "SELECT id, geom FROM cities"),
        function("add", "a int, b int, c int", "SETOF cities", "SELECT * FROM cities"),
        function("box_of", ZXY, "geometry", "SELECT ST_TileEnvelope(z, x, y)"),
        function("text_of", ZXY, "text", "SELECT 'x'"),
        function("four", "z int, x int, y int, n int", "bytea", "SELECT ''::bytea"),
        function("extra", "z int, x int, y int, n int DEFAULT 1", "bytea", "SELECT ''::bytea"),
        "CREATE SCHEMA other; COMMENT ON FUNCTION tiles IS 'Cities, by a function';".to_owned(),
        function("other.hidden", ZXY, "bytea", "SELECT ''::bytea"),
        function("secret", ZXY, "bytea", "SELECT ''::bytea"),
        "REVOKE EXECUTE ON FUNCTION secret FROM public".to_owned(),
    ]);
    let role = format!("{}_reader", database.name);
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let url = database.url_for(&role, "");
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{url}\"\npublish = {{ schemas = [\"public\"] }}\n"
    ));
    let catalog = server.get("/catalog").json();
    let tiles = catalog["tiles"].as_object().unwrap();
    let found: Vec<&str> = tiles.keys().map(String::as_str).collect();
    let functions = ["cities_of", "columns", "extra", "tagged", "tiles", "tiles8"];
    let found: Vec<&str> = found
        .into_iter()
        .filter(|id| !["cities", "countries", "countries_10m"].contains(id))
        .collect();
    assert_eq!(found, functions, "{catalog}");
    assert_eq!(tiles["tiles"]["description"], "Cities, by a function");
    assert_eq!(catalog["disabled"], json!({}));
    // The SRID comes from the function's type, or from its rows.
    assert_eq!(server.tile("/cities_of/0/0/0")[0].name, "cities_of");
    assert_eq!(server.tile("/columns/0/0/0")[0].name, "columns");
    assert_eq!(server.gzip("/public.tiles/0/0/0").status, 200, "the alias");
    drop(server);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_finished_tile_is_passed_on_in_gzip_or_not() {
    let gzip = "SELECT '\\x1f8b0800000000000003'::bytea";
    let database = with_functions(&[
        function("plain", ZXY, "bytea", TILE),
        function("empty", ZXY, "bytea", "SELECT NULL::bytea"),
        function("nothing", ZXY, "bytea", "SELECT ''::bytea WHERE false"),
        function("broken", ZXY, "bytea", "SELECT 'no tile'::bytea"),
        function("cut", ZXY, "bytea", gzip),
        // What comes of gzip is made once here, since PostgreSQL makes none.
        "CREATE TABLE kept (z int, x int, y int, tile bytea)".to_owned(),
        function(
            "zipped",
            ZXY,
            "bytea",
            "SELECT tile FROM kept k WHERE (k.z, k.x, k.y) = ($1, $2, $3)",
        ),
    ]);
    let layers: String = ["plain", "empty", "nothing", "broken", "cut", "zipped"]
        .map(|name| format!("[layers.{name}]\nfunction = \"{name}\"\n"))
        .concat();
    let server = Server::of(
        &database,
        &format!(
            "{layers}[layers.countries]\ntable = \"countries\"\n\
                  [tilesets.both]\nlayers = [\"plain\", \"countries\"]\n"
        ),
    );
    let plain = server.gzip("/plain/2/2/1");
    let layers = server.tile("/plain/2/2/1");
    assert_eq!((layers.len(), layers[0].name.as_str()), (1, "cities"));
    assert!(layers[0].features.len() > 10);
    // A composite holds the function's layers beside the others.
    let both = server.tile("/both/2/2/1");
    let names: Vec<&str> = both.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["cities", "countries"]);
    database.client().execute("INSERT INTO kept VALUES (2, 2, 1, $1)", &[&plain.body]).unwrap();
    let zipped = server.gzip("/zipped/2/2/1");
    assert!(zipped.mvt() == plain.mvt(), "the same tile");
    assert_eq!(zipped.header("etag"), plain.header("etag"));
    for empty in ["empty", "nothing", "zipped"] {
        assert_eq!(server.gzip(&format!("/{empty}/1/1/1")).status, 204, "{empty}");
    }
    for wrong in ["broken", "cut"] {
        assert_eq!(server.gzip(&format!("/{wrong}/0/0/0")).status, 500, "{wrong}");
    }
    crate::support::eventually("it is logged", || server.log().contains("gives no tile"));
}

#[test]
fn rows_of_a_function_make_the_same_tiles_as_the_table_that_it_reads() {
    let database = with_functions(&[
        function("of_tile", ZXY, "SETOF cities", ROWS),
        function(
            "columns",
            ZXY,
            "TABLE(id int, name text, g geometry)",
            &ROWS.replace("SELECT *", "SELECT id, name, geom"),
        ),
    ]);
    let same = "id = \"id\"\nproperties = [\"name\"]\nlayer_name = \"same\"\norder_by = \"id\"\n";
    let server = Server::of(
        &database,
        &format!(
            "[layers.a]\nfunction = \"of_tile\"\n{same}\
             [layers.b]\nfunction = \"public.columns\"\nsrid = 4326\n{same}\
             [layers.c]\nfunction = \"of_tile\"\nencoder = \"postgis\"\n{same}\
             [layers.whole]\ntable = \"cities\"\n{same}"
        ),
    );
    for tile in ["0/0/0", "3/4/2", "6/34/21", "10/550/336"] {
        let table = server.gzip(&format!("/whole/{tile}"));
        for function in ["a", "b"] {
            let rows = server.gzip(&format!("/{function}/{tile}"));
            assert!(rows.mvt() == table.mvt(), "{function} {tile}");
        }
        let ids = |layer: &str| -> Vec<Option<u64>> {
            let layers = server.tile(&format!("/{layer}/{tile}"));
            let features = layers.iter().flat_map(|layer| &layer.features);
            features.map(|feature| feature.id).collect()
        };
        assert_eq!(ids("c"), ids("whole"), "{tile}");
    }
}

#[test]
fn overloads_are_told_apart() {
    let answers =
        |text: &str| format!("SELECT id, '{text}'::text AS which, geom FROM cities LIMIT 1");
    let result = "TABLE(id int, which text, geom geometry(Point, 4326))";
    let database = with_functions(&[
        function("f", ZXY, result, &answers("plain")),
        function("f", "z int, x int, y int, params json", result, &answers("json")),
        function("f", "z bigint, x bigint, y bigint", result, &answers("bigint")),
    ]);
    let layer =
        |name: &str, text: &str| format!("[layers.{name}]\nsrid = 4326\nfunction = '{text}'\n");
    let layers = [
        layer("a", "f(integer, integer, integer)"),
        layer("b", "public.f(int, int4, INTEGER, json)"),
        layer("c", "\"public\".\"f\"(bigint,bigint,bigint)"),
        layer("d", "f"),
        layer("e", "g"),
        layer("h", "f(text)"),
    ];
    let toml = format!("[databases.main]\nurl = \"{}\"\n{}", database.url, layers.concat());
    let server = Server::configured(&toml);
    for (layer, which) in [("a", "plain"), ("b", "json"), ("c", "bigint")] {
        let tile = server.tile(&format!("/{layer}/0/0/0"));
        let expected = Property::Text(which.to_owned());
        assert_eq!(tile[0].features[0].properties["which"], expected, "{layer}");
    }
    assert_eq!(server.get("/d/0/0/0").status, 503);
    let file = ConfigFile::new(&toml);
    let check = String::from_utf8(run(&["check", "--config", &file.path]).stdout).unwrap();
    for what in [
        "d  DISABLED: `f` names several functions: write one of \
         `\"public\".\"f\"(integer, integer, integer, json)`",
        "e  DISABLED: there is no function `g`: did you mean `f`?",
        "h  DISABLED: there is no function `f(text)`: it has to take",
    ] {
        assert!(check.contains(what), "{what}\n{check}");
    }
    // Published ones get names of their own, which init writes down.
    let server = Server::publish(&database.url);
    for id in ["public.f.zxy_json", "public.f.zxy", "public.f.zxy_int8_int8_int8"] {
        assert!(server.get("/catalog").json()["tiles"][id].is_object(), "{id}");
    }
    let init = String::from_utf8(run(&["init", &database.url]).stdout).unwrap();
    assert!(
        init.contains("function = '\"public\".\"f\"(integer, integer, integer, json)'"),
        "{init}"
    );
}

#[test]
fn parameters_reach_a_function_as_json_even_a_strict_one() {
    let rows = "SELECT 1 AS id, params::text AS params, 'SRID=3857;POINT(0 0)'::geometry AS geom";
    let result = "TABLE(id int, params text, geom geometry)";
    let with = |kind: &str| format!("z int, x int, y int, params {kind}");
    let strict = |text: String| text.replace("STABLE", "STABLE STRICT");
    let mvt = "SELECT ST_AsMVT(t, 'f', 4096, 'geom') FROM (SELECT params->>'year' AS year,
               ST_AsMVTGeom(ST_Point(0, 0, 3857), ST_TileEnvelope(0, 0, 0)) AS geom) t";
    let database = with_functions(&[
        strict(function("of_json", &with("json"), result, rows)),
        strict(function("of_jsonb", &with("jsonb"), result, rows)),
        strict(function("tile_of", &with("json"), "bytea", mvt)),
        function("defaulted", &with("json DEFAULT '{}'"), "bytea", mvt),
    ]);
    let params = |layer: &str| {
        format!(
            "[layers.{layer}.params]\nyear = {{ type = \"int\" }}\nq = {{ type = \"text[]\" }}\n"
        )
    };
    let layer = |name: &str| format!("[layers.{name}]\nfunction = \"{name}\"\n{}", params(name));
    let rows = |name: &str| {
        format!("[layers.{name}]\nfunction = \"{name}\"\nsrid = 3857\n{}", params(name))
    };
    let layers = [rows("of_json"), rows("of_jsonb"), layer("tile_of"), layer("defaulted")];
    let server = Server::of(&database, &layers.concat());
    let property =
        |path: &str, name: &str| server.tile(path)[0].features[0].properties.get(name).cloned();
    let text = |text: &str| Some(Property::Text(text.to_owned()));
    for layer in ["of_json", "of_jsonb"] {
        let given = property(&format!("/{layer}/0/0/0?year=7&q=a%22,b&other=1"), "params");
        let Some(Property::Text(given)) = given else { panic!("{given:?}") };
        let given: serde_json::Value = serde_json::from_str(&given).unwrap();
        assert_eq!(given, json!({"year": 7, "q": ["a\"", "b"]}), "{layer}");
        assert_eq!(property(&format!("/{layer}/0/0/0"), "params"), text("{}"), "{layer}");
    }
    for layer in ["tile_of", "defaulted"] {
        assert_eq!(property(&format!("/{layer}/0/0/0?year=1999"), "year"), text("1999"));
        assert_eq!(property(&format!("/{layer}/0/0/0"), "year"), None);
    }
}

#[test]
fn a_second_column_of_text_is_the_entity_tag() {
    let database = with_functions(&[
        "CREATE TABLE state (tag text, n int); INSERT INTO state VALUES ('one', 1)".to_owned(),
        function(
            "tagged",
            ZXY,
            "TABLE(mvt bytea, hash text)",
            "SELECT ST_AsMVT(t, 'f', 4096, 'geom'), max(tag) FROM (SELECT n, tag,
             ST_AsMVTGeom(ST_Point(0, 0, 3857), ST_TileEnvelope(0, 0, 0)) AS geom FROM state) t",
        ),
    ]);
    let server =
        Server::of(&database, "[cache]\nmemory = \"0\"\n[layers.a]\nfunction = \"tagged\"\n");
    let etag = || server.gzip("/a/0/0/0").header("etag").unwrap().to_owned();
    let first = etag();
    database.execute("UPDATE state SET n = 2");
    assert_eq!(etag(), first, "the function says that it is the same");
    let same = server.request("GET", "/a/0/0/0", &[GZIP, ("if-none-match", &first)]);
    assert_eq!(same.status, 304);
    database.execute("UPDATE state SET tag = 'two'");
    assert_ne!(etag(), first);
}

#[test]
fn tags_stand_for_a_tile_only_where_each_row_has_one() {
    let database = with_functions(&[
        "CREATE TABLE parts (n int, tag text); INSERT INTO parts VALUES (1, 'a'), (2, 'bc')"
            .to_owned(),
        function(
            "tagged",
            ZXY,
            "TABLE(mvt bytea, hash text)",
            "SELECT ST_AsMVT(t, 'f' || n, 4096, 'geom'), max(tag) FROM (SELECT n, tag,
             ST_AsMVTGeom(ST_Point(n, 0, 3857), ST_TileEnvelope(0, 0, 0)) AS geom FROM parts) t
             GROUP BY n ORDER BY n",
        ),
    ]);
    let server =
        Server::of(&database, "[cache]\nmemory = \"0\"\n[layers.a]\nfunction = \"tagged\"\n");
    let etag = || server.gzip("/a/0/0/0").header("etag").unwrap().to_owned();
    let first = etag();
    database.execute("UPDATE parts SET tag = CASE n WHEN 1 THEN 'ab' ELSE 'c' END");
    let moved = etag();
    assert_ne!(moved, first);
    database.execute("UPDATE parts SET tag = NULL WHERE n = 2");
    let without = etag();
    assert_ne!(without, moved);
    database.execute("UPDATE parts SET n = 3 WHERE n = 2");
    assert_ne!(etag(), without, "the bytes decide");
}

#[test]
fn a_function_may_be_for_some_zooms_only() {
    let database = with_functions(&[
        function("f", ZXY, "bytea", TILE),
        function("g", ZXY, "SETOF cities", ROWS),
    ]);
    let server = Server::of(
        &database,
        "[layers.a]\ntable = \"countries\"\nlayer_name = \"cities\"\n\
         properties = [\"name\"]\ndetails = [\"name\"]\n\
         [[layers.a.zooms]]\nzooms = [1, 1]\nfunction = \"f\"\n\
         [[layers.a.zooms]]\nzooms = [2, 3]\nfunction = \"g\"\nid = \"id\"\n",
    );
    for (tile, is_of_points) in
        [("0/0/0", false), ("1/1/0", true), ("2/2/1", true), ("4/8/5", false)]
    {
        let layers = server.tile(&format!("/a/{tile}"));
        assert_eq!((layers.len(), layers[0].name.as_str()), (1, "cities"), "{tile}");
        assert_eq!(!layers[0].features[0].points.is_empty(), is_of_points, "{tile}");
    }
    let purged = server.purge(r#"{"layer": "a"}"#).json();
    assert_eq!(purged["tiles"], 4, "{purged}");
    // Details are those of the table.
    let row = database.client().query_one("SELECT min(id)::int8 FROM countries", &[]).unwrap();
    let id: i64 = row.get(0);
    assert_eq!(server.get(&format!("/a/features/{id}")).status, 200);
}
