//! The features of a tile, out of memory.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::layer::{EmbeddedLayer, Row, needed_at};
use super::tree::{Edges, outwards};
use crate::source::{Deadline, LayerRequest, TileSink};
use crate::tile::{Bounds, Kind, Truncation};

/// Features between two looks at the clock.
const STRIDE: usize = 256;

/// Features of a layer from which making the tile takes longer than to wake another thread for the
/// tasks that would wait behind it.
const HEAVY: usize = 500;
const MANY_VERTICES: usize = 20_000;

/// Rounding errors of the projection at the area's edges, as a part of the tile's side.
const ROUNDING: f64 = 1e-9;

/// Its time was up before the last feature.
pub(super) struct TooLate;

/// The features of one layer for one tile.
pub(super) struct Found<'a> {
    layer: &'a EmbeddedLayer,
    request: &'a LayerRequest<'a>,
    features: Vec<u32>,
    truncated: bool,
}

impl<'a> Found<'a> {
    /// Looks for what the tile may show.
    pub(super) fn new(
        layer: &'a EmbeddedLayer,
        request: &'a LayerRequest<'a>,
        deadline: Deadline,
    ) -> Result<Self, TooLate> {
        let level = request.spec.levels.at(request.tile.z());
        let least = (level.min_size * unit(request)) as f32;
        let predicates = layer.predicates(request.arguments);
        let has_predicate = predicates.iter().any(Option::is_some);
        let mut features = Vec::new();
        let (tree, store) = (layer.store.tree(), &layer.store);
        let mut looked = 0;
        let searched = tree.search(area(request), &mut |feature| {
            looked += 1;
            if looked % STRIDE == 0 && deadline.remaining().is_zero() {
                return ControlFlow::Break(());
            }
            let is_small = || {
                let [west, south, east, north] = tree.edges(feature);
                // These are rounded outwards: what is smaller is small for sure.
                east - west < least && north - south < least
            };
            let is_left_out = least > 0.0 && is_small() && store.kind_of(feature) != Kind::Points
                || has_predicate && !layer.is_wanted(feature, &predicates);
            if !is_left_out {
                features.extend(u32::try_from(feature));
            }
            ControlFlow::Continue(())
        });
        if searched.is_break() {
            return Err(TooLate);
        }
        let most = level.max_features.unwrap_or(u32::MAX) as usize;
        let truncated = features.len() > most;
        let mut found = Self { layer, request, features, truncated };
        if truncated {
            found.keep_first(most, deadline)?;
        }
        Ok(found)
    }

    pub(super) fn len(&self) -> usize {
        self.features.len()
    }

    /// Hands the features to the sink.
    pub(super) fn send(
        &self,
        index: usize,
        sink: &mut dyn TileSink,
        deadline: Deadline,
    ) -> Result<(), TooLate> {
        let level = self.request.spec.levels.at(self.request.tile.z());
        let needed = needed_at(level.simplify, unit(self.request));
        for features in self.features.chunks(STRIDE) {
            if deadline.remaining().is_zero() {
                return Err(TooLate);
            }
            for feature in features {
                let feature = *feature as usize;
                sink.feature(index, &Row { layer: self.layer, feature, needed });
            }
        }
        if self.truncated {
            sink.truncated(index, Truncation::MaxFeatures);
        }
        Ok(())
    }

    /// Keeps those that come first: in the layer's own order or the largest, then by their ids,
    /// then by their places, which are the same wherever the file is.
    fn keep_first(&mut self, most: usize, deadline: Deadline) -> Result<(), TooLate> {
        let EmbeddedLayer { store, order, .. } = self.layer;
        let key = |feature: u32| {
            let place = feature as usize;
            let mut rank = Vec::new();
            order.iter().for_each(|key| key.append(store, place, &mut rank));
            let by_size = order.is_empty() && store.kind_of(place) != Kind::Points;
            let size = if by_size { larger_side(&store.bounds(place)) } else { 0.0 };
            let id = self.layer.id(place);
            (rank, size, id.is_none(), id, feature)
        };
        let compare = |a: &Key, b: &Key| -> Ordering {
            let size = b.1.total_cmp(&a.1);
            a.0.cmp(&b.0).then(size).then((a.2, a.3, a.4).cmp(&(b.2, b.3, b.4)))
        };
        // Twice as many at most, however many there are.
        let mut keys: Vec<Key> = Vec::new();
        for features in self.features.chunks(most.max(STRIDE)) {
            if deadline.remaining().is_zero() {
                return Err(TooLate);
            }
            keys.extend(features.iter().map(|feature| key(*feature)));
            if keys.len() > most {
                keys.select_nth_unstable_by(most, compare);
                keys.truncate(most);
            }
        }
        self.features = keys.into_iter().map(|(.., feature)| feature).collect();
        Ok(())
    }
}

/// Whether a tile may have so much in it that others shouldn't wait for it.
pub(super) fn is_heavy(layer: &EmbeddedLayer, request: &LayerRequest<'_>) -> bool {
    let (mut features, mut vertices) = (0, 0);
    let looked = layer.store.tree().search(area(request), &mut |feature| {
        features += 1;
        vertices += layer.store.vertices_of(feature);
        match features >= HEAVY || vertices >= MANY_VERTICES {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    looked.is_break()
}

/// The layer's rank, the size, whether there is no id, the id, the place.
type Key = (Vec<u8>, f64, bool, Option<i64>, u32);

fn larger_side(bounds: &Bounds) -> f64 {
    (bounds.max[0] - bounds.min[0]).max(bounds.max[1] - bounds.min[1])
}

/// A grid unit in metres of Web Mercator.
fn unit(request: &LayerRequest<'_>) -> f64 {
    request.tile.size() / f64::from(request.spec.extent.max(1))
}

/// Where features are wanted from, in metres of Web Mercator.
fn area(request: &LayerRequest<'_>) -> Edges {
    let area = request.tile.buffered_bounds(request.spec.extent.max(1), request.spec.buffer);
    let margin = request.tile.size() * ROUNDING;
    let (min, max) = (area.min(), area.max());
    outwards(&Bounds {
        min: [min.x - margin, min.y - margin],
        max: [max.x + margin, max.y + margin],
    })
}
