//! Tiles of servers.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::canned::Canned;
use super::{counts, failure, json, stdout};
use crate::support::database::Database;
use crate::support::server::{Server, run};

const MVT: &str = "200 OK\r\nContent-Type: application/vnd.mapbox-vector-tile";
const MVT_GZIP: &str =
    "200 OK\r\nContent-Type: application/vnd.mapbox-vector-tile\r\nContent-Encoding: gzip";
const JSON: &str = "200 OK\r\nContent-Type: application/json";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layer `name` with one point and a padding of so many bytes in its only value.
fn tile(name: &str, padding: usize) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap();
        // Two bytes of a varint, even if one would do.
        let length =
            [(length & 127) as u8 | 128, (length >> 7 & 127) as u8 | 128, (length >> 14) as u8];
        [&[number << 3 | 2][..], &length, content].concat()
    };
    let feature = [&[8, 1][..], &field(2, &[0, 0]), &[24, 1], &field(4, &[9, 2, 2])].concat();
    let value = field(1, &vec![b'x'; padding]);
    let layer = [
        vec![15 << 3, 2],
        field(1, name.as_bytes()),
        field(2, &feature),
        field(3, b"key"),
        field(4, &value),
    ];
    field(3, &layer.concat())
}

#[test]
fn a_running_servers_tile_is_shown_with_what_it_says_to_caches() {
    let database = Database::with_world();
    let server = Server::publish(&database.url);
    let base = &server.base;
    let expected = json(&["inspect", &database.url, "2/2/1", "--layer", "cities"]);
    for args in [
        &[format!("{base}/cities/2/2/1")][..],
        &[format!("{base}/cities"), "2/2/1".to_owned()],
        &[format!("{base}/cities/{{z}}/{{x}}/{{y}}.mvt"), "2/2/1".to_owned()],
    ] {
        let args: Vec<&str> =
            ["inspect"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let report = json(&args);
        assert_eq!(report["layers"], expected["layers"], "{args:?}");
        let http = &report["http"];
        assert_eq!(http["status"], 200);
        assert_eq!(report["packed"], serde_json::json!(["gzip"]));
        assert_eq!(http["bytes"], server.gzip("/cities/2/2/1").body.len());
        let headers = http["headers"].as_array().unwrap();
        for name in ["content-encoding", "cache-control", "etag", "cache-status"] {
            assert!(headers.iter().any(|header| header[0] == name), "{name}: {http}");
        }
    }
    let text = stdout(&run(&["inspect", &format!("{base}/cities/10/0/0")]));
    assert!(text.contains("HTTP 204") && text.contains("The tile is empty."), "{text}");
    let text = failure(&["inspect", &format!("{base}/nothing/0/0/0")]);
    assert!(
        text.contains("answers 404 Not Found: there is no layer or tileset \"nothing\""),
        "{text}"
    );
    let text = failure(&["inspect", &format!("{base}/nothing"), "0/0/0"]);
    assert!(text.contains("404 Not Found"), "{text}");
    let text = failure(&["inspect", &format!("{base}/cities")]);
    assert!(text.contains("JSON") && text.contains("add a tile's z/x/y"), "{text}");
}

#[test]
fn servers_that_pack_tiles_wrongly_are_told_of() {
    let (small, large) = (tile("a", 10), tile("a", 5_000));
    let server = Canned::new(vec![
        ("/fine", MVT_GZIP, gzip(&large)),
        ("/plain", MVT, large.clone()),
        ("/small", MVT, small.clone()),
        ("/unlabelled", MVT, gzip(&large)),
        ("/mislabelled", MVT_GZIP, large.clone()),
        ("/twice", MVT_GZIP, gzip(&gzip(&large))),
    ]);
    for (path, warning) in [
        ("/fine", None),
        ("/small", None),
        ("/plain", Some("sent as it is")),
        ("/unlabelled", Some("has no Content-Encoding")),
        ("/mislabelled", Some("isn't packed")),
        ("/twice", Some("packed 2 times")),
    ] {
        let report = json(&["inspect", &server.url(path)]);
        assert_eq!(counts(&report), [("a".to_owned(), 1)], "{path}");
        let warnings: Vec<_> = report["warnings"].as_array().unwrap().iter().collect();
        // That of the padding is another matter.
        let about = |text: &&&serde_json::Value| !text.as_str().unwrap().contains("properties = ");
        let warnings: Vec<_> = warnings.iter().filter(about).map(|w| w.as_str().unwrap()).collect();
        assert_eq!(warnings.len(), usize::from(warning.is_some()), "{path}: {warnings:?}");
        assert!(warning.is_none_or(|warning| warnings[0].contains(warning)), "{warnings:?}");
    }
}

#[test]
fn a_tilejson_leads_to_the_tile_whatever_its_scheme() {
    let tilejson =
        |tiles: &str, more: &str| format!("{{\"tiles\": [\"{tiles}\"]{more}}}").into_bytes();
    let server = Canned::new(vec![
        ("/absolute", JSON, tilejson("BASE/t/{z}/{x}/{y}", "")),
        ("/path", JSON, tilejson("/t/{z}/{x}/{y}", "")),
        ("/south", JSON, tilejson("BASE/t/{z}/{x}/{y}", ", \"scheme\": \"tms\"")),
        ("/shallow", JSON, tilejson("BASE/t/{z}/{x}/{y}", ", \"maxzoom\": 1")),
        ("/other", JSON, b"{\"tiles\": []}".to_vec()),
        ("/t/2/3/1", MVT, tile("north", 10)),
        ("/t/2/3/2", MVT, tile("south", 10)),
    ]);
    for (path, layer) in
        [("/absolute", "north"), ("/path", "north"), ("/south", "south"), ("/shallow", "north")]
    {
        let report = json(&["inspect", &server.url(path), "2/3/1"]);
        assert_eq!(counts(&report), [(layer.to_owned(), 1)], "{path}");
        let warnings = report["warnings"].to_string();
        assert_eq!(warnings.contains("zoom 0 to 1"), path == "/shallow", "{warnings}");
    }
    let text = failure(&["inspect", &server.url("/other"), "2/3/1"]);
    assert!(text.contains("no TileJSON") && text.contains("/other/{z}/{x}/{y}"), "{text}");
}

#[test]
fn answers_that_are_no_tiles_are_explained() {
    let html = b"<!doctype html><title>Not found</title>".to_vec();
    let problem = b"{\"title\": \"Gone\", \"detail\": \"the layer moved\"}".to_vec();
    let server = Canned::new(vec![
        ("/html", "200 OK\r\nContent-Type: text/html", html.clone()),
        ("/error", "502 Bad Gateway\r\nContent-Type: text/html", html),
        ("/gone", "410 Gone\r\nContent-Type: application/problem+json", problem),
        ("/exotic", "200 OK\r\nContent-Encoding: lzma", b"x".to_vec()),
        ("/bomb", MVT_GZIP, gzip(&gzip(&vec![0; 100 << 20]))),
        ("/escape", "403 Forbidden\r\nContent-Type: text/plain", b"\x1b[2Jno".to_vec()),
    ]);
    for (path, why) in [
        ("/html", "this is HTML or XML, not a vector tile"),
        ("/error", "answers 502 Bad Gateway\n"),
        ("/gone", "answers 410 Gone: the layer moved"),
        ("/exotic", "unknown Content-Encoding \"lzma\""),
        ("/bomb", "more than 67108864 bytes when unpacked"),
        ("/missing", "answers 404 Not Found: nothing here\n"),
        ("/escape", "403 Forbidden:  [2Jno"),
    ] {
        let text = failure(&["inspect", &server.url(path)]);
        assert!(text.contains(why), "{why}: {text}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = failure(&["inspect", &format!("http://u:s3cret@{closed}/0/0/0")]);
    assert!(text.contains("Connection refused") && !text.contains("s3cret"), "{text}");
    let text = failure(&["inspect", "http://", "0/0/0"]);
    assert!(text.contains("this is no URL"), "{text}");
}
