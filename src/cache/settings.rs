//! `[cache]`.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::tile::Encoding;

/// The `[cache]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Budget for finished tiles, keys and bookkeeping included; 0 turns the cache off.
    pub memory: ByteSize,
    /// How long a tile is served from memory before it is made again.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// What clients get of what they accept, the preferred one first.
    pub encodings: Vec<Encoding>,
    /// `max-age` for browsers, which can't be purged.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// `s-maxage` for shared caches.
    #[serde(with = "humantime_serde")]
    pub s_maxage: Duration,
    /// How long after its time a tile may be served while a new one is made.
    #[serde(with = "humantime_serde")]
    pub stale_while_revalidate: Duration,
    /// How long after its time a tile may be served because no new one can be made.
    #[serde(with = "humantime_serde")]
    pub stale_if_error: Duration,
    /// How long a tile that couldn't be made because its database is down isn't tried again.
    #[serde(with = "humantime_serde")]
    pub error_ttl: Duration,
    /// How often a layer's `version_sql` is asked.
    #[serde(with = "humantime_serde")]
    pub version_interval: Duration,
    /// Status of an empty tile: 204, or 200 for a CDN that needs a body to cache.
    pub empty_tile: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory: ByteSize::mb(512),
            ttl: Duration::from_secs(600),
            encodings: vec![Encoding::Gzip],
            max_age: Duration::from_secs(60),
            s_maxage: Duration::from_secs(86_400),
            stale_while_revalidate: Duration::from_secs(3_600),
            stale_if_error: Duration::from_secs(86_400),
            error_ttl: Duration::from_secs(1),
            version_interval: Duration::from_secs(30),
            empty_tile: 204,
        }
    }
}
