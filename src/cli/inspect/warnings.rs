//! What about a tile is worth a look, with what to do about it.

use std::collections::HashSet;

use super::super::table::{number, share};
use crate::tile::anatomy::{Anatomy, LayerAnatomy, PropertyAnatomy};

/// Packed bytes of a tile from which maps on phones are slow; tippecanoe's limit too.
const HEAVY_TILE: usize = 500_000;

/// Bytes of a layer below which it doesn't matter what they are spent on.
const SMALL_LAYER: usize = 4_096;

/// Most names of properties that are worth listing.
const LISTED: usize = 20;

/// About how it was packed.
pub fn of_packing(packed: &[&'static str]) -> Vec<String> {
    match packed {
        [_, _, ..] => vec![format!(
            "it is packed {} times ({}): browsers unpack it once",
            packed.len(),
            packed.join(", then ")
        )],
        _ => Vec::new(),
    }
}

/// About what is in it.
pub fn of_tile(anatomy: &Anatomy) -> Vec<String> {
    let mut out = Vec::new();
    if anatomy.gzip > HEAVY_TILE {
        out.push(format!(
            "the tile has {} bytes when packed, which is more than {}: serve fewer properties or \
             features (min_size, max_features, min_zoom), or fewer layers",
            number(anatomy.gzip),
            number(HEAVY_TILE)
        ));
    }
    let mut names = HashSet::new();
    for layer in &anatomy.layers {
        out.extend(of_layer(layer));
        if !names.insert(&layer.name) {
            out.push(format!("{}: another layer has that name (MVT 2.1 section 4.1)", layer.name));
        }
    }
    out
}

fn of_layer(layer: &LayerAnatomy) -> Vec<String> {
    let mut out: Vec<String> = heavy_property(layer).into_iter().collect();
    let LayerAnatomy { name, features, faults, version, .. } = layer;
    if !(1..=2).contains(version) {
        out.push(format!("{name}: version {version}, which maps don't know"));
    }
    let counted = [
        (
            faults.without_id,
            "have no id, so that maps can't tell them apart across tiles: id = \"…\"",
        ),
        (
            faults.far_outside,
            "reach more than a tile's side beyond the tile: cut them to its buffer",
        ),
        (
            faults.bad_rings,
            "have rings that are open, empty or wound the wrong way, which maps may draw inside out",
        ),
        (faults.bad_geometry, "have no geometry that can be read (MVT 2.1 section 4.3)"),
        (faults.bad_tags, "have tags that point nowhere (MVT 2.1 section 4.4)"),
    ];
    let found = counted.iter().filter(|(count, _)| *count > 0);
    out.extend(found.map(|(count, what)| {
        format!("{name}: {} of {} features {what}", number(*count), number(*features))
    }));
    out
}

/// A property that takes most of the layer.
fn heavy_property(layer: &LayerAnatomy) -> Option<String> {
    let heaviest = layer.properties.iter().max_by_key(|property| property.bytes)?;
    if layer.bytes < SMALL_LAYER || heaviest.bytes * 2 <= layer.bytes {
        return None;
    }
    let others = layer.properties.iter().filter(|property| property.key != heaviest.key);
    let others: Vec<String> =
        others.map(|PropertyAnatomy { key, .. }| format!("{key:?}")).collect();
    let list = match others.len() {
        0..=LISTED => others.join(", "),
        _ => "…".to_owned(),
    };
    Some(format!(
        "{}: {} of its bytes are in the property {}; without it: properties = [{list}]",
        layer.name,
        share(heaviest.bytes, layer.bytes),
        heaviest.key
    ))
}
