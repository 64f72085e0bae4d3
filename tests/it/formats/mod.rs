//! FlatGeobuf, GeoPackage and GeoParquet as sources.

mod geopackage;
#[cfg(feature = "geoparquet")]
mod geoparquet;
mod hostile;
mod samples;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use flatgeobuf::FgbCrs;
use tesela::query::Kind;
use tesela::source::embedded::{EmbeddedLayer, LoadOptions, Progress, load};
use tesela::source::postgis::TableSettings;

use crate::support::eventually;
use crate::support::server::{Server, tesela};
use samples::{Feature, Geometry, features, flatgeobuf, geojson};

/// A new folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tesela-formats-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn serve(path: &str) -> Server {
    Server::start(tesela(&["serve", "--listen", "127.0.0.1:0", path]), None)
}

/// Features without collections, to all of whose members the writer of FlatGeobuf gives the type of
/// the last.
fn unmixed() -> Vec<Feature> {
    let is_plain = |feature: &Feature| !matches!(feature.geometry, Some(Geometry::Mixed(_)));
    features().into_iter().filter(is_plain).collect()
}

/// A server that should end by itself, killed if it doesn't.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command says that refuses to start.
fn refusal(mut command: Command) -> String {
    let mut child = Ending(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut status = None;
    eventually("it refuses to start", || {
        status = child.0.try_wait().unwrap();
        status.is_some()
    });
    let mut text = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(status.unwrap().code(), Some(1), "{text}");
    assert!(!text.contains("panicked") && !text.contains("listening"), "{text}");
    text
}

fn refused(args: &[&str]) -> String {
    refusal(tesela(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
}

/// The tiles of the layer `sample`: all of the first zooms, and some of a later one.
fn tiles(path: &str) -> Vec<Vec<u8>> {
    let server = serve(path);
    let all =
        (0..3).flat_map(|z| (0..1 << z).flat_map(move |x| (0..1 << z).map(move |y| (z, x, y))));
    let all = all.chain((0..16).map(|x| (4, x, 7)));
    let tiles = all.map(|(z, x, y)| server.gzip(&format!("/sample/{z}/{x}/{y}")).mvt());
    let tiles: Vec<_> = tiles.collect();
    assert!(tiles.iter().filter(|tile| !tile.is_empty()).count() > 20, "{path}");
    tiles
}

#[test]
fn the_same_features_give_the_same_tiles_in_every_format() {
    let (folder, features) = (Folder::new(), features());
    let plain = tiles(&folder.write("sample.geojson", &geojson(&features, false)));
    let unmixed = unmixed();
    let expected = tiles(&folder.write("sample.geojson", &geojson(&unmixed, false)));
    for index in [true, false] {
        let file = flatgeobuf(&unmixed, index, FgbCrs { code: 4326, ..FgbCrs::default() });
        assert!(tiles(&folder.write("sample.fgb", &file)) == expected, "FlatGeobuf, {index}");
    }
    let with_ids = tiles(&folder.write("sample.geojson", &geojson(&features, true)));
    let path = folder.path("one.gpkg");
    samples::add_layer(&samples::empty_geopackage(path.as_ref()), "sample", &features);
    assert!(tiles(&path) == with_ids, "GeoPackage");
    assert!(with_ids != plain);
}

#[test]
fn flatgeobuf_in_other_systems_is_refused_with_the_command_that_converts_it() {
    let (folder, features) = (Folder::new(), features());
    let wkt = "PROJCS[\"ETRS89 / UTM 32N\",AUTHORITY[\"EPSG\",\"25832\"]]";
    for crs in [
        FgbCrs { code: 25832, name: Some("ETRS89 / UTM 32N"), ..FgbCrs::default() },
        FgbCrs { wkt: Some(wkt), ..FgbCrs::default() },
    ] {
        let path = folder.write("utm.fgb", &flatgeobuf(&features, false, crs));
        let text = refused(&[&path]);
        assert!(text.contains("is in EPSG:25832 (ETRS89 / UTM 32N)"), "{text}");
        let converted = path.replace("utm.fgb", "utm.4326.fgb");
        assert!(text.contains(&format!("ogr2ogr -t_srs EPSG:4326 {converted} {path}")), "{text}");
    }
    // One that says nothing is in degrees.
    let path = folder.write("unknown.fgb", &flatgeobuf(&features, false, FgbCrs::default()));
    assert!(!serve(&path).tile("/unknown/0/0/0").is_empty());
}

#[test]
fn times_of_a_file_are_compared_as_times() {
    let (folder, features) = (Folder::new(), unmixed());
    let fgb = folder.write("sample.fgb", &flatgeobuf(&features, true, FgbCrs::default()));
    let gpkg = folder.path("sample.gpkg");
    samples::add_layer(&samples::empty_geopackage(gpkg.as_ref()), "sample", &features);
    for path in [fgb, gpkg] {
        let limit = bytesize::ByteSize::mb(1);
        let options = LoadOptions { strict: true, memory_limit: limit, progress: &() };
        let loaded = load(path.as_ref(), options).unwrap();
        let allow_filter = ["name", "number", "ratio", "good", "time"].map(str::to_owned).into();
        let settings = TableSettings { allow_filter, ..TableSettings::default() };
        let store = loaded.layers[0].store.clone();
        let layer = EmbeddedLayer::new("sample", (&path, 0), store, &settings).unwrap();
        assert_eq!(layer.keys(), ["name", "number", "ratio", "good", "time"], "{path}");
        let kinds: Vec<_> = layer.filterable().iter().map(|(_, kind)| *kind).collect();
        assert_eq!(kinds, [Kind::Text, Kind::Number, Kind::Number, Kind::Bool, Kind::Time]);
    }
}

/// Counts what it is told.
#[derive(Default)]
struct Counter(AtomicU64);

impl Progress for Counter {
    fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// That a reader tells each byte of the file once.
fn tells_all_bytes(path: &str) {
    let (progress, memory_limit) = (Counter::default(), bytesize::ByteSize::mb(64));
    let options = LoadOptions { strict: true, memory_limit, progress: &progress };
    load(path.as_ref(), options).unwrap();
    let length = std::fs::metadata(path).unwrap().len();
    assert_eq!(progress.0.into_inner(), length, "{path}");
}

#[test]
fn progress_is_told_of_all_bytes_once() {
    let (folder, features) = (Folder::new(), unmixed());
    tells_all_bytes(&folder.write("a.geojson", &geojson(&features, true)));
    tells_all_bytes(&folder.write("a.fgb", &flatgeobuf(&features, true, FgbCrs::default())));
    let gpkg = folder.path("a.gpkg");
    samples::add_layer(&samples::empty_geopackage(gpkg.as_ref()), "a", &features);
    tells_all_bytes(&gpkg);
}

#[test]
fn files_that_take_more_than_the_limit_are_refused_with_the_way_into_postgis() {
    let (folder, features) = (Folder::new(), features());
    let many: Vec<_> = features.iter().cycle().take(6_000).cloned().collect();
    let many: Vec<_> =
        (1..).zip(many).map(|(id, feature)| samples::Feature { id, ..feature }).collect();
    let fgb = folder.write("many.fgb", &flatgeobuf(&many, true, FgbCrs::default()));
    let gpkg = folder.path("many.gpkg");
    samples::add_layer(&samples::empty_geopackage(gpkg.as_ref()), "many", &many);
    for path in [&fgb, &gpkg] {
        let mut command = tesela(&["serve", "--listen", "127.0.0.1:0", path]);
        command.env("TESELA_FILES__MEMORY_LIMIT", "100KB");
        let text = refusal(command);
        assert!(text.contains("ogr2ogr -f PostgreSQL"), "{text}");
    }
}

#[test]
fn a_folder_gives_the_layers_of_all_its_files() {
    let (folder, features) = (Folder::new(), features());
    folder.write("a.fgb", &flatgeobuf(&features, true, FgbCrs::default()));
    folder.write("b.geojson", &geojson(&features, true));
    folder.write("readme.txt", b"");
    let database = samples::empty_geopackage(folder.path("c.gpkg").as_ref());
    samples::add_layer(&database, "c1", &features);
    samples::add_layer(&database, "c2", &features);
    drop(database);
    let server = serve(folder.0.to_str().unwrap());
    let catalog = server.get("/catalog").json();
    let names: Vec<_> = catalog["tiles"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["a", "b", "c1", "c2"]);
    let empty = Folder::new();
    let text = refused(&[empty.0.to_str().unwrap()]);
    assert!(text.contains(".geojson") && text.contains(".fgb, .gpkg"), "{text}");
    assert!(!text.contains(".json,"), "{text}");
    let text = refused(&[&empty.write("x.shp", b"")]);
    assert!(text.contains(".fgb, .gpkg") && text.contains("ogr2ogr -f GPKG"), "{text}");
}

#[cfg(not(feature = "geoparquet"))]
#[test]
fn geoparquet_that_is_not_built_in_is_refused_with_the_feature_and_a_command() {
    let folder = Folder::new();
    let path = folder.write("a.parquet", b"PAR1");
    let text = refused(&[&path]);
    assert!(text.contains("--features geoparquet"), "{text}");
    let converted = path.replace(".parquet", ".gpkg");
    assert!(text.contains(&format!("ogr2ogr -f GPKG {converted} {path}")), "{text}");
}
