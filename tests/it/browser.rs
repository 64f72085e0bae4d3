//! The preview page, and other libraries with Tesela's tiles, in a real browser.
//!
//! Debian's Chromium draws without a GPU; `tests/browser/` drives it, one for all checks. What is tried there
//! is what a person does: look, click, type. `viewer.rs` has what can be asked without a browser.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tesela::http::viewer::{self, Library};

use crate::support::database::Database;
use crate::support::server::Server;

/// What hostile rows, columns and texts hold.
const MARKUP: &str = "<img src=x onerror=\"window.hacked = 1\">";

/// A row, a column and a comment that would be dangerous as HTML; a layer that begins late, one that
/// isn't there.
const ODD: &str = r#"
    CREATE TABLE odd (
        id int PRIMARY KEY,
        name text,
        "<i>column</i>" text,
        "__proto__" text,
        secret text,
        geom geometry(Point, 4326)
    );
    COMMENT ON TABLE odd IS '<b onclick="window.hacked = 2">comment</b>';
    INSERT INTO odd VALUES (
        7, '<img src=x onerror="window.hacked = 1">', '</td><script>window.hacked = 3</script>',
        'polluted', '<svg onload="window.hacked = 4">', 'SRID=4326;POINT(30 -20)'
    );
    ANALYZE odd;
"#;

const LAYERS: &str = r#"
    [layers.odd]
    table = "public.odd"
    id = "id"
    properties = ["name", "<i>column</i>", "__proto__"]
    details = ["secret"]
    allow_filter = ["name"]
    attribution = '<a href="https://example.org/">Odd</a> <img src=x onerror="window.hacked = 5"><script>window.hacked = 6</script>'

    [layers.late]
    table = "public.countries_10m"
    min_zoom = 5

    [layers.chosen]
    sql = "SELECT id, name, geom FROM cities WHERE geom && {bbox} AND name = {name}"
    srid = 4326
    id = "id"
    params.name = { type = "text", default = "nowhere" }

    [layers.gone]
    table = "public.gone"
"#;

#[test]
fn the_preview_page_and_other_libraries_work_in_a_browser() {
    assert_eq!(Library::BUILT, Library::Embedded, "build with npm and without TESELA_NO_NPM");
    let database = Database::with_world();
    database.execute(ODD);
    // Countries and cities are the demo's.
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
    let sources =
        format!("[files]\npublish = [{demo:?}]\n[databases.main]\nurl = \"{}\"\n", database.url);
    let server = Server::configured(&format!("{sources}{LAYERS}"));
    let world = world(&server.base, &cities(&demo));
    // What the query is to find.
    let city = &world["city"];
    database.execute(&format!(
        "DELETE FROM cities; INSERT INTO cities (id, name, cc, geom) VALUES
         ({}, '{}', 'XX', ST_Point({}, {}, 4326))",
        city["id"],
        city["name"].as_str().unwrap(),
        city["lng"],
        city["lat"]
    ));
    run(&world);
}

/// The demo's cities: id, name, longitude, latitude.
fn cities(demo: &Path) -> Vec<(u64, String, f64, f64)> {
    let text = fs::read_to_string(demo.join("cities.geojson")).unwrap();
    let collection: Value = serde_json::from_str(&text).unwrap();
    let cities = collection["features"].as_array().unwrap().iter().map(|city| {
        let at = |axis: usize| city["geometry"]["coordinates"][axis].as_f64().unwrap();
        let name = city["properties"]["name"].as_str().unwrap().to_owned();
        (city["id"].as_u64().unwrap(), name, at(0), at(1))
    });
    cities.collect()
}

/// What the checks need to know of the data.
fn world(base: &str, cities: &[(u64, String, f64, f64)]) -> Value {
    // One that has its surroundings to itself.
    let is_alone = |(id, name, lon, lat): &&(u64, String, f64, f64)| {
        let is_near = |other: &(u64, String, f64, f64)| {
            other.0 != *id && (other.2 - lon).hypot(other.3 - lat) < 0.5
        };
        (-50.0..60.0).contains(lat)
            && name.chars().all(|c| c.is_ascii_alphabetic())
            && !cities.iter().any(is_near)
    };
    let (id, name, lng, lat) = cities.iter().find(is_alone).expect("a lonely city");
    json!({
        "base": base,
        "polygons": "countries",
        "points": "cities",
        "city": { "id": id, "name": name, "lng": lng, "lat": lat },
        "land": { "lng": 20, "lat": 5 },
        "sea": { "lng": -30, "lat": -25 },
        "odd": {
            "id": "odd", "lng": 30, "lat": -20,
            "texts": [MARKUP, "<i>column</i>", "</td><script>window.hacked = 3</script>"],
            "detail": "<svg onload=\"window.hacked = 4\">",
            "column": "<i>column</i>",
            "description": "<b onclick=\"window.hacked = 2\">comment</b>",
            "link": ["Odd", "https://example.org/"],
        },
        "chosen": { "id": "chosen", "parameter": "name" },
        "late": { "id": "late", "minzoom": 5 },
        "disabled": { "id": "gone", "reason": "its table does not exist" },
        "cdn": { "html": viewer::html(Library::Cdn), "policy": viewer::policy(Library::Cdn) },
    })
}

/// Runs all checks, and fails with what they say.
fn run(world: &Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/browser");
    assert!(
        modules.join("installed.json").exists(),
        "the browser's packages are not in {}: scripts/install-browser-tests installs them, and so does scripts/test",
        modules.display()
    );
    let file = modules.join(format!("world-{}.json", std::process::id()));
    fs::write(&file, world.to_string()).unwrap();
    let output = Command::new("node")
        .arg(root.join("tests/browser/run.mjs"))
        .args([&modules, &file])
        .output()
        .expect("node, which drives the browser");
    fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.matches("ok: ").count() > 20, "all checks were made: {said}");
}
