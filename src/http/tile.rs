//! `GET` and `HEAD /{tileset}/{z}/{x}/{y}`.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;

use super::State;
use super::cache_headers::{cache_control, cache_status, server_timing};
use super::conditional::not_modified;
use super::error::Problem;
use super::negotiate::{Encoding, encoding};
use crate::catalog::Tileset;
use crate::engine::{Answer, Origin};
use crate::metrics::Outcome;
use crate::tile::TileCoord;

/// Media type of a Mapbox Vector Tile.
const MVT: &str = "application/vnd.mapbox-vector-tile";

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const TESELA_TRUNCATED: HeaderName = HeaderName::from_static("tesela-truncated");

/// Answers a tile.
pub async fn tile(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let started = Instant::now();
    let result = answer(&request, &state).await;
    let outcome = match &result {
        Ok((outcome, _)) => *outcome,
        Err(problem) => problem.outcome(),
    };
    state.engine.metrics().observe_request(outcome, started.elapsed());
    result.map(|(_, response)| response)
}

async fn answer(request: &HttpRequest, state: &State) -> Result<(Outcome, HttpResponse), Problem> {
    let path = request.match_info();
    let coord = coordinates(path.query("z"), path.query("x"), path.query("y"))?;
    let tileset = state.engine.catalog().lookup(path.query("tileset"))?;
    let coord = coord.ok_or_else(|| {
        Problem::not_found("there is no such tile: x and y go from 0 to 2^z - 1, z to 24")
    })?;
    if !tileset.has_zoom(coord.z()) {
        return Err(no_such_zoom(&tileset, coord.z()));
    }
    let answer =
        state.engine.tile(&tileset, coord).await.map_err(|error| Problem::from(&*error))?;
    respond(request, state, &tileset, answer).await
}

async fn respond(
    request: &HttpRequest,
    state: &State,
    tileset: &Tileset,
    answer: Answer,
) -> Result<(Outcome, HttpResponse), Problem> {
    let encoding = encoding(request.headers());
    let etag = entity_tag(&answer, encoding);
    let outcome = match answer.origin {
        Origin::Hit => Outcome::Hit,
        Origin::Miss { .. } => Outcome::Miss,
        Origin::Collapsed => Outcome::Collapsed,
    };
    let lifetimes = state.engine.lifetimes(tileset);
    let headers = |mut response: HttpResponseBuilder| {
        response
            .insert_header((CACHE_CONTROL, cache_control(lifetimes)))
            .insert_header((CACHE_STATUS, cache_status(answer.origin)));
        if let Ok(etag) = HeaderValue::from_maybe_shared(etag.clone()) {
            response.insert_header((ETAG, etag));
        }
        if let Some(what) = &answer.tile.truncated
            && let Ok(what) = HeaderValue::from_maybe_shared(Bytes::clone(what))
        {
            response.insert_header((TESELA_TRUNCATED, what));
        }
        if let Origin::Miss { timing, .. } = answer.origin {
            response.insert_header((SERVER_TIMING, server_timing(timing)));
        }
        response
    };
    if not_modified(request.headers(), &etag) {
        let response = headers(HttpResponse::NotModified()).finish();
        return Ok((Outcome::NotModified, response));
    }
    if answer.tile.is_empty() && state.engine.empty_tile_status() == 204 {
        return Ok((outcome, headers(HttpResponse::NoContent()).finish()));
    }
    let mut response = headers(HttpResponse::Ok());
    response.insert_header((CONTENT_TYPE, MVT));
    let body = match encoding {
        _ if answer.tile.is_empty() => Bytes::new(),
        Encoding::Gzip => {
            response.insert_header((CONTENT_ENCODING, "gzip"));
            answer.tile.gzip
        }
        Encoding::Identity => decoded(state, &answer).await?,
    };
    Ok((outcome, response.body(body)))
}

/// Each encoding has an entity tag of its own (RFC 9110 section 8.8.3.3).
fn entity_tag(answer: &Answer, encoding: Encoding) -> Bytes {
    let gzip = &answer.tile.etag;
    match (encoding, gzip.strip_suffix(b"-gz\"")) {
        (Encoding::Identity, Some(stem)) => [stem, b"-id\""].concat().into(),
        _ => gzip.clone(),
    }
}

async fn decoded(state: &State, answer: &Answer) -> Result<Bytes, Problem> {
    state
        .engine
        .decoded(&answer.tile)
        .await
        .map_err(|_| Problem::internal("decompressing the tile was aborted"))
}

/// The tile that the path names; `None` when it is well-formed but outside the zoom's range.
fn coordinates(z: &str, x: &str, y: &str) -> Result<Option<TileCoord>, Problem> {
    let y = y.strip_suffix(".mvt").or_else(|| y.strip_suffix(".pbf")).unwrap_or(y);
    let number = |name: &str, text: &str| {
        decimal(text).ok_or_else(|| {
            Problem::bad_request(format!(
                "{name} must be a whole number without leading zeros, as in /roads/12/2200/1343"
            ))
        })
    };
    let (z, x, y) = (number("z", z)?, number("x", x)?, number("y", y)?);
    Ok(u8::try_from(z)
        .ok()
        .and_then(|z| TileCoord::new(z, u32::try_from(x).ok()?, u32::try_from(y).ok()?)))
}

/// `0|[1-9][0-9]*`; numbers too large for any zoom become the largest there is.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().unwrap_or(u64::MAX))
}

fn no_such_zoom(tileset: &Arc<Tileset>, z: u8) -> Problem {
    let (min, max) = tileset.zooms();
    Problem::not_found(format!(
        "{} has no tiles at zoom {z}; its layers are between zoom {min} and {max}",
        tileset.id
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_have_one_spelling() {
        assert_eq!(coordinates("3", "2", "1").unwrap(), TileCoord::new(3, 2, 1));
        assert_eq!(coordinates("3", "2", "1.pbf").unwrap(), TileCoord::new(3, 2, 1));
        assert_eq!(coordinates("0", "0", "0.mvt").unwrap(), TileCoord::new(0, 0, 0));
        for (z, x, y) in [
            ("03", "2", "1"),
            ("3", "+2", "1"),
            ("3", "-2", "1"),
            ("3", "2", "1.png"),
            ("3", "2", ""),
            ("3", "２", "1"),
            ("3", "2 ", "1"),
            ("3", "1e0", "1"),
            ("3", "2", "1.mvt.mvt"),
        ] {
            assert!(coordinates(z, x, y).is_err(), "{z}/{x}/{y}");
        }
    }

    #[test]
    fn well_formed_coordinates_outside_the_range_are_no_tile() {
        for (z, x, y) in [("0", "1", "0"), ("3", "0", "8"), ("300", "0", "0"), ("25", "0", "0")] {
            assert_eq!(coordinates(z, x, y).unwrap(), None);
        }
        assert_eq!(coordinates("1", "99999999999999999999999", "0").unwrap(), None);
    }
}
