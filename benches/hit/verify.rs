//! That all servers say the same.

use std::collections::BTreeMap;

use super::process::{self, Answer, Process};

/// Headers that each server may have in its own way, or not at all.
const FREE: [&str; 4] = ["server", "date", "connection", "keep-alive"];

/// Panics unless `other` answers `path` as Tesela did. nginx makes its own entity tags.
pub fn same(path: &str, tesela: &Answer, other: &Process, name: &str) {
    let answer = process::get(&process::agent(), &other.url(path));
    assert!(answer.body == tesela.body, "{name} has another body for {path}");
    let (expected, found) = (headers(tesela), headers(&answer));
    assert!(
        expected.keys().eq(found.keys()),
        "{name} has other headers for {path}: {found:?}, not {expected:?}"
    );
    for (header, value) in &expected {
        if name == "nginx" && header == "etag" {
            continue;
        }
        assert_eq!(found[header], *value, "{name}, {path}: {header}");
    }
}

fn headers(answer: &Answer) -> BTreeMap<String, String> {
    let headers = answer.headers.iter().filter(|(name, _)| !FREE.contains(&name.as_str()));
    headers.cloned().collect()
}
