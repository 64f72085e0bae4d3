//! One feature by its id, with more than its tile has, as GeoJSON (RFC 7946).

use serde_json::{Map, Value as Json, json};

use super::fetch::TooLate;
use super::layer::EmbeddedLayer;
use crate::source::{Deadline, FeatureRequest};
use crate::tile::mercator::unproject;
use crate::tile::{Kind, Point, Value};

/// Digits of degrees: a centimetre.
const DIGITS: f64 = 1e7;

/// Features between two looks at the clock.
const STRIDE: usize = 65_536;

/// Vertices up to which a feature has its geometry: more is nothing for a click.
const MAX_VERTICES: usize = 65_536;

/// The feature with the layer's details; `None` if no feature that the layer shows has the id.
pub(super) fn feature(
    layer: &EmbeddedLayer,
    request: &FeatureRequest<'_>,
    deadline: Deadline,
) -> Result<Option<Vec<u8>>, TooLate> {
    let predicates = layer.predicates(request.arguments);
    let is_it = |feature: &usize| {
        layer.id(*feature) == Some(request.id) && layer.is_wanted(*feature, &predicates)
    };
    for first in (0..layer.store.len()).step_by(STRIDE) {
        if deadline.remaining().is_zero() {
            return Err(TooLate);
        }
        if let Some(found) = (first..layer.store.len().min(first + STRIDE)).find(is_it) {
            return Ok(Some(described(layer, request.id, found)));
        }
    }
    Ok(None)
}

fn described(layer: &EmbeddedLayer, id: i64, found: usize) -> Vec<u8> {
    let store = &layer.store;
    let (names, has_geometry) = layer.details();
    let mut properties = Map::new();
    for name in names {
        let column = store.columns().iter().position(|column| column.name == *name);
        let value = column.and_then(|column| store.tag(found, column));
        let value = value.map_or(Json::Null, |code| json(store.values().get(code)));
        properties.insert(name.clone(), value);
    }
    let geometry = has_geometry.then(|| geometry(layer, found)).flatten();
    let feature = json!({
        "type": "Feature", "id": id, "geometry": geometry, "properties": properties,
    });
    feature.to_string().into_bytes()
}

fn json(value: Value<'_>) -> Json {
    match value {
        Value::Bool(value) => value.into(),
        Value::Int(number) => number.into(),
        Value::Double(number) => number.into(),
        Value::Text(text) => text.into(),
    }
}

fn geometry(layer: &EmbeddedLayer, feature: usize) -> Option<Json> {
    let store = &layer.store;
    let mut parts: Vec<(bool, &[Point])> = Vec::new();
    store.each_part(feature, |hole, points| parts.push((hole, points)));
    if parts.iter().map(|(_, points)| points.len()).sum::<usize>() > MAX_VERTICES {
        return None;
    }
    let line = |points: &[Point]| points.iter().map(|point| degrees(*point)).collect::<Json>();
    let lines = || parts.iter().map(|(_, points)| line(points));
    let (kind, coordinates) = match (store.kind_of(feature), parts.as_slice()) {
        (Kind::Points, [(_, [point])]) => ("Point", degrees(*point)),
        (Kind::Points, _) => {
            let points = parts.iter().flat_map(|(_, points)| points.iter());
            ("MultiPoint", points.map(|point| degrees(*point)).collect())
        }
        (Kind::Lines, [(_, points)]) => ("LineString", line(points)),
        (Kind::Lines, _) => ("MultiLineString", lines().collect()),
        (Kind::Polygons, _) => match parts.iter().filter(|(hole, _)| !hole).count() {
            0 | 1 => ("Polygon", lines().collect()),
            _ => ("MultiPolygon", polygons(&parts, line)),
        },
    };
    Some(json!({ "type": kind, "coordinates": coordinates }))
}

/// Each outer ring with the inner ones that follow it.
fn polygons(parts: &[(bool, &[Point])], line: impl Fn(&[Point]) -> Json) -> Json {
    let mut polygons: Vec<Vec<Json>> = Vec::new();
    for (hole, points) in parts {
        match polygons.last_mut() {
            Some(polygon) if *hole => polygon.push(line(points)),
            _ => polygons.push(vec![line(points)]),
        }
    }
    polygons.into_iter().map(Json::Array).collect()
}

fn degrees([x, y]: Point) -> Json {
    let (lon, lat) = unproject(x, y);
    let rounded = |degrees: f64| (degrees * DIGITS).round() / DIGITS;
    json!([rounded(lon), rounded(lat)])
}
