//! What is said of tiles in which a budget left something out: to clients, to Prometheus, in the
//! log.

use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{CONTROLS, utf8_percent_encode};
use tracing::warn;

use super::flight::Member;
use crate::catalog::Layer;
use crate::metrics::LayerMetrics;
use crate::tile::{TileCoord, Truncation};

/// Proxies refuse answers whose headers take more than a few kilobytes, and a tileset may have
/// any number of layers.
const MAX_HEADER: usize = 1024;

/// A layer, by its place in the tile, and a budget of its that was spent.
pub(super) type Cut = (usize, Truncation);

/// Counts and logs the cuts of a tile that was just made. Returns the value of its
/// `Tesela-Truncated` header, unless there are none.
pub(super) fn report(
    (members, missing): (&[Member<'_>], &[String]),
    mut cuts: Vec<Cut>,
    tile: TileCoord,
    counters: impl Fn(&str) -> Option<LayerMetrics>,
) -> Option<String> {
    // The databases answer in any order, and the tile is the same every time.
    cuts.sort_unstable();
    cuts.dedup();
    for &(place, reason) in &cuts {
        let layer = members[place].layer;
        if let Some(counters) = counters(&layer.id) {
            match reason {
                Truncation::MaxFeatures => counters.truncated_max_features.inc(),
                Truncation::MaxTileBytes => counters.truncated_max_tile_bytes.inc(),
                Truncation::Failed => counters.truncated_failed.inc(),
            }
        }
        // Failures are logged with their errors.
        if reason != Truncation::Failed && is_first(&layer.truncations_reported, tile.z(), reason) {
            log(layer, tile, reason);
        }
    }
    let named = cuts.iter().map(|&(place, reason)| (members[place].layer.id.as_str(), reason));
    let missing = missing.iter().map(|id| (id.as_str(), Truncation::Failed));
    let header = header(named.chain(missing));
    (!header.is_empty()).then_some(header)
}

/// `roads;max_features, pois;max_tile_bytes`; ends in `_other` where there are too many.
fn header<'a>(cuts: impl Iterator<Item = (&'a str, Truncation)>) -> String {
    let mut header = String::new();
    for (layer, reason) in cuts {
        let separator = if header.is_empty() { "" } else { ", " };
        // Ids hold no other characters that would have to be encoded.
        let layer = utf8_percent_encode(layer, CONTROLS);
        let cut = format!("{separator}{layer};{}", reason.label());
        if header.len() + cut.len() > MAX_HEADER {
            header.push_str(separator);
            header.push_str("_other");
            break;
        }
        header.push_str(&cut);
    }
    header
}

/// Whether this reason at this zoom is new in `reported`, which it then no longer is. A layer
/// that has too much in one tile has it in many: each line tells of something else to look at.
fn is_first(reported: &AtomicU64, z: u8, reason: Truncation) -> bool {
    let bit = 1 << (u32::from(z) * 2 + u32::from(reason == Truncation::MaxTileBytes));
    reported.fetch_or(bit, Ordering::Relaxed) & bit == 0
}

fn log(layer: &Layer, tile: TileCoord, reason: Truncation) {
    let level = layer.at(tile.z()).map(|part| part.spec.levels.at(tile.z())).unwrap_or_default();
    let (limit, advice) = match reason {
        Truncation::MaxFeatures => (
            level.max_features.map(u64::from),
            "raise max_features, say with order_by which features are to stay, or serve fewer: \
             min_zoom, min_size",
        ),
        Truncation::MaxTileBytes => (
            level.max_tile_bytes,
            "raise max_tile_bytes, say with order_by which features are to stay, or serve less: \
             fewer properties, simplify, min_size, min_zoom",
        ),
        Truncation::Failed => return,
    };
    let (layer, reason) = (&*layer.id, reason.label());
    warn!(layer, %tile, reason, limit, "features are missing in tiles of this zoom; {advice}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_layers_with_reasons_in_ascii() {
        let cuts = [
            ("roads", Truncation::MaxFeatures),
            ("roads", Truncation::MaxTileBytes),
            ("道", Truncation::MaxFeatures),
        ];
        assert_eq!(
            header(cuts.into_iter()),
            "roads;max_features, roads;max_tile_bytes, %E9%81%93;max_features"
        );
    }

    #[test]
    fn a_tile_of_very_many_layers_has_a_header_that_proxies_let_pass() {
        let ids: Vec<_> = (0..500).map(|n| format!("layer{n}")).collect();
        let cuts = |n: usize| header(ids[..n].iter().map(|id| (&**id, Truncation::MaxFeatures)));
        assert!(cuts(500).len() <= MAX_HEADER + ", _other".len());
        assert!(cuts(500).ends_with(";max_features, _other"));
        assert_eq!(cuts(20).matches(", ").count(), 19, "a usual number is whole");
        let long = "x".repeat(2_000);
        assert_eq!(header([(&*long, Truncation::MaxFeatures)].into_iter()), "_other");
    }

    #[test]
    fn the_log_hears_of_each_reason_at_each_zoom_once() {
        let reported = AtomicU64::new(0);
        for reason in [Truncation::MaxFeatures, Truncation::MaxTileBytes] {
            for z in 0..=crate::tile::MAX_ZOOM {
                assert!(is_first(&reported, z, reason), "{z}");
                assert!(!is_first(&reported, z, reason), "{z}");
            }
        }
    }
}
