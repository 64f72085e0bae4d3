//! What a setting should look like. Nearly all of it is read off `config/example.toml`, which
//! therefore can't disagree with an error message.

use std::net::SocketAddr;
use std::sync::LazyLock;

use bytesize::ByteSize;
use humantime_serde::re::humantime::parse_duration;
use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::path::{Path, Step};

pub(super) const EXAMPLE: &str = include_str!("../../config/example.toml");

static EXAMPLES: LazyLock<DeTable<'static>> =
    LazyLock::new(|| DeTable::parse_recoverable(EXAMPLE).0.into_inner());

/// Settings of which the type says too little.
const EXPECTED: &[(&str, &str)] = &[
    ("server.public_url", "an http:// or https:// URL without user, query or fragment"),
    ("server.cors_origins", "\"*\" alone, or origins such as \"https://app.example.com\""),
    ("server.admin_token", "a secret of at least 16 characters"),
    ("server.workers", "an integer from 1 to 1024"),
    ("cache.empty_tile", "200 or 204"),
    ("cache.memory", "\"0\", or a size from 64KiB to 1PiB"),
    (
        "cache.encodings",
        "\"gzip\" and perhaps \"br\" and \"zstd\", each once, the preferred one first",
    ),
    ("files.memory_limit", "a size from 64KiB to 1PiB"),
    ("databases.*.url", "a postgres:// URL or a key=value connection string"),
    ("databases.*.pool_max", "an integer from 1 to 1000"),
    ("layers.*.sql", "a query of one geometry and its properties, with {bbox} in it"),
    ("layers.*.filter", "a filter in CQL2, such as \"kind = 'shop' AND height > 5\""),
    ("layers.*.zooms.filter", "a filter in CQL2, such as \"kind = 'shop' AND height > 5\""),
    (
        "layers.*.params.*.type",
        "\"text\", \"int\", \"float\", \"bool\", \"date\", \"timestamp\" or \"enum\", with [] behind it \
         for a list",
    ),
    ("layers.*.params.*.default", "a value of the parameter's type"),
    ("layers.*.params.*.min", "a value of the parameter's type"),
    ("layers.*.params.*.max", "a value of the parameter's type"),
    ("layers.*.params.*.values", "a list of values of the parameter's type"),
    ("layers.*.srid", "an integer from 1 to 998999"),
    ("layers.*.bounds", "west, south, east, north in degrees, west < east and south < north"),
    ("layers.*.min_zoom", "an integer from 0 to 24"),
    ("layers.*.max_zoom", "an integer from 0 to 24"),
    ("layers.*.extent", "an integer from 256 to 8192"),
    ("layers.*.buffer", "an integer from 0 to the layer's extent"),
    ("layers.*.simplify", "a number of grid units from 0 to 64"),
    ("layers.*.min_size", "a number of grid units from 0 to 1024"),
    ("layers.*.max_features", "an integer from 1 to 4294967295"),
    (
        "layers.*.order_by",
        "columns, each with ASC or DESC and NULLS FIRST or NULLS LAST if need be",
    ),
    ("layers.*.max_tile_bytes", "a size of at least 1KB"),
    ("layers.*.zooms", "a list of tables, each under [[layers.NAME.zooms]]"),
    ("layers.*.zooms.zooms", "the first and the last zoom of a range, from 0 to 24"),
    ("layers.*.zooms.simplify", "a number of grid units from 0 to 64"),
    ("layers.*.zooms.min_size", "a number of grid units from 0 to 1024"),
    ("layers.*.zooms.max_features", "an integer from 1 to 4294967295"),
    ("layers.*.zooms.max_tile_bytes", "a size of at least 1KB"),
];

/// What belongs at `path`, for people.
pub(super) fn expected(path: &Path) -> String {
    let pattern = path.pattern();
    if let Some((_, expected)) = EXPECTED.iter().find(|(known, _)| *known == pattern) {
        return (*expected).to_owned();
    }
    let one_of_a_list = matches!(path.steps().last(), Some(Step::Index(_)));
    match find(path) {
        Some((_, value)) => match value.get_ref() {
            DeValue::Array(list) if one_of_a_list => describe(list.first().map(Spanned::get_ref)).0,
            DeValue::Array(list) => {
                format!("a list of {}", describe(list.first().map(Spanned::get_ref)).1)
            }
            value => describe(Some(value)).0.to_owned(),
        }
        .to_owned(),
        None => "something else".to_owned(),
    }
}

/// One and many of what the example is one of.
fn describe(example: Option<&DeValue<'_>>) -> (String, &'static str) {
    let (one, many) = match example {
        Some(DeValue::String(text)) if text.parse::<SocketAddr>().is_ok() => {
            ("an IP address and port such as \"127.0.0.1:3000\"", "addresses")
        }
        Some(DeValue::String(text)) if text.parse::<IpNet>().is_ok() => {
            ("a network such as \"10.0.0.0/8\"", "networks such as \"10.0.0.0/8\"")
        }
        Some(DeValue::String(text)) if parse_duration(text).is_ok() => {
            ("a duration such as \"10s\", \"5m\" or \"1h\"", "durations")
        }
        Some(DeValue::String(text)) if text.parse::<ByteSize>().is_ok() => {
            ("a size such as \"512MB\" or \"2GB\"", "sizes")
        }
        Some(DeValue::Integer(_)) => ("an integer", "integers"),
        Some(DeValue::Float(_)) => ("a number", "numbers"),
        Some(DeValue::Boolean(_)) => ("true or false", "booleans"),
        Some(DeValue::Datetime(_)) => ("a date", "dates"),
        Some(DeValue::Array(_)) => ("a list", "lists"),
        Some(DeValue::Table(_)) => ("a table", "tables"),
        Some(DeValue::String(_)) | None => ("a string", "strings"),
    };
    (one.to_owned(), many)
}

/// The example's value of the same kind of setting.
fn find(path: &Path) -> Option<(&'static str, &'static Spanned<DeValue<'static>>)> {
    candidates(path.whole_list().steps(), path.pattern().contains('*'), &EXAMPLES)
}

/// `named`: the second step is a name of the operator's, so any of the example's will do.
fn candidates(
    steps: &[Step],
    named: bool,
    table: &'static DeTable<'static>,
) -> Option<(&'static str, &'static Spanned<DeValue<'static>>)> {
    let (Step::Key(key), rest) = steps.split_first()? else { return None };
    let (found, value) = table.get_key_value(key.as_str())?;
    // Those are the operator's too.
    let named = named || key == "params";
    match (value.get_ref(), rest) {
        (_, []) => Some((found.get_ref(), value)),
        (DeValue::Table(inner), [_, rest @ ..]) if named => {
            let mut entries: Vec<_> = inner.iter().collect();
            entries.sort_by_key(|(name, _)| name.span().start);
            entries.into_iter().find_map(|(name, entry)| match entry.get_ref() {
                _ if rest.is_empty() => Some((name.get_ref().as_ref(), entry)),
                DeValue::Table(entry) => candidates(rest, false, entry),
                _ => None,
            })
        }
        (DeValue::Table(inner), rest) => candidates(rest, false, inner),
        (DeValue::Array(list), [Step::Index(_), rest @ ..]) => list.iter().find_map(|entry| {
            let DeValue::Table(entry) = entry.get_ref() else { return None };
            candidates(rest, false, entry)
        }),
        _ => None,
    }
}

/// Whether the setting is text, so that `2026` in a variable means the text.
pub(super) fn is_text(path: &Path) -> bool {
    matches!(find(path), Some((_, value)) if value.get_ref().is_str())
}

/// Whether the setting is a table of settings.
pub(super) fn is_table(path: &Path) -> bool {
    matches!(find(path), Some((_, value)) if value.get_ref().is_table())
}

/// Whether the setting is a list of such tables.
pub(super) fn is_list_of_tables(path: &Path) -> bool {
    matches!(find(path), Some((_, value)) if first_table(value.get_ref()).is_some())
}

fn first_table(value: &'static DeValue<'static>) -> Option<&'static DeTable<'static>> {
    match value.as_array()?.first()?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// A value of the example as it is written there, on one line; of a list of tables the first.
fn written(value: &'static Spanned<DeValue<'static>>) -> Option<String> {
    match first_table(value.get_ref()) {
        Some(table) => Some(format!("[{}]", inline(table)?)),
        None => Some(one_line(EXAMPLE.get(value.span())?)),
    }
}

/// A table between braces, and the tables in it too.
fn inline(table: &'static DeTable<'static>) -> Option<String> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.iter().map(|(key, value)| {
        let value = match value.get_ref() {
            DeValue::Table(table) => inline(table)?,
            _ => written(value)?,
        };
        Some(format!("{} = {value}", key.get_ref()))
    });
    Some(format!("{{ {} }}", entries.collect::<Option<Vec<_>>>()?.join(", ")))
}

/// `min_zoom = 5`
pub(super) fn example_line(path: &Path) -> Option<String> {
    let (key, value) = find(path)?;
    if let (Some(table), true) = (value.get_ref().as_table(), path.is_of_params()) {
        return Some(format!("{key} = {}", inline(table)?));
    }
    let text = written(value)?;
    // A table's span is its header.
    Some(if text.starts_with('[') && value.get_ref().is_table() {
        text
    } else {
        match value.get_ref().is_table() && !text.starts_with('{') {
            true => format!("[{text}]"),
            false => format!("{key} = {text}"),
        }
    })
}

/// `TESELA_LAYERS__ROADS__MIN_ZOOM=5`
pub(super) fn example_variable(path: &Path) -> Option<String> {
    let path = path.settable();
    let (_, value) = find(&path)?;
    let text = written(value)?;
    let text = match value.get_ref() {
        // `${…}` is for the file; the shell would eat it here.
        DeValue::String(text) if text.contains("${") => text
            .split_once(":-")
            .map_or("…", |(_, default)| default.trim_end_matches('}'))
            .to_owned(),
        DeValue::Table(_) if !text.starts_with('{') => return None,
        _ => text,
    };
    Some(format!("{}='{}'", path.variable(), text.trim_matches('"')))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a value is better not repeated in a message.
pub(super) fn secret(path: &Path, text: &str) -> bool {
    if matches!(path.steps().last(), Some(Step::Key(key)) if key == "admin_token") {
        return true;
    }
    let database = matches!(path.steps().first(), Some(Step::Key(key)) if key == "databases");
    let number = matches!(path.steps().last(), Some(Step::Key(key)) if key != "url")
        && (text.parse::<f64>().is_ok() || text == "true" || text == "false");
    let lower = text.to_lowercase();
    // A connection string in the wrong place is still one.
    let connection = lower.contains('@') || lower.contains("passw") || lower.contains("postgres");
    (database && !number) || connection || text.chars().count() > 80 || text.contains('\n')
}

/// The known name that is nearest to a mistyped one, if any is near.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance =
        |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let near = known.map(|known| (distance(known), known)).min()?;
    (near.0 <= name.chars().count().div_ceil(3)).then_some(near.1)
}

/// `name` of "missing field `name`".
pub(super) fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.strip_prefix('`')?.split('`').next()
}

/// The names in serde's ", expected one of `a`, `b`"; all are from the source code, while the
/// part before may quote the file.
pub(super) fn listed(message: &str) -> Vec<&str> {
    let list = message.rsplit_once(", expected ").map_or("", |(_, list)| list);
    list.split('`').skip(1).step_by(2).collect()
}
