//! Tiles whose time is over.

use super::flights::allow_connections;
use super::{GZIP, WORLD, features, get, halve, queries, serve, status, switched, switched_tile};
use crate::support::eventually;
use crate::support::server::Response;

/// Seconds that the tile's time has been over.
fn over(answer: &Response) -> Option<u64> {
    status(answer).strip_prefix("tesela; hit; ttl=-")?.parse().ok()
}

fn assert_stale_headers(answer: &Response) {
    for (name, value) in [
        ("cache-control", "public, max-age=0, s-maxage=10"),
        ("cdn-cache-control", "public, max-age=0, s-maxage=10"),
        ("surrogate-control", "max-age=10"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.header("age"), None);
    assert_eq!(answer.header("surrogate-key"), Some("switched"));
}

#[test]
fn past_its_time_a_tile_is_served_at_once_and_made_anew_once() {
    let database = switched();
    let server = serve(&database, "", "ttl = \"200ms\"");
    let first = switched_tile(&server);
    let left = halve(&database);
    database.execute("UPDATE switch SET seconds = 1");
    let mut stale = None;
    eventually("its time is over", || {
        let answer = switched_tile(&server);
        let is_stale = over(&answer).is_some();
        stale = is_stale.then_some(answer);
        is_stale
    });
    let stale = stale.unwrap();
    assert_stale_headers(&stale);
    assert_eq!((stale.status, &stale.body), (200, &first.body));
    // While the new one is made, everyone gets the old one, and no other query is sent.
    for _ in 0..20 {
        assert!(over(&switched_tile(&server)).is_some());
    }
    assert_eq!(server.metric("tesela_cache_misses_total"), 1.0);
    eventually("the new one is there", || features(&switched_tile(&server)) == left);
    assert!(queries(&server) >= 2.0);
    assert!(server.metric("tesela_cache_stale_total") >= 21.0);
    let requests = server.metric("tesela_tile_request_seconds_count{outcome=\"stale\"}");
    assert!(requests >= 21.0, "{requests}");
}

#[test]
fn a_client_that_has_the_stale_tile_is_told_so_and_to_ask_again_soon() {
    let database = switched();
    let server = serve(&database, "", "ttl = \"1ms\"");
    let etag = switched_tile(&server).header("etag").unwrap().to_owned();
    database.execute("UPDATE switch SET seconds = 2");
    let path = format!("/switched/{WORLD}");
    eventually("its time is over", || over(&switched_tile(&server)).is_some());
    let known = server.request("GET", &path, &[GZIP, ("if-none-match", &etag)]);
    assert_eq!(known.status, 304);
    assert_stale_headers(&known);
}

#[test]
fn without_stale_while_revalidate_the_next_request_waits_for_the_new_tile() {
    let database = switched();
    let server = serve(&database, "", "ttl = \"100ms\"\nstale_while_revalidate = \"0s\"");
    switched_tile(&server);
    let left = halve(&database);
    std::thread::sleep(std::time::Duration::from_millis(150));
    let next = switched_tile(&server);
    assert_eq!(status(&next), "tesela; fwd=uri-miss; stored");
    assert_eq!(features(&next), left);
}

#[test]
fn a_database_that_is_down_leaves_the_old_tile_in_place_for_its_time() {
    let database = switched();
    let layer = "ttl = \"50ms\"\nstale_while_revalidate = \"0s\"\nstale_if_error = \"4s\"";
    let server = serve(&database, "", layer);
    let first = switched_tile(&server);
    let empty = get(&server, "/switched/6/5/30");
    assert_eq!(empty.status, 204);
    allow_connections(&database, false);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let stale = switched_tile(&server);
    assert_eq!((stale.status, &stale.body), (200, &first.body), "{}", stale.text());
    assert!(over(&stale).is_some());
    assert_stale_headers(&stale);
    let empty = get(&server, "/switched/6/5/30");
    assert_eq!((empty.status, over(&empty).is_some()), (204, true), "an empty one too");
    eventually("its time is over for good", || switched_tile(&server).status == 503);
    allow_connections(&database, true);
    eventually("it is made anew", || status(&switched_tile(&server)).ends_with("stored"));
}

#[test]
fn a_query_that_breaks_leaves_the_old_tile_in_place_too() {
    let database = switched();
    let server = serve(&database, "", "ttl = \"50ms\"\nstale_while_revalidate = \"0s\"");
    let first = switched_tile(&server);
    database.execute("UPDATE switch SET works = 0");
    std::thread::sleep(std::time::Duration::from_millis(100));
    let stale = switched_tile(&server);
    assert_eq!((stale.status, &stale.body), (200, &first.body));
    assert!(over(&stale).is_some());
    assert_eq!(server.metric("tesela_database_errors_total{kind=\"query\"}"), 1.0);
}

#[test]
fn a_refresh_that_failed_is_not_tried_again_at_once() {
    let database = switched();
    let server = serve(&database, "[cache]\nerror_ttl = \"1h\"", "ttl = \"50ms\"");
    switched_tile(&server);
    database.execute("UPDATE switch SET works = 0");
    let failed = || server.metric("tesela_database_errors_total{kind=\"query\"}");
    eventually("the refresh has failed", || {
        switched_tile(&server);
        failed() == 1.0
    });
    (0..50).for_each(|_| assert!(over(&switched_tile(&server)).is_some()));
    assert_eq!(failed(), 1.0);
}

#[test]
fn a_ttl_of_zero_keeps_nothing() {
    let database = switched();
    let server = serve(&database, "", "ttl = \"0s\"");
    for _ in 0..2 {
        assert_eq!(status(&switched_tile(&server)), "tesela; fwd=uri-miss");
    }
    assert_eq!(server.metric("tesela_cache_entries"), 0.0);
}

#[test]
fn layers_say_how_long_their_tiles_live() {
    let toml = "[cache]\nmax_age = \"30s\"\ns_maxage = \"1h\"\n\
                [layers.a]\ntable = \"countries\"\nmax_age = \"5m\"\n\
                [layers.b]\ntable = \"cities\"\ns_maxage = \"10s\"\n\
                stale_while_revalidate = \"5s\"\n\
                [[layers.b.zooms]]\nzooms = [0, 1]\nmax_age = \"1s\"\nstale_if_error = \"7s\"\n";
    let database = switched();
    let server = serve(&database, toml, "");
    let control = |name: &str, tile: &str| {
        let answer = server.get(&format!("/{name}/{tile}"));
        let control = answer.header("cache-control").unwrap();
        let (control, stale) = control.split_once(", stale-while-revalidate=").unwrap();
        (control.to_owned(), stale.to_owned())
    };
    assert_eq!(control("a", "4/8/5").0, "public, max-age=300, s-maxage=3600");
    let (ages, stale) = control("b", "4/8/5");
    assert_eq!(ages, "public, max-age=30, s-maxage=10");
    assert_eq!(stale, "5, stale-if-error=86400");
    assert_eq!(
        control("a,b", "4/8/5").0,
        "public, max-age=30, s-maxage=10",
        "the shortest of each"
    );
    let (ages, stale) = control("b", "0/0/0");
    assert_eq!(ages, "public, max-age=1, s-maxage=10", "zooms say something of their own");
    assert_eq!(stale, "5, stale-if-error=7");
    assert_eq!(control("a,b", "0/0/0").0, "public, max-age=1, s-maxage=10");
}
