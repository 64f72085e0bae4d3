//! Dropping tiles before their time.

use super::cache::Kind;
use super::stage::{NO_MEMORY, Stage, label, tile, verdict};
use crate::support::eventually;
use crate::support::server::{GZIP, Response, send};

pub fn ban(stage: &Stage, headers: &[(&str, &str)]) -> Response {
    send(&stage.cache.base, "BAN", "/", headers, "")
}

/// What the cache says of each path.
fn verdicts<P: AsRef<str>>(stage: &Stage, paths: &[P]) -> Vec<String> {
    paths.iter().map(|path| verdict(&stage.get(path.as_ref())).to_owned()).collect()
}

pub fn a_ban_drops_a_layer_and_its_tilesets_and_nothing_else(stage: &Stage) {
    let of_roads =
        [tile("roads", 0), tile("roads", 1), tile("basemap", 1), tile("rivers,roads", 0)];
    // A dot in a name stands for itself, and a name for all of itself.
    let others = ["roads_old", "old-roads", "a.roads", "aXroads", "rivers", "buildings"]
        .map(|layer| tile(layer, 0));
    verdicts(stage, &[&of_roads[..], &others].concat());
    assert_eq!(verdicts(stage, &of_roads), ["HIT"; 4]);

    stage.switch("roads", "label = 'new'");
    assert_eq!(ban(stage, &[("surrogate-key", "roads")]).status, 200);
    assert_eq!(verdicts(stage, &others), ["HIT"; 6]);
    assert_eq!(label(&stage.get(&of_roads[0])), "new");
    assert_eq!(verdicts(stage, &of_roads), ["HIT", "MISS", "MISS", "MISS"]);

    assert_eq!(ban(stage, &[("surrogate-key", "a.roads buildings")]).status, 200);
    assert_eq!(verdicts(stage, &others), ["HIT", "HIT", "MISS", "HIT", "HIT", "MISS"]);
}

pub fn only_purgers_may_ban_and_only_layers(stage: &Stage) {
    let path = tile("refreshed", 0);
    verdicts(stage, &[&path]);
    let forwarded = [("surrogate-key", "refreshed"), ("x-forwarded-for", "203.0.113.9")];
    assert_eq!(ban(stage, &forwarded).status, 403, "through a proxy on this machine");
    assert_eq!(stage.cache.status_for_stranger("BAN", "Surrogate-Key: refreshed"), 403);
    for key in [".*", "refreshed|rivers", "refreshed && req.url ~ .", "", " "] {
        assert_eq!(ban(stage, &[("surrogate-key", key)]).status, 400, "{key}");
    }
    assert_eq!(ban(stage, &[]).status, 400);
    assert_eq!(verdicts(stage, &[&path]), ["HIT"]);
    assert_eq!(ban(stage, &[("surrogate-key", "refreshed")]).status, 200);
    assert_eq!(verdicts(stage, &[&path]), ["MISS"]);
}

pub fn one_address_can_be_fetched_anew(stage: &Stage) {
    let path = tile("refreshed", 0);
    let refresh = [GZIP, ("x-refresh", "1")];
    assert_eq!(label(&stage.get(&path)), "old");
    stage.switch("refreshed", "label = 'new'");
    assert_eq!(label(&stage.get(&path)), "old");
    let fresh = stage.get_with(&path, &refresh);
    assert_eq!((verdict(&fresh), label(&fresh).as_str()), ("BYPASS", "new"));
    let kept = stage.get(&path);
    assert_eq!((verdict(&kept), label(&kept).as_str()), ("HIT", "new"));
    // Who isn't allowed gets what is there.
    assert_eq!(stage.seen(&path), [200, 200]);
    let get = format!("GET {path}");
    assert_eq!(stage.cache.status_for_stranger(&get, "Accept-Encoding: gzip\r\nX-Refresh: 1"), 200);
    assert_eq!(stage.seen(&path), [200, 200]);
}

pub fn emptying_the_folder_forgets_every_tile() {
    // Tiles of other tests are in the folder of the shared one.
    let stage = &Stage::start(Kind::Nginx, NO_MEMORY);
    let path = tile("refreshed", 1);
    assert_eq!(verdicts(stage, &[&path, &path]), ["MISS", "HIT"]);
    empty(&stage.cache.folder.join("tiles"));
    // nginx may have the file open for a moment.
    eventually("it is forgotten", || verdict(&stage.get(&path)) == "MISS");
    assert_eq!(verdicts(stage, &[&path]), ["HIT"]);
}

fn empty(folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        std::fs::remove_dir_all(entry.path()).unwrap();
    }
}
