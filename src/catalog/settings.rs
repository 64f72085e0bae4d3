//! `[layers.*]` and `[tilesets.*]`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::Freshness;
use crate::query::ParamSettings;
use crate::source::postgis::Encoder;
use crate::tile::{Level, Levels};

/// One `[layers.NAME]`: a table and how it becomes a layer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSettings {
    /// Name under `[databases]`; may be left out when there is only one.
    pub database: Option<String>,
    /// `schema.table` or `table`.
    pub table: Option<String>,
    /// A query in place of the table, with `{bbox}` and other tokens.
    pub sql: Option<String>,
    /// A function in place of the table: `schema.name`, perhaps with its arguments' types.
    pub function: Option<String>,
    /// A file in place of a database; `table` names a layer in it where there are several.
    pub file: Option<String>,
    pub geometry: Option<String>,
    pub srid: Option<i32>,
    pub id: Option<String>,
    pub properties: Option<Vec<String>>,
    /// Which rows there are at all, in CQL2.
    pub filter: Option<String>,
    /// Columns that requests may filter by.
    #[serde(default)]
    pub allow_filter: Vec<String>,
    /// Columns of a feature that is asked for by its id.
    #[serde(default)]
    pub details: Vec<String>,
    /// What requests may choose of `sql` and `function`.
    #[serde(default)]
    pub params: BTreeMap<String, ParamSettings>,
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
    #[serde(default)]
    pub encoder: Encoder,
    /// Grid units; none at `max_zoom`.
    #[serde(default = "default_simplify")]
    pub simplify: f64,
    /// Grid units; none at `max_zoom`.
    #[serde(default = "default_min_size")]
    pub min_size: f64,
    pub max_features: Option<u32>,
    /// Columns that decide which rows come first, as in SQL's ORDER BY.
    pub order_by: Option<String>,
    /// Of this layer, uncompressed.
    pub max_tile_bytes: Option<ByteSize>,
    /// What is different at some zooms.
    #[serde(default)]
    pub zooms: Vec<ZoomSettings>,
    /// How long a tile of this layer is kept; `[cache] ttl` when absent.
    #[serde(default, with = "humantime_serde")]
    pub ttl: Option<Duration>,
    /// For browsers; `[cache] max_age` when absent.
    #[serde(default, with = "humantime_serde")]
    pub max_age: Option<Duration>,
    /// For shared caches; `[cache] s_maxage` when absent.
    #[serde(default, with = "humantime_serde")]
    pub s_maxage: Option<Duration>,
    /// As under `[cache]`.
    #[serde(default, with = "humantime_serde")]
    pub stale_while_revalidate: Option<Duration>,
    /// As under `[cache]`.
    #[serde(default, with = "humantime_serde")]
    pub stale_if_error: Option<Duration>,
    /// Says that the rows are others when it changes.
    pub data_version: Option<String>,
    /// A query whose one value is the data version.
    pub version_sql: Option<String>,
}

/// One `[[layers.NAME.zooms]]`: what overrides the layer's own settings at these zooms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoomSettings {
    /// The first and the last.
    pub zooms: [u8; 2],
    /// In place of the layer's table, query, function or file.
    pub table: Option<String>,
    pub sql: Option<String>,
    pub function: Option<String>,
    pub file: Option<String>,
    pub geometry: Option<String>,
    pub srid: Option<i32>,
    pub id: Option<String>,
    pub properties: Option<Vec<String>>,
    /// In place of the layer's.
    pub filter: Option<String>,
    pub simplify: Option<f64>,
    pub min_size: Option<f64>,
    pub max_features: Option<u32>,
    pub max_tile_bytes: Option<ByteSize>,
    #[serde(default, with = "humantime_serde")]
    pub ttl: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    pub max_age: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    pub s_maxage: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    pub stale_while_revalidate: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    pub stale_if_error: Option<Duration>,
}

/// Deepest zoom of a layer that doesn't say.
pub const DEFAULT_MAX_ZOOM: u8 = 22;
/// Grid units along a tile's side for a layer that doesn't say.
pub const DEFAULT_EXTENT: u32 = 4096;
/// Grid units around a tile for a layer that doesn't say.
pub const DEFAULT_BUFFER: u32 = 64;
/// Half a grid unit is below what a screen shows of a tile at its own zoom.
const DEFAULT_SIMPLIFY: f64 = 0.5;
const DEFAULT_MIN_SIZE: f64 = 1.0;

fn default_max_zoom() -> u8 {
    DEFAULT_MAX_ZOOM
}

fn default_extent() -> u32 {
    DEFAULT_EXTENT
}

fn default_buffer() -> u32 {
    DEFAULT_BUFFER
}

fn default_simplify() -> f64 {
    DEFAULT_SIMPLIFY
}

fn default_min_size() -> f64 {
    DEFAULT_MIN_SIZE
}

impl LayerSettings {
    /// The defaults for a table published without settings of its own.
    pub fn for_table(database: &str, table: String, geometry: &str) -> Self {
        let (table, geometry) = (Some(table), Some(geometry.to_owned()));
        Self { table, geometry, ..Self::for_nothing(database) }
    }

    /// The same for a function, as `signature` names it.
    pub fn for_function(database: &str, signature: String) -> Self {
        Self { function: Some(signature), ..Self::for_nothing(database) }
    }

    /// The same for a layer of a file.
    pub fn for_file(path: String, contained: Option<String>) -> Self {
        Self { database: None, file: Some(path), table: contained, ..Self::for_nothing("") }
    }

    fn for_nothing(database: &str) -> Self {
        Self {
            database: Some(database.to_owned()),
            table: None,
            sql: None,
            function: None,
            file: None,
            geometry: None,
            srid: None,
            id: None,
            properties: None,
            filter: None,
            allow_filter: Vec::new(),
            details: Vec::new(),
            params: BTreeMap::new(),
            layer_name: None,
            description: None,
            attribution: None,
            bounds: None,
            min_zoom: 0,
            max_zoom: DEFAULT_MAX_ZOOM,
            extent: DEFAULT_EXTENT,
            buffer: DEFAULT_BUFFER,
            encoder: Encoder::default(),
            simplify: DEFAULT_SIMPLIFY,
            min_size: DEFAULT_MIN_SIZE,
            max_features: None,
            order_by: None,
            max_tile_bytes: None,
            zooms: Vec::new(),
            ttl: None,
            max_age: None,
            s_maxage: None,
            stale_while_revalidate: None,
            stale_if_error: None,
            data_version: None,
            version_sql: None,
        }
    }

    /// How long tiles are kept where the layer says it, at all zooms.
    pub fn freshness(&self) -> Freshness {
        let Self { ttl, max_age, s_maxage, stale_while_revalidate, stale_if_error, .. } = *self;
        Freshness { ttl, max_age, s_maxage, stale_while_revalidate, stale_if_error }
    }

    /// The same where it says it for some zooms.
    pub fn zoom_freshness(&self) -> Vec<(RangeInclusive<u8>, Freshness)> {
        let own = self.zooms.iter().map(|own| (own.zooms[0]..=own.zooms[1], own.freshness()));
        own.filter(|(_, freshness)| *freshness != Freshness::default()).collect()
    }

    /// What is left out at each zoom.
    pub fn levels(&self) -> Levels {
        let own = self.zooms.iter().flat_map(|zooms| self.own_levels(zooms)).collect();
        Levels::new(self.general_level(), self.max_zoom, own)
    }

    fn general_level(&self) -> Level {
        Level {
            simplify: self.simplify,
            min_size: self.min_size,
            max_features: self.max_features,
            max_tile_bytes: self.max_tile_bytes.map(|size| size.as_u64()),
        }
    }

    /// Two where the range ends at the layer's `max_zoom`: there its details stay unless the range
    /// itself says otherwise, since clients stretch these tiles.
    fn own_levels(&self, own: &ZoomSettings) -> Vec<(RangeInclusive<u8>, Level)> {
        let [first, last] = own.zooms;
        let general = self.general_level();
        let full = Level { simplify: 0.0, min_size: 0.0, ..general };
        let below = self.max_zoom.checked_sub(1).map(|below| (first..=last.min(below), general));
        let deepest = (first.max(self.max_zoom)..=last, full);
        (below.into_iter().chain([deepest]).filter(|(zooms, _)| !zooms.is_empty()))
            .map(|(zooms, level)| (zooms, own.over(level)))
            .collect()
    }
}

impl ZoomSettings {
    /// How long tiles of these zooms are kept.
    pub fn freshness(&self) -> Freshness {
        let Self { ttl, max_age, s_maxage, stale_while_revalidate, stale_if_error, .. } = *self;
        Freshness { ttl, max_age, s_maxage, stale_while_revalidate, stale_if_error }
    }

    fn over(&self, level: Level) -> Level {
        Level {
            simplify: self.simplify.unwrap_or(level.simplify),
            min_size: self.min_size.unwrap_or(level.min_size),
            max_features: self.max_features.or(level.max_features),
            max_tile_bytes: self.max_tile_bytes.map(|s| s.as_u64()).or(level.max_tile_bytes),
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
    #[serde(default)]
    pub on_layer_error: OnLayerError,
}

/// What becomes of a tile of several layers if one of them can't be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLayerError {
    /// The tile fails.
    #[default]
    Fail,
    /// It goes without that layer, says so, and is kept for no longer than an error.
    Omit,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(toml: &str) -> Levels {
        let settings: LayerSettings =
            toml::from_str(&format!("table = \"roads\"\n{toml}")).unwrap();
        settings.levels()
    }

    fn level(simplify: f64, min_size: f64) -> Level {
        Level { simplify, min_size, ..Level::default() }
    }

    #[test]
    fn a_layer_without_settings_is_simplified_below_its_last_zoom_only() {
        let published = LayerSettings::for_table("main", "roads".to_owned(), "geom");
        for levels in [levels(""), published.levels()] {
            assert_eq!((levels.at(0), levels.at(21)), (level(0.5, 1.0), level(0.5, 1.0)));
            assert_eq!(levels.at(22), Level::default());
        }
    }

    #[test]
    fn a_range_of_zooms_overrides_what_it_names_and_nothing_else() {
        let levels = levels(
            "max_features = 9\nmax_tile_bytes = \"2KB\"\n\
             [[zooms]]\nzooms = [3, 5]\nsimplify = 4\nmax_features = 5\n\
             [[zooms]]\nzooms = [7, 7]\nmin_size = 0\nmax_tile_bytes = \"9KB\"\n",
        );
        let all = |simplify, min_size, max_features, max_tile_bytes| Level {
            simplify,
            min_size,
            max_features: Some(max_features),
            max_tile_bytes: Some(max_tile_bytes),
        };
        assert_eq!([2, 6, 8].map(|z| levels.at(z)), [all(0.5, 1.0, 9, 2_000); 3]);
        assert_eq!([3, 4, 5].map(|z| levels.at(z)), [all(4.0, 1.0, 5, 2_000); 3]);
        assert_eq!(levels.at(7), all(0.5, 0.0, 9, 9_000));
    }

    #[test]
    fn a_range_that_ends_at_the_last_zoom_keeps_details_there_unless_it_says_otherwise() {
        let ranges = "max_zoom = 14\n[[zooms]]\nzooms = [12, 14]\nmax_features = 5\n";
        let five = |level| Level { max_features: Some(5), ..level };
        let partly = levels(ranges);
        assert_eq!((partly.at(12), partly.at(13)), (five(level(0.5, 1.0)), five(level(0.5, 1.0))));
        assert_eq!(partly.at(14), five(level(0.0, 0.0)));
        let simplified = levels(&format!("{ranges}simplify = 2\n"));
        assert_eq!(simplified.at(13), five(level(2.0, 1.0)));
        assert_eq!(simplified.at(14), five(level(2.0, 0.0)));
        let only = levels("max_zoom = 0\n[[zooms]]\nzooms = [0, 0]\nmin_size = 3\n");
        assert_eq!(only.at(0), level(0.0, 3.0));
    }
}
