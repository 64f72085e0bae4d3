//! GeoParquet, where it is built in.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use tesela::source::embedded::{EmbeddedLayer, Loaded};
use tesela::source::postgis::TableSettings;

use super::hostile::{mangle, read};
use super::samples::{Feature, Geometry, features, geojson};
use super::{Folder, refused, serve, tells_all_bytes, tiles, unmixed};
use crate::support::tile::Property;

const GEO: &str = r#"{"version": "1.1.0", "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}}}"#;

type Group<'a> = SerializedRowGroupWriter<'a, File>;

/// Writes a column; `None` for a value that isn't there.
fn column<T: DataType>(group: &mut Group<'_>, values: Vec<Option<T::T>>) {
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
}

/// A file with some groups of rows, each written by `write`.
fn file(
    path: &str,
    schema: &str,
    geo: Option<&str>,
    compression: Compression,
    groups: usize,
    write: impl Fn(&mut Group<'_>, usize),
) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let geo = geo.map(|geo| vec![KeyValue::new("geo".to_owned(), geo.to_owned())]);
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_key_value_metadata(geo)
        .build();
    let file = File::create(path).unwrap();
    let mut file = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for number in 0..groups {
        let mut group = file.next_row_group().unwrap();
        write(&mut group, number);
        group.close().unwrap();
    }
    file.close().unwrap();
}

const SCHEMA: &str = "message table {
    optional binary name (UTF8);
    optional int64 number;
    optional double ratio;
    optional boolean good;
    optional int64 time (TIMESTAMP_MICROS);
    optional binary geometry;
}";

fn sample(path: &str, all: &[Feature], geo: Option<&str>, compression: Compression) {
    let half = all.len() / 2;
    file(path, SCHEMA, geo, compression, 2, |group, number| {
        let part = if number == 0 { &all[..half] } else { &all[half..] };
        let bytes = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        let time = |feature: &Feature| {
            let time: jiff::Timestamp = feature.time.parse().unwrap();
            time.as_microsecond()
        };
        let wkb = |geometry: &Geometry| ByteArray::from(geometry.wkb());
        column::<ByteArrayType>(group, part.iter().map(|f| Some(bytes(&f.name))).collect());
        column::<Int64Type>(group, part.iter().map(|f| f.number).collect());
        column::<DoubleType>(group, part.iter().map(|f| Some(f.ratio)).collect());
        column::<BoolType>(group, part.iter().map(|f| Some(f.good)).collect());
        column::<Int64Type>(group, part.iter().map(|f| Some(time(f))).collect());
        let geometries = part.iter().map(|f| f.geometry.as_ref().map(wkb));
        column::<ByteArrayType>(group, geometries.collect());
    });
}

fn features_of(loaded: &Loaded) -> usize {
    loaded.layers.iter().map(|layer| layer.store.len()).sum()
}

#[test]
fn the_same_features_give_the_same_tiles_whatever_they_are_compressed_with() {
    let (folder, features) = (Folder::new(), features());
    let expected = tiles(&folder.write("sample.geojson", &geojson(&features, false)));
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4_RAW,
    ] {
        let path = folder.path("sample.parquet");
        sample(&path, &features, Some(GEO), compression);
        assert!(tiles(&path) == expected, "{compression:?}");
    }
}

#[test]
fn columns_of_all_types_are_properties_or_left_out() {
    let folder = Folder::new();
    let path = folder.path("types.geoparquet");
    let schema = "message table {
        optional int64 nanos (TIMESTAMP(NANOS, true));
        optional int32 day (DATE);
        optional int32 clock (TIME(MILLIS, false));
        optional int64 large (UINT_64);
        optional int32 small (UINT_8);
        optional int64 price (DECIMAL(9, 2));
        optional binary raw;
        optional binary geometry;
        optional group box { optional double xmin; }
    }";
    file(&path, schema, Some(GEO), Compression::SNAPPY, 1, |group, _| {
        column::<Int64Type>(group, vec![Some(1_580_472_000_500_000_000)]);
        column::<Int32Type>(group, vec![Some(18_292)]);
        column::<Int32Type>(group, vec![Some(43_200_000)]);
        column::<Int64Type>(group, vec![Some(-1)]);
        column::<Int32Type>(group, vec![Some(200)]);
        column::<Int64Type>(group, vec![Some(12_50)]);
        column::<ByteArrayType>(group, vec![Some(ByteArray::from(vec![255]))]);
        let point = Geometry::Points(vec![[1.0, 2.0]]);
        column::<ByteArrayType>(group, vec![Some(ByteArray::from(point.wkb()))]);
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[1.0], Some(&[2]), None).unwrap();
        column.close().unwrap();
    });
    let text = |text: &str| Property::Text(text.to_owned());
    let expected = [
        ("clock", text("12:00:00")),
        ("day", text("2020-01-31")),
        ("large", text("18446744073709551615")),
        ("nanos", text("2020-01-31T12:00:00.5Z")),
        ("price", Property::Double(12.5)),
        ("small", Property::Int(200)),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(serve(&path).tile("/types/0/0/0")[0].features[0].properties, expected.into());
    let store = read(&path).unwrap().layers[0].store.clone();
    let allow_filter = ["nanos", "day", "clock"].map(str::to_owned).into();
    let settings = TableSettings { allow_filter, ..TableSettings::default() };
    let layer = EmbeddedLayer::new("types", (&path, 0), store, &settings).unwrap();
    let kinds: Vec<_> = layer.filterable().iter().map(|(_, kind)| *kind).collect();
    use tesela::query::Kind::{Text, Time};
    assert_eq!(kinds, [Time, Time, Text]);
}

#[test]
fn what_is_no_geoparquet_in_degrees_or_metres_is_refused() {
    let (folder, features) = (Folder::new(), unmixed());
    let crs = |crs: &str| GEO.replace("\"geometry_types\"", &format!("\"crs\": {crs}, \"x\""));
    let id = r#"{"name": "UTM 32N", "id": {"authority": "EPSG", "code": 25832}}"#;
    for (geo, reason) in [
        (None, "it is Parquet, but not GeoParquet"),
        (Some("{".to_owned()), "its key \"geo\" is no JSON"),
        (Some("{}".to_owned()), "has no primary_column"),
        (Some(GEO.replace("WKB", "polygon")), "encoded as polygon, expected WKB: convert it"),
        (Some(GEO.replace("geometry\"", "shape\"")), "lacks the column of its geometries"),
        (Some(GEO.replace("geometry\"", "name\"")), "are no binary column"),
        (Some(crs(id)), "is in EPSG:25832 (UTM 32N)"),
        (Some(crs(r#"{"name": "mine"}"#)), "is in mine, and files"),
    ] {
        let path = folder.path("x.parquet");
        sample(&path, &features, geo.as_deref(), Compression::SNAPPY);
        let text = refused(&[&path]);
        assert!(text.contains(&path) && text.contains(reason), "{text}");
    }
    for known in ["null", r#"{"id": {"authority": "OGC", "code": "CRS84"}}"#] {
        let path = folder.path("known.parquet");
        sample(&path, &features, Some(&crs(known)), Compression::SNAPPY);
        tells_all_bytes(&path);
        assert_eq!(features_of(&read(&path).unwrap()), 53 - 7);
    }
    let text = refused(&[&folder.write("text.parquet", b"hello")]);
    assert!(text.contains("its Parquet is broken"), "{text}");
}

#[test]
fn one_bad_geometry_is_skipped_with_its_row() {
    let folder = Folder::new();
    let path = folder.path("bad.parquet");
    let schema = "message table { optional binary geometry; }";
    file(&path, schema, Some(GEO), Compression::SNAPPY, 1, |group, _| {
        let point = ByteArray::from(Geometry::Points(vec![[1.0, 2.0]]).wkb());
        let all = vec![Some(point.clone()), None, Some(ByteArray::from(vec![1, 2])), Some(point)];
        column::<ByteArrayType>(group, all);
    });
    let loaded = read(&path).unwrap();
    assert_eq!((features_of(&loaded), loaded.skipped), (2, 1));
    assert_eq!(loaded.layers[0].store.without_place(), 1);
    let expected = format!("{path}: feature 3: its geometry is no well-known binary");
    assert!(loaded.flaws[0].starts_with(&expected), "{}", loaded.flaws[0]);
}

#[test]
fn no_broken_geoparquet_makes_a_reader_fail() {
    let folder = Folder::new();
    let few: Vec<_> = unmixed().into_iter().take(7).collect();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let path = folder.path("whole.parquet");
        sample(&path, &few, Some(GEO), compression);
        assert_eq!(features_of(&read(&path).unwrap()), 6);
        mangle(&folder, "x.parquet", &std::fs::read(&path).unwrap(), 3);
    }
}
