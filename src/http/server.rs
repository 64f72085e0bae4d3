//! The actix server around the routes.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpServer, web};

use super::access_log::access_log;
use super::admin;
use super::edge::Edge;
use super::router::{State, routes};

/// The routes with what surrounds them.
pub fn app(
    state: web::Data<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().app_data(state.clone()).wrap(Edge(state)).configure(routes)
}

/// A server on `listener`. It runs when awaited, leaves signals alone and stops through its
/// handle.
///
/// # Errors
/// The listener can't be used.
pub fn server(listener: TcpListener, state: Arc<State>) -> std::io::Result<Server> {
    let settings = state.settings.clone();
    let state = web::Data::from(state);
    let mut server = HttpServer::new(move || app(state.clone()))
        .disable_signals()
        .shutdown_timeout(settings.shutdown_grace.as_secs().max(1));
    if let Some(workers) = settings.workers {
        server = server.workers(workers);
    }
    Ok(server.listen(listener)?.run())
}

/// The admin server on `listener`, as [`server`].
///
/// # Errors
/// The listener can't be used.
pub fn admin_server(listener: TcpListener, state: Arc<State>) -> std::io::Result<Server> {
    let state = web::Data::from(state);
    let app = move || {
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(admin::guard))
            .wrap(from_fn(access_log))
            .configure(admin::routes)
    };
    Ok(HttpServer::new(app).disable_signals().workers(1).listen(listener)?.run())
}
