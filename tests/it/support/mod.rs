//! What black-box tests share: a database of their own, a running server, decoded tiles.

pub mod database;
pub mod files;
mod reader_text;
mod second_reader;
pub mod server;
pub mod tile;

use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Longest wait for something that should happen.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until `condition` holds and prints how long that took.
///
/// # Panics
/// It doesn't within [`PATIENCE`].
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("{what}: after {:?}", started.elapsed());
}

/// As a value in a URL's query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
