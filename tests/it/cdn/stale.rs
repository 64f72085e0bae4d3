//! Tiles past their time, with Tesela there to make new ones.

use super::cache::Kind;
use super::stage::{NO_MEMORY, Stage, count, is_stale, label, tile, verdict};
use crate::support::eventually;

pub fn an_expired_tile_is_served_at_once_while_one_request_renews_it(stage: &Stage) {
    let path = tile("renewed", 0);
    assert_eq!(label(&stage.get(&path)), "old");
    let mut gate = stage.close_gate("renewed");
    stage.switch("renewed", "label = 'new'");
    eventually("its time is over", || is_stale(&stage.get(&path)));
    // Nobody gets a new tile while the gate is closed: whoever is answered, is answered at once.
    for _ in 0..20 {
        let answer = stage.get(&path);
        assert_eq!((label(&answer).as_str(), is_stale(&answer)), ("old", true));
    }
    eventually("its query waits", || gate.waiting() > 0);
    assert_eq!(stage.seen(&path), [200], "it isn't answered yet");
    drop(gate);
    // Without another request, since that might find the new tile expired as well.
    eventually("it is answered", || stage.seen_so_far(&path).len() > 1);
    assert_eq!(stage.seen(&path), [200, 200], "asked for once");
    eventually("the new tile is served", || label(&stage.get(&path)) == "new");
}

pub fn an_expired_tile_is_not_served_while_tesela_can_make_a_new_one(stage: &Stage) {
    let path = tile("awaited", 0);
    assert_eq!(verdict(&stage.get(&path)), "MISS");
    stage.switch("awaited", "label = 'new'");
    eventually("its time is over", || {
        // The header is Varnish's own, and not for clients to set.
        let answer = stage.get_with(&path, &[("accept-encoding", "gzip"), ("x-stale", "serve")]);
        assert!(!is_stale(&answer), "{answer:?}");
        let is_hit = verdict(&answer) == "HIT";
        assert_eq!(label(&answer), if is_hit { "old" } else { "new" });
        !is_hit
    });
}

pub fn a_tile_that_did_not_change_is_renewed_without_its_bytes(stage: &Stage) {
    let path = tile("unchanged", 0);
    let first = stage.get(&path);
    eventually("it is renewed twice", || {
        let again = stage.get(&path);
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(again.header("etag"), first.header("etag"));
        count(&stage.seen_so_far(&path), 304) >= 2
    });
    assert_eq!(count(&stage.seen(&path), 200), 1);
    stage.switch("unchanged", "label = 'new'");
    eventually("it is made again", || label(&stage.get(&path)) == "new");
    assert_eq!(count(&stage.seen(&path), 200), 2);
}

/// Tesela makes the tile once for all of them.
pub fn clients_of_an_expired_tile_do_not_wait_for_one_another(kind: Kind) {
    let stage = Stage::start(kind, NO_MEMORY);
    let path = tile("awaited", 0);
    assert_eq!(verdict(&stage.get(&path)), "MISS");
    let mut gate = stage.close_gate("awaited");
    std::thread::scope(|scope| {
        let ask = || scope.spawn(|| assert_eq!(label(&stage.get(&path)), "old"));
        eventually("its time is over", || {
            ask();
            gate.waiting() > 0
        });
        ask();
        eventually("another client is at Tesela", || stage.collapsed() > 0.0);
        assert_eq!(gate.waiting(), 1);
        drop(gate);
    });
}
