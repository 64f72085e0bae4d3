//! Features of GeoJSON (RFC 7946), straight into a batch: no tree of values in between.

mod file;
mod values;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use self::values::{Id, Properties, Text};
use super::batch::{Batch, Flaw};
use super::load::printable;
use crate::tile::{Crs, Kind, Point};

/// Reads the text of a feature, or of a geometry without one, into the batch.
///
/// # Errors
/// Why it can't be used. The batch is as it was.
fn read(text: &[u8], crs: Crs, batch: &mut Batch) -> Result<(), Flaw> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let object =
        Object { batch, crs, within: Within::Nothing }.deserialize(&mut json).map_err(flaw);
    let kind = object.and_then(|object| match object.kind.as_deref() {
        Some("Feature") => Ok(object.id),
        Some(kind) if is_geometry(kind) => {
            object.draw(batch, crs)?;
            Ok(None)
        }
        Some("FeatureCollection") => Err("its features are no list".to_owned()),
        Some("Topology") => Err("this is TopoJSON: convert it to GeoJSON".to_owned()),
        Some(other) => Err(format!("its type is {other:?}, expected \"Feature\"")),
        None => Err("it has no type, expected \"Feature\"".to_owned()),
    });
    match kind {
        Ok(id) => batch.finish(id),
        Err(_) => batch.cancel(),
    }
    kind.map(drop)
}

/// What is wrong, without serde's place, which is one within the feature.
fn flaw(error: serde_json::Error) -> Flaw {
    let text = error.to_string();
    printable(text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what))
}

/// What `crs` names in the members of a collection: GeoJSON of before RFC 7946 could have another
/// reference system. `Err` with the name of one that can't be read.
fn system(members: &serde_json::Value) -> Result<Option<Crs>, String> {
    let crs = &members["crs"];
    if crs.is_null() {
        return Ok(None);
    }
    let name = crs["properties"]["name"].as_str().unwrap_or_default();
    let known = match name.rsplit([':', '/']).next().unwrap_or_default() {
        "CRS84" | "CRS84h" | "4326" | "4979" => Some(Crs::Wgs84),
        "3857" | "900913" => Some(Crs::WebMercator),
        _ => None,
    };
    match known {
        Some(known) => Ok(Some(known)),
        None => Err(if name.is_empty() { crs.to_string() } else { name.to_owned() }),
    }
}

fn is_geometry(kind: &str) -> bool {
    kind == "GeometryCollection" || shape(kind).is_some()
}

/// What a type of geometry draws, and how deep its positions lie.
fn shape(kind: &str) -> Option<(Kind, u8)> {
    match kind {
        "Point" => Some((Kind::Points, 0)),
        "MultiPoint" => Some((Kind::Points, 1)),
        "LineString" => Some((Kind::Lines, 1)),
        "MultiLineString" => Some((Kind::Lines, 2)),
        "Polygon" => Some((Kind::Polygons, 2)),
        "MultiPolygon" => Some((Kind::Polygons, 3)),
        _ => None,
    }
}

/// An object that is a feature or a geometry. Its geometry and its properties go into the batch
/// as they come.
struct Object<'b> {
    batch: &'b mut Batch,
    crs: Crs,
    within: Within,
}

/// What an object is in. Members that don't belong into what it is are somebody's own (RFC 7946
/// section 6.1), whatever they hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// It is a feature, or a geometry without one.
    Nothing,
    /// It is a geometry.
    Feature,
}

/// What is known of it besides.
#[derive(Default)]
struct Known<'de> {
    kind: Option<Cow<'de, str>>,
    id: Option<u64>,
    coordinates: Option<Coordinates>,
}

impl Known<'_> {
    /// Draws the geometry that the object is. Members of a collection have been drawn.
    fn draw(&self, batch: &mut Batch, crs: Crs) -> Result<(), Flaw> {
        let kind = self.kind.as_deref().unwrap_or_default();
        let Some((draws, depth)) = shape(kind) else {
            return match kind {
                "GeometryCollection" => Ok(()),
                _ => Err(format!("there is no geometry of type {kind:?}")),
            };
        };
        match &self.coordinates {
            None => Err(format!("its {kind} has no coordinates")),
            Some(found) if found.depth.is_none() => Ok(()),
            Some(found) if found.depth != Some(depth) => {
                Err(format!("the coordinates of its {kind} are not nested as those of one"))
            }
            Some(found) => found.draw(draws, batch, crs),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Known<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Known<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of GeoJSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut known = Known::default();
        while let Some(name) = map.next_key_seed(Text)? {
            let (batch, crs) = (&mut *self.batch, self.crs);
            let may_be_feature = self.within == Within::Nothing;
            let may_be_geometry = known.kind.as_deref() != Some("Feature");
            match &*name {
                "type" => known.kind = Some(map.next_value_seed(Text)?),
                "id" if may_be_feature => known.id = map.next_value_seed(Id)?,
                "properties" if may_be_feature => map.next_value_seed(Properties { batch })?,
                "geometry" if may_be_feature => map.next_value_seed(Geometry { batch, crs })?,
                "geometries" if may_be_geometry => {
                    map.next_value_seed(Geometries { batch, crs })?;
                }
                "coordinates" if may_be_geometry => {
                    let mut found = Coordinates::default();
                    match map.next_value_seed(Nested(&mut found))? {
                        Item::Nothing => {}
                        Item::Nested(depth) => found.depth = Some(depth),
                        Item::Number(_) => return Err(A::Error::custom("coordinates are no list")),
                    }
                    known.coordinates = Some(found);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(known)
    }
}

/// The geometry of a feature.
struct Geometry<'b> {
    batch: &'b mut Batch,
    crs: Crs,
}

impl<'de> DeserializeSeed<'de> for Geometry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Geometry<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a geometry or null")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Self { batch, crs } = self;
        let known = Object { batch, crs, within: Within::Feature }.visit_map(map)?;
        known.draw(batch, crs).map_err(A::Error::custom)
    }
}

/// The members of a collection of geometries.
struct Geometries<'b> {
    batch: &'b mut Batch,
    crs: Crs,
}

impl<'de> DeserializeSeed<'de> for Geometries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Geometries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of geometries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { batch, crs } = self;
        while seq.next_element_seed(Geometry { batch: &mut *batch, crs })?.is_some() {}
        Ok(())
    }
}

/// Positions, and where the lists of them end.
#[derive(Debug, Default)]
struct Coordinates {
    /// Lists around a position; `None` if there is none.
    depth: Option<u8>,
    points: Vec<Point>,
    /// Of each list of positions, where it ends among them.
    lines: Vec<usize>,
    /// Of each list of those, where it ends among them.
    polygons: Vec<usize>,
}

impl Coordinates {
    fn draw(&self, kind: Kind, batch: &mut Batch, crs: Crs) -> Result<(), Flaw> {
        if kind == Kind::Points {
            return batch.part(kind, false, crs, self.points.iter().copied());
        }
        let (mut start, mut polygon, mut is_first, mut is_empty) = (0, 0, true, false);
        for (line, end) in self.lines.iter().enumerate() {
            let hole = kind == Kind::Polygons && !is_first;
            // Without its outer ring a polygon is empty, whatever holes it has.
            is_empty = if hole { is_empty } else { start == *end };
            if !is_empty {
                batch.part(kind, hole, crs, self.points[start..*end].iter().copied())?;
            }
            start = *end;
            is_first = self.polygons.get(polygon) == Some(&(line + 1));
            polygon += usize::from(is_first);
        }
        Ok(())
    }
}

/// Something among coordinates.
enum Item {
    Number(f64),
    /// A list, with lists around each position in it.
    Nested(u8),
    /// An empty list.
    Nothing,
}

struct Nested<'c>(&'c mut Coordinates);

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Item;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Item, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coordinates")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Item, E> {
        Ok(Item::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Item, E> {
        Ok(Item::Number(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Item, E> {
        Ok(Item::Number(number as f64))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Item, A::Error> {
        let Self(found) = self;
        let (start, first) = (found.points.len(), found.lines.len());
        let (mut depth, mut empty) = (None, 0);
        while let Some(item) = seq.next_element_seed(Nested(&mut *found))? {
            match (item, depth) {
                (Item::Number(x), None) => {
                    let Some(Item::Number(y)) = seq.next_element_seed(Nested(&mut *found))? else {
                        return Err(A::Error::custom("a position has one number only"));
                    };
                    found.points.push([x, y]);
                    // Heights, and what else there may be.
                    while seq.next_element::<f64>()?.is_some() {}
                    return Ok(Item::Nested(0));
                }
                (Item::Nested(inner), None) => {
                    depth = Some(inner);
                    // Empty lists that came before turn out to be lines.
                    if inner == 1 {
                        found.lines.splice(first..first, std::iter::repeat_n(start, empty));
                    }
                }
                (Item::Nested(inner), Some(known)) if inner == known => {}
                (Item::Nothing, None) => empty += 1,
                (Item::Nothing, Some(1)) => found.lines.push(found.points.len()),
                (Item::Nothing, Some(_)) => {}
                _ => return Err(A::Error::custom("coordinates are nested unevenly")),
            }
        }
        match depth {
            None => return Ok(Item::Nothing),
            Some(0) => found.lines.push(found.points.len()),
            Some(1) => found.polygons.push(found.lines.len()),
            Some(2) => {}
            Some(_) => return Err(A::Error::custom("coordinates are nested too deeply")),
        }
        Ok(depth.map_or(Item::Nothing, |depth| Item::Nested(depth + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends of the parts with whether they are holes, and the number of properties.
    fn read_one(text: &str) -> (Vec<(usize, bool)>, usize) {
        let mut batch = Batch::default();
        read(text.as_bytes(), Crs::WebMercator, &mut batch).unwrap_or_else(|flaw| panic!("{flaw}"));
        let parts = batch.parts.iter().map(|part| (part.end, part.hole)).collect();
        (parts, batch.tags.len())
    }

    #[test]
    fn a_polygon_without_its_outer_ring_is_empty() {
        let ring = "[[0,0],[4,0],[4,4],[0,0]]";
        for (coordinates, parts) in [
            (format!("[[[],{ring}]]"), vec![]),
            (format!("[[[],{ring}],[{ring}]]"), vec![(4, false)]),
            (format!("[[{ring},[]],[{ring}]]"), vec![(4, false), (8, false)]),
            (format!("[[{ring},{ring}],[],[{ring}]]"), vec![(4, false), (8, true), (12, false)]),
            (format!("[[],[[],[],{ring}],[{ring},{ring}]]"), vec![(4, false), (8, true)]),
        ] {
            let text = format!(r#"{{"type":"MultiPolygon","coordinates":{coordinates}}}"#);
            assert_eq!(read_one(&text).0, parts, "{coordinates}");
        }
    }

    #[test]
    fn members_that_belong_elsewhere_are_somebody_s_own() {
        let point =
            r#"{"type":"Point","coordinates":[1,2],"properties":{"b":1},"id":"x","geometry":3}"#;
        let text = format!(
            r#"{{"type":"Feature","coordinates":"52N 13E","geometries":null,"properties":{{"a":1}},
                "geometry":{point}}}"#
        );
        assert_eq!(read_one(&text), (vec![(1, false)], 1));
    }
}
