//! Tesela can't make a tile.

use super::cache::Kind;
use super::stage::{NO_MEMORY, Stage, count, is_stale, label, tile};
use crate::support::eventually;
use crate::support::server::Response;

pub fn an_error_is_not_kept(stage: &Stage) {
    let path = tile("broken", 0);
    stage.switch("broken", "works = 0");
    for requests in 1..=3 {
        let answer = stage.get(&path);
        assert_eq!(answer.status, 500);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(stage.seen(&path), vec![500; requests]);
    }
    stage.switch("broken", "works = 1");
    assert_eq!(label(&stage.get(&path)), "old");
    assert_eq!(label(&stage.get(&path)), "old");
    assert_eq!(stage.seen(&path), [500, 500, 500, 200], "the tile is kept");
}

pub fn an_error_does_not_replace_a_tile(stage: &Stage) {
    outlives_a_broken_query(stage, "awaited_in_vain");
}

pub fn a_client_that_gets_an_old_tile_for_an_error_is_one_request(stage: &Stage) {
    let path = tile("failing", 0);
    assert_eq!(label(&stage.get(&path)), "old");
    stage.switch("failing", "works = 0");
    eventually("its time is over", || is_stale(&stage.get(&path)));
    let before = stage.seen(&path).len();
    for _ in 0..5 {
        assert!(is_stale(&stage.get(&path)));
    }
    assert_eq!(stage.seen(&path).len(), before + 5);
}

/// nginx lets them try in turn, for five seconds.
pub fn clients_of_a_tile_that_cannot_be_made_do_not_wait_for_one_another() {
    let stage = Stage::start(Kind::Varnish, NO_MEMORY);
    let path = tile("broken", 0);
    stage.switch("broken", "works = 0");
    let mut gate = stage.close_gate("broken");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(stage.get(&path).status, 500));
        }
        eventually("all wait for one query", || stage.cache.clients() >= 3 && gate.waiting() == 1);
        gate.let_one_through();
        eventually("the others are both at Tesela", || stage.collapsed() > 0.0);
        drop(gate);
    });
}

pub fn an_error_behind_the_clients_back_does_not_replace_a_tile(stage: &Stage) {
    outlives_a_broken_query(stage, "renewed_in_vain");
}

fn outlives_a_broken_query(stage: &Stage, layer: &str) {
    let path = tile(layer, 0);
    let first = stage.get(&path);
    stage.switch(layer, "works = 0");
    eventually("Tesela has failed three times", || {
        assert_same(&stage.get(&path), &first);
        count(&stage.seen_so_far(&path), 500) >= 3
    });
    let stale = stage.get(&path);
    assert!(is_stale(&stale), "{stale:?}");
    stage.switch(layer, "works = 1, label = 'mended'");
    eventually("the new tile is served", || label(&stage.get(&path)) == "mended");
}

pub fn tiles_outlive_the_database(stage: &Stage) {
    let path = tile("mortal", 0);
    let first = stage.get(&path);
    assert_eq!(label(&first), "old");
    stage.let_database_live(false);
    eventually("Tesela has failed twice", || {
        assert_same(&stage.get(&path), &first);
        count(&stage.seen_so_far(&path), 503) >= 2
    });
    let cold = stage.get(&tile("mortal", 1));
    assert_eq!((cold.status, cold.header("retry-after")), (503, Some("5")));
    stage.let_database_live(true);
    stage.switch("mortal", "label = 'new'");
    eventually("the new tile is served", || label(&stage.get(&path)) == "new");
    eventually("cold tiles are back", || stage.get(&tile("mortal", 1)).status == 200);
}

pub fn tiles_outlive_tesela(kind: Kind) {
    // Other tests need the shared one's.
    let stage = Stage::start(kind, NO_MEMORY);
    let kept = ["renewed", "awaited"].map(|layer| tile(layer, 0));
    let first = kept.each_ref().map(|path| stage.get(path));
    let too_old = tile("too_old", 0);
    assert_eq!(label(&stage.get(&too_old)), "old");
    stage.tesela.signal("-KILL");
    eventually("what may not be stale is gone", || stage.get(&too_old).status >= 500);
    for (path, first) in kept.iter().zip(&first) {
        eventually("the old tile is served", || is_stale(&stage.get(path)));
        for _ in 0..3 {
            assert_same(&stage.get(path), first);
        }
    }
}

fn assert_same(answer: &Response, first: &Response) {
    assert_eq!((answer.status, &answer.body), (200, &first.body), "{:?}", answer.headers);
}

/// nginx goes on serving it, see `docs/cdn/nginx.conf`.
pub fn an_error_is_shown_when_the_tile_is_too_old_for_it(stage: &Stage) {
    let path = tile("too_old", 0);
    assert_eq!(stage.get(&path).status, 200);
    stage.switch("too_old", "works = 0");
    eventually("the error is shown", || stage.get(&path).status == 500);
    stage.switch("too_old", "works = 1");
    assert_eq!(stage.get(&path).status, 200);
}
