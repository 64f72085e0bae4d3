//! The property values of a layer, each kept once, as the bytes that stand for it in the tile.

use hashbrown::HashTable;

use super::Value;
use super::encode::varint;

/// Values by the order in which they were first seen. Equal values are equal bytes.
#[derive(Debug, Default)]
pub struct Values {
    /// MVT `Value` messages (section 4.1), one after the other.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
    table: HashTable<Entry>,
}

/// A value in the table. With the hash beside the index, a look at another value's bytes is rare.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    index: u32,
}

impl Entry {
    fn full_hash(&self) -> u64 {
        full_hash(self.hash)
    }
}

/// The table takes its bits from both ends of a hash.
fn full_hash(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Values {
    /// The index of `value`; `None` for NaN and infinities, which few readers survive, and once
    /// there are 4 GB of values.
    pub fn intern(&mut self, value: Value<'_>) -> Option<u32> {
        let start = self.bytes.len();
        if !write(value, &mut self.bytes) {
            return None;
        }
        let hash = xxhash_rust::xxh3::xxh3_64(&self.bytes[start..]) as u32;
        let new = &self.bytes[start..];
        let same = |entry: &Entry| entry.hash == hash && self.get(entry.index) == new;
        if let Some(&Entry { index, .. }) = self.table.find(full_hash(hash), same) {
            self.bytes.truncate(start);
            return Some(index);
        }
        let (Ok(index), Ok(end)) =
            (u32::try_from(self.ends.len()), u32::try_from(self.bytes.len()))
        else {
            self.bytes.truncate(start);
            return None;
        };
        self.ends.push(end);
        self.table.insert_unique(full_hash(hash), Entry { hash, index }, Entry::full_hash);
        Some(index)
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.table.clear();
    }

    /// Bytes that there is room for.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
            + self.ends.capacity() * size_of::<u32>()
            + self.table.capacity() * size_of::<Entry>()
    }

    /// The `Value` message of an index.
    pub fn get(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start as usize..self.ends[index] as usize]
    }

    /// The value of an index.
    #[cfg(any(test, feature = "mvt-encoder"))]
    pub fn value(&self, index: u32) -> Value<'_> {
        let (tag, rest) = self.get(index).split_first().unwrap_or((&0, &[]));
        let varint = |bytes: &[u8]| {
            bytes.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7F))
        };
        match tag >> 3 {
            1 => {
                let text = rest.iter().position(|byte| *byte < 0x80).map_or(0, |end| end + 1);
                Value::Text(std::str::from_utf8(&rest[text..]).unwrap_or_default())
            }
            3 => Value::Double(f64::from_le_bytes(rest.try_into().unwrap_or_default())),
            6 => {
                let value = varint(rest);
                Value::Int(((value >> 1) as i64) ^ -((value & 1) as i64))
            }
            _ => Value::Bool(rest == [1]),
        }
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }
}

/// Appends a `Value` message; false if the value has none.
fn write(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Text(text) => {
            out.push(1 << 3 | 2);
            varint(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Double(value) if value.is_finite() => {
            out.push(3 << 3 | 1);
            // Adding zero turns -0.0 into 0.0.
            out.extend_from_slice(&(value + 0.0).to_le_bytes());
        }
        Value::Double(_) => return false,
        Value::Int(value) => {
            out.push(6 << 3);
            varint(out, ((value << 1) ^ (value >> 63)) as u64);
        }
        Value::Bool(value) => out.extend_from_slice(&[7 << 3, u8::from(value)]),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_of_one_type_are_one() {
        let mut values = Values::default();
        let mut index = |value| values.intern(value);
        assert_eq!(index(Value::Text("a")), Some(0));
        assert_eq!(index(Value::Int(1)), Some(1));
        assert_eq!(index(Value::Double(1.0)), Some(2));
        assert_eq!(index(Value::Bool(true)), Some(3));
        assert_eq!(index(Value::Text("a")), Some(0));
        assert_eq!(index(Value::Double(0.0)), index(Value::Double(-0.0)));
        assert_eq!(index(Value::Double(f64::NAN)), None);
        assert_eq!(index(Value::Double(f64::INFINITY)), None);
        assert_eq!(values.len(), 5);
        assert_eq!(values.get(0), [0x0a, 1, b'a']);
    }
}
