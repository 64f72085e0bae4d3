mod embedded;
mod environment;
mod files;
mod levels;
mod messages;
mod reference;
mod rules;
mod secrets;

use std::collections::BTreeMap;

use super::{Errors, Settings, load_from};

fn env(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn load(text: &str) -> Result<Settings, Errors> {
    load_from(Some(("tesela.toml", text)), &env(&[]))
}

/// The report on a file that has something wrong with it.
fn report(text: &str) -> String {
    report_with(text, &[])
}

fn report_with(text: &str, variables: &[(&str, &str)]) -> String {
    let loaded = load_from(Some(("tesela.toml", text)), &env(variables));
    loaded.expect_err("the configuration should be refused").to_string()
}

/// Asserts that a file is refused with one problem, which says `expected`.
#[track_caller]
fn refused(text: &str, expected: &str) {
    let errors = load(text).expect_err("the configuration should be refused");
    assert!(errors.to_string().contains(expected), "{text}\n{errors}");
    assert_eq!(errors.count(), 1, "{text}\n{errors}");
}

/// One database and one layer, with more lines for the layer; those begin on line 5.
fn with_layer(lines: &str) -> String {
    format!(
        "[databases.main]\nurl = \"postgres://localhost/city\"\n[layers.roads]\ntable = \"roads\"\n{lines}\n"
    )
}
