//! The least that an actix server can do: one handler that returns known headers and bytes.

use std::collections::HashMap;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;

use super::process::{agent, get};

/// Headers that actix adds by itself.
const AUTOMATIC: [&str; 4] = ["content-length", "date", "connection", "transfer-encoding"];

struct Canned {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// One answer for everything, or one for each path.
enum Answers {
    Same(Canned),
    ByPath(HashMap<String, Canned>),
}

/// Serves what `base` answers now to each of the paths in a file, on `address` and for ever. With
/// a single path nothing is looked up, and no route matched in any case.
pub fn serve(address: &str, base: &str, paths: &str, workers: usize) {
    let agent = agent();
    let paths = std::fs::read_to_string(paths).expect("the paths");
    let paths: Vec<&str> = paths.lines().collect();
    let canned = |path: &&str| canned(&agent, &format!("{base}{path}"));
    let answers = match paths.as_slice() {
        [path] => Answers::Same(canned(path)),
        many => Answers::ByPath(many.iter().map(|p| ((*p).to_owned(), canned(p))).collect()),
    };
    let answers = web::Data::new(answers);
    let app = move || App::new().app_data(answers.clone()).default_service(web::to(handler));
    let server = HttpServer::new(app).workers(workers).bind(address).expect("the address is free");
    actix_web::rt::System::new().block_on(server.run()).expect("the server runs");
}

fn canned(agent: &ureq::Agent, url: &str) -> Canned {
    let answer = get(agent, url);
    let headers = answer.headers.iter().filter(|(name, _)| !AUTOMATIC.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| {
        let name = HeaderName::try_from(name.as_str()).expect("a header name");
        (name, HeaderValue::try_from(value.as_str()).expect("a header value"))
    });
    Canned { headers: headers.collect(), body: answer.body.into() }
}

async fn handler(request: HttpRequest, answers: web::Data<Answers>) -> HttpResponse {
    let canned = match &**answers {
        Answers::Same(canned) => canned,
        Answers::ByPath(answers) => match answers.get(request.path()) {
            Some(canned) => canned,
            None => return HttpResponse::NotFound().finish(),
        },
    };
    let mut response = HttpResponse::Ok();
    for header in &canned.headers {
        response.insert_header(header.clone());
    }
    response.body(canned.body.clone())
}
