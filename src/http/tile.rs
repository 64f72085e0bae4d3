//! `GET` and `HEAD /{tileset}/{z}/{x}/{y}`.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use super::State;
use super::cache_headers;
use super::conditional::not_modified;
use super::error::Problem;
use super::negotiate::encoding;
use super::router::tile_segments;
use crate::catalog::Tileset;
use crate::engine::{Answer, Control, Origin, Pin, Served, TileError, TileRequest, entity_tag};
use crate::metrics::Outcome;
use crate::tile::{Encoding, TileCoord};

/// Media type of a Mapbox Vector Tile.
const MVT: HeaderValue = HeaderValue::from_static("application/vnd.mapbox-vector-tile");

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

/// The answer with a tile whose gzip form is in memory. `None` says nothing: [`tile`] knows.
pub fn hit(request: &HttpRequest, state: &State) -> Option<HttpResponse> {
    let started = Instant::now();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let [tileset, z, x, y] = tile_segments(request.path())?;
    let coord = coordinates(&z, &x, &y).ok()??;
    let (engine, offered) = (&state.engine, &state.engine.cache_settings().encodings);
    if encoding(request.headers(), offered) != Encoding::Gzip {
        return None;
    }
    let served = engine.ready(&tileset)?;
    if !served.tileset.has_zoom(coord.z()) {
        return None;
    }
    // What is wrong with it, the route says.
    let asked = served.asked(request.query_string()).ok()?;
    let wanted = TileRequest { served, coord, asked };
    let answer = engine.hit(&wanted, started)?;
    let etag = cache_headers::value(&answer.tile.etag());
    let reply = Reply { request, state, wanted: &wanted, answer, etag };
    let bodiless = reply.without_body();
    let (outcome, response) =
        bodiless.unwrap_or_else(|| reply.with_body(Encoding::Gzip, reply.answer.tile.body()));
    engine.metrics().observe_request(outcome, started.elapsed());
    Some(response)
}

async fn answer(
    request: &HttpRequest,
    state: &State,
    [tileset, z, x, y]: [&str; 4],
) -> Result<(Outcome, HttpResponse), Problem> {
    let coord = coordinates(z, x, y)?;
    let engine = &state.engine;
    let served = engine.lookup(tileset)?;
    let coord = coord.ok_or_else(|| {
        Problem::not_found("there is no such tile: x and y go from 0 to 2^z - 1, z to 24")
    })?;
    if !served.tileset.has_zoom(coord.z()) {
        return Err(no_such_zoom(&served.tileset, coord.z()));
    }
    let asked = served.asked(request.query_string())?;
    let wanted = TileRequest { served, coord, asked };
    let (answer, read) = engine.tile(&wanted).await.map_err(problem)?;
    let encoding = encoding(request.headers(), &engine.cache_settings().encodings);
    let etag = cache_headers::value(&entity_tag(&answer.tile.etag(), encoding));
    let mut reply = Reply { request, state, wanted: &wanted, answer, etag };
    if let Some(done) = reply.without_body() {
        return Ok(done);
    }
    let tile = engine.encoded(&wanted, &reply.answer, read, encoding).await;
    // That took a while, in which it may have been purged.
    reply.answer.is_stale |= !wanted.served.is_current(read);
    Ok(reply.with_body(encoding, tile.map_err(problem)?.body()))
}

/// An answer on its way to the client.
struct Reply<'a> {
    request: &'a HttpRequest,
    state: &'a State,
    wanted: &'a TileRequest,
    answer: Answer,
    /// Of the form that the client gets.
    etag: HeaderValue,
}

impl Reply<'_> {
    /// 304, or 204 for an empty tile, where that is the answer.
    fn without_body(&self) -> Option<(Outcome, HttpResponse)> {
        if not_modified(self.request.headers(), self.etag.as_bytes()) {
            return Some((Outcome::NotModified, self.response(StatusCode::NOT_MODIFIED)));
        }
        let empty_tile = self.state.engine.cache_settings().empty_tile;
        (self.answer.tile.is_empty() && empty_tile == 204)
            .then(|| (self.outcome(), self.response(StatusCode::NO_CONTENT)))
    }

    fn with_body(&self, encoding: Encoding, body: Bytes) -> (Outcome, HttpResponse) {
        let mut response = self.response(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, MVT);
        if let Some(coding) = encoding.coding().filter(|_| !body.is_empty()) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        (self.outcome(), response.set_body(body).map_into_boxed_body())
    }

    /// Without a body yet. (Setting headers in a finished response costs half of what the builder
    /// takes for it.)
    fn response(&self, status: StatusCode) -> HttpResponse {
        let TileRequest { served, coord, .. } = self.wanted;
        let control = control(self.request, served, coord.z(), self.answer.is_stale);
        let mut response = HttpResponse::new(status);
        let (headers, etag) = (response.headers_mut(), self.etag.clone());
        cache_headers::add(headers, served, control, &self.answer, etag);
        response
    }

    fn outcome(&self) -> Outcome {
        match self.answer.origin {
            Origin::Hit => Outcome::Hit,
            Origin::Stale(_) => Outcome::Stale,
            Origin::Miss { .. } => Outcome::Miss,
            Origin::Collapsed => Outcome::Collapsed,
        }
    }
}

/// What caches are told of what is shown at zoom `z`.
pub fn control<'a>(
    request: &HttpRequest,
    served: &'a Served,
    z: u8,
    is_stale: bool,
) -> &'a Control {
    let policy = served.policy(z);
    let v = request.query_string().split('&').find_map(|pair| pair.strip_prefix("v="));
    match v.map_or(Pin::None, |v| served.pin(v)) {
        _ if is_stale => &policy.stale,
        Pin::Forever => &policy.immutable,
        Pin::Other => &policy.stale,
        Pin::None => &policy.fresh,
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
pub fn decimal(text: &str) -> Option<u64> {
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
