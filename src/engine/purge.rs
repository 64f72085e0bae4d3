//! Purges: what was read before is served no more.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use geo::Rect;

use super::Engine;
use crate::cache::{Key, Members, Swept};
use crate::catalog::{Catalog, Layer, LookupError};
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

impl Engine {
    /// Drops the tiles that show the layers, in every tileset, where their buffered squares touch
    /// the box. What is being read now is not kept.
    ///
    /// # Errors
    /// There is no such layer; nothing is purged then.
    pub async fn purge(&self, purge: Purge) -> Result<Swept, LookupError> {
        let layers = match &purge.layer {
            Some(name) => {
                Some(self.lookup(name)?.tileset.members.iter().map(|l| l.identity).collect())
            }
            None => None,
        };
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
        Ok(self.runtime.spawn_blocking(sweep).await.unwrap_or_default())
    }

    /// Purges the layers whose rows are others in `next`, by what their data versions say.
    pub(super) fn purge_changed(&self, next: &Catalog) {
        let now = self.published.load();
        let layers = |catalog: &Catalog| {
            let members = catalog.tilesets().flat_map(|tileset| tileset.members.clone());
            members.collect::<Vec<_>>()
        };
        let before: HashMap<u128, Option<String>> = layers(&now.catalog)
            .into_iter()
            .map(|layer| (layer.identity, layer.data_version.clone()))
            .collect();
        let is_other = |layer: &Arc<Layer>| {
            let before = before.get(&layer.identity);
            layer.data_version.is_some() && before.is_some_and(|old| *old != layer.data_version)
        };
        let changed: HashSet<u128> =
            layers(next).iter().filter(|l| is_other(l)).map(|layer| layer.identity).collect();
        if !changed.is_empty() {
            changed.iter().for_each(|layer| self.generations.of(*layer).advance());
            self.cache.sweep(|_, members| changed.iter().any(|layer| members.contains(*layer)));
        }
    }
}

/// Which tiles a purge covers.
struct Covers {
    layers: Option<Vec<u128>>,
    /// In Web Mercator metres; everywhere when absent.
    boxes: Option<Vec<Rect<f64>>>,
    zooms: RangeInclusive<u8>,
}

impl Covers {
    fn covers(&self, key: &Key, members: &Members) -> bool {
        let of_layers = |layers: &Vec<u128>| layers.iter().any(|layer| members.contains(*layer));
        self.zooms.contains(&key.tile().z())
            && self.layers.as_ref().is_none_or(of_layers)
            && self.boxes.as_ref().is_none_or(|boxes| touches(key.tile(), members.margin(), boxes))
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
    use crate::cache::Generations;

    fn covered(purge: Purge, layers: Option<Vec<u128>>, z: u8) -> Vec<(u32, u32)> {
        let members = Generations::default().members([1, 2], 64.0 / 4096.0);
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
