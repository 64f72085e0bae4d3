//! Values of properties, each distinct one kept once.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::query::Scalar;
use crate::tile::Value;

/// A value as a feature refers to it: small integers and booleans as they are, others by their
/// place among those of their kind in [`Values`].
///
/// ```text
///   31 30 29 28 …               0
///    1  integer of 31 bits, two's complement
///    0  0  0  place of a text
///    0  0  1  place of an integer
///    0  1  0  place of a double
///    0  1  1  0 or 1, a boolean
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(u32);

const SMALL: u32 = 1 << 31;
const TEXT: u32 = 0;
const INT: u32 = 1 << 29;
const DOUBLE: u32 = 2 << 29;
const BOOL: u32 = 3 << 29;
const KIND: u32 = 3 << 29;

/// Integers from the negative of this on and below it are small.
const SMALL_END: i64 = 1 << 30;
/// Distinct values of a kind at most.
const MAX_PLACES: usize = 1 << 29;

/// The distinct values that a [`Code`] can't hold.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Where each text ends.
    ends: Vec<u64>,
    texts: String,
    ints: Vec<i64>,
    doubles: Vec<f64>,
}

impl Values {
    /// The value that `code` stands for.
    #[inline]
    pub(super) fn get(&self, Code(code): Code) -> Value<'_> {
        if code & SMALL != 0 {
            return Value::Int(i64::from((code << 1).cast_signed() >> 1));
        }
        let place = (code & !KIND) as usize;
        match code & KIND {
            INT => Value::Int(self.ints[place]),
            DOUBLE => Value::Double(self.doubles[place]),
            BOOL => Value::Bool(place != 0),
            _ => Value::Text(self.text(place)),
        }
    }

    /// The same for a filter.
    pub(super) fn scalar(&self, code: Code) -> Scalar<'_> {
        match self.get(code) {
            Value::Bool(value) => Scalar::Bool(value),
            Value::Int(value) => Scalar::Int(value),
            Value::Double(value) => Scalar::Double(value),
            Value::Text(text) => Scalar::Text(text),
        }
    }

    fn text(&self, place: usize) -> &str {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.texts[start as usize..self.ends[place] as usize]
    }

    /// Bytes in use.
    pub(super) fn bytes(&self) -> usize {
        8 * (self.ends.len() + self.ints.len() + self.doubles.len()) + self.texts.len()
    }
}

/// Values while they are collected.
#[derive(Debug, Default)]
pub(super) struct Interner {
    values: Values,
    /// Places of texts, of integers, of doubles.
    places: [HashTable<u32>; 3],
}

impl Interner {
    /// The code of a value; `None` for NaN and the infinities, which are no values, and for one
    /// too many.
    pub(super) fn code(&mut self, value: Value<'_>) -> Option<Code> {
        match value {
            Value::Bool(value) => Some(Code(BOOL | u32::from(value))),
            Value::Int(value) if (-SMALL_END..SMALL_END).contains(&value) => {
                // The sign's copies go, down to 31 bits.
                Some(Code(SMALL | value as u32))
            }
            Value::Int(value) => {
                let Self { values, places: [_, places, _] } = self;
                let is_same = |values: &Values, place: usize| values.ints[place] == value;
                let hash_of = |values: &Values, place: usize| number(values.ints[place] as u64);
                let hash = number(value as u64);
                let place = find(places, values, hash, is_same, hash_of, |values| {
                    values.ints.push(value);
                    values.ints.len()
                });
                Some(Code(INT | place?))
            }
            Value::Double(value) => {
                let Self { values, places: [_, _, places] } = self;
                let bits = value.is_finite().then(|| value.to_bits())?;
                let is_same =
                    |values: &Values, place: usize| values.doubles[place].to_bits() == bits;
                let hash_of =
                    |values: &Values, place: usize| number(values.doubles[place].to_bits());
                let place = find(places, values, number(bits), is_same, hash_of, |values| {
                    values.doubles.push(value);
                    values.doubles.len()
                });
                Some(Code(DOUBLE | place?))
            }
            Value::Text(text) => {
                let Self { values, places: [places, ..] } = self;
                let is_same = |values: &Values, place: usize| values.text(place) == text;
                let hash_of =
                    |values: &Values, place: usize| xxh3_64(values.text(place).as_bytes());
                let hash = xxh3_64(text.as_bytes());
                let place = find(places, values, hash, is_same, hash_of, |values| {
                    values.texts.push_str(text);
                    values.ends.push(values.texts.len() as u64);
                    values.ends.len()
                });
                Some(Code(TEXT | place?))
            }
        }
    }

    /// Takes over all values of another one. What its codes are here is told by the result.
    pub(super) fn take(&mut self, other: &Values) -> Option<Codes> {
        let texts = (0..other.ends.len()).map(|place| self.code(Value::Text(other.text(place))));
        let texts = texts.collect::<Option<_>>()?;
        let ints = other.ints.iter().map(|value| self.code(Value::Int(*value)));
        let ints = ints.collect::<Option<_>>()?;
        let doubles = other.doubles.iter().map(|value| self.code(Value::Double(*value)));
        Some(Codes { texts, ints, doubles: doubles.collect::<Option<_>>()? })
    }

    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// Forgets where values are found: no more will come.
    pub(super) fn seal(&mut self) {
        self.places = Default::default();
    }

    /// The values, in as little memory as they need.
    pub(super) fn finish(self) -> Values {
        let Values { mut ends, mut texts, mut ints, mut doubles } = self.values;
        ends.shrink_to_fit();
        texts.shrink_to_fit();
        ints.shrink_to_fit();
        doubles.shrink_to_fit();
        Values { ends, texts, ints, doubles }
    }
}

/// Codes of one [`Interner`] in another.
#[derive(Debug)]
pub(super) struct Codes {
    texts: Vec<Code>,
    ints: Vec<Code>,
    doubles: Vec<Code>,
}

impl Codes {
    pub(super) fn of(&self, code: Code) -> Code {
        let Code(bits) = code;
        let place = (bits & !KIND) as usize;
        match bits & KIND {
            _ if bits & SMALL != 0 => code,
            TEXT => self.texts[place],
            INT => self.ints[place],
            DOUBLE => self.doubles[place],
            _ => code,
        }
    }
}

/// The place of a value, which `push` adds if it isn't there; `None` if there are too many.
fn find(
    places: &mut HashTable<u32>,
    values: &mut Values,
    hash: u64,
    is_same: impl Fn(&Values, usize) -> bool,
    hash_of: impl Fn(&Values, usize) -> u64,
    push: impl FnOnce(&mut Values) -> usize,
) -> Option<u32> {
    if let Some(place) = places.find(hash, |place| is_same(values, *place as usize)) {
        return Some(*place);
    }
    if places.len() >= MAX_PLACES {
        return None;
    }
    let place = u32::try_from(push(values) - 1).ok()?;
    places.insert_unique(hash, place, |place| hash_of(values, *place as usize));
    Some(place)
}

fn number(bits: u64) -> u64 {
    xxh3_64(&bits.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        let mut interner = Interner::default();
        let numbers = [0, 1, -1, SMALL_END - 1, SMALL_END, -SMALL_END, -SMALL_END - 1];
        let numbers = numbers.into_iter().chain([i64::MAX, i64::MIN]).map(Value::Int);
        let doubles = [0.0, -0.0, 1.5, f64::MAX, f64::MIN_POSITIVE].map(Value::Double);
        let texts = ["", "a", "ä", "日本", "a"].map(Value::Text);
        let others = [Value::Bool(true), Value::Bool(false)];
        let all: Vec<_> = numbers.chain(doubles).chain(texts).chain(others).collect();
        let codes: Vec<_> = all.iter().map(|value| interner.code(*value).unwrap()).collect();
        for (code, value) in codes.iter().zip(&all) {
            assert_eq!(interner.values().get(*code), *value);
        }
        assert_eq!((interner.values().ends.len(), interner.values().ints.len()), (4, 4));
        assert_eq!(interner.code(Value::Double(f64::NAN)), None);
    }

    #[test]
    fn codes_of_one_collection_are_found_in_another() {
        let (mut one, mut other) = (Interner::default(), Interner::default());
        one.code(Value::Text("first"));
        let values = [Value::Text("b"), Value::Int(1 << 40), Value::Double(0.5), Value::Int(-7)];
        let codes = values.map(|value| other.code(value).unwrap());
        let known = one.take(other.values()).unwrap();
        assert_eq!(codes.map(|code| one.values().get(known.of(code))), values);
    }
}
