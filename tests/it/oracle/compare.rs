//! Two tiles of one place, feature by feature.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use geo::BoundingRect;

use super::shapes::{at_box_edge, shapes_differ};
use super::truth::Table;
use crate::support::tile::{Feature, Layer, Property};

/// What tells two rows apart: the id, or the properties where there is none.
type Key = String;

/// Differences between our layer and PostGIS' that nothing explains.
///
/// Rows in `repaired` are compared by their properties only, and may be missing from theirs.
pub fn compare(
    table: &Table,
    repaired: &HashSet<u64>,
    ours: &[Layer],
    theirs: &[Layer],
) -> Vec<String> {
    let is_repaired = |feature: &Feature| feature.id.is_some_and(|id| repaired.contains(&id));
    let ours = by_key(table, ours);
    let theirs = by_key(table, theirs);
    let mut wrong = Vec::new();
    for (key, feature) in &ours {
        let Some(other) = theirs.get(key) else {
            if !may_vanish(feature) && !is_repaired(feature) {
                wrong.push(format!("{key}: only ours: {feature:?}"));
            }
            continue;
        };
        wrong.extend(properties_differ(table, feature, other).map(|d| format!("{key}: {d}")));
        if !is_repaired(feature) {
            wrong.extend(shapes_differ(feature, other).into_iter().map(|d| format!("{key}: {d}")));
        }
    }
    for (key, feature) in &theirs {
        if !ours.contains_key(key) && !may_vanish(feature) && !is_repaired(feature) {
            wrong.push(format!("{key}: only theirs: {feature:?}"));
        }
    }
    wrong
}

fn by_key<'a>(table: &Table, layers: &'a [Layer]) -> BTreeMap<Key, &'a Feature> {
    let mut features = BTreeMap::new();
    for feature in layers.iter().flat_map(|layer| &layer.features) {
        let mut key = match feature.id {
            Some(id) => format!("id {id}"),
            None => format!("{:?}", comparable(table, feature)),
        };
        // Rows that nothing tells apart are compared in the order of their first points.
        if feature.id.is_none() && feature.properties.is_empty() {
            key = format!("{:?}", feature.coords().next());
        }
        while features.contains_key(&key) {
            key.push('+');
        }
        features.insert(key, feature);
    }
    features
}

/// The properties in one form for both: numeric values as the shortest text of their double.
fn comparable(table: &Table, feature: &Feature) -> BTreeMap<String, Property> {
    let own = feature.properties.iter();
    own.map(|(name, value)| {
        let value = if table.is_numeric(name) { exact_number(value) } else { value.clone() };
        (name.clone(), value)
    })
    .collect()
}

/// A numeric as "Tile contents" has it: a double when that is exact, else the digits.
fn exact_number(value: &Property) -> Property {
    let Property::Text(digits) = value else { return value.clone() };
    let double: f64 = digits.parse().unwrap();
    let same = double.is_finite() && plain(&format!("{double}")) == plain(digits);
    if same { Property::Double(double + 0.0) } else { value.clone() }
}

/// Without the zeros that say nothing and without the sign of zero.
fn plain(digits: &str) -> String {
    let digits = match digits.split_once('.') {
        Some(_) => digits.trim_end_matches('0').trim_end_matches('.'),
        None => digits,
    };
    if digits == "-0" { "0".to_owned() } else { digits.to_owned() }
}

fn properties_differ(table: &Table, ours: &Feature, theirs: &Feature) -> Option<String> {
    let (ours, theirs) = (comparable(table, ours), comparable(table, theirs));
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let differ: Vec<_> = names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| format!("{name}: {:?} instead of {:?}", ours.get(name), theirs.get(name)))
        .collect();
    (!differ.is_empty()).then(|| differ.join(", "))
}

/// Whether rounding alone decides that the feature is in the tile: a line no larger than a unit,
/// a polygon thinner than a unit on average, or what only touches the buffered box's border.
fn may_vanish(feature: &Feature) -> bool {
    let touching = |r: geo::Rect<f64>| {
        let thin = r.width().min(r.height()) <= 1.0;
        thin && at_box_edge(r.min(), 1.0) && at_box_edge(r.max(), 1.0)
    };
    match feature {
        Feature { polygons, .. } if !polygons.is_empty() => {
            feature.area() <= feature.perimeter() / 2.0
        }
        Feature { lines, .. } if !lines.is_empty() => {
            let rects = lines.iter().filter_map(BoundingRect::bounding_rect);
            rects.into_iter().all(|r| r.width().max(r.height()) <= 1.0 || touching(r))
        }
        _ => feature.points.iter().all(|point| at_box_edge(*point, 1.0)),
    }
}
