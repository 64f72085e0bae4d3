//! `GET` and `HEAD /{layer}/features/{id}`: what a layer tells of a feature on a click.

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::State;
use super::cache_headers;
use super::conditional::not_modified;
use super::error::Problem;
use super::tile::{control, decimal};
use crate::metrics::Outcome;

/// Media type of GeoJSON (RFC 7946 section 12).
const GEOJSON: HeaderValue = HeaderValue::from_static("application/geo+json");

/// Answers a feature. `layer` and `id` are segments of the path, decoded.
pub async fn feature(
    request: &HttpRequest,
    state: &State,
    layer: &str,
    id: &str,
) -> Result<HttpResponse, Problem> {
    let started = Instant::now();
    let result = answer(request, state, layer, id).await;
    let outcome = match &result {
        Ok(response) if response.status() == StatusCode::NOT_MODIFIED => Outcome::NotModified,
        Ok(_) => Outcome::Miss,
        Err(problem) => problem.outcome(),
    };
    state.engine.metrics().observe_feature(outcome, started.elapsed());
    result
}

async fn answer(
    request: &HttpRequest,
    state: &State,
    layer: &str,
    id: &str,
) -> Result<HttpResponse, Problem> {
    let served = state.engine.lookup(layer)?;
    let expected = "the id must be a whole number without leading zeros, as in /roads/features/17";
    let id = decimal(id).ok_or_else(|| Problem::bad_request(expected))?;
    let asked = served.asked(request.query_string())?;
    let found = match i64::try_from(id) {
        Ok(id) => {
            let found = state.engine.feature(&served, asked, id).await;
            found.map_err(|error| Problem::from(&*error))?
        }
        // No integer of a database.
        Err(_) => None,
    };
    let found = found.ok_or_else(|| {
        Problem::not_found("there is no such feature, or its layer declares no details")
    })?;
    let (_, deepest) = served.tileset.zooms();
    let control = control(request, &served, deepest, found.is_stale);
    let known = not_modified(request.headers(), &found.etag);
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::new(status);
    let headers = response.headers_mut();
    cache_headers::add_control(headers, &served, control, cache_headers::value(&found.etag));
    cache_headers::add_miss(headers);
    if known {
        return Ok(response);
    }
    headers.insert(CONTENT_TYPE, GEOJSON);
    Ok(response.set_body(found.body).map_into_boxed_body())
}
