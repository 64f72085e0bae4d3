//! `config/default.toml` and `config/example.toml`.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use toml::Value;

use super::{env, load_from};
use crate::catalog::{LayerSettings, TilesetSettings, ZoomSettings};
use crate::config::hints::EXAMPLE;
use crate::config::{SECTIONS, Settings};
use crate::query::ParamSettings;
use crate::source::{embedded, postgis};
use crate::{cache, http};

pub(super) const DEFAULT: &str = include_str!("../../../config/default.toml");

/// A struct's keys, as serde lists them on meeting one that isn't among them.
fn keys<T: DeserializeOwned>() -> Vec<String> {
    let error = toml::from_str::<T>("no_such_key = 1").err().expect("the key should be unknown");
    let (_, list) = error.message().split_once(", expected ").expect("serde should list the keys");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every key that can be set, by section; `*` stands for a name.
pub(super) fn all_keys() -> Vec<(&'static [&'static str], Vec<String>)> {
    vec![
        (&["server"], keys::<http::Settings>()),
        (&["cache"], keys::<cache::Settings>()),
        (&["files"], keys::<embedded::Settings>()),
        (&["databases", "*"], keys::<postgis::Settings>()),
        (&["databases", "*", "publish"], keys::<postgis::Publish>()),
        (&["layers", "*"], keys::<LayerSettings>()),
        (&["layers", "*", "zooms"], keys::<ZoomSettings>()),
        (&["layers", "*", "params", "*"], keys::<ParamSettings>()),
        (&["tilesets", "*"], keys::<TilesetSettings>()),
    ]
}

/// The keys that a file sets in a section.
fn set_in(value: &Value, section: &[&str]) -> BTreeSet<String> {
    let table = match value {
        Value::Table(table) => table,
        Value::Array(list) => return list.iter().flat_map(|v| set_in(v, section)).collect(),
        _ => return BTreeSet::new(),
    };
    match section {
        [] => table.keys().cloned().collect(),
        ["*", rest @ ..] => table.values().flat_map(|entry| set_in(entry, rest)).collect(),
        [key, rest @ ..] => table.get(*key).map(|v| set_in(v, rest)).unwrap_or_default(),
    }
}

pub(super) fn parsed(text: &str) -> Value {
    Value::Table(text.parse().expect("the file should be TOML"))
}

#[test]
fn the_example_loads_with_and_without_its_variables() {
    for variables in [&[][..], &[("DATABASE_URL", "postgres://elsewhere/city")]] {
        let settings = load_from(Some(("example.toml", EXAMPLE)), &env(variables))
            .unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(settings.tilesets["basemap"].layers, ["roads", "buildings", "pois"]);
    }
}

#[test]
fn the_example_shows_every_key_there_is() {
    let example = parsed(EXAMPLE);
    for (section, keys) in all_keys() {
        let shown = set_in(&example, section);
        for key in keys {
            assert!(shown.contains(&key), "{key} of {section:?} is missing in config/example.toml");
        }
    }
}

#[test]
fn the_sections_are_those_of_the_settings() {
    assert_eq!(keys::<Settings>(), SECTIONS);
    let covered: BTreeSet<_> = all_keys().iter().map(|(section, _)| section[0]).collect();
    assert_eq!(covered, BTreeSet::from(SECTIONS));
}

#[test]
fn no_key_stands_without_a_comment_above_it_or_above_the_keys_it_follows() {
    for (name, text) in [("default.toml", DEFAULT), ("example.toml", EXAMPLE)] {
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2) {
            let is_key = pair[1].starts_with(|c: char| c.is_alphabetic());
            let alone = pair[0].is_empty() || pair[0].starts_with('[');
            assert!(!is_key || !alone, "{name}: {}", pair[1]);
        }
    }
}

#[test]
fn the_defaults_on_paper_are_the_defaults() {
    let paper = load_from(Some(("default.toml", DEFAULT)), &env(&[]))
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(paper.server, http::Settings::default());
    assert_eq!(paper.cache, cache::Settings::default());
    assert_eq!(paper.files, embedded::Settings::default());

    let bare =
        "[databases.main]\nurl = \"postgres://h\"\n[layers.roads]\ntable = \"public.roads\"\n";
    let bare = load_from(Some(("bare.toml", bare)), &env(&[])).unwrap();
    assert_eq!(format!("{:?}", paper.databases), format!("{:?}", bare.databases));
    assert_eq!(format!("{:?}", paper.layers), format!("{:?}", bare.layers));
}

#[test]
fn only_keys_without_a_default_are_absent_from_the_defaults() {
    let paper = parsed(DEFAULT);
    let settings = load_from(Some(("default.toml", DEFAULT)), &env(&[])).unwrap();
    let printed = [
        format!("{:?}", settings.server),
        format!("{:?}", settings.cache),
        format!("{:?}", settings.files),
        format!("{:?}", settings.databases),
        format!("{:?}", settings.layers),
    ];
    let sections = [&["server"][..], &["cache"], &["files"], &["databases", "*"], &["layers", "*"]];
    for (section, printed) in sections.iter().zip(printed) {
        let all = all_keys();
        let (_, keys) = all.iter().find(|(known, _)| known == section).expect("a section");
        let shown = set_in(&paper, section);
        for key in keys.iter().filter(|key| !shown.contains(*key)) {
            assert!(
                printed.contains(&format!(" {key}: None")),
                "{key} of {section:?} has a default that config/default.toml doesn't show"
            );
        }
    }
}

#[test]
fn every_example_in_a_message_is_right() {
    use crate::config::hints::{example_line, expected};
    use crate::config::path::Path;
    for (section, keys) in all_keys() {
        for key in keys {
            let path = section.iter().fold(Path::default(), |path, part| match *part {
                "*" => path.key("some-name"),
                "zooms" => path.key("zooms").index(0),
                part => path.key(part),
            });
            let line = example_line(&path.key(&key)).unwrap_or_else(|| panic!("{key} has none"));
            assert!(line.starts_with(&format!("{key} = ")), "{line}");
            line.parse::<toml::Table>().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_ne!(expected(&path.key(&key)), "something else", "{key}");
        }
    }
}
