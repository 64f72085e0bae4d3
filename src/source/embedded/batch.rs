//! Features as they are read, before they become a [`Store`](super::store::Store).

use std::collections::HashMap;

use super::values::{Code, Interner};
use crate::tile::mercator::project;
use crate::tile::{Bounds, Crs, Kind, Point, Value};

/// Names of properties in a layer at most.
const MAX_KEYS: usize = u16::MAX as usize;

const TOO_MANY_NAMES: &str = "there are too many names of properties";

/// Degrees beyond which a coordinate isn't one of a place on earth: someone's metres.
const MAX_DEGREES: [f64; 2] = [1_000.0, 90.5];

/// Types of values that a property has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Types {
    pub bools: bool,
    pub ints: bool,
    pub doubles: bool,
    pub texts: bool,
    /// Texts are dates or timestamps.
    pub times: bool,
}

impl Types {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            bools: self.bools || other.bools,
            ints: self.ints || other.ints,
            doubles: self.doubles || other.doubles,
            texts: self.texts || other.texts,
            times: self.times || other.times,
        }
    }

    /// Of texts that are dates or timestamps.
    pub(super) const TIMES: Self =
        Self { bools: false, ints: false, doubles: false, texts: true, times: true };

    pub(super) fn of(value: Value<'_>) -> Self {
        let none = Self::default();
        match value {
            Value::Bool(_) => Self { bools: true, ..none },
            Value::Int(_) => Self { ints: true, ..none },
            Value::Double(_) => Self { doubles: true, ..none },
            Value::Text(_) => Self { texts: true, ..none },
        }
    }
}

/// Names of properties, in the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) names: Vec<String>,
    pub(super) types: Vec<Types>,
    places: HashMap<String, u16>,
}

impl Keys {
    /// The place of a name; `None` for one too many.
    pub(super) fn place(&mut self, name: &str) -> Option<u16> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.names.len() >= MAX_KEYS {
            return None;
        }
        let place = u16::try_from(self.names.len()).ok()?;
        self.names.push(name.to_owned());
        self.types.push(Types::default());
        self.places.insert(name.to_owned(), place);
        Some(place)
    }
}

/// A run of a batch's points: where it ends, and whether it is an inner ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartEnd {
    pub(super) end: usize,
    pub(super) hole: bool,
}

/// What is known of a feature besides its parts and properties.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) id: Option<u64>,
    pub(super) kind: Kind,
    pub(super) bounds: Bounds,
    pub(super) parts_end: usize,
    pub(super) tags_end: usize,
}

/// Some features in the order of their file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) features: Vec<Head>,
    /// In Web Mercator metres.
    pub(super) points: Vec<Point>,
    pub(super) parts: Vec<PartEnd>,
    pub(super) tags: Vec<(u16, Code)>,
    pub(super) keys: Keys,
    pub(super) values: Interner,
    /// Features that have no place.
    pub(super) empty: u64,
    kind: Option<Kind>,
}

/// Why a feature can't be used.
pub(super) type Flaw = String;

impl Batch {
    /// Appends a line, a ring or a point to the feature that is being read. Of several kinds in
    /// one feature the one of the highest dimension stays, as in tiles.
    pub(super) fn part(
        &mut self,
        kind: Kind,
        hole: bool,
        crs: Crs,
        points: impl Iterator<Item = Point>,
    ) -> Result<(), Flaw> {
        if self.kind < Some(kind) {
            let (points, parts) = self.start();
            self.points.truncate(points);
            self.parts.truncate(parts);
            self.kind = Some(kind);
        }
        let is_wanted = self.kind == Some(kind);
        let start = self.points.len();
        for point in points {
            let placed = place(point, crs)?;
            if is_wanted {
                self.points.push(placed);
            }
        }
        let end = self.points.len();
        // Points of a feature share a part.
        let goes_on = kind == Kind::Points && !self.is_first_part();
        match self.parts.last_mut() {
            _ if end == start => {}
            Some(all) if goes_on => all.end = end,
            _ => self.parts.push(PartEnd { end, hole }),
        }
        Ok(())
    }

    /// Makes a property known before a feature has it: its place among the others, and what can't
    /// be seen in its values, that texts are times.
    pub(super) fn declare(&mut self, name: &str, types: Types) -> Result<u16, Flaw> {
        let key = self.keys.place(name).ok_or(TOO_MANY_NAMES)?;
        let known = &mut self.keys.types[usize::from(key)];
        *known = known.and(types);
        Ok(key)
    }

    /// Gives the feature that is being read a property, by the place of its name. Of two of the same
    /// name the later one stays.
    pub(super) fn tag_key(&mut self, key: u16, value: Value<'_>) -> Result<(), Flaw> {
        if matches!(value, Value::Double(number) if !number.is_finite()) {
            return Ok(());
        }
        let code = self.values.code(value).ok_or("there are too many different values")?;
        let types = &mut self.keys.types[usize::from(key)];
        *types = types.and(Types::of(value));
        self.tags.push((key, code));
        Ok(())
    }

    /// Keeps the last value of each property of the feature that is being read.
    fn settle_tags(&mut self) {
        let first = self.features.last().map_or(0, |feature| feature.tags_end);
        let own = &mut self.tags[first..];
        // The sort keeps the order of those of one name.
        own.sort_by_key(|(key, _)| *key);
        let mut kept = 0;
        for place in 0..own.len() {
            let is_last = own.get(place + 1).is_none_or(|next| next.0 != own[place].0);
            if is_last {
                own[kept] = own[place];
                kept += 1;
            }
        }
        self.tags.truncate(first + kept);
    }

    /// The feature is complete.
    pub(super) fn finish(&mut self, id: Option<u64>) {
        let Some(kind) = self.kind.filter(|_| !self.is_first_part()) else {
            self.cancel();
            self.empty += 1;
            return;
        };
        self.settle_tags();
        let (start, _) = self.start();
        let mut bounds = Bounds::EMPTY;
        self.points[start..].iter().for_each(|point| bounds.grow(*point));
        let (parts_end, tags_end) = (self.parts.len(), self.tags.len());
        self.features.push(Head { id, kind, bounds, parts_end, tags_end });
        self.kind = None;
    }

    /// The feature is not to be had.
    pub(super) fn cancel(&mut self) {
        let (points, parts) = self.start();
        self.points.truncate(points);
        self.parts.truncate(parts);
        self.tags.truncate(self.features.last().map_or(0, |feature| feature.tags_end));
        self.kind = None;
    }

    /// No more features will come: gives back what only those would need.
    pub(super) fn seal(&mut self) {
        self.values.seal();
        self.points.shrink_to_fit();
        self.parts.shrink_to_fit();
        self.features.shrink_to_fit();
        self.tags.shrink_to_fit();
    }

    /// About how many bytes the features take.
    pub(super) fn bytes(&self) -> usize {
        self.points.len() * size_of::<Point>()
            + self.parts.len() * size_of::<PartEnd>()
            + self.features.len() * size_of::<Head>()
            + self.tags.len() * size_of::<(u16, Code)>()
            + self.values.values().bytes()
    }

    /// Where the points and parts of the feature that is being read start.
    fn start(&self) -> (usize, usize) {
        let parts = self.features.last().map_or(0, |feature| feature.parts_end);
        (parts.checked_sub(1).map_or(0, |last| self.parts[last].end), parts)
    }

    fn is_first_part(&self) -> bool {
        self.parts.len() == self.start().1
    }
}

fn place([x, y]: Point, crs: Crs) -> Result<Point, Flaw> {
    if !x.is_finite() || !y.is_finite() {
        return Err("a coordinate is no number".to_owned());
    }
    match crs {
        Crs::WebMercator => Ok([x, y]),
        Crs::Wgs84 if x.abs() > MAX_DEGREES[0] || y.abs() > MAX_DEGREES[1] => Err(format!(
            "coordinates must be degrees, longitude first, and these are {x}, {y}; others are \
                 converted by ogr2ogr -s_srs EPSG:… -t_srs EPSG:4326"
        )),
        Crs::Wgs84 => {
            let (x, y) = project(x, y);
            Ok([x, y])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(batch: &mut Batch, name: &str, value: Value<'_>) {
        let key = batch.declare(name, Types::default()).unwrap();
        batch.tag_key(key, value).unwrap();
    }

    fn part(batch: &mut Batch, kind: Kind, points: &[Point]) {
        batch.part(kind, false, Crs::WebMercator, points.iter().copied()).unwrap();
    }

    #[test]
    fn a_mixed_feature_keeps_its_highest_dimension_and_points_share_a_part() {
        let mut batch = Batch::default();
        part(&mut batch, Kind::Points, &[[1.0, 1.0]]);
        part(&mut batch, Kind::Points, &[[2.0, 1.0]]);
        batch.finish(None);
        part(&mut batch, Kind::Points, &[[3.0, 1.0]]);
        part(&mut batch, Kind::Lines, &[[4.0, 1.0], [5.0, 5.0]]);
        part(&mut batch, Kind::Points, &[[6.0, 1.0]]);
        batch.finish(None);
        part(&mut batch, Kind::Points, &[[7.0, 1.0]]);
        batch.finish(None);
        let ends: Vec<_> = batch.parts.iter().map(|part| part.end).collect();
        assert_eq!(ends, [2, 4, 5]);
        assert_eq!(batch.points.iter().map(|p| p[0]).sum::<f64>(), 19.0);
        assert_eq!(batch.features[1].kind, Kind::Lines);
        assert_eq!(batch.features[1].bounds, Bounds { min: [4.0, 1.0], max: [5.0, 5.0] });
    }

    #[test]
    fn what_is_cancelled_or_empty_leaves_nothing() {
        let mut batch = Batch::default();
        part(&mut batch, Kind::Lines, &[[4.0, 1.0], [5.0, 5.0]]);
        tag(&mut batch, "a", Value::Int(1));
        batch.cancel();
        tag(&mut batch, "a", Value::Int(1));
        batch.finish(Some(7));
        part(&mut batch, Kind::Polygons, &[]);
        batch.finish(Some(8));
        assert_eq!((batch.features.len(), batch.points.len(), batch.tags.len()), (0, 0, 0));
        assert_eq!(batch.empty, 2);
    }

    #[test]
    fn the_later_of_two_properties_of_a_name_stays() {
        let mut batch = Batch::default();
        tag(&mut batch, "a", Value::Int(1));
        tag(&mut batch, "a", Value::Text("x"));
        part(&mut batch, Kind::Points, &[[7.0, 1.0]]);
        batch.finish(None);
        assert_eq!(batch.tags.len(), 1);
        assert_eq!(batch.values.values().get(batch.tags[0].1), Value::Text("x"));
    }

    #[test]
    fn coordinates_that_are_no_degrees_are_refused() {
        let mut batch = Batch::default();
        for point in [[500_000.0, 5_800_000.0], [0.0, 91.0], [f64::NAN, 0.0]] {
            assert!(batch.part(Kind::Points, false, Crs::Wgs84, [point].into_iter()).is_err());
            batch.cancel();
        }
        batch.part(Kind::Points, false, Crs::Wgs84, [[190.0, -90.0]].into_iter()).unwrap();
    }
}
