//! What requests may ask of a layer: parameters, filters, details.

use super::{Document, LayerSettings, Path};
use crate::catalog::RowSource;
use crate::config::hints;
use crate::query::{Filter, FilterError, Param};

/// Names that mean something else in SQL's braces or in a URL's query.
const TAKEN: [&str; 12] = [
    "bbox",
    "tile_bbox",
    "zoom",
    "z",
    "x",
    "y",
    "pixel_width",
    "scale_denominator",
    "params",
    "v",
    "filter",
    "filter-lang",
];

/// PostgreSQL's own names are no longer.
const MAX_NAME: usize = 63;

pub(super) fn layer(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    filter(path, layer.filter.as_deref(), document);
    for (key, names) in [("allow_filter", &layer.allow_filter), ("details", &layer.details)] {
        for (i, name) in names.iter().enumerate() {
            let path = path.key(key).index(i);
            if name.trim().is_empty() {
                document.expected(&path, "the name of a column");
            } else if names[..i].contains(name) {
                document.expected(&path, "each column once");
            }
        }
    }
    params(path, layer, document);
}

/// A filter that can't be read is refused: without it there would be more rows.
pub(super) fn filter(path: &Path, text: Option<&str>, document: &mut Document<'_>) {
    let Some(Err(error)) = text.map(Filter::read) else { return };
    let path = path.key("filter");
    let shown = document.shown(&path);
    let expected = hints::expected(&path);
    // The reason may quote the text, so it is as secret as that.
    let is_public = matches!(error, FilterError::TooLarge(_));
    let message = match is_public || text.is_some_and(|text| shown.contains(text)) {
        true => format!("expected {expected}, got {shown}: {error}"),
        false => format!("expected {expected}, got {shown}"),
    };
    document.report(&path, message, document.example(&path));
}

fn params(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    let path = path.key("params");
    for (name, settings) in &layer.params {
        let path = path.key(name);
        if let Some(objection) = objection(name) {
            document.report(&path, objection, document.example(&path));
        }
        if let Err(mistake) = Param::new(name, settings) {
            let path = path.key(mistake.key);
            let message = match document.get(&path) {
                Some(_) => format!("expected {}, got {}", mistake.expected, document.shown(&path)),
                None => format!("missing, expected {}", mistake.expected),
            };
            document.report(&path, message, document.example(&path));
        }
    }
    let takes = |own: &RowSource| own.sql.is_some() || own.function.is_some();
    let takes_some =
        takes(&layer.own_source()) || layer.zooms.iter().any(|zooms| takes(&zooms.own_source()));
    if !layer.params.is_empty() && !takes_some {
        document.expected(&path, "parameters only with sql or function, whose values they are");
    }
}

fn objection(name: &str) -> Option<String> {
    if TAKEN.contains(&name) {
        return Some(format!("expected another name: {} are taken", TAKEN.join(", ")));
    }
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (!starts || !name.chars().all(letters) || name.len() > MAX_NAME).then(|| {
        format!(
            "expected a name of at most {MAX_NAME} letters a to z, digits and `_`, no digit first"
        )
    })
}
