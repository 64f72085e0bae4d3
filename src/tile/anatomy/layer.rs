//! One layer of a tile.

use std::collections::HashMap;

use super::geometry::shape;
use super::wire::{Field, Fields, Wire, varint};
use super::{FeatureAnatomy, HEAVIEST, LayerAnatomy, MAX_VALUES, Malformed, PropertyAnatomy};

/// Section 4.1: the extent where a layer doesn't say.
const DEFAULT_EXTENT: u32 = 4096;

/// Properties that people know features by, the best first.
const TELLING: [&str; 7] = ["name", "name:en", "name_en", "title", "label", "ref", "code"];

/// Longest text of a value that is repeated, in characters.
const SHOWN: usize = 40;

/// Bytes of a name at most: it is repeated where it is told of.
const LONGEST_NAME: usize = 1_000;

/// A value of the layer's list.
struct Value<'a> {
    /// Its message.
    bytes: &'a [u8],
    /// The first value of the list that is the same.
    same: u32,
    /// Bytes of its field, and of those that repeat it.
    size: usize,
    is_counted: bool,
}

/// Reads a layer that begins at byte `at` of the tile and may have `max_keys` keys.
pub fn layer(bytes: &[u8], at: usize, max_keys: usize) -> Result<LayerAnatomy, Malformed> {
    let mut reader = Reader::default();
    // Keys and values stand behind the features that refer to them.
    for field in Fields::new(bytes, at) {
        reader.head(&field?, max_keys)?;
    }
    if !reader.is_named {
        let reason = "a layer without a name (MVT 2.1 section 4.1)";
        return Err(Malformed { at, reason });
    }
    for field in Fields::new(bytes, at) {
        let field = field?;
        if field.number == 2 {
            reader.feature(field.bytes("a feature that is no message (section 4.2)")?, &field)?;
        }
    }
    Ok(reader.finish())
}

struct Reader<'a> {
    out: LayerAnatomy,
    is_named: bool,
    values: Vec<Value<'a>>,
    known: HashMap<&'a [u8], u32>,
    /// Which key has which value.
    pairs: Vec<(u32, u32)>,
}

impl Default for Reader<'_> {
    fn default() -> Self {
        let out = LayerAnatomy { version: 1, extent: DEFAULT_EXTENT, ..LayerAnatomy::default() };
        let (values, known, pairs) = Default::default();
        Self { out, is_named: false, values, known, pairs }
    }
}

/// What a feature's fields say.
#[derive(Default)]
struct Parts<'a> {
    id: Option<u64>,
    kind: u64,
    tags: &'a [u8],
    geometry: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Section 4.1: all of a layer but its features.
    fn head(&mut self, field: &Field<'a>, max_keys: usize) -> Result<(), Malformed> {
        match field.number {
            1 => {
                self.out.name = text(field.bytes("a name that is no text (section 4.1)")?);
                self.is_named = true;
            }
            3 => {
                let key = text(field.bytes("a key that is no text (section 4.1)")?);
                if self.out.properties.len() >= max_keys {
                    return Err(Malformed { at: field.at, reason: "more than 100,000 keys" });
                }
                let (bytes, layer) = (field.size, String::new());
                self.out.key_bytes += bytes;
                let property = PropertyAnatomy { layer, key, bytes, features: 0, values: 0 };
                self.out.properties.push(property);
            }
            4 => {
                let value = field.bytes("a value that is no message (section 4.4)")?;
                if self.values.len() >= MAX_VALUES {
                    return Err(Malformed { at: field.at, reason: "more than 2,000,000 values" });
                }
                self.value(value, field.size);
            }
            5 => {
                let extent = field.varint("an extent that is no number (section 4.1)")?;
                self.out.extent = u32::try_from(extent).unwrap_or(u32::MAX);
            }
            15 => self.out.version = field.varint("a version that is no number (section 4.1)")?,
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, bytes: &'a [u8], size: usize) {
        let index = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.out.value_bytes += size;
        let same = *self.known.entry(bytes).or_insert(index);
        if same != index {
            self.values[same as usize].size += size;
        }
        self.values.push(Value { bytes, same, size, is_counted: false });
    }

    /// Section 4.2.
    fn feature(&mut self, bytes: &'a [u8], field: &Field<'a>) -> Result<(), Malformed> {
        let mut parts = Parts::default();
        for field in Fields::new(bytes, field.at) {
            self.part(&field?, &mut parts)?;
        }
        let index = self.out.features;
        let kind = self.count_kind(parts.kind);
        let found = shape(parts.geometry, parts.kind, self.out.extent);
        let faults = &mut self.out.faults;
        faults.without_id += u64::from(parts.id.is_none());
        faults.bad_geometry +=
            u64::from(kind == "unknown" || found.is_none_or(|found| found.vertices == 0));
        let shape = found.unwrap_or_default();
        faults.far_outside += u64::from(shape.is_far);
        faults.bad_rings += u64::from(shape.has_bad_rings);
        self.out.features += 1;
        self.out.vertices += shape.vertices;
        let known = self.tags(parts.tags);
        self.out.faults.bad_tags += u64::from(known.is_none());
        self.weigh(index, field.size, kind, shape.vertices, &parts);
        Ok(())
    }

    fn part(&mut self, field: &Field<'a>, parts: &mut Parts<'a>) -> Result<(), Malformed> {
        match field.number {
            1 => parts.id = Some(field.varint("an id that is no number (section 4.2)")?),
            2 => {
                parts.tags = field.bytes("tags that aren't packed (section 4.2)")?;
                self.out.tag_bytes += field.size;
            }
            3 => parts.kind = field.varint("a type that is no number (section 4.2)")?,
            4 => {
                parts.geometry = field.bytes("a geometry that isn't packed (section 4.2)")?;
                self.out.geometry_bytes += field.size;
            }
            _ => {}
        }
        Ok(())
    }

    /// Section 4.3.4.
    fn count_kind(&mut self, kind: u64) -> &'static str {
        let (count, name) = match kind {
            1 => (&mut self.out.points, "point"),
            2 => (&mut self.out.lines, "line"),
            3 => (&mut self.out.polygons, "polygon"),
            _ => return "unknown",
        };
        *count += 1;
        name
    }

    /// Section 4.4: pairs of numbers of keys and values. `None` where one isn't there.
    fn tags(&mut self, mut tags: &[u8]) -> Option<()> {
        while !tags.is_empty() {
            let before = tags.len();
            let (key, value) = pair(&mut tags)?;
            let property = self.out.properties.get_mut(key as usize)?;
            let same = self.values.get(value as usize)?.same;
            let value = self.values.get_mut(same as usize)?;
            property.features += 1;
            property.bytes += before - tags.len();
            if !std::mem::replace(&mut value.is_counted, true) {
                property.bytes += value.size;
            }
            self.pairs.push((key, same));
        }
        Some(())
    }

    /// Keeps the feature if it is among the heaviest so far.
    fn weigh(
        &mut self,
        index: u64,
        bytes: usize,
        kind: &'static str,
        vertices: u64,
        parts: &Parts<'a>,
    ) {
        let place = self.out.heaviest.partition_point(|other| other.bytes >= bytes);
        if place >= HEAVIEST {
            return;
        }
        let property = self.telling(parts.tags);
        let (layer, id) = (String::new(), parts.id);
        let feature = FeatureAnatomy { layer, index, id, kind, vertices, bytes, property };
        self.out.heaviest.insert(place, feature);
        self.out.heaviest.truncate(HEAVIEST);
    }

    /// The property that says most of what a feature is.
    fn telling(&self, mut tags: &[u8]) -> Option<(String, String)> {
        let mut best: Option<(usize, (String, String))> = None;
        while let Some((key, value)) = pair(&mut tags) {
            let (Some(property), Some(value)) =
                (self.out.properties.get(key as usize), self.values.get(value as usize))
            else {
                break;
            };
            let is_text = value.bytes.first() == Some(&0x0a);
            let rank = TELLING.iter().position(|telling| *telling == property.key);
            let rank = rank.unwrap_or(TELLING.len() + usize::from(!is_text));
            if best.as_ref().is_none_or(|(other, _)| rank < *other)
                && let Some(value) = shown(value.bytes)
            {
                best = Some((rank, (property.key.clone(), value)));
            }
        }
        best.map(|(_, property)| property)
    }

    fn finish(mut self) -> LayerAnatomy {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        for (key, _) in self.pairs {
            self.out.properties[key as usize].values += 1;
        }
        self.out.keys = self.out.properties.len();
        self.out.values = self.known.len();
        let LayerAnatomy { name, heaviest, .. } = &mut self.out;
        heaviest.iter_mut().for_each(|feature| feature.layer.clone_from(name));
        self.out
    }
}

/// Numbers of a key and of a value.
fn pair(tags: &mut &[u8]) -> Option<(u32, u32)> {
    let key = u32::try_from(varint(tags)?).ok()?;
    let value = u32::try_from(varint(tags)?).ok()?;
    Some((key, value))
}

/// A value as text, cut where it is long; section 4.4 has the types.
fn shown(value: &[u8]) -> Option<String> {
    let field = Fields::new(value, 0).next()?.ok()?;
    Some(match (field.number, field.wire) {
        (1, Wire::Bytes(bytes)) => {
            let text = text(bytes);
            match text.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
        (2, Wire::Fixed32(bytes)) => f32::from_le_bytes(bytes).to_string(),
        (3, Wire::Fixed64(bytes)) => f64::from_le_bytes(bytes).to_string(),
        (4, Wire::Varint(number)) => (number as i64).to_string(),
        (5, Wire::Varint(number)) => number.to_string(),
        (6, Wire::Varint(number)) => ((number >> 1) as i64 ^ -((number & 1) as i64)).to_string(),
        (7, Wire::Varint(flag)) => (flag != 0).to_string(),
        _ => return None,
    })
}

/// What isn't UTF-8 is shown as far as it is; of names without end, the beginning.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_NAME)]).into_owned()
}
