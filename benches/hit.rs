//! Warm hits: Tesela, a bare actix handler and nginx give out the same bytes under the same
//! headers.
//!
//! Needs `TESELA_TEST_DATABASE_URL`, `wrk` and nginx. `-- 1` or `-- 2` measures with that many
//! workers only, and `-- small large mix 304` these cases only; `-- rounds=9`, `-- seconds=5`.

#[path = "../tests/it/support/database.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod database;
#[path = "hit"]
mod parts {
    pub mod load;
    pub mod nginx;
    pub mod options;
    pub mod table;
    pub mod tiles;
    pub mod verify;

    pub(crate) use super::support::{data, process, random};
}
#[path = "support"]
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod support {
    pub mod bare;
    pub mod data;
    pub mod process;
    pub mod random;
}

use std::path::{Path, PathBuf};

use database::Database;
use parts::load::{self, Ask, Run};
use parts::nginx::Nginx;
use parts::options::Options;
use parts::tiles::Case;
use parts::{nginx, table, tiles, verify};
use support::process::{Answer, Process};
use support::{bare, data};

/// The allocator of the `tesela` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, command, address, base, paths, workers] = args.as_slice()
        && command == "bare"
    {
        return bare::serve(address, base, paths, workers.parse().expect("a number"));
    }
    // `cargo test --benches` passes no such flag and must be quick.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    nginx::program();
    let options = Options::parse(&args[1..]);
    let database = Database::new();
    data::load(&mut database.client());
    println!("{}", table::HEADER);
    for &workers in &options.workers {
        let bench = Bench::start(&database.url, workers, &options);
        bench.single_tiles();
        bench.not_modified();
        bench.mix();
    }
}

/// Tesela with its tiles in memory, nginx with the same ones in files.
struct Bench<'a> {
    options: &'a Options,
    workers: usize,
    folder: Folder,
    tesela: Process,
    nginx: Nginx,
    cases: Vec<Case>,
    tiles: Vec<(String, Answer)>,
    mixed: usize,
}

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl<'a> Bench<'a> {
    fn start(url: &str, workers: usize, options: &'a Options) -> Self {
        let folder = Folder::new("tesela-bench-hit");
        let tesela = Process::tesela(&format!(
            "[server]\nworkers = {workers}\nadmin_listen = '127.0.0.1:0'\n\
             [databases.main]\nurl = '{url}'\npublish = {{}}\n\
             [cache]\nmemory = '1GB'\nttl = '1day'\n\
             [tilesets.basemap]\nlayers = ['points_3857', 'lines_4326', 'polygons_3857']\n"
        ));
        drop(tesela.wait());
        let cases = tiles::cases(&tesela);
        let mix = if options.wants("mix") { tiles::mix() } else { Vec::new() };
        let mut tiles =
            tiles::fetch(&tesela, &cases.iter().map(|c| c.path.clone()).collect::<Vec<_>>());
        let singles = tiles.len();
        if !mix.is_empty() {
            tiles.extend(tiles::fetch(&tesela, &mix));
        }
        nginx::write(&folder.0, &tiles);
        let nginx = nginx::start(&folder.0, workers, &tiles);
        let mixed = tiles.len() - singles;
        Self { options, workers, folder, tesela, nginx, cases, tiles, mixed }
    }

    fn path(&self) -> &Path {
        &self.folder.0
    }

    fn answer(&self, path: &str) -> &Answer {
        let found = self.tiles.iter().find(|(known, _)| known == path);
        &found.expect("a tile that was fetched").1
    }

    fn bare(&self, paths: &[&str]) -> Process {
        let file = self.path().join("paths");
        std::fs::write(&file, paths.join("\n")).expect("a file");
        let bare = Process::bare(&self.tesela.url(""), &file, self.workers);
        for path in paths.iter().step_by(paths.len().div_ceil(500)) {
            verify::same(path, self.answer(path), &bare, "bare actix");
            verify::same(path, self.answer(path), &self.nginx.0, "nginx");
        }
        bare
    }

    fn single_tiles(&self) {
        for Case { name, path } in self.cases.iter().filter(|case| self.options.wants(case.name)) {
            let bare = self.bare(&[path]);
            let bytes = self.answer(path).body.len();
            self.compare(name, &bytes.to_string(), &bare, &Ask::Path(path.clone()));
        }
    }

    fn mix(&self) {
        if self.mixed == 0 {
            return;
        }
        let mixed = &self.tiles[self.tiles.len() - self.mixed..];
        let paths: Vec<String> = mixed.iter().map(|(path, _)| path.clone()).collect();
        let bare = self.bare(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let requests = tiles::requests(self.path(), &paths);
        let text = std::fs::read_to_string(&requests).expect("the requests");
        let asked: Vec<&str> = text.lines().collect();
        let sizes: std::collections::HashMap<_, _> =
            mixed.iter().map(|(path, answer)| (path.as_str(), answer.body.len())).collect();
        let bytes: usize = asked.iter().map(|path| sizes[path]).sum();
        let name = format!("mix of {}", paths.len());
        let mean = format!("{} on average", bytes / asked.len());
        self.compare(&name, &mean, &bare, &Ask::Mix(requests));
    }

    fn compare(&self, case: &str, bytes: &str, bare: &Process, ask: &Ask) {
        let servers = [("Tesela", &self.tesela), ("bare actix", bare), ("nginx", &self.nginx.0)];
        let runs = self.rounds(&servers.map(|(_, server)| (server, ask)));
        let rows: Vec<_> = servers.iter().map(|(name, _)| *name).zip(runs).collect();
        table::print(self.workers, case, bytes, &rows);
    }

    /// A 304 for the small tile against the whole of it.
    fn not_modified(&self) {
        if !self.options.wants("304") {
            return;
        }
        let path = &self.cases[0].path;
        let answer = self.answer(path);
        let etag = answer.headers.iter().find(|(name, _)| name == "etag").expect("an ETag");
        let asks = [Ask::Again(path.clone(), etag.1.clone()), Ask::Path(path.clone())];
        let runs = self.rounds(&[(&self.tesela, &asks[0]), (&self.tesela, &asks[1])]);
        let names = ["Tesela's 304", "Tesela's small hit"];
        let rows: Vec<_> = names.into_iter().zip(runs).collect();
        table::print(self.workers, "304", &answer.body.len().to_string(), &rows);
    }

    /// All by turns, so that what else the machine does meets all; each round begins with another.
    fn rounds(&self, all: &[(&Process, &Ask)]) -> Vec<Vec<Run>> {
        let mut runs = vec![Vec::new(); all.len()];
        // The first run pays for connections, pages and caches.
        all.iter().for_each(|(server, ask)| _ = load::run(server, ask, 1, self.path()));
        for round in 0..self.options.rounds {
            for n in (0..all.len()).map(|n| (n + round) % all.len()) {
                let (server, ask) = all[n];
                runs[n].push(load::run(server, ask, self.options.seconds, self.path()));
            }
        }
        runs
    }
}
