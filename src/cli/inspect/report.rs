//! What `tesela inspect` prints.

use std::fmt::Write;

use serde::Serialize;

use super::super::table::{NOTHING, Table, clean, millis, number, share};
use super::remote::Answer;
use super::{FailedLayer, Found, warnings};
use crate::cli::session::Cost;
use crate::tile::anatomy::{Anatomy, FeatureAnatomy, LayerAnatomy};

/// The fields of `--json`, of which docs/inspect.md tells: they may become more.
#[derive(Serialize)]
pub struct Report<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<&'a Answer>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    made: &'a [Cost],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    failed: &'a [FailedLayer],
    packed: &'a [&'static str],
    #[serde(flatten)]
    anatomy: &'a Anatomy,
    warnings: Vec<String>,
}

impl<'a> Report<'a> {
    pub fn new(found: &'a Found, anatomy: &'a Anatomy) -> Self {
        let mut all = warnings::of_packing(&found.packed);
        all.extend(found.warnings.iter().cloned());
        all.extend(warnings::of_tile(anatomy));
        Self {
            title: &found.title,
            tile: found.coord.map(|coord| coord.to_string()),
            http: found.answer.as_ref(),
            made: &found.made,
            failed: &found.failed,
            packed: &found.packed,
            anatomy,
            warnings: all,
        }
    }

    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    pub fn text(&self) -> String {
        let mut out = format!("{}\n", clean(self.title));
        self.http.into_iter().for_each(|answer| write_answer(&mut out, answer));
        write_costs(&mut out, self.made);
        let Anatomy { bytes, gzip, layers, .. } = self.anatomy;
        if layers.is_empty() {
            out.push_str("\nThe tile is empty.\n");
        } else {
            let _ = write!(out, "\n{}", layer_table(self.anatomy));
            let _ = writeln!(
                out,
                "gzip: each layer packed alone. The whole tile has {} bytes, packed {}.",
                number(*bytes),
                number(*gzip)
            );
            let _ = write!(out, "\nWhere the bytes go\n{}", byte_table(layers));
            let _ = write!(out, "\nHeaviest features\n{}", feature_table(self.anatomy));
        }
        if !self.anatomy.heaviest_properties.is_empty() {
            let _ = write!(out, "\nHeaviest properties\n{}", property_table(self.anatomy));
        }
        if !(self.warnings.is_empty() && self.failed.is_empty()) {
            out.push('\n');
        }
        for warning in &self.warnings {
            let _ = writeln!(out, "warning: {}", clean(warning));
        }
        for FailedLayer { layer, error } in self.failed {
            let _ = writeln!(out, "{layer}  FAILED: {}", clean(error));
        }
        out
    }
}

fn write_answer(out: &mut String, answer: &Answer) {
    let Answer { status, ms, bytes, headers, .. } = answer;
    let _ = writeln!(out, "HTTP {status} after {ms} ms, {} bytes", number(*bytes));
    for (name, value) in headers {
        let _ = writeln!(out, "  {name}: {}", clean(value));
    }
}

fn write_costs(out: &mut String, made: &[Cost]) {
    if made.is_empty() {
        return;
    }
    let mut table = Table::new(&["<layer", "ms", "in db", "rows", "<left out"]);
    for cost in made {
        let rows = cost.rows.map_or(NOTHING.to_owned(), number);
        let truncated = cost.truncated.clone().unwrap_or_default();
        table.row([cost.layer.clone(), millis(cost.time), millis(cost.db), rows, truncated]);
    }
    let _ = write!(out, "\n{table}");
}

fn layer_table(anatomy: &Anatomy) -> Table {
    let mut table = Table::new(&[
        "<layer", "features", "points", "lines", "polygons", "vertices", "bytes", "share", "gzip",
    ]);
    for layer in &anatomy.layers {
        table.row([
            layer.name.clone(),
            number(layer.features),
            number(layer.points),
            number(layer.lines),
            number(layer.polygons),
            number(layer.vertices),
            number(layer.bytes),
            share(layer.bytes, anatomy.bytes),
            number(layer.gzip),
        ]);
    }
    table
}

fn byte_table(layers: &[LayerAnatomy]) -> Table {
    let mut table = Table::new(&[
        "<layer",
        "v",
        "extent",
        "keys",
        "values",
        "in geometry",
        "in tags",
        "in keys",
        "in values",
        "else",
    ]);
    for layer in layers {
        let counts = [layer.keys, layer.values];
        let bytes = [layer.geometry_bytes, layer.tag_bytes, layer.key_bytes, layer.value_bytes];
        let mut cells = vec![layer.name.clone(), number(layer.version), number(layer.extent)];
        cells.extend(counts.map(number));
        cells.extend(bytes.map(|part| share(part, layer.bytes)));
        cells.push(share(layer.other_bytes, layer.bytes));
        table.row(cells);
    }
    table
}

fn feature_table(anatomy: &Anatomy) -> Table {
    let mut table = Table::new(&["bytes", "vertices", "<type", "<layer", "id", "<property"]);
    for feature in &anatomy.heaviest_features {
        let FeatureAnatomy { layer, id, kind, vertices, bytes, property, .. } = feature;
        let id = id.map_or(NOTHING.to_owned(), |id| id.to_string());
        let property = property.as_ref().map(|(key, value)| format!("{key} = {value}"));
        table.row([
            number(*bytes),
            number(*vertices),
            (*kind).to_owned(),
            layer.clone(),
            id,
            property.unwrap_or_default(),
        ]);
    }
    table
}

fn property_table(anatomy: &Anatomy) -> Table {
    let mut table = Table::new(&["bytes", "share", "features", "distinct", "<layer", "<property"]);
    for property in &anatomy.heaviest_properties {
        table.row([
            number(property.bytes),
            share(property.bytes, anatomy.bytes),
            number(property.features),
            number(property.values),
            property.layer.clone(),
            property.key.clone(),
        ]);
    }
    table
}
