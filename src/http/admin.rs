//! The admin listener: purges and what the server is doing.
//!
//! It has an address of its own, so that no CDN reaches it. Against pages in an operator's browser,
//! POST needs `Content-Type: application/json` and no `Origin`: a page can't send the one across
//! origins without a preflight, which is never answered, and can't leave out the other.

use std::net::IpAddr;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, ORIGIN, WWW_AUTHENTICATE,
};
use actix_web::http::uri::Authority;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, HttpResponse, ResponseError, body};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tracing::info;

use super::State;
use super::error::Problem;
use super::router::{metrics, nothing_here};
use crate::engine::{Purge, PurgeError, Swept};
use crate::tile::MAX_ZOOM;

/// Longest body of a request.
const MAX_BODY: usize = 65_536;

/// Adds the routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(MAX_BODY))
        .service(only("/purge", "POST", web::post().to(purge)))
        .service(only("/stats", "GET", web::get().to(stats)))
        .service(only("/metrics", "GET", web::get().to(metrics)))
        .default_service(web::to(nothing_here));
}

fn only(path: &str, method: &'static str, route: actix_web::Route) -> actix_web::Resource {
    let other = move || async move { Problem::only(method).error_response() };
    web::resource(path).route(route).default_service(web::to(other))
}

/// Lets only those through who may ask.
pub async fn guard(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl body::MessageBody + 'static>,
) -> Result<ServiceResponse<body::BoxBody>, Error> {
    let refused = refusal(request.method(), request.headers(), state.settings.admin_token());
    match refused {
        Some(problem) => Ok(request.into_response(problem.error_response())),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

fn refusal(method: &Method, headers: &HeaderMap, token: Option<&str>) -> Option<Problem> {
    if let Some(token) = token {
        let given =
            headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
        let right = given.is_some_and(|(scheme, given)| {
            scheme.eq_ignore_ascii_case(b"bearer ") && same(given, token.as_bytes())
        });
        if !right {
            let detail = "this needs Authorization: Bearer with the server's admin_token";
            let problem = Problem::with_status(StatusCode::UNAUTHORIZED, detail);
            return Some(problem.and_header(WWW_AUTHENTICATE, "Bearer"));
        }
    }
    if token.is_none() && !is_by_address(headers) {
        let detail = "without an admin_token this is asked for by IP address or as localhost";
        return Some(Problem::with_status(StatusCode::FORBIDDEN, detail));
    }
    if method != Method::POST {
        return None;
    }
    if headers.contains_key(ORIGIN) {
        let detail = "pages in a browser may not do this: send no Origin header";
        return Some(Problem::with_status(StatusCode::FORBIDDEN, detail));
    }
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media = media.split(';').next().unwrap_or_default().trim();
    (!media.eq_ignore_ascii_case("application/json")).then(|| {
        let detail = "this needs Content-Type: application/json";
        Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    })
}

/// Whether the request's `Host` is no name that somebody could have made an address of ours
/// (DNS rebinding).
fn is_by_address(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return true };
    let authority = host.parse::<Authority>();
    let name = authority.as_ref().map_or("", |authority| authority.host());
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// Takes as long wherever the two differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// What `POST /purge` takes. What is there has a value: `null`, as of a variable that isn't set,
/// must not mean all of them.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeRequest {
    #[serde(default, deserialize_with = "present")]
    layer: Option<String>,
    #[serde(default, deserialize_with = "present")]
    bbox: Option<[f64; 4]>,
    #[serde(default, deserialize_with = "present")]
    zooms: Option<[u8; 2]>,
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

const EXPECTED: &str = "expected a JSON object of any of \"layer\": a layer or tileset, \
                        \"bbox\": [west, south, east, north] in degrees, and \
                        \"zooms\": [first, last] from 0 to 24; {} purges everything";

impl PurgeRequest {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        // Serde would take a list for a struct.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(wrong("not a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = serde_path_to_error::deserialize(&mut json).map_err(wrong)?;
        json.end().map_err(wrong)?;
        Ok(read)
    }

    fn checked(self) -> Result<Purge, Problem> {
        let [first, last] = self.zooms.unwrap_or([0, MAX_ZOOM]);
        if first > last || last > MAX_ZOOM {
            return Err(wrong("zooms: the lower one first, from 0 to 24"));
        }
        if let Some([west, south, east, north]) = self.bbox {
            let inside = |value: f64, most: f64| (-most..=most).contains(&value);
            if ![west, east].iter().all(|lon| inside(*lon, 180.0)) {
                return Err(wrong("bbox: longitudes go from -180 to 180"));
            }
            if ![south, north].iter().all(|lat| inside(*lat, 90.0)) || south > north {
                return Err(wrong("bbox: latitudes go from -90 to 90, the southern one first"));
            }
        }
        Ok(Purge { layer: self.layer, bbox: self.bbox, zooms: first..=last })
    }
}

fn wrong(what: impl std::fmt::Display) -> Problem {
    Problem::bad_request(format!("{what}; {EXPECTED}. Nothing was purged"))
}

/// `POST /purge`.
async fn purge(
    state: web::Data<State>,
    body: Result<Bytes, Error>,
) -> Result<HttpResponse, Problem> {
    let body = body.map_err(|error| wrong(format!("the body can't be read: {error}")))?;
    let purge = PurgeRequest::read(&body)?.checked()?;
    let purged = state.engine.purge(purge.clone()).await;
    let Swept { tiles, bytes } = purged.map_err(|error| match error {
        PurgeError::Aborted => Problem::internal("the purge didn't come to its end: try again"),
        error => wrong(format!("layer: {error}")),
    })?;
    let layer = purge.layer.as_deref().unwrap_or("all");
    info!(layer, bbox = ?purge.bbox, zooms = ?purge.zooms, tiles, bytes, "purged");
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "tiles": tiles, "bytes": bytes })))
}

/// `GET /stats`.
async fn stats(state: web::Data<State>) -> HttpResponse {
    let stats = state.engine.stats();
    let layers: serde_json::Map<_, _> = stats
        .layers
        .into_iter()
        .map(|layer| {
            let state = json!({
                "version": layer.version,
                "data_version": layer.data_version,
                "generation": layer.generation,
            });
            (layer.id, state)
        })
        .collect();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": stats.uptime.as_secs(),
        "cache": {
            "budget_bytes": stats.cache_budget,
            "bytes": stats.cache_bytes,
            "tiles": stats.cache_tiles,
            "shards": stats.cache_shards,
            "hits": stats.hits,
            "stale": stats.stale,
            "misses": stats.misses,
            "collapsed": stats.collapsed,
            "evicted": stats.evictions,
            "purged": stats.purged,
        },
        "flights": stats.flights,
        "databases": (state.readiness)().databases,
        "layers": layers,
    }))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn detail(body: &str) -> String {
        match PurgeRequest::read(body.as_bytes()).and_then(PurgeRequest::checked) {
            Ok(purge) => panic!("{body} is {purge:?}"),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn purges_are_read_with_all_or_nothing_said() {
        let read = |body: &str| {
            PurgeRequest::read(body.as_bytes()).and_then(PurgeRequest::checked).unwrap()
        };
        assert_eq!(read("{}"), Purge::default());
        let all = read(r#"{"layer": "roads", "bbox": [170, -10, -170, 10.5], "zooms": [3, 5]}"#);
        assert_eq!(all.layer.as_deref(), Some("roads"));
        assert_eq!((all.bbox, all.zooms), (Some([170.0, -10.0, -170.0, 10.5]), 3..=5));
    }

    #[test]
    fn a_wrong_purge_is_told_what_was_expected() {
        for (body, what) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{", "EOF while parsing"),
            ("{} {}", "trailing characters"),
            (r#"{"layer": null}"#, "null"),
            (r#"{"bbox": null}"#, "null"),
            (r#"{"layer": "a", "layer": "b"}"#, "duplicate field"),
            (r#"{"layers": "roads"}"#, "unknown field `layers`"),
            (r#"{"bbox": [1, 2, 3]}"#, "bbox"),
            (r#"{"bbox": "1,2,3,4"}"#, "bbox"),
            (r#"{"bbox": [0, 10, 1, 9]}"#, "the southern one first"),
            (r#"{"bbox": [-181, 0, 1, 9]}"#, "-180 to 180"),
            (r#"{"bbox": [1e999, 0, 1, 9]}"#, "out of range"),
            (r#"{"zooms": [5, 4]}"#, "the lower one first"),
            (r#"{"zooms": [0, 25]}"#, "from 0 to 24"),
            (r#"{"zooms": [-1, 2]}"#, "zooms[0]"),
            (r#"{"zooms": 4}"#, "zooms"),
            (r#"{"layer": 4}"#, "layer"),
        ] {
            let detail = detail(body);
            assert!(detail.contains(what), "{body}: {detail}");
            assert!(
                detail.contains("expected a JSON object") && detail.contains("Nothing was purged")
            );
        }
    }

    #[test]
    fn only_those_who_may_get_through() {
        let mut headers = HeaderMap::new();
        let status = |headers: &HeaderMap, token| {
            refusal(&Method::POST, headers, token).map(|problem| problem.status_code().as_u16())
        };
        assert_eq!(status(&headers, None), Some(415));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        for (host, right) in [
            ("127.0.0.1:3001", true),
            ("[::1]:3001", true),
            ("localhost", true),
            ("evil.example:3001", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            headers.insert(HOST, HeaderValue::from_static(host));
            assert_eq!(status(&headers, None).is_none(), right, "{host}");
        }
        headers.insert(HOST, HeaderValue::from_static("tiles.internal:3001"));
        assert_eq!(status(&headers, Some("secret")), Some(401));
        for (given, right) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("Bearer secrets", false),
            ("Bearer ", false),
            ("Basic secret", false),
            ("secret", false),
        ] {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(given));
            assert_eq!(status(&headers, Some("secret")).is_none(), right, "{given}");
        }
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
        headers.insert(ORIGIN, HeaderValue::from_static("http://127.0.0.1:3001"));
        assert_eq!(status(&headers, Some("secret")), Some(403));
    }
}
