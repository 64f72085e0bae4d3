//! Which handler answers which address.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError};

use super::cors::Origins;
use super::error::{METHODS, Problem};
use super::health::{self, Readiness};
use super::{Settings, catalog, tile, tilejson};
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

/// Adds all routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(read_only("/health/live", health::live))
        .service(read_only("/health/ready", health::ready))
        .service(read_only("/catalog", catalog::catalog))
        .service(read_only("/metrics", metrics))
        .service(read_only("/{tileset}/{z}/{x}/{y}", tile::tile))
        .service(read_only("/{tileset}", tilejson::tilejson))
        .default_service(web::to(nothing_here));
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

async fn metrics(state: web::Data<State>) -> Result<HttpResponse, Problem> {
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

async fn nothing_here() -> HttpResponse {
    Problem::not_found("there is nothing here; /catalog lists what is published").error_response()
}

async fn other_method(method: Method) -> HttpResponse {
    if method == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header((ALLOW, METHODS)).finish();
    }
    Problem::method_not_allowed().error_response()
}
