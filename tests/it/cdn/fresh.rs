//! Tiles within their time.

use std::sync::Barrier;

use super::cache::Kind;
use super::stage::{Stage, empty_tile, label, tile, verdict};
use crate::support::eventually;
use crate::support::server::{GZIP, Response};

pub fn tesela_does_not_see_the_second_request(stage: &Stage) {
    let path = tile("warm", 0);
    let first = stage.get(&path);
    assert_eq!((first.status, verdict(&first)), (200, "MISS"));
    let second = stage.get(&path);
    assert_eq!((second.status, verdict(&second)), (200, "HIT"));
    assert_eq!(second.body, first.body);
    assert_eq!(stage.seen(&path), [200]);
    assert_eq!(stage.tesela.metric("tesela_layer_tiles_total{layer=\"warm\"}"), 1.0);
}

pub fn fifty_clients_of_a_cold_tile_are_one_request(stage: &Stage) {
    const CLIENTS: usize = 50;
    let path = tile("cold", 0);
    let mut gate = stage.close_gate("cold");
    let together = Barrier::new(CLIENTS);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                together.wait();
                assert_eq!(label(&stage.get(&path)), "old");
            });
        }
        eventually("all clients wait", || stage.cache.clients() >= CLIENTS);
        eventually("a query waits", || gate.waiting() > 0);
        assert_eq!(gate.waiting(), 1);
        drop(gate);
    });
    assert_eq!(stage.seen(&path), [200]);
}

/// nginx keeps what Tesela makes of it, Varnish the gzip form, which it unpacks itself.
pub fn every_client_gets_an_encoding_that_it_takes(stage: &Stage) {
    let path = tile("popular", 1);
    let original = stage.tesela.request("GET", &path, &[]).body;
    let accepted = [
        // Neither cache knows what to make of it.
        ("*", None, None),
        ("", None, None),
        ("identity", None, None),
        ("br;q=0, gzip; q=0.00, deflate", None, None),
        ("xgzip, brotli", None, None),
        ("gzip", Some("gzip"), Some("gzip")),
        ("deflate,GZIP;q=0.5", Some("gzip"), Some("gzip")),
        ("gzip, deflate, br, zstd", Some("br"), Some("gzip")),
        ("gzip, br;q=0, zstd", Some("zstd"), Some("gzip")),
        ("br", Some("br"), None),
    ];
    for round in ["MISS", "HIT"] {
        for (accept, nginx, varnish) in accepted {
            let answer = stage.get_with(&path, &[("accept-encoding", accept)]);
            let encoding = if stage.cache.kind == Kind::Nginx { nginx } else { varnish };
            assert_eq!(answer.header("content-encoding"), encoding, "{accept}");
            assert_eq!(answer.mvt(), original, "{accept}");
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{accept}");
            assert!(round == "MISS" || verdict(&answer) == "HIT", "{accept}");
        }
    }
}

pub fn browsers_that_write_accept_encoding_in_other_words_share_a_tile(stage: &Stage) {
    let path = tile("popular", 2);
    let browsers = ["gzip, deflate, br, zstd", "zstd,br;q=0.9,gzip", "br, GZIP, zstd;q=0.5, *"];
    for accept in browsers {
        assert_eq!(stage.get_with(&path, &[("accept-encoding", accept)]).status, 200);
    }
    assert_eq!(stage.seen(&path), [200]);
}

pub fn a_client_that_has_the_tile_gets_304_from_the_cache(stage: &Stage) {
    let path = tile("popular", 3);
    for headers in [&[GZIP][..], &[]] {
        let first = stage.get_with(&path, headers);
        let etag = first.header("etag").unwrap();
        let with_tag = |tag| stage.get_with(&path, &[headers, &[("if-none-match", tag)]].concat());
        let again = with_tag(etag);
        assert_eq!((again.status, verdict(&again), again.body.len()), (304, "HIT", 0));
        for name in ["etag", "cache-control", "vary", "access-control-allow-origin"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        let other = with_tag("\"other\"");
        assert_eq!((other.status, verdict(&other)), (200, "HIT"));
    }
    assert!(!stage.seen(&path).contains(&304));
}

pub fn an_empty_tile_stays_empty_without_asking_again(stage: &Stage) {
    let path = empty_tile("popular");
    for expected in ["MISS", "HIT"] {
        let answer = stage.get(&path);
        assert_eq!((answer.status, verdict(&answer), answer.body.len()), (204, expected, 0));
        for name in ["content-type", "content-encoding"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
    }
    assert_eq!(stage.seen(&path), [204]);
}

pub fn pages_of_two_origins_share_a_tile(stage: &Stage) {
    let path = tile("popular", 4);
    let origins =
        [Some("https://a.example"), Some("https://b.example"), None, Some("null")].into_iter();
    for (origin, expected) in origins.zip(["MISS", "HIT", "HIT", "HIT"]) {
        let origin = origin.map(|origin| ("origin", origin));
        let answer = stage.get_with(&path, &[&[GZIP][..], origin.as_slice()].concat());
        assert_eq!((answer.status, verdict(&answer)), (200, expected));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    assert_eq!(stage.seen(&path), [200]);
}

pub fn cookies_make_no_difference(stage: &Stage) {
    let path = tile("popular", 6);
    for (cookie, expected) in [("session=1", "MISS"), ("session=2", "HIT")] {
        let answer = stage.get_with(&path, &[GZIP, ("cookie", cookie)]);
        assert_eq!((answer.status, verdict(&answer)), (200, expected));
    }
}

pub fn hosts_and_versions_have_tiles_of_their_own(stage: &Stage) {
    let path = tile("popular", 5);
    let requests = [
        ("a.example", path.clone()),
        ("b.example", path.clone()),
        ("a.example", format!("{path}?v=1")),
        ("a.example", format!("{path}?v=2")),
    ];
    for expected in ["MISS", "HIT"] {
        for (host, path) in &requests {
            let answer = stage.get_with(path, &[GZIP, ("host", host)]);
            assert_eq!((answer.status, verdict(&answer)), (200, expected), "{host}{path}");
        }
    }
}

pub fn headers_for_caches_end_at_the_cache(stage: &Stage) {
    let path = tile("basemap", 0);
    let internal = ["surrogate-key", "surrogate-control", "cache-tag", "cdn-cache-control"];
    // Varnish's notes, and Age, which would count as part of the browser's max-age.
    let own = ["x-stale-while-revalidate", "x-stale-if-error", "age"];
    let original = stage.tesela.get(&path);
    for _ in 0..2 {
        let answer = stage.get(&path);
        for name in internal {
            assert!(original.header(name).is_some(), "Tesela sends {name}");
        }
        for name in internal.iter().chain(&own) {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert_eq!(answer.header("cache-control"), original.header("cache-control"));
    }
}

pub fn clients_cannot_say_how_tesela_is_reached(stage: &Stage) {
    let forged = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
    ];
    let direct = stage.tesela.request("GET", "/popular", &forged);
    assert_eq!(origin_of_tiles(&direct), "https://evil.example/evil", "Tesela believes its proxy");
    assert_eq!(origin_of_tiles(&stage.get_with("/popular", &forged)), stage.cache.base);
}

pub fn tilejson_is_for_the_host_that_it_was_asked_from(stage: &Stage) {
    for _ in 0..2 {
        for host in ["a.example", "b.example:8080"] {
            let answer = stage.get_with("/popular", &[("host", host)]);
            assert_eq!(origin_of_tiles(&answer), format!("http://{host}"));
            assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        }
    }
    assert_eq!(stage.seen("/popular"), [200; 4], "it isn't kept");
}

/// What comes before the tileset in the URL of TileJSON's tiles.
fn origin_of_tiles(answer: &Response) -> String {
    let json = answer.json();
    let (origin, _) = json["tiles"][0].as_str().unwrap().split_once("/popular/").unwrap();
    origin.to_owned()
}

pub fn a_tile_with_its_version_is_kept_for_good(stage: &Stage) {
    let json = stage.tesela.get("/versioned").json();
    let (_, version) = json["tiles"][0].as_str().unwrap().split_once("?v=").unwrap();
    let path = tile("versioned", 0);
    for (version, immutable) in [(version, true), ("other", false)] {
        for expected in ["MISS", "HIT"] {
            let answer = stage.get(&format!("{path}?v={version}"));
            assert_eq!(verdict(&answer), expected, "{version}");
            let control = answer.header("cache-control").unwrap();
            assert_eq!(control == "public, max-age=31536000, immutable", immutable, "{control}");
        }
    }
}

pub fn metrics_are_not_for_the_world(stage: &Stage) {
    for path in ["/metrics", "/metrics?x"] {
        assert_eq!(stage.get(path).status, 404, "{path}");
    }
    assert_eq!(stage.get("/health/live").status, 200);
}
