//! Liveness and readiness.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::State;

/// What `/health/ready` says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Readiness {
    /// Whether to send requests here.
    pub ready: bool,
    /// Stopping: in-flight requests finish, new ones should go elsewhere.
    pub draining: bool,
    pub databases: Vec<DatabaseHealth>,
}

/// One database's part of [`Readiness`].
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseHealth {
    pub name: String,
    pub reachable: bool,
    /// Listed in `ready_requires`.
    pub required: bool,
}

pub async fn live() -> HttpResponse {
    json_no_store(HttpResponse::Ok(), &serde_json::json!({ "live": true }))
}

pub async fn ready(state: web::Data<State>) -> HttpResponse {
    let readiness = (state.readiness)();
    let status =
        if readiness.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    json_no_store(status, &readiness)
}

fn json_no_store(
    mut response: actix_web::HttpResponseBuilder,
    body: &impl Serialize,
) -> HttpResponse {
    response
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(body)
}
