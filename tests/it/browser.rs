//! The preview page, and other libraries with Tesela's tiles, in a real browser.
//!
//! Debian's Chromium draws without a GPU; `tests/browser/` drives it, one for all checks. What is tried there
//! is what a person does: look, click, type. `viewer.rs` has what can be asked without a browser.

use std::fs;
use std::path::Path;
use std::process::Command;

use postgres::Client;
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
    let publish = format!("[databases.main]\nurl = \"{}\"\npublish = {{}}\n", database.url);
    let server = Server::configured(&format!("{publish}{LAYERS}"));
    run(&world(&server.base, &mut database.client()));
}

/// What the checks need to know of the data.
fn world(base: &str, client: &mut Client) -> Value {
    // One that has its surroundings to itself.
    let city = client
        .query_one(
            "SELECT id, name, ST_X(geom), ST_Y(geom) FROM cities AS c WHERE NOT EXISTS (
                 SELECT FROM cities AS o WHERE o.id <> c.id AND ST_DWithin(o.geom, c.geom, 0.5))
             AND ST_Y(geom) BETWEEN -50 AND 60 AND name ~ '^[A-Z][a-z]+$' ORDER BY id LIMIT 1",
            &[],
        )
        .unwrap();
    json!({
        "base": base,
        "polygons": "countries",
        "points": "cities",
        "city": {
            "id": city.get::<_, i32>(0), "name": city.get::<_, &str>(1),
            "lng": city.get::<_, f64>(2), "lat": city.get::<_, f64>(3),
        },
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
