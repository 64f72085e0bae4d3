//! Files that can't be read, or only in part.

use super::{collection, feature, serve};
use crate::support::files::Folder;
use crate::support::server::run;

/// What `serve` ends with for a file of this text.
fn refused(name: &str, text: &str, more: &[&str]) -> String {
    let folder = Folder::new();
    let path = folder.write(name, text);
    let done = run(&[&["serve", "--listen", "127.0.0.1:0", &path], more].concat());
    let log = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{text}: {log}");
    assert!(!log.contains("listening"), "{log}");
    log.replace(&path, "FILE")
}

#[test]
fn what_is_no_geojson_stops_the_start_with_the_place() {
    let good = feature(1, "a", 1.0, 2.0);
    let deep = format!(
        "{{\"type\":\"Polygon\",\"coordinates\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let cut = &collection(&[good.clone(), good.clone()])[..200];
    for (text, expected) in [
        ("", "FILE: it holds no GeoJSON"),
        (" \n ", "FILE: it holds no GeoJSON"),
        ("hello", "FILE: byte 0: expected an object of GeoJSON, got \"hello\""),
        ("[1, 2]", "FILE: byte 0: expected an object of GeoJSON"),
        (cut, "FILE: byte 200: it ends in the middle of feature 2"),
        (&good[..50], "FILE: byte 50: it ends in the middle of feature 1"),
        (
            "{\"type\":\"Topology\",\"arcs\":[]}",
            "FILE has no feature that can be read; the first: FILE: byte 0, feature 1: this is TopoJSON",
        ),
        (
            "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[1e999,0]}}",
            "feature 1: number out of range",
        ),
        (
            "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[500000,5800000]}}",
            "feature 1: coordinates must be degrees",
        ),
        (&deep, "feature 1: recursion limit exceeded"),
        (
            "{\"type\":\"FeatureCollection\",\"features\":[1]}",
            "byte 40, feature 1: invalid type: integer `1`, expected an object of GeoJSON",
        ),
        ("\u{0}\u{1}binary", "FILE: byte 0: expected an object of GeoJSON"),
    ] {
        let log = refused("x.geojson", text, &[]);
        assert!(log.contains(expected), "{}: {log}", &text[..text.len().min(80)]);
    }
}

#[test]
fn another_reference_system_is_refused_with_the_command_that_converts() {
    let crs = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::25832"}},"features":[]}"#;
    let log = refused("x.geojson", crs, &[]);
    assert!(log.contains("FILE is in urn:ogc:def:crs:EPSG::25832"), "{log}");
    assert!(log.contains("ogr2ogr -t_srs EPSG:4326"), "{log}");
}

#[test]
fn web_mercator_is_read_where_the_file_says_so() {
    let folder = Folder::new();
    let text = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}},"features":[
        {"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1113194.9079327357,2273030.926987689]}}]}"#;
    let server = serve(&[&folder.write("x.geojson", text)]);
    let bounds: Vec<f64> =
        serde_json::from_value(server.get("/x").json()["bounds"].clone()).unwrap();
    assert!((bounds[0] - 10.0).abs() < 1e-9 && (bounds[1] - 20.0).abs() < 1e-9, "{bounds:?}");
}

#[test]
fn a_bad_feature_among_good_ones_is_skipped_and_counted_and_fatal_with_strict() {
    let bad = [
        r#"{"type":"Feature","geometry":{"type":"Point","coordinates":["a",2]},"properties":{}}"#,
        r#"{"type":"Feature","geometry":{"type":"LineString","coordinates":[1,2]},"properties":{}}"#,
        r#"{"type":"Feature","geometry":{"type":"Circle","coordinates":[1,2]},"properties":{}}"#,
        r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1]},"properties":{}}"#,
        r#"{"type":"Feature","geometry":{"type":"Point"},"properties":{}}"#,
        r#"{"type":"Feature","geometry":"here","properties":{}}"#,
        r#"{"type":"Feature","geometry":null,"properties":[1]}"#,
        r#"{"type":"Road","geometry":null}"#,
        r#"{"geometry":null}"#,
        r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,,2]}}"#,
    ];
    let mut features: Vec<String> = bad.iter().map(|text| (*text).to_owned()).collect();
    features.insert(4, feature(1, "good", 1.0, 2.0));
    features.push(r#"{"type":"Feature","geometry":null,"properties":{}}"#.to_owned());
    for (name, text) in [("x.geojson", collection(&features)), ("x.ndjson", features.join("\n"))] {
        let folder = Folder::new();
        let server = serve(&[&folder.write(name, &text)]);
        assert_eq!(server.tile("/x/0/0/0")[0].features.len(), 1);
        let log = server.log();
        assert_eq!(log.matches("skipped: ").count(), 5, "the first few: {log}");
        assert!(log.contains("skipped 5 more features that can't be read"), "{log}");
        assert!(
            log.contains("feature 2: the coordinates of its LineString are not nested"),
            "{log}"
        );
        assert!(log.contains("features without a geometry"), "{log}");
        let byte = text.find(r#"{"type":"Feature","geometry":{"type":"Circle"#).unwrap();
        assert!(log.contains(&format!("byte {byte}, feature 3:")), "{log}");
        let log = refused(name, &text, &["--strict"]);
        assert!(log.contains("10 features can't be read; the first: FILE: byte"), "{log}");
    }
}

#[test]
fn a_file_beyond_the_memory_limit_is_refused_with_the_command_that_loads_it() {
    let folder = Folder::new();
    let features: Vec<_> = (0..20_000).map(|id| feature(id, &format!("n{id}"), 1.0, 2.0)).collect();
    let path = folder.write("Big.geojson", collection(&features));
    let toml = format!("[files]\nmemory_limit = \"1MB\"\npublish = [\"{path}\"]\n");
    let config = folder.write("tesela.toml", toml);
    let done = run(&["serve", "--listen", "127.0.0.1:0", "--config", &config]);
    let log = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{log}");
    assert!(log.contains("takes more than files.memory_limit"), "{log}");
    assert!(log.contains(&format!("{path} -nln big -lco GEOMETRY_NAME=geom")), "{log}");
}

#[test]
fn what_is_not_there_is_told() {
    let folder = Folder::new();
    folder.write("notes.txt", "x");
    let text = folder.text();
    for (source, expected) in [
        (format!("{text}/no.geojson"), "there is no file"),
        (text.to_owned(), "holds no file that Tesela reads"),
        (format!("{text}/*.geojson"), "fits no file that Tesela reads"),
        ("/dev/null".to_owned(), "is a pipe or a device"),
        (format!("{text}/notes.txt"), "is no file that Tesela reads: expected a name that ends in"),
    ] {
        let done = run(&["serve", "--listen", "127.0.0.1:0", &source]);
        let log = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{log}");
        assert!(log.contains(expected), "{source}: {log}");
    }
}
