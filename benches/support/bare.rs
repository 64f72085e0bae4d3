//! The least that an actix server can do: one handler that returns known headers and bytes.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;

use super::process::{agent, get};

/// Headers that actix adds by itself.
const AUTOMATIC: [&str; 4] = ["content-length", "date", "connection", "transfer-encoding"];

#[derive(Clone)]
struct Canned {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Serves what `url` answers now on `address`, for ever.
pub fn serve(address: &str, url: &str) {
    let answer = get(&agent(), url);
    let headers = answer.headers.iter().filter(|(name, _)| !AUTOMATIC.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| {
        let name = HeaderName::try_from(name.as_str()).expect("a header name");
        (name, HeaderValue::try_from(value.as_str()).expect("a header value"))
    });
    let canned = web::Data::new(Canned { headers: headers.collect(), body: answer.body.into() });
    let server = HttpServer::new(move || {
        App::new().app_data(canned.clone()).route("/{tileset}/{z}/{x}/{y}", web::get().to(handler))
    });
    let server = server.bind(address).expect("the address is free").run();
    actix_web::rt::System::new().block_on(server).expect("the server runs");
}

async fn handler(canned: web::Data<Canned>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in &canned.headers {
        response.insert_header(header.clone());
    }
    response.body(canned.body.clone())
}
