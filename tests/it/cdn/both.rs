//! Tesela's own memory and a cache in front of it.

use super::cache::Kind;
use super::purge::ban;
use super::stage::{Stage, label, tile, verdict};
use crate::support::eventually;

const MEMORY: &str = "
    [server]
    admin_listen = \"127.0.0.1:0\"
    public_url = \"https://tiles.example.com\"
    [cache]
    ttl = \"1h\"
";

/// Tiles are made again as soon as they are asked for; the old ones are there for errors.
const SHORT_MEMORY: &str = "
    [cache]
    ttl = \"1s\"
";

const SECONDS: &str = "public, max-age=0, s-maxage=10";

pub fn tesela_has_to_be_purged_before_the_cache() {
    let stage = Stage::start(Kind::Varnish, MEMORY);
    let path = tile("roads", 0);
    assert_eq!(label(&stage.get(&path)), "old");
    stage.switch("roads", "label = 'new'");
    assert_eq!(ban(&stage, &[("surrogate-key", "roads")]).status, 200);
    let again = stage.get(&path);
    assert_eq!((verdict(&again), label(&again).as_str()), ("MISS", "old"), "from Tesela's memory");

    assert_eq!(stage.tesela.purge("{\"layer\": \"roads\"}").status, 200);
    for expected in ["MISS", "HIT"] {
        assert_eq!(verdict(&stage.get("/roads")), expected);
    }
    assert_eq!(ban(&stage, &[("surrogate-key", "roads")]).status, 200);
    assert_eq!(verdict(&stage.get("/roads")), "MISS", "TileJSON, which has the version, as well");
    let new = stage.get(&path);
    assert_eq!((verdict(&new), label(&new).as_str()), ("MISS", "new"));
}

pub fn a_stale_answer_of_tesela_is_shared_for_seconds_only(kind: Kind) {
    let stage = Stage::start(kind, SHORT_MEMORY);
    let path = tile("mortal", 0);
    assert_eq!(label(&stage.tesela.get(&path)), "old");
    stage.let_database_live(false);
    eventually("Tesela's answer is stale", || {
        stage.tesela.get(&path).header("cache-control") == Some(SECONDS)
    });
    for expected in ["MISS", "HIT"] {
        let answer = stage.get(&path);
        assert_eq!((verdict(&answer), label(&answer).as_str()), (expected, "old"));
        assert_eq!(answer.header("cache-control"), Some(SECONDS));
    }
}

pub fn what_is_made_during_a_purge_is_shared_for_seconds_only(kind: Kind) {
    let stage = Stage::start(kind, MEMORY);
    let path = tile("cold", 0);
    let mut gate = stage.close_gate("cold");
    let answer = std::thread::scope(|scope| {
        let answer = scope.spawn(|| stage.get(&path));
        eventually("the query waits", || gate.waiting() > 0);
        assert_eq!(stage.tesela.purge("{\"layer\": \"cold\"}").status, 200);
        drop(gate);
        answer.join().unwrap()
    });
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some(SECONDS)));
}

/// Without trusted_proxies, Tesela goes by Host.
pub fn a_cache_that_is_not_trusted_passes_the_host_on(kind: Kind) {
    let stage = Stage::start(kind, "");
    super::fresh::tilejson_is_for_the_host_that_it_was_asked_from(&stage);
}
