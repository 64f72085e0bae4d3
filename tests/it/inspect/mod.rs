//! `tesela inspect` and `tesela drill`.

mod canned;
mod drill;
mod servers;

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::database::Database;
use crate::support::server::{ConfigFile, Server, run, tesela};
use crate::support::tile::decode;

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error of a command that fails with 1.
fn failure(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error: "), "{text}");
    text
}

/// What `--json` prints.
fn json(args: &[&str]) -> Value {
    let output = run(&[args, &["--json"]].concat());
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// The layers' names and numbers of features.
fn counts(report: &Value) -> Vec<(String, u64)> {
    let layers = report["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| {
            (layer["name"].as_str().unwrap().to_owned(), layer["features"].as_u64().unwrap())
        })
        .collect()
}

/// A file that goes away with the value.
struct TileFile(ConfigFile);

impl TileFile {
    fn new(bytes: &[u8]) -> Self {
        let file = ConfigFile::new("");
        std::fs::write(&file.path, bytes).unwrap();
        Self(file)
    }

    fn path(&self) -> &str {
        &self.0.path
    }
}

#[test]
fn a_files_tile_is_taken_apart_packed_or_not() {
    let database = Database::with_world();
    let server = Server::publish(&database.url);
    let answer = server.gzip("/cities,countries/3/4/2");
    let mvt = answer.mvt();
    let expected: Vec<_> = decode(&mvt)
        .iter()
        .map(|layer| (layer.name.clone(), layer.features.len() as u64))
        .collect();
    assert_eq!(expected.len(), 2);
    for bytes in [&mvt, &answer.body, &zstd::encode_all(&mvt[..], 3).unwrap()] {
        let file = TileFile::new(bytes);
        let report = json(&["inspect", file.path()]);
        assert_eq!(counts(&report), expected);
        assert_eq!(report["bytes"], mvt.len());
        assert_eq!(report["warnings"], serde_json::json!([]));
    }
    // The text says the same, and fits a terminal.
    let file = TileFile::new(&answer.body);
    let text = stdout(&run(&["inspect", file.path()]));
    for part in ["cities", "countries", "Heaviest features", "Heaviest properties", "admin1"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100) && !text.contains('\u{1b}'), "{text}");
    let mut child = tesela(&["inspect", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&answer.body).unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&report), expected);
    assert_eq!(report["packed"], serde_json::json!(["gzip"]));
}

#[test]
fn a_databases_tile_is_the_one_that_would_be_served() {
    let database = Database::with_world();
    let server = Server::publish(&database.url);
    let served = server.gzip("/cities,countries,countries_10m/2/2/1").mvt();
    let report = json(&["inspect", &database.url, "2/2/1"]);
    let of =
        |text: &str| report["made"].as_array().unwrap().iter().any(|made| made["layer"] == text);
    assert!(of("cities") && of("countries") && of("countries_10m"), "{report}");
    assert_eq!(report["bytes"], served.len());
    let rows = report["made"][0]["rows"].as_u64().unwrap();
    assert!(rows >= report["layers"][0]["features"].as_u64().unwrap() && rows > 100, "{report}");
    for args in
        [&["--layer", "countries,cities"][..], &["--layer", "cities", "--layer", "countries"]]
    {
        let report = json(&[&["inspect", &database.url, "2/2/1"], args].concat());
        assert_eq!(counts(&report).len(), 2);
    }
    let heaviest = &report["heaviest_features"][0];
    assert_eq!(heaviest["property"], serde_json::json!(["name", "Netherlands"]));
    assert_eq!((&heaviest["id"], &heaviest["type"]), (&528.into(), &"polygon".into()));
}

#[test]
fn a_configurations_layers_and_tilesets_go_by_their_names() {
    let database = Database::with_world();
    let file = ConfigFile::new(&format!(
        "[databases.main]\nurl = \"{}\"\n\
         [layers.towns]\ntable = \"cities\"\nallow_filter = [\"cc\"]\nmin_zoom = 1\n\
         [layers.nations]\ntable = \"countries\"\n[layers.gone]\ntable = \"nowhere\"\n\
         [tilesets.base]\nlayers = [\"nations\", \"towns\"]\n",
        database.url
    ));
    let names = |args: &[&str]| -> Vec<String> {
        let report = json(&[&["inspect", "--config", &file.path], args].concat());
        counts(&report).into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&["towns", "2/2/1"]), ["towns"]);
    assert_eq!(names(&["base", "2/2/1"]), ["nations", "towns"]);
    assert_eq!(names(&["towns,nations", "2/2/1"]).len(), 2);
    assert_eq!(names(&["2/2/1"]).len(), 2);
    assert_eq!(names(&["0/0/0"]), ["nations"], "the zoom of the other begins at 1");
    let log = run(&["inspect", "--config", &file.path, "0/0/0"]).stderr;
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("disabled") && log.contains("no table `nowhere`"), "{log}");
    let inspect = |args: &[&str]| json(&[&["inspect", "--config", &file.path], args].concat());
    let all = counts(&inspect(&["towns", "1/1/0"]))[0].1;
    let some = counts(&inspect(&["towns", "1/1/0", "--query", "filter=cc='DE'"]))[0].1;
    assert!(some > 0 && some < all / 4, "{some} of {all}");
    for (args, why) in [
        (&["town", "2/2/1"][..], "there are: base, nations, towns"),
        (&["gone", "2/2/1"], "there is no table `nowhere`"),
        (&["towns", "0/0/0"], "from 1 to 22"),
        (&["towns"], "z/x/y"),
    ] {
        let text = failure(&[&["inspect", "--config", &file.path], args].concat());
        assert!(text.contains(why), "{why}: {text}");
    }
}

#[test]
fn what_is_wasteful_or_wrong_is_warned_of() {
    let database = Database::new();
    database.execute(
        "CREATE TABLE shops (name text, notes text, geom geometry(Point, 4326));
         INSERT INTO shops SELECT 'shop ' || n, repeat(md5(n::text), 4),
           ST_SetSRID(ST_MakePoint(n / 10.0, 10), 4326) FROM generate_series(1, 300) n;",
    );
    let text = stdout(&run(&["inspect", &database.url, "0/0/0"]));
    let warnings: Vec<_> = text.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 2, "{text}");
    assert!(warnings[0].contains("property notes; without it: properties = [\"name\"]"), "{text}");
    assert!(warnings[1].contains("300 of 300 features have no id"), "{text}");
    let heavy = "INSERT INTO shops SELECT 'shop', (SELECT string_agg(md5(n::text || i::text), '') \
                 FROM generate_series(1, 400) i), ST_SetSRID(ST_MakePoint(1, 1), 4326) \
                 FROM generate_series(1, 100) n";
    database.execute(heavy);
    let report = json(&["inspect", &database.url, "0/0/0"]);
    let first = report["warnings"][0].as_str().unwrap();
    assert!(first.contains("more than 500,000"), "{first}");
}

#[test]
fn a_layer_that_fails_leaves_the_others_and_exits_with_1() {
    let database = Database::with_world();
    let file = ConfigFile::new(&format!(
        "[databases.main]\nurl = \"{}\"\n[layers.countries]\ntable = \"countries\"\n\
         [layers.broken]\nsrid = 4326\n\
         sql = \"SELECT geom, 1 / (id - 4) AS q FROM countries WHERE geom && {{bbox}}\"\n",
        database.url
    ));
    let output = run(&["inspect", "--config", &file.path, "0/0/0"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("broken  FAILED: ") && text.contains("division by zero"), "{text}");
    let whole = |line: &str| line.starts_with("countries") && line.contains(" 177 ");
    assert!(text.lines().any(whole), "{text}");
}

#[test]
fn what_cant_be_inspected_is_explained() {
    let json_file = TileFile::new(b"{\"type\": \"FeatureCollection\", \"features\": []}");
    let html = TileFile::new(b"<!doctype html><title>404</title>");
    let text = TileFile::new(b"hello, this is no tile");
    let mut cut = Vec::new();
    cut.extend([0x1a, 0xff, 0x01, 0x78, 0x02]);
    let cut = TileFile::new(&cut);
    for (args, why) in [
        (&[json_file.path()][..], "this is JSON, not a vector tile"),
        (&[html.path()], "this is HTML or XML, not a vector tile"),
        (&[text.path()], "not a vector tile: at byte 0"),
        (&[cut.path()], "longer than what is left"),
        (&["/nonexistent/tile.mvt"], "can't read /nonexistent/tile.mvt"),
        (&["tile.mvt", "1/0/0"], "tile.mvt is a tile by its name: leave 1/0/0 out"),
        (&["0/0/0"], "of what?"),
        (&["postgres://u:s3cret@127.0.0.1:1/x"], "z/x/y"),
        (&["postgres://u:s3cret@127.0.0.1:1/x", "3/8/0"], "x and y go from 0 to 7"),
        (&["postgres://u:s3cret@127.0.0.1:1/x", "30/0/0"], "zoom goes from 0 to 24"),
        (&["postgres://u:s3cret@127.0.0.1:1/x", "0/0/0"], "can't reach database x"),
        (&["u:s3cret@127.0.0.1/x", "0/0/0"], "postgres://"),
        (&[cut.path(), "--layer", "roads"], "--layer and --query are about sources"),
    ] {
        let text = failure(&[&["inspect"], args].concat());
        assert!(text.contains(why), "{why}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!(run(&["inspect"]).status.code(), Some(2));
    let empty = TileFile::new(b"");
    assert!(stdout(&run(&["inspect", empty.path()])).contains("The tile is empty."));
}
