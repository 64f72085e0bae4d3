//! Parameters that requests give.

use serde_json::json;

use crate::support::database::Database;
use crate::support::server::{ConfigFile, Server, run};
use crate::support::tile::Property;

/// One feature that shows a parameter of each type.
const ALL: &str = r#"
[layers.all]
srid = 3857
sql = """SELECT {text} AS text, {int} + 1 AS int, {float} AS float, {bool} AS bool, {date} AS date,
  {moment} AS moment, {kind} AS kind, {ints}::text AS ints, {texts}::text AS texts,
  {days}::text AS days, {params}::text AS params, pg_typeof({moment})::text AS type,
  ST_Centroid({tile_bbox}) AS geom"""
[layers.all.params]
text = { type = "text" }
int = { type = "int", default = 5, min = -10, max = 100 }
float = { type = "float" }
bool = { type = "bool", default = false }
date = { type = "date" }
moment = { type = "timestamp", default = 2026-01-01T00:00:00Z, max = "2030-01-01" }
kind = { type = "enum", values = ["a", "b"] }
ints = { type = "int[]" }
texts = { type = "text[]" }
days = { type = "date[]" }
"#;

#[test]
fn every_type_arrives_in_sql_as_what_it_is() {
    let database = Database::new();
    let server = Server::of(&database, ALL);
    let properties =
        |query: &str| server.tile(&format!("/all/0/0/0?{query}"))[0].features[0].properties.clone();
    let text = |text: &str| Property::Text(text.to_owned());
    let given = properties(
        "text=a%27b%22%3B--%C3%A4%E2%80%A8&int=-10&float=-1.5e2&bool=true&date=1969-12-31\
         &moment=2026-11-24T09:30:00.25%2B01:00&kind=b&ints=3,1&ints=2&texts=x,%22y&texts=\
         &days=0001-01-01,2026-02-28",
    );
    for (name, value) in [
        ("text", text("a'b\";--ä\u{2028}")),
        ("int", Property::Int(-9)),
        ("float", Property::Double(-150.0)),
        ("bool", Property::Bool(true)),
        ("date", text("1969-12-31")),
        ("moment", text("2026-11-24T08:30:00.25Z")),
        ("kind", text("b")),
        ("ints", text("{3,1,2}")),
        ("texts", text("{x,\"\\\"y\"}")),
        ("days", text("{0001-01-01,2026-02-28}")),
        ("type", text("timestamp with time zone")),
    ] {
        assert_eq!(given[name], value, "{name}");
    }
    let Property::Text(params) = &given["params"] else { panic!("{given:?}") };
    let params: serde_json::Value = serde_json::from_str(params).unwrap();
    assert_eq!(params["moment"], "2026-11-24T08:30:00.25Z");
    assert_eq!(params["ints"], json!([3, 1, 2]));
    let defaults = properties("");
    assert_eq!(defaults["int"], Property::Int(6));
    assert_eq!(defaults["moment"], text("2026-01-01T00:00:00Z"));
    for absent in ["text", "float", "date", "kind", "ints", "texts", "days"] {
        assert!(!defaults.contains_key(absent), "{absent} is NULL");
    }
}

#[test]
fn a_value_that_can_not_be_is_refused_with_what_was_expected() {
    let database = Database::new();
    let server = Server::of(&database, ALL);
    for (query, what) in [
        ("int=x", "parameter int: expected an integer, from -10 to 100, got \"x\""),
        ("int=101", "parameter int: expected an integer, from -10 to 100, got \"101\""),
        ("int=", "parameter int: expected an integer, from -10 to 100, got \"\""),
        ("int=1;DROP%20TABLE%20x", "got \"1;DROP TABLE x\""),
        ("int=1&int=2", "parameter int: expected an integer, from -10 to 100, got several"),
        ("float=NaN", "parameter float: expected a number, got \"NaN\""),
        ("bool=yes", "parameter bool: expected true or false, got \"yes\""),
        ("date=2026-02-30", "expected a date such as 2026-11-24, got \"2026-02-30\""),
        ("moment=2031-01-01", "at most 2030-01-01T00:00:00Z, got \"2031-01-01\""),
        ("kind=c", "parameter kind: expected one of \"a\", \"b\", got \"c\""),
        ("text=%00", "parameter text: expected a text of at most 1024 bytes, got \"\\0\""),
        (
            "ints=1,b",
            "parameter ints: expected at most 256 integers, separated by commas, got \"1,b\"",
        ),
        ("text=%FF", "not UTF-8"),
    ] {
        for path in ["all/0/0/0", "all"] {
            let answer = server.gzip(&format!("/{path}?{query}"));
            assert_eq!(answer.status, 400, "{query}: {}", answer.text());
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(what), "{query}: {detail}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

/// Years and kinds of three points.
const POINTS: &str = "CREATE TABLE points AS
  SELECT n AS id, 2020 + n AS year, CASE WHEN n = 1 THEN 'a' ELSE 'b' END AS kind,
    ST_Point(n * 10, 0, 4326)::geometry(Point, 4326) AS geom FROM generate_series(1, 3) n;
  CREATE INDEX ON points USING gist (geom); ANALYZE";

const BY_YEAR: &str = r#"
[layers.points]
id = "id"
sql = """SELECT * FROM points WHERE geom && {bbox} AND ({year} IS NULL OR year = {year})
  AND (kind = ANY ({kinds}) OR {kinds} IS NULL)"""
[layers.points.params]
year = { type = "int", default = 2021, description = "Year of the point" }
kinds = { type = "text[]" }
"#;

fn ids(server: &Server, path: &str) -> Vec<u64> {
    let layers = server.tile(path);
    layers.iter().flat_map(|layer| &layer.features).map(|feature| feature.id.unwrap()).collect()
}

#[test]
fn each_choice_is_a_tile_of_its_own_and_each_spelling_of_it_the_same() {
    let database = Database::new();
    database.execute(POINTS);
    let server = Server::of(&database, BY_YEAR);
    let hit = |query: &str| {
        let answer = server.gzip(&format!("/points/0/0/0?{query}"));
        answer.header("cache-status").unwrap().contains("hit")
    };
    assert_eq!(ids(&server, "/points/0/0/0"), [1]);
    for same in ["year=2021", "other=1", "year=%32021", "v=x&year=02021", "filter=year%3D5", ""] {
        assert!(hit(same), "{same}");
    }
    assert!(!hit("year=2022"));
    assert!(hit("year=2022&year2=5"));
    assert_eq!(ids(&server, "/points/0/0/0?year=2022"), [2]);
    assert_eq!(ids(&server, "/points/0/0/0?year=2022&kinds=a"), [] as [u64; 0]);
    assert_eq!(ids(&server, "/points/0/0/0?year=2022&kinds=a,b"), [2]);
    for same in [
        "kinds=a%2Cb&year=2022",
        "year=2022&kinds=a&kinds=b",
        "kinds=%5B%22a%22,%22b%22%5D&year=2022",
    ] {
        assert!(hit(same), "{same}");
    }
    assert!(!hit("year=2022&kinds=b,a"), "SQL could tell");
    // A purge of the layer covers them all.
    let purged = server.purge(r#"{"layer": "points"}"#).json();
    assert_eq!(purged["tiles"], 5, "{purged}");
    assert!(!hit("year=2022"));
}

#[test]
fn a_required_parameter_is_missed_by_tiles_but_not_by_tilejson() {
    let database = Database::new();
    database.execute(POINTS);
    let required = BY_YEAR.replace("default = 2021", "required = true");
    let server = Server::of(&database, &required);
    let answer = server.gzip("/points/0/0/0");
    assert_eq!(answer.status, 400);
    let detail = "parameter year: expected an integer, got none";
    assert_eq!(answer.json()["detail"], detail);
    assert_eq!(server.gzip("/points/0/0/0?year=2022").status, 200);
    assert_eq!(server.get("/points").json()["parameters"]["year"]["required"], true);
}

#[test]
fn tilejson_lists_parameters_and_repeats_those_that_are_given() {
    let database = Database::new();
    database.execute(POINTS);
    let layers = format!("{BY_YEAR}[tilesets.all]\nlayers = [\"points\"]\n");
    let server = Server::of(&database, &layers);
    let url = |path: &str| server.get(path).json()["tiles"][0].as_str().unwrap().to_owned();
    let plain = url("/points");
    assert!(!plain.contains("year"), "{plain}");
    let given = url("/all.json?kinds=%7Bz%7D,%26&year=02022&other=1");
    let (_, query) = given.split_once('?').unwrap();
    assert!(query.starts_with("v="), "{given}");
    let expected = "&kinds=%5B%22%7Bz%7D%22%2C%22%26%22%5D&year=2022";
    assert!(query.ends_with(expected), "{given}");
    // What it says of itself is understood.
    let path = given.strip_prefix("https://t.example").unwrap();
    let path = path.replace("/{z}/{x}/{y}", "/0/0/0");
    assert_eq!(server.gzip(&path).status, 204);
    assert_eq!(
        server.get("/points").json()["parameters"],
        json!({
            "kinds": {"type": "text[]", "required": false},
            "year": {"type": "int", "default": 2021, "required": false, "description": "Year of the point"},
        })
    );
}

#[test]
fn members_of_a_composite_each_read_what_they_declare() {
    let database = Database::new();
    database.execute(POINTS);
    let other = BY_YEAR.replace("layers.points", "layers.other").replace("2021", "2023");
    let plain = "[layers.plain]\ntable = \"points\"\nid = \"id\"\n";
    let server = Server::of(&database, &format!("{BY_YEAR}{other}{plain}"));
    let ids = |query: &str| -> Vec<(String, Vec<u64>)> {
        let layers = server.tile(&format!("/points,other,plain/0/0/0?{query}"));
        let of = |layer: &crate::support::tile::Layer| {
            (layer.name.clone(), layer.features.iter().map(|f| f.id.unwrap()).collect())
        };
        layers.iter().map(of).collect()
    };
    let expected = |other: u64, points: u64| {
        let layer = |name: &str, ids: &[u64]| (name.to_owned(), ids.to_vec());
        vec![layer("other", &[other]), layer("plain", &[1, 2, 3]), layer("points", &[points])]
    };
    assert_eq!(ids(""), expected(3, 1));
    assert_eq!(ids("year=2022"), expected(2, 2));
}

#[test]
fn values_that_clients_make_up_take_no_more_than_their_part_of_the_cache() {
    let database = Database::new();
    database.execute(POINTS);
    let server = Server::of(
        &database,
        "[cache]\nmemory = \"300KB\"\n\
         [layers.free]\nid = \"id\"\nsql = \"SELECT p.*, {q} AS q FROM points p WHERE geom && {bbox}\"\n\
         params.q = { type = \"text\" }\n\
         [layers.plain]\ntable = \"points\"\nid = \"id\"\n",
    );
    // The tiles of the first point.
    let column = |z: u32| (190 << z) / 360;
    let warm: Vec<String> =
        (1..8).map(|z| format!("/plain/{z}/{}/{}", column(z), 1 << (z - 1))).collect();
    warm.iter().for_each(|path| drop(server.gzip(path)));
    for n in 0..1500 {
        assert_eq!(server.gzip(&format!("/free/0/0/0?q={n}")).status, 200);
    }
    for path in &warm {
        let answer = server.gzip(path);
        assert!(answer.header("cache-status").unwrap().contains("hit"), "{path}");
    }
    assert!(server.metric("tesela_cache_evictions_total") > 100.0);
}

/// One connection, so that a statement of the one would be found for the other.
#[test]
fn equal_queries_with_other_parameters_do_not_disturb_each_other() {
    let database = Database::new();
    database.execute(POINTS);
    let layer = |name: &str, params: &str| {
        format!(
            "[layers.{name}]\nid = \"id\"\nlayer_name = \"same\"\n\
             sql = \"SELECT * FROM points WHERE geom && {{bbox}} AND year > {{q}}\"\n\
             [layers.{name}.params]\n{params}\n"
        )
    };
    let server = Server::configured(&format!(
        "[server]\nadmin_listen = \"127.0.0.1:0\"\n\
         [databases.main]\nurl = \"{}\"\npool_max = 1\n{}{}{}",
        database.url,
        layer("int", "q = { type = \"int\", default = 2021 }"),
        layer("float", "q = { type = \"float\", default = 2021.5 }"),
        layer("more", "q = { type = \"int\", default = 2022 }\nr = { type = \"date\" }"),
    ));
    assert_eq!(server.get("/catalog").json()["disabled"], json!({}));
    for _ in 0..2 {
        assert_eq!(ids(&server, "/int/0/0/0"), [2, 3]);
        assert_eq!(ids(&server, "/float/0/0/0"), [2, 3]);
        assert_eq!(ids(&server, "/more/0/0/0"), [3]);
        server.purge("{}");
    }
}

#[test]
fn tilejson_keeps_what_is_given_whatever_else_is_missing() {
    let database = Database::new();
    database.execute(POINTS);
    let layer = |name: &str, kind: &str| {
        format!(
            "[layers.{name}]\nid = \"id\"\nallow_filter = [\"kind\"]\n\
             sql = \"SELECT *, {{k}} AS k FROM points WHERE geom && {{bbox}}\"\n\
             [layers.{name}.params]\nk = {{ type = \"{kind}\", default = {} }}\n\
             need = {{ type = \"int\", required = true }}\n",
            if kind == "int" { "7" } else { "\"7\"" }
        )
    };
    let server = Server::of(&database, &(layer("a", "int") + &layer("b", "text")));
    let url = |path: &str| server.get(path).json()["tiles"][0].as_str().unwrap().to_owned();
    let filter = "filter=kind%20%3D%20%27a%27";
    let given = url(&format!("/a?k=8&{filter}"));
    assert!(given.ends_with(&format!("&k=8&{filter}")), "{given}");
    assert!(url("/a?k=007").ends_with("&k=7"), "a default that is given stays");
    assert!(url("/a,b?k=007").ends_with("&k=007"), "the members disagree on it");
    for wrong in ["/a?k=x", "/a?filter=x%20%3D"] {
        assert_eq!(server.gzip(wrong).status, 400, "{wrong}");
    }
    assert_eq!(server.gzip("/a/0/0/0?k=8").status, 400, "a tile needs it");
}

#[test]
fn mistakes_in_declarations_are_told_with_line_and_example() {
    for (params, what) in [
        (
            "year = { type = \"integer\" }",
            "layers.a.params.year.type: expected \"text\", \"int\", \"float\", \"bool\", \"date\", \
             \"timestamp\" or \"enum\", with [] behind it for a list, got \"integer\"\n    \
             example: type = \"int\"",
        ),
        ("year = { default = 5 }", "layers.a.params.year.type: missing, expected \"text\""),
        ("year = { type = \"int\", defualt = 5 }", "unknown key, did you mean `default`?"),
        (
            "year = { type = \"int\", default = \"x\" }",
            "year.default: expected an integer, got \"x\"",
        ),
        ("kind = { type = \"enum\" }", "kind.values: missing, expected a list of the values"),
        ("x = { type = \"int\" }", "layers.a.params.x: expected another name: bbox, tile_bbox,"),
        ("\"a b\" = { type = \"int\" }", "layers.a.params.\"a b\": expected a name of at most 63"),
        ("year = 5", "layers.a.params.year: expected a table, got 5"),
        ("year = [\"int\"]", "layers.a.params.year: expected a table, got [\"int\"]"),
    ] {
        let toml = format!(
            "[databases.main]\nurl = \"postgres://x@127.0.0.1:1/d\"\n[layers.a]\n\
             sql = \"SELECT {{bbox}}\"\n[layers.a.params]\n{params}\n"
        );
        let file = ConfigFile::new(&toml);
        let output = run(&["check", "--config", &file.path]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(what), "{params}: {text}");
        assert!(text.contains(".toml:6: "), "{params}: {text}");
    }
    let toml = "[databases.main]\nurl = \"postgres://x@127.0.0.1:1/d\"\n[layers.a]\ntable = \"a\"\n\
                params.year = { type = \"int\" }\n";
    let file = ConfigFile::new(toml);
    let output = run(&["check", "--config", &file.path]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("layers.a.params: expected parameters only with sql or function"),
        "{text}"
    );
}

#[test]
fn a_token_that_is_no_parameter_is_refused_with_those_that_are() {
    let database = Database::new();
    database.execute(POINTS);
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n{}",
        database.url,
        BY_YEAR.replace("= {year})", "= {yaer})")
    );
    let file = ConfigFile::new(&toml);
    let output = run(&["check", "--config", &file.path]);
    let text = String::from_utf8(output.stdout).unwrap();
    let what = "{yaer} is no token; there are {bbox}, {tile_bbox}, {zoom}, {x}, {y}, {pixel_width}, \
                {scale_denominator}, {params}, {kinds}, {year}";
    assert!(text.contains(what), "{text}");
}
