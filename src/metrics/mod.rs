//! Prometheus collectors, each declared once.
//!
//! Labels are bounded: outcomes and reasons are enums, layers get a series of their own up to a
//! limit, and nothing that a client can invent becomes a label.

mod layer;

use std::time::Duration;

pub use layer::{LayerMetrics, LayerMetricsRegistry};
use parking_lot::Mutex;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// From a warm hit (tens of microseconds) to a request timeout.
const LATENCY_BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// Bytes of a finished gzip tile.
const SIZE_BUCKETS: &[f64] =
    &[256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];

/// How a request for a tile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Hit,
    Stale,
    Miss,
    Collapsed,
    NotModified,
    BadRequest,
    NotFound,
    Failed,
    Unavailable,
    Timeout,
}

impl Outcome {
    const ALL: [Self; 10] = [
        Self::Hit,
        Self::Stale,
        Self::Miss,
        Self::Collapsed,
        Self::NotModified,
        Self::BadRequest,
        Self::NotFound,
        Self::Failed,
        Self::Unavailable,
        Self::Timeout,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Collapsed => "collapsed",
            Self::NotModified => "not_modified",
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::Failed => "failed",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
        }
    }
}

/// State of one connection pool at the time of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolSample {
    pub connections: u32,
    pub idle: u32,
    pub waiting: u32,
    pub timeouts: u64,
}

/// All collectors of a server.
pub struct Metrics {
    registry: Registry,
    request_seconds: Vec<Histogram>,
    feature_seconds: Vec<Histogram>,
    pub tile_bytes: Histogram,
    pub cache_hits: IntCounter,
    pub cache_misses: IntCounter,
    pub cache_collapsed: IntCounter,
    pub cache_stale: IntCounter,
    pub cache_evictions: IntCounter,
    pub cache_purged: IntCounter,
    pub cache_outdated: IntCounter,
    pub cache_encoded: IntCounter,
    pub cache_too_large: IntCounter,
    pub cache_bytes: IntGauge,
    pub cache_entries: IntGauge,
    pub query_seconds: Histogram,
    pub queue_seconds: Histogram,
    query_errors: IntCounterVec,
    pool_connections: IntGaugeVec,
    pool_idle: IntGaugeVec,
    pool_waiting: IntGaugeVec,
    pool_timeouts: IntCounterVec,
    pub layers: LayerMetricsRegistry,
    sampling: Mutex<()>,
}

impl Metrics {
    /// Declares every collector.
    ///
    /// # Errors
    /// Two collectors share a name, which is a mistake in this function.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let declare = Declare { registry: &registry };
        let request_seconds = declare.histogram_vec(
            "tesela_tile_request_seconds",
            "Time to answer a tile request, by outcome.",
            LATENCY_BUCKETS,
            &["outcome"],
        )?;
        let feature_seconds = declare.histogram_vec(
            "tesela_feature_request_seconds",
            "Time to answer a request for a feature's details, by outcome.",
            LATENCY_BUCKETS,
            &["outcome"],
        )?;
        declare.build_info()?;
        let query_errors = declare.counter_vec(
            "tesela_database_errors_total",
            "Failed fetches, by kind.",
            &["kind"],
        )?;
        for kind in ["unavailable", "timeout", "query", "aborted"] {
            // A series that is there from the start can be alerted on.
            query_errors.with_label_values(&[kind]);
        }
        Ok(Self {
            request_seconds: Outcome::ALL
                .iter()
                .map(|outcome| request_seconds.with_label_values(&[outcome.label()]))
                .collect(),
            feature_seconds: Outcome::ALL
                .iter()
                .map(|outcome| feature_seconds.with_label_values(&[outcome.label()]))
                .collect(),
            tile_bytes: declare.histogram(
                "tesela_tile_bytes",
                "Size of tiles made, compressed.",
                SIZE_BUCKETS,
            )?,
            cache_hits: declare
                .counter("tesela_cache_hits_total", "Tiles answered from memory.")?,
            cache_misses: declare
                .counter("tesela_cache_misses_total", "Tiles that had to be made.")?,
            cache_collapsed: declare.counter(
                "tesela_cache_collapsed_total",
                "Requests that waited for a tile already being made.",
            )?,
            cache_stale: declare.counter(
                "tesela_cache_stale_total",
                "Requests answered from memory with a tile whose time was over.",
            )?,
            cache_purged: declare
                .counter("tesela_cache_purged_total", "Tiles dropped by purges.")?,
            cache_outdated: declare.counter(
                "tesela_cache_outdated_total",
                "Tiles not kept because what they show was purged while they were made.",
            )?,
            cache_encoded: declare.counter(
                "tesela_cache_encoded_total",
                "Forms of tiles made beside gzip: br, zstd, and none.",
            )?,
            cache_evictions: declare
                .counter("tesela_cache_evictions_total", "Tiles dropped to make room.")?,
            cache_too_large: declare.counter(
                "tesela_cache_too_large_total",
                "Tiles served but too large to be kept.",
            )?,
            cache_bytes: declare
                .gauge("tesela_cache_bytes", "Memory held by tiles, bookkeeping included.")?,
            cache_entries: declare.gauge("tesela_cache_entries", "Tiles in memory.")?,
            query_seconds: declare.histogram(
                "tesela_database_query_seconds",
                "Time from a connection to the last row of a tile's queries.",
                LATENCY_BUCKETS,
            )?,
            queue_seconds: declare.histogram(
                "tesela_database_acquire_seconds",
                "Time spent waiting for a connection.",
                LATENCY_BUCKETS,
            )?,
            query_errors,
            pool_connections: declare.gauge_vec(
                "tesela_pool_connections",
                "Open connections.",
                &["database"],
            )?,
            pool_idle: declare.gauge_vec(
                "tesela_pool_idle_connections",
                "Open connections that are not in use.",
                &["database"],
            )?,
            pool_waiting: declare.gauge_vec(
                "tesela_pool_waiting",
                "Fetches waiting for a connection.",
                &["database"],
            )?,
            pool_timeouts: declare.counter_vec(
                "tesela_pool_timeouts_total",
                "Waits for a connection that ended without one.",
                &["database"],
            )?,
            layers: LayerMetricsRegistry::new(&declare)?,
            sampling: Mutex::default(),
            registry,
        })
    }

    /// Counts a request for a tile and the time that it took.
    pub fn observe_request(&self, outcome: Outcome, elapsed: Duration) {
        self.request_seconds[outcome as usize].observe(elapsed.as_secs_f64());
    }

    /// Counts a request for a feature's details and the time that it took.
    pub fn observe_feature(&self, outcome: Outcome, elapsed: Duration) {
        self.feature_seconds[outcome as usize].observe(elapsed.as_secs_f64());
    }

    /// Counts a failed fetch. `kind` is one of a handful of constants.
    pub fn count_query_error(&self, kind: &'static str) {
        self.query_errors.with_label_values(&[kind]).inc();
    }

    /// Publishes the state of one database's pool.
    pub fn set_pool(&self, database: &str, sample: PoolSample) {
        // Two scrapes at once would both add what the counter lacks.
        let _one_scrape = self.sampling.lock();
        let labels = [database];
        self.pool_connections.with_label_values(&labels).set(i64::from(sample.connections));
        self.pool_idle.with_label_values(&labels).set(i64::from(sample.idle));
        self.pool_waiting.with_label_values(&labels).set(i64::from(sample.waiting));
        // The pool counts by itself: carry over what has come since the last scrape.
        let timeouts = self.pool_timeouts.with_label_values(&labels);
        timeouts.inc_by(sample.timeouts.saturating_sub(timeouts.get()));
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// A collector can't be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Creates and registers collectors.
struct Declare<'a> {
    registry: &'a Registry,
}

impl Declare<'_> {
    fn register<C>(&self, collector: C) -> Result<C, prometheus::Error>
    where
        C: prometheus::core::Collector + Clone + 'static,
    {
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::new(name, help)?)
    }

    fn counter_vec(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauge_vec(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram, prometheus::Error> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(opts)?)
    }

    fn histogram_vec(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(opts, labels)?)
    }

    fn build_info(&self) -> Result<(), prometheus::Error> {
        let opts = Opts::new("tesela_build_info", "Always 1; the version is the label.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        self.register(Gauge::with_opts(opts)?)?.set(1.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_series() {
        let metrics = Metrics::new().unwrap();
        for outcome in Outcome::ALL {
            metrics.observe_request(outcome, Duration::from_micros(70));
        }
        let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
        for outcome in Outcome::ALL {
            let line =
                format!("tesela_tile_request_seconds_count{{outcome=\"{}\"}} 1", outcome.label());
            assert!(text.contains(&line), "{line} is missing");
        }
        assert!(text.contains("le=\"0.0001\"} 1"), "buckets reach below 1 ms");
    }
}
