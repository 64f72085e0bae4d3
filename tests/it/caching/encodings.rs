//! What clients get of what they accept.

use std::collections::BTreeSet;

use super::{GZIP, get, queries, serve, switched};
use crate::support::server::{Response, Server};

const BUSY: &str = "/countries/4/8/5";

const BR: (&str, &str) = ("accept-encoding", "gzip, deflate, br, zstd");
const ZSTD: (&str, &str) = ("accept-encoding", "gzip, zstd");
const NONE: (&str, &str) = ("accept-encoding", "identity");

fn server(database: &crate::support::database::Database) -> Server {
    serve(database, "[cache]\nencodings = [\"br\", \"zstd\", \"gzip\"]", "")
}

fn encoding(answer: &Response) -> Option<&str> {
    answer.header("content-encoding")
}

#[test]
fn each_client_gets_the_encoding_it_likes_of_one_tile() {
    let database = switched();
    let server = server(&database);
    let gzip = get(&server, BUSY);
    assert_eq!(encoding(&gzip), Some("gzip"));
    let mut tags = BTreeSet::from([gzip.header("etag").unwrap().to_owned()]);
    for (accept, name, suffix) in
        [(BR, Some("br"), "-br\""), (ZSTD, Some("zstd"), "-zst\""), (NONE, None, "-id\"")]
    {
        let answer = server.request("GET", BUSY, &[accept]);
        assert_eq!(encoding(&answer), name);
        assert_eq!(answer.mvt(), gzip.mvt(), "{name:?}");
        assert!(answer.header("etag").unwrap().ends_with(suffix));
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.header("cache-status"), Some("tesela; hit"));
        let again = server.request("GET", BUSY, &[accept]);
        assert_eq!((&again.body, encoding(&again)), (&answer.body, name));
        tags.insert(answer.header("etag").unwrap().to_owned());
    }
    assert_eq!(tags.len(), 4, "each has a tag of its own: {tags:?}");
    assert_eq!(queries(&server), 1.0);
    assert_eq!(server.metric("tesela_cache_entries"), 4.0);
    assert_eq!(server.metric("tesela_cache_encoded_total"), 3.0, "each was made once");
}

#[test]
fn a_weight_of_the_client_beats_the_order_of_the_server() {
    let database = switched();
    let server = server(&database);
    for (accept, name) in [
        ("br;q=0.5, gzip", Some("gzip")),
        ("br;q=0, *", Some("zstd")),
        ("br;q=0.2, identity;q=0.3", None),
        ("deflate", None),
    ] {
        let answer = server.request("GET", BUSY, &[("accept-encoding", accept)]);
        assert_eq!(encoding(&answer), name, "{accept}");
    }
}

#[test]
fn a_client_that_has_the_tile_in_its_encoding_costs_no_encoding() {
    let database = switched();
    let server = server(&database);
    let gzip = get(&server, BUSY);
    let tag = gzip.header("etag").unwrap();
    for (accept, suffix) in [(BR, "-br\""), (ZSTD, "-zst\""), (NONE, "-id\"")] {
        let tag = tag.replace("-gz\"", suffix);
        let known = server.request("GET", BUSY, &[accept, ("if-none-match", &tag)]);
        assert_eq!((known.status, known.header("etag")), (304, Some(&*tag)));
        assert_eq!(encoding(&known), None);
    }
    assert_eq!(server.metric("tesela_cache_encoded_total"), 0.0, "none was made");
}

#[test]
fn a_tile_that_was_made_anew_is_encoded_anew() {
    let database = switched();
    let server = serve(&database, "[cache]\nencodings = [\"br\", \"gzip\"]", "");
    let before = server.request("GET", "/cities/0/0/0", &[BR]);
    database.execute("DELETE FROM cities WHERE id % 2 = 0");
    assert_eq!(server.purge(r#"{"layer": "cities"}"#).status, 200);
    let after = server.request("GET", "/cities/0/0/0", &[BR]);
    assert_eq!(encoding(&after), Some("br"));
    assert!(after.mvt().len() < before.mvt().len());
    let gzip = server.request("GET", "/cities/0/0/0", &[GZIP]);
    assert_eq!(gzip.mvt(), after.mvt());
}

#[test]
fn an_empty_tile_has_no_encoding_but_a_tag_for_each() {
    let database = switched();
    let server = server(&database);
    for (accept, suffix) in [(BR, "-br\""), (GZIP, "-gz\""), (NONE, "-id\"")] {
        let empty = server.request("GET", "/cities/6/5/30", &[accept]);
        assert_eq!((empty.status, encoding(&empty)), (204, None));
        assert!(empty.header("etag").unwrap().ends_with(suffix));
    }
}
