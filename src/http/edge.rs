//! What surrounds the routes.
//!
//! ```text
//!   request ── preflight? ── tile in memory? ── routes ──┐
//!                  │               │                     │
//!   answer  ◀──────┴───────────────┴─────────────────────┴─ CORS headers, access log
//! ```
//!
//! A tile in memory needs no route and nothing to wait for, so that it is answered without a
//! future on the heap.

use std::sync::atomic::Ordering;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::ConnectionType;
use actix_web::http::header::{HeaderValue, ORIGIN};
use actix_web::{Error, web};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, Ready, ready};

use super::access_log::Entry;
use super::cors::{is_preflight, preflight};
use super::{State, tile};

/// The middleware around the routes of the main listener.
pub struct Edge(pub web::Data<State>);

/// [`Edge`] of one worker.
pub struct EdgeService<S> {
    routes: S,
    state: web::Data<State>,
}

impl<S, B> Transform<S, ServiceRequest> for Edge
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = EdgeService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, routes: S) -> Self::Future {
        ready(Ok(EdgeService { routes, state: self.0.clone() }))
    }
}

impl<S, B> Service<ServiceRequest> for EdgeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Either<
        Ready<Result<Self::Response, Error>>,
        LocalBoxFuture<'static, Result<Self::Response, Error>>,
    >;

    forward_ready!(routes);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let entry = Entry::begin(&request);
        let origin = request.headers().get(ORIGIN).cloned();
        let at_once = match is_preflight(&request) {
            true => Some(preflight()),
            false => tile::hit(request.request(), &self.state),
        };
        if let Some(response) = at_once {
            let response = request.into_response(response);
            return Either::Left(ready(Ok(finish(&self.state, response, origin, entry))));
        }
        let (state, response) = (self.state.clone(), self.routes.call(request));
        let finished = async move {
            let response = response.await?.map_into_boxed_body();
            Ok(finish(&state, response, origin, entry))
        };
        Either::Right(finished.boxed_local())
    }
}

/// Adds the CORS headers, and `Connection: close` while the server drains.
fn finish(
    state: &State,
    mut response: ServiceResponse,
    origin: Option<HeaderValue>,
    entry: Option<Entry>,
) -> ServiceResponse {
    state.origins.apply(origin.as_ref(), response.headers_mut());
    if state.draining.load(Ordering::Relaxed) {
        // Clients go elsewhere before their idle connection is closed under them.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    if let Some(entry) = entry {
        entry.end(response.status());
    }
    response
}
