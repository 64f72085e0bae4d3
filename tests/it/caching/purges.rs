//! Purges and the admin listener.

use super::{GZIP, WORLD, features, get, halve, serve, status, switched};
use crate::support::server::Server;

const JSON: (&str, &str) = ("content-type", "application/json");

/// Asks for tiles of several layers, zooms and places.
const TILES: [&str; 6] = [
    "/cities/0/0/0",
    "/cities/4/8/5",
    "/cities/4/13/9",
    "/countries/4/8/5",
    "/cities,countries/4/8/5",
    "/both/4/13/9",
];

const TILESET: &str = "[tilesets.both]\nlayers = [\"cities\", \"countries\"]";

fn fill(server: &Server) {
    TILES.iter().for_each(|path| assert_eq!(get(server, path).status, 200, "{path}"));
    assert_eq!(hits(server), [true; 6]);
}

fn hits(server: &Server) -> [bool; 6] {
    TILES.map(|path| {
        server.request("GET", path, &[GZIP]).header("cache-status") == Some("tesela; hit")
    })
}

#[test]
fn a_purge_drops_what_it_covers_and_nothing_else() {
    let database = switched();
    let server = serve(&database, TILESET, "");
    for (purge, left) in [
        (r#"{"layer": "cities"}"#, [false, false, false, true, false, false]),
        (r#"{"layer": "countries"}"#, [true, true, true, false, false, false]),
        (r#"{"layer": "public.countries"}"#, [true, true, true, false, false, false]),
        (r#"{"layer": "both", "zooms": [0, 3]}"#, [false, true, true, true, true, true]),
        (r#"{"bbox": [2, 48, 3, 49]}"#, [false, false, true, false, false, true]),
        (
            r#"{"layer": "cities", "bbox": [150, -34, 152, -33]}"#,
            [false, true, true, true, true, true],
        ),
        (
            r#"{"bbox": [115, -32, 116, -31], "zooms": [4, 4]}"#,
            [true, true, false, true, true, false],
        ),
        (r#"{"layer": "switched"}"#, [true; 6]),
        ("{}", [false; 6]),
    ] {
        fill(&server);
        let answer = server.purge(purge);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let dropped = left.iter().filter(|left| !**left).count();
        assert_eq!(answer.json()["tiles"], dropped, "{purge}: {}", answer.text());
        assert_eq!(hits(&server), left, "{purge}");
    }
}

#[test]
fn after_a_purge_tiles_show_what_is_there_now() {
    let database = switched();
    let server = serve(&database, "", "");
    let path = format!("/cities/{WORLD}");
    get(&server, &path);
    let left = halve(&database);
    assert_ne!(features(&get(&server, &path)), left);
    assert_eq!(server.purge(r#"{"layer": "cities"}"#).status, 200);
    let answer = get(&server, &path);
    assert_eq!((features(&answer), status(&answer)), (left, "tesela; fwd=uri-miss; stored"));
}

#[test]
fn a_wrong_purge_says_what_was_expected_and_drops_nothing() {
    let database = switched();
    let server = serve(&database, TILESET, "");
    fill(&server);
    let body = "{}";
    let rebound = server.admin("POST", "/purge", &[JSON, ("host", "evil.example:3001")], body);
    assert_eq!(rebound.status, 403);
    assert_eq!(server.admin("GET", "/stats", &[("host", "evil.example")], "").status, 403);
    for body in [
        "",
        "{",
        "[]",
        r#"{"layer": "citys"}"#,
        r#"{"layer": null}"#,
        r#"{"layer": "cities", "bbox": null}"#,
        r#"{"layer": "cities", "layer": "countries"}"#,
        &format!("{{\"layer\": \"{}\"}}", "x".repeat(70_000)),
        r#"{"layers": ["cities"]}"#,
        r#"{"bbox": [1, 2, 3]}"#,
        r#"{"bbox": [0, 0, 200, 1]}"#,
        r#"{"zooms": [5, 4]}"#,
        r#"{"zooms": [0, 99]}"#,
    ] {
        let answer = server.purge(body);
        assert_eq!(answer.status, 400, "{body}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("expected a JSON object"), "{body}: {detail}");
    }
    assert_eq!(hits(&server), [true; 6]);
}

#[test]
fn pages_and_strangers_can_not_purge() {
    let database = switched();
    let token = "admin_token = \"a-token-of-16-or-more\"";
    let server = serve(&database, token, "");
    let authorized = ("authorization", "Bearer a-token-of-16-or-more");
    let purge = |headers: &[(&str, &str)]| server.admin("POST", "/purge", headers, "{}").status;
    assert_eq!(purge(&[JSON, authorized]), 200);
    assert_eq!(purge(&[JSON]), 401);
    assert_eq!(purge(&[JSON, ("authorization", "Bearer another")]), 401);
    assert_eq!(purge(&[authorized]), 415);
    assert_eq!(purge(&[authorized, ("content-type", "text/plain")]), 415);
    assert_eq!(purge(&[JSON, authorized, ("origin", "http://127.0.0.1")]), 403);
    assert_eq!(server.admin("GET", "/stats", &[], "").status, 401);
    let wrong = server.admin("GET", "/purge", &[authorized], "");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    assert_eq!(server.get("/purge").status, 404, "not on the main listener");
    assert!(!server.log().contains("a-token-of-16"));
}

#[test]
fn statistics_tell_of_the_cache_and_the_layers() {
    let database = switched();
    let server = serve(&database, "metrics_public = false", "data_version = \"7\"");
    get(&server, &format!("/switched/{WORLD}"));
    get(&server, &format!("/switched/{WORLD}"));
    let generation = || {
        let stats = server.admin("GET", "/stats", &[], "").json();
        stats["layers"]["switched"]["generation"].as_u64().unwrap()
    };
    let before = generation();
    server.purge(r#"{"layer": "switched"}"#);
    get(&server, &format!("/switched/{WORLD}"));
    let stats = server.admin("GET", "/stats", &[], "").json();
    let cache = &stats["cache"];
    assert_eq!([&cache["hits"], &cache["misses"], &cache["tiles"], &cache["purged"]], [1, 2, 1, 1]);
    assert!(cache["bytes"].as_u64().unwrap() > 100 && stats["uptime_seconds"].is_u64());
    assert_eq!(cache["budget_bytes"], 512_000_000);
    assert_eq!(generation(), before + 1);
    assert_eq!(stats["layers"]["switched"]["data_version"], "7");
    assert_eq!(stats["layers"]["cities"]["generation"], 0);
    assert_eq!(stats["databases"][0]["reachable"], true);
    assert_eq!(server.get("/metrics").status, 404);
    let metrics = server.admin("GET", "/metrics", &[], "");
    assert!(metrics.text().contains("tesela_cache_purged_total 1"));
}

/// What a purge by name reaches doesn't depend on whether the layer can be served just now.
#[test]
fn a_layer_that_is_disabled_can_be_purged() {
    let database = switched();
    let server = serve(&database, "[layers.gone]\ntable = \"gone\"", "");
    assert_eq!(get(&server, "/gone/0/0/0").status, 503);
    let answer = server.purge(r#"{"layer": "gone"}"#);
    assert_eq!((answer.status, &answer.json()["tiles"]), (200, &0.into()));
}
