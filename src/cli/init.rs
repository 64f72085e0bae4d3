//! `tesela init`: a configuration for what a database holds.

use std::fmt::Write;
use std::sync::Arc;

use super::{CommandError, print, sources};
use crate::app::{self, Databases, Files};
use crate::catalog::{Disabled, Layer, Part, Tables};
use crate::config::Settings;
use crate::source::postgis::{Inventory, SpatialTable};

/// Prints TOML that publishes every table and function of the database at `url` as a layer.
pub fn init(url: &str) -> Result<(), CommandError> {
    let mut settings = Settings::default();
    sources::add(&mut settings, &[url.to_owned()])?;
    if settings.databases.is_empty() {
        return Err(OF_FILES.into());
    }
    let files = Files::load(&settings, false, &())?;
    let runtime = app::runtime()?;
    let text = runtime.block_on(async {
        let databases = Databases::new(&settings, files)?;
        let catalog = databases.load(&settings).await;
        let Some((Tables::Known(inventory), _)) = databases.tables().into_values().next() else {
            return Err(CommandError::from("can't read the database; the log above says why"));
        };
        let layers: Vec<_> =
            catalog.tilesets().flat_map(|tileset| tileset.members.iter().cloned()).collect();
        Ok(configuration(&inventory, &layers, catalog.disabled().iter()))
    })?;
    print(&text)?;
    Ok(())
}

fn configuration<'a>(
    inventory: &Inventory,
    layers: &[Arc<Layer>],
    disabled: impl Iterator<Item = (&'a String, &'a Disabled)>,
) -> String {
    let mut text = HEAD.to_owned();
    for layer in layers {
        // What is published has one part.
        let Some(part) = layer.parts.first() else { continue };
        let table = inventory
            .tables
            .iter()
            .find(|table| table.qualified() == part.table && table.geometry.name == part.geometry);
        match table {
            Some(table) => layer_section(&mut text, layer, part, table),
            None => function_section(&mut text, layer, part),
        }
    }
    for (id, disabled) in disabled {
        // Names may hold line breaks, after which there would be no comment.
        let line = format!("{id} can't be published: {}", disabled.detail);
        let line: String = line
            .chars()
            .flat_map(|c| match c.is_control() {
                true => c.escape_default().collect::<Vec<_>>(),
                false => vec![c],
            })
            .collect();
        let _ = write!(text, "\n# {line}\n");
    }
    text
}

const OF_FILES: &str = "init writes a configuration for a database, postgres://…; for a file write
    [layers.roads]
    file = \"roads.geojson\"
  or, for a whole folder of them,
    [files]
    publish = [\"data/\"]";

/// The URL stays out of the file: it would carry the password into version control.
const HEAD: &str = "\
# Tesela configuration. The database's URL comes from the environment:
#   export DATABASE_URL=postgres://user:password@host/database
# `tesela check --config FILE` compares this file with the database,
# `tesela serve --config FILE` serves it.

[server]
listen = \"127.0.0.1:3000\"
# public_url = \"https://tiles.example.com\"    # for absolute URLs behind a proxy

[cache]
memory = \"512MB\"

[databases.main]
url = \"${DATABASE_URL}\"
";

fn layer_section(text: &mut String, layer: &Layer, part: &Part, table: &SpatialTable) {
    let geometry = &table.geometry;
    let srid = geometry.srid.map_or("unknown SRID".to_owned(), |srid| format!("SRID {srid}"));
    let rows = table.estimated_rows.map_or(String::new(), |rows| format!(", about {rows} rows"));
    let _ = write!(text, "\n# {}, {srid}{rows}", geometry.geometry_type);
    if !geometry.indexed {
        text.push_str(", no spatial index");
    }
    let _ = write!(
        text,
        "\n[layers.{}]\ntable = {}\ngeometry = {}\n",
        toml_key(&layer.id),
        toml_string(&plain_name(table)),
        toml_string(&geometry.name),
    );
    let query = &part.query;
    match query.id_column() {
        Some(id) => {
            let _ = writeln!(text, "id = {}", toml_string(id));
        }
        None => text.push_str("# id = \"…\"    # a non-negative integer column, for feature ids\n"),
    }
    let list: Vec<_> = layer.fields.iter().map(|(name, _)| toml_string(name)).collect();
    let _ = writeln!(text, "properties = [{}]", list.join(", "));
    text.push_str("# min_zoom = 0\n# max_zoom = 22\n");
}

fn function_section(text: &mut String, layer: &Layer, part: &Part) {
    let (id, function) = (toml_key(&layer.id), toml_string(&part.table));
    let _ = write!(text, "\n# A function.\n[layers.{id}]\nfunction = {function}\n");
    text.push_str("# min_zoom = 0\n# max_zoom = 22\n");
}

/// The table's name without quotes where SQL needs none.
fn plain_name(table: &SpatialTable) -> String {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    if plain(&table.schema) && plain(&table.name) {
        format!("{}.{}", table.schema, table.name)
    } else {
        table.qualified()
    }
}

fn toml_key(id: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(bare) { id.to_owned() } else { toml_string(id) }
}

/// A string of TOML, in which nothing is a variable.
fn toml_string(text: &str) -> String {
    toml::Value::String(text.replace("${", "$${")).to_string()
}
