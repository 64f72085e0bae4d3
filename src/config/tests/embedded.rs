//! `[files]` and layers of files.

use std::path::Path;

use super::{load, refused};
use crate::config::validate::resolve;

#[test]
fn a_layer_of_a_file_needs_no_database_and_may_name_a_layer_in_it() {
    let text = "[layers.a]\nfile = \"a.geojson\"\n[layers.b]\nfile = \"b.gpkg\"\ntable = \"roads\"\n\
                [[layers.b.zooms]]\nzooms = [0, 4]\nfile = \"c.geojson\"\n[layers.c]\n\
                [[layers.c.zooms]]\nzooms = [0, 4]\nfile = \"c.geojson\"\n";
    let settings = load(text).unwrap();
    assert_eq!(settings.layers["b"].files().collect::<Vec<_>>(), ["b.gpkg", "c.geojson"]);
    assert_eq!(settings.layers_in("main").count(), 0, "they are in no database");
}

#[test]
fn a_table_alone_at_some_zooms_is_another_layer_of_the_same_file() {
    let text = "[layers.a]\nfile = \"a.gpkg\"\ntable = \"roads\"\n\
                [[layers.a.zooms]]\nzooms = [0, 4]\ntable = \"major\"\n";
    let sources = load(text).unwrap().layers["a"].sources("a");
    let of = |i: usize| (sources[i].file.as_deref(), sources[i].contained.as_deref());
    assert_eq!(of(0), (Some("a.gpkg"), Some("major")));
    assert_eq!(of(1), (Some("a.gpkg"), Some("roads")));
}

#[test]
fn what_only_a_database_has_is_refused_beside_a_file() {
    for (more, expected) in [
        ("database = \"main\"", "layers.a.database: expected no database beside a file"),
        ("version_sql = \"SELECT 1\"", "layers.a.version_sql: expected no query beside a file"),
        ("encoder = \"postgis\"", "layers.a.encoder: expected \"rows\" beside a file"),
        ("srid = 4326", "layers.a.srid: expected nothing of a database"),
        ("geometry = \"geom\"", "layers.a.geometry: expected nothing of a database"),
        ("sql = \"SELECT {bbox}\"", "layers.a.file: expected sql or file, not both"),
        ("function = \"f\"", "layers.a.file: expected function or file, not both"),
        (
            "[[layers.a.zooms]]\nzooms = [0, 3]\nsql = \"SELECT {bbox}\"",
            "layers.a.zooms[0].sql: expected nothing of a database",
        ),
        ("params.year = { type = \"int\" }", "layers.a.params: expected parameters only with sql"),
    ] {
        let text = format!(
            "[databases.main]\nurl = \"postgres://h\"\n[layers.a]\nfile = \"a.geojson\"\n{more}\n"
        );
        refused(&text, expected);
    }
    refused("[layers.a]\nfile = \" \"\n", "layers.a.file: expected a string that isn't empty");
    refused("[files]\nmemory_limit = \"1KB\"\n", "files.memory_limit: expected a size from 64KiB");
    refused("[files]\npublish = [\"\"]\n", "files.publish[0]: expected a file, a folder");
    refused("[files]\npublish = \"a\"\n", "files.publish: expected a list of");
}

#[test]
fn paths_start_where_the_configuration_is() {
    let text = "[files]\npublish = [\"data\", \"/srv/x\"]\n[layers.a]\nfile = \"a.geojson\"\n\
                [[layers.a.zooms]]\nzooms = [0, 4]\nfile = \"../b.geojson\"\n";
    let mut settings = load(text).unwrap();
    resolve(&mut settings, Path::new("tesela.toml"));
    assert_eq!(settings.files.publish, ["data", "/srv/x"], "and that may be here");
    resolve(&mut settings, Path::new("/etc/tesela/tesela.toml"));
    assert_eq!(settings.files.publish, ["/etc/tesela/data", "/srv/x"]);
    let files: Vec<_> = settings.layers["a"].files().collect();
    assert_eq!(files, ["/etc/tesela/a.geojson", "/etc/tesela/../b.geojson"]);
}
