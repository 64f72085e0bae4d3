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

use std::collections::{HashMap, HashSet};
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

/// One layer of a tileset.
#[derive(Clone, Debug)]
pub struct Member {
    /// Digest of its definition.
    pub layer: u128,
    /// How far its tiles reach beyond their own square, in sides of a tile.
    pub margin: f32,
    /// The first and the last zoom at which it has tiles.
    pub zooms: [u8; 2],
}

/// The layers that a tileset shows.
#[derive(Debug, Default)]
pub struct Members(Box<[(Member, Generation)]>);

impl Members {
    /// Changes whenever a member's generation does: generations only grow, and so does their sum.
    pub fn generation(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, generation)| sum.wrapping_add(generation.current()))
    }

    pub fn contains(&self, layer: u128) -> bool {
        self.0.iter().any(|(member, _)| member.layer == layer)
    }

    /// How far the `wanted` layers reach beyond a tile of zoom `z`, in sides of a tile; `None` if
    /// the tile shows none of them.
    pub fn reach(&self, z: u8, wanted: impl Fn(u128) -> bool) -> Option<f64> {
        let shown = self.0.iter().map(|(member, _)| member).filter(|member| {
            (member.zooms[0]..=member.zooms[1]).contains(&z) && wanted(member.layer)
        });
        shown.map(|member| f64::from(member.margin)).reduce(f64::max)
    }

    /// Bytes that the list takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + 16 + self.0.len() * size_of::<(Member, Generation)>()
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

    /// The stamp of a read whose generation was noted when it began.
    pub fn at(members: &Arc<Members>, generation: u64) -> Self {
        Self { members: members.clone(), generation }
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn members(&self) -> &Arc<Members> {
        &self.members
    }

    /// Whether nothing that the tile shows was purged since.
    pub fn is_current(&self) -> bool {
        self.members.generation() == self.generation
    }
}

/// All layers' generations, with what their data versions were last. A layer keeps both when the
/// catalogue is built again, even if it wasn't in one in between: its tiles may still be there.
#[derive(Debug, Default)]
pub struct Generations(Mutex<HashMap<u128, Known>>);

#[derive(Debug, Default)]
struct Known {
    generation: Generation,
    data_version: Option<String>,
}

impl Generations {
    pub fn of(&self, layer: u128) -> Generation {
        self.0.lock().entry(layer).or_default().generation.clone()
    }

    /// The list of a tileset's layers.
    pub fn members(&self, layers: impl IntoIterator<Item = Member>) -> Arc<Members> {
        let mut known = self.0.lock();
        let member = |member: Member| {
            let generation = known.entry(member.layer).or_default().generation.clone();
            (member, generation)
        };
        Arc::new(Members(layers.into_iter().map(member).collect()))
    }

    /// Notes a layer's data version. Returns whether it is another than the last one.
    pub fn is_new_version(&self, layer: u128, version: &str) -> bool {
        let mut known = self.0.lock();
        let last = &mut known.entry(layer).or_default().data_version;
        let is_new = last.as_deref() != Some(version);
        if is_new {
            *last = Some(version.to_owned());
        }
        is_new
    }

    /// Everything read before now is of the past.
    pub fn advance_all(&self) {
        self.0.lock().values().for_each(|known| known.generation.advance());
    }

    /// Forgets the layers that no tileset, tile or read has any more. Returns whether it still
    /// knows each layer that it is asked for.
    pub fn tidy(&self) -> impl Fn(u128) -> bool {
        let mut known = self.0.lock();
        known.retain(|_, known| Arc::strong_count(&known.generation.0) > 1);
        let left: HashSet<u128> = known.keys().copied().collect();
        move |layer| left.contains(&layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(layer: u128) -> Member {
        Member { layer, margin: 0.0, zooms: [0, 24] }
    }

    #[test]
    fn a_stamp_is_current_until_a_member_is_purged() {
        let generations = Generations::default();
        let both = Stamp::now(&generations.members([1, 2].map(member)));
        generations.of(3).advance();
        assert!(both.is_current());
        generations.of(2).advance();
        assert!(!both.is_current());
    }

    #[test]
    fn a_layer_keeps_its_generation_as_long_as_anybody_shows_it() {
        let generations = Generations::default();
        let held = generations.members([member(1)]);
        generations.of(1).advance();
        generations.of(2).advance();
        let is_known = generations.tidy();
        assert!(is_known(1) && !is_known(2));
        assert_eq!(generations.members([member(1)]).generation(), held.generation());
    }

    #[test]
    fn a_tile_reaches_as_far_as_the_layers_that_it_shows() {
        let wide = Member { margin: 0.5, zooms: [5, 9], ..member(1) };
        let members = Generations::default().members([wide, member(2)]);
        assert_eq!(members.reach(7, |_| true), Some(0.5));
        assert_eq!(members.reach(7, |layer| layer == 2), Some(0.0));
        assert_eq!(members.reach(4, |_| true), Some(0.0));
        assert_eq!(members.reach(4, |layer| layer == 1), None);
    }
}
