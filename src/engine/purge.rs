//! Purges: what was read before is served no more.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use geo::Rect;
use thiserror::Error;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::Engine;
use crate::cache::{Key, Members, Swept};
use crate::catalog::{Catalog, LookupError};
use crate::tile::mercator::project;
use crate::tile::{MAX_ZOOM, TileCoord};

/// What to purge.
#[derive(Clone, Debug, PartialEq)]
pub struct Purge {
    /// A layer, or a tileset for all of its layers; everything when absent.
    pub layer: Option<String>,
    /// West, south, east, north in degrees. West of more than east reaches over the antimeridian
    /// (RFC 7946 section 5.2).
    pub bbox: Option<[f64; 4]>,
    pub zooms: RangeInclusive<u8>,
}

impl Default for Purge {
    fn default() -> Self {
        Self { layer: None, bbox: None, zooms: 0..=MAX_ZOOM }
    }
}

/// Why nothing, or not all, was purged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PurgeError {
    #[error("there is no layer or tileset {0:?}")]
    Unknown(String),
    #[error(transparent)]
    Lookup(LookupError),
    /// The sweep panicked, or the server is stopping.
    #[error("the purge did not come to its end")]
    Aborted,
}

impl Engine {
    /// Drops the tiles that show the layers, in every tileset, where their buffered squares touch
    /// the box. What is being read now is not kept.
    ///
    /// # Errors
    /// There is no such layer; nothing is purged then. Or the purge was aborted.
    pub async fn purge(&self, purge: Purge) -> Result<Swept, PurgeError> {
        let layers = purge.layer.as_deref().map(|name| self.identities(name)).transpose()?;
        let Self { cache, generations, .. } = self;
        let (cache, generations) = (cache.clone(), generations.clone());
        let sweep = move || {
            let covers = Covers { layers, boxes: boxes(purge.bbox), zooms: purge.zooms };
            match &covers.layers {
                Some(layers) => layers.iter().for_each(|layer| generations.of(*layer).advance()),
                None => generations.advance_all(),
            }
            cache.sweep(|key, members| covers.covers(key, members))
        };
        // A large cache takes a while: not on a worker that answers hits.
        self.runtime.spawn_blocking(sweep).await.map_err(|_| PurgeError::Aborted)
    }

    /// All definitions that the layers of this name have had, as far as there may be tiles of
    /// them. A layer that is disabled now has had some too.
    fn identities(&self, name: &str) -> Result<HashSet<u128>, PurgeError> {
        let published = self.published.load();
        let ids: Vec<String> = match published.lookup(name) {
            Ok(served) => served.tileset.members.iter().map(|layer| layer.id.clone()).collect(),
            Err(LookupError::Disabled(_)) => vec![name.to_owned()],
            Err(LookupError::Unknown(name)) => return Err(PurgeError::Unknown(name)),
            Err(error) => return Err(PurgeError::Lookup(error)),
        };
        let definitions = self.definitions.lock();
        Ok(ids.iter().filter_map(|id| definitions.get(id)).flatten().copied().collect())
    }

    /// Purges the layers whose rows are others in `next`, by what their data versions say, and
    /// notes the definitions of all.
    pub(super) fn prepare(&self, next: &Catalog) {
        let mut changed = HashSet::new();
        let mut definitions = self.definitions.lock();
        for layer in next.tilesets().flat_map(|tileset| &tileset.members) {
            definitions.entry(layer.id.clone()).or_default().insert(layer.identity);
            let version = layer.data_version.as_deref();
            if version.is_some_and(|v| self.generations.is_new_version(layer.identity, v)) {
                changed.insert(layer.identity);
            }
        }
        drop(definitions);
        self.drop_tiles(&changed);
    }

    /// Drops the tiles of definitions that the layers of `now`, which is published, don't have any
    /// more. Nobody will ask for them.
    pub(super) fn drop_replaced(&self, now: &Catalog) {
        let layers = || now.tilesets().flat_map(|tileset| &tileset.members);
        let current: HashSet<u128> = layers().map(|layer| layer.identity).collect();
        let definitions = self.definitions.lock();
        let all = layers().filter_map(|layer| definitions.get(&layer.id)).flatten();
        let replaced: HashSet<u128> = all.copied().filter(|one| !current.contains(one)).collect();
        drop(definitions);
        self.drop_tiles(&replaced);
    }

    /// Drops all tiles that show any of these layers.
    fn drop_tiles(&self, layers: &HashSet<u128>) {
        if layers.is_empty() {
            return;
        }
        layers.iter().for_each(|layer| self.generations.of(*layer).advance());
        let is_meant = |members: &Members| layers.iter().any(|one| members.contains(*one));
        let sweep = || self.cache.sweep(|_, members| is_meant(members));
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(sweep),
            _ => sweep(),
        };
    }

    /// Forgets the definitions of which there are no tiles any more.
    pub(super) fn tidy(&self) {
        let is_known = self.generations.tidy();
        self.definitions.lock().retain(|_, definitions| {
            definitions.retain(|definition| is_known(*definition));
            !definitions.is_empty()
        });
    }
}

/// Which tiles a purge covers.
struct Covers {
    layers: Option<HashSet<u128>>,
    /// In Web Mercator metres; everywhere when absent.
    boxes: Option<Vec<Rect<f64>>>,
    zooms: RangeInclusive<u8>,
}

impl Covers {
    fn covers(&self, key: &Key, members: &Members) -> bool {
        let z = key.tile().z();
        let wanted = |layer| self.layers.as_ref().is_none_or(|layers| layers.contains(&layer));
        let Some(margin) = members.reach(z, wanted) else { return false };
        self.zooms.contains(&z)
            && self.boxes.as_ref().is_none_or(|boxes| touches(key.tile(), margin, boxes))
    }
}

fn touches(tile: TileCoord, margin: f64, boxes: &[Rect<f64>]) -> bool {
    let (square, margin) = (tile.bounds(), margin * tile.size());
    boxes.iter().any(|area| {
        area.min().x <= square.max().x + margin
            && area.max().x >= square.min().x - margin
            && area.min().y <= square.max().y + margin
            && area.max().y >= square.min().y - margin
    })
}

fn boxes(bbox: Option<[f64; 4]>) -> Option<Vec<Rect<f64>>> {
    let [west, south, east, north] = bbox?;
    let area = |west: f64, east: f64| Rect::new(project(west, south), project(east, north));
    Some(if west <= east {
        vec![area(west, east)]
    } else {
        vec![area(west, 180.0), area(-180.0, east)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Generations, Member};

    fn covered(purge: Purge, layers: Option<Vec<u128>>, z: u8) -> Vec<(u32, u32)> {
        let member = |(layer, margin)| Member { layer, margin, zooms: [0, 24] };
        let members = [(1, 0.0), (2, 64.0 / 4096.0)].map(member);
        let members = Generations::default().members(members);
        let layers = layers.map(HashSet::from_iter);
        let covers = Covers { layers, boxes: boxes(purge.bbox), zooms: purge.zooms };
        let all = (0..1 << z).flat_map(|x| (0..1 << z).map(move |y| (x, y)));
        let key = |(x, y): &(u32, u32)| Key::new(1, TileCoord::new(z, *x, *y).unwrap(), false);
        all.filter(|tile| covers.covers(&key(tile), &members)).collect()
    }

    #[test]
    fn a_box_covers_the_tiles_whose_buffers_it_touches() {
        let purge = |bbox| Purge { bbox: Some(bbox), ..Purge::default() };
        assert_eq!(covered(purge([10.0, 10.0, 20.0, 20.0]), None, 2), [(2, 1)]);
        // Just inside the buffer of the tile to the west.
        assert_eq!(covered(purge([1.0, 10.0, 20.0, 20.0]), None, 2), [(1, 1), (2, 1)]);
        assert_eq!(
            covered(purge([1.0, 10.0, 20.0, 20.0]), Some(vec![1]), 2),
            [(2, 1)],
            "the other layer's buffer doesn't count"
        );
        assert_eq!(covered(purge([-180.0, -90.0, 180.0, 90.0]), None, 1).len(), 4);
        assert_eq!(covered(purge([170.0, 10.0, -170.0, 20.0]), None, 2), [(0, 1), (3, 1)]);
    }

    #[test]
    fn zooms_and_layers_narrow_a_purge() {
        let low = Purge { zooms: 0..=3, ..Purge::default() };
        assert_eq!(covered(low.clone(), None, 4), []);
        assert_eq!(covered(low.clone(), Some(vec![2, 7]), 1).len(), 4);
        assert_eq!(covered(low, Some(vec![7]), 1), []);
    }
}
