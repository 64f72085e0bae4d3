//! Rows so large that reading them is most of a tile's cost.

use crate::support::database::Database;
use crate::support::server::{ConfigFile, Server, run};
use crate::support::tile::Layer;

/// A polygon of 80,000 corners with a bow in it that is invalid, around 8.98° E, 47.4° N.
const TABLE: &str = r#"
    CREATE TABLE "the Land" (gid integer PRIMARY KEY, "na""me" text,
        geom geometry(MultiPolygon, 3857));
    INSERT INTO "the Land"
    SELECT 7, 'land', ST_Multi(ST_MakePolygon(ST_AddPoint(line, ST_StartPoint(line))))
    FROM (SELECT ST_SetSRID(ST_MakeLine(array_agg(ST_MakePoint(
        1e6 + r * 2e5 * cos(a), 6e6 + r * 2e5 * sin(a)) ORDER BY a)), 3857) AS line
        FROM (SELECT 2 * pi() * i / 80000 AS a,
            1 + 0.1 * sin(2 * pi() * i / 800) + 0.01 * sin(i::float8) AS r
            FROM generate_series(0, 79999) i) corners) lines"#;

fn area(layers: &[Layer]) -> f64 {
    layers.iter().flat_map(|layer| &layer.features).map(|feature| feature.area()).sum()
}

#[test]
fn check_prints_statements_that_make_a_table_of_pieces_with_the_same_tiles() {
    let database = Database::new();
    database.execute(TABLE);
    let databases = format!("[databases.main]\nurl = \"{}\"\n", database.url);
    let whole = "[layers.whole]\ntable = '\"the Land\"'\n";
    let config = ConfigFile::new(&format!("{databases}{whole}"));
    let check = |config: &ConfigFile| {
        String::from_utf8(run(&["check", "--config", &config.path]).stdout).unwrap()
    };
    let text = check(&config);
    let advice = &text[text.find("    CREATE TABLE").unwrap()..];
    let (sql, settings) = advice.split_once("  with these settings of the layer:\n").unwrap();
    let settings: Vec<_> = settings.lines().take_while(|line| line.starts_with("    ")).collect();
    let settings = settings.join("\n");
    database.execute(sql);

    let pieces = format!("[layers.pieces]\n{settings}\n");
    let text = check(&ConfigFile::new(&format!("{databases}{pieces}")));
    assert!(text.contains("0 warnings, 0 problems"), "{text}");

    let server = Server::configured(&format!("{databases}{whole}{pieces}"));
    for tile in ["6/33/22", "8/134/89", "9/271/178", "12/2150/1434", "14/8600/5737"] {
        let [whole, pieces] =
            ["whole", "pieces"].map(|layer| server.tile(&format!("/{layer}/{tile}")));
        let (a, b) = (area(&whole), area(&pieces));
        assert!((a - b).abs() < 0.01 * a + 100.0, "{tile}: {b} instead of {a}");
        for feature in pieces.iter().flat_map(|layer| &layer.features) {
            assert_eq!((feature.id, feature.properties.len()), (Some(7), 1), "{tile}");
        }
    }
    assert!(area(&server.tile("/pieces/9/271/178")) > 1e6);
}
