//! The steps from rows to one MVT layer: decode, project, clip, snap, encode.

use super::arena::Arena;
use super::clip::{Relation, Window};
use super::ewkb::EwkbError;
use super::grid::Grid;
use super::quantize::Role;
use super::shape::{Kind, Point, Shape};
use super::{Crs, Feature, TileCoord, encode, ewkb};

/// How the rows of one layer become features; the same for all its tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// Name of the layer in the tile.
    pub name: String,
    /// Property names, by the index that [`Feature::properties`] uses.
    pub keys: Vec<String>,
    pub crs: Crs,
    /// Grid units along a tile's side.
    pub extent: u32,
    /// Grid units kept around the tile.
    pub buffer: u32,
}

/// What went into one layer of one tile, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerStats {
    /// Features written.
    pub features: u64,
    /// Rows whose geometry was NULL or empty.
    pub empty: u64,
    /// Rows with a NaN or infinite coordinate.
    pub not_finite: u64,
    /// Rows whose bytes are not (E)WKB.
    pub malformed: u64,
    /// Rows with nothing left after clipping and snapping.
    pub clipped: u64,
}

/// Collects the rows of one layer of one tile.
pub struct LayerBuilder<'s> {
    spec: &'s LayerSpec,
    grid: Grid,
    window: Window,
    stats: LayerStats,
    arena: Arena,
    shape: Shape,
    placed: Vec<Point>,
    spare: Vec<Point>,
}

impl<'s> LayerBuilder<'s> {
    pub fn new(spec: &'s LayerSpec, tile: TileCoord) -> Self {
        Self {
            spec,
            grid: Grid::new(tile, spec.extent, spec.crs),
            window: Window::new(spec.extent, spec.buffer),
            stats: LayerStats::default(),
            arena: Arena::default(),
            shape: Shape::default(),
            placed: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Clips the row to the tile and keeps what is left of it.
    pub fn add(&mut self, feature: &dyn Feature) {
        let Some(kind) = self.decode(feature.geometry()) else { return };
        let from = self.arena.snapped.mark();
        match kind {
            Kind::Points => self.points(),
            Kind::Lines => self.lines(),
            Kind::Polygons => self.polygons(),
        }
        if self.arena.snapped.mark() == from {
            self.stats.clipped += 1;
            return;
        }
        self.stats.features += 1;
        let id = feature.id().and_then(|id| u64::try_from(id).ok());
        self.arena.push(id, kind, from);
        feature.properties(&mut |key, value| self.arena.tag(key, value));
    }

    /// The layer as the bytes of an MVT `Tile` message that holds only it (so that concatenated
    /// layers make a composite tile); empty when no feature is left.
    pub fn finish(self) -> (Vec<u8>, LayerStats) {
        if self.stats.features == 0 {
            return (Vec::new(), self.stats);
        }
        let bytes = encode::layer(self.spec, self.arena.ordered());
        // The encoder refuses only coordinates that are no numbers; these are integers.
        (bytes.unwrap_or_default(), self.stats)
    }

    fn decode(&mut self, geometry: Option<&[u8]>) -> Option<Kind> {
        let kind = match geometry.map(|bytes| ewkb::read(bytes, &mut self.shape)) {
            None => None,
            Some(Ok(())) => self.shape.kind(),
            Some(Err(EwkbError::NotFinite)) => {
                self.stats.not_finite += 1;
                return None;
            }
            Some(Err(EwkbError::Malformed(_))) => {
                self.stats.malformed += 1;
                return None;
            }
        };
        self.stats.empty += u64::from(kind.is_none());
        kind
    }

    fn points(&mut self) {
        for part in self.shape.parts() {
            let placed = self.shape.points(part).iter().map(|&point| self.grid.place(point));
            self.arena.snapped.points(placed.filter(|&point| self.window.contains(point)));
        }
    }

    fn lines(&mut self) {
        for part in self.shape.parts() {
            let relation = self.window.relation(&self.grid.place_bounds(&part.bounds));
            if relation == Relation::Outside {
                continue;
            }
            self.grid.place_all(self.shape.points(part), &mut self.placed);
            let snapped = &mut self.arena.snapped;
            match relation {
                Relation::Inside => snapped.line(&self.placed),
                _ => self.window.line(&self.placed, &mut self.spare, |visit| snapped.line(visit)),
            }
        }
    }

    fn polygons(&mut self) {
        // Where the current polygon starts and its area; `None` once it is gone, holes and all.
        let mut outer = None;
        for part in self.shape.parts() {
            if !part.hole {
                outer = None;
            } else if outer.is_none() {
                continue;
            }
            let bounds = self.grid.place_bounds(&part.bounds);
            if self.window.relation(&bounds) == Relation::Outside {
                continue;
            }
            self.grid.place_all(self.shape.points(part), &mut self.placed);
            self.window.ring(&mut self.placed, &bounds, &mut self.spare);
            let snapped = &mut self.arena.snapped;
            let from = snapped.mark();
            match outer {
                None => outer = snapped.ring(&self.placed, Role::Outer).map(|area| (from, area)),
                // A hole as large as what is left around it: the tile lies in the hole.
                Some((start, area)) => {
                    if snapped.ring(&self.placed, Role::Inner) >= Some(area) {
                        snapped.rewind(start);
                        outer = None;
                    }
                }
            }
        }
    }
}
