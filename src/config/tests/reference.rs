//! `docs/configuration.md`: its tables have every key with its default, and its examples load.

use std::collections::BTreeMap;

use toml::Value;

use super::files::{DEFAULT, all_keys, parsed};
use super::load;

const REFERENCE: &str = include_str!("../../../docs/configuration.md");

/// The tables of keys: by heading, keys with what stands for their defaults.
fn tables() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in REFERENCE.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            heading = title.trim_matches('`').to_owned();
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let ([key, default, _], true) = (cells.as_slice(), heading.starts_with('['))
            && let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`'))
        {
            let table = tables.entry(heading.clone()).or_default();
            assert_eq!(table.insert(key.to_owned(), (*default).to_owned()), None, "{key} twice");
        }
    }
    tables
}

/// How the page heads a section.
fn heading(section: &[&str]) -> String {
    let path = section.iter().map(|part| if *part == "*" { "NAME" } else { part });
    let path = path.collect::<Vec<_>>().join(".");
    if section.last() == Some(&"zooms") { format!("[[{path}]]") } else { format!("[{path}]") }
}

#[test]
fn the_page_has_every_key_and_no_other() {
    let mut tables = tables();
    for (section, keys) in all_keys() {
        let heading = heading(section);
        let table = tables.remove(&heading).unwrap_or_else(|| panic!("no table under {heading}"));
        for key in &keys {
            assert!(table.contains_key(key), "{key} of {heading} isn't on the page");
        }
        for key in table.keys() {
            assert!(keys.contains(key), "{heading} has no {key}");
        }
    }
    assert!(tables.is_empty(), "{tables:?}");
}

#[test]
fn the_page_has_the_defaults() {
    let defaults = parsed(DEFAULT);
    for (section, keys) in all_keys() {
        let table = &tables()[&heading(section)];
        for key in keys {
            let of = |value: &Value, part: &&str| match (value, *part) {
                (Value::Table(table), "*") => table.values().next().cloned(),
                (Value::Table(table), part) => table.get(part).cloned(),
                _ => None,
            };
            let found = section.iter().try_fold(defaults.clone(), |value, part| of(&value, part));
            let default = found.and_then(|found| of(&found, &key.as_str()));
            let shown = &table[&key];
            // Needed keys stand in the defaults with a value that is none.
            let needed = matches!(key.as_str(), "url" | "table" | "layers");
            match default.filter(|_| !needed) {
                Some(value) => {
                    let text = format!("x = {}", shown.trim_matches('`'));
                    let shown: toml::Table =
                        text.parse().unwrap_or_else(|_| panic!("{key}: {shown}"));
                    assert_eq!(shown["x"], value, "{key} of {section:?}");
                }
                None if key == "required" => assert_eq!(shown, "`false`"),
                None => assert_eq!(shown, "–", "{key} of {section:?}"),
            }
        }
    }
}

#[test]
fn the_examples_load_together() {
    let mut text = String::from("[databases.main]\nurl = \"postgres://localhost/city\"\n");
    let blocks: Vec<&str> = REFERENCE.split("```toml\n").skip(1).collect();
    assert!(blocks.len() >= 7, "an example of each kind of layer");
    for block in blocks {
        text += block.split("```").next().unwrap_or_default();
    }
    load(&text).unwrap_or_else(|errors| panic!("{errors}"));
}
