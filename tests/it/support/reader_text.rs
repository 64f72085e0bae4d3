//! A tile as text, the way `tests/readers/vector-tile.mjs` writes it.
//!
//! Numbers are written as JavaScript sees them: doubles, whatever they are in the tile.

use std::fmt::Write;

use geo::{Coord, Geometry, LineString, Polygon};
use mvt_reader::feature::{Feature, Value};

use super::tile::RawLayer;

/// Largest whole number below which no two are the same double.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

pub fn of(layers: &[RawLayer]) -> String {
    let mut layers: Vec<_> = layers.iter().collect();
    layers.sort_by_key(|layer| order(&layer.name));
    let mut text = String::new();
    for RawLayer { name, version, extent, features } in layers {
        let _ = writeln!(text, "layer {} version {version} extent {extent}", quoted(name));
        features.iter().for_each(|feature| write_feature(&mut text, feature));
    }
    text
}

fn write_feature(text: &mut String, feature: &Feature<f64>) {
    let id = feature.id.map_or("-".to_owned(), |id| plain(id as f64));
    let _ = writeln!(text, "feature {id} type {}", kind(&feature.geometry));
    let mut properties: Vec<_> = feature.properties.iter().flatten().collect();
    properties.sort_by_key(|(name, _)| order(name));
    for (name, value) in properties {
        let _ = writeln!(text, "{}={}", quoted(name), value_text(value));
    }
    write_geometry(text, &feature.geometry);
}

/// JavaScript's: by UTF-16 units.
fn order(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Section 4.3.4 of MVT 2.1.
fn kind(geometry: &Geometry) -> u8 {
    match geometry {
        Geometry::Point(_) | Geometry::MultiPoint(_) => 1,
        Geometry::LineString(_) | Geometry::MultiLineString(_) => 2,
        _ => 3,
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Bool(value) => value.to_string(),
        Value::Float(value) => number(f64::from(*value)),
        Value::Double(value) => number(*value),
        Value::Int(value) => number(*value as f64),
        Value::UInt(value) => number(*value as f64),
        Value::SInt(value) => number(zigzag(*value)),
        Value::Null => "null".to_owned(),
    }
}

/// As `pbf` reads it: the zigzag form becomes a double before it is unfolded.
fn zigzag(value: i64) -> f64 {
    let folded = ((value << 1) ^ (value >> 63)) as u64 as f64;
    if folded % 2.0 == 1.0 { (folded + 1.0) / -2.0 } else { folded / 2.0 }
}

fn number(value: f64) -> String {
    let small = value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER;
    let minus_zero = value == 0.0 && value.is_sign_negative();
    if small && !minus_zero { plain(value) } else { format!("0x{:016x}", value.to_bits()) }
}

/// What a template literal makes of a whole number.
fn plain(value: f64) -> String {
    format!("{value}")
}

fn write_geometry(text: &mut String, geometry: &Geometry) {
    match geometry {
        Geometry::Point(point) => write_part(text, [point.0]),
        Geometry::MultiPoint(points) => write_part(text, points.iter().map(|point| point.0)),
        Geometry::LineString(line) => write_line(text, line),
        Geometry::MultiLineString(lines) => lines.iter().for_each(|line| write_line(text, line)),
        Geometry::Polygon(polygon) => write_polygon(text, polygon),
        Geometry::MultiPolygon(polygons) => polygons.iter().for_each(|p| write_polygon(text, p)),
        other => panic!("no MVT geometry: {other:?}"),
    }
}

fn write_polygon(text: &mut String, polygon: &Polygon) {
    write_line(text, polygon.exterior());
    polygon.interiors().iter().for_each(|ring| write_line(text, ring));
}

fn write_line(text: &mut String, line: &LineString) {
    write_part(text, line.coords().copied());
}

fn write_part(text: &mut String, coords: impl IntoIterator<Item = Coord>) {
    for (i, Coord { x, y }) in coords.into_iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{} {}", x as i64, y as i64);
    }
    text.push('\n');
}
