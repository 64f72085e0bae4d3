//! `GET` and `HEAD /{tileset}/{z}/{x}/{y}`.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;

use super::State;
use super::cache_headers;
use super::conditional::not_modified;
use super::error::Problem;
use super::negotiate::encoding;
use crate::catalog::Tileset;
use crate::engine::{Answer, Control, Origin, Served, TileError, entity_tag};
use crate::metrics::Outcome;
use crate::tile::{Encoding, TileCoord};

/// Media type of a Mapbox Vector Tile.
const MVT: &str = "application/vnd.mapbox-vector-tile";

/// Answers a tile. `path` are the four segments, decoded.
pub async fn tile(
    request: &HttpRequest,
    state: &State,
    path: [&str; 4],
) -> Result<HttpResponse, Problem> {
    let started = Instant::now();
    let result = answer(request, state, path).await;
    let outcome = match &result {
        Ok((outcome, _)) => *outcome,
        Err(problem) => problem.outcome(),
    };
    state.engine.metrics().observe_request(outcome, started.elapsed());
    result.map(|(_, response)| response)
}

async fn answer(
    request: &HttpRequest,
    state: &State,
    [tileset, z, x, y]: [&str; 4],
) -> Result<(Outcome, HttpResponse), Problem> {
    let coord = coordinates(z, x, y)?;
    let served = state.engine.lookup(tileset)?;
    let coord = coord.ok_or_else(|| {
        Problem::not_found("there is no such tile: x and y go from 0 to 2^z - 1, z to 24")
    })?;
    if !served.tileset.has_zoom(coord.z()) {
        return Err(no_such_zoom(&served.tileset, coord.z()));
    }
    let answer = state.engine.tile(&served, coord).await.map_err(problem)?;
    respond(request, state, &served, coord, answer).await
}

async fn respond(
    request: &HttpRequest,
    state: &State,
    served: &Arc<Served>,
    coord: TileCoord,
    answer: Answer,
) -> Result<(Outcome, HttpResponse), Problem> {
    let settings = state.engine.cache_settings();
    let encoding = encoding(request.headers(), &settings.encodings);
    let etag = entity_tag(&answer.tile.etag(), encoding);
    let is_known = not_modified(request.headers(), &etag);
    let control = control(request, served, coord, &answer);
    let with_headers = |mut response: HttpResponseBuilder| {
        cache_headers::add(&mut response, served, control, &answer, etag);
        response
    };
    if is_known {
        return Ok((Outcome::NotModified, with_headers(HttpResponse::NotModified()).finish()));
    }
    let outcome = match answer.origin {
        Origin::Hit => Outcome::Hit,
        Origin::Stale(_) => Outcome::Stale,
        Origin::Miss { .. } => Outcome::Miss,
        Origin::Collapsed => Outcome::Collapsed,
    };
    if answer.tile.is_empty() && settings.empty_tile == 204 {
        return Ok((outcome, with_headers(HttpResponse::NoContent()).finish()));
    }
    let mut response = with_headers(HttpResponse::Ok());
    response.insert_header((CONTENT_TYPE, MVT));
    let body = match encoding {
        _ if answer.tile.is_empty() => Bytes::new(),
        Encoding::Gzip => answer.tile.body(),
        _ => {
            let engine = &state.engine;
            engine.encoded(served, coord, &answer.tile, encoding).await.map_err(problem)?.body()
        }
    };
    if let Some(coding) = encoding.coding().filter(|_| !answer.tile.is_empty()) {
        response.insert_header((CONTENT_ENCODING, coding));
    }
    Ok((outcome, response.body(body)))
}

/// What caches are told. Any `?v=` but that of what is served now counts as none.
fn control<'a>(
    request: &HttpRequest,
    served: &'a Served,
    coord: TileCoord,
    answer: &Answer,
) -> &'a Control {
    let policy = served.policy(coord.z());
    let v = || request.query_string().split('&').find_map(|pair| pair.strip_prefix("v="));
    match answer.is_stale {
        true => &policy.stale,
        false if v().is_some_and(|v| served.is_pinned(v)) => &policy.immutable,
        false => &policy.fresh,
    }
}

fn problem(error: Arc<TileError>) -> Problem {
    Problem::from(&*error)
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
