//! The TOML file and the environment, merged and validated.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{cache, catalog, http, source::postgis};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub server: http::Settings,
    pub cache: cache::Settings,
    pub databases: BTreeMap<String, postgis::Settings>,
    pub layers: BTreeMap<String, catalog::LayerSettings>,
    pub tilesets: BTreeMap<String, catalog::TilesetSettings>,
}

