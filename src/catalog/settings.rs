//! `[layers.*]` and `[tilesets.*]`.

use std::time::Duration;

use serde::Deserialize;

use crate::source::postgis::TableSettings;

/// One `[layers.NAME]`: a table and how it becomes a layer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSettings {
    /// Name under `[databases]`; may be left out when there is only one.
    pub database: Option<String>,
    /// `schema.table` or `table`.
    pub table: String,
    pub geometry: Option<String>,
    pub srid: Option<i32>,
    pub id: Option<String>,
    pub properties: Option<Vec<String>>,
    /// Name of the layer inside the tile; the layer's own name when absent.
    pub layer_name: Option<String>,
    pub description: Option<String>,
    pub attribution: Option<String>,
    /// West, south, east, north in degrees.
    pub bounds: Option<[f64; 4]>,
    #[serde(default)]
    pub min_zoom: u8,
    #[serde(default = "default_max_zoom")]
    pub max_zoom: u8,
    #[serde(default = "default_extent")]
    pub extent: u32,
    #[serde(default = "default_buffer")]
    pub buffer: u32,
    /// How long a tile of this layer is kept; `[cache] ttl` when absent.
    #[serde(default, with = "humantime_serde")]
    pub ttl: Option<Duration>,
    /// For browsers; `[cache] max_age` when absent.
    #[serde(default, with = "humantime_serde")]
    pub max_age: Option<Duration>,
    /// For shared caches; `[cache] s_maxage` when absent.
    #[serde(default, with = "humantime_serde")]
    pub s_maxage: Option<Duration>,
}

/// Deepest zoom of a layer that doesn't say.
pub const DEFAULT_MAX_ZOOM: u8 = 22;
/// Grid units along a tile's side for a layer that doesn't say.
pub const DEFAULT_EXTENT: u32 = 4096;
/// Grid units around a tile for a layer that doesn't say.
pub const DEFAULT_BUFFER: u32 = 64;

fn default_max_zoom() -> u8 {
    DEFAULT_MAX_ZOOM
}

fn default_extent() -> u32 {
    DEFAULT_EXTENT
}

fn default_buffer() -> u32 {
    DEFAULT_BUFFER
}

impl LayerSettings {
    /// The defaults for a table published without settings of its own.
    pub fn for_table(database: &str, table: String, geometry: &str) -> Self {
        Self {
            database: Some(database.to_owned()),
            table,
            geometry: Some(geometry.to_owned()),
            srid: None,
            id: None,
            properties: None,
            layer_name: None,
            description: None,
            attribution: None,
            bounds: None,
            min_zoom: 0,
            max_zoom: DEFAULT_MAX_ZOOM,
            extent: DEFAULT_EXTENT,
            buffer: DEFAULT_BUFFER,
            ttl: None,
            max_age: None,
            s_maxage: None,
        }
    }

    /// The part that the database has to answer for.
    pub fn table_settings(&self) -> TableSettings {
        TableSettings {
            table: self.table.clone(),
            geometry: self.geometry.clone(),
            srid: self.srid,
            id: self.id.clone(),
            properties: self.properties.clone(),
            ..TableSettings::default()
        }
    }
}

/// One `[tilesets.NAME]`: layers that are served as one tile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TilesetSettings {
    pub layers: Vec<String>,
    pub description: Option<String>,
    pub attribution: Option<String>,
}
