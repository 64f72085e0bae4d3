//! `tesela check`: what a configuration would publish, and what to look at first.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::{CommandError, NOTHING_TO_SERVE, load, print, progress, sources};
use crate::app::{self, Databases, Files};
use crate::catalog::{Layer, Part, Tables, Tileset};
use crate::source::postgis::{PostgisSource, Relation, SpatialTable};

/// From so many bytes on, reading a row is most of what a tile costs that shows a part of it.
const LARGE_ROW: u64 = 1_000_000;

/// Vertices of a piece at most: a few tiles' worth at the zooms that show it.
const PIECE: u32 = 1024;

/// Prints what would be published, with warnings. Fails when something configured can't be
/// served or a database can't be reached.
pub fn check(config: Option<&Path>, sources: &[String]) -> Result<ExitCode, CommandError> {
    let mut settings = load(config)?;
    sources::add(&mut settings, sources)?;
    if !sources::has_any(&settings) {
        return Err(NOTHING_TO_SERVE.into());
    }
    let files = Files::load(&settings, false, &progress::Bar::new())?;
    let flaws = files.flaws();
    let runtime = app::runtime()?;
    runtime.block_on(async {
        let databases = Databases::new(&settings, files)?;
        let catalog = databases.load(&settings).await;
        let known = databases.tables();
        let mut warnings = 0;
        let mut text = String::new();
        for tileset in catalog.tilesets() {
            let _ = writeln!(text, "{}", headline(tileset));
            if let [layer] = tileset.members.as_slice()
                && tileset.id == layer.id
                && let Some((tables, source)) = known.get(&*layer.database.name)
            {
                let mut all: Vec<String> = gaps(layer).into_iter().collect();
                for part in &layer.parts {
                    all.extend(warnings_of(part, tables, source).await);
                }
                for warning in all {
                    let _ = writeln!(text, "  warning: {warning}");
                    warnings += 1;
                }
            }
        }
        for warning in catalog.warnings().iter().chain(&flaws) {
            let _ = writeln!(text, "warning: {warning}");
            warnings += 1;
        }
        for (id, disabled) in catalog.disabled() {
            let _ = writeln!(text, "{id}  DISABLED: {}", disabled.detail);
        }
        let versions = databases.version_failures();
        for (id, reason) in &versions {
            let _ = writeln!(text, "{id}  NO DATA VERSION from its version_sql: {reason}");
        }
        let mut failed = catalog.disabled().len() + versions.len();
        for (name, (tables, _)) in &known {
            if matches!(tables, Tables::Unreachable) {
                let _ = writeln!(text, "database {name}  UNREACHABLE: the log says why");
                failed += 1;
            }
        }
        let published = catalog.tilesets().count();
        let _ = writeln!(
            text,
            "\n{published} published, {}, {}",
            count(warnings, "warning"),
            count(failed, "problem"),
        );
        print(&text)?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// For example `1 warning` or `2 warnings`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn headline(tileset: &Tileset) -> String {
    let (min, max) = tileset.zooms();
    match tileset.members.as_slice() {
        [layer] if layer.id == tileset.id => {
            let part = |part: &Part| match part.geometry.as_str() {
                "" => part.table.clone(),
                geometry => format!("{} ({geometry})", part.table),
            };
            let mut parts: Vec<String> = layer.parts.iter().map(part).collect();
            parts.dedup();
            format!("{}  {}, zoom {min}-{max}", layer.id, parts.join(", "))
        }
        members => {
            let ids: Vec<_> = members.iter().map(|layer| layer.id.as_str()).collect();
            format!("{}  tileset of {}, zoom {min}-{max}", tileset.id, ids.join(", "))
        }
    }
}

/// Zooms between the first and the last at which the layer is always empty.
fn gaps(layer: &Layer) -> Option<String> {
    let gaps = (layer.min_zoom..=layer.max_zoom).filter(|z| layer.at(*z).is_none());
    let gaps: Vec<String> = gaps.map(|z| z.to_string()).collect();
    (!gaps.is_empty()).then(|| {
        format!("no table, sql or function at zoom {}: its tiles are empty there", gaps.join(", "))
    })
}

async fn warnings_of(part: &Part, tables: &Tables, source: &PostgisSource) -> Vec<String> {
    let Some(table) = find(part, tables) else { return Vec::new() };
    let mut warnings = Vec::new();
    warnings.extend(index_warning(table));
    if table.geometry.sampled {
        warnings.push(format!(
            "SRID {} and type {} come from a sample of rows, since the column doesn't say; \
             ALTER TABLE … ALTER COLUMN … TYPE geometry(…) makes them certain",
            table.geometry.srid.unwrap_or_default(),
            table.geometry.geometry_type,
        ));
    }
    let query = &part.query;
    if query.id_column().is_none() {
        warnings.push(
            "no key for ids: features get none, so clients can't tell them apart across tiles; \
             set id = \"…\" to a non-negative integer column"
                .to_owned(),
        );
    }
    if let (true, Some(id)) = (query.has_details(), query.id_column())
        && table.primary_key.as_deref() != Some(id)
    {
        warnings.push(format!(
            "details are looked up by {id}, which is no primary key: without an index on it, each click \
             reads the whole table"
        ));
    }
    match source.largest_row(table).await {
        Ok(Some(bytes)) if bytes > LARGE_ROW => warnings.push(format!(
            "rows of up to {:.1} MB, of which each tile with a part of one reads all. A table of \
             their pieces is many times faster:\n{}",
            bytes as f64 / 1e6,
            subdivision(table, query.id_column(), tables),
        )),
        Ok(_) => {}
        Err(error) => warnings.push(format!("can't sample its rows: {error}")),
    }
    warnings
}

fn find<'a>(part: &Part, tables: &'a Tables) -> Option<&'a SpatialTable> {
    let Tables::Known(inventory) = tables else { return None };
    inventory
        .tables
        .iter()
        .find(|table| table.qualified() == part.table && table.geometry.name == part.geometry)
}

/// SQL that makes a table of pieces, and the settings that make a layer of it.
fn subdivision(table: &SpatialTable, id: Option<&str>, tables: &Tables) -> String {
    let Tables::Known(inventory) = tables else { return String::new() };
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let postgis = quote(&inventory.postgis_schema);
    let column = quote(&table.geometry.name);
    let srid = table.geometry.srid.unwrap_or_default();
    let kind = table.geometry.geometry_type.trim_start_matches("MULTI");
    let shape = match table.geometry.geography {
        true => format!("{column}::{postgis}.geometry"),
        false => column.clone(),
    };
    let (whole, kind) = match kind {
        "POLYGON" => (
            format!("{postgis}.ST_CollectionExtract({postgis}.ST_MakeValid({shape}), 3)"),
            "MultiPolygon",
        ),
        "LINESTRING" => (shape, "MultiLineString"),
        _ => (shape, "Geometry"),
    };
    let mut piece = format!("{postgis}.ST_Subdivide({whole}, {PIECE})");
    if kind != "Geometry" {
        piece = format!("{postgis}.ST_Multi({piece})");
    }
    let family = if table.geometry.geography { "geography" } else { "geometry" };
    let others = table.columns.iter().map(|other| quote(&other.name) + ", ").collect::<String>();
    let name = format!("{}_pieces", table.name);
    let pieces = format!("{}.{}", quote(&table.schema), quote(&name));
    let id = id.map(|id| format!("\n    id = {}", toml_text(id))).unwrap_or_default();
    format!(
        "    CREATE TABLE {pieces} AS\n      SELECT {others}{piece}::{postgis}.{family}({kind}, {srid}) \
         AS {column}\n      FROM {};\n    CREATE INDEX ON {pieces} USING gist ({column});\n    \
         ANALYZE {pieces};\n  with these settings of the layer:\n    table = {}{id}",
        table.qualified(),
        toml_text(&pieces),
    )
}

/// A string of TOML.
fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn index_warning(table: &SpatialTable) -> Option<String> {
    let column = &table.geometry.name;
    match table.relation {
        _ if table.geometry.indexed => None,
        Relation::View => Some(format!(
            "a view: tiles are only fast if a spatial index on the tables behind it serves {column}"
        )),
        Relation::ForeignTable => Some(
            "a foreign table: tiles are only fast if its server filters by bounding box".to_owned(),
        ),
        _ => Some(format!(
            "no spatial index, so every tile reads the whole table: \
             CREATE INDEX ON {} USING gist (\"{}\")",
            table.qualified(),
            column.replace('"', "\"\""),
        )),
    }
}
