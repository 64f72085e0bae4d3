//! Which handler answers which address.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, ServiceConfig};
use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, ResponseError,
};
use percent_encoding::percent_decode_str;

use super::cors::Origins;
use super::error::{METHODS, Problem};
use super::health::{self, Readiness};
use super::{Settings, catalog, feature, tile, tilejson, viewer};
use crate::engine::Engine;

/// What handlers work with, shared by all workers.
pub struct State {
    pub engine: Arc<Engine>,
    pub settings: Settings,
    pub origins: Origins,
    /// Set while the server is about to stop.
    pub draining: Arc<AtomicBool>,
    /// Looks at the databases and at whether the server is stopping.
    pub readiness: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// Brings gauges up to date before they are read.
    pub sample_metrics: Box<dyn Fn() + Send + Sync>,
}

/// Between a layer and the id of one of its features.
pub const FEATURES: &str = "features";

/// Above the files of the preview page.
const ASSETS: &str = "_";

/// What the addresses of pages end in, and no tileset's name.
const PAGE: &str = ".html";

/// Adds all routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(read_only("/health/live", health::live))
        .service(read_only("/health/ready", health::ready))
        .service(read_only("/catalog", catalog::catalog))
        .service(read_only("/metrics", public_metrics))
        .default_service(web::to(by_segments));
}

/// What has a name in its path. By hand, since actix matches such paths with a regular
/// expression, which takes longer than the tile.
async fn by_segments(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let path = request.path();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').map(decoded);
    let mut next = || segments.next().transpose();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (first, rest) = (next()?, [next()?, next()?, next()?]);
    match (first, rest, next()?) {
        (Some(_), [None, ..] | [_, _, Some(_)], None) if !is_read => {
            Ok(other_method(request.method().clone()).await)
        }
        (Some(first), [Some(what), Some(_), None], None)
            if (what == FEATURES || first == ASSETS) && !is_read =>
        {
            Ok(other_method(request.method().clone()).await)
        }
        (Some(assets), [Some(digest), Some(name), None], None) if assets == ASSETS => {
            viewer::asset(&request, &digest, &name).await
        }
        (Some(layer), [Some(what), Some(id), None], None) if what == FEATURES => {
            feature::feature(&request, &state, &layer, &id).await
        }
        (Some(index), [None, ..], None) if index.is_empty() => viewer::page(&request, &state, ""),
        (Some(tileset), [None, ..], None) => match tileset.strip_suffix(PAGE) {
            Some(tileset) => viewer::page(&request, &state, tileset),
            None => tilejson::tilejson(&request, &state, &tileset),
        },
        (Some(tileset), [Some(z), Some(x), Some(y)], None) => {
            tile::tile(&request, &state, [&tileset, &z, &x, &y]).await
        }
        _ => Ok(nothing_here().await),
    }
}

/// The four segments of a tile's path; `None` for any other one.
pub fn tile_segments(path: &str) -> Option<[Cow<'_, str>; 4]> {
    // Nearly all have nothing to decode.
    let is_plain = !path.as_bytes().contains(&b'%');
    let mut segments = path.strip_prefix('/')?.split('/');
    let mut next = || match segments.next()? {
        segment if is_plain => Some(Cow::Borrowed(segment)),
        segment => decoded(segment).ok(),
    };
    let path = [next()?, next()?, next()?, next()?];
    segments.next().is_none().then_some(path)
}

/// A segment of a path without its percent-encoding (RFC 3986 section 2.1).
fn decoded(segment: &str) -> Result<Cow<'_, str>, Problem> {
    percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Problem::bad_request("the address is not UTF-8 in its percent-encoding"))
}

/// A resource that `handler` answers to GET and HEAD.
fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(other_method))
}

/// `/metrics` where everybody can ask.
async fn public_metrics(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    match state.settings.metrics_public {
        true => metrics(state).await,
        false => Err(Problem::not_found("the metrics are on the admin listener only")),
    }
}

/// Prometheus' text format.
pub async fn metrics(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    (state.sample_metrics)();
    let text = state
        .engine
        .metrics()
        .encode()
        .map_err(|_| Problem::internal("the metrics can't be encoded"))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text))
}

/// For addresses without anything.
pub async fn nothing_here() -> HttpResponse {
    Problem::not_found("there is nothing here; /catalog lists what is published").error_response()
}

async fn other_method(method: Method) -> HttpResponse {
    if method == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header((ALLOW, METHODS)).finish();
    }
    Problem::method_not_allowed().error_response()
}
