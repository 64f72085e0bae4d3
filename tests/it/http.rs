//! The HTTP surface: statuses, headers, TileJSON, catalogue.

use crate::support::database::Database;
use crate::support::server::{GZIP, Response, Server};

/// A tile with many countries and cities: Europe.
const BUSY: &str = "4/8/5";

/// A tile in the middle of the Pacific.
const EMPTY: &str = "6/5/30";

fn world() -> (Database, Server) {
    let database = Database::with_world();
    let server = Server::publish(&database.url);
    (database, server)
}

fn configured_world(toml: &str) -> (Database, Server) {
    let database = Database::with_world();
    let publish = format!("[databases.main]\nurl = \"{}\"\npublish = {{}}\n", database.url);
    let server = Server::configured(&format!("{publish}{toml}"));
    (database, server)
}

#[test]
fn a_tile_is_made_once_and_then_comes_from_memory() {
    let (_database, server) = world();
    let path = format!("/countries/{BUSY}");
    let cold = server.request("GET", &path, &[GZIP]);
    assert_eq!(cold.status, 200);
    assert_eq!(cold.header("content-type"), Some("application/vnd.mapbox-vector-tile"));
    assert_eq!(cold.header("content-encoding"), Some("gzip"));
    assert_eq!(cold.header("cache-status"), Some("tesela; fwd=uri-miss; stored"));
    let stale = "stale-while-revalidate=3600, stale-if-error=86400";
    for (name, value) in [
        ("cache-control", format!("public, max-age=60, s-maxage=86400, {stale}")),
        ("cdn-cache-control", format!("public, max-age=86400, {stale}")),
        ("surrogate-control", format!("max-age=86400, {stale}")),
        ("surrogate-key", "countries".to_owned()),
        ("cache-tag", "countries".to_owned()),
    ] {
        assert_eq!(cold.header(name), Some(&*value), "{name}");
    }
    assert_eq!(cold.header("vary"), Some("Accept-Encoding"));
    let timing = cold.header("server-timing").unwrap();
    for part in ["queue;dur=", "db;dur=", "tile;dur=", "gzip;dur="] {
        assert!(timing.contains(part), "{timing}");
    }
    assert!(cold.header("etag").unwrap().ends_with("-gz\""));
    assert!(cold.header("last-modified").is_none() && cold.header("age").is_none());

    let warm = server.request("GET", &path, &[GZIP]);
    assert_eq!(warm.header("cache-status"), Some("tesela; hit"));
    assert!(warm.header("server-timing").is_none());
    assert_eq!((&warm.body, warm.header("etag")), (&cold.body, cold.header("etag")));
    assert_eq!(server.metric("tesela_cache_hits_total"), 1.0);
    assert_eq!(server.metric("tesela_cache_misses_total"), 1.0);
}

#[test]
fn every_spelling_of_a_tile_is_the_same_tile() {
    let (_database, server) = world();
    let plain = server.request("GET", &format!("/countries/{BUSY}"), &[GZIP]);
    for path in [
        format!("/countries/{BUSY}.pbf"),
        format!("/countries/{BUSY}.mvt"),
        format!("/countries/{BUSY}?token=1&x=y"),
        format!("/public.countries/{BUSY}"),
    ] {
        let other = server.request("GET", &path, &[GZIP]);
        assert_eq!(other.header("cache-status"), Some("tesela; hit"), "{path}");
        assert_eq!(other.body, plain.body, "{path}");
    }
}

#[test]
fn clients_without_gzip_get_the_same_tile_under_another_tag() {
    let (_database, server) = world();
    let path = format!("/countries/{BUSY}");
    let gzip = server.request("GET", &path, &[GZIP]);
    for headers in [&[][..], &[("accept-encoding", "br")], &[("accept-encoding", "gzip;q=0")]] {
        let plain = server.request("GET", &path, headers);
        assert_eq!(plain.status, 200);
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.body, gzip.mvt());
        assert!(plain.header("etag").unwrap().ends_with("-id\""));
        assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
    }
}

#[test]
fn a_client_that_has_the_tile_gets_304_without_a_body() {
    let (_database, server) = world();
    let path = format!("/countries/{BUSY}");
    let first = server.request("GET", &path, &[GZIP]);
    let etag = first.header("etag").unwrap();
    let weak = format!("\"other\", W/{etag}");
    for tag in [etag, &weak, "*"] {
        let again = server.request("GET", &path, &[GZIP, ("if-none-match", tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{tag}");
        for name in [
            "etag",
            "cache-control",
            "cdn-cache-control",
            "surrogate-control",
            "surrogate-key",
            "cache-tag",
            "vary",
            "access-control-allow-origin",
        ] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        assert_eq!(again.header("content-type"), None);
    }
    // The tag of another encoding is another representation's.
    let identity = server.request("GET", &path, &[("if-none-match", etag)]);
    assert_eq!(identity.status, 200);
}

#[test]
fn head_answers_like_get_without_the_body() {
    let (_database, server) = world();
    let path = format!("/countries/{BUSY}");
    let head = server.request("HEAD", &path, &[GZIP]);
    assert_eq!(head.header("cache-status"), Some("tesela; fwd=uri-miss; stored"), "made now");
    let get = server.request("GET", &path, &[GZIP]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["etag", "content-type", "content-encoding", "content-length", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()));
}

#[test]
fn an_empty_tile_is_204_and_kept() {
    let (_database, server) = world();
    for origin in ["tesela; fwd=uri-miss; stored", "tesela; hit"] {
        let empty = server.request("GET", &format!("/cities/{EMPTY}"), &[GZIP]);
        assert_eq!((empty.status, empty.body.len()), (204, 0));
        for name in ["content-type", "content-encoding", "content-length"] {
            assert_eq!(empty.header(name), None, "{name}");
        }
        assert_eq!(empty.header("cache-status"), Some(origin));
        assert!(empty.header("etag").is_some());
    }
}

#[test]
fn an_empty_tile_can_be_200_for_a_cdn_that_needs_it() {
    let (_database, server) = configured_world("[cache]\nempty_tile = 200\n");
    let empty = server.request("GET", &format!("/cities/{EMPTY}"), &[GZIP]);
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    assert_eq!(empty.header("content-type"), Some("application/vnd.mapbox-vector-tile"));
    assert_eq!(empty.header("content-encoding"), None);
}

#[test]
fn wrong_requests_are_answered_with_problem_details() {
    let (_database, server) = world();
    let too_many = vec!["countries"; 17].join(",") + "/0/0/0";
    for (path, status) in [
        ("/countries/01/0/0", 400),
        ("/countries/1/-1/0", 400),
        ("/countries/1/0/0.png", 400),
        ("/countries/1/0/x", 400),
        ("/countries/1/0/%00", 400),
        ("/countries/0/0/1", 404),
        ("/countries/1/2/0", 404),
        ("/countries/99/0/0", 404),
        ("/countries/23/0/0", 404),
        ("/countries/1/99999999999999999999/0", 404),
        ("/nothing/0/0/0", 404),
        ("/nothing", 404),
        ("/countries,nothing/0/0/0", 404),
        ("/,/0/0/0", 404),
        ("/a/b/c/d/e", 404),
        ("/countries/0/0", 404),
        (&format!("/{too_many}"), 400),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_problem(&answer);
    }
}

fn assert_problem(answer: &Response) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    for name in ["etag", "cache-status", "surrogate-key", "cache-tag", "surrogate-control"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status);
    assert!(problem["title"].is_string() && problem["detail"].is_string());
}

#[test]
fn other_methods_are_refused_and_told_which_there_are() {
    let (_database, server) = world();
    for path in ["/countries/0/0/0", "/countries", "/catalog", "/health/live", "/metrics"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = server.request(method, path, &[]);
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
            assert_problem(&answer);
        }
        let options = server.request("OPTIONS", path, &[]);
        assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    }
}

#[test]
fn a_missing_tile_says_what_is_missing() {
    let (_database, server) = world();
    let detail = |path: &str| server.get(path).json()["detail"].as_str().unwrap().to_owned();
    assert!(detail("/cities/1/2/0").contains("x and y go from 0 to 2^z - 1"));
    assert!(detail("/cities/23/0/0").contains("no tiles at zoom 23"));
    let long = "x".repeat(5000);
    assert!(detail(&format!("/{long}/0/0/0")).len() < 300, "a name is repeated in part only");
}

#[test]
fn a_tile_that_is_not_kept_does_not_say_that_it_is() {
    let (_database, server) = configured_world("[cache]\nmemory = 0\n");
    for _ in 0..2 {
        let answer = server.get("/cities/0/0/0");
        assert_eq!(answer.header("cache-status"), Some("tesela; fwd=uri-miss"));
    }
    assert_eq!(server.metric("tesela_cache_too_large_total"), 0.0);
}

#[test]
fn pages_of_any_origin_may_read_answers() {
    let (_database, server) = world();
    for path in ["/countries/0/0/0", "/countries", "/catalog", "/nope", "/health/ready"] {
        for headers in [&[][..], &[("origin", "https://app.example")]] {
            let answer = server.request("GET", path, headers);
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{path}");
            let exposed = answer.header("access-control-expose-headers").unwrap();
            assert_eq!(exposed, "ETag, Cache-Status, Server-Timing, Tesela-Truncated");
        }
    }
    let preflight = server.request(
        "OPTIONS",
        "/countries/0/0/0",
        &[("origin", "https://app.example"), ("access-control-request-method", "GET")],
    );
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-max-age"), Some("86400"));
}

#[test]
fn listed_origins_only_when_there_is_a_list() {
    let (_database, server) =
        configured_world("[server]\ncors_origins = [\"https://a.example\"]\n");
    let allowed = server.request("GET", "/catalog", &[("origin", "https://a.example")]);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://a.example"));
    let other = server.request("GET", "/catalog", &[("origin", "https://b.example")]);
    assert_eq!(other.header("access-control-allow-origin"), None);
    assert_eq!(other.header("vary"), Some("Accept-Encoding, Origin"));
}

#[test]
fn tilejson_tells_clients_what_they_need() {
    let (_database, server) = world();
    for path in ["/countries", "/countries.json"] {
        let answer = server.get(path);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        let json = answer.json();
        assert_eq!(json["tilejson"], "3.0.0");
        let url = json["tiles"][0].as_str().unwrap();
        let (url, version) = url.split_once("?v=").unwrap();
        assert_eq!(url, format!("{}/countries/{{z}}/{{x}}/{{y}}", server.base));
        assert!(version.len() == 16 && version.bytes().all(|b| b.is_ascii_hexdigit()), "{version}");
        assert_eq!((&json["minzoom"], &json["maxzoom"]), (&0.into(), &22.into()));
        assert_eq!(json["vector_layers"][0]["id"], "countries");
        assert_eq!(json["vector_layers"][0]["fields"]["name"], "String");
        assert!(json["vector_layers"][0]["fields"].get("id").is_none(), "the id is no property");
        let bounds: Vec<f64> = serde_json::from_value(json["bounds"].clone()).unwrap();
        assert!(bounds[0] <= -179.0 && bounds[2] >= 179.0, "{bounds:?}");
    }
}

#[test]
fn tilejson_uses_the_public_url_and_may_then_be_cached() {
    let (_database, server) =
        configured_world("[server]\npublic_url = \"https://t.example/maps\"\n");
    let answer = server.request("GET", "/cities", &[("host", "other.example")]);
    let json = answer.json();
    let url = json["tiles"][0].as_str().unwrap();
    assert!(url.starts_with("https://t.example/maps/cities/{z}/{x}/{y}?v="), "{url}");
    assert_eq!(answer.header("surrogate-key"), Some("cities"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
}

#[test]
fn the_catalogue_lists_everything_published() {
    let (_database, server) = world();
    let json = server.get("/catalog").json();
    let tiles = json["tiles"].as_object().unwrap();
    assert_eq!(tiles.keys().collect::<Vec<_>>(), ["cities", "countries", "countries_10m"]);
    assert_eq!(tiles["cities"]["layers"][0], "cities");
    assert_eq!(tiles["cities"]["maxzoom"], 22);
}

#[test]
fn a_composite_is_its_members_in_one_order_however_it_is_asked_for() {
    let (_database, server) = world();
    let path = |names: &str| format!("/{names}/{BUSY}");
    let first = server.request("GET", &path("countries,cities"), &[GZIP]);
    let names: Vec<_> =
        server.tile(&path("countries,cities")).into_iter().map(|layer| layer.name).collect();
    assert_eq!(names, ["cities", "countries"]);
    for other in ["cities,countries", "cities%2Ccountries", "cities,countries,cities"] {
        let answer = server.request("GET", &path(other), &[GZIP]);
        assert_eq!(answer.header("cache-status"), Some("tesela; hit"), "{other}");
        assert_eq!(answer.body, first.body, "{other}");
    }
    let members = ["cities", "countries"]
        .map(|name| server.request("GET", &path(name), &[GZIP]).mvt())
        .concat();
    assert_eq!(first.mvt(), members, "the concatenation of its members");
}

#[test]
fn members_outside_their_zooms_are_left_out() {
    let toml = "[layers.low]\ntable = \"countries\"\nmax_zoom = 3\n\
                [layers.high]\ntable = \"cities\"\nmin_zoom = 4\n\
                [tilesets.both]\nlayers = [\"low\", \"high\"]\n";
    let (_database, server) = configured_world(toml);
    let names = |path: &str| server.tile(path).into_iter().map(|l| l.name).collect::<Vec<_>>();
    assert_eq!(names("/both/3/4/2"), ["low"]);
    assert_eq!(names(&format!("/both/{BUSY}")), ["high"]);
    assert_eq!(names(&format!("/low,high/{BUSY}")), ["high"]);
    assert_eq!(server.get(&format!("/low/{BUSY}")).status, 404);
    let json = server.get("/both").json();
    assert_eq!((&json["minzoom"], &json["maxzoom"]), (&0.into(), &22.into()));
    assert_eq!(json["vector_layers"][0]["maxzoom"], 3);
}

#[test]
fn metrics_count_what_happened() {
    let (database, server) = world();
    server.request("GET", "/cities/0/0/0", &[GZIP]);
    server.request("GET", "/cities/0/0/0", &[GZIP]);
    server.get("/nothing/0/0/0");
    server.get("/cities/x/0/0");
    let requests = |outcome: &str| {
        server.metric(&format!("tesela_tile_request_seconds_count{{outcome=\"{outcome}\"}}"))
    };
    assert_eq!(["hit", "miss", "not_found", "bad_request"].map(requests), [1.0; 4]);
    assert_eq!(server.metric("tesela_layer_tiles_total{layer=\"cities\"}"), 1.0);
    let features = server.tile("/cities/0/0/0")[0].features.len();
    assert_eq!(server.metric("tesela_layer_features_total{layer=\"cities\"}"), features as f64);
    assert_eq!(server.metric("tesela_cache_entries"), 1.0);
    assert!(server.metric("tesela_cache_bytes") > 1000.0);
    assert_eq!(server.metric("tesela_database_query_seconds_count"), 1.0);
    let pool = format!("tesela_pool_connections{{database=\"{}\"}}", database.name);
    assert!(server.metric(&pool) >= 1.0);
    let text = server.get("/metrics");
    assert!(text.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for secret in ["nothing", "0/0/0", "postgres://"] {
        assert!(!text.text().contains(secret), "{secret} became a label");
    }
}

#[test]
fn health_says_that_all_is_well() {
    let (database, server) = world();
    assert_eq!(server.get("/health/live").status, 200);
    let ready = server.get("/health/ready");
    assert_eq!(ready.status, 200);
    let json = ready.json();
    assert_eq!(json["ready"], true);
    assert_eq!(json["databases"][0]["name"], database.name);
    assert_eq!(json["databases"][0]["reachable"], true);
}
