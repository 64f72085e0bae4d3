//! What is asked for.

use std::path::{Path, PathBuf};

use super::data;
use super::process::{self, Answer, Process};
use super::random::Random;

/// Tiles of the mix, and requests until it begins again.
const MIX: usize = 10_000;
const REQUESTS: usize = 200_000;

/// Bytes of the small tile and of the large one.
const SMALL: usize = 7_000;
const LARGE: usize = 70_000;

/// Candidates for each layer and zoom.
const CANDIDATES: usize = 12;

/// A tile that is asked for over and over.
pub struct Case {
    pub name: &'static str,
    pub path: String,
}

/// The tileset of a path.
pub fn tileset(path: &str) -> &str {
    path.split('/').nth(1).expect("a tileset")
}

/// The tiles nearest to the wanted sizes.
pub fn cases(tesela: &Process) -> Vec<Case> {
    let agent = process::agent();
    let near = |name, tilesets: &[&str], bytes: usize| {
        let candidates = tilesets.iter().flat_map(|tileset| {
            let tiles =
                (6..15).flat_map(|z| data::tiles(z, 40).into_iter().skip(7).take(CANDIDATES));
            tiles.map(move |(z, x, y)| format!("/{tileset}/{z}/{x}/{y}"))
        });
        let size = |path: &String| process::get(&agent, &tesela.url(path)).body.len();
        let path = candidates.min_by_key(|path| size(path).abs_diff(bytes)).expect("a tile");
        Case { name, path }
    };
    vec![
        near("small", &data::LAYERS, SMALL),
        near("large", &data::LAYERS, LARGE),
        near("tileset of three", &["basemap"], SMALL),
        near("ad-hoc composite", &["points_3857,lines_4326,polygons_3857"], SMALL),
    ]
}

/// The tiles of the mix: those of all layers from zoom 8 down, in no order.
pub fn mix() -> Vec<String> {
    let each = MIX.div_ceil(data::LAYERS.len());
    let mut paths: Vec<String> = Vec::new();
    for layer in data::LAYERS {
        let tiles = data::tiles(8, each).into_iter();
        paths.extend(tiles.map(|(z, x, y)| format!("/{layer}/{z}/{x}/{y}")));
    }
    paths.truncate(MIX);
    let mut random = Random::new(7);
    (1..paths.len()).for_each(|n| paths.swap(n, random.below(n + 1)));
    paths
}

/// Writes which of the tiles are asked for: the k-th about 1/k as often as the first.
pub fn requests(folder: &Path, mix: &[String]) -> PathBuf {
    let mut random = Random::new(11);
    let drawn: Vec<&str> = (0..REQUESTS).map(|_| &*mix[random.zipf(mix.len())]).collect();
    let file = folder.join("requests");
    std::fs::write(&file, drawn.join("\n")).expect("a file");
    file
}

/// All of them, by four clients; what is empty is left out, for nginx has no file for it.
pub fn fetch(tesela: &Process, paths: &[String]) -> Vec<(String, Answer)> {
    let get = |paths: &[String]| -> Vec<(String, Answer)> {
        let agent = process::agent();
        let answer = |path: &String| (path.clone(), process::get(&agent, &tesela.url(path)));
        // The second time it comes from memory and says so.
        paths.iter().for_each(|path| drop(answer(path)));
        paths.iter().map(answer).filter(|(_, answer)| !answer.body.is_empty()).collect()
    };
    std::thread::scope(|scope| {
        let parts = paths.chunks(paths.len().div_ceil(4));
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || get(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("the tiles")).collect()
    })
}
