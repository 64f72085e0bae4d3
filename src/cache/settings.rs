//! `[cache]`.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// The `[cache]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Budget for finished tiles, keys and bookkeeping included; 0 turns the cache off.
    pub memory: ByteSize,
    /// How long a tile is served from memory.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// `max-age` for browsers, which can't be purged.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// `s-maxage` for shared caches.
    #[serde(with = "humantime_serde")]
    pub s_maxage: Duration,
    /// Status of an empty tile: 204, or 200 for a CDN that needs a body to cache.
    pub empty_tile: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory: ByteSize::mb(512),
            ttl: Duration::from_secs(600),
            max_age: Duration::from_secs(60),
            s_maxage: Duration::from_secs(86_400),
            empty_tile: 204,
        }
    }
}
