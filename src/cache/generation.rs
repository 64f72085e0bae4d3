//! Generations: what tells a tile read before a purge from one read after it.
//!
//! ```text
//!   flight       takes the stamp, reads ........................ inserts: stamp is old, refused
//!   purge                        raises the generation, sweeps
//! ```
//!
//! Whoever reads takes a [`Stamp`] first. A purge raises the generations of the layers that it
//! touches before it sweeps a shard, and an insert compares under that shard's lock. So a tile
//! read before the purge comes either too late, and is refused, or early enough to be swept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// The generation of one layer, shared by all who show it.
#[derive(Clone, Debug, Default)]
pub struct Generation(Arc<AtomicU64>);

impl Generation {
    pub fn current(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Everything read before now is of the past.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The layers that a tileset shows, by the digests of their definitions.
#[derive(Debug, Default)]
pub struct Members {
    layers: Box<[(u128, Generation)]>,
    margin: f64,
}

impl Members {
    /// Changes whenever a member's generation does: generations only grow, and so does their sum.
    pub fn generation(&self) -> u64 {
        self.layers.iter().fold(0, |sum, (_, generation)| sum.wrapping_add(generation.current()))
    }

    pub fn contains(&self, layer: u128) -> bool {
        self.layers.iter().any(|(member, _)| *member == layer)
    }

    /// How far tiles reach beyond their own square, in sides of a tile.
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// Bytes that the list takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + 16 + self.layers.len() * size_of::<(u128, Generation)>()
    }
}

/// When a read began: before it, not after.
#[derive(Clone, Debug)]
pub struct Stamp {
    members: Arc<Members>,
    generation: u64,
}

impl Stamp {
    pub fn now(members: &Arc<Members>) -> Self {
        Self { members: members.clone(), generation: members.generation() }
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn members(&self) -> &Arc<Members> {
        &self.members
    }

    /// Whether nothing that the tile shows was purged since.
    pub(super) fn is_current(&self) -> bool {
        self.members.generation() == self.generation
    }
}

/// All layers' generations. A layer keeps its own when the catalogue is built again, or a read
/// that began under the old catalogue could slip past a purge under the new one.
#[derive(Debug, Default)]
pub struct Generations(Mutex<HashMap<u128, Generation>>);

impl Generations {
    pub fn of(&self, layer: u128) -> Generation {
        self.0.lock().entry(layer).or_default().clone()
    }

    /// The members of a tileset whose tiles reach `margin` sides of a tile beyond their square.
    pub fn members(&self, layers: impl IntoIterator<Item = u128>, margin: f64) -> Arc<Members> {
        let mut known = self.0.lock();
        let member = |layer| (layer, known.entry(layer).or_default().clone());
        Arc::new(Members { layers: layers.into_iter().map(member).collect(), margin })
    }

    /// Everything read before now is of the past.
    pub fn advance_all(&self) {
        self.0.lock().values().for_each(Generation::advance);
    }

    /// Forgets the layers that no tileset, tile or read has any more.
    pub fn tidy(&self) {
        self.0.lock().retain(|_, generation| Arc::strong_count(&generation.0) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_current_until_a_member_is_purged() {
        let generations = Generations::default();
        let both = Stamp::now(&generations.members([1, 2], 0.0));
        generations.of(3).advance();
        assert!(both.is_current());
        generations.of(2).advance();
        assert!(!both.is_current());
    }

    #[test]
    fn a_layer_keeps_its_generation_as_long_as_anybody_shows_it() {
        let generations = Generations::default();
        let held = generations.members([1], 0.0);
        generations.of(1).advance();
        generations.of(2).advance();
        generations.tidy();
        assert_eq!(generations.members([1], 0.0).generation(), held.generation());
        assert_eq!(generations.0.lock().len(), 1);
    }
}
