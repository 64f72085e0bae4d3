//! Every tile is read a second time, by a reader of another lineage: `@mapbox/vector-tile`, which
//! MapLibre and Mapbox GL use. Both have to see the same.
//!
//! It runs in one Node.js process, started when first needed; see
//! `tests/readers/vector-tile.mjs`.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

use super::reader_text;
use super::tile::RawLayer;

const INSTALL: &str = "scripts/install-readers installs it, and so does scripts/test";

/// Fails the test unless the second reader sees in `mvt` what the first one saw.
///
/// # Panics
/// They differ, or the second reader isn't installed.
pub fn agrees(mvt: &[u8], first: &[RawLayer]) {
    static AGREED: LazyLock<Mutex<HashSet<u128>>> = LazyLock::new(Mutex::default);
    let known = || AGREED.lock().unwrap_or_else(PoisonError::into_inner);
    let digest = xxh3_128(mvt);
    if known().contains(&digest) {
        return;
    }
    let (first, second) = (reader_text::of(first), read(mvt));
    if first != second {
        panic!("the readers of {} bytes differ: {}", mvt.len(), difference(&first, &second));
    }
    known().insert(digest);
}

/// What `@mapbox/vector-tile` sees.
fn read(mvt: &[u8]) -> String {
    static READER: LazyLock<Mutex<Reader>> = LazyLock::new(|| Mutex::new(Reader::start()));
    // It is locked by no one who could leave it in the middle of an answer and panic.
    READER.lock().unwrap_or_else(PoisonError::into_inner).read(mvt)
}

/// The first lines that differ.
fn difference(first: &str, second: &str) -> String {
    let (mut ours, mut theirs) = (first.lines(), second.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (a, b) = (ours.next(), theirs.next());
        if a != b {
            return format!(
                "in line {number} of what they see\n        mvt-reader: {}\n       vector-tile: {}\n\
                 after\n{}",
                shown(a),
                shown(b),
                tail(first, number - 1),
            );
        }
    }
}

fn shown(line: Option<&str>) -> String {
    line.map_or("(the end)".to_owned(), |line| line.chars().take(500).collect())
}

/// The few lines before the difference.
fn tail(text: &str, lines: usize) -> String {
    let skipped = text.lines().take(lines).skip(lines.saturating_sub(5));
    skipped.map(|line| format!("    {}\n", shown(Some(line)))).collect()
}

struct Reader {
    child: Child,
}

impl Reader {
    /// Starts it and holds its version against the one that the tests are written for.
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("target/readers");
        assert!(
            folder.join("installed.json").exists(),
            "the second tile reader is not in {}: {INSTALL}",
            folder.display()
        );
        let child = Command::new("node")
            .arg(root.join("tests/readers/vector-tile.mjs"))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("node, which the second tile reader needs: {error}"));
        let mut reader = Self { child };
        let found: serde_json::Value = serde_json::from_str(&reader.answer()).unwrap();
        let wanted = include_str!("../../readers/package.json");
        let wanted: serde_json::Value = serde_json::from_str(wanted).unwrap();
        assert_eq!(found, wanted["dependencies"], "another second tile reader: {INSTALL}");
        reader
    }

    fn read(&mut self, mvt: &[u8]) -> String {
        let length = u32::try_from(mvt.len()).expect("a tile below 4 GB");
        let mut stdin = self.child.stdin.as_ref().expect("piped");
        stdin.write_all(&length.to_le_bytes()).and_then(|()| stdin.write_all(mvt)).expect("node");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let stdout = self.child.stdout.as_mut().expect("piped");
        let mut length = [0; 4];
        let mut bytes = Vec::new();
        stdout
            .read_exact(&mut length)
            .and_then(|()| stdout.take(u32::from_le_bytes(length).into()).read_to_end(&mut bytes))
            .unwrap_or_else(|e| panic!("the second tile reader ended ({e}): {INSTALL}"));
        String::from_utf8(bytes).expect("UTF-8")
    }
}
