//! Headers that tell browsers and shared caches what to do with a tile.

use std::time::Duration;

use actix_web::http::header::HeaderValue;

use crate::catalog::Lifetimes;
use crate::engine::{Origin, Timing};

/// `Cache-Control` of a tile: short for browsers, which can't be purged, long for shared caches.
pub fn cache_control(lifetimes: Lifetimes) -> HeaderValue {
    let (max_age, s_maxage) = (lifetimes.max_age.as_secs(), lifetimes.s_maxage.as_secs());
    header(format!("public, max-age={max_age}, s-maxage={s_maxage}"))
}

/// `Cache-Status` (RFC 9211) of a tile.
pub fn cache_status(origin: Origin) -> HeaderValue {
    HeaderValue::from_static(match origin {
        Origin::Hit => "tesela; hit",
        Origin::Miss { stored: true, .. } => "tesela; fwd=uri-miss; stored",
        Origin::Miss { stored: false, .. } => "tesela; fwd=uri-miss",
        Origin::Collapsed => "tesela; fwd=uri-miss; collapsed",
    })
}

/// `Server-Timing` of a tile that was just made, in milliseconds.
pub fn server_timing(timing: Timing) -> HeaderValue {
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    header(format!(
        "queue;dur={:.2}, db;dur={:.2}, tile;dur={:.2}, gzip;dur={:.2}",
        millis(timing.queue),
        millis(timing.db),
        millis(timing.tile),
        millis(timing.gzip),
    ))
}

/// A value that is made of digits and fixed ASCII only.
fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
