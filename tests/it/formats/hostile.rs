//! Files that are broken, by accident or by intent.

use std::process::Command;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use flatbuffers::FlatBufferBuilder;
use flatgeobuf::{FeatureArgs, FgbCrs, GeometryArgs, GeometryType};
use tesela::source::embedded::{LoadError, LoadOptions, Loaded, load};

use super::samples::{Feature, add_layer, empty_geopackage, flatgeobuf};
use super::{Folder, unmixed};

/// Longest time that a small file may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn read(path: &str) -> Result<Loaded, LoadError> {
    let (memory_limit, started) = (ByteSize::mb(64), Instant::now());
    let read = load(path.as_ref(), LoadOptions { strict: false, memory_limit, progress: &() });
    assert!(started.elapsed() < PATIENCE, "{path} took {:?}", started.elapsed());
    read
}

fn features_of(loaded: &Loaded) -> usize {
    loaded.layers.iter().map(|layer| layer.store.len()).sum()
}

/// Reads each beginning of a file, and the file with each of its bytes changed. A panic of a reader's
/// thread would be reported as a defect.
pub fn mangle(folder: &Folder, name: &str, whole: &[u8], step: usize) {
    let mut refused = 0;
    let mut check = |bytes: &[u8], what: &str| {
        let path = folder.write(name, bytes);
        match read(&path) {
            Ok(loaded) => assert!(features_of(&loaded) <= 1_000, "{what}"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(&path) && !text.contains("defect"), "{what}: {text}");
                refused += 1;
            }
        }
    };
    for length in (0..whole.len()).step_by(step) {
        check(&whole[..length], &format!("{length} bytes"));
    }
    let mut bytes = whole.to_vec();
    for at in (0..whole.len()).step_by(step) {
        for change in [1 << (at % 8), 0xff, 0x80] {
            bytes[at] ^= change;
            check(&bytes, &format!("byte {at} changed by {change}"));
            bytes[at] = whole[at];
        }
    }
    assert!(refused > whole.len() / step / 2, "only {refused} were refused");
}

fn few() -> Vec<Feature> {
    unmixed().into_iter().take(7).collect()
}

#[test]
fn no_broken_flatgeobuf_makes_a_reader_fail() {
    let folder = Folder::new();
    for index in [true, false] {
        let whole = flatgeobuf(&few(), index, FgbCrs { code: 4326, ..FgbCrs::default() });
        assert_eq!(features_of(&read(&folder.write("x.fgb", &whole)).unwrap()), 6);
        mangle(&folder, "x.fgb", &whole, 1);
    }
}

#[test]
fn no_broken_geopackage_makes_a_reader_fail() {
    let folder = Folder::new();
    let path = folder.path("whole.gpkg");
    let database = empty_geopackage(path.as_ref());
    add_layer(&database, "sample", &few());
    database.pragma_update(None, "page_size", 512).unwrap();
    database.execute_batch("VACUUM").unwrap();
    drop(database);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(features_of(&read(&path).unwrap()), 6);
    mangle(&folder, "x.gpkg", &whole, 3);
}

#[test]
fn a_truncated_flatgeobuf_is_told_with_feature_and_byte() {
    let folder = Folder::new();
    let whole = flatgeobuf(&few(), false, FgbCrs::default());
    let text = |bytes: &[u8]| read(&folder.write("x.fgb", bytes)).unwrap_err().to_string();
    let length = whole.len() - 1;
    let expected = format!("byte {length}: it ends in the middle of feature 6");
    assert!(text(&whole[..length]).contains(&expected), "{}", text(&whole[..length]));
    assert!(text(&[&whole, &b"abcd"[..]].concat()).contains("it goes on behind the 6 features"));
    assert!(text(b"{}").contains("it is no FlatGeobuf"));
    assert!(text(&[b"fgb\x02", &whole[4..]].concat()).contains("version 2, expected version 3"));
    let header = u32::from_le_bytes(*whole[8..].first_chunk().unwrap()) as usize;
    let (start, none) = (12 + header, format!("byte {}: it ends after 0", 12 + header));
    assert!(text(&whole[..start]).contains(&none), "{}", text(&whole[..start]));
}

/// A size of 4 GB in a file of some bytes, read by a process that has less memory.
#[test]
fn sizes_beyond_the_file_reserve_no_memory() {
    let folder = Folder::new();
    let whole = flatgeobuf(&few(), false, FgbCrs::default());
    let header = u32::from_le_bytes(*whole[8..].first_chunk().unwrap()) as usize;
    for at in [8, 12 + header] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let path = folder.write("huge.fgb", &bytes);
        let script = "ulimit -v 3000000; exec \"$0\" serve --listen 127.0.0.1:0 \"$1\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_tesela"), &path]);
        // So that the limit of the settings isn't what refuses it.
        let output = command.env("TESELA_FILES__MEMORY_LIMIT", "8GB").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(&format!("byte {}: it ends in", bytes.len())), "{text}");
    }
}

/// A file whose only feature has been made by `make`, behind five good ones.
fn with(make: impl FnOnce(&mut FlatBufferBuilder<'_>) -> FeatureArgs<'static>) -> Vec<u8> {
    let mut buffers = FlatBufferBuilder::new();
    let args = make(&mut buffers);
    // As a table of the buffer, whose lifetimes the generated code ties together.
    let feature = flatgeobuf::Feature::create(&mut buffers, &args);
    buffers.finish_size_prefixed(feature, None);
    let mut file = flatgeobuf(&few(), false, FgbCrs::default());
    // The count in the header is of one more: the last one is left out for it.
    let mut last = 0;
    let header = u32::from_le_bytes(*file[8..].first_chunk().unwrap()) as usize;
    let mut at = 12 + header;
    while at < file.len() {
        last = at;
        at += 4 + u32::from_le_bytes(*file[at..].first_chunk().unwrap()) as usize;
    }
    file.truncate(last);
    file.extend(buffers.finished_data());
    file
}

type Numbers<'a> = (GeometryType, &'a [f64], &'a [u32]);

fn geometry(
    buffers: &mut FlatBufferBuilder<'_>,
    (type_, xy, ends): Numbers<'_>,
    parts: &[Numbers<'_>],
) -> FeatureArgs<'static> {
    let parts: Vec<_> = parts
        .iter()
        .map(|(type_, xy, ends)| {
            let (xy, ends) = (buffers.create_vector(xy), buffers.create_vector(ends));
            let args = GeometryArgs {
                type_: *type_,
                xy: Some(xy),
                ends: Some(ends),
                ..GeometryArgs::default()
            };
            flatgeobuf::Geometry::create(buffers, &args)
        })
        .collect();
    let (xy, ends) = (buffers.create_vector(xy), buffers.create_vector(ends));
    let parts = buffers.create_vector(&parts);
    let args = GeometryArgs {
        type_,
        xy: Some(xy),
        ends: Some(ends),
        parts: Some(parts),
        ..GeometryArgs::default()
    };
    let geometry = flatgeobuf::Geometry::create(buffers, &args);
    FeatureArgs {
        geometry: Some(flatbuffers::WIPOffset::new(geometry.value())),
        ..FeatureArgs::default()
    }
}

#[test]
fn odd_geometries_of_flatgeobuf_are_skipped_with_their_reason() {
    let folder = Folder::new();
    let square = [0.0, 0.0, 4.0, 0.0, 4.0, 4.0, 0.0, 0.0];
    let (line, collection) = (GeometryType::LineString, GeometryType::GeometryCollection);
    for (numbers, parts, reason) in [
        ((GeometryType(200), &square[..], &[][..]), &[][..], "there is no geometry of type 200"),
        ((GeometryType::CurvePolygon, &square, &[]), &[], "ogr2ogr -nlt CONVERT_TO_LINEAR"),
        ((line, &square[..3], &[]), &[], "its last position has one number only"),
        ((line, &[0.0, f64::NAN], &[]), &[], "a coordinate is no number"),
        ((line, &[500_000.0, 1.0], &[]), &[], "coordinates must be degrees"),
        ((GeometryType::Polygon, &square, &[5]), &[], "its lines or rings end out of order"),
        ((GeometryType::Polygon, &square, &[3, 2]), &[], "its lines or rings end out of order"),
        ((GeometryType::Polygon, &square, &[u32::MAX]), &[], "end out of order"),
        ((GeometryType::Polygon, &square, &[2]), &[], "positions behind its last line or ring"),
        (
            (GeometryType::MultiPolygon, &[], &[]),
            &[(GeometryType::Point, &square[..2], &[][..])],
            "a member of its polygons is of type 1",
        ),
        (
            (collection, &[], &[]),
            &[(GeometryType::Unknown, &square[..2], &[])],
            "there is no geometry of type 0",
        ),
    ] {
        let file = with(|buffers| geometry(buffers, numbers, parts));
        let path = folder.write("odd.fgb", &file);
        let loaded = read(&path).unwrap();
        assert_eq!((features_of(&loaded), loaded.skipped), (5, 1), "{reason}");
        let flaw = &loaded.flaws[0];
        assert!(flaw.starts_with(&format!("{path}: byte ")) && flaw.contains(", feature 6: "));
        assert!(flaw.contains(reason), "{flaw}");
    }
    // And one that is nothing but unusual.
    let mixed: [Numbers<'_>; 2] =
        [(GeometryType::Point, &square[..2], &[]), (GeometryType::Polygon, &square, &[4])];
    let file = with(|buffers| geometry(buffers, (collection, &[], &[]), &mixed));
    assert_eq!(features_of(&read(&folder.write("mixed.fgb", &file)).unwrap()), 6);
}

#[test]
fn odd_properties_of_flatgeobuf_are_skipped_with_their_reason() {
    let folder = Folder::new();
    for (bytes, reason) in [
        (&[9_u8, 0, 1][..], "it has a property 9, and there are 6 columns"),
        (&[1], "its properties end in the middle of one"),
        (&[1, 0, 1, 2], "its properties end in the middle of one"),
        (&[0, 0, 255, 255, 255, 255, 1], "its properties end in the middle of one"),
        (&[0, 0, 1, 0, 0, 0, 255], "its property \"name\" is no UTF-8"),
    ] {
        let file = with(|buffers| {
            let point = (GeometryType::Point, &[1.0, 1.0][..], &[][..]);
            let properties = buffers.create_vector(bytes).value();
            let properties = Some(flatbuffers::WIPOffset::new(properties));
            FeatureArgs { properties, ..geometry(buffers, point, &[]) }
        });
        let loaded = read(&folder.write("odd.fgb", &file)).unwrap();
        assert_eq!((features_of(&loaded), loaded.skipped), (5, 1), "{reason}");
        assert!(loaded.flaws[0].contains(reason), "{reason}: {}", loaded.flaws[0]);
    }
}

/// Each collection has the one before it as a member twice: 2⁶⁰ points in three kilobytes.
#[test]
fn tables_that_are_used_many_times_are_no_bomb() {
    let folder = Folder::new();
    let file = with(|buffers| {
        let xy = buffers.create_vector(&[1.0, 1.0]);
        let type_ = GeometryType::Point;
        let args = GeometryArgs { type_, xy: Some(xy), ..GeometryArgs::default() };
        let mut inner = flatgeobuf::Geometry::create(buffers, &args).value();
        for _ in 0..60 {
            let member = flatbuffers::WIPOffset::new(inner);
            let parts = Some(buffers.create_vector(&[member, member]));
            let type_ = GeometryType::GeometryCollection;
            let args = GeometryArgs { type_, parts, ..GeometryArgs::default() };
            inner = flatgeobuf::Geometry::create(buffers, &args).value();
        }
        let geometry = Some(flatbuffers::WIPOffset::new(inner));
        FeatureArgs { geometry, ..FeatureArgs::default() }
    });
    let loaded = read(&folder.write("bomb.fgb", &file)).unwrap();
    assert_eq!((features_of(&loaded), loaded.skipped), (5, 1));
    assert!(loaded.flaws[0].contains("it is broken"), "{}", loaded.flaws[0]);
}

/// One line of a thousand points as each of two thousand members.
#[test]
fn geometries_that_are_used_many_times_take_no_more_memory_than_the_file() {
    let folder = Folder::new();
    let file = with(|buffers| {
        let xy = buffers.create_vector(&[1.0; 2_000]);
        let type_ = GeometryType::LineString;
        let args = GeometryArgs { type_, xy: Some(xy), ..GeometryArgs::default() };
        let line = flatgeobuf::Geometry::create(buffers, &args).value();
        let parts = buffers.create_vector(&[flatbuffers::WIPOffset::new(line); 2_000]);
        let type_ = GeometryType::GeometryCollection;
        let args = GeometryArgs { type_, parts: Some(parts), ..GeometryArgs::default() };
        let all = flatgeobuf::Geometry::create(buffers, &args).value();
        let geometry = Some(flatbuffers::WIPOffset::new(all));
        FeatureArgs { geometry, ..FeatureArgs::default() }
    });
    let loaded = read(&folder.write("bomb.fgb", &file)).unwrap();
    assert_eq!((features_of(&loaded), loaded.skipped), (5, 1));
    assert!(loaded.flaws[0].contains("it is broken"), "{}", loaded.flaws[0]);
}

#[test]
fn strict_makes_one_bad_feature_fatal() {
    let folder = Folder::new();
    let line = (GeometryType::LineString, &[0.0, f64::INFINITY][..], &[][..]);
    let fgb = folder.write("a.fgb", &with(|buffers| geometry(buffers, line, &[])));
    let gpkg = folder.path("a.gpkg");
    let database = empty_geopackage(gpkg.as_ref());
    add_layer(&database, "a", &few());
    database.execute_batch("UPDATE a SET geom = x'00' WHERE fid = 2").unwrap();
    for path in [fgb, gpkg] {
        assert_eq!(read(&path).unwrap().skipped, 1);
        let text = super::refused(&["--strict", &path]);
        assert!(text.contains("1 features can't be read; the first: "), "{text}");
        let server = super::serve(&path);
        assert!(server.log().contains("skipped: "), "{}", server.log());
    }
}
