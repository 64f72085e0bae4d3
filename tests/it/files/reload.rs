//! Files that change under a running server.

use super::{collection, feature, serve};
use crate::support::eventually;
use crate::support::files::Folder;
use crate::support::server::Server;
use crate::support::tile::Property;

/// Names of the features in the world's tile.
fn names(server: &Server, layer: &str) -> Vec<String> {
    let tile = server.tile(&format!("/{layer}/0/0/0"));
    let features = tile.iter().flat_map(|layer| &layer.features);
    features.map(|feature| format!("{:?}", feature.properties["name"])).collect()
}

fn version(server: &Server) -> String {
    server.get("/x").json()["tiles"][0].as_str().unwrap().to_owned()
}

#[test]
fn a_file_that_changes_is_served_anew_and_its_old_tiles_are_gone() {
    let folder = Folder::new();
    let path = folder.write("x.geojson", collection(&[feature(1, "old", 1.0, 2.0)]));
    let other = folder.write("y.geojson", collection(&[feature(1, "other", 1.0, 2.0)]));
    let server = serve(&[&path, &other]);
    assert_eq!(names(&server, "x"), ["Text(\"old\")"]);
    let hit = |path: &str| server.get(path).header("cache-status").unwrap().contains("hit");
    assert!(hit("/x/0/0/0") && !hit("/y/0/0/0") && hit("/y/0/0/0"));
    let before = version(&server);
    // With other properties and in another place.
    let changed = r#"{"type":"Feature","properties":{"name":"new","more":1},"geometry":{"type":"Point","coordinates":[50,60]}}"#;
    folder.write("x.geojson", changed);
    eventually("the new feature is in the tile", || names(&server, "x") == ["Text(\"new\")"]);
    assert_ne!(version(&server), before);
    assert_eq!(server.get("/x").json()["vector_layers"][0]["fields"]["more"], "Number");
    assert!(hit("/y/0/0/0"), "tiles of the other file stay");
    // Back to what it was: no tile of before comes back with it.
    folder.write("x.geojson", collection(&[feature(2, "newest", 1.0, 2.0)]));
    eventually("the newest feature is in the tile", || names(&server, "x") == ["Text(\"newest\")"]);
}

#[test]
fn a_broken_new_version_is_reported_and_the_old_one_keeps_serving() {
    let folder = Folder::new();
    let path = folder.write("x.geojson", collection(&[feature(1, "old", 1.0, 2.0)]));
    let server = serve(&[&path]);
    let before = version(&server);
    folder.write("x.geojson", "{\"type\":\"FeatureCollection\",\"features\":[{");
    eventually("the log says so", || server.log().contains("the old one is still served"));
    assert!(server.log().contains("it ends in the middle of feature 1"), "{}", server.log());
    assert_eq!(names(&server, "x"), ["Text(\"old\")"]);
    assert_eq!(version(&server), before);
    std::fs::remove_file(&path).unwrap();
    eventually("the log says that it is gone", || server.log().contains("the file is gone"));
    assert_eq!(server.get("/x/3/4/3").status, 200, "what was read is still there");
    folder.write("x.geojson", collection(&[feature(1, "mended", 1.0, 2.0)]));
    eventually("the mended one is served", || names(&server, "x") == ["Text(\"mended\")"]);
}

#[test]
fn a_file_that_turns_up_in_a_published_folder_is_served() {
    let folder = Folder::new();
    folder.write("x.geojson", collection(&[feature(1, "old", 1.0, 2.0)]));
    let server = serve(&[folder.text()]);
    assert_eq!(server.get("/y/0/0/0").status, 404);
    folder.write("broken.geojson", "[");
    folder.write("y.geojson", collection(&[feature(1, "new", 1.0, 2.0)]));
    eventually("the new file is a layer", || server.get("/y/0/0/0").status == 200);
    assert_eq!(names(&server, "x"), ["Text(\"old\")"]);
    eventually("the log tells of the broken one", || {
        server.log().contains("a new file can't be used")
    });
    folder.write("broken.geojson", collection(&[feature(1, "mended", 1.0, 2.0)]));
    eventually("the mended one is a layer", || server.get("/broken/0/0/0").status == 200);
    assert_eq!(server.log().matches("a new file can't be used").count(), 1, "{}", server.log());
}

#[test]
fn a_file_that_is_written_bit_by_bit_is_read_once_it_is_whole() {
    use std::io::Write;
    let folder = Folder::new();
    let path = folder.write("x.ndjson", feature(1, "old", 1.0, 2.0) + "\n");
    let server = serve(&[&path]);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let started = std::time::Instant::now();
    let mut number = 2;
    // Longer than it takes to notice a change.
    while started.elapsed().as_millis() < 2_500 {
        let line = feature(number, "more", 1.0, 2.0) + "\n";
        let (first, second) = line.split_at(20);
        file.write_all(first.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        file.write_all(second.as_bytes()).unwrap();
        number += 1;
    }
    eventually("all features are there", || names(&server, "x").len() as u64 == number - 1);
    assert!(!server.log().contains("still served"), "{}", server.log());
}

#[test]
fn no_tile_of_an_old_version_is_served_as_the_new_one_while_everybody_asks() {
    let folder = Folder::new();
    let text = |name: &str| {
        let at = |i: u64| {
            (f64::from(i as u32 % 32) * 11.0 - 170.0, f64::from(i as u32 / 32) * 5.0 - 80.0)
        };
        let features = (0..1024).map(|i| feature(i, name, at(i).0, at(i).1));
        collection(&features.collect::<Vec<_>>())
    };
    let path = folder.write("x.geojson", text("v0"));
    let server = serve(&[&path]);
    let tiles: Vec<String> = (0..1024u32).map(|i| format!("/x/5/{}/{}", i % 32, i / 32)).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for first in 0..6 {
            let (tiles, server, done) = (&tiles, &server, &done);
            scope.spawn(move || {
                for tile in tiles.iter().cycle().skip(first * 170) {
                    if done.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    server.get(tile);
                }
            });
        }
        let mut last = version(&server);
        for number in 1..=3 {
            let name = format!("v{number}");
            folder.write("x.geojson", text(&name));
            eventually("the new version is published", || version(&server) != last);
            last = version(&server);
            let (_, v) = last.rsplit_once("?v=").unwrap();
            for tile in tiles.iter().step_by(9) {
                let found = server.tile(&format!("{tile}?v={v}"));
                for feature in found.iter().flat_map(|layer| &layer.features) {
                    assert_eq!(feature.properties["name"], Property::Text(name.clone()), "{tile}");
                }
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_new_version_that_a_configured_layer_cant_be_made_of_is_refused() {
    let folder = Folder::new();
    let path = folder.write("x.geojson", collection(&[feature(1, "old", 1.0, 2.0)]));
    let server = Server::configured(&format!(
        "[layers.x]\nfile = \"{path}\"\nproperties = [\"name\"]\ndata_version = \"mine\"\n"
    ));
    let before = version(&server);
    folder.write("x.geojson", r#"{"type":"Feature","properties":{"title":"new"},"geometry":{"type":"Point","coordinates":[1,2]}}"#);
    eventually("the log says why", || {
        server.log().contains("has a property `name`") && server.log().contains("still served")
    });
    assert_eq!(names(&server, "x"), ["Text(\"old\")"]);
    folder.write("x.geojson", collection(&[feature(1, "good", 1.0, 2.0)]));
    eventually("the good one is served", || names(&server, "x") == ["Text(\"good\")"]);
    assert_ne!(version(&server), before, "whatever data_version says");
}

#[test]
fn strict_holds_for_files_that_change_too() {
    let folder = Folder::new();
    let path = folder.write("x.ndjson", feature(1, "old", 1.0, 2.0));
    let server = serve(&[&path, "--strict"]);
    folder
        .write("x.ndjson", feature(1, "new", 1.0, 2.0) + "\n{\"type\":\"Feature\",\"geometry\":1}");
    eventually("the log says so", || server.log().contains("1 features can't be read"));
    assert_eq!(names(&server, "x"), ["Text(\"old\")"]);
}

#[test]
fn a_file_that_turns_up_takes_no_name_from_another() {
    let folder = Folder::new();
    folder.write("x.geojson", collection(&[feature(1, "old", 1.0, 2.0)]));
    let server = serve(&[folder.text()]);
    folder.write("x.ndjson", feature(1, "other", 1.0, 2.0));
    eventually("the log says so", || server.log().contains("there is a layer x already"));
    assert_eq!(names(&server, "x"), ["Text(\"old\")"]);
}

#[test]
fn a_pipe_in_the_place_of_a_file_stops_nothing() {
    let folder = Folder::new();
    let path = folder.write("x.geojson", collection(&[feature(1, "old", 1.0, 2.0)]));
    let other = folder.write("y.geojson", collection(&[feature(1, "old", 1.0, 2.0)]));
    let server = serve(&[&path, &other]);
    let made = std::process::Command::new("mkfifo").arg(folder.path.join("pipe")).status();
    assert!(made.unwrap().success());
    std::fs::rename(folder.path.join("pipe"), &path).unwrap();
    eventually("the log says that the file is gone", || server.log().contains("the file is gone"));
    folder.write("y.geojson", collection(&[feature(1, "new", 1.0, 2.0)]));
    eventually("the other file is read again", || names(&server, "y") == ["Text(\"new\")"]);
    assert_eq!(names(&server, "x"), ["Text(\"old\")"]);
    folder.write("x.geojson", collection(&[feature(1, "new", 1.0, 2.0)]));
    eventually("a file is read again", || names(&server, "x") == ["Text(\"new\")"]);
}
