//! Counters per layer, for a bounded number of layers.

use std::collections::HashMap;

use parking_lot::Mutex;
use prometheus::{IntCounter, IntCounterVec};

use super::Declare;

/// Layers beyond this many share the label `_other`.
const MAX_LAYER_LABELS: usize = 200;

/// One layer's counters, looked up once when the catalogue is built.
#[derive(Clone)]
pub struct LayerMetrics {
    pub tiles: IntCounter,
    pub features: IntCounter,
    pub rows_empty: IntCounter,
    pub rows_not_finite: IntCounter,
    pub rows_malformed: IntCounter,
    pub rows_untransformable: IntCounter,
    pub truncated_max_features: IntCounter,
    pub truncated_max_tile_bytes: IntCounter,
    pub truncated_failed: IntCounter,
}

/// Hands out [`LayerMetrics`].
pub struct LayerMetricsRegistry {
    tiles: IntCounterVec,
    features: IntCounterVec,
    rows_skipped: IntCounterVec,
    truncated: IntCounterVec,
    known: Mutex<HashMap<String, LayerMetrics>>,
}

impl LayerMetricsRegistry {
    pub(super) fn new(declare: &Declare<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            tiles: declare.counter_vec(
                "tesela_layer_tiles_total",
                "Tiles made that asked for this layer.",
                &["layer"],
            )?,
            features: declare.counter_vec(
                "tesela_layer_features_total",
                "Features written to tiles.",
                &["layer"],
            )?,
            rows_skipped: declare.counter_vec(
                "tesela_layer_rows_skipped_total",
                "Rows left out of tiles because of their geometry.",
                &["layer", "reason"],
            )?,
            truncated: declare.counter_vec(
                "tesela_layer_truncated_total",
                "Tiles made that lack some of this layer: because of a budget, or all of it, for it failed.",
                &["layer", "reason"],
            )?,
            known: Mutex::default(),
        })
    }

    /// The counters of `layer`. A layer keeps its label when the catalogue is built again.
    pub fn layer(&self, layer: &str) -> LayerMetrics {
        let mut known = self.known.lock();
        if let Some(metrics) = known.get(layer) {
            return metrics.clone();
        }
        let label = if known.len() < MAX_LAYER_LABELS { layer } else { "_other" };
        let skipped = |reason| self.rows_skipped.with_label_values(&[label, reason]);
        let truncated = |reason| self.truncated.with_label_values(&[label, reason]);
        let metrics = LayerMetrics {
            tiles: self.tiles.with_label_values(&[label]),
            features: self.features.with_label_values(&[label]),
            rows_empty: skipped("empty"),
            rows_not_finite: skipped("not_finite"),
            rows_malformed: skipped("malformed"),
            rows_untransformable: skipped("untransformable"),
            truncated_max_features: truncated("max_features"),
            truncated_max_tile_bytes: truncated("max_tile_bytes"),
            truncated_failed: truncated("failed"),
        };
        if label == layer {
            known.insert(layer.to_owned(), metrics.clone());
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;

    #[test]
    fn layers_beyond_the_limit_share_one_label() {
        let metrics = Metrics::new().unwrap();
        for n in 0..super::MAX_LAYER_LABELS + 5 {
            metrics.layers.layer(&format!("layer{n}")).tiles.inc();
        }
        metrics.layers.layer("layer0").tiles.inc();
        let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
        assert!(text.contains("tesela_layer_tiles_total{layer=\"_other\"} 5"));
        assert!(text.contains("tesela_layer_tiles_total{layer=\"layer0\"} 2"));
        assert!(!text.contains("layer=\"layer203\""));
    }
}
