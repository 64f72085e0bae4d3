//! Files as sources: what they hold, and that tiles are those of a table with the same rows.

mod reload;
mod trouble;

use crate::support::database::Database;
use crate::support::encoded;
use crate::support::files::Folder;
use crate::support::server::{ConfigFile, Server, run, tesela};
use crate::support::tile::Property;

/// A feature as one line.
pub fn feature(id: u64, name: &str, lon: f64, lat: f64) -> String {
    format!(
        r#"{{"type":"Feature","id":{id},"properties":{{"name":"{name}"}},"geometry":{{"type":"Point","coordinates":[{lon},{lat}]}}}}"#
    )
}

pub fn collection(features: &[String]) -> String {
    format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}", features.join(",\n"))
}

/// Serves what is named on the command line.
pub fn serve(sources: &[&str]) -> Server {
    let args = ["serve", "--listen", "127.0.0.1:0"];
    Server::start(tesela(&[&args, sources].concat()), None)
}

/// A table as a file.
fn exported(database: &Database, table: &str) -> String {
    let sql = format!(
        "SELECT json_build_object('type', 'Feature', 'id', id, 'geometry', ST_AsGeoJSON(geom, 15)::json,
             'properties', to_jsonb({table}) - 'id' - 'geom')::text FROM {table} ORDER BY random()"
    );
    let rows = database.client().query(&sql, &[]).unwrap();
    collection(&rows.iter().map(|row| row.get(0)).collect::<Vec<String>>())
}

#[test]
fn a_file_has_the_tiles_of_a_table_with_the_same_rows_byte_for_byte() {
    let database = Database::with_world();
    let folder = Folder::new();
    let mut toml = format!("[databases.main]\nurl = \"{}\"\n", database.url);
    let settings = [
        ("plain", "simplify = 0\nmin_size = 0\n"),
        ("sized", "simplify = 0\nmin_size = 8\n"),
        ("first", "simplify = 0\nmin_size = 0\nmax_features = 40\norder_by = \"name DESC\"\n"),
        ("largest", "simplify = 0\nmin_size = 2\nmax_features = 25\n"),
        ("some", "simplify = 0\nmin_size = 0\nfilter = \"name < 'M' AND name <> 'Chad'\"\n"),
        ("asked", "simplify = 0\nmin_size = 0\nallow_filter = [\"name\"]\n"),
        (
            "ranges",
            "simplify = 0\nmin_size = 0\nzooms = [{ zooms = [0, 2], filter = \"name > 'K'\" }]\n",
        ),
    ];
    for table in ["countries", "cities"] {
        let path = folder.write(&format!("{table}.geojson"), exported(&database, table));
        for (name, more) in settings {
            let same = format!(
                "layer_name = \"same\"\nproperties = [\"name\"]\nbounds = [-180, -90, 180, 90]\n{more}"
            );
            toml += &format!(
                "[layers.{table}_{name}]\ndatabase = \"main\"\ntable = \"{table}\"\n{same}\
                 [layers.{table}_{name}_file]\nfile = \"{path}\"\n{same}"
            );
        }
    }
    let server = Server::configured(&toml);
    assert_eq!(server.get("/catalog").json()["disabled"], serde_json::json!({}));
    let mut cut = 0;
    for table in ["countries", "cities"] {
        for (name, _) in settings {
            for at in ["0/0/0", "1/1/0", "3/4/2", "5/17/10", "6/34/21", "10/550/336"] {
                let filter = match name {
                    "asked" => format!("?filter={}", encoded("name LIKE 'B%' OR name IS NULL")),
                    _ => String::new(),
                };
                let of_table = server.gzip(&format!("/{table}_{name}/{at}{filter}"));
                let of_file = server.gzip(&format!("/{table}_{name}_file/{at}{filter}"));
                assert!(of_table.status < 300, "{table}_{name} {at}: {}", of_table.text());
                assert_eq!(of_file.status, of_table.status, "{table}_{name} {at}");
                assert!(of_file.mvt() == of_table.mvt(), "{table}_{name} {at} differs");
                let notes = [&of_table, &of_file].map(|answer| answer.header("tesela-truncated"));
                assert_eq!(notes[0].is_some(), notes[1].is_some(), "{table}_{name} {at}");
                cut += usize::from(notes[0].is_some());
            }
        }
    }
    assert!(cut > 8, "{cut} tiles reach their budget");
}

#[test]
fn files_folders_and_patterns_are_published_under_their_names() {
    let folder = Folder::new();
    let file = collection(&[feature(1, "a", 1.0, 2.0)]);
    let path = folder.write("Käse & Brot.geojson", &file);
    folder.write("lines.ndjson", feature(7, "b", 3.0, 4.0) + "\n" + &feature(8, "c", 5.0, 6.0));
    folder.write("package.json", "{}");
    folder.write("notes.txt", "nothing of interest");
    let named = folder.write("plain.json", &file);
    let ids = |server: &Server| -> Vec<String> {
        let catalog = server.get("/catalog").json();
        catalog["tiles"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(ids(&serve(&[folder.text()])), ["Käse___Brot", "lines"]);
    assert_eq!(ids(&serve(&[&path, &named])), ["Käse___Brot", "plain"]);
    let pattern = format!("{}/*.*json", folder.text());
    let server = serve(&[&pattern, &path]);
    assert_eq!(ids(&server), ["Käse___Brot", "lines"], "each file once");
    let layer = &server.tile("/lines/0/0/0")[0];
    assert_eq!(layer.features.iter().map(|f| f.id).collect::<Vec<_>>(), [Some(7), Some(8)]);
}

#[test]
fn files_of_one_name_are_told_apart() {
    let (one, other) = (Folder::new(), Folder::new());
    let (a, b) =
        (collection(&[feature(1, "a", 1.0, 2.0)]), collection(&[feature(1, "b", 3.0, 4.0)]));
    let paths =
        [one.write("x.geojson", &a), one.write("x.ndjson", &a), other.write("x.geojson", &b)];
    let server = serve(&paths.each_ref().map(String::as_str));
    let catalog = server.get("/catalog").json();
    assert_eq!(catalog["tiles"].as_object().unwrap().len(), 3, "{catalog}");
    assert_eq!(catalog["disabled"], serde_json::json!({}));
}

#[test]
fn a_configured_layer_of_a_file_takes_the_place_of_the_published_one() {
    let folder = Folder::new();
    folder.write("cities.geojson", collection(&[feature(1, "a", 1.0, 2.0)]));
    let config = folder.write(
        "tesela.toml",
        "[files]\npublish = [\".\"]\n[layers.towns]\nfile = \"./cities.geojson\"\nmax_zoom = 9\n",
    );
    let args = ["serve", "--listen", "127.0.0.1:0", "--config", &config];
    let server = Server::start(tesela(&args), None);
    let catalog = server.get("/catalog").json();
    let ids: Vec<_> = catalog["tiles"].as_object().unwrap().keys().collect();
    assert_eq!(ids, ["towns"], "paths start where the configuration is");
    let config = folder.write(
        "tesela.toml",
        "[files]\npublish = [\".\", \"../\"]\n[layers.towns]\nfile = \"cities.geojson\"\n\
         properties = []\n",
    );
    let done = run(&["check", "--config", &config]);
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(!text.contains("\ncities"), "a file is the same however it is spelled: {text}");
}

#[test]
fn zooms_may_have_files_of_their_own() {
    let folder = Folder::new();
    let coarse = folder.write("coarse.geojson", collection(&[feature(1, "coarse", 1.0, 2.0)]));
    let fine = folder.write("fine.geojson", collection(&[feature(1, "fine", 1.0, 2.0)]));
    let server = Server::configured(&format!(
        "[layers.x]\nfile = \"{fine}\"\n[[layers.x.zooms]]\nzooms = [0, 3]\nfile = \"{coarse}\"\n"
    ));
    for (tile, name) in [("0/0/0", "coarse"), ("3/4/3", "coarse"), ("4/8/7", "fine")] {
        let layer = &server.tile(&format!("/x/{tile}"))[0];
        assert_eq!(layer.features[0].properties["name"], Property::Text(name.to_owned()), "{tile}");
    }
    let ids: Vec<_> =
        server.get("/catalog").json()["tiles"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(ids, ["x"]);
}

#[test]
fn properties_are_what_they_were_in_the_file() {
    let folder = Folder::new();
    let text = r#"{"type":"Feature","id":"12","geometry":{"type":"Point","coordinates":[0,0,5]},
        "properties":{"t":"ä\u0000\"","i":-7,"big":9007199254740993,"huge":18446744073709551615,
        "d":1.5,"whole":2.0,"yes":true,"no":false,"null":null,"list":[1,"a"],"object":{"b":{}},
        "twice":1,"twice":2,"":"empty","__proto__":"x"}}"#;
    let path = folder.write("p.geojson", text);
    let layer = &serve(&[&path]).tile("/p/0/0/0")[0];
    let text = |text: &str| Property::Text(text.to_owned());
    let expected = [
        ("", text("empty")),
        ("__proto__", text("x")),
        ("big", Property::Int(9_007_199_254_740_993)),
        ("d", Property::Double(1.5)),
        ("huge", text("18446744073709551615")),
        ("i", Property::Int(-7)),
        ("list", text("[1,\"a\"]")),
        ("no", Property::Bool(false)),
        ("object", text("{\"b\":{}}")),
        ("t", text("ä\0\"")),
        ("twice", Property::Int(2)),
        ("whole", Property::Double(2.0)),
        ("yes", Property::Bool(true)),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(layer.features[0].properties, expected.into_iter().collect());
    assert_eq!(layer.features[0].id, Some(12));
}

#[test]
fn tilejson_tells_fields_bounds_and_a_version_that_is_the_same_everywhere() {
    let (here, there) = (Folder::new(), Folder::new());
    let file = collection(&[feature(1, "a", 10.0, 20.0), feature(2, "b", -5.0, 60.0)]);
    let servers = [&here, &there].map(|folder| serve(&[&folder.write("x.geojson", &file)]));
    let [one, other] = servers.each_ref().map(|server| server.get("/x").json());
    let bounds: Vec<f64> = serde_json::from_value(one["bounds"].clone()).unwrap();
    let expected = [-5.0, 20.0, 10.0, 60.0];
    assert!(bounds.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{bounds:?}");
    assert_eq!(one["vector_layers"][0]["fields"], serde_json::json!({"name": "String"}));
    let version = |json: &serde_json::Value| {
        json["tiles"][0].as_str().unwrap().split_once("?v=").unwrap().1.to_owned()
    };
    assert_eq!(version(&one), version(&other));
    let tile = servers[0].gzip(&format!("/x/0/0/0?v={}", version(&one)));
    assert!(tile.header("cache-control").unwrap().contains("immutable"));
}

#[test]
fn a_feature_has_its_details() {
    let folder = Folder::new();
    let square =
        "[[[0,0],[1,0],[1,1],[0,1],[0,0]],[[0.25,0.25],[0.25,0.75],[0.75,0.75],[0.25,0.25]]]";
    let text = [
        feature(1, "a", 10.125, 20.25),
        format!(
            r#"{{"type":"Feature","properties":{{"name":"b","n":2}},"id":2,"geometry":{{"type":"MultiPolygon","coordinates":[{square},{square}]}}}}"#
        ),
    ];
    let path = folder.write("x.ndjson", text.join("\n"));
    let toml = format!(
        "[layers.x]\nfile = \"{path}\"\nproperties = []\ndetails = [\"n\", \"name\", \"geometry\"]\n\
         allow_filter = [\"name\"]\n"
    );
    let server = Server::configured(&toml);
    let details = server.get("/x").json()["vector_layers"][0]["details"].clone();
    assert!(details.as_str().unwrap().ends_with("/x/features/{id}"), "{details}");
    let one = server.get("/x/features/1").json();
    let expected = serde_json::json!({
        "type": "Feature", "id": 1, "properties": {"n": null, "name": "a"},
        "geometry": {"type": "Point", "coordinates": [10.125, 20.25]},
    });
    assert_eq!(one, expected);
    let other = server.get("/x/features/2").json();
    let coordinates: serde_json::Value =
        serde_json::from_str(&format!("[{square},{square}]")).unwrap();
    assert_eq!(other["geometry"]["type"], "MultiPolygon");
    let rounded =
        other["geometry"]["coordinates"].to_string().replace(".0,", ",").replace(".0]", "]");
    assert_eq!(rounded, coordinates.to_string());
    assert_eq!(server.get("/x/features/3").status, 404);
    let filter = encoded("name = 'b'");
    assert_eq!(server.get(&format!("/x/features/1?filter={filter}")).status, 404);
}

#[test]
fn check_tells_what_a_configuration_wants_of_a_file_and_does_not_get() {
    let folder = Folder::new();
    let path = folder.write("x.geojson", collection(&[feature(1, "a", 1.0, 2.0)]));
    for (more, reason) in [
        (
            "properties = [\"nam\"]",
            "no feature of `PATH` has a property `nam`: did you mean `name`?",
        ),
        (
            "id = \"name\"",
            "property `name` of `PATH` can't be an id: not all its values are integers",
        ),
        ("filter = \"name > 5\"", "its `filter` can't be used"),
        ("order_by = \"size\"", "no feature of `PATH` has a property `size`"),
        ("table = \"y\"", "`PATH` is one layer without a name: leave `table` out"),
        ("allow_filter = [\"kind\"]", "no feature of `PATH` has a property `kind`"),
    ] {
        let config = ConfigFile::new(&format!("[layers.x]\nfile = \"{path}\"\n{more}\n"));
        let done = run(&["check", "--config", &config.path]);
        let text = String::from_utf8(done.stdout).unwrap();
        assert_eq!(done.status.code(), Some(1), "{more}: {text}");
        assert!(text.contains(&reason.replace("PATH", &path)), "{more}: {text}");
    }
    let done = run(&["check", &path]);
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{text}");
    assert!(
        text.contains("1 published, 1 warning, 0 problems")
            || text.contains("1 published, 0 warnings, 0 problems"),
        "{text}"
    );
}
