//! Requests to answers. The input is a request without its line ends: the method and the target,
//! then a header in each line. A `+` before it asks a server that is configured differently.

use std::io::Read;

use actix_http::Request;
use actix_http::h1::{Codec, Message, MessageType};
use actix_web::HttpMessage;
use actix_web::http::header::{HeaderMap, IF_NONE_MATCH};
use bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::reader;
use super::server::{Reply, Server};

const MVT: &str = "application/vnd.mapbox-vector-tile";

/// Statuses that the README has, but 500: no query fails here.
const STATUSES: [u16; 8] = [200, 204, 304, 400, 404, 405, 503, 504];

/// What errors must not have: they would be kept, or taken for a tile.
const NEVER_ON_ERRORS: [&str; 6] =
    ["etag", "cache-status", "cdn-cache-control", "surrogate-control", "cache-tag", "age"];

/// Settings of the server behind `+`.
const OTHERWISE: &str = "
[server]
trusted_proxies = [\"10.0.0.0/8\"]
cors_origins = [\"https://a.example\"]
[cache]
empty_tile = 200
memory = \"0\"";

thread_local! {
    // Never dropped: actix's own thread-locals may be gone by then.
    static SERVER: &'static Server = Box::leak(Box::new(Server::new("")));
    static OTHER: &'static Server = Box::leak(Box::new(Server::new(OTHERWISE)));
}

/// # Panics
/// The answer isn't one that the README promises.
pub fn check(data: &[u8]) {
    match data.strip_prefix(b"+") {
        Some(data) => OTHER.with(|server| check_on(server, data, false)),
        None => SERVER.with(|server| check_on(server, data, true)),
    }
}

fn check_on(server: &Server, data: &[u8], every_origin: bool) {
    // What isn't HTTP is answered by actix itself.
    let Some(request) = parse(server, data) else { return };
    let accepts = request.headers().contains_key("accept-encoding");
    let reply = server.answer(request);
    let header = |name: &str| text(&reply.headers, name);
    let status = reply.status.as_u16();
    assert!(STATUSES.contains(&status), "status {status}");
    if every_origin {
        assert_eq!(header("access-control-allow-origin").as_deref(), Some("*"));
        assert_eq!(header("vary").as_deref(), Some("Accept-Encoding"));
    }
    assert!(accepts || header("content-encoding").is_none(), "gzip for who didn't ask");
    if status >= 400 {
        check_error(&reply);
    } else if header("content-type").as_deref() == Some(MVT) {
        reader::features(&unpacked(&reply));
    }
    if let (200 | 204, Some(etag)) = (status, header("etag")) {
        let mut again = parse(server, data).expect("it was a request before");
        let etag = etag.parse().expect("a header's value");
        again.headers_mut().insert(IF_NONE_MATCH, etag);
        let again = server.answer(again);
        assert_eq!(again.status.as_u16(), 304, "the tag of a moment ago");
        assert_eq!(text(&again.headers, "etag"), header("etag"));
        assert!(again.body.is_empty());
    }
}

/// Errors are problem details (RFC 9457) that no cache keeps and that give nothing away.
fn check_error(reply: &Reply) {
    let header = |name: &str| text(&reply.headers, name);
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    for name in NEVER_ON_ERRORS {
        assert_eq!(header(name), None, "{name} on an error");
    }
    let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(body["status"], reply.status.as_u16());
    assert!(body["title"].is_string() && body["detail"].is_string());
    assert!(reply.body.len() < 1000, "{} bytes of error", reply.body.len());
    let body = body.to_string();
    // In the database's URL and in its errors; no request comes upon it by chance.
    assert!(!body.contains("7f3a91c2"), "{body}");
    assert_eq!(reply.status == 405, header("allow").is_some());
    assert_eq!(reply.status == 503, header("retry-after").is_some());
}

fn unpacked(reply: &Reply) -> Vec<u8> {
    if text(&reply.headers, "content-encoding").is_none() {
        return reply.body.to_vec();
    }
    let mut mvt = Vec::new();
    flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut mvt).expect("gzip");
    mvt
}

/// The header's only value.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name);
    let value = values.next()?;
    assert!(values.next().is_none(), "{name} is there twice");
    Some(value.to_str().expect("ASCII").to_owned())
}

/// The request as actix reads it from a socket; `None` if it refuses it, or if a body follows.
fn parse(server: &Server, data: &[u8]) -> Option<Request> {
    let mut lines = data.split(|&byte| byte == b'\n');
    let mut wire = BytesMut::from(lines.next()?);
    wire.extend_from_slice(b" HTTP/1.1\r\n");
    if !data.to_ascii_lowercase().windows(6).any(|part| part == b"\nhost:") {
        // HTTP/1.1 demands one.
        wire.extend_from_slice(b"Host: tiles.example\r\n");
    }
    for line in lines.filter(|line| !line.is_empty()) {
        wire.extend_from_slice(line);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    server.enter(|| {
        let mut codec = Codec::default();
        let Ok(Some(Message::Item(request))) = codec.decode(&mut wire) else { return None };
        matches!(codec.message_type(), MessageType::None).then_some(request)
    })
}
