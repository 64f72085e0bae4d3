//! Headers of a tile: what browsers and shared caches are told, and where it came from.

use std::fmt::Write;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use crate::engine::{Answer, Control, Origin, Served, Timing};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const TESELA_TRUNCATED: HeaderName = HeaderName::from_static("tesela-truncated");

/// Adds what every answer with or about a tile has: 200, 204 and 304 alike.
pub fn add(
    headers: &mut HeaderMap,
    served: &Served,
    control: &Control,
    answer: &Answer,
    etag: HeaderValue,
) {
    add_control(headers, served, control, etag);
    headers.insert(CACHE_STATUS, cache_status(answer.origin));
    if let Some(what) = answer.tile.truncated() {
        headers.insert(TESELA_TRUNCATED, value(&what));
    }
    if let Origin::Miss { timing, .. } = answer.origin {
        headers.insert(SERVER_TIMING, server_timing(timing));
    }
}

/// Says that an answer was made for this request, and isn't kept.
pub fn add_miss(headers: &mut HeaderMap) {
    headers.insert(CACHE_STATUS, HeaderValue::from_static("tesela; fwd=uri-miss"));
}

/// Adds what caches need of anything that they may keep.
pub fn add_control(headers: &mut HeaderMap, served: &Served, control: &Control, etag: HeaderValue) {
    let Control { cache_control, cdn_cache_control, surrogate_control, slot } = control;
    let values = || [cache_control, cdn_cache_control, surrogate_control].map(value);
    let names = [CACHE_CONTROL, CDN_CACHE_CONTROL, SURROGATE_CONTROL];
    insert_all(headers, names, slot.get(values));
    add_tags(headers, served);
    headers.insert(ETAG, etag);
}

/// Adds the names under which an answer can be purged.
pub fn add_tags(headers: &mut HeaderMap, served: &Served) {
    let values = || [&served.surrogate_key, &served.cache_tag].map(value);
    insert_all(headers, [SURROGATE_KEY, CACHE_TAG], served.slot.get(values));
}

/// Values are checked once, when the first answer needs them, and then only counted.
fn insert_all<const N: usize>(
    headers: &mut HeaderMap,
    names: [HeaderName; N],
    values: Option<&[HeaderValue; N]>,
) {
    for (name, value) in names.into_iter().zip(values.into_iter().flatten()) {
        headers.insert(name, value.clone());
    }
}

/// A value of visible ASCII, as all are.
pub fn value(bytes: &Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes.clone()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `Cache-Status` (RFC 9211).
fn cache_status(origin: Origin) -> HeaderValue {
    HeaderValue::from_static(match origin {
        Origin::Hit => "tesela; hit",
        Origin::Stale(over) => {
            return header(format!("tesela; hit; ttl=-{}", over.as_secs().max(1)));
        }
        Origin::Miss { stored: true, .. } => "tesela; fwd=uri-miss; stored",
        Origin::Miss { stored: false, .. } => "tesela; fwd=uri-miss",
        Origin::Collapsed => "tesela; fwd=uri-miss; collapsed",
    })
}

/// `Server-Timing` of a tile that was just made, in milliseconds.
fn server_timing(timing: Timing) -> HeaderValue {
    let Timing { queue, db, tile, gzip, .. } = timing;
    let mut text = String::new();
    for (name, time) in [("queue", queue), ("db", db), ("tile", tile), ("gzip", gzip)] {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String can't fail.
        let _ = write!(text, "{separator}{name};dur={:.2}", millis(time));
    }
    header(text)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A value that is made of digits and fixed ASCII only.
fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
