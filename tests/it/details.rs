//! What a layer tells of a feature by its id.

use serde_json::json;

use crate::support::database::Database;
use crate::support::server::{ConfigFile, Server, run};

const PLACES: &str = r#"CREATE TABLE places (
  id bigint PRIMARY KEY, name text, "Open?" bool, n numeric, f float8, day date, at timestamptz,
  tags text[], info jsonb, raw json, uid uuid, kind text, geom geometry(Point, 3857));
INSERT INTO places VALUES
  (1, 'a"b', true, 0.10, 'NaN', '2026-02-28', '2026-11-24 09:00+01', '{x,"y,z"}', '{"k": [1, null]}',
   '{"a":1}', '00000000-0000-0000-0000-000000000001', 'shop', 'SRID=3857;POINT(1113194.9079327357 0)'),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'secret', NULL),
  (9007199254740993, 'far', false, 1e30, 1.5, NULL, NULL, '{}', '5', 'null', NULL, 'shop',
   'SRID=3857;POINT EMPTY');
CREATE INDEX ON places USING gist (geom); ANALYZE"#;

const LAYER: &str = r#"
[layers.places]
table = "places"
properties = ["kind"]
details = ["name", "Open?", "n", "f", "day", "at", "tags", "info", "raw", "uid", "geom"]
"#;

#[test]
fn a_feature_is_geojson_with_the_declared_columns() {
    let database = Database::new();
    database.execute(PLACES);
    let server = Server::of(&database, LAYER);
    let answer = server.get("/places/features/1");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/geo+json"));
    assert_eq!(
        answer.json(),
        json!({
            "type": "Feature", "id": 1,
            "geometry": {"type": "Point", "coordinates": [10, 0]},
            "properties": {
                "name": "a\"b", "Open?": true, "n": 0.1, "f": null, "day": "2026-02-28",
                "at": "2026-11-24T08:00:00Z", "tags": ["x", "y,z"], "info": {"k": [1, null]},
                "raw": {"a": 1}, "uid": "00000000-0000-0000-0000-000000000001",
            },
        })
    );
    let empty = server.get("/places/features/2").json();
    assert_eq!(empty["geometry"], json!(null));
    assert!(empty["properties"].as_object().unwrap().values().all(serde_json::Value::is_null));
    let far = server.get("/places/features/9007199254740993");
    assert!(far.text().contains("\"id\":9007199254740993"), "{}", far.text());
    let head = server.request("HEAD", "/places/features/1", &[]);
    assert!(head.status == 200 && head.body.is_empty());
}

#[test]
fn what_is_not_there_is_404_and_what_is_no_id_400() {
    let database = Database::new();
    database.execute(PLACES);
    let server = Server::of(
        &database,
        &format!(
            "{LAYER}[layers.plain]\ntable = \"places\"\n[tilesets.set]\nlayers = [\"places\", \"plain\"]\n"
        ),
    );
    for (path, status) in [
        ("/places/features/3", 404),
        ("/places/features/9223372036854775807", 404),
        ("/places/features/9223372036854775808", 404),
        ("/places/features/99999999999999999999999", 404),
        ("/plain/features/1", 404),
        ("/set/features/1", 404),
        ("/places,plain/features/1", 404),
        ("/nowhere/features/1", 404),
        ("/places/features/1/2/3", 404),
        ("/places/features", 404),
        ("/places/features/", 400),
        ("/places/features/01", 400),
        ("/places/features/-1", 400),
        ("/places/features/1%20OR%201=1", 400),
        ("/places/features/1.0", 400),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    assert_eq!(server.request("POST", "/places/features/1", &[]).status, 405);
}

#[test]
fn caches_are_told_what_they_are_told_of_tiles() {
    let database = Database::new();
    database.execute(PLACES);
    let layer = format!("{LAYER}data_version = \"1\"\nmax_age = \"7s\"\ns_maxage = \"8s\"\n");
    let server = Server::of(&database, &layer);
    let answer = server.get("/places/features/1");
    let control = answer.header("cache-control").unwrap();
    assert!(control.starts_with("public, max-age=7, s-maxage=8,"), "{control}");
    for name in ["cdn-cache-control", "surrogate-control"] {
        assert!(answer.header(name).is_some(), "{name}");
    }
    assert_eq!(answer.header("surrogate-key"), Some("places"));
    assert_eq!(answer.header("cache-tag"), Some("places"));
    assert_eq!(answer.header("cache-status"), Some("tesela; fwd=uri-miss"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let etag = answer.header("etag").unwrap();
    let known = server.request("GET", "/places/features/1", &[("if-none-match", etag)]);
    assert!(known.status == 304 && known.body.is_empty());
    assert_eq!(known.header("cache-control"), Some(control));
    // A version in the address makes it immutable, as in tiles' addresses.
    let json = server.get("/places").json();
    let details = "https://t.example/places/features/{id}";
    assert_eq!(json["vector_layers"][0]["details"], details);
    let tiles = json["tiles"][0].as_str().unwrap();
    let (_, version) = tiles.split_once('?').unwrap();
    let pinned = server.get(&format!("/places/features/1?{version}"));
    assert_eq!(pinned.header("cache-control"), Some("public, max-age=31536000, immutable"));
    database.execute("UPDATE places SET name = 'other' WHERE id = 1");
    assert_ne!(server.get("/places/features/1").header("etag"), Some(etag));
}

#[test]
fn features_that_a_filter_hides_are_not_told_of() {
    let database = Database::new();
    database.execute(PLACES);
    let server = Server::of(&database, &format!("{LAYER}filter = \"kind <> 'secret'\"\n"));
    assert_eq!(server.get("/places/features/1").status, 200);
    assert_eq!(server.get("/places/features/2").status, 404);
}

#[test]
fn queries_have_details_too_with_their_parameters() {
    let database = Database::with_world();
    let server = Server::of(
        &database,
        r#"
[layers.a]
sql = "SELECT id, name, {word} AS word, {zoom} AS z, geom FROM cities WHERE geom && {bbox} ORDER BY id"
id = "id"
properties = []
details = ["name", "word", "z", "geom"]
max_zoom = 9
params.word = { type = "text", default = "none" }
[layers.b]
sql = """SELECT id, name, ST_Transform(geom, 32633) AS geom FROM cities
  WHERE ST_X(geom) BETWEEN 10 AND 20 AND ST_Transform(geom, 32633) && {bbox}"""
srid = 32633
id = "id"
details = ["name", "geom"]
[layers.c]
id = "id"
details = ["name"]
[[layers.c.zooms]]
zooms = [0, 3]
table = "countries"
[[layers.c.zooms]]
zooms = [4, 9]
table = "cities"
"#,
    );
    let row = "SELECT id::int8, name, ST_X(geom), ST_Y(geom) FROM cities \
               WHERE ST_X(geom) BETWEEN 11 AND 19 ORDER BY id LIMIT 1";
    let row = database.client().query_one(row, &[]).unwrap();
    let (id, name, lon, lat): (i64, String, f64, f64) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let feature = server.get(&format!("/a/features/{id}?word=it%27s")).json();
    assert_eq!(feature["properties"], json!({"name": name, "word": "it's", "z": 9}));
    for layer in ["a", "b"] {
        let feature = server.get(&format!("/{layer}/features/{id}")).json();
        let at = |i: usize| feature["geometry"]["coordinates"][i].as_f64().unwrap();
        assert!((at(0) - lon).abs() < 1e-6 && (at(1) - lat).abs() < 1e-6, "{layer}: {feature}");
    }
    // Of the deepest zooms.
    let feature = server.get(&format!("/c/features/{id}")).json();
    assert_eq!(feature["properties"], json!({"name": name}));
    let bad = server.get("/a/features/1?word=%00");
    assert_eq!(bad.status, 400);
}

/// What the deepest tiles show is what is told of.
#[test]
fn the_source_of_the_deepest_zoom_is_asked() {
    let database = Database::new();
    database.execute(
        "CREATE TABLE a (id int PRIMARY KEY, name text, geom geometry(Point, 3857));
         CREATE TABLE b (LIKE a INCLUDING ALL);
         INSERT INTO a VALUES (1, 'of a', 'SRID=3857;POINT(1 1)');
         INSERT INTO b VALUES (1, 'of b', 'SRID=3857;POINT(1 1)')",
    );
    let server = Server::of(
        &database,
        "[layers.l]\ntable = \"a\"\nmax_zoom = 14\ndetails = [\"name\"]\n\
         [[layers.l.zooms]]\nzooms = [10, 14]\ntable = \"b\"\n\
         [layers.tiles]\nsql = \"SELECT * FROM b WHERE geom && {tile_bbox}\"\nid = \"id\"\n\
         details = [\"name\"]\n",
    );
    for layer in ["l", "tiles"] {
        let name = server.get(&format!("/{layer}/features/1")).json()["properties"]["name"].clone();
        assert_eq!(name, "of b", "{layer}");
    }
}

#[test]
fn another_answer_has_another_version() {
    let database = Database::new();
    database.execute(PLACES);
    let version = |more: &str| {
        let layer = format!("[layers.p]\ntable = \"places\"\ndata_version = \"1\"\n{more}");
        let json = Server::of(&database, &layer).get("/p").json();
        json["tiles"][0].as_str().unwrap().to_owned()
    };
    let all = [
        version(""),
        version("details = [\"name\"]\n"),
        version("details = [\"kind\"]\n"),
        version("allow_filter = [\"name\"]\n"),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    assert_eq!(version("details = [\"name\"]\n"), all[1]);
}

#[test]
fn a_geometry_that_can_not_be_told_is_null_and_the_rest_is_told() {
    let database = Database::new();
    database.execute(
        "CREATE TABLE odd (id int PRIMARY KEY, name text, geom geometry(Geometry, 32633));
         INSERT INTO odd VALUES
         (1, 'far', ST_SetSRID(ST_Point(1e30, 1e30), 32633)),
         (2, 'tin', ST_SetSRID('TIN(((0 0,0 1,1 0,0 0)))'::geometry, 32633)),
         (3, 'large', ST_SetSRID((SELECT ST_MakeLine(ST_Point(500000 + n * random(), n))
           FROM generate_series(1, 100000) n), 32633)),
         (4, 'plain', ST_SetSRID(ST_Point(500000, 0), 32633))",
    );
    let server =
        Server::of(&database, "[layers.odd]\ntable = \"odd\"\ndetails = [\"name\", \"geom\"]\n");
    for (id, name) in [(1, "far"), (2, "tin"), (3, "large"), (4, "plain")] {
        let feature = server.get(&format!("/odd/features/{id}")).json();
        assert_eq!(feature["properties"]["name"], name);
        let is_null = matches!(name, "far" | "large");
        assert_eq!(feature["geometry"].is_null(), is_null, "{name}: {}", feature["geometry"]);
    }
}

/// Two layers of one table and of one name in tiles, of which one tells less.
#[test]
fn what_one_layer_keeps_to_itself_another_does_not_tell() {
    let database = Database::new();
    database.execute(PLACES);
    let slow = "sql = \"SELECT p.*, pg_sleep(0.05) FROM places p WHERE geom && {bbox}\"\nid = \"id\"\n\
                srid = 3857\nlayer_name = \"same\"\nproperties = []\n";
    let server = Server::of(
        &database,
        &format!(
            "[layers.open]\n{slow}details = [\"name\"]\n[layers.inner]\n{slow}details = [\"kind\"]\n"
        ),
    );
    std::thread::scope(|scope| {
        for n in 0..24 {
            let (layer, key) = if n % 2 == 0 { ("open", "name") } else { ("inner", "kind") };
            let server = &server;
            scope.spawn(move || {
                let feature = server.get(&format!("/{layer}/features/1")).json();
                let keys: Vec<&String> =
                    feature["properties"].as_object().unwrap().keys().collect();
                assert_eq!(keys, [key], "{layer}");
            });
        }
    });
}

#[test]
fn who_asks_for_a_feature_at_the_same_time_shares_its_reading() {
    let database = Database::new();
    database.execute(PLACES);
    let server = Server::of(
        &database,
        "[layers.slow]\nid = \"id\"\nsrid = 3857\ndetails = [\"name\"]\n\
         sql = \"SELECT p.*, pg_sleep(0.5) FROM places p WHERE geom && {bbox}\"\n",
    );
    let ask = || assert_eq!(server.get("/slow/features/1").status, 200);
    let started = std::time::Instant::now();
    std::thread::scope(|scope| {
        (0..20).for_each(|_| drop(scope.spawn(ask)));
    });
    println!("twenty at once: {:?}", started.elapsed());
    let calls = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.5)%' \
                 AND pid <> pg_backend_pid()";
    let connections: i64 = database.client().query_one(calls, &[]).unwrap().get(0);
    // Another might have begun once the first was over.
    assert!(connections <= 2, "{connections} connections have read it");
    assert!(server.metric("tesela_feature_request_seconds_count{outcome=\"miss\"}") >= 20.0);
}

#[test]
fn details_that_can_not_be_are_refused() {
    let database = Database::new();
    database
        .execute(&format!("{PLACES}; CREATE TABLE bare (name text, geom geometry(Point, 3857))"));
    for (layer, what) in [
        ("table = \"places\"\ndetails = [\"nmae\"]", "no column `nmae`: did you mean `name`?"),
        ("table = \"bare\"\ndetails = [\"name\"]", "`details` need an id to look `bare` up by"),
    ] {
        let toml = format!("[databases.main]\nurl = \"{}\"\n[layers.a]\n{layer}\n", database.url);
        let file = ConfigFile::new(&toml);
        let output = run(&["check", "--config", &file.path]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(what), "{layer}: {text}");
    }
}

#[test]
fn check_warns_of_details_that_no_key_finds() {
    let database = Database::new();
    database.execute(&format!("{PLACES}; ALTER TABLE places ADD COLUMN other int"));
    let warned = |id: &str| {
        let toml = format!(
            "[databases.main]\nurl = \"{}\"\n[layers.a]\ntable = \"places\"\nid = \"{id}\"\n\
             details = [\"name\"]\n",
            database.url
        );
        let file = ConfigFile::new(&toml);
        let output = run(&["check", "--config", &file.path]);
        String::from_utf8(output.stdout).unwrap().contains("details are looked up by other")
    };
    assert!(warned("other") && !warned("id"));
}

#[test]
fn a_database_that_is_down_is_503_for_features_too() {
    let database = Database::new();
    database.execute(PLACES);
    let server = Server::of(&database, LAYER);
    let mut admin = database.admin();
    let name = &database.name;
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).unwrap();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    admin.execute(kill, &[name]).unwrap();
    let answer = server.get("/places/features/1");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some() && !answer.text().contains(name.as_str()));
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).unwrap();
    crate::support::eventually("it is told again", || {
        server.get("/places/features/1").status == 200
    });
}
