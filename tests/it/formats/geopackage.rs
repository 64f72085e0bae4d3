//! What GeoPackages may hold besides a table of features.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::hostile::read;
use super::samples::{self, Geometry, add_layer, empty_geopackage, list, with_header};
use super::{Folder, refused, serve};
use crate::support::tile::Property;

fn point(x: f64, y: f64) -> Vec<u8> {
    Geometry::Points(vec![[x, y]]).wkb()
}

fn new(folder: &Folder) -> (String, Connection) {
    let path = folder.path("x.gpkg");
    let database = empty_geopackage(path.as_ref());
    (path, database)
}

fn names(path: &str) -> Vec<String> {
    read(path).unwrap().layers.into_iter().filter_map(|layer| layer.name).collect()
}

#[test]
fn the_primary_key_is_the_id_and_columns_keep_their_types() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    database
        .execute_batch(
            "CREATE TABLE things (name TEXT(20), ok BOOLEAN, key INTEGER PRIMARY KEY, geom POINT, day DATE,
                 at DATETIME, photo BLOB, small SMALLINT, any INTEGER, twice INTEGER AS (key * 2))",
        )
        .unwrap();
    list(&database, "things", "GEOM", 4326);
    let insert =
        "INSERT INTO things VALUES ('ä', 1, ?1, ?2, '2020-01-31', '2020-01-31T12:00:00.500Z',
        x'00', 7, ?3)";
    database.execute(insert, (17, with_header(&point(1.0, 2.0), 4326, true), "word")).unwrap();
    database.execute(insert, (-3, with_header(&point(1.0, 2.0), 0, false), 1.5)).unwrap();
    drop(database);
    let layers = serve(&path).tile("/things/0/0/0");
    let features = &layers[0].features;
    assert_eq!(features.iter().map(|f| f.id).collect::<Vec<_>>(), [Some(17), None]);
    let text = |text: &str| Property::Text(text.to_owned());
    let expected = [
        ("any", text("word")),
        ("at", text("2020-01-31T12:00:00.5Z")),
        ("day", text("2020-01-31")),
        ("name", text("ä")),
        ("ok", Property::Bool(true)),
        ("small", Property::Int(7)),
        ("twice", Property::Int(34)),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(features[0].properties, expected.into());
    assert_eq!(features[1].properties["any"], Property::Double(1.5));
}

#[test]
fn names_are_names_whatever_they_contain() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    let table = "a\"; DROP TABLE gpkg_contents; --";
    let column = "x\" FROM t; --'";
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let create = format!(
        "CREATE TABLE {} (id INTEGER PRIMARY KEY, {} BLOB, {} TEXT, \"select\" TEXT)",
        quoted(table),
        quoted("g\"eom"),
        quoted(column)
    );
    database.execute_batch(&create).unwrap();
    list(&database, table, "g\"eom", 4326);
    let insert = format!("INSERT INTO {} VALUES (1, ?1, 'v', 's')", quoted(table));
    database.execute(&insert, [with_header(&point(1.0, 2.0), 4326, true)]).unwrap();
    drop(database);
    assert_eq!(names(&path), [table]);
    let server = serve(&path);
    let catalog = server.get("/catalog").json();
    let id = catalog["tiles"].as_object().unwrap().keys().next().unwrap().clone();
    let properties = &server.tile(&format!("/{id}/0/0/0"))[0].features[0].properties;
    assert_eq!(properties[column], Property::Text("v".to_owned()));
    assert_eq!(properties["select"], Property::Text("s".to_owned()));
}

#[test]
fn views_are_layers_and_other_tables_are_not() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    add_layer(&database, "t", &samples::features());
    database
        .execute_batch(
            "CREATE VIEW good AS SELECT fid AS number, geom, name, fid + 0 AS sum FROM t WHERE good;
             CREATE TABLE plain (id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE rtree_t_geom (id INTEGER, minx REAL);
             INSERT INTO gpkg_contents VALUES ('plain', 'attributes', 0)",
        )
        .unwrap();
    list(&database, "good", "geom", 4326);
    drop(database);
    assert_eq!(names(&path), ["good", "t"]);
    let layers = serve(&path).tile("/good/0/0/0");
    let good = samples::features();
    let good: Vec<_> = good.iter().filter(|f| f.good && f.geometry.is_some()).collect();
    // The first column of a view is the id.
    let ids: Vec<_> = layers[0].features.iter().map(|f| f.id.unwrap().cast_signed()).collect();
    assert_eq!(ids, good.iter().map(|feature| feature.id).collect::<Vec<_>>());
    assert!(!layers[0].features[0].properties.contains_key("number"));
    assert!(layers[0].features[0].properties.contains_key("sum"));
}

#[test]
fn layers_that_cannot_be_served_are_left_out_with_a_warning_unless_there_are_no_others() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    let features = samples::features();
    for table in ["fine", "metric", "plane", "lost", "gone", "odd"] {
        add_layer(&database, table, &features);
    }
    database
        .execute_batch(
            "UPDATE gpkg_geometry_columns SET srs_id = 25832 WHERE table_name = 'metric';
             UPDATE gpkg_geometry_columns SET srs_id = -1 WHERE table_name = 'plane';
             UPDATE gpkg_geometry_columns SET column_name = 'shape' WHERE table_name = 'lost';
             DROP TABLE gone;
             DROP TABLE odd;
             CREATE VIEW odd AS SELECT fid, geom, no_such(fid) FROM fine",
        )
        .unwrap();
    database.execute_batch("VACUUM").unwrap();
    let reasons = [
        "in EPSG:25832 (UTM 32N) in its layer \"metric\"",
        "ogr2ogr -s_srs EPSG:… -t_srs EPSG:4326",
        "layer \"lost\": its table lacks the column of its geometry",
        "layer \"gone\": there is no such table",
        "no such function: no_such",
    ];
    assert_eq!(names(&path), ["fine"]);
    let loaded = read(&path).unwrap();
    assert_eq!((loaded.left_out.len(), loaded.skipped), (5, 0));
    let server = serve(&path);
    for reason in reasons {
        assert!(server.log().contains("left out: ") && server.log().contains(reason), "{reason}");
    }
    assert!(refused(&["--strict", &path]).contains("layer"));
    database.execute_batch("DELETE FROM gpkg_contents WHERE table_name = 'fine'").unwrap();
    let text = refused(&[&path]);
    assert!(text.contains(&path), "{text}");
}

#[test]
fn undefined_geographic_systems_are_degrees() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    add_layer(&database, "a", &samples::features());
    add_layer(&database, "b", &samples::features());
    database
        .execute_batch(
            "UPDATE gpkg_geometry_columns SET srs_id = 0 WHERE table_name = 'a';
             UPDATE gpkg_geometry_columns SET srs_id = 99999 WHERE table_name = 'b';
             INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined SRS', 99999, 'GDAL', 99999, '')",
        )
        .unwrap();
    drop(database);
    let loaded = read(&path).unwrap();
    assert_eq!(loaded.layers.len(), 2);
    assert_eq!(loaded.layers[0].store.len(), 53);
}

#[test]
fn odd_geometries_are_skipped_with_their_reason() {
    let folder = Folder::new();
    let whole = with_header(&point(1.0, 2.0), 4326, true);
    let mut unknown_envelope = whole.clone();
    unknown_envelope[3] |= 0b1110;
    let mut extended = whole.clone();
    extended[3] |= 0b10_0000;
    let curve = [&[1, 8, 0, 0, 0], &0_u32.to_le_bytes()[..]].concat();
    for (geometry, reason) in [
        (b"GP".to_vec(), "doesn't start as one of a GeoPackage"),
        (point(1.0, 2.0), "doesn't start as one of a GeoPackage"),
        (whole[..20].to_vec(), "its geometry ends in its envelope"),
        (whole[..50].to_vec(), "its geometry is no well-known binary: ends too early"),
        (unknown_envelope, "the envelope of its geometry is of no known kind"),
        (extended, "of a kind that an extension has added"),
        (with_header(&point(1.0, 2.0), 25832, false), "has the srs_id 25832, its layer 4326"),
        (with_header(&point(500.0, 91.0), 4326, false), "coordinates must be degrees"),
        (with_header(&curve, 4326, false), "ogr2ogr -nlt CONVERT_TO_LINEAR"),
    ] {
        let _ = std::fs::remove_file(folder.path("x.gpkg"));
        let (path, database) = new(&folder);
        add_layer(&database, "t", &samples::features());
        database.execute("UPDATE t SET geom = ?1 WHERE fid = 3", [geometry]).unwrap();
        drop(database);
        let loaded = read(&path).unwrap();
        assert_eq!((loaded.skipped, loaded.layers[0].store.len()), (1, 52), "{reason}");
        let place = format!("{path}: layer \"t\", feature 3 (id 3): ");
        let flaw = &loaded.flaws[0];
        assert!(flaw.starts_with(&place) && flaw.contains(reason), "{flaw}");
    }
}

#[test]
fn empty_geometries_have_no_place() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    add_layer(&database, "t", &samples::features());
    let nowhere = with_header(&point(f64::NAN, f64::NAN), 4326, false);
    let mut flagged = with_header(&[], 4326, false);
    flagged[3] |= 0b1_0000;
    let sql = "UPDATE t SET geom = ?1 WHERE fid = ?2";
    database.execute(sql, (nowhere, 1)).unwrap();
    database.execute(sql, (flagged, 2)).unwrap();
    drop(database);
    let loaded = read(&path).unwrap();
    assert_eq!((loaded.skipped, loaded.layers[0].store.without_place()), (0, 9));
}

#[test]
fn databases_that_are_no_geopackage_are_refused() {
    let folder = Folder::new();
    let plain = folder.path("plain.gpkg");
    Connection::open(&plain).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let spatialite = folder.path("old.gpkg");
    let sql = "CREATE TABLE geometry_columns (a); CREATE TABLE spatial_ref_sys (b)";
    Connection::open(&spatialite).unwrap().execute_batch(sql).unwrap();
    let attributes = folder.path("attributes.gpkg");
    drop(empty_geopackage(attributes.as_ref()));
    for (path, reason) in [
        (folder.write("text.gpkg", b"hello, I am no database at all"), "it is no GeoPackage"),
        (folder.write("empty.gpkg", b""), "there is no gpkg_contents"),
        (plain, "there is no gpkg_contents"),
        (spatialite, "ogr2ogr -f GPKG"),
        (attributes, "it has no tables of features"),
    ] {
        let text = refused(&[&path]);
        assert!(text.contains(&path) && text.contains(reason), "{text}");
    }
}

#[test]
fn a_file_in_a_folder_that_nobody_may_write_to_is_served_and_nothing_is_left_beside_it() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    add_layer(&database, "t", &samples::features());
    // The last program that closes such a file puts the log into it.
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(database);
    std::fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o555)).unwrap();
    let read = read(&path);
    std::fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(read.unwrap().layers[0].store.len(), 53);
    let files: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files, [std::path::PathBuf::from(path)]);
}

#[test]
fn changes_that_are_still_in_the_log_are_served_and_change_the_digest() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    add_layer(&database, "t", &samples::features());
    let before = read(&path).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    database.execute_batch("DELETE FROM t WHERE fid = 1").unwrap();
    let after = read(&path).unwrap();
    assert_eq!(after.layers[0].store.len(), before.layers[0].store.len() - 1);
    database.execute_batch("DELETE FROM t WHERE fid = 2").unwrap();
    let later = read(&path).unwrap();
    assert!(later.digest != after.digest && after.digest != before.digest);
}

#[test]
fn a_view_that_makes_values_larger_than_the_file_is_refused() {
    let folder = Folder::new();
    let (path, database) = new(&folder);
    let sql = "CREATE VIEW v AS SELECT 1 AS fid, zeroblob(900000000) AS geom";
    database.execute_batch(sql).unwrap();
    list(&database, "v", "geom", 4326);
    drop(database);
    let text = read(&path).unwrap_err().to_string();
    assert!(text.contains("layer \"v\"") && text.contains("too big"), "{text}");
}
