//! The environment's two ways in: `${NAME}` inside the file's strings, and variables such as
//! `TESELA_SERVER__LISTEN` that set a key whatever the file says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::hints;
use super::path::Path;
use super::tree::Document;

pub(super) type Environment = BTreeMap<String, String>;

/// Replaces `${NAME}` and `${NAME:-default}` in every string of the file. The text is parsed by
/// then, so no value can add a key or break the file. What a variable set is left as it is.
pub(super) fn substitute(document: &mut Document<'_>, env: &Environment) {
    let mut expansion = Expansion { env, end: document.text.len(), wrong: Vec::new() };
    expansion.table(&mut document.root, &Path::default());
    for (path, message) in expansion.wrong {
        let example = Some("\"${NAME}\" or \"${NAME:-default}\"; $${ for a plain ${".to_owned());
        document.report(&path, message, example);
        document.reject(&path);
    }
}

struct Expansion<'e> {
    env: &'e Environment,
    /// Of the file; spans beyond are variables'.
    end: usize,
    wrong: Vec<(Path, String)>,
}

impl Expansion<'_> {
    fn table(&mut self, table: &mut DeTable<'_>, path: &Path) {
        for (key, value) in table.iter_mut() {
            self.value(value, &path.key(key.get_ref()));
        }
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, path: &Path) {
        let in_file = value.span().start <= self.end;
        match value.get_mut() {
            DeValue::String(text) if in_file && text.contains("${") => {
                match expand(text, self.env) {
                    Ok(expanded) => *text = Cow::Owned(expanded),
                    Err(message) => self.wrong.push((path.clone(), message)),
                }
            }
            DeValue::Table(table) => self.table(table, path),
            DeValue::Array(array) => {
                for (i, value) in array.iter_mut().enumerate() {
                    self.value(value, &path.index(i));
                }
            }
            _ => {}
        }
    }
}

/// As in a shell, an empty variable counts as unset where there is a default.
fn expand(text: &str, env: &Environment) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let end = after.find('}').ok_or("`${` without a closing `}`")?;
        let (name, default) = match after[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&after[..end], None),
        };
        if !is_variable(name) || default.is_some_and(|default| default.contains("${")) {
            // Without the text itself: what is in there may be half a password.
            return Err("expected ${NAME} or ${NAME:-default}, got something else".to_owned());
        }
        match (env.get(name), default) {
            (Some(value), default) if !value.is_empty() || default.is_none() => {
                expanded.push_str(value);
            }
            (_, Some(default)) => expanded.push_str(default),
            (_, None) => return Err(format!("the environment variable {name} is not set")),
        }
        rest = &after[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Sets what variables with a `__` set. Others are not settings of the file: `TESELA_LOG`, or
/// the `TESELA_SERVICE_HOST` that Kubernetes makes of a service called tesela.
pub(super) fn overrides<'a>(document: &mut Document<'a>, env: &'a Environment) {
    for (name, value) in env {
        let Some(keys) = name.strip_prefix("TESELA_") else { continue };
        if !keys.contains("__") || keys.starts_with("TEST_") {
            continue;
        }
        document.variables.push(name);
        let offset = document.text.len() + document.variables.len();
        if let Err(message) = set(document, keys, value, offset) {
            document.problems.push(super::Problem {
                offset,
                place: format!("environment {name}"),
                path: String::new(),
                message,
                example: Some("TESELA_SERVER__LISTEN='127.0.0.1:3000'".to_owned()),
            });
        }
    }
}

fn set<'a>(
    document: &mut Document<'a>,
    keys: &str,
    value: &'a str,
    offset: usize,
) -> Result<(), String> {
    let mut path = Path::default();
    let mut table = &mut document.root;
    let mut keys = keys.split("__").peekable();
    while let Some(key) = keys.next() {
        if key.is_empty() {
            return Err("expected keys joined by `__`".to_owned());
        }
        let key = existing(table, key)?;
        path = path.key(&key);
        if keys.peek().is_none() {
            // The key as well: the place of an error is its key's.
            table.remove(key.as_str());
            let value = Spanned::new(offset..offset, parse(&path, value, offset));
            table.insert(Spanned::new(offset..offset, key.into()), value);
            break;
        }
        let entry = table
            .entry(Spanned::new(offset..offset, key.into()))
            .or_insert_with(|| Spanned::new(offset..offset, DeValue::Table(DeTable::new())));
        table = match entry.get_mut() {
            DeValue::Table(table) => table,
            _ => return Err(format!("expected {path} to be a table, but it has a value already")),
        };
    }
    Ok(())
}

/// The table's own spelling of a key, as variables know neither lower case nor `-`.
fn existing(table: &DeTable<'_>, key: &str) -> Result<String, String> {
    let plain = |key: &str| key.to_lowercase().replace('-', "_");
    let wanted = plain(key);
    let mut same = table.keys().filter(|known| plain(known.get_ref()) == wanted);
    match (same.next(), same.next()) {
        (None, _) => Ok(key.to_lowercase()),
        (Some(known), None) => Ok(known.to_string()),
        (Some(one), Some(other)) => {
            Err(format!("expected one key, but `{one}` and `{other}` are both meant"))
        }
    }
}

fn parse<'a>(path: &Path, text: &'a str, offset: usize) -> DeValue<'a> {
    match DeValue::parse(text).map(Spanned::into_inner) {
        // `2026-11-01` is a date in TOML, but no setting is.
        Err(_) | Ok(DeValue::Datetime(_)) => DeValue::String(text.into()),
        Ok(value) if value.is_str() || !hints::is_text(path) => within(value, offset),
        Ok(_) => DeValue::String(text.into()),
    }
}

/// Gives everything inside a variable's value the variable's span: its own would point into the
/// file.
fn within(value: DeValue<'_>, offset: usize) -> DeValue<'_> {
    let spanned =
        |value: Spanned<_>| Spanned::new(offset..offset, within(value.into_inner(), offset));
    match value {
        DeValue::Array(array) => {
            let mut copy = DeArray::new();
            array.into_iter().for_each(|value| copy.push(spanned(value)));
            DeValue::Array(copy)
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    (Spanned::new(offset..offset, key.into_inner()), spanned(value))
                })
                .collect(),
        ),
        scalar => scalar,
    }
}
