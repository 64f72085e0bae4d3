//! The same features in files of each format.

use std::path::Path;

use flatgeobuf::geozero::error::Result;
use flatgeobuf::geozero::{ColumnValue, GeomProcessor, PropertyProcessor};
use flatgeobuf::{ColumnType, FgbCrs, FgbWriter, FgbWriterOptions, GeometryType, GeozeroGeometry};
use rusqlite::Connection;
use serde_json::{Value, json};

pub type Position = [f64; 2];

/// A geometry. Those of one member are no multi-geometries.
#[derive(Clone, Debug)]
pub enum Geometry {
    Points(Vec<Position>),
    Lines(Vec<Vec<Position>>),
    Polygons(Vec<Vec<Vec<Position>>>),
    Mixed(Vec<Geometry>),
}

#[derive(Clone, Debug)]
pub struct Feature {
    pub id: i64,
    pub geometry: Option<Geometry>,
    pub name: String,
    pub number: Option<i64>,
    pub ratio: f64,
    pub good: bool,
    /// RFC 3339.
    pub time: String,
}

use Geometry::{Lines, Mixed, Points, Polygons};

fn ring([x, y]: Position, size: f64) -> Vec<Position> {
    vec![[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
}

fn geometry(kind: usize, [x, y]: Position) -> Option<Geometry> {
    let line = |by: f64| vec![[x, y], [x + by, y + 2.0], [x + 5.0, y - by]];
    let hollow = vec![ring([x, y], 8.0), ring([x + 2.0, y + 2.0], 3.0)];
    let whole = Polygons(vec![hollow.clone(), vec![ring([x + 10.0, y], 4.0)]]);
    match kind {
        0 => Some(Points(vec![[x, y]])),
        1 => Some(Points(vec![[x, y], [x + 1.0, y + 1.0]])),
        2 => Some(Lines(vec![line(3.0)])),
        3 => Some(Lines(vec![line(3.0), line(7.5)])),
        4 => Some(Polygons(vec![hollow])),
        5 => Some(whole),
        6 => Some(Mixed(vec![Points(vec![[x, y]]), whole])),
        _ => None,
    }
}

/// Features of every kind around the world.
pub fn features() -> Vec<Feature> {
    let feature = |place: i32| {
        let number = f64::from(place);
        let at = [-170.0 + 5.3 * number, -60.0 + (number * 37.7) % 120.0];
        Feature {
            id: i64::from(place) + 1,
            geometry: geometry(place as usize % 8, at),
            name: format!("№ {place}"),
            // The first has all properties.
            number: (place % 3 == 0).then_some(i64::from(place) << 33),
            ratio: number / 7.0,
            good: place % 2 == 0,
            time: format!("20{:02}-01-31T12:30:00Z", place % 30),
        }
    };
    (0..60).map(feature).collect()
}

impl Geometry {
    fn json(&self) -> Value {
        match self {
            Points(all) if all.len() == 1 => json!({"type": "Point", "coordinates": all[0]}),
            Points(all) => json!({"type": "MultiPoint", "coordinates": all}),
            Lines(all) if all.len() == 1 => json!({"type": "LineString", "coordinates": all[0]}),
            Lines(all) => json!({"type": "MultiLineString", "coordinates": all}),
            Polygons(all) if all.len() == 1 => json!({"type": "Polygon", "coordinates": all[0]}),
            Polygons(all) => json!({"type": "MultiPolygon", "coordinates": all}),
            Mixed(all) => {
                let geometries: Vec<_> = all.iter().map(Self::json).collect();
                json!({"type": "GeometryCollection", "geometries": geometries})
            }
        }
    }

    /// Little-endian, as ISO has it.
    pub fn wkb(&self) -> Vec<u8> {
        let multi = |code: u32, members: Vec<Vec<u8>>| match <[_; 1]>::try_from(members) {
            Ok([only]) if code != 7 => only,
            Ok([only]) => [head(code), count(1), only].concat(),
            Err(members) => [head(code), count(members.len()), members.concat()].concat(),
        };
        let line = |line: &Vec<Position>| [count(line.len()), positions(line)].concat();
        match self {
            Points(all) => {
                let point = |point: &Position| [head(1), positions(&[*point])].concat();
                multi(4, all.iter().map(point).collect())
            }
            Lines(all) => multi(5, all.iter().map(|one| [head(2), line(one)].concat()).collect()),
            Polygons(all) => {
                let polygon = |rings: &Vec<Vec<Position>>| {
                    let inner: Vec<u8> = rings.iter().flat_map(line).collect();
                    [head(3), count(rings.len()), inner].concat()
                };
                multi(6, all.iter().map(polygon).collect())
            }
            Mixed(all) => multi(7, all.iter().map(Self::wkb).collect()),
        }
    }
}

fn head(code: u32) -> Vec<u8> {
    [&[1], &code.to_le_bytes()[..]].concat()
}

fn count(count: usize) -> Vec<u8> {
    u32::try_from(count).unwrap().to_le_bytes().to_vec()
}

fn positions(all: &[Position]) -> Vec<u8> {
    all.iter().flatten().flat_map(|number| number.to_le_bytes()).collect()
}

impl GeozeroGeometry for &Geometry {
    fn process_geom<P: GeomProcessor>(&self, out: &mut P) -> Result<()> {
        visit(self, out, 0)
    }
}

fn visit<P: GeomProcessor>(geometry: &Geometry, out: &mut P, place: usize) -> Result<()> {
    let each = |out: &mut P, all: &[Position]| {
        all.iter().enumerate().try_for_each(|(place, [x, y])| out.xy(*x, *y, place))
    };
    let polygon = |out: &mut P, tagged, rings: &[Vec<Position>], place| {
        out.polygon_begin(tagged, rings.len(), place)?;
        for (place, ring) in rings.iter().enumerate() {
            out.linestring_begin(false, ring.len(), place)?;
            each(out, ring)?;
            out.linestring_end(false, place)?;
        }
        out.polygon_end(tagged, place)
    };
    match geometry {
        Points(all) if all.len() == 1 => {
            out.point_begin(place)?;
            each(out, all)?;
            out.point_end(place)
        }
        Points(all) => {
            out.multipoint_begin(all.len(), place)?;
            each(out, all)?;
            out.multipoint_end(place)
        }
        Lines(all) if all.len() == 1 => {
            out.linestring_begin(true, all[0].len(), place)?;
            each(out, &all[0])?;
            out.linestring_end(true, place)
        }
        Lines(all) => {
            out.multilinestring_begin(all.len(), place)?;
            for (place, line) in all.iter().enumerate() {
                out.linestring_begin(false, line.len(), place)?;
                each(out, line)?;
                out.linestring_end(false, place)?;
            }
            out.multilinestring_end(place)
        }
        Polygons(all) if all.len() == 1 => polygon(out, true, &all[0], place),
        Polygons(all) => {
            out.multipolygon_begin(all.len(), place)?;
            for (place, rings) in all.iter().enumerate() {
                polygon(out, false, rings, place)?;
            }
            out.multipolygon_end(place)
        }
        Mixed(all) => {
            out.geometrycollection_begin(all.len(), place)?;
            for (place, member) in all.iter().enumerate() {
                visit(member, out, place)?;
            }
            out.geometrycollection_end(place)
        }
    }
}

/// GeoJSON, with or without ids.
pub fn geojson(features: &[Feature], ids: bool) -> Vec<u8> {
    let feature = |feature: &Feature| {
        let mut properties = json!({
            "name": feature.name, "number": feature.number, "ratio": feature.ratio,
            "good": feature.good, "time": feature.time,
        });
        properties.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let geometry = feature.geometry.as_ref().map(Geometry::json);
        let mut json = json!({"type": "Feature", "properties": properties, "geometry": geometry});
        if ids {
            json["id"] = feature.id.into();
        }
        json
    };
    let features: Vec<_> = features.iter().map(feature).collect();
    json!({"type": "FeatureCollection", "features": features}).to_string().into_bytes()
}

/// FlatGeobuf of any type of geometry, with or without an index.
pub fn flatgeobuf(features: &[Feature], write_index: bool, crs: FgbCrs<'_>) -> Vec<u8> {
    let options = FgbWriterOptions {
        write_index,
        crs,
        detect_type: false,
        promote_to_multi: false,
        ..FgbWriterOptions::default()
    };
    let mut file =
        FgbWriter::create_with_options("sample", GeometryType::Unknown, options).unwrap();
    for (name, kind) in [
        ("name", ColumnType::String),
        ("number", ColumnType::Long),
        ("ratio", ColumnType::Double),
        ("good", ColumnType::Bool),
        ("time", ColumnType::DateTime),
        ("bytes", ColumnType::Binary),
    ] {
        file.add_column(name, kind, |_, _| {});
    }
    for feature in features {
        // The writer can't leave a geometry out.
        let Some(geometry) = &feature.geometry else { continue };
        let written = file.add_feature_geom(geometry, |out| {
            let number = feature.number.map(ColumnValue::Long);
            let all = [
                Some(ColumnValue::String(&feature.name)),
                number,
                Some(ColumnValue::Double(feature.ratio)),
                Some(ColumnValue::Bool(feature.good)),
                Some(ColumnValue::DateTime(&feature.time)),
                Some(ColumnValue::Binary(b"\xff\0")),
            ];
            for (place, value) in all.iter().enumerate() {
                if let Some(value) = value {
                    out.property(place, "", value).unwrap();
                }
            }
        });
        written.unwrap();
    }
    let mut bytes = Vec::new();
    file.write(&mut bytes).unwrap();
    bytes
}

/// The tables that every GeoPackage has.
const GEOPACKAGE: &str = "
    CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT,
        organization_coordsys_id INTEGER, definition TEXT);
    CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, srs_id INTEGER);
    CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, geometry_type_name TEXT,
        srs_id INTEGER, z INTEGER, m INTEGER);
    INSERT INTO gpkg_spatial_ref_sys VALUES
        ('WGS 84', 4326, 'EPSG', 4326, ''), ('Pseudo-Mercator', 3857, 'EPSG', 3857, ''),
        ('UTM 32N', 25832, 'EPSG', 25832, ''), ('undefined', -1, 'NONE', -1, ''),
        ('undefined', 0, 'NONE', 0, '');";

/// A new GeoPackage without layers.
pub fn empty_geopackage(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    database.execute_batch(GEOPACKAGE).unwrap();
    database
}

/// Lists a table or view as a layer.
pub fn list(database: &Connection, table: &str, geometry: &str, srs: i64) {
    database
        .execute("INSERT INTO gpkg_contents VALUES (?1, 'features', ?2)", (table, srs))
        .unwrap();
    let sql = "INSERT INTO gpkg_geometry_columns VALUES (?1, ?2, 'GEOMETRY', ?3, 0, 0)";
    database.execute(sql, (table, geometry, srs)).unwrap();
}

/// A geometry with the header that it has in a GeoPackage, with or without an envelope.
pub fn with_header(wkb: &[u8], srs: i32, envelope: bool) -> Vec<u8> {
    let flags = 1 | u8::from(envelope) << 1;
    let envelope = if envelope { vec![0; 32] } else { Vec::new() };
    [b"GP\0", &[flags][..], &srs.to_le_bytes(), &envelope, wkb].concat()
}

/// Adds the features as a layer.
pub fn add_layer(database: &Connection, table: &str, features: &[Feature]) {
    let quoted = table.replace('"', "\"\"");
    let create = format!(
        "CREATE TABLE \"{quoted}\" (fid INTEGER PRIMARY KEY, geom BLOB, name TEXT, \
         number INTEGER, ratio DOUBLE, good BOOLEAN, time DATETIME, bytes BLOB)"
    );
    database.execute_batch(&create).unwrap();
    list(database, table, "geom", 4326);
    let insert = format!("INSERT INTO \"{quoted}\" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, x'ff')");
    for feature in features {
        let geometry = feature.geometry.as_ref().map(Geometry::wkb);
        let geometry = geometry.map(|wkb| with_header(&wkb, 4326, feature.good));
        // As GDAL writes it.
        let time = feature.time.replace('Z', ".000Z");
        let Feature { id, name, number, ratio, good, .. } = feature;
        database.execute(&insert, (id, geometry, name, number, ratio, good, time)).unwrap();
    }
}
