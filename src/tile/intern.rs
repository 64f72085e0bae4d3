//! The property values of a layer, each kept once, as the bytes that stand for it in the tile.

use hashbrown::HashTable;

use super::Value;
use super::encode::varint;

/// Values by the order in which they were first seen. Equal values are equal bytes.
#[derive(Debug, Default)]
pub struct Values {
    /// MVT `Value` messages (section 4.1), one after the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    table: HashTable<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    start: usize,
    end: usize,
}

impl Values {
    /// The index of `value`; `None` for NaN and infinities, which few readers survive.
    pub fn intern(&mut self, value: Value<'_>) -> Option<u32> {
        let start = self.bytes.len();
        if !write(value, &mut self.bytes) {
            return None;
        }
        let hash = xxhash_rust::xxh3::xxh3_64(&self.bytes[start..]);
        let (bytes, entries) = (&self.bytes, &self.entries);
        let same = |&index: &u32| {
            let entry = entries[index as usize];
            entry.hash == hash && bytes[entry.start..entry.end] == bytes[start..]
        };
        if let Some(&index) = self.table.find(hash, same) {
            self.bytes.truncate(start);
            return Some(index);
        }
        let index = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(Entry { hash, start, end: self.bytes.len() });
        let entries = &self.entries;
        self.table.insert_unique(hash, index, |index| entries[*index as usize].hash);
        Some(index)
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.table.clear();
    }

    /// Bytes that there is room for.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.table.capacity() * size_of::<u32>()
    }

    /// The `Value` message of an index.
    pub fn get(&self, index: u32) -> &[u8] {
        let entry = self.entries[index as usize];
        &self.bytes[entry.start..entry.end]
    }

    pub fn len(&self) -> usize {
        self.entries.len()
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
