//! Versions in tile URLs.

use super::{WORLD, features, get, halve, serve, status, switched};
use crate::support::eventually;
use crate::support::server::Server;

const FOREVER: &str = "public, max-age=31536000, immutable";

fn version(server: &Server, tileset: &str) -> String {
    let json = server.get(&format!("/{tileset}")).json();
    let url = json["tiles"][0].as_str().unwrap();
    url.split_once("?v=").unwrap().1.to_owned()
}

fn control(server: &Server, path: &str) -> String {
    let answer = get(server, path);
    assert_eq!(answer.status, 200, "{path}");
    answer.header("cache-control").unwrap().to_owned()
}

#[test]
fn a_url_with_the_version_of_versioned_data_never_changes() {
    let database = switched();
    let server = serve(&database, "", "data_version = \"7\"");
    let v = version(&server, "switched");
    assert_eq!(control(&server, &format!("/switched/{WORLD}?v={v}")), FOREVER);
    assert_eq!(control(&server, &format!("/switched/{WORLD}?a=b&v={v}")), FOREVER);
    // The same tile, whatever is asked for with it.
    assert_eq!(server.metric("tesela_cache_entries"), 1.0);
    for other in ["", "?v=", &format!("?V={v}"), &format!("?w={v}")] {
        let control = control(&server, &format!("/switched/{WORLD}{other}"));
        assert!(control.starts_with("public, max-age=60, s-maxage=86400, "), "{other}: {control}");
    }
}

/// It is one that is over, or one that another server knows already: a shared cache that kept this
/// server's tile under it would show old rows under the new version.
#[test]
fn another_version_gets_the_data_of_now_and_is_kept_for_seconds() {
    let database = switched();
    let server = serve(&database, "", "data_version = \"7\"");
    let now = get(&server, &format!("/switched/{WORLD}"));
    for other in ["0123456789abcdef", "7", "%00", "'"] {
        let path = format!("/switched/{WORLD}?v={other}");
        assert_eq!(control(&server, &path), "public, max-age=0, s-maxage=10", "{other}");
        assert_eq!(get(&server, &path).body, now.body);
    }
    assert_eq!(server.metric("tesela_cache_entries"), 1.0);
}

#[test]
fn without_a_data_version_nothing_is_immutable() {
    let database = switched();
    let server = serve(
        &database,
        "[tilesets.both]\nlayers = [\"switched\", \"countries\"]",
        "data_version = \"7\"",
    );
    for tileset in ["countries", "both"] {
        let v = version(&server, tileset);
        let control = control(&server, &format!("/{tileset}/{WORLD}?v={v}"));
        assert!(control.starts_with("public, max-age=60,"), "{tileset}: {control}");
    }
}

#[test]
fn versions_are_those_of_the_definition_and_the_data_on_every_server() {
    let database = switched();
    let versions = |layer: &str| version(&serve(&database, "", layer), "switched");
    let first = versions("data_version = \"7\"");
    assert_eq!(first, versions("data_version = \"7\""));
    let others = ["", "data_version = \"8\"", "data_version = \"7\"\nextent = 512"].map(versions);
    for (i, other) in others.iter().enumerate() {
        assert!(*other != first && !others[..i].contains(other), "{others:?}");
    }
}

#[test]
fn a_stale_tile_is_never_immutable() {
    let database = switched();
    let server = serve(&database, "", "data_version = \"7\"\nttl = \"1ms\"");
    let path = format!("/switched/{WORLD}?v={}", version(&server, "switched"));
    get(&server, &path);
    database.execute("UPDATE switch SET seconds = 1");
    eventually("its time is over", || status(&get(&server, &path)).contains("ttl=-"));
    assert_eq!(control(&server, &path), "public, max-age=0, s-maxage=10");
}

#[test]
fn a_version_that_the_database_tells_changes_urls_and_drops_old_tiles() {
    let database = switched();
    database.execute("CREATE TABLE imports (at timestamptz); INSERT INTO imports VALUES (now())");
    let cache = "[cache]\nversion_interval = \"200ms\"";
    let server = serve(&database, cache, "version_sql = \"SELECT max(at) FROM imports\"");
    let old = version(&server, "switched");
    let path = format!("/switched/{WORLD}?v={old}");
    assert_eq!(control(&server, &path), FOREVER);
    let left = halve(&database);
    database.execute("INSERT INTO imports VALUES (now() + '1 s')");
    eventually("there is a new version", || version(&server, "switched") != old);
    let answer = get(&server, &path);
    assert_eq!(features(&answer), left, "who has the old URL gets the new data");
    assert_eq!(answer.header("cache-control"), Some("public, max-age=0, s-maxage=10"));
    let new = version(&server, "switched");
    assert_eq!(control(&server, &format!("/switched/{WORLD}?v={new}")), FOREVER);
    // A version that can't be told is the last one that could.
    database.execute("DROP TABLE imports");
    eventually("the log says so", || server.log().contains("version_sql"));
    assert_eq!(version(&server, "switched"), new);
}
