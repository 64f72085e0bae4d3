//! What is published, under which names.

mod settings;

pub use settings::{
    DEFAULT_BUFFER, DEFAULT_EXTENT, DEFAULT_MAX_ZOOM, LayerSettings, TilesetSettings,
};
