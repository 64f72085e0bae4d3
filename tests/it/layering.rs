//! Modules import each other in one direction only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules that it may import.
const ALLOWED: &[(&str, &[&str])] = &[
    ("metrics", &[]),
    ("tile", &[]),
    ("query", &[]),
    ("source", &["tile", "query", "metrics"]),
    ("catalog", &["source", "tile", "query"]),
    ("cache", &["tile", "metrics"]),
    ("engine", &["catalog", "cache", "source", "tile", "query", "metrics"]),
    ("http", &["engine", "catalog", "tile", "query", "metrics"]),
    ("config", &["http", "cache", "catalog", "source", "tile", "query"]),
    (
        "app",
        &["config", "http", "engine", "cache", "catalog", "source", "query", "tile", "metrics"],
    ),
    (
        "cli",
        &[
            "app", "config", "http", "engine", "cache", "catalog", "source", "query", "tile",
            "metrics",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    assert!(files.len() > 20, "only {} files found under src/", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&src).unwrap();
        let module = path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: module {module} is not in the table", path.display()));
            continue;
        };
        let root = if module == "main" { "tesela::" } else { "crate::" };
        for import in imports(&fs::read_to_string(&file).unwrap(), root) {
            if import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{}: {module} must not import {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn grouped_and_nested_imports_are_seen() {
    let source = "use crate::{cache, source::{a, b}};\nlet x = crate::http::y();";
    let found = imports(source, "crate::");
    assert_eq!(found, ["cache", "http", "source"].map(str::to_owned).into());
    assert_eq!(imports("fn f() { tesela::cli::run() }", "tesela::"), ["cli".to_owned()].into());
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else {
                Vec::from_iter(path.extension().is_some_and(|e| e == "rs").then_some(path))
            }
        })
        .collect()
}

/// First segments of all paths that start at `root`.
fn imports(source: &str, root: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices(root) {
        let rest = &source[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_members(group)),
            None => found.extend(identifier(rest)),
        }
    }
    found
}

/// The names at the top level of a `{…}` whose opening brace is gone.
fn group_members(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = Vec::new();
    let mut at_start = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                members.extend(identifier(&group[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    members
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    // Items of the root itself, such as macros, are no modules.
    name.starts_with(|c: char| c.is_lowercase()).then_some(name)
}
