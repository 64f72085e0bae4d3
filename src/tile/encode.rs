//! Features to the bytes of an MVT layer.
//!
//! Section numbers are those of the Mapbox Vector Tile Specification 2.1, field numbers those of
//! its `vector_tile.proto`.

use super::LayerSpec;
use super::arena::{Arena, Row};
use super::shape::Kind;

/// Wire type of fields with a length.
const BYTES: u8 = 2;

/// The MVT `Tile` message that holds only this layer, features in the order of `rows`, keys and
/// values numbered in the order of their first use.
fn layer(spec: &LayerSpec, arena: &Arena, encoding: &mut Encoding, rows: &[u32]) -> Vec<u8> {
    #[cfg(test)]
    tests::ENCODINGS.set(tests::ENCODINGS.get() + 1);
    let mut writer = Writer::new(spec, arena, encoding);
    rows.iter().for_each(|row| writer.feature(arena.row(*row)));
    writer.finish()
}

/// The MVT `Tile` message that holds only this layer, in at most `limit` bytes, and the number of
/// features in it. When that leaves features out, it takes them in the order
/// of their rank if they have any, else the largest first, until one doesn't fit; such that no
/// tile could hold are passed over.
pub fn layer_within(
    spec: &LayerSpec,
    arena: &Arena,
    encoding: &mut Encoding,
    rows: &[u32],
    limit: usize,
) -> (Vec<u8>, usize) {
    let whole = layer(spec, arena, encoding, rows);
    if whole.len() <= limit {
        return (whole, rows.len());
    }
    let mut by_importance: Vec<(usize, u32)> = rows.iter().copied().enumerate().collect();
    if !arena.is_ranked() {
        // Stable: features of one size stay in the order of the tile.
        by_importance.sort_by(|(_, a), (_, b)| arena.row(*b).size.total_cmp(&arena.row(*a).size));
    }
    let mut writer = Writer::new(spec, arena, encoding);
    let mut taken = Vec::new();
    for (place, row) in by_importance {
        writer.feature(arena.row(row));
        if writer.size() <= limit {
            taken.push((place, row));
        } else if taken.is_empty() {
            writer.restart();
        } else {
            break;
        }
    }
    // In another order the numbers of keys and values may take a byte more.
    let fits = |count: usize, encoding: &mut Encoding| {
        let mut rows = taken[..count].to_vec();
        rows.sort_unstable();
        let rows: Vec<u32> = rows.into_iter().map(|(_, row)| row).collect();
        let bytes = if rows.is_empty() { Vec::new() } else { layer(spec, arena, encoding, &rows) };
        (bytes.len() <= limit).then_some(bytes)
    };
    if let Some(bytes) = fits(taken.len(), encoding) {
        return (bytes, taken.len());
    }
    let (mut least, mut too_many) = (0, taken.len());
    let mut best = Vec::new();
    while least + 1 < too_many {
        let middle = least.midpoint(too_many);
        match fits(middle, encoding) {
            Some(bytes) => (least, best) = (middle, bytes),
            None => too_many = middle,
        }
    }
    (best, least)
}

/// What stands for "not used yet" among new numbers.
const UNUSED: u32 = u32::MAX;

/// Buffers of a [`Writer`].
#[derive(Debug, Default)]
pub struct Encoding {
    /// `Feature` messages with their tags and lengths.
    features: Vec<u8>,
    /// New numbers by the arena's indices.
    key_numbers: Vec<u32>,
    value_numbers: Vec<u32>,
    keys: Vec<u8>,
    values: Vec<u8>,
    tags: Vec<u8>,
}

impl Encoding {
    pub fn clear(&mut self) {
        self.features.clear();
        self.keys.clear();
        self.values.clear();
        self.key_numbers.clear();
        self.value_numbers.clear();
    }

    /// Bytes that there is room for.
    pub fn capacity(&self) -> usize {
        let numbers = self.key_numbers.capacity() + self.value_numbers.capacity();
        self.features.capacity()
            + self.keys.capacity()
            + self.values.capacity()
            + self.tags.capacity()
            + numbers * size_of::<u32>()
    }
}

struct Writer<'a> {
    spec: &'a LayerSpec,
    arena: &'a Arena,
    out: &'a mut Encoding,
    key_count: u32,
    value_count: u32,
}

impl<'a> Writer<'a> {
    fn new(spec: &'a LayerSpec, arena: &'a Arena, out: &'a mut Encoding) -> Self {
        let mut writer = Self { spec, arena, out, key_count: 0, value_count: 0 };
        writer.restart();
        writer
    }

    fn restart(&mut self) {
        self.out.clear();
        self.out.key_numbers.resize(self.spec.keys.len(), UNUSED);
        self.out.value_numbers.resize(self.arena.values.len(), UNUSED);
        (self.key_count, self.value_count) = (0, 0);
    }

    /// Section 4.2: `id` = 1, `tags` = 2, `type` = 3, `geometry` = 4.
    fn feature(&mut self, row: &Row) {
        self.number_tags(row);
        let geometry = self.arena.geometry(row);
        let id = row.id.map_or(0, |id| 1 + length(id));
        let tags = if self.out.tags.is_empty() { 0 } else { field_length(self.out.tags.len()) };
        let out = &mut self.out.features;
        key(out, 2, BYTES);
        varint(out, (id + tags + 2 + field_length(geometry.len())) as u64);
        if let Some(id) = row.id {
            key(out, 1, 0);
            varint(out, id);
        }
        if !self.out.tags.is_empty() {
            bytes_field(out, 2, &self.out.tags);
        }
        let kind = match row.kind {
            Kind::Points => 1,
            Kind::Lines => 2,
            Kind::Polygons => 3,
        };
        out.extend_from_slice(&[3 << 3, kind]);
        bytes_field(out, 4, geometry);
    }

    /// Section 4.4: pairs of numbers of keys and values.
    fn number_tags(&mut self, row: &Row) {
        self.out.tags.clear();
        for &(key, value) in self.arena.tags(row) {
            let Some(number) = self.out.key_numbers.get_mut(key as usize) else { continue };
            if *number == UNUSED {
                *number = self.key_count;
                self.key_count += 1;
                bytes_field(&mut self.out.keys, 3, self.spec.keys[key as usize].as_bytes());
            }
            varint(&mut self.out.tags, u64::from(*number));
            let number = &mut self.out.value_numbers[value as usize];
            if *number == UNUSED {
                *number = self.value_count;
                self.value_count += 1;
                bytes_field(&mut self.out.values, 4, self.arena.values.get(value));
            }
            varint(&mut self.out.tags, u64::from(*number));
        }
    }

    /// Section 4.1, but for features, keys and values.
    fn body_length(&self) -> usize {
        2 + field_length(self.spec.name.len())
            + self.out.features.len()
            + self.out.keys.len()
            + self.out.values.len()
            + 1
            + length(u64::from(self.spec.extent))
    }

    /// Bytes of the finished message.
    fn size(&self) -> usize {
        field_length(self.body_length())
    }

    /// Section 4.1: `version` = 15, which comes first, `name` = 1, `features` = 2, `keys` = 3,
    /// `values` = 4, `extent` = 5.
    fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        key(&mut out, 3, BYTES);
        varint(&mut out, self.body_length() as u64);
        out.extend_from_slice(&[15 << 3, 2]);
        bytes_field(&mut out, 1, self.spec.name.as_bytes());
        out.extend_from_slice(&self.out.features);
        out.extend_from_slice(&self.out.keys);
        out.extend_from_slice(&self.out.values);
        key(&mut out, 5, 0);
        varint(&mut out, u64::from(self.spec.extent));
        out
    }
}

fn key(out: &mut Vec<u8>, field: u8, wire: u8) {
    out.push(field << 3 | wire);
}

fn bytes_field(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    key(out, field, BYTES);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes of a field with a length, for field numbers below 16.
fn field_length(bytes: usize) -> usize {
    1 + length(bytes as u64) + bytes
}

/// Appends a base 128 varint.
#[inline]
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a varint.
fn length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Crs, LayerSpec, Level, Levels, Truncation};
    use super::{length, varint};

    thread_local! {
        /// How often a layer was encoded.
        pub static ENCODINGS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[test]
    fn varints_have_the_length_that_is_counted() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out.len(), length(value), "{value}");
        }
    }

    #[test]
    fn keys_and_values_are_numbered_in_the_order_of_the_tile() {
        let tagged = |id, values: &[(usize, &str)]| Row {
            id: Some(id),
            values: values.iter().map(|(key, text)| (*key, Owned::Text((*text).into()))).collect(),
            ..row(point(0.0, 0.0))
        };
        let rows =
            [tagged(2, &[(2, "late"), (0, "same")]), tagged(1, &[(1, "early"), (0, "same")])];
        let (tile, _) = build(&spec(Crs::Wgs84), (0, 0, 0), &rows);
        let at = |text: &str| {
            tile.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
        };
        assert!(at("early") < at("same") && at("same") < at("late"));
    }

    #[test]
    fn lines_that_follow_each_other_stay_lines_of_their_own() {
        let tile = (14, 8000, 6000);
        let part = |points: &[P]| {
            line(&points.iter().map(|&point| metres(tile, point)).collect::<Vec<_>>())
        };
        let lines = [
            part(&[(0.0, 0.0), (10.0, 10.0)]),
            part(&[(10.0, 10.0), (20.0, 0.0)]),
            part(&[(20.0, 0.0), (10.0, 10.0)]),
        ];
        let (bytes, _) = build(&spec(Crs::WebMercator), tile, &[row(collection(5, &lines))]);
        assert_eq!(
            decode(&bytes)[0].parts,
            [[[0, 0], [10, 10]], [[10, 10], [20, 0]], [[20, 0], [10, 10]]]
        );
    }

    /// Rows of lines: the n-th is `n` long; and the tile that `limit` leaves of them.
    fn limited(ranked: bool, limit: u64) -> (Vec<u64>, usize, Option<Truncation>) {
        let tile = (14, 8000, 6000);
        let rows: Vec<_> = (1..=50)
            .map(|n| Row {
                id: Some(n),
                rank: if ranked { vec![n as u8 % 7 + 1, n as u8] } else { Vec::new() },
                values: vec![(0, Owned::Text(format!("value {n}")))],
                ..row(line(&[metres(tile, (0.0, 9.0)), metres(tile, (n as f64, 9.0))]))
            })
            .collect();
        let level = Level { max_tile_bytes: Some(limit), ..Level::default() };
        let spec = LayerSpec { levels: Levels::new(level, 0, vec![]), ..spec(Crs::WebMercator) };
        let (bytes, stats) = build(&spec, tile, &rows);
        let ids: Vec<_> = decode(&bytes).iter().filter_map(|feature| feature.id).collect();
        assert_eq!(ids.len() as u64, stats.features);
        (ids, bytes.len(), stats.truncated)
    }

    #[test]
    fn bytes_beyond_the_budget_are_those_of_the_smallest_features() {
        let (all, size, truncated) = limited(false, 1_000_000);
        assert_eq!((all.len(), truncated), (50, None));
        let (ids, half, truncated) = limited(false, size as u64 / 2);
        assert!(half <= size / 2 && half > size / 3, "{half}");
        assert_eq!(truncated, Some(Truncation::MaxTileBytes));
        assert_eq!(ids, (51 - ids.len() as u64..=50).collect::<Vec<_>>());
        assert_eq!(limited(false, size as u64).2, None);
        assert_eq!(limited(false, size as u64 - 1).0.len(), 49);
    }

    #[test]
    fn a_layers_own_order_decides_what_is_left_out() {
        let (ids, ..) = limited(true, 500);
        let mut expected: Vec<u64> = (1..=50).collect();
        expected.sort_by_key(|n| (n % 7, *n));
        assert_eq!(ids, expected[..ids.len()]);
        assert!(ids.len() > 10);
    }

    #[test]
    fn a_budget_that_holds_nothing_leaves_nothing() {
        assert_eq!(limited(false, 10), (vec![], 0, Some(Truncation::MaxTileBytes)));
    }

    #[test]
    fn numbers_that_grow_in_the_order_of_the_tile_cost_a_few_attempts() {
        let tile = (14, 8000, 6000);
        // The longest have one name, which is a small number if they come first.
        let rows: Vec<_> = (1..=9000)
            .map(|n| Row {
                id: Some(n),
                values: vec![(
                    0,
                    Owned::Text(if n > 6000 { "same".into() } else { format!("{n}") }),
                )],
                ..row(line(&[metres(tile, (0.0, 9.0)), metres(tile, (n as f64 / 3.0, 9.0))]))
            })
            .collect();
        let whole = build(&spec(Crs::WebMercator), tile, &rows).0.len() as u64;
        let level = Level { max_tile_bytes: Some(whole - 9_000), ..Level::default() };
        let spec = LayerSpec { levels: Levels::new(level, 0, vec![]), ..spec(Crs::WebMercator) };
        let before = ENCODINGS.get();
        let (bytes, stats) = build(&spec, tile, &rows);
        assert!(bytes.len() as u64 <= whole - 9_000 && stats.features > 7_000, "{stats:?}");
        let encodings = ENCODINGS.get() - before;
        assert!((3..30).contains(&encodings), "{encodings} encodings");
    }
}
