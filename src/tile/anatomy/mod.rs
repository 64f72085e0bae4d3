//! What a tile's bytes are spent on: layers, features, properties (MVT 2.1 section 4).
//!
//! Reads tiles of any origin. What breaks the structure of Protocol Buffers is an error; what breaks
//! the specification inside it is counted.

mod geometry;
mod layer;
#[cfg(test)]
mod tests;
mod wire;

use serde::Serialize;
use thiserror::Error;

use super::compress;
use wire::Fields;

/// Most bytes of a tile that is looked at, uncompressed.
pub const MAX_BYTES: usize = 64 << 20;

/// How many of the heaviest features and properties are told of.
pub const HEAVIEST: usize = 10;

/// Most layers, most keys of all layers together, most values of one: more than any map has. What is
/// kept of each takes many times its bytes.
const MAX_LAYERS: usize = 10_000;
const MAX_KEYS: usize = 100_000;
const MAX_VALUES: usize = 2_000_000;

/// Why bytes are no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a vector tile: at byte {at}: {reason}")]
pub struct Malformed {
    pub at: usize,
    pub reason: &'static str,
}

/// What a tile holds. All sizes are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Anatomy {
    /// Uncompressed.
    pub bytes: usize,
    /// All of it as one gzip stream.
    pub gzip: usize,
    /// In the tile's order.
    pub layers: Vec<LayerAnatomy>,
    /// The heaviest ten, the heaviest first.
    pub heaviest_features: Vec<FeatureAnatomy>,
    pub heaviest_properties: Vec<PropertyAnatomy>,
}

/// A layer of a tile.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LayerAnatomy {
    pub name: String,
    pub version: u64,
    /// Grid units along the tile's side.
    pub extent: u32,
    /// All of the layer, uncompressed.
    pub bytes: usize,
    /// The layer alone as a gzip stream. In the tile layers share a stream, which is a little less.
    pub gzip: usize,
    pub features: u64,
    /// Of these, by geometry type (section 4.3.4).
    pub points: u64,
    pub lines: u64,
    pub polygons: u64,
    /// Without the repetition of a ring's first.
    pub vertices: u64,
    pub keys: usize,
    /// Distinct ones.
    pub values: usize,
    /// Where the layer's bytes go; what is left are ids, types, lengths and the layer's name.
    pub geometry_bytes: usize,
    pub tag_bytes: usize,
    pub key_bytes: usize,
    pub value_bytes: usize,
    pub other_bytes: usize,
    pub faults: Faults,
    /// In the order of the tile; they don't repeat the layer's name.
    #[serde(skip)]
    pub properties: Vec<PropertyAnatomy>,
    #[serde(skip)]
    heaviest: Vec<FeatureAnatomy>,
}

/// Features that something is wrong with, or that lack something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    pub without_id: u64,
    /// With a vertex more than a tile's side outside the tile.
    pub far_outside: u64,
    /// With rings that are open, have no area, or begin with a hole (section 4.3.4.4).
    pub bad_rings: u64,
    /// Of a type or with commands that there are not (section 4.3).
    pub bad_geometry: u64,
    /// With tags that point nowhere (section 4.4).
    pub bad_tags: u64,
}

/// A feature among the heaviest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureAnatomy {
    pub layer: String,
    /// Its place in the layer, from 0.
    pub index: u64,
    pub id: Option<u64>,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub vertices: u64,
    /// Without keys and values, which it may share with others.
    pub bytes: usize,
    /// A property to tell it by, such as its name.
    pub property: Option<(String, String)>,
}

/// A property of a layer's features.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertyAnatomy {
    pub layer: String,
    pub key: String,
    /// The key, its values, and the tags that refer to both. A value that several keys have counts
    /// for the first.
    pub bytes: usize,
    /// Features that have it.
    pub features: u64,
    /// Distinct values.
    pub values: usize,
}

/// Takes a tile apart, which has to be uncompressed.
///
/// # Errors
/// The bytes are no MVT tile, or one beyond all bounds.
pub fn anatomy(tile: &[u8]) -> Result<Anatomy, Malformed> {
    let mut out = Anatomy { bytes: tile.len(), ..Anatomy::default() };
    if tile.len() > MAX_BYTES {
        return Err(Malformed { at: MAX_BYTES, reason: "more than 64 MB" });
    }
    let (mut keys, mut start) = (0, 0);
    for field in Fields::new(tile, 0) {
        let field = field?;
        let whole = &tile[start..start + field.size];
        start += field.size;
        match field.number {
            3 => {}
            // Section 4.1 leaves them to extensions.
            16..=8191 => continue,
            _ => {
                let reason = "a field that tiles don't have (MVT 2.1 section 4.1)";
                return Err(Malformed { at: start - field.size, reason });
            }
        }
        let bytes = field.bytes("a layer that is no message (MVT 2.1 section 4.1)")?;
        let mut layer = layer::layer(bytes, field.at, MAX_KEYS - keys)?;
        keys += layer.properties.len();
        layer.bytes = field.size;
        layer.gzip = compress::gzip(whole).len();
        layer.settle();
        out.layers.push(layer);
        if out.layers.len() > MAX_LAYERS {
            return Err(Malformed { at: field.at, reason: "more than 10,000 layers" });
        }
    }
    out.gzip = if tile.is_empty() { 0 } else { compress::gzip(tile).len() };
    out.rank();
    Ok(out)
}

impl Anatomy {
    pub fn features(&self) -> u64 {
        self.layers.iter().map(|layer| layer.features).sum()
    }

    /// Finds the heaviest of all layers.
    fn rank(&mut self) {
        for layer in &mut self.layers {
            self.heaviest_features.append(&mut layer.heaviest);
        }
        self.heaviest_features.sort_by_key(|feature| std::cmp::Reverse(feature.bytes));
        self.heaviest_features.truncate(HEAVIEST);
        let mut all: Vec<(&str, &PropertyAnatomy)> = Vec::new();
        for layer in &self.layers {
            all.extend(layer.properties.iter().map(|property| (&*layer.name, property)));
        }
        all.sort_by_key(|(_, property)| std::cmp::Reverse(property.bytes));
        let named = |(layer, property): (&str, &PropertyAnatomy)| PropertyAnatomy {
            layer: layer.to_owned(),
            ..property.clone()
        };
        self.heaviest_properties = all.into_iter().take(HEAVIEST).map(named).collect();
    }
}

impl LayerAnatomy {
    /// What is left of its bytes.
    fn settle(&mut self) {
        let known = self.geometry_bytes + self.tag_bytes + self.key_bytes + self.value_bytes;
        self.other_bytes = self.bytes - known;
    }
}
