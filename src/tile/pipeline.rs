//! The steps from rows to one MVT layer: decode, project, clip, snap, simplify, encode.

use super::clip::{Relation, Window};
use super::commands::Mark;
#[cfg(not(feature = "mvt-encoder"))]
use super::encode::layer_within;
#[cfg(feature = "mvt-encoder")]
use super::encode_mvt::layer_within;
use super::ewkb::EwkbError;
use super::grid::Grid;
use super::quantize::{self, GridPoint, Role, Vertex};
use super::scratch::{Lease, Scratch};
use super::shape::{Bounds, Kind, Part};
use super::simplify::Simplifier;
use super::{
    Feature, LayerSpec, LayerStats, Level, MAX_EXACT_ID, MAX_EXTENT, TileCoord, Truncation,
};

/// Collects the rows of one layer of one tile.
pub struct LayerBuilder<'s> {
    spec: &'s LayerSpec,
    level: Level,
    grid: Grid,
    window: Window,
    simplifier: Option<Simplifier>,
    stats: LayerStats,
    work: Lease,
}

impl<'s> LayerBuilder<'s> {
    pub fn new(spec: &'s LayerSpec, tile: TileCoord) -> Self {
        let extent = spec.extent.clamp(1, MAX_EXTENT);
        let buffer = spec.buffer.min(extent);
        let level = spec.levels.at(tile.z());
        let grid = Grid::new(tile, extent, spec.crs);
        let simplifier =
            (level.simplify > 0.0).then(|| Simplifier::new(level.simplify, extent, buffer));
        Self {
            spec,
            level,
            grid,
            window: Window::new(grid.corner(), extent, buffer),
            simplifier,
            stats: LayerStats::default(),
            work: Lease::take(),
        }
    }

    /// About how many bytes [`finish`](Self::finish) will have to write for the rows so far.
    pub fn size_hint(&self) -> usize {
        let Scratch { arena, polygons, .. } = &*self.work;
        arena.bytes() + polygons.bytes()
    }

    /// Clips the row to the tile and keeps what is left of it.
    pub fn add(&mut self, feature: &dyn Feature) {
        if self.work.arena.is_full() {
            self.stats.truncated = Some(Truncation::MaxTileBytes);
            return;
        }
        let Some(kind) = self.decode(feature) else { return };
        let size = if feature.is_part() { f64::INFINITY } else { self.size() };
        if kind != Kind::Points && size < self.level.min_size {
            self.stats.small += 1;
            return;
        }
        let start = self.work.arena.commands.len();
        let rings = self.work.polygons.len();
        self.work.arena.commands.begin();
        match kind {
            Kind::Points => self.points(),
            Kind::Lines => self.lines(),
            Kind::Polygons => self.polygons(),
        }
        let Scratch { arena, polygons, .. } = &mut *self.work;
        if arena.commands.len() == start && !polygons.draws_since(rings) {
            self.stats.clipped += 1;
            return;
        }
        let id = feature.id().and_then(|id| u64::try_from(id).ok());
        arena.push(id, kind, size, start);
        polygons.close_feature();
        feature.rank(&mut arena.ranks);
        arena.close_rank();
        feature.properties(&mut |key, value| arena.tag(key, value));
    }

    /// The layer as the bytes of an MVT `Tile` message that holds only it (so that concatenated
    /// layers make a composite tile); empty when no feature is left.
    pub fn finish(mut self) -> (Vec<u8>, LayerStats) {
        let Scratch { arena, polygons, encoding, .. } = &mut *self.work;
        let arrived = arena.len();
        if let Some(simplifier) = &mut self.simplifier
            && polygons.len() > 0
        {
            polygons.settle();
            arena.rewrite(|index, encoded, out| {
                out.append(encoded);
                polygons.encode(index, simplifier, out);
            });
        }
        self.stats.clipped += (arrived - arena.len()) as u64;
        let rows = arena.ordered();
        let large = |row: &&u32| arena.row(**row).id.is_some_and(|id| id > MAX_EXACT_ID);
        self.stats.large_ids = rows.iter().filter(large).count() as u64;
        if rows.is_empty() {
            return (Vec::new(), self.stats);
        }
        let limit = self.level.max_tile_bytes.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(usize::MAX);
        let (bytes, written) = layer_within(self.spec, arena, encoding, &rows, limit);
        self.stats.features = written as u64;
        if written < rows.len() {
            self.stats.truncated = Some(Truncation::MaxTileBytes);
        }
        (bytes, self.stats)
    }

    /// What `mvt` makes of the rows so far, none of which wait for others.
    #[cfg(test)]
    pub(super) fn by_mvt(&self) -> Vec<u8> {
        let rows = self.work.arena.ordered();
        super::encode_mvt::layer(self.spec, &self.work.arena, &rows).unwrap()
    }

    fn decode(&mut self, feature: &dyn Feature) -> Option<Kind> {
        let kind = match feature.shape(&mut self.work.shape) {
            Ok(()) => self.work.shape.kind(),
            Err(EwkbError::NotFinite) => {
                self.stats.not_finite += 1;
                return None;
            }
            Err(EwkbError::Malformed(_)) => {
                self.stats.malformed += 1;
                return None;
            }
        };
        self.stats.empty += u64::from(kind.is_none());
        kind
    }

    /// The larger side of the row's box, in grid units.
    fn size(&self) -> f64 {
        let mut all = Bounds::EMPTY;
        for part in self.work.shape.parts() {
            all.grow(part.bounds.min);
            all.grow(part.bounds.max);
        }
        let Bounds { min, max } = self.grid.place_bounds(&all);
        (max[0] - min[0]).max(max[1] - min[1])
    }

    fn points(&mut self) {
        let Scratch { arena, shape, drawn, .. } = &mut *self.work;
        drawn.clear();
        for part in shape.parts() {
            let placed = shape.points(part).iter().map(|&point| self.grid.place(point));
            let inside = placed.filter(|&point| self.window.contains(point));
            drawn.extend(inside.map(|point| self.grid.snap(point).at));
        }
        if drawn.len() > 1 {
            quantize::deduplicate(drawn);
        }
        arena.commands.points(drawn);
    }

    fn lines(&mut self) {
        let Self { grid, window, simplifier, work, .. } = self;
        let Scratch { arena, shape, placed, spare, chain, drawn, .. } = &mut **work;
        let mut keep = |chain: &[Vertex]| {
            match simplifier {
                Some(simplifier) => simplifier.line(chain, drawn),
                None => draw(chain, drawn),
            }
            quantize::straighten(drawn);
            // Section 4.3.4.3: a line has at least two points.
            if drawn.len() >= 2 {
                arena.commands.line(drawn);
            }
        };
        for part in shape.parts() {
            match window.relation(&grid.place_bounds(&part.bounds)) {
                Relation::Outside => {}
                Relation::Inside => {
                    grid.snap_all(shape.points(part), chain);
                    keep(chain);
                }
                Relation::Across => {
                    grid.place_all(shape.points(part), placed);
                    window.line(placed, spare, |visit| {
                        chain.clear();
                        visit.iter().for_each(|&p| quantize::push(chain, grid.snap(p)));
                        keep(chain);
                    });
                }
            }
        }
    }

    fn polygons(&mut self) {
        // Where the current polygon starts and its outer ring; `None` once it is gone, holes and
        // all.
        let mut outer: Option<(RingMark, KeptRing)> = None;
        for index in 0..self.work.shape.parts().len() {
            let part = self.work.shape.parts()[index];
            if !part.hole {
                outer = None;
            } else if outer.is_none() {
                continue;
            }
            if !self.cut_ring(&part) {
                continue;
            }
            let mark = self.ring_mark();
            match outer {
                None => outer = self.keep_ring(Role::Outer).map(|ring| (mark, ring)),
                // A hole as large as what is left around it: the tile lies in the hole.
                Some((start, ring)) => {
                    if self.keep_ring(Role::Inner).is_some_and(|hole| hole.covers(&ring)) {
                        self.rewind(start);
                        outer = None;
                    }
                }
            }
        }
    }

    /// Leaves in `chain` what the window has of a ring, open and snapped. False if that is
    /// nothing for sure.
    fn cut_ring(&mut self, part: &Part) -> bool {
        let Self { grid, window, work, .. } = self;
        let Scratch { shape, placed, spare, chain, .. } = &mut **work;
        let bounds = grid.place_bounds(&part.bounds);
        match window.relation(&bounds) {
            Relation::Outside => return false,
            Relation::Inside => grid.snap_all(shape.points(part), chain),
            Relation::Across => {
                grid.place_all(shape.points(part), placed);
                window.ring(placed, &bounds, spare);
                chain.clear();
                placed.iter().for_each(|&point| quantize::push(chain, grid.snap(point)));
            }
        }
        quantize::open(chain);
        true
    }

    /// Keeps the ring in `chain`; `None` if it has no area.
    fn keep_ring(&mut self, role: Role) -> Option<KeptRing> {
        let Scratch { arena, polygons, chain, drawn, .. } = &mut *self.work;
        let area = quantize::doubled_area(chain);
        if area == 0 {
            if let Some(simplifier) = &self.simplifier {
                polygons.flat(chain, simplifier);
            }
            return None;
        }
        match &self.simplifier {
            Some(simplifier) => polygons.ring(chain, role, simplifier),
            None => {
                draw(chain, drawn);
                quantize::corners(drawn);
                arena.commands.ring(drawn, (area > 0) != (role == Role::Outer));
            }
        }
        Some(KeptRing { area: area.unsigned_abs(), bounds: quantize::bounds(chain) })
    }

    fn ring_mark(&self) -> RingMark {
        RingMark { commands: self.work.arena.commands.mark(), rings: self.work.polygons.len() }
    }

    fn rewind(&mut self, mark: RingMark) {
        self.work.arena.commands.rewind(mark.commands);
        self.work.polygons.truncate(mark.rings);
    }
}

/// All vertices, where they are on the grid; replaces what is in `out`.
fn draw(chain: &[Vertex], out: &mut Vec<GridPoint>) {
    out.clear();
    out.extend(chain.iter().map(|vertex| vertex.at));
}

/// What is known of a ring besides its vertices.
#[derive(Clone, Copy)]
struct KeptRing {
    /// Twice the area between its edges; the lobes of one that crosses itself count against each
    /// other.
    area: u64,
    /// Least and greatest coordinates.
    bounds: [GridPoint; 2],
}

impl KeptRing {
    /// Whether nothing is left of `outer` around this hole.
    fn covers(&self, outer: &Self) -> bool {
        let ([low, high], [outer_low, outer_high]) = (self.bounds, outer.bounds);
        let reaches = |axis: usize| low[axis] <= outer_low[axis] && high[axis] >= outer_high[axis];
        self.area >= outer.area && reaches(0) && reaches(1)
    }
}

/// A place among the rings of a feature.
#[derive(Clone, Copy)]
struct RingMark {
    commands: Mark,
    rings: usize,
}

#[cfg(test)]
mod tests;
