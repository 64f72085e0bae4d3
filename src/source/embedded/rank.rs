//! `order_by` of features in memory, as bytes that compare as the features' places do.

use super::batch::Types;
use super::store::Store;
use super::values::Code;
use crate::source::OrderBy;
use crate::tile::Value;

/// One property of `order_by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Place of the column.
    pub(super) column: usize,
    descending: bool,
    nulls_first: bool,
    /// All values are integers, which are compared exactly then.
    whole: bool,
    /// All values are times in UTC, whose fractions of a second may have any number of digits.
    times: bool,
}

impl Key {
    pub(super) fn new(order: &OrderBy, column: usize, types: Types) -> Self {
        let descending = order.descending;
        // As SQL has it: a value that isn't there is above all others.
        let nulls_first = order.nulls_first.unwrap_or(descending);
        let only = |wanted: Types| types == wanted;
        let none = Types::default();
        let whole = only(Types { ints: true, ..none });
        let times = only(Types { texts: true, times: true, ..none });
        Self { column, descending, nulls_first, whole, times }
    }

    /// Appends the bytes of a feature. Booleans come before numbers and those before texts, which
    /// compare by their bytes.
    pub(super) fn append(&self, store: &Store, feature: usize, rank: &mut Vec<u8>) {
        let code: Option<Code> = store.tag(feature, self.column);
        rank.push(u8::from(code.is_some() == self.nulls_first));
        let Some(code) = code else { return };
        let start = rank.len();
        match store.values().get(code) {
            Value::Bool(value) => rank.extend([0, u8::from(value)]),
            Value::Int(value) if self.whole => {
                rank.push(1);
                rank.extend((value.cast_unsigned() ^ 1 << 63).to_be_bytes());
            }
            Value::Int(value) => append_double(value as f64, rank),
            Value::Double(value) => append_double(value, rank),
            Value::Text(text) => {
                // Without the letter at the end, more digits are later.
                let text = if self.times { text.trim_end_matches('Z') } else { text };
                rank.push(2);
                // A zero is two bytes, so that the end is below all that may follow.
                for byte in text.bytes() {
                    rank.push(byte);
                    rank.extend((byte == 0).then_some(1));
                }
                rank.extend([0, 0]);
            }
        }
        if self.descending {
            rank[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

fn append_double(value: f64, rank: &mut Vec<u8>) {
    // Adding zero makes one of the two zeros.
    let bits = (value + 0.0).to_bits();
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    rank.push(1);
    rank.extend(ordered.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Batch, Types};
    use super::*;
    use crate::tile::{Crs, Kind};

    fn store(values: &[Option<Value<'_>>]) -> Store {
        let mut batch = Batch::default();
        let key = batch.declare("a", Types::default()).unwrap();
        for (place, value) in values.iter().enumerate() {
            value.iter().for_each(|value| batch.tag_key(key, *value).unwrap());
            batch.part(Kind::Points, false, Crs::Wgs84, [[1.0, 1.0]].into_iter()).unwrap();
            batch.finish(Some(place as u64));
        }
        Store::new(vec![batch]).unwrap()
    }

    /// Places of the values in their order.
    fn order(order_by: &str, types: Types, values: &[Option<Value<'_>>]) -> Vec<u64> {
        let store = store(values);
        let key = Key::new(&order_by.parse().unwrap(), 0, types);
        let mut all: Vec<(Vec<u8>, u64)> = (0..store.len())
            .map(|feature| {
                let mut rank = Vec::new();
                key.append(&store, feature, &mut rank);
                (rank, store.id(feature).unwrap())
            })
            .collect();
        all.sort();
        all.into_iter().map(|(_, id)| id).collect()
    }

    #[test]
    fn features_come_in_the_order_of_their_values() {
        let whole = Types { ints: true, ..Types::default() };
        let times = Types { texts: true, times: true, ..Types::default() };
        let moments = ["2026-01-01T12:00:00.25Z", "2026-01-01T12:00:00Z", "2026-01-01T12:00:00.3Z"];
        assert_eq!(order("a", times, &moments.map(|text| Some(Value::Text(text)))), [1, 0, 2]);
        let big = (1 << 53) + 1;
        let ints = [Some(Value::Int(big)), None, Some(Value::Int(-3)), Some(Value::Int(big - 1))];
        assert_eq!(order("a", whole, &ints), [2, 3, 0, 1]);
        assert_eq!(order("a DESC", whole, &ints), [1, 0, 3, 2]);
        assert_eq!(order("a DESC NULLS LAST", whole, &ints), [0, 3, 2, 1]);
        let mixed = [
            Some(Value::Text("b")),
            Some(Value::Double(-0.5)),
            Some(Value::Text("ab")),
            Some(Value::Text("a")),
            Some(Value::Int(0)),
            Some(Value::Bool(true)),
            Some(Value::Text("a\0")),
        ];
        assert_eq!(order("a", Types::default(), &mixed), [5, 1, 4, 3, 6, 2, 0]);
        assert_eq!(order("a DESC", Types::default(), &mixed), [0, 2, 6, 3, 4, 1, 5]);
    }
}
