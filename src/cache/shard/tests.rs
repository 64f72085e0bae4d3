use std::time::{Duration, Instant};

use super::*;
use crate::cache::{Generations, Member};
use crate::tile::{Encoding, TileCoord};

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new().unwrap())
}

fn coord(n: u32) -> TileCoord {
    TileCoord::new(24, n, 0).unwrap()
}

fn key(n: u32) -> Key {
    Key::new(7, coord(n), false)
}

fn tile(bytes: usize) -> CachedTile {
    CachedTile::new(b"\"x-gz\"", b"", &vec![1; bytes])
}

fn member(layer: u128) -> Member {
    Member { layer, margin: 0.0, zooms: [0, 24] }
}

fn stamp() -> Stamp {
    Stamp::now(&Generations::default().members([member(1)]))
}

const MINUTE: Duration = Duration::from_secs(60);

fn insert(cache: &TileCache, key: Key, bytes: usize) -> Kept {
    cache.insert(key, tile(bytes), MINUTE, &stamp())
}

fn has(cache: &TileCache, key: Key) -> bool {
    cache.get(&key, Instant::now()).is_some()
}

#[test]
fn a_tile_is_fresh_for_its_time_or_a_tenth_less_and_then_stale() {
    let cache = TileCache::new(1_000_000, metrics());
    let before = Instant::now();
    insert(&cache, key(1), 10);
    let found = cache.get(&key(1), Instant::now()).unwrap();
    assert_eq!(found.tile, tile(10));
    let Age::Fresh(left) = found.age else { panic!("{:?}", found.age) };
    assert!(left > MINUTE.mul_f64(0.85) && left <= MINUTE, "{left:?}");
    let later = cache.get(&key(1), before + 2 * MINUTE).unwrap();
    let Age::Stale(over) = later.age else { panic!("{:?}", later.age) };
    assert!(over <= MINUTE.mul_f64(1.1) && over > MINUTE.mul_f64(0.9), "{over:?}");
    assert!(cache.get(&key(2), Instant::now()).is_none());
}

#[test]
fn tiles_made_together_do_not_expire_together() {
    let cache = TileCache::new(10_000_000, metrics());
    let now = Instant::now();
    let left = |n| match (insert(&cache, key(n), 10), cache.get(&key(n), now).unwrap().age) {
        (Kept::Yes, Age::Fresh(left)) => left,
        other => panic!("{other:?}"),
    };
    let (mut least, mut most) = (MINUTE, Duration::ZERO);
    for left in (0..200).map(left) {
        (least, most) = (least.min(left), most.max(left));
    }
    assert!(most - least > Duration::from_secs(5), "between {least:?} and {most:?}");
}

#[test]
fn the_longest_time_there_is_does_not_overflow() {
    let cache = TileCache::new(1_000_000, metrics());
    cache.insert(key(1), tile(10), Duration::MAX, &stamp());
    assert!(matches!(cache.get(&key(1), Instant::now()).unwrap().age, Age::Fresh(_)));
    assert_eq!(cache.insert(key(2), tile(10), Duration::ZERO, &stamp()), Kept::No);
}

#[test]
fn the_budget_counts_keys_and_bookkeeping() {
    let metrics = metrics();
    let cache = TileCache::new(100_000, metrics.clone());
    (0..10_000).for_each(|n| _ = insert(&cache, key(n), 1));
    let bytes = metrics.cache_bytes.get();
    assert!((90_000..=100_000).contains(&bytes), "{bytes} bytes held");
    assert!(metrics.cache_entries.get() < 1_000);
    assert!(metrics.cache_evictions.get() > 9_000);
}

#[test]
fn empty_tiles_and_composites_take_a_fifth_and_push_no_other_tile_out() {
    let metrics = metrics();
    let cache = TileCache::new(1_000_000, metrics.clone());
    (0..70).for_each(|n| _ = insert(&cache, key(n), 10_000));
    let real = metrics.cache_bytes.get();
    assert_eq!(metrics.cache_evictions.get(), 0);
    for n in 1_000..11_000 {
        insert(&cache, key(n), 0);
        insert(&cache, Key::new(u128::from(n), coord(n), true), 1_000);
    }
    let confined = metrics.cache_bytes.get() - real;
    assert!((190_000..=200_000).contains(&confined), "{confined} bytes");
    assert!((0..70).all(|n| has(&cache, key(n))));
    assert!(has(&cache, key(10_999)), "the last empty tile is there");
}

#[test]
fn in_a_full_cache_real_tiles_keep_four_fifths_whatever_is_made_up() {
    let metrics = metrics();
    let cache = TileCache::new(1_000_000, metrics.clone());
    (0..1_000).for_each(|n| _ = insert(&cache, key(n), 10_000));
    let full = metrics.cache_bytes.get();
    assert!(full > 980_000, "without any of them there is room for more: {full}");
    let held = || (0..1_000).filter(|n| has(&cache, key(*n))).count();
    let before = held();
    for n in 1_000..6_000 {
        insert(&cache, key(n), 0);
        insert(&cache, Key::new(u128::from(n), coord(n), true), 1_000);
    }
    let after = held();
    assert!(after >= before * 4 / 5 && after < before, "{after} of {before}");
    assert!(has(&cache, key(5_999)) && has(&cache, key(999)));
    assert!(metrics.cache_bytes.get() <= 1_000_000);
}

#[test]
fn a_tile_that_becomes_empty_or_full_is_there_once() {
    let metrics = metrics();
    let cache = TileCache::new(1_000_000, metrics.clone());
    for bytes in [0, 500, 0, 700] {
        insert(&cache, key(1), bytes);
        assert_eq!(cache.get(&key(1), Instant::now()).unwrap().tile, tile(bytes));
        assert_eq!(metrics.cache_entries.get(), 1);
    }
}

#[test]
fn the_least_recently_used_tile_goes_first() {
    let cache = TileCache::new(4_000, metrics());
    insert(&cache, key(1), 1_200);
    insert(&cache, key(2), 1_200);
    assert!(has(&cache, key(1)));
    insert(&cache, key(3), 1_200);
    assert!(has(&cache, key(1)));
    assert!(!has(&cache, key(2)));
}

#[test]
fn a_tile_larger_than_a_shard_is_counted_and_pushes_nothing_out() {
    let metrics = metrics();
    let cache = TileCache::new(4_000, metrics.clone());
    insert(&cache, key(1), 100);
    assert_eq!(insert(&cache, key(2), 5_000), Kept::No);
    assert!(has(&cache, key(1)) && !has(&cache, key(2)));
    assert_eq!(metrics.cache_too_large.get(), 1);
    assert_eq!(insert(&cache, key(1), 5_000), Kept::No);
    assert!(!has(&cache, key(1)), "what it replaces is gone");
    assert_eq!((metrics.cache_bytes.get(), metrics.cache_entries.get()), (0, 0));
}

#[test]
fn replacing_a_tile_frees_the_old_one() {
    let metrics = metrics();
    let cache = TileCache::new(1_000_000, metrics.clone());
    insert(&cache, key(1), 1_000 - 6);
    let before = metrics.cache_bytes.get();
    insert(&cache, key(1), 2_000 - 6);
    let grown = allocated(2_000) - allocated(1_000);
    assert_eq!(metrics.cache_bytes.get(), before + grown as i64);
    assert_eq!(metrics.cache_entries.get(), 1);
}

#[test]
fn a_tile_read_before_a_purge_is_not_kept_after_it() {
    let metrics = metrics();
    let cache = TileCache::new(1_000_000, metrics.clone());
    let generations = Generations::default();
    let members = generations.members([1, 2].map(member));
    let before = Stamp::now(&members);
    generations.of(2).advance();
    assert_eq!(cache.insert(key(1), tile(10), MINUTE, &before), Kept::Outdated);
    assert!(!has(&cache, key(1)));
    assert_eq!(metrics.cache_outdated.get(), 1);
    assert_eq!(cache.insert(key(1), tile(10), MINUTE, &Stamp::now(&members)), Kept::Yes);
    assert!(has(&cache, key(1)));
}

#[test]
fn a_sweep_drops_what_it_covers_in_every_encoding_and_says_how_much() {
    let metrics = metrics();
    let cache = TileCache::new(100_000_000, metrics.clone());
    let generations = Generations::default();
    let (roads, both) = (generations.members([member(1)]), generations.members([1, 2].map(member)));
    let pois = generations.members([member(2)]);
    for n in 0..100 {
        for (tileset, members) in [(1, &roads), (2, &pois), (3, &both)] {
            let key = Key::new(tileset, coord(n), tileset == 3);
            let stamp = Stamp::now(members);
            cache.insert(key, tile(100), MINUTE, &stamp);
            cache.insert(key.encoded(Encoding::Brotli), tile(50), MINUTE, &stamp);
        }
    }
    let before = metrics.cache_bytes.get();
    let swept = cache.sweep(|key, members| members.contains(1) && key.tile().x() < 10);
    assert_eq!(swept.tiles, 40);
    assert_eq!(metrics.cache_bytes.get(), before - i64::try_from(swept.bytes).unwrap());
    assert_eq!(metrics.cache_purged.get(), 40);
    for n in 0..100 {
        assert_eq!(has(&cache, Key::new(1, coord(n), false)), n >= 10);
        assert_eq!(has(&cache, Key::new(3, coord(n), true).encoded(Encoding::Brotli)), n >= 10);
        assert!(has(&cache, Key::new(2, coord(n), false)));
    }
}

#[test]
fn a_list_node_fills_its_allocation() {
    assert_eq!(NODE, 112);
}

#[test]
fn blobs_are_counted_with_what_the_allocator_adds() {
    let sizes = [0, 1, 16, 41, 1_000, 1_024, 1_025, 70_000, 3_000_000];
    let blocks = [16, 16, 16, 48, 1_024, 1_024, 1_285, 87_381, 3_145_728];
    assert_eq!(sizes.map(allocated), blocks.map(|block| block + block / 20));
}

#[test]
fn no_memory_means_nothing_is_kept() {
    let cache = TileCache::new(0, metrics());
    assert_eq!(insert(&cache, key(1), 0), Kept::No);
    assert!(!has(&cache, key(1)));
    // That it was purged meanwhile counts all the same.
    let generations = Generations::default();
    let before = Stamp::now(&generations.members([member(1)]));
    generations.of(1).advance();
    assert_eq!(cache.insert(key(1), tile(10), MINUTE, &before), Kept::Outdated);
}
