//! Every string that a client or a settings file can give arrives as a value, whatever it holds.

use serde_json::json;

use crate::support::database::Database;
use crate::support::encoded;
use crate::support::server::Server;
use crate::support::tile::Property;

/// Quotes, comments, ends of statements, parameters, tokens, and what looks like them to one reader
/// and not to another.
const NASTY: &[&str] = &[
    "'",
    "''",
    "\"",
    "\\",
    "\\'",
    "' OR '1'='1",
    "'; DROP TABLE words; --",
    "1; DROP TABLE words",
    "a'||pg_sleep(5)||'b",
    "-- comment",
    "/* comment */",
    "/*",
    "$1",
    "$$",
    "$q$ x $q$",
    "{bbox}",
    "{zoom}",
    "${HOME}",
    "%s%n%",
    "_%\\%",
    "E'\\''",
    "U&'\\0027'",
    "ʼ OR ʼ1ʼ=ʼ1",
    "＇; DROP TABLE words; ––",
    "’ or ’’=’",
    "\u{202e}gnp.exe",
    "\u{feff}bom",
    "a\u{0301}́",
    "Ⅷ ﬀ ß İ ı",
    "\u{1F600}\u{200D}",
    "line\nbreak\r\ttab",
    "\u{1}\u{7f}\u{85}\u{2028}",
    "<script>alert(1)</script>",
    "null",
    "NaN",
    " ",
    "",
];

/// A string of TOML.
fn toml(text: &str) -> String {
    // `${` would be a variable.
    toml::Value::String(text.replace("${", "$${")).to_string()
}

/// A literal of CQL2 text.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A table of them all.
fn words() -> Database {
    let database = Database::new();
    database.execute(
        "CREATE TABLE words (id int PRIMARY KEY, word text, geom geometry(Point, 4326));
         CREATE INDEX ON words USING gist (geom)",
    );
    let mut client = database.client();
    for (id, word) in (0i32..).zip(NASTY) {
        let sql = "INSERT INTO words VALUES ($1, $2, ST_Point($1::int, 0, 4326))";
        client.execute(sql, &[&id, word]).unwrap();
    }
    database
}

/// That nothing was dropped.
fn is_whole(database: &Database) {
    let row = database.client().query_one("SELECT count(*) FROM words", &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), NASTY.len() as i64);
}

fn ids(server: &Server, path: &str) -> Vec<u64> {
    let layers = server.tile(path);
    layers.iter().flat_map(|layer| &layer.features).map(|feature| feature.id.unwrap()).collect()
}

#[test]
fn parameters_are_values() {
    let database = words();
    database.execute(
        "CREATE FUNCTION f(z int, x int, y int, params json) RETURNS TABLE(id int, geom geometry)
         LANGUAGE sql STABLE AS $$ SELECT id, geom FROM words WHERE word = params->>'word' $$",
    );
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\n\
         [layers.text]\nid = \"id\"\nparams.word = {{ type = \"text\" }}\n\
         sql = \"SELECT *, {{word}} AS given FROM words WHERE geom && {{bbox}} AND word = {{word}}\"\n\
         [layers.list]\nid = \"id\"\nparams.word = {{ type = \"text[]\" }}\n\
         sql = \"SELECT * FROM words WHERE geom && {{bbox}} AND word = ANY ({{word}})\"\n\
         [layers.json]\nid = \"id\"\nparams.word = {{ type = \"text\" }}\nfunction = \"f\"\nsrid = 4326\n",
        database.url
    ));
    for (id, word) in (0..).zip(NASTY) {
        for layer in ["text", "json"] {
            let path = format!("/{layer}/0/0/0?word={}", encoded(word));
            assert_eq!(ids(&server, &path), [id], "{layer} {word:?}");
        }
        let path = format!("/text/0/0/0?word={}", encoded(word));
        let given = server.tile(&path)[0].features[0].properties["given"].clone();
        assert_eq!(given, Property::Text((*word).to_owned()));
        let list = encoded(&json!([word]).to_string());
        assert_eq!(ids(&server, &format!("/list/0/0/0?word={list}")), [id], "{word:?}");
        // TileJSON repeats it so that it comes back as it was.
        let json = server.get(&format!("/text?word={}", encoded(word))).json();
        let url = json["tiles"][0].as_str().unwrap().replace("/{z}/{x}/{y}", "/0/0/0");
        let url = url.strip_prefix(&server.base).unwrap();
        assert_eq!(ids(&server, url), [id], "{url}");
    }
    for nul in ["/text/0/0/0?word=%00", "/text/0/0/0?word=a%00b", "/json/0/0/0?word=%00"] {
        assert_eq!(server.gzip(nul).status, 400, "{nul}");
    }
    is_whole(&database);
}

#[test]
fn literals_of_filters_are_values() {
    let database = words();
    let own = |(id, word): (usize, &&str)| {
        let filter = toml(&format!("word = {}", literal(word)));
        format!("[layers.own{id}]\ntable = \"words\"\nfilter = {filter}\n")
    };
    let layers: String = NASTY.iter().enumerate().map(own).collect();
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\n\
         [layers.asked]\ntable = \"words\"\nallow_filter = [\"word\"]\n\
         [layers.mvt]\ntable = \"words\"\nallow_filter = [\"word\"]\nencoder = \"postgis\"\n{layers}",
        database.url
    ));
    for (id, word) in (0..).zip(NASTY) {
        assert_eq!(ids(&server, &format!("/own{id}/0/0/0")), [id], "{word:?}");
        let json = json!({"op": "=", "args": [{"property": "word"}, word]}).to_string();
        for layer in ["asked", "mvt"] {
            for filter in [
                format!("word = {}", literal(word)),
                format!("word IN ({}, 'x')", literal(word)),
                format!("word LIKE {}", literal(&escaped(word))),
            ] {
                let path = format!("/{layer}/0/0/0?filter={}", encoded(&filter));
                assert_eq!(ids(&server, &path), [id], "{filter:?}");
            }
            let path = format!("/{layer}/0/0/0?filter-lang=cql2-json&filter={}", encoded(&json));
            assert_eq!(ids(&server, &path), [id], "{json:?}");
        }
        // As the name of a property it is none.
        let name = format!("\"{}\" = 'x'", word.replace('"', "\"\""));
        let answer = server.gzip(&format!("/asked/0/0/0?filter={}", encoded(&name)));
        assert_eq!(answer.status, 400, "{name:?}");
        // And as a filter it is refused.
        if !word.is_empty() {
            let answer = server.gzip(&format!("/asked/0/0/0?filter={}", encoded(word)));
            assert_eq!(answer.status, 400, "{word:?}");
        }
    }
    is_whole(&database);
}

/// A pattern that only the text itself matches.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[test]
fn the_other_parts_of_an_address_are_names_or_numbers() {
    let database = words();
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\n\
         [layers.words]\ntable = \"words\"\ndetails = [\"word\"]\n",
        database.url
    ));
    for (id, word) in NASTY.iter().enumerate() {
        let feature = server.gzip(&format!("/words/features/{id}"));
        assert_eq!(feature.json()["properties"]["word"], **word, "{word:?}");
        let word = encoded(word);
        for path in [
            format!("/words/features/{word}"),
            format!("/words/features/{id}{word}x"),
            format!("/{word}x/features/1"),
            format!("/{word}x/0/0/0"),
            format!("/words,{word}x/0/0/0"),
            format!("/words/{word}/0/0"),
            format!("/words/0/{word}/0"),
            format!("/words/0/0/{word}"),
        ] {
            let answer = server.gzip(&path);
            assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
            let text = answer.text().to_lowercase();
            assert!(!text.contains("postgres") && !text.contains("select"), "{path}: {text}");
        }
        let answer = server.gzip(&format!("/words/0/0/0?v={word}&{word}={word}"));
        assert_eq!(answer.status, 200, "{word}");
    }
    is_whole(&database);
}

/// Whatever stands in the file is a name of the database's, or a value.
#[test]
fn names_in_the_settings_are_quoted() {
    let database = Database::new();
    let names: Vec<&str> = NASTY.iter().copied().filter(|name| !name.trim().is_empty()).collect();
    let (mut sql, mut layers) = (String::new(), String::new());
    for (n, name) in names.iter().enumerate() {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let function = format!("\"{}\"", format!("f{name}").replace('"', "\"\""));
        let id = format!("\"{}\"", format!("id{name}").replace('"', "\"\""));
        let geometry = format!("\"{}\"", format!("g{name}").replace('"', "\"\""));
        sql += &format!(
            "CREATE TABLE {quoted} ({id} int, {quoted} int, {geometry} geometry(Point, 4326));
             INSERT INTO {quoted} VALUES ({n}, {n}, ST_Point(0, 0, 4326));
             CREATE FUNCTION {function}(z int, x int, y int) RETURNS SETOF {quoted}
             LANGUAGE sql STABLE AS $body$ SELECT * FROM {quoted} $body$;"
        );
        let text = |text: String| toml(&text);
        for (kind, source) in [
            ("t", format!("table = {}", text(quoted.clone()))),
            ("f", format!("function = {}", text(function))),
            (
                "s",
                format!(
                    "sql = {}",
                    text(format!("SELECT * FROM {quoted} WHERE {geometry} && {{bbox}}"))
                ),
            ),
        ] {
            let details = if kind == "f" { String::new() } else { toml(name) };
            layers += &format!(
                "[layers.{kind}{n}]\n{source}\nid = {}\ngeometry = {}\nproperties = [{name}]\n\
                 details = [{details}]\nallow_filter = [{name}]\norder_by = {}\nlayer_name = {name}\n\
                 filter = {}\nattribution = {name}\ndata_version = {name}\n",
                toml(&format!("id{name}")),
                toml(&format!("g{name}")),
                text(format!("{quoted} DESC")),
                text(format!("{quoted} >= 0")),
                name = toml(name),
            );
        }
    }
    database.execute(&sql);
    let server =
        Server::configured(&format!("[databases.main]\nurl = \"{}\"\n{layers}", database.url));
    assert_eq!(server.get("/catalog").json()["disabled"], json!({}));
    for (n, name) in names.iter().enumerate() {
        for kind in ["t", "f", "s"] {
            let layers = server.tile(&format!("/{kind}{n}/0/0/0"));
            assert_eq!(layers[0].name, *name);
            let feature = &layers[0].features[0];
            assert_eq!(feature.id, Some(n as u64), "{kind} {name:?}");
            assert_eq!(feature.properties[*name], Property::Int(n as i128), "{kind} {name:?}");
            let filter = format!("\"{}\" > {n}", name.replace('"', "\"\""));
            let path = format!("/{kind}{n}/0/0/0?filter={}", encoded(&filter));
            assert_eq!(server.gzip(&path).status, 204, "{filter}");
            assert_eq!(server.get(&format!("/{kind}{n}")).json()["attribution"], *name);
        }
        for kind in ["t", "s"] {
            let feature = server.gzip(&format!("/{kind}{n}/features/{n}")).json();
            assert_eq!(feature["properties"], json!({*name: n}), "{kind} {name:?}");
        }
    }
}
