//! A layer's features in memory: flat arrays in the order of a Hilbert curve.

use std::ops::Range;

use super::batch::{Batch, Head, Keys, PartEnd, Types};
use super::importance::{ALWAYS, Importance, Junctions, Ranking};
use super::tags::Tags;
use super::tree::{Edges, Tree, hilbert, outwards};
use super::values::{Code, Values};
use crate::tile::mercator::{HALF_WORLD, unproject};
use crate::tile::{Bounds, Kind, Point, Shape};

/// Points of a layer at most: places of points are 31 bits.
const MAX_POINTS: usize = 1 << 31;
const HOLE: u32 = 1 << 31;

/// In place of an id.
const NO_ID: u64 = u64::MAX;

/// A property that features have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) types: Types,
}

/// What was read of one layer of a file, ready to be asked for tiles.
#[derive(Debug)]
pub struct Store {
    columns: Vec<Column>,
    tree: Tree,
    /// Empty if no feature has one.
    ids: Vec<u64>,
    kinds: Vec<Kind>,
    /// For each feature, where its parts end.
    part_ends: Vec<u32>,
    /// For each part, where its points end; with [`HOLE`] for an inner ring.
    parts: Vec<u32>,
    /// In Web Mercator metres.
    points: Vec<Point>,
    /// Of each point; empty where there are no lines or polygons.
    importances: Vec<Importance>,
    tags: Tags,
    bounds: Bounds,
    empty: u64,
}

/// Features in the order in which they are kept: batches, and places in them.
pub(super) type Order = Vec<(usize, usize)>;

/// What there is more of than there are places for it; for people.
pub(super) type TooMany = &'static str;

impl Store {
    /// The features of all batches.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn new(batches: Vec<Batch>) -> Result<Self, TooMany> {
        let total = |of: fn(&Batch) -> usize| batches.iter().map(of).sum::<usize>();
        if total(|batch| batch.points.len()) >= MAX_POINTS {
            return Err("2,147,483,647 vertices");
        }
        if u32::try_from(total(|batch| batch.features.len())).is_err() {
            return Err("4,294,967,295 features");
        }
        let (columns, keys) = columns(&batches).ok_or("65,535 names of properties")?;
        let order = in_order(&batches);
        let mut store = Self {
            columns,
            tree: Tree::new(Vec::new()),
            ids: Vec::with_capacity(order.len()),
            kinds: Vec::with_capacity(order.len()),
            part_ends: Vec::with_capacity(order.len()),
            parts: Vec::with_capacity(total(|batch| batch.parts.len())),
            points: Vec::with_capacity(total(|batch| batch.points.len())),
            importances: Vec::new(),
            tags: Tags::default(),
            bounds: Bounds::EMPTY,
            empty: batches.iter().map(|batch| batch.empty).sum(),
        };
        // About half of the work each.
        let tags = std::thread::scope(|scope| {
            let tags = scope.spawn(|| Tags::new(&batches, &keys, &order));
            let boxes = order.iter().map(|(batch, feature)| store.push(&batches[*batch], *feature));
            store.tree = Tree::new(boxes.collect());
            tags.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        store.tags = tags?;
        drop(batches);
        if store.ids.iter().all(|id| *id == NO_ID) {
            store.ids = Vec::new();
        }
        store.rank();
        Ok(store)
    }

    /// Appends the shape of a feature of a batch; its box.
    fn push(&mut self, batch: &Batch, feature: usize) -> Edges {
        let Head { id, kind, bounds, parts_end, .. } = batch.features[feature];
        let parts = feature.checked_sub(1).map_or(0, |before| batch.features[before].parts_end);
        let mut start = parts.checked_sub(1).map_or(0, |last| batch.parts[last].end);
        for PartEnd { end, hole } in &batch.parts[parts..parts_end] {
            self.points.extend_from_slice(&batch.points[start..*end]);
            self.parts.push(place(self.points.len()) | if *hole { HOLE } else { 0 });
            start = *end;
        }
        self.ids.push(id.unwrap_or(NO_ID));
        self.kinds.push(kind);
        self.part_ends.push(place(self.parts.len()));
        self.bounds.grow(bounds.min);
        self.bounds.grow(bounds.max);
        outwards(&bounds)
    }

    /// Finds out how much each vertex matters.
    fn rank(&mut self) {
        if self.kinds.iter().all(|kind| *kind == Kind::Points) {
            return;
        }
        let rings = || (0..self.len()).filter(|one| self.kinds[*one] == Kind::Polygons);
        let mut vertices = 0;
        rings().for_each(|one| self.each_part(one, |_, points| vertices += points.len()));
        let mut junctions = Junctions::new(vertices);
        rings().for_each(|one| self.each_part(one, |_, points| junctions.add(points)));
        let mut found = vec![ALWAYS; self.points.len()];
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = self.points.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let (store, junctions, mut rest) = (&*self, &junctions, found.as_mut_slice());
            let mut first = 0;
            while first < store.len() {
                // At least one feature, and about as many vertices as all others have.
                let start = store.points_start(first);
                let mut end = first + 1;
                while end < store.len() && store.points_start(end) - start < share {
                    end += 1;
                }
                let length = store.points_start(end) - start;
                let (own, others) = std::mem::take(&mut rest).split_at_mut(length);
                let features = first..end;
                scope.spawn(move || store.rank_some(features, junctions, own));
                (rest, first) = (others, end);
            }
        });
        self.importances = found;
    }

    /// The same for some features, whose vertices `out` is for.
    fn rank_some(&self, features: Range<usize>, junctions: &Junctions, out: &mut [Importance]) {
        let (mut ranking, mut rest) = (Ranking::default(), out);
        for feature in features {
            let kind = self.kinds[feature];
            self.each_part(feature, |_, points| {
                let (own, others) = std::mem::take(&mut rest).split_at_mut(points.len());
                match kind {
                    Kind::Points => {}
                    Kind::Lines => ranking.line(points, own),
                    Kind::Polygons => ranking.ring(points, junctions, own),
                }
                rest = others;
            });
        }
    }

    /// Features.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Features of the file that have no geometry, and so aren't here.
    pub fn without_place(&self) -> u64 {
        self.empty
    }

    /// Coordinates of all features.
    pub fn vertices(&self) -> usize {
        self.points.len()
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.tree.bytes()
            + 8 * self.ids.len()
            + self.kinds.len()
            + 4 * (self.part_ends.len() + self.parts.len())
            + size_of::<Point>() * self.points.len()
            + self.importances.len()
            + self.tags.bytes()
    }

    /// West, south, east, north in degrees; `None` without features.
    pub fn degrees(&self) -> Option<[f64; 4]> {
        let Bounds { min, max } = self.bounds;
        let ((west, south), (east, north)) = (unproject(min[0], min[1]), unproject(max[0], max[1]));
        (!self.is_empty()).then_some([west, south, east, north])
    }

    /// What all features draw; `None` if that isn't the same.
    pub fn kind(&self) -> Option<Kind> {
        let first = *self.kinds.first()?;
        self.kinds.iter().all(|kind| *kind == first).then_some(first)
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn kind_of(&self, feature: usize) -> Kind {
        self.kinds[feature]
    }

    pub(super) fn id(&self, feature: usize) -> Option<u64> {
        self.ids.get(feature).copied().filter(|id| *id != NO_ID)
    }

    pub(super) fn has_ids(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Replaces what is in `shape` by a feature's geometry, without the vertices that matter less
    /// than `needed`.
    pub(super) fn draw(&self, feature: usize, needed: Importance, shape: &mut Shape) {
        shape.clear();
        let kind = self.kinds[feature];
        let mut start = self.points_start(feature);
        self.each_part(feature, |hole, points| {
            match self.importances.get(start..start + points.len()) {
                Some(found) if needed > 0 => {
                    shape.push_some(kind, hole, points, |place| found[place] >= needed);
                }
                _ => shape.push_some(kind, hole, points, |_| true),
            }
            start += points.len();
        });
    }

    /// Calls `visit` with each part of a feature: whether it is an inner ring, and its points.
    pub(super) fn each_part<'a>(
        &'a self,
        feature: usize,
        mut visit: impl FnMut(bool, &'a [Point]),
    ) {
        let mut start = self.points_start(feature);
        for part in &self.parts[self.parts_start(feature)..self.part_ends[feature] as usize] {
            let end = (part & !HOLE) as usize;
            visit(part & HOLE != 0, &self.points[start..end]);
            start = end;
        }
    }

    /// The box of a feature.
    pub(super) fn bounds(&self, feature: usize) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        self.each_part(feature, |_, points| points.iter().for_each(|point| bounds.grow(*point)));
        bounds
    }

    /// Coordinates of a feature.
    pub(super) fn vertices_of(&self, feature: usize) -> usize {
        self.points_start(feature + 1) - self.points_start(feature)
    }

    fn parts_start(&self, feature: usize) -> usize {
        feature.checked_sub(1).map_or(0, |before| self.part_ends[before] as usize)
    }

    fn points_start(&self, feature: usize) -> usize {
        let part = self.parts_start(feature);
        part.checked_sub(1).map_or(0, |before| (self.parts[before] & !HOLE) as usize)
    }

    /// The properties of a feature: places of columns, and values.
    pub(super) fn tags(&self, feature: usize) -> impl Iterator<Item = (usize, Code)> {
        self.tags.of(feature)
    }

    /// The value of a feature in a column.
    pub(super) fn tag(&self, feature: usize, column: usize) -> Option<Code> {
        self.tags(feature).find(|(key, _)| *key == column).map(|(_, code)| code)
    }

    pub(super) fn values(&self) -> &Values {
        self.tags.values()
    }
}

fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// All columns, and for each batch the places of its keys among them; `None` if they are too many.
fn columns(batches: &[Batch]) -> Option<(Vec<Column>, Vec<Vec<u16>>)> {
    let mut all = Keys::default();
    let places = batches.iter().map(|batch| {
        let keys = batch.keys.names.iter().zip(&batch.keys.types);
        let place = |(name, types): (&String, &Types)| {
            let place = all.place(name)?;
            let known = &mut all.types[usize::from(place)];
            *known = known.and(*types);
            Some(place)
        };
        keys.map(place).collect()
    });
    let places = places.collect::<Option<_>>()?;
    let columns = all.names.into_iter().zip(all.types);
    Some((columns.map(|(name, types)| Column { name, types }).collect(), places))
}

/// The features of all batches along a Hilbert curve through the world; those of one place in the
/// order of their file.
fn in_order(batches: &[Batch]) -> Order {
    let mut places: Vec<(u32, u32, u32)> = Vec::new();
    for (batch, features) in (0..).zip(batches) {
        places.extend((0..).zip(&features.features).map(|(place, feature)| {
            let Bounds { min, max } = feature.bounds;
            let cell = |axis: usize| {
                let middle = (min[axis] + max[axis]) / 2.0;
                ((middle + HALF_WORLD) / (2.0 * HALF_WORLD) * 65_536.0) as u16
            };
            (hilbert(cell(0), cell(1)), batch, place)
        }));
    }
    places.sort_unstable();
    places.into_iter().map(|(_, batch, place)| (batch as usize, place as usize)).collect()
}
