//! `[files]`.

use bytesize::ByteSize;
use serde::Deserialize;

/// Files that are served out of memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Files, folders and patterns of which everything is published.
    pub publish: Vec<String>,
    /// Bytes that the features of a file may take in memory.
    pub memory_limit: ByteSize,
    /// Whether files are read again when they change.
    pub watch: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { publish: Vec::new(), memory_limit: ByteSize::gb(4), watch: true }
    }
}
