//! Filters of the settings and of requests.

use serde_json::json;

use crate::support::database::Database;
use crate::support::encoded;
use crate::support::server::{ConfigFile, Server, run};

fn filtered(layer: &str, filter: &str) -> String {
    format!("/{layer}/0/0/0?filter={}", encoded(filter))
}

fn ids(server: &Server, path: &str) -> Vec<u64> {
    let layers = server.tile(path);
    let features = layers.iter().flat_map(|layer| &layer.features);
    let mut ids: Vec<u64> = features.map(|feature| feature.id.unwrap()).collect();
    ids.sort_unstable();
    ids
}

const HOUSES: &str =
    "CREATE TABLE houses (id int PRIMARY KEY, kind text, height float8, built date,
    open bool, owner text, geom geometry(Polygon, 3857));
  INSERT INTO houses SELECT n, CASE n % 3 WHEN 0 THEN 'shop' WHEN 1 THEN 'house' END, n * 1.5,
    date '2000-01-01' + n, n % 2 = 0, 'owner ' || n,
    ST_MakeEnvelope(n * 100000, 0, n * 100000 + 90000, 90000, 3857) FROM generate_series(1, 12) n;
  CREATE INDEX ON houses USING gist (geom); ANALYZE";

#[test]
fn a_layers_own_filter_is_part_of_it_in_text_and_json_with_either_encoder() {
    let database = Database::new();
    database.execute(HOUSES);
    let json = r#"{"op": "and", "args": [{"op": "=", "args": [{"property": "kind"}, "shop"]},
        {"op": ">", "args": [{"property": "height"}, 5]}]}"#;
    let mut layers = String::new();
    for encoder in ["rows", "postgis"] {
        for (name, source) in [
            ("table", "table = \"houses\""),
            ("sql", "sql = \"SELECT * FROM houses WHERE geom && {bbox}\"\nid = \"id\""),
        ] {
            for (language, filter) in [("text", "kind = 'shop' AND height > 5"), ("json", json)] {
                layers += &format!(
                    "[layers.{name}_{language}_{encoder}]\n{source}\nencoder = \"{encoder}\"\n\
                     filter = '''{filter}'''\nmax_features = 100\n"
                );
            }
        }
    }
    let server = Server::of(&database, &layers);
    assert_eq!(server.get("/catalog").json()["disabled"], json!({}));
    for encoder in ["rows", "postgis"] {
        for name in ["table", "sql"] {
            for language in ["text", "json"] {
                let path = format!("/{name}_{language}_{encoder}/0/0/0");
                assert_eq!(ids(&server, &path), [6, 9, 12], "{path}");
            }
        }
    }
    // Without allow_filter, requests have no say.
    let asked = server.gzip(&filtered("table_text_rows", "kind = 'house'"));
    assert!(asked.header("cache-status").unwrap().contains("hit"));
}

#[test]
fn a_request_filters_by_what_is_allowed_on_top_of_the_layers_own_filter() {
    let database = Database::new();
    database.execute(HOUSES);
    let allowed = "allow_filter = [\"kind\", \"height\", \"built\", \"open\"]\n";
    let server = Server::of(
        &database,
        &format!(
            "[layers.a]\ntable = \"houses\"\nfilter = \"height < 15\"\n{allowed}\
             [layers.b]\ntable = \"houses\"\nencoder = \"postgis\"\nfilter = \"height < 15\"\n{allowed}\
             [layers.c]\nsql = \"SELECT * FROM houses WHERE geom && {{bbox}} AND id > {{least}}\"\n\
             id = \"id\"\nfilter = \"height < 15\"\n{allowed}params.least = {{ type = \"int\", default = 0 }}\n"
        ),
    );
    for layer in ["a", "b", "c"] {
        for (filter, expected) in [
            ("kind = 'shop'", &[3, 6, 9][..]),
            ("kind IS NULL", &[2, 5, 8]),
            ("kind IN ('shop', 'house') AND NOT height > 6", &[1, 3, 4]),
            ("height BETWEEN 4.5 AND 7.5 OR built = DATE('2000-01-02')", &[1, 3, 4, 5]),
            ("open = TRUE AND kind LIKE 'h%'", &[4]),
            ("built >= '2000-01-08'", &[7, 8, 9]),
            ("TRUE", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ] {
            assert_eq!(ids(&server, &filtered(layer, filter)), expected, "{layer}: {filter}");
        }
        let json = r#"{"op": "=", "args": [{"property": "kind"}, "shop"]}"#;
        let path = format!("{}&filter-lang=cql2-json", filtered(layer, json));
        assert_eq!(ids(&server, &path), [3, 6, 9], "{layer}");
        assert_eq!(ids(&server, &format!("/{layer}/0/0/0")).len(), 9);
    }
    let both = format!("{}&least=4", filtered("c", "kind = 'shop'"));
    assert_eq!(ids(&server, &both), [6, 9]);
}

#[test]
fn filters_of_requests_leave_no_prepared_statements_behind() {
    let database = Database::new();
    database.execute(HOUSES);
    let server = Server::configured(&format!(
        "[cache]\nmemory = \"0\"\n[databases.main]\nurl = \"{}\"\npool_max = 1\n\
         [layers.a]\ntable = \"houses\"\nallow_filter = [\"kind\", \"height\"]\n\
         [layers.count]\nid = \"n\"\nsrid = 3857\nsql = \"SELECT count(*) AS n, {{tile_bbox}} AS geom \
         FROM pg_prepared_statements WHERE statement LIKE '%houses%'\"\n",
        database.url
    ));
    server.gzip("/a/0/0/0");
    let before = ids(&server, "/count/0/0/0");
    for n in 1..25 {
        let filter = vec!["height > 1"; n].join(" OR ");
        assert_eq!(server.gzip(&filtered("a", &filter)).status, 200, "{filter}");
    }
    assert_eq!(ids(&server, "/count/0/0/0"), before, "what clients think up isn't kept");
}

#[test]
fn a_filter_that_can_not_be_is_400_and_says_why() {
    let database = Database::new();
    database.execute(HOUSES);
    let server = Server::of(
        &database,
        "[layers.a]\ntable = \"houses\"\nallow_filter = [\"kind\", \"height\"]\n\
         [layers.b]\ntable = \"houses\"\n",
    );
    let deep = format!("{}kind = 'a'{}", "(".repeat(500), ")".repeat(500));
    let nodes = vec!["kind = 'a'"; 60].join(" OR ");
    let long = format!("kind = '{}'", "x".repeat(5000));
    for (filter, what) in [
        (
            "owner = 'x'",
            "the filter names `owner`, which can't be filtered by; in a there are `kind`, `height`",
        ),
        ("Kind = 'x'", "the filter names `Kind`"),
        ("geom = 'x'", "the filter names `geom`"),
        ("kind = ", "the filter can't be read"),
        ("kind = 'x'; DROP TABLE houses", "the filter can't be read"),
        ("height = 'x'", "the filter can't be used"),
        ("kind = 5", "the filter can't be used"),
        ("pg_sleep(5) = 1", "the filter can't be used"),
        ("height * 2 > 1", "the filter can't be used"),
        ("S_INTERSECTS(geom, POINT(0 0))", "the filter can't be used"),
        ("kind = NULL", "kind IS NULL"),
        ("kind", "the filter can't be used"),
        ("kind LIKE 'x\\'", "the filter can't be used"),
        ("kind = 'a\0'", "the filter can't be"),
        (&deep, "the filter"),
        (&nodes, "the filter is too large"),
        (&long, "the filter is too large"),
    ] {
        let answer = server.gzip(&filtered("a", filter));
        assert_eq!(answer.status, 400, "{filter:.100}: {}", answer.text());
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(what) && detail.len() < 400, "{filter:.100}: {detail}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let language = server.gzip(&format!("{}&filter-lang=sql", filtered("a", "kind = 'a'")));
    assert!(language.status == 400 && language.text().contains("cql2-text or cql2-json"));
    // Who allows no filter has no such parameter, right or wrong.
    assert_eq!(server.gzip(&filtered("b", "nonsense =")).status, 200);
    assert_eq!(server.gzip(&filtered("a,b", "owner = 'x'")).status, 400);
}

#[test]
fn spellings_of_one_filter_are_one_tile_and_take_a_part_of_the_cache_only() {
    let database = Database::new();
    database.execute(HOUSES);
    let server = Server::of(
        &database,
        "[layers.a]\ntable = \"houses\"\nallow_filter = [\"kind\", \"height\"]\n\
         [layers.plain]\ntable = \"houses\"\n[cache]\nmemory = \"300KB\"\n",
    );
    let hit = |path: &str| server.gzip(path).header("cache-status").unwrap().contains("hit");
    assert!(!hit(&filtered("a", "kind = 'shop' AND height > 5")));
    for same in ["height > 5.0 and kind='shop'", "(5 < height) AND 'shop' = \"kind\""] {
        assert!(hit(&filtered("a", same)), "{same}");
    }
    let json = r#"{"op":"and","args":[{"op":"=","args":[{"property":"kind"},"shop"]},{"op":">","args":[{"property":"height"},5]}]}"#;
    assert!(hit(&format!("{}&filter-lang=cql2-json", filtered("a", json))));
    assert!(!hit(&filtered("a", "kind = 'shop' AND height > 6")));
    assert!(!hit("/plain/0/0/0"));
    for n in 0..1000 {
        server.gzip(&filtered("a", &format!("height > -{n}.5")));
    }
    assert!(hit("/plain/0/0/0"), "an ordinary tile isn't driven out");
}

#[test]
fn a_composite_applies_a_filter_to_those_who_allow_it() {
    let database = Database::new();
    database.execute(HOUSES);
    let server = Server::of(
        &database,
        "[layers.a]\ntable = \"houses\"\nallow_filter = [\"kind\"]\n[layers.b]\ntable = \"houses\"\n",
    );
    let layers = server.tile(&filtered("a,b", "kind = 'shop'"));
    let counts: Vec<usize> = layers.iter().map(|layer| layer.features.len()).collect();
    assert_eq!(counts, [4, 12]);
}

#[test]
fn tilejson_tells_what_can_be_filtered_by_and_repeats_a_filter() {
    let database = Database::new();
    database.execute(HOUSES);
    let server = Server::of(
        &database,
        "[layers.a]\ntable = \"houses\"\nallow_filter = [\"kind\", \"height\", \"open\", \"built\"]\n",
    );
    let path = format!("/a.json?filter={}", encoded("kind = 'shop'"));
    let json = server.get(&path).json();
    let kinds =
        json!({"a": {"kind": "string", "height": "number", "open": "boolean", "built": "time"}});
    assert_eq!(json["filterable"], kinds);
    let url = json["tiles"][0].as_str().unwrap().replace("/{z}/{x}/{y}", "/0/0/0");
    let url = url.strip_prefix("https://t.example").unwrap();
    assert_eq!(ids(&server, url), [3, 6, 9, 12]);
    assert_eq!(server.gzip("/a.json?filter=x%20%3D").status, 400);
}

#[test]
fn zooms_have_filters_of_their_own_and_budgets_count_what_is_left() {
    let database = Database::new();
    database.execute(HOUSES);
    let server = Server::of(
        &database,
        "[layers.a]\ntable = \"houses\"\nfilter = \"kind = 'shop'\"\nmax_features = 3\nmin_size = 0\n\
         order_by = \"height DESC\"\nallow_filter = [\"height\"]\n\
         [[layers.a.zooms]]\nzooms = [0, 0]\nfilter = \"kind = 'house'\"\n",
    );
    assert_eq!(ids(&server, "/a/0/0/0"), [4, 7, 10]);
    assert_eq!(ids(&server, "/a/1/1/0"), [6, 9, 12]);
    let few = server.gzip("/a/1/1/0?filter=height%20%3C%2012");
    assert_eq!(few.header("tesela-truncated"), None, "there are two");
    assert_eq!(server.gzip("/a/1/1/0").header("tesela-truncated"), Some("a;max_features"));
    assert_eq!(ids(&server, "/a/0/0/0?filter=height%20%3C%2012"), [1, 4, 7]);
}

#[test]
fn mistakes_in_the_settings_are_told() {
    let database = Database::new();
    database.execute(HOUSES);
    for (layer, what) in [
        ("filter = \"kind = \"", "layers.a.filter: expected a filter in CQL2"),
        ("filter = \"nmae = 'x'\"", "no column `nmae`"),
        ("filter = \"Kind = 'x'\"", "no column `Kind`: did you mean `kind`?"),
        ("filter = \"height = 'x'\"", "its `filter` can't be used: the filter can't be used"),
        ("filter = \"geom IS NULL\"", "is a geometry"),
        ("allow_filter = [\"hieght\"]", "no column `hieght`: did you mean `height`?"),
        (
            "allow_filter = [\"kind\", \"kind\"]",
            "layers.a.allow_filter[1]: expected each column once",
        ),
        ("details = [\" \"]", "layers.a.details[0]: expected the name of a column"),
    ] {
        let toml = format!(
            "[databases.main]\nurl = \"{}\"\n[layers.a]\ntable = \"houses\"\n{layer}\n",
            database.url
        );
        let file = ConfigFile::new(&toml);
        let output = run(&["check", "--config", &file.path]);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(output.status.code() != Some(0) && text.contains(what), "{layer}: {text}");
    }
}

/// Over the fixtures: what a filter leaves is what SQL's own condition leaves, byte for byte.
#[test]
fn filtered_tables_have_the_tiles_of_a_query_with_the_condition() {
    let database = Database::with_world();
    let (mut layers, mut names) = (String::new(), Vec::new());
    for (table, cql, sql) in [
        ("cities", "name LIKE 'B%' OR id < 200", "name LIKE 'B%' OR id < 200"),
        ("countries", "NOT name IN ('France', 'Spain')", "name NOT IN ('France', 'Spain')"),
        ("countries", "name >= 'S' AND id IS NOT NULL", "name COLLATE \"C\" >= 'S'"),
    ] {
        for encoder in ["rows", "postgis"] {
            let name = format!("l{}", names.len());
            let same = format!(
                "layer_name = \"same\"\nid = \"id\"\nencoder = \"{encoder}\"\nmax_features = 300\n"
            );
            layers += &format!(
                "[layers.{name}_cql]\ntable = \"{table}\"\nfilter = \"{cql}\"\n{same}\
                 [layers.{name}_asked]\ntable = \"{table}\"\nallow_filter = [\"name\", \"id\"]\n{same}\
                 [layers.{name}_sql]\n\
                 sql = '''SELECT * FROM {table} WHERE geom && {{bbox}} AND ({sql})'''\n{same}"
            );
            names.push((name, cql));
        }
    }
    let server = Server::of(&database, &layers);
    let mut features = 0;
    for (name, cql) in names {
        for tile in ["0/0/0", "1/1/0", "3/4/2", "6/34/21", "9/274/168"] {
            let of_query = server.gzip(&format!("/{name}_sql/{tile}")).mvt();
            let asked = format!("/{name}_asked/{tile}?filter={}", encoded(cql));
            for path in [format!("/{name}_cql/{tile}"), asked] {
                let filtered = server.gzip(&path).mvt();
                assert!(filtered == of_query, "{path}");
                let layers = crate::support::tile::decode(&filtered);
                features += layers.iter().map(|layer| layer.features.len()).sum::<usize>();
            }
        }
    }
    assert!(features > 1000, "{features}");
}
